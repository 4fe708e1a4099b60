package execkit

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/policy"
)

// Drift: what a fenced shell must not have changed behind the policy. What the policy let through it also recorded; a
// function, an alias or an option that it knows nothing of came through a hole, and the shell that has it is replaced.

// drift says what of a shell differs from its pinned state, or "".
func (g *guard) drift(pinned, state, path string) string {
	if state == pinned {
		return ""
	}
	was := make(map[string]string)
	for line := range strings.Lines(pinned) {
		key, value := stateLine(line)
		was[key] = value
	}
	for line := range strings.Lines(state) {
		key, value := stateLine(line)
		before, known := was[key]
		delete(was, key)
		if known && before == value {
			continue
		}
		if why := g.changed(key, before, value, path); why != "" {
			return why
		}
	}
	for key := range was {
		if !harmlessGone(key) {
			return key
		}
	}
	return ""
}

// stateLine splits a line of the state into what it is about and the rest.
func stateLine(line string) (key, value string) {
	line = strings.TrimSuffix(line, "\n")
	first, rest, _ := strings.Cut(line, " ")
	switch first {
	case "declare":
		// The value of an integer variable changes all the time; its attributes must not.
		name, _, _ := strings.Cut(line, "=")
		return name, ""
	case "alias", "trap", "builtin":
		return line, ""
	}
	return first, rest
}

// ownIntegers are variables that get their value, and so their line, when they are first used.
var ownIntegers = []string{"RANDOM", "SRANDOM", "OPTIND", "HISTCMD", "SECONDS", "BASHPID", "EPOCHSECONDS"}

func (g *guard) changed(key, before, after, path string) string {
	words := strings.Fields(key)
	switch {
	case len(words) == 0:
		return ""
	case words[0] == "declare" && len(words) == 3 && words[1] == "-f":
		if g.defined(words[2]) {
			return ""
		}
		return "a function " + words[2]
	case words[0] == "declare" && len(words) == 3 && words[1] == "-i" && slices.Contains(ownIntegers, words[2]):
		return ""
	case words[0] == "declare":
		return "a variable that is evaluated: " + strings.Join(words[1:], " ")
	case words[0] == "builtin":
		return g.remembered(words, path)
	case words[0] == "alias" || words[0] == "trap":
		return "a changed " + words[0]
	case key == "shellopts":
		return changedOptions(before, after, settable)
	case key == "options":
		return changedFlags(before, after)
	case key == "bashopts":
		return changedOptions(before, after, nil)
	}
	return "the variable " + key
}

// remembered judges a path that the shell remembers for a name: the one that PATH leads to is no news.
func (g *guard) remembered(words []string, path string) string {
	if len(words) == 5 && g.programs[words[4]] != "" {
		if words[3] == g.programs[words[4]] {
			return ""
		}
	} else if len(words) == 5 && filepath.Base(words[3]) == words[4] && slices.Contains(filepath.SplitList(path), filepath.Dir(words[3])) {
		return ""
	}
	return "a remembered path: " + strings.Join(words[3:], " ")
}

func harmlessGone(key string) bool {
	words := strings.Fields(key)
	return len(words) == 3 && words[0] == "declare" && slices.Contains(ownIntegers, words[2])
}

// settable are the options that a fence lets a command set, with their letters.
var settable = map[string]string{"errexit": "e", "nounset": "u", "noglob": "f", "noclobber": "C", "xtrace": "x", "pipefail": ""}

func changedOptions(before, after string, settable map[string]string) string {
	old, now := strings.Split(before, ":"), strings.Split(after, ":")
	for _, pair := range [][2][]string{{old, now}, {now, old}} {
		for _, name := range pair[0] {
			if _, ok := settable[name]; !ok && name != "" && !slices.Contains(pair[1], name) {
				return "the option " + name
			}
		}
	}
	return ""
}

func changedFlags(before, after string) string {
	for _, pair := range [][2]string{{before, after}, {after, before}} {
		for _, flag := range pair[0] {
			if !strings.ContainsRune("eufCxv", flag) && !strings.ContainsRune(pair[1], flag) {
				return "the option " + string(flag)
			}
		}
	}
	return ""
}

// envDrift says which exported variable differs from its pinned value although no command may set it, or "".
func (g *guard) envDrift(pinned, now map[string]string) string {
	if now == nil {
		return ""
	}
	for name, value := range now {
		if before, ok := pinned[name]; (!ok || before != value) && g.guarded(name) {
			return "the variable " + name
		}
	}
	for name := range pinned {
		if _, ok := now[name]; !ok && g.guarded(name) {
			return "the variable " + name
		}
	}
	return ""
}

// guarded reports whether a policy refuses that a command sets a variable, and bash does not by itself.
func (g *guard) guarded(name string) bool {
	return !slices.Contains(shellOwn, name) && slices.ContainsFunc(g.policies, func(p *policy.Policy) bool {
		return p.Fence() && p.EnvReason(name) != ""
	})
}

// A pin is the state that a fenced shell has to keep.
type pin struct {
	state string
	env   map[string]string
}

// drifted compares the shell with its pinned state after a command; the session must be held. What a person approved
// becomes the state to keep.
func (s *Session) drifted(out engine.Outcome, approved bool) string {
	if !s.guard.fence || out.Exited || out.State == "" {
		return ""
	}
	if s.pinned.state == "" {
		s.pinned.state = out.Pristine
	}
	if approved {
		s.pinned = pin{out.State, out.Env}
		return ""
	}
	if why := s.guard.drift(s.pinned.state, out.State, s.pinned.env["PATH"]); why != "" {
		return why
	}
	s.pinned.state = out.State // so that the next comparison is one of equal texts
	return s.guard.envDrift(s.pinned.env, out.Env)
}

// replaceShell ends a shell that drifted. The next one gets the directory and the environment, with the pinned values of
// what no command may set.
func (s *Session) replaceShell(why string, r *Result) {
	s.mu.Lock()
	if s.shell != nil {
		s.shell.Close()
		s.shell = nil
	}
	s.env = maps.Clone(s.env)
	maps.DeleteFunc(s.env, func(name, _ string) bool { return s.guard.guarded(name) })
	for name, value := range s.pinned.env {
		if s.guard.guarded(name) {
			s.env[name] = value
		}
	}
	s.mu.Unlock()
	s.guard.renew()
	if r.Hint != "" {
		r.Hint += "; "
	}
	r.Hint += "the command left " + redactText(s.redact, why) + " in the shell, which the policy did not let through; the next command gets a fresh shell with directory and environment restored"
}

// defined reports whether a vetted command of the session defined a function.
func (g *guard) defined(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions) > 0 && g.sessions[0].Defined(name)
}

// renew forgets what commands did to a shell that is gone.
func (g *guard) renew() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		s.Renew()
	}
}
