package policy

import (
	"strings"

	"github.com/execkit/execkit/core/command"
)

// awkArgs admits a static program without system(), pipes, redirections, getline and dynamic features.
func awkArgs(_ *check, words []command.Word, granted int) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			return "the program of awk is not known"
		}
		switch v := w.Value; {
		case v == "-F" || v == "-v":
			i++
			if i < len(words) && !oneWord(words[i]) {
				return "an argument of awk that is not known could be its program"
			}
			continue
		case strings.HasPrefix(v, "-F") || strings.HasPrefix(v, "-v"):
			continue
		case v == "--":
			continue
		case strings.HasPrefix(v, "-") && len(v) > 1:
			if i < granted {
				continue
			}
			return "the option " + v + " of awk is not granted"
		default:
			for _, rest := range words[i+1:] {
				if !rest.Static && !rest.Quoted && !rest.Glob {
					continue
				}
			}
			return awkProgram(v)
		}
	}
	return ""
}

// awkProgram says what in a program could write a file or start a command, or "". What a slash begins depends on awk's
// grammar where it follows a parenthesis or a keyword; there the program must be harmless either way.
func awkProgram(src string) string {
	const maxDoubts = 6
	for choice := 0; ; choice++ {
		r := awkReader{src: src, choice: choice}
		code, why := r.read()
		switch {
		case r.doubts > maxDoubts:
			return "the awk program has too many slashes that could begin a pattern"
		case why == "":
			why = awkCode(code)
		case r.doubted && why == awkUnclosed:
			why = "" // read this way it is no program
		}
		if why != "" {
			return why
		}
		if choice+1 >= 1<<r.doubts {
			return ""
		}
	}
}

const awkUnclosed = "a pattern of awk that cannot be read"

// An awkReader blanks the strings, patterns and comments of a program.
type awkReader struct {
	src     string
	choice  int // bit n says that the n-th doubtful slash begins a pattern
	doubts  int
	doubted bool // the last pattern began at a doubtful slash
	i       int
}

func (r *awkReader) read() (code, why string) {
	var b strings.Builder
	prev := byte('\n') // the last character that is no blank
	for ; r.i < len(r.src); r.i++ {
		c := r.src[r.i]
		switch {
		case c == '"':
			if !r.text() {
				return "", "a text of awk that cannot be read"
			}
			b.WriteString(`""`)
			prev = '"'
			continue
		case c == '\\' && r.i+1 < len(r.src) && r.src[r.i+1] == '\n':
			r.i++ // the line goes on, and a slash after it divides
			continue
		case c == '#':
			for r.i < len(r.src) && r.src[r.i] != '\n' {
				r.i++
			}
			c = '\n'
		case c == '/' && r.patternAfter(prev, b.String()):
			if why := r.pattern(); why != "" {
				return "", why
			}
			b.WriteByte('1')
			prev = '1'
			continue
		}
		b.WriteByte(c)
		if c != ' ' && c != '\t' {
			prev = c
		}
	}
	return b.String(), ""
}

// text passes over a string, to its closing quote.
func (r *awkReader) text() bool {
	for r.i++; r.i < len(r.src) && r.src[r.i] != '"'; r.i++ {
		switch r.src[r.i] {
		case '\\':
			r.i++
		case '\n':
			return false
		}
	}
	return r.i < len(r.src)
}

// patternAfter reports whether a slash begins a pattern, given what stands before it.
func (r *awkReader) patternAfter(prev byte, code string) bool {
	r.doubted = false
	switch {
	case strings.IndexByte("\n(,{};!~&|=<>?:*%^", prev) >= 0:
		return true
	case prev == ')' || prev == '+' || prev == '-' || prev == '$' || awkKeywords[lastWord(code)]:
		r.doubted = true
		r.doubts++
		return r.choice>>(r.doubts-1)&1 == 1
	}
	return false
}

var awkKeywords = set("print printf return in do else exit getline delete case default func function length while if for")

func lastWord(code string) string {
	code = strings.TrimRight(code, " \t")
	at := len(code)
	for at > 0 && wordByte(code[at-1]) {
		at--
	}
	return code[at:]
}

func wordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// pattern passes over a pattern, to its closing slash. Awks differ on whether a slash inside brackets closes it.
func (r *awkReader) pattern() string {
	for r.i++; r.i < len(r.src) && r.src[r.i] != '/'; r.i++ {
		switch r.src[r.i] {
		case '\\':
			r.i++
			if r.i < len(r.src) && r.src[r.i] == '\n' {
				return awkUnclosed
			}
		case '\n':
			return awkUnclosed
		case '[':
			if !r.bracket() {
				return "a pattern of awk with a slash, or without an end, in its brackets"
			}
		}
	}
	if r.i >= len(r.src) {
		return awkUnclosed
	}
	return ""
}

func (r *awkReader) bracket() bool {
	if r.i++; r.i < len(r.src) && r.src[r.i] == '^' {
		r.i++
	}
	for first := true; r.i < len(r.src); r.i++ {
		switch c := r.src[r.i]; {
		case c == ']' && !first:
			return true
		case c == '/' || c == '\n':
			return false
		case c == '\\':
			if r.i++; r.i < len(r.src) && (r.src[r.i] == '/' || r.src[r.i] == ']') {
				return false // an escape in some awks, a character and the end in others
			}
		case c == '[' && r.i+1 < len(r.src) && strings.IndexByte(":.=", r.src[r.i+1]) >= 0:
			end := strings.Index(r.src[r.i+2:], string(r.src[r.i+1])+"]")
			if end < 0 || strings.ContainsAny(r.src[r.i+2:r.i+2+end], "/\n") {
				return false
			}
			r.i += end + 3
		}
		first = false
	}
	return false
}

// awkCode looks at what is left of a program without its texts and patterns.
func awkCode(code string) string {
	for _, bad := range []string{"system", "getline", "@", "|&", "ENVIRON[", "PROCINFO", "printf >", "close"} {
		if strings.Contains(code, bad) {
			return "the awk program uses " + bad
		}
	}
	if strings.Contains(strings.ReplaceAll(code, "||", ""), "|") {
		return "the awk program starts a command"
	}
	// print > file writes; a comparison stands in parentheses. A line does not end a print: print a,<newline>b > file.
	for _, stmt := range strings.FieldsFunc(code, func(r rune) bool { return r == ';' || r == '{' || r == '}' }) {
		if at := strings.Index(stmt, "print"); at >= 0 {
			depth := 0
			for _, r := range stmt[at:] {
				switch r {
				case '(':
					depth++
				case ')':
					depth--
				case '>':
					if depth <= 0 {
						return "the awk program writes to a file"
					}
				}
			}
		}
	}
	return ""
}
