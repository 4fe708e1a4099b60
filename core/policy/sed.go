package policy

import (
	"slices"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// sedArgs admits static scripts of commands that neither write nor execute.
func sedArgs(c *check, words []command.Word, granted int) string {
	words = slices.Clone(words)
	for i, w := range words {
		if text, ok := c.withDigits(w); ok && !w.Static {
			words[i] = command.Word{Static: true, Value: text, Span: w.Span} // sed -n "${n}p"
		}
	}
	script, seen := "", false
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			if seen && (safePrefix(w) || c.noOption(w)) {
				continue
			}
			if i == 1 || !seen {
				return "the script of sed is not known"
			}
			return "an argument of sed that is not known could be an option"
		}
		v := w.Value
		switch {
		case strings.HasPrefix(v, "--"):
			name, val, eq := strings.Cut(v, "=")
			switch name {
			case "--quiet", "--silent", "--regexp-extended", "--null-data", "--separate", "--unbuffered", "--posix", "--sandbox", "--debug", "--":
			case "--expression":
				if !eq {
					if i++; i >= len(words) || !words[i].Static {
						return "the script of sed is not known"
					}
					val = words[i].Value
				}
				script, seen = val, true
				if why := sedScript(script); why != "" {
					return why
				}
			default:
				return "the option " + v + " of sed is not granted"
			}
		case strings.HasPrefix(v, "-") && len(v) > 1:
			for k := 1; k < len(v); k++ {
				if v[k] == 'e' {
					val := v[k+1:]
					if val == "" {
						if i++; i >= len(words) || !words[i].Static {
							return "the script of sed is not known"
						}
						val = words[i].Value
					}
					seen = true
					if why := sedScript(val); why != "" {
						return why
					}
					break
				}
				if strings.IndexByte("nErszu", v[k]) < 0 && i >= granted {
					return "the option " + v + " of sed is not granted"
				}
			}
		case !seen:
			seen = true
			if why := sedScript(v); why != "" {
				return why
			}
		}
	}
	return ""
}

// sedScript reads a script command by command; what it does not know is refused.
func sedScript(s string) string {
	const refused = "the sed script holds a command that is not known to be harmless"
	i := 0
	delimited := func(d byte) bool {
		for i < len(s) && s[i] != d {
			if s[i] == '\\' {
				i++
			} else if s[i] == '[' {
				// A delimiter inside a bracket counts as text in some seds only.
				if j := strings.IndexByte(s[i+1:], ']'); j >= 0 && strings.IndexByte(s[i+1:i+1+j], d) >= 0 {
					return false
				}
			}
			i++
		}
		i++
		return i <= len(s)
	}
	for i < len(s) {
		for i < len(s) && strings.IndexByte(" \t\n;{}", s[i]) >= 0 {
			i++
		}
		// addresses
		for i < len(s) {
			switch c := s[i]; {
			case c >= '0' && c <= '9' || strings.IndexByte("$,~+! \t", c) >= 0:
				i++
				continue
			case c == '/':
				i++
				if !delimited('/') {
					return refused
				}
				for i < len(s) && (s[i] == 'I' || s[i] == 'M') {
					i++
				}
				continue
			}
			break
		}
		if i >= len(s) {
			return ""
		}
		switch c := s[i]; c {
		case 'p', 'd', 'D', 'P', 'n', 'N', 'g', 'G', 'h', 'H', 'x', '=', 'z', 'l', '{', '}':
			i++
		case 'q', 'Q':
			for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			}
		case ':', 'b', 't', 'T':
			// A label ends here in some seds and with the line in others, so it is a plain word.
			for i++; i < len(s) && s[i] == ' '; i++ {
			}
			for i < len(s) && wordByte(s[i]) {
				i++
			}
		case 'a', 'i', 'c':
			var ok bool
			if i, ok = sedText(s, i+1); !ok {
				return refused
			}
			continue
		case 's', 'y':
			if i+1 >= len(s) {
				return refused
			}
			d := s[i+1]
			if d == '\\' || d == '\n' || d >= 0x80 {
				return refused
			}
			i += 2
			// The pattern, then what replaces it.
			for range 2 {
				if !delimited(d) {
					return refused
				}
			}
			for i < len(s) && (s[i] == 'g' || s[i] == 'p' || s[i] == 'i' || s[i] == 'I' || s[i] == 'm' || s[i] == 'M' || s[i] >= '0' && s[i] <= '9') {
				i++
			}
		default:
			return refused
		}
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
			i++
		}
		if i < len(s) && strings.IndexByte(";\n}", s[i]) < 0 && s[i-1] != '{' {
			return refused
		}
	}
	return ""
}

// sedText passes over the text of a, i and c, which ends with its line. A backslash is read differently by different seds,
// save the one that follows the command.
func sedText(s string, i int) (end int, ok bool) {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	if i < len(s) && s[i] == '\\' {
		if i++; i < len(s) && s[i] == '\n' {
			i++
		}
	}
	line, _, _ := strings.Cut(s[i:], "\n")
	// Without a text here the next -e would be it, and what follows there be commands.
	return i + len(line), line != "" && !strings.Contains(line, `\`)
}
