package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// What is known of values before a command runs: which variables hold integers, which values can be no option and no
// device, and what some commands print.

// gather notes what the commands of the text assign.
func (c *check) gather() {
	c.own = &Session{p: c.p, vars: map[string]varKind{}, values: map[string]string{}, funcs: map[string][]string{}}
	cmds := c.sc.Commands()
	for i := range cmds {
		for _, a := range cmds[i].Assigns {
			c.own.assign(a, c)
		}
		if len(cmds[i].Words) > 0 && cmds[i].Words[0].Static {
			c.own.fills(cmds[i].Words)
		}
	}
	for _, n := range c.sc.ArithSets() {
		c.own.vars[n] |= holdsInt | mayDash
	}
	c.arrays = map[string]bool{"PIPESTATUS": true, "COPROC": true, "MAPFILE": true, "GROUPS": true, "DIRSTACK": true, "FUNCNAME": true}
	for _, vars := range []map[string]varKind{c.own.vars, c.s.vars} {
		for name, kind := range vars {
			c.arrays[name] = c.arrays[name] || kind&holdsList != 0
		}
	}
}

// kind is what the text and the commands before it store in a variable; 0 where they store nothing.
func (c *check) kind(name string) varKind { return c.own.vars[name] | c.s.vars[name] }

// integer reports whether a variable holds nothing but integers, so that arithmetic on it evaluates no text.
func (c *check) integer(name string) bool { return c.kind(name)&^mayDash == holdsInt }

// kindOf tells what an assignment stores.
func (c *check) kindOf(a command.Assign) varKind {
	v := a.Value
	switch {
	case a.Append:
		return holdsAnything
	case a.Int && v.Static && !strings.HasPrefix(v.Value, "-"):
		return holdsInt
	case a.Int || c.printsNumber(v):
		return holdsInt | mayDash
	case c.printsNames(v):
		return holdsText
	}
	kind, begin := holdsText, v.Prefix
	if v.Static {
		begin = v.Value
	}
	if begin == "" && !v.Static || strings.HasPrefix(begin, "-") {
		kind |= mayDash
	}
	if mayBeDevice(v, begin) {
		kind |= mayDevice
	}
	return kind
}

// mayBeDevice reports whether a value that begins so may name something in /dev.
func mayBeDevice(v command.Word, begin string) bool {
	switch {
	case v.Static:
		return strings.HasPrefix(begin, "/dev") || strings.HasPrefix("/dev/", begin) // with more behind it
	case strings.HasPrefix(begin, "/"):
		return !otherTree.MatchString(begin) || strings.HasPrefix(begin, "/dev/")
	case begin != "":
		return false
	}
	literal := !slices.ContainsFunc(v.Parts, func(p command.Part) bool { return p.Subst || p.Param != "" })
	return !(v.Glob && literal) // *.txt becomes names of this directory
}

var otherTree = regexp.MustCompile(`^/[^/]+/`)

// noOption reports whether a word is "$NAME" and no value of NAME begins with a dash, or "${N}p" and N holds an integer.
func (c *check) noOption(w command.Word) bool {
	if _, digits := c.withDigits(w); digits && plainName(w.Parts[0].Param) && c.kind(w.Parts[0].Param) == holdsInt {
		return true
	}
	if !w.Quoted || w.Glob || len(w.Parts) != 1 || !w.Parts[0].Quoted || !plainName(w.Parts[0].Param) {
		return false
	}
	k := c.kind(w.Parts[0].Param)
	return k != 0 && k&(mayDash|holdsList) == 0
}

// local reports whether a file that is read is none through which bash connects to the network.
func (c *check) local(t command.Word) bool {
	if len(t.Parts) == 0 {
		return false
	}
	first := t.Parts[0]
	switch {
	case first.Subst: // <(…)
		return true
	case first.Param == "":
		return !mayBeDevice(t, t.Prefix)
	case first.Param == "HOME":
		return true
	}
	for _, p := range t.Parts[1:] {
		if strings.HasPrefix(p.Lit, "/d") {
			return false // the variable may have been unset
		}
	}
	k := c.kind(first.Param)
	return plainName(first.Param) && k != 0 && k&(mayDevice|holdsList) == 0
}

// number reports whether a word is an integer whatever happens.
func (c *check) number(w command.Word) bool {
	return numeric(w) || c.printsNumber(w) || len(w.Parts) == 1 && (has("! $", w.Parts[0].Param) || plainName(w.Parts[0].Param) && c.integer(w.Parts[0].Param))
}

// withDigits returns a word in which every value is an integer, with a digit in the place of each.
func (c *check) withDigits(w command.Word) (string, bool) {
	var b strings.Builder
	for _, p := range w.Parts {
		if p.Param == "" && !p.Subst {
			b.WriteString(p.Lit)
			continue
		}
		if !p.Quoted || !c.number(command.Word{Parts: []command.Part{p}}) {
			return "", false
		}
		b.WriteByte('1')
	}
	return b.String(), len(w.Parts) > 0 && !w.Glob
}

// pipeline returns the commands of a word that is one substitution and holds one pipeline of programs, in their order.
func (c *check) pipeline(w command.Word) []*command.Command {
	if len(w.Parts) != 1 || !w.Parts[0].Subst || w.Parts[0].Stages == 0 || len(w.Substs) != w.Parts[0].Stages {
		return nil
	}
	var list []*command.Command
	for _, i := range w.Substs {
		cmd := &c.sc.Commands()[i]
		if len(cmd.Words) == 0 || !cmd.Words[0].Static || len(cmd.Assigns) > 0 || c.s.funcs[cmd.Words[0].Value] != nil || slices.Contains(c.sc.Functions(), cmd.Words[0].Value) {
			return nil
		}
		list = append(list, cmd)
	}
	return list
}

// quiet reports whether the redirections of a command change nothing of what it prints, save that it may read a file.
func quiet(cmd *command.Command, reads bool) bool {
	for _, r := range cmd.Redirs {
		silent := r.Op == ">" && r.FD == "2" && r.Target.Static && r.Target.Value == "/dev/null"
		input := reads && (r.FD == "" || r.FD == "0") && strings.HasPrefix(r.Op, "<") && r.Op != "<>" && r.Op != "<&"
		if !silent && !input {
			return false
		}
	}
	return true
}

// printsNumber reports whether a word is a substitution that prints one integer and nothing else.
func (c *check) printsNumber(w command.Word) bool {
	list := c.pipeline(w)
	if len(list) == 0 {
		return false
	}
	last := list[len(list)-1]
	if !quiet(last, true) {
		return false
	}
	words := last.Words
	switch words[0].Value {
	case "grep", "stat":
		// The last word is a file, whose name is not printed.
		file := words[len(words)-1]
		if len(words) > 3 && !file.Static && !file.Glob && (safePrefix(file) || c.noOption(file)) {
			words = append(slices.Clone(words[:len(words)-1]), command.Word{Static: true, Value: "f"})
		}
	}
	return numberPrinters.MatchString(joined(words))
}

// numberPrinters are commands that print one integer.
var numberPrinters = regexp.MustCompile(`^(wc -[lcwm]|date( -u)? \+(%[sYmdHMSjuw])+|nproc( --all)?|id -[ug]|git rev-list --count [A-Za-z0-9_./~^@]+|stat (-c ?|--format=)%[sYXZiuga] [^- ]+|grep -[iEFGPvwx]*c[iEFGPvwx]* [^- ][^ ]*( [^- ][^ ]*)?)$`)

// printsNames reports whether a word is a substitution that prints names or numbers of a program's own, which begin with no
// dash and hold no blanks.
func (c *check) printsNames(w command.Word) bool {
	list := c.pipeline(w)
	for i, cmd := range list {
		if !quiet(cmd, false) || i == 0 && !namesOnly(cmd.Words) || i > 0 && !wholeLines(cmd.Words) {
			return false
		}
	}
	return len(list) > 0
}

// namesOnly recognises kubectl get pods -o name, docker ps -q and git rev-parse HEAD. Other formats print text of the
// caller's choice.
func namesOnly(words []command.Word) bool {
	switch words[0].Value {
	case "kubectl":
		return kubectlNames(words)
	case "docker", "podman", "git":
		return idPrinters.MatchString(joined(words))
	}
	return false
}

// idPrinters are commands that print hexadecimal numbers. A branch may be called --output, and is none of them.
var idPrinters = regexp.MustCompile(`^((docker|podman) (ps|images|container ls|image ls|compose ps|volume ls|network ls) -a?qa?( (-f|--filter)[ =][^ ]+| --format[ =]\{\{\.(Names|ID)\}\})*|(docker|podman) (ps|images|container ls|image ls)( -aq?)? --format[ =]\{\{\.(Names|ID)\}\}|git (rev-parse( --short| --verify)* HEAD[~^0-9]*|merge-base [A-Za-z0-9][^ ]* [A-Za-z0-9][^ ]*|log -1 --(format|pretty)=%[hH]( [A-Za-z0-9][^ ]*)?|rev-list -(1|n 1) [A-Za-z0-9][^ ]*))$`)

// kubectlNames recognises the formats of kubectl that print nothing but names.
func kubectlNames(words []command.Word) bool {
	names := false
	for i, w := range words {
		v := w.Value
		switch {
		case !w.Static:
			return false
		case v == "-o" || v == "--output":
			if i+1 >= len(words) || !namesFormat.MatchString(words[i+1].Value) {
				return false
			}
			names = true
		case strings.HasPrefix(v, "-o") || strings.HasPrefix(v, "--o") || strings.HasPrefix(v, "--template"):
			if format := strings.TrimPrefix(strings.TrimPrefix(v, "-o"), "--output="); !namesFormat.MatchString(strings.TrimPrefix(format, "=")) {
				return false
			}
			names = true
		case strings.HasPrefix(v, "-") && !strings.HasPrefix(v, "--") && strings.Contains(v, "o"):
			return false // -Ao FORMAT
		}
	}
	return names
}

// namesFormat is an output format of kubectl that prints nothing but names, which begin with a letter or a digit.
var namesFormat = regexp.MustCompile(`^(name|jsonpath=\{\.items\[([0-9]+|\*)\]\.metadata\.name\})$`)

// countOption is an argument of head, tail, sort or uniq that leaves lines whole.
var countOption = regexp.MustCompile(`^(-n?[0-9]*|[0-9]+|-[ru])$`)

// wholeLines recognises a command that passes whole lines on.
func wholeLines(words []command.Word) bool {
	name := words[0].Value
	if !has("head tail sort uniq grep", name) || name == "grep" && len(words) != 2 {
		return false
	}
	for _, w := range words[1:] {
		if name != "grep" && !(w.Static && countOption.MatchString(w.Value)) {
			return false // tail -c begins in the middle of a name
		}
	}
	return true
}

// fromInput returns what xargs appends: the names that a program prints, paths below a starting point of find, or words of
// which nothing is known.
func (c *check) fromInput(options []command.Word) command.Word {
	cmd := &c.sc.Commands()[c.cur]
	w := command.Word{Reason: "words from the input", Parts: []command.Part{{Subst: true}}}
	if cmd.Stages == 0 || len(cmd.Feeds) != cmd.Stages || !quiet(cmd, false) {
		return w
	}
	for _, o := range options[1:] {
		if strings.HasPrefix(o.Value, "--") && o.Value != "--null" && !strings.HasPrefix(o.Value, "--max-") || strings.HasPrefix(o.Value, "-") && strings.ContainsAny(o.Value, "adE") {
			return w // reads a file, or splits elsewhere than at blanks
		}
	}
	w.Parts[0].Stages = cmd.Stages
	w.Substs = slices.Clone(cmd.Feeds)
	slices.Reverse(w.Substs)
	null := slices.ContainsFunc(options, func(o command.Word) bool {
		return o.Value == "--null" || strings.HasPrefix(o.Value, "-") && !strings.HasPrefix(o.Value, "--") && strings.Contains(o.Value, "0")
	})
	if list := c.pipeline(w); len(list) == 1 && null && quiet(list[0], false) && printsPaths(list[0].Words) {
		if first := pathPrefix(list[0].Words[1:]); first != "" {
			return command.Word{Reason: "paths", Prefix: first, Glob: true, Parts: []command.Part{{Lit: first}}}
		}
	}
	return w
}

// printsPaths recognises find … -print0, which prints nothing but paths.
func printsPaths(words []command.Word) bool {
	for _, w := range words[1:] {
		v := w.Value
		if !w.Static || strings.HasPrefix(v, "-printf") || strings.HasPrefix(v, "-fprint") || strings.HasPrefix(v, "-exec") || v == "-print" || v == "-ls" {
			return false
		}
	}
	return words[0].Value == "find" && words[len(words)-1].Value == "-print0"
}

// pathPrefix returns what the paths that find prints begin with, given its arguments: a starting point. It is "" where one
// could be more than a path to another program, such as host:file, NAME=value or +command.
func pathPrefix(args []command.Word) string {
	var starts []string
	for _, w := range args {
		if v := w.Value; w.Static && strings.HasPrefix(v, "-") || v == "(" || v == "!" {
			break
		}
		starts = append(starts, w.Value)
		if !w.Static || !plainPath.MatchString(w.Value) {
			return ""
		}
	}
	explicit := !slices.ContainsFunc(starts, func(v string) bool { return v[0] != '.' && v[0] != '/' })
	switch {
	case explicit:
		return "./"
	case len(starts) == 1:
		return starts[0]
	}
	return ""
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)
