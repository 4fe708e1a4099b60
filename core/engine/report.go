package engine

import (
	"bytes"
	"strconv"
	"strings"
)

// A report is what the shell said about itself after a command.
type report struct {
	status     int
	traps      string // shell lines that restore the traps DEBUG, ERR and RETURN
	pipeStatus []int
	trace      string // a shell line that restores the options x and v, or ""
	env        string // the output of export -p
	state      string // what a watched shell tells about itself
	brief      bool   // only the status was told, and all else is as it was
}

// findMark looks for the line "<nonce+status>" and returns the status and what follows. Anything before it (traces of a
// session that set BASH_XTRACEFD to the socket) is passed over.
func findMark(buf []byte, nonce uint64) (status int, after []byte, ok bool) {
	prefix := strconv.AppendUint(nil, nonce/statusSpan, 10)
	start := bytes.Index(buf, prefix)
	if start < 0 || len(buf) < start+len(prefix)+4 {
		return 0, nil, false
	}
	mark := buf[start+len(prefix) : start+len(prefix)+4] // three digits and the newline
	status, err := strconv.Atoi(string(mark[:3]))
	if err != nil || mark[3] != '\n' {
		return 0, nil, false
	}
	return status, buf[start+len(prefix)+4:], true
}

// cutMark cuts text around the line of the mark.
func cutMark(text string, nonce uint64) (before, after string, ok bool) {
	start := strings.Index(text, strconv.FormatUint(nonce/statusSpan, 10))
	if start < 0 {
		return text, "", false
	}
	_, after, ok = strings.Cut(text[start:], "\n")
	return text[:start], after, ok
}

// parseReport reads a report: the mark, then traps, options and the exported environment.
func parseReport(buf []byte, nonce uint64) (report, bool) {
	status, body, ok := findMark(buf, nonce)
	if !ok {
		return report{}, false
	}
	return readBody(status, string(body)), true
}

// readBody reads what follows the mark.
func readBody(status int, text string) report {
	r := report{status: status}
	for strings.HasPrefix(text, "trap -- ") {
		// One entry may span lines inside its quotes.
		_, rest := shellWord(text)
		rest = strings.TrimPrefix(rest, "\n")
		// In POSIX mode bash also lists traps that are not set, as "-".
		if entry := text[:len(text)-len(rest)]; !strings.HasPrefix(entry, "trap -- - ") {
			r.traps += entry
		}
		text = rest
	}
	if strings.HasPrefix(text, "set ") {
		line, rest, _ := strings.Cut(text, "\n")
		r.trace = traceOptions(line)
		line, text, _ = strings.Cut(rest, "\n")
		r.pipeStatus = parsePipeStatus(strings.TrimPrefix(line, "pipe "))
	}
	r.env = text
	return r
}

func traceOptions(flags string) string {
	on := ""
	for _, o := range []string{"v", "x"} {
		if strings.Contains(strings.TrimPrefix(flags, "set "), o) {
			on += o
		}
	}
	if on == "" {
		return ""
	}
	return "\\set -" + on + "\n"
}

// parseExports reads the output of export -p in POSIX mode: words in the quoting that bash itself chose. Variables
// that are exported without a value are left out.
func parseExports(text string) map[string]string {
	env := make(map[string]string)
	for len(text) > 0 {
		rest, ok := strings.CutPrefix(text, "export ")
		if !ok {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		word, after := shellWord(rest)
		if name, value, set := strings.Cut(word, "="); set {
			env[name] = value
		}
		text = strings.TrimPrefix(after, "\n")
	}
	return env
}

// shellWord reads one word up to an unquoted newline and takes its quotes away ('…', "…", $'…' and backslash).
func shellWord(s string) (word, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\n':
			return b.String(), s[i:]
		case c == '\\' && i+1 < len(s):
			b.WriteByte(s[i+1])
			i += 2
		case c == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return b.String(), ""
			}
			b.WriteString(s[i+1 : i+1+end])
			i += end + 2
		case c == '$' && strings.HasPrefix(s[i+1:], "'"):
			i = ansiQuoted(&b, s, i+2)
		case c == '"':
			i = doubleQuoted(&b, s, i+1)
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), ""
}

func doubleQuoted(b *strings.Builder, s string, i int) int {
	for i < len(s) && s[i] != '"' {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\\n", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
		i++
	}
	return i + 1
}

var ansiEscapes = map[byte]byte{'a': 7, 'b': 8, 't': '\t', 'n': '\n', 'v': 11, 'f': 12, 'r': '\r', 'E': 27, 'e': 27}

func ansiQuoted(b *strings.Builder, s string, i int) int {
	for i < len(s) && s[i] != '\'' {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		i++
		if e, ok := ansiEscapes[s[i]]; ok {
			b.WriteByte(e)
			i++
			continue
		}
		digits := 0
		for digits < 3 && i+digits < len(s) && s[i+digits] >= '0' && s[i+digits] <= '7' {
			digits++
		}
		if digits > 0 {
			n, _ := strconv.ParseUint(s[i:i+digits], 8, 16)
			b.WriteByte(byte(n))
			i += digits
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return i + 1
}
