package remote

import (
	"strings"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/engine"
)

// leavesAll says whether a command surely leaves everything that a report tells as it is, and takes note of one after
// which that cannot be said any more. It can be said while the shell has nothing but its builtins and programs: a
// program cannot change its parent.
func (s *Shell) leavesAll(c engine.Command, to streams) bool {
	if !s.pristine {
		return false
	}
	m := command.MannerOf(c.Text)
	s.pristine = c.Own || m != command.Unruly
	if c.Prelude != "" {
		s.pristine = s.pristine && command.KeepsMeanings(c.Prelude)
		return false
	}
	if strings.Contains(c.Text, "|") {
		return false // a pipeline tells each status
	}
	return m == command.Plain && s.pristine && c.Dir == "" && to == s.says.direct() && s.last.Traps == "" && s.last.Trace == ""
}

// startsPlain says whether a shell that just started has no functions and aliases, given what its check for them
// printed, and no variable of the login by which it runs something.
func (s *Shell) startsPlain(printed string) bool {
	for name := range s.env {
		if command.GivesMeaning(name) {
			return false
		}
	}
	return strings.TrimSpace(printed) == ""
}
