package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

func newReader(s string) io.Reader { return strings.NewReader(s) }

// Quote returns s as one shell word that means exactly s in bash.
func Quote(s string) string {
	if s == "" {
		return "''"
	}
	ctl := false
	for _, r := range s {
		// RuneError stands for bytes that are not UTF-8; what a person cannot see is spelled out.
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == utf8.RuneError || deceptive(r) {
			ctl = true
			break
		}
	}
	if !ctl {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			// Three octal digits, so that a digit that follows is not taken into the escape.
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-./:,@%+", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// ansiC decodes the inside of $'…'. Escapes that shells read differently are refused.
func ansiC(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i >= len(s) {
			return "", false
		}
		if k := strings.IndexByte("abefnrtv\\'\"?E", s[i]); k >= 0 {
			b.WriteByte("\a\b\x1b\f\n\r\t\v\\'\"?\x1b"[k])
			continue
		}
		base, width, skip := 16, 0, 1
		switch s[i] {
		case 'x':
			width = 2
		case 'u':
			width = 4
		case 'U':
			width = 8
		case '0', '1', '2', '3', '4', '5', '6', '7':
			base, width, skip = 8, 3, 0
		default:
			return "", false
		}
		j := i + skip
		for j < len(s) && j < i+skip+width && isDigit(s[j], base) {
			j++
		}
		n, err := strconv.ParseUint(s[i+skip:j], base, 32)
		if err != nil || n == 0 {
			return "", false // \x00 ends the string in bash and hides the rest
		}
		if base == 8 || s[i] == 'x' {
			if n > 255 {
				return "", false
			}
			b.WriteByte(byte(n))
		} else {
			if n > 0x10ffff || n >= 0xd800 && n < 0xe000 {
				return "", false
			}
			b.WriteRune(rune(n))
		}
		i = j - 1
	}
	return b.String(), true
}

func isDigit(c byte, base int) bool {
	if base == 8 {
		return c >= '0' && c <= '7'
	}
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

func isInt(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if s == "" || len(s) > 15 || len(s) > 1 && s[0] == '0' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
