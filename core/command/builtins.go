package command

import "strings"

// Builtin reports whether bash itself provides the command.
func Builtin(name string) bool { return builtins[name] }

var builtins = func() map[string]bool {
	m := make(map[string]bool)
	for _, name := range strings.Fields(`: . [ alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs disown echo
	enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd
	read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait time`) {
		m[name] = true
	}
	return m
}()
