package execkit

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// A writeWatch tells whether a command may write files, so that checkpoints need not look before and after those that
// surely do not. The doubt always counts as yes.
type writeWatch struct {
	// unsure is set for good once a command may have given a name another meaning: then ls is no longer surely ls.
	unsure bool
}

// readers neither write files nor start programs, whatever their arguments are, but for those in writing.
var readers = strings.Fields(`: true false test [ echo printf pwd cd ls cat head tail wc grep egrep fgrep cut tr nl od paste comm join
	basename dirname realpath readlink stat file du df ps id whoami groups uname hostname arch nproc uptime date cal env printenv
	which type md5sum sha1sum sha256sum sha512sum cksum sum cmp diff seq sleep tac rev fold expand unexpand column look pgrep pidof
	free lsof jobs wait exit return break continue shift times umask getconf locale tty expr`)

// writing are the arguments with which a reader writes or starts another program.
var writing = map[string][]string{
	"date": {"-s", "--set"}, "hostname": nil, "env": nil, "file": {"-C", "--compile"}, "printf": {"-v"}, "test": {"-v"}, "[": {"-v"},
}

// meanings are the builtins after which a name may stand for something else.
var meanings = strings.Fields(`alias unalias eval source . trap enable hash exec set shopt declare typeset local export readonly unset
	function bind complete builtin command coproc read mapfile readarray`)

// mayWrite decides about a command and remembers what it may do to those after it.
func (w *writeWatch) mayWrite(text string, limits command.Limits) bool {
	script, err := command.Parse(text, limits)
	if err != nil || len(script.Issues()) > 0 || len(script.Functions()) > 0 {
		w.unsure = true
		return true
	}
	// A name in arithmetic is evaluated as what it holds: x='a[$(touch f)]'; echo $((x)).
	writes := w.unsure || len(script.ArithNames())+len(script.ArithSubsts()) > 0
	for _, c := range script.Commands() {
		if c.Background || len(c.Assigns) > 0 {
			writes = true
		}
		for _, a := range c.Assigns {
			// PATH gives names another meaning; PS1, PROMPT_COMMAND and the like are run by the shell itself.
			w.unsure = w.unsure || strings.HasPrefix(a.Name, "BASH") || strings.HasPrefix(a.Name, "P")
		}
		for _, r := range c.Redirs {
			writes = writes || redirectWrites(r)
		}
		if len(c.Words) == 0 {
			continue
		}
		name := c.Words[0]
		if !name.Static || slices.Contains(meanings, name.Value) {
			w.unsure, writes = true, true
			continue
		}
		writes = writes || !reads(c.Words)
	}
	return writes
}

func redirectWrites(r command.Redirect) bool {
	if r.Op == "<" || r.Op == "dup" || strings.HasPrefix(r.Op, "<<") || r.Doc != nil {
		return false
	}
	return !r.Target.Static || r.Target.Value != "/dev/null"
}

// reads reports whether a command is one that only reads.
func reads(words []command.Word) bool {
	name := words[0].Value
	if filepath.IsAbs(name) && slices.Contains([]string{"/bin", "/usr/bin"}, filepath.Dir(name)) {
		name = filepath.Base(name)
	}
	if !slices.Contains(readers, name) {
		return false
	}
	options, special := writing[name]
	if special && options == nil {
		return len(words) == 1
	}
	for _, word := range words[1:] {
		if special && len(options) > 0 && (!word.Static || slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(word.Value, o) })) {
			return false
		}
	}
	return true
}
