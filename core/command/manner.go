package command

import (
	"regexp"
	"strings"
)

// A Manner is what a command can do to the shell that runs it, as far as its text tells.
type Manner int

const (
	// Unruly: it may give later commands another meaning (a function, an alias, a trap, an option, what a prompt runs).
	Unruly Manner = iota
	// Orderly: it may change the directory and variables, and gives no word another meaning.
	Orderly
	// Plain: it changes nothing in the shell, as long as no command before was Unruly.
	Plain
)

// The grammar of what is not unruly: simple commands of literal words on one line. A word is made of letters that mean
// nothing to a shell or only make patterns, quoted text, and variables by their names. Everything else may run something
// in the shell: ${x:=…}, {a,b}, a parenthesis, an ampersand, a backslash, a newline.
const (
	letters  = "[A-Za-z0-9_./:,@%+=*?~^\\[\\]-]"
	variable = "\\$[A-Za-z_][A-Za-z0-9_]*"
	word     = "(?:" + letters + "|'[^'\n\x00]*'|\"(?:[^\"$`\\\\!\n\x00]|" + variable + ")*\"|" + variable + ")+"
)

var (
	separators = regexp.MustCompile(`^ *(?:\|\||&&|;|\|) *`)
	redirects  = regexp.MustCompile(`^ *(?:(?:[12]?>>?|<) *` + word + `|2>&1|1?>&2)`)
	words      = regexp.MustCompile(`^ *(` + word + `)`)
	assigns    = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)(?:=|$)`)
	names      = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./+-]*$`)
	// meaningful are variables by which a shell runs something, or that are the host's.
	meaningful = regexp.MustCompile(`^(?:BASH|PROMPT|PS[0-9]|POSIX|SHELLOPTS|TIMEFORMAT|ENV$|__ek)`)
)

// reserved are words that are no programs in one of the shells; Builtin knows bash's builtins.
var reserved = map[string]bool{"if": true, "then": true, "else": true, "elif": true, "fi": true, "do": true, "done": true, "case": true,
	"esac": true, "while": true, "until": true, "for": true, "select": true, "function": true, "coproc": true, "in": true,
	"chdir": true, "setvar": true, "array": true}

// harmless are builtins that leave the shell as it is, whatever their arguments are.
var harmless = map[string]bool{":": true, "true": true, "false": true, "echo": true, "pwd": true}

// MannerOf judges a text. It knows nothing of the session: where a function has the name of a command, nothing is Plain.
func MannerOf(text string) Manner {
	if len(text) > 4096 {
		return Unruly
	}
	judged := Plain
	for text = strings.TrimLeft(text, " "); ; {
		m, rest := simpleCommand(text)
		if judged = min(judged, m); judged == Unruly {
			return Unruly
		}
		rest = strings.TrimRight(rest, " ")
		if rest == "" {
			return judged
		}
		sep := separators.FindString(rest)
		if sep == "" || sep == rest {
			return Unruly
		}
		text = rest[len(sep):]
	}
}

// simpleCommand judges the first simple command of text and returns what follows it.
func simpleCommand(text string) (m Manner, rest string) {
	var list []string
	m = Plain
	for {
		if r := redirects.FindString(text); r != "" {
			text = text[len(r):]
		} else {
			found := words.FindStringSubmatch(text)
			if found == nil {
				break
			}
			text = text[len(found[0]):]
			set := assigns.FindStringSubmatch(found[1])
			switch {
			case len(list) > 0 || set == nil || !strings.Contains(found[1], "="):
				list = append(list, found[1])
			case meaningful.MatchString(set[1]):
				return Unruly, text
			default:
				m = Orderly
			}
		}
		// What touches a word may be a part of it.
		if text != "" && strings.IndexByte(" ;|&", text[0]) < 0 {
			return Unruly, text
		}
	}
	if len(list) > 0 {
		return min(m, mannerOfWords(list)), text
	}
	if m == Plain {
		m = Unruly // nothing, or nothing but redirections
	}
	return m, text
}

func mannerOfWords(list []string) Manner {
	name, args := list[0], list[1:]
	switch {
	case harmless[name]:
		return Plain
	case name == "cd":
		return Orderly
	case name == "export":
		for _, arg := range args {
			if set := assigns.FindStringSubmatch(arg); set == nil || meaningful.MatchString(set[1]) {
				return Unruly
			}
		}
		return Orderly
	case name == "[" || name == "test":
		// test -v evaluates the index of an array, which may assign.
		for _, arg := range args {
			if strings.Contains(arg, "$") || strings.Trim(arg, `-vR'"`) == "" {
				return Orderly
			}
		}
		return Plain
	case !names.MatchString(name) || Builtin(name) || reserved[name]:
		return Unruly
	}
	return Plain
}

// GivesMeaning reports whether a variable of this name makes a shell run something, or is the host's.
func GivesMeaning(name string) bool { return meaningful.MatchString(name) }

// KeepsMeanings reports whether lines that set or unset variables for one command, one a line, touch none by which a shell runs
// something.
func KeepsMeanings(prelude string) bool {
	for line := range strings.Lines(prelude) {
		if GivesMeaning(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(line, `\`), "export "), "unset -v ")) {
			return false
		}
	}
	return true
}
