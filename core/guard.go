package execkit

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	yaml "go.yaml.in/yaml/v3"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/wire"
)

// A Policy decides which commands run. Make one with [LoadPolicy] or [DefaultDeny]; it may be shared by sessions.
type Policy = policy.Policy

// LoadPolicy reads the policy object of the contract. Nil gives the default: everything is allowed, and a person is
// asked before a destructive command runs.
func LoadPolicy(object json.RawMessage) (*Policy, error) { return policy.Load(object) }

// LoadPolicyFile reads a policy from a file: JSON, or YAML where the name ends in .yaml or .yml.
func LoadPolicyFile(path string) (*Policy, error) {
	object, err := PolicyObject(path)
	if err != nil {
		return nil, err
	}
	return policy.Load(object)
}

// PolicyObject reads the policy object of a file as JSON, without checking it.
func PolicyObject(path string) (json.RawMessage, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "policy: %v", err).WithHint("give the path of a JSON or YAML file")
	}
	if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
		return text, nil
	}
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "policy: %s: %v", path, err)
	}
	object, err := json.Marshal(value)
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "policy: %s: %v", path, err).WithHint("every key has to be a string")
	}
	return object, nil
}

// DefaultDeny returns a policy under which only these programs run, each given as a name or with leading arguments
// ("systemctl status").
func DefaultDeny(allow ...string) (*Policy, error) {
	object, err := json.Marshal(map[string]any{"default": "deny", "allow": allow})
	if err != nil {
		return nil, err
	}
	return policy.Load(object)
}

// A guard is the policy's part of one session.
type guard struct {
	// policies must all let a command run; with a second one a caller who is not trusted narrows the first.
	policies               []*policy.Policy
	sessions               []*policy.Session // what earlier commands mean to each
	mu                     sync.Mutex        // guards sessions, which have no lock of their own
	programs               map[string]string // absolute paths, pinned when the session opened
	warnings               []string          // what of the policies is probably not meant
	remembers              bool              // the shell remembers paths, and tells them after each command
	fence, judges, refuses bool
	// reads asks the shell whether it could read a text; nil where it cannot be asked.
	reads func(text string) (reads, known bool)
}

func newGuard(c *Config) (*guard, error) {
	g := &guard{}
	for _, p := range []*policy.Policy{c.Policy, c.Narrow} {
		if p == nil && len(g.policies) > 0 {
			continue
		}
		if p == nil {
			var err error
			if p, err = policy.Load(nil); err != nil {
				return nil, err
			}
		}
		g.warnings = append(g.warnings, p.Warnings()...)
		g.policies, g.sessions = append(g.policies, p), append(g.sessions, p.NewSession())
		g.fence, g.judges, g.refuses = g.fence || p.Fence(), g.judges || p.Judges(), g.refuses || p.Refuses()
	}
	return g, nil
}

// pin finds the programs that a fence lets run, once and for all: a later PATH means nothing to it.
func (g *guard) pin(ctx context.Context, t target, path string) error {
	var names []string
	for _, p := range g.policies {
		if p.Fence() {
			names = append(names, p.Programs()...)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := t.programs(ctx, names, path)
	if err != nil {
		return err
	}
	g.programs = found
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if found[name] == "" && !strings.Contains(name, "/") && !policy.Builtin(name) {
			g.absent(name)
		}
	}
	return nil
}

// digest names the policies in force.
func (g *guard) digest() string {
	names := make([]string, len(g.policies))
	for i, p := range g.policies {
		names[i] = p.Digest()
	}
	return strings.Join(names, "+")
}

// check asks every policy. The strictest decision wins; the rules of all are told.
func check(sessions []*policy.Session, text string) (d wire.Decision, script *command.Script) {
	for i, s := range sessions {
		one, parsed := s.CheckScript(text)
		if i == 0 {
			d, script = one, parsed
			continue
		}
		d.Rules = append(d.Rules, one.Rules...)
		if policy.Stricter(one.Decision, d.Decision) {
			d.Decision, d.Reason = one.Decision, one.Reason
		}
	}
	return d, script
}

// pinned returns the path that a program's name was pinned to.
func (g *guard) pinned(name string) string {
	if path, ok := g.programs[name]; ok {
		return path
	}
	return name
}

// A verdict is what the policies say of one text.
type verdict struct {
	decision wire.Decision
	script   *command.Script // nil where the text could not be parsed or is not judged
}

// judge decides on a command. What is denied comes back as an error; what a person has to decide comes back with the
// decision ask.
func (g *guard) judge(command string) (verdict, error) { return g.judgeIn(command, false) }

// judgeIn decides on a command for the session's shell, or for one apart, to which no function or alias of the session's
// shell stands in for a program.
func (g *guard) judgeIn(command string, apart bool) (verdict, error) {
	if !g.judges {
		return verdict{decision: wire.Decision{Decision: policy.Allow}}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	sessions := g.sessions
	if apart {
		sessions = make([]*policy.Session, len(g.sessions))
		for i, s := range g.sessions {
			sessions[i] = s.Apart()
		}
	}
	d, script := check(sessions, command)
	if script == nil {
		d = g.reread(d, command)
	}
	if d.Decision == policy.Deny && !g.refuses {
		d = askInstead(d)
	}
	if d.Decision == policy.Deny {
		return verdict{}, placed(refusal(d), command)
	}
	return verdict{decision: d, script: script}, nil
}

// unreadable is the rule that stands against a command which the shell can read and execkit cannot.
const unreadable = "text.unreadable"

// reread says of a command that could not be read whether that is the command's fault: a shell's grammar has corners that
// the parser does not know. It stays as denied as it was.
func (g *guard) reread(d wire.Decision, text string) wire.Decision {
	i := slices.IndexFunc(d.Rules, func(r wire.RuleRef) bool { return r.ID == "text.syntax" })
	if i < 0 || g.reads == nil {
		return d
	}
	reads, known := g.reads(text)
	if !known {
		return d
	}
	told := func(reason string) string {
		what, ok := strings.CutPrefix(reason, command.Unread)
		switch {
		case !ok:
			return reason
		case reads:
			return "execkit cannot read the command, although the shell can: " + what + "; " + command.Rewording(what)
		}
		return "the command is not valid shell: " + what
	}
	d.Reason, d.Rules = told(d.Reason), slices.Clone(d.Rules)
	for i := range d.Rules {
		if r := &d.Rules[i]; r.ID == "text.syntax" {
			r.Reason = told(r.Reason)
			if reads {
				r.ID = unreadable
			}
		}
	}
	return d
}

// placed adds the line and the column, in bytes, to the error of a command that could not be read.
func placed(e *errdefs.Error, command string) *errdefs.Error {
	span, ok := e.Details["span"].(*wire.Span)
	if e.Code != errdefs.SyntaxError || !ok || span == nil || span.Start > len(command) {
		return e
	}
	before := command[:span.Start]
	return e.WithDetail("line", 1+strings.Count(before, "\n")).WithDetail("column", span.Start-strings.LastIndexByte(before, '\n'))
}

// emit returns the text that the shell has to run: under a fence never the caller's own, but the one written anew from
// the vetted tree. prelude are lines that pin the programs' names first.
func (g *guard) emit(command string, v verdict) (prelude, text string, err error) {
	if !g.fence {
		return "", command, nil
	}
	if v.script == nil {
		return "", "", refusal(v.decision)
	}
	if g.remembers {
		prelude, text = g.remember(v.script), v.script.Emit()
	} else {
		text = v.script.EmitWith(g.pinned)
	}
	if text == "" && strings.TrimSpace(command) != "" && len(v.script.Commands()) > 0 {
		return "", "", refusal(v.decision)
	}
	return prelude, text, nil
}

// remember returns the lines that have the shell remember the pinned path of each program of a script: a program is then
// started under its own name, which it uses in its messages. A path in its place would be as good where nobody
// compares afterwards what the shell remembers.
func (g *guard) remember(script *command.Script) string {
	var b strings.Builder
	done := make(map[string]bool)
	for _, c := range script.Commands() {
		if len(c.Words) == 0 || !c.Words[0].Static || done[c.Words[0].Value] {
			continue
		}
		name := c.Words[0].Value
		done[name] = true
		if file, ok := g.programs[name]; ok {
			b.WriteString("\\hash -p " + engine.Quote(file) + " " + engine.Quote(name) + "\n")
		}
	}
	return b.String()
}

// askInstead is the verdict on a command that cannot be understood, where the policy denies nothing: a person can read
// it. What is not valid shell at all stays an error that says where.
func askInstead(d wire.Decision) wire.Decision {
	for i := range d.Rules {
		if rule := &d.Rules[i]; rule.Decision == policy.Deny {
			if rule.ID == "text.syntax" || !strings.HasPrefix(rule.ID, "text.") {
				return d
			}
			rule.Decision = policy.Ask
		}
	}
	d.Decision = policy.Ask
	return d
}

// admitEnv decides on variables that are set for one command: under a fence they are as much a way in as the command.
func (g *guard) admitEnv(env map[string]*string) error {
	if !g.fence {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		for _, p := range g.policies {
			why := p.EnvReason(name)
			if why == "" || !p.Fence() {
				continue
			}
			return errdefs.New(errdefs.Blocked, "env: %s: %s", errdefs.Quote(name), why).
				WithHint("leave the variable out").WithDetail("source", "policy").WithDetail("reason", why)
		}
	}
	return nil
}

// admitTerminal decides on a command that is to run on a terminal. There many programs take commands (a pager, an
// editor), and a line can be edited until it is another than the one that was read.
func (g *guard) admitTerminal() error {
	for _, p := range g.policies {
		if p.Fence() && !p.Interactive {
			return errdefs.New(errdefs.Blocked, "a terminal is not allowed under this policy").
				WithHint("run the command without a tty, or set interactive in the policy").
				WithDetail("source", "policy").WithDetail("reason", "what is typed at a program on a terminal cannot be judged")
		}
	}
	return nil
}

// ran records a command that was handed to the shell, as it was judged.
func (g *guard) ran(command string, script *command.Script) {
	if !g.judges {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		s.ObserveScript(script, command)
	}
}

// refusal is the error of a command that does not run.
func refusal(d wire.Decision) *errdefs.Error {
	source := "policy"
	for _, rule := range d.Rules {
		switch {
		case rule.ID == "text.syntax":
			return errdefs.New(errdefs.SyntaxError, "%s", d.Reason).
				WithHint("correct the command, or write it another way; the policy has to understand it before it runs").WithDetail("span", rule.Span)
		case rule.ID == "text.limit":
			source = "limits"
		case rule.Decision == d.Decision && strings.HasPrefix(rule.ID, "intercept."):
			source = "intercept"
		}
	}
	e := errdefs.New(errdefs.Blocked, "the command was blocked: %s", d.Reason).
		WithHint("it did not run; ask for what the policy allows").
		WithDetail("source", source).WithDetail("rules", d.Rules).WithDetail("reason", d.Reason)
	if i := slices.IndexFunc(d.Rules, func(r wire.RuleRef) bool { return r.Decision == d.Decision }); i >= 0 {
		e.WithDetail("span", d.Rules[i].Span)
	}
	return e
}
