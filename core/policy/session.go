package policy

import (
	"strings"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/wire"
)

// A Session gathers what the commands before change about the meaning of the next: variables, functions, aliases,
// traps, options, the directory. It is not safe for concurrent use.
type Session struct {
	p *Policy
	// vars holds the kinds of values that each name was given.
	vars map[string]varKind
	// values are the last static values, for rules that follow a variable.
	values map[string]string
	funcs  map[string][]string // bodies of functions, as texts
	// taint is the first earlier change that no later verdict can see through.
	taint string
	cd    bool
}

type varKind uint8

const (
	holdsInt varKind = 1 << iota
	holdsText
	holdsList
	// mayDash: a value may begin with a dash, or with nothing that is known.
	mayDash
	// mayDevice: a value may name something in /dev, where bash connects to the network.
	mayDevice
	holdsAnything = holdsText | mayDash | mayDevice
)

// NewSession starts with a shell that nothing has changed.
func (p *Policy) NewSession() *Session {
	return &Session{p: p, vars: map[string]varKind{}, values: map[string]string{}, funcs: map[string][]string{}}
}

// Observe records a command that ran.
func (s *Session) Observe(text string) {
	sc, err := command.Parse(text, s.p.limits)
	if err != nil {
		s.poison("an earlier command could not be read: " + err.Error())
		return
	}
	s.observe(sc, text)
}

// ObserveScript is Observe for a text that was parsed already; sc is nil where it could not be.
func (s *Session) ObserveScript(sc *command.Script, text string) {
	if sc == nil {
		s.Observe(text)
		return
	}
	s.observe(sc, text)
}

// Renew forgets what earlier commands did to a shell that was replaced. The new one is in the directory of the old.
func (s *Session) Renew() {
	*s = Session{p: s.p, vars: map[string]varKind{}, values: map[string]string{}, funcs: map[string][]string{}, cd: s.cd}
}

// Apart returns what another shell is to the policy that starts in the directory of this one.
func (s *Session) Apart() *Session {
	other := *s
	other.Renew()
	return &other
}

// Defined reports whether an earlier command defined a function of this name.
func (s *Session) Defined(name string) bool { return s.funcs[name] != nil }

func (s *Session) poison(why string) {
	if s.taint == "" {
		s.taint = why
	}
}

func (s *Session) observe(sc *command.Script, text string) {
	c := newCheck(s.p, s, sc, text)
	c.gather()
	if len(sc.Issues()) > 0 {
		s.poison("an earlier command holds " + sc.Issues()[0].Reason)
	}
	for _, name := range sc.Functions() {
		s.funcs[name] = append(s.funcs[name], text)
	}
	for i := range sc.Commands() {
		cmd := &sc.Commands()[i]
		for _, a := range cmd.Assigns {
			s.assign(a, c)
			if why := s.p.assignReason(a.Name, a.Declared); why != "" && len(cmd.Words) == 0 || why != "" && a.Declared {
				s.poison("an earlier command assigned " + a.Name + ": " + why)
			}
		}
		if len(cmd.Words) == 0 || !cmd.Words[0].Static {
			continue
		}
		name := cmd.Words[0].Value
		if refusedBuiltins[name] {
			s.poison("an earlier command was " + name)
		} else if f := builtinRules[name]; f != nil {
			if why := f(c, cmd.Words); why != "" {
				s.poison("an earlier " + name + " changed the shell: " + why)
			}
		}
		s.fills(cmd.Words)
		switch name {
		case "cd", "pushd", "popd":
			s.cd = true
		}
	}
	for _, n := range sc.ArithSets() {
		s.vars[n] |= holdsInt | mayDash
	}
}

// assign notes an assignment; c knows what the substitutions in it print.
func (s *Session) assign(a command.Assign, c *check) {
	if a.Array {
		s.vars[a.Name] |= holdsList
	}
	if a.Naked {
		return
	}
	s.vars[a.Name] |= c.kindOf(a)
	if a.Value.Static && !a.Append {
		s.values[a.Name] = a.Value.Value
	} else {
		delete(s.values, a.Name)
	}
}

// fills notes what a builtin stores in variables.
func (s *Session) fills(words []command.Word) {
	for _, n := range targets(words) {
		s.vars[n] |= holdsAnything
	}
	for _, n := range arrays(words) {
		s.vars[n] |= holdsList
	}
}

// arrays are the names that a command makes arrays of.
func arrays(words []command.Word) (names []string) {
	list := has("mapfile readarray", words[0].Value)
	for _, w := range words[1:] {
		list = list || w.Static && strings.HasPrefix(w.Value, "-") && strings.Contains(w.Value, "a")
	}
	if !list || !has("mapfile readarray read declare typeset local readonly export", words[0].Value) {
		return nil
	}
	for _, w := range words[1:] {
		if name, _, _ := strings.Cut(w.Value, "="); plainName(name) {
			names = append(names, name)
		}
	}
	return names
}

// targets are the names that a builtin stores text in.
func targets(words []command.Word) []string {
	var names []string
	switch words[0].Value {
	case "read", "mapfile", "readarray", "getopts", "printf":
		for _, w := range words[1:] {
			if w.Static && plainName(w.Value) {
				names = append(names, w.Value)
			}
		}
		if words[0].Value == "read" {
			names = append(names, "REPLY") // where it is given no name
		}
	}
	return names
}

// Check judges text as the next command of the session, without recording it.
func (s *Session) Check(text string) wire.Decision {
	d, _ := s.judge(text)
	return d
}

// CheckScript is Check that also returns the parsed script, whose emitted form is what a fenced shell has to run.
func (s *Session) CheckScript(text string) (wire.Decision, *command.Script) { return s.judge(text) }

// Check judges text after the commands of history, which are taken as having run.
func (p *Policy) Check(text string, history []string) wire.Decision {
	s := p.NewSession()
	for _, h := range history {
		s.Observe(h)
	}
	return s.Check(text)
}
