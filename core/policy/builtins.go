package policy

import (
	"strings"

	"github.com/execkit/execkit/core/command"
)

// refusedBuiltins run text or change what names mean. No entry grants one: what they start is not in the tree.
var refusedBuiltins = set(`eval source . exec coproc let bind complete compopt compgen enable fc history_expand select`)

// freeBuiltins are part of the grammar: without them no loop can be written, and none reads or writes anything.
var freeBuiltins = set(`: true false wait break continue return shift`)

// builtinRules say why a use of a builtin is refused although an entry grants the builtin: most can evaluate a name
// as an array subscript, which runs $(…) inside it.
var builtinRules = map[string]func(c *check, words []command.Word) string{
	"export": declRule, "declare": declRule, "typeset": declRule, "readonly": declRule, "local": declRule, "nameref": declRule,
	"test": testRule, "[": testRule, "read": readRule, "mapfile": mapfileRule, "readarray": mapfileRule,
	"printf": printfRule, "unset": unsetRule, "getopts": getoptsRule, "set": setRule, "wait": waitRule,
	"trap":  onlyListing("-p", "-l"),
	"alias": onlyListing("-p"), "shopt": onlyListing("-q", "-p"), "hash": onlyListing("-r", "-l", "-t"),
	"jobs":    onlyListing("-l", "-p", "-r", "-s", "-n"), // -x runs a command
	"history": onlyListing(), "command": commandRule, "kill": nil, "umask": nil,
}

func onlyListing(flags ...string) func(*check, []command.Word) string {
	return func(_ *check, words []command.Word) string {
		for i, w := range words[1:] {
			ok := i > 0 && w.Static && !strings.HasPrefix(w.Value, "-") && (words[1].Value == "-p" || words[1].Value == "-q" || words[1].Value == "-t") && words[0].Value != "alias"
			for _, f := range flags {
				ok = ok || w.Static && w.Value == f
			}
			if !ok {
				return words[0].Value + " changes what later commands mean"
			}
		}
		return ""
	}
}

func plainName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

func (c *check) target(w command.Word, exported bool) string {
	if !w.Static || !plainName(w.Value) {
		return "a name that is not plain would be evaluated"
	}
	return c.p.assignReason(w.Value, exported)
}

func declRule(c *check, words []command.Word) string {
	exported, list := words[0].Value == "export", false
	for _, w := range words[1:] {
		if !w.Static && w.Prefix == "" {
			return "what is declared is not known"
		}
		v := w.Value
		if !w.Static {
			v = w.Prefix
		}
		if strings.HasPrefix(v, "-") || strings.HasPrefix(v, "+") {
			for _, f := range v[1:] {
				switch f {
				case 'p', 'r', 'g', '-':
				case 'a':
					list = true
				case 'x':
					exported = true
				default:
					// -i makes assignments arithmetic, -n makes a name stand for another, -f is about functions.
					return "the option " + v + " of " + words[0].Value
				}
			}
			continue
		}
		name, _, has := strings.Cut(v, "=")
		name = strings.TrimSuffix(name, "+")
		if !w.Static && !has {
			return "what is declared is not known"
		}
		if has && c.compound(w, list || c.arrays[name]) {
			return "text is assigned to an array, and bash evaluates it as a list"
		}
		if why := c.target(command.Word{Static: true, Value: name}, true); why != "" && (exported || c.target(command.Word{Static: true, Value: name}, false) != "") {
			return why
		}
	}
	return ""
}

// compound reports whether NAME=VALUE may be text that bash evaluates as (…), which a declaration does for an array. A list
// in the command itself is vetted like any other words.
func (c *check) compound(w command.Word, list bool) bool {
	for _, a := range c.sc.Commands()[c.cur].Assigns {
		if a.Array && a.Span == w.Span {
			return false
		}
	}
	known := w.Prefix
	if w.Static {
		known = w.Value
	}
	_, value, _ := strings.Cut(known, "=")
	return strings.HasPrefix(value, "(") || list && !w.Static && value == ""
}

var unaryTests = "abcdefghknoprstuwxzGLNOS"

// testRule admits only tests whose operators are known: test -v evaluates a subscript, and an operand that is not
// known may turn out to be an operator.
func testRule(c *check, words []command.Word) string {
	args := words[1:]
	if words[0].Value == "[" {
		if n := len(args); n == 0 || !args[n-1].Static || args[n-1].Value != "]" {
			return "a test without its closing bracket"
		}
		args = args[:len(args)-1]
	}
	for _, w := range args {
		if w.Static && (w.Value == "-v" || w.Value == "-R") {
			return "a test of a name that is evaluated"
		}
		if !w.Static && !w.Quoted && !w.Glob && len(args) > 1 && !c.number(w) {
			// [ -n $x ] is the commonest slip; harmless where the operator stands before it and nothing follows.
			if !(len(args) == 2 && args[0].Static) && !(len(args) == 3 && args[1].Static) {
				return "an unquoted value in a test may become an operator"
			}
			if len(args) == 2 || len(args) == 3 {
				return "an unquoted value in a test may become an operator"
			}
		}
	}
	start := 0
	for i := 0; i <= len(args); i++ {
		if i < len(args) && !(args[i].Static && (args[i].Value == "-a" || args[i].Value == "-o") && i-start != 1) {
			continue
		}
		seg := args[start:i]
		for len(seg) > 0 && seg[0].Static && seg[0].Value == "!" && len(seg) > 1 {
			seg = seg[1:]
		}
		switch len(seg) {
		case 0, 1:
		case 2:
			if v := seg[0]; !v.Static || len(v.Value) != 2 || v.Value[0] != '-' || strings.IndexByte(unaryTests, v.Value[1]) < 0 {
				return "a test whose operator is not known"
			}
		case 3:
			if !seg[1].Static || !binaryTests[seg[1].Value] {
				return "a test whose operator is not known"
			}
		default:
			return "a test of more than three words"
		}
		start = i + 1
	}
	return ""
}

var binaryTests = set("= == != < > -eq -ne -lt -le -gt -ge -nt -ot -ef")

func numeric(w command.Word) bool {
	return len(w.Parts) == 1 && (w.Parts[0].Param == "((" || w.Parts[0].Param == "#" || w.Parts[0].Param == "?")
}

func readRule(c *check, words []command.Word) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		if w.Static && strings.HasPrefix(w.Value, "-") && len(w.Value) > 1 {
			letters := w.Value[1:]
			at := strings.IndexAny(letters, "pntdNu")
			if at >= 0 {
				letters = letters[:at]
			}
			if strings.Trim(letters, "rsa") != "" {
				return "the option " + w.Value + " of read"
			}
			if at == len(w.Value)-2 {
				if i+1 < len(words) && !oneWord(words[i+1]) {
					return severalWords(w.Value)
				}
				i++ // a letter before it takes the rest of the word: in -pn the n is the prompt
			}
			continue
		}
		if w.Static && w.Value == "_" {
			continue // for what nobody reads; the shell gives it another value with each command
		}
		if why := c.target(w, false); why != "" {
			return why
		}
	}
	return ""
}

func mapfileRule(c *check, words []command.Word) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case w.Static && (w.Value == "-t"):
		case w.Static && (w.Value == "-n" || w.Value == "-s" || w.Value == "-d" || w.Value == "-O"):
			if i++; i < len(words) && !oneWord(words[i]) {
				return severalWords(w.Value)
			}
		case w.Static && strings.HasPrefix(w.Value, "-"):
			return "the option " + w.Value + " of " + words[0].Value // -C runs a command
		default:
			if why := c.target(w, false); why != "" {
				return why
			}
		}
	}
	return ""
}

// printfRule looks at every -v: bash takes the last one.
func printfRule(c *check, words []command.Word) string {
	for i := 1; i < len(words); i += 2 {
		w := words[i]
		if !w.Static {
			if !safePrefix(w) && (w.Prefix == "" || w.Prefix[0] == '-') {
				return "the format may turn out to be -v"
			}
			return ""
		}
		if !strings.HasPrefix(w.Value, "-v") {
			return ""
		}
		if w.Value != "-v" || i+1 >= len(words) {
			return "an unusual form of printf -v"
		}
		if why := c.target(words[i+1], false); why != "" {
			return why
		}
	}
	return ""
}

func unsetRule(c *check, words []command.Word) string {
	for _, w := range words[1:] {
		if w.Static && w.Value == "-v" {
			continue
		}
		if why := c.target(w, false); why != "" {
			return why
		}
	}
	return ""
}

func getoptsRule(c *check, words []command.Word) string {
	if len(words) < 3 {
		return ""
	}
	if !words[1].Static || strings.HasPrefix(words[1].Value, "-") {
		return "which word getopts assigns to is not known"
	}
	return c.target(words[2], false)
}

func waitRule(c *check, words []command.Word) string {
	for _, w := range words[1:] {
		if !w.Static && !c.number(w) || strings.HasPrefix(w.Value, "-") && strings.Contains(w.Value, "p") {
			return "wait -p assigns a name"
		}
	}
	return ""
}

// setRule admits the options of careful scripts. -a exports everything, -k and -H and posix change how lines are read.
func setRule(_ *check, words []command.Word) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			return "what is set is not known"
		}
		if w.Value == "--" || w.Value == "-" {
			return ""
		}
		if w.Value == "" || w.Value[0] != '-' && w.Value[0] != '+' {
			return ""
		}
		for _, f := range w.Value[1:] {
			switch f {
			case 'e', 'u', 'f', 'C', 'x':
			case 'o':
				if i++; i < len(words) && !(words[i].Static && setOptions[words[i].Value]) {
					return "this option of set"
				}
			default:
				return "the option " + w.Value + " of set"
			}
		}
	}
	return ""
}

var setOptions = set("errexit nounset pipefail noglob noclobber xtrace")

// commandRule lets command -v through; command NAME is a launcher.
func commandRule(_ *check, _ []command.Word) string { return "" }
