package remote

import (
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/policy"
)

// A manner is what a command can do to the shell that runs it, as far as its text tells.
type manner int

const (
	// unruly: it may give later commands another meaning (a function, an alias, a trap, an option, what a prompt runs).
	unruly manner = iota
	// orderly: it may change the directory and variables, and gives no word another meaning.
	orderly
	// plain: it changes nothing in the shell, as long as no command before was unruly.
	plain
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

// reserved are words that are no programs in one of the shells; policy knows bash's builtins.
var reserved = map[string]bool{"if": true, "then": true, "else": true, "elif": true, "fi": true, "do": true, "done": true, "case": true,
	"esac": true, "while": true, "until": true, "for": true, "select": true, "function": true, "coproc": true, "in": true,
	"chdir": true, "setvar": true, "array": true}

// harmless are builtins that leave the shell as it is, whatever their arguments are.
var harmless = map[string]bool{":": true, "true": true, "false": true, "echo": true, "pwd": true}

// mannerOf judges a text. It knows nothing of the session: where a function has the name of a command, nothing is plain.
func mannerOf(text string) manner {
	if len(text) > 4096 {
		return unruly
	}
	judged := plain
	for text = strings.TrimLeft(text, " "); ; {
		m, rest := simpleCommand(text)
		if judged = min(judged, m); judged == unruly {
			return unruly
		}
		rest = strings.TrimRight(rest, " ")
		if rest == "" {
			return judged
		}
		sep := separators.FindString(rest)
		if sep == "" || sep == rest {
			return unruly
		}
		text = rest[len(sep):]
	}
}

// simpleCommand judges the first simple command of text and returns what follows it.
func simpleCommand(text string) (m manner, rest string) {
	var list []string
	m = plain
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
				return unruly, text
			default:
				m = orderly
			}
		}
		// What touches a word may be a part of it.
		if text != "" && strings.IndexByte(" ;|&", text[0]) < 0 {
			return unruly, text
		}
	}
	if len(list) > 0 {
		return min(m, mannerOfWords(list)), text
	}
	if m == plain {
		m = unruly // nothing, or nothing but redirections
	}
	return m, text
}

func mannerOfWords(list []string) manner {
	name, args := list[0], list[1:]
	switch {
	case harmless[name]:
		return plain
	case name == "cd":
		return orderly
	case name == "export":
		for _, arg := range args {
			if set := assigns.FindStringSubmatch(arg); set == nil || meaningful.MatchString(set[1]) {
				return unruly
			}
		}
		return orderly
	case name == "[" || name == "test":
		// test -v evaluates the index of an array, which may assign.
		for _, arg := range args {
			if strings.Contains(arg, "$") || strings.Trim(arg, `-vR'"`) == "" {
				return orderly
			}
		}
		return plain
	case !names.MatchString(name) || policy.Builtin(name) || reserved[name]:
		return unruly
	}
	return plain
}

// leavesAll says whether a command surely leaves everything that a report tells as it is, and takes note of one after
// which that cannot be said any more. It can be said while the shell has nothing but its builtins and programs: a
// program cannot change its parent.
func (s *Shell) leavesAll(c engine.Command, to streams) bool {
	if !s.pristine {
		return false
	}
	m := mannerOf(c.Text)
	s.pristine = c.Own || m != unruly
	if c.Prelude != "" {
		for line := range strings.Lines(c.Prelude) {
			name := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(line, "\\"), "export "), "unset -v ")
			s.pristine = s.pristine && !meaningful.MatchString(name)
		}
		return false
	}
	return m == plain && s.pristine && c.Dir == "" && to == s.says.direct() && s.last.Traps == "" && s.last.Trace == ""
}

// startsPlain says whether a shell that just started has no functions and aliases, given what its check for them
// printed, and no variable of the login by which it runs something.
func (s *Shell) startsPlain(printed string) bool {
	for name := range s.env {
		if meaningful.MatchString(name) {
			return false
		}
	}
	return strings.TrimSpace(printed) == ""
}
