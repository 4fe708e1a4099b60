package execkit

import (
	"bytes"
	"fmt"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/wire"
)

// A typing is the policy's part of what is written to the standard input of one command. Text for a shell is judged as
// commands are, by whole lines: what is not a whole command yet is kept back until it is.
type typing struct {
	guard    *guard
	sessions []*policy.Session // of the shell that reads the text; nil where it is data
	refuse   string            // the reason why nothing may be written, or ""
	held     []byte
}

// typing returns what stands between a command's input and whoever writes it.
func (g *guard) typing(v verdict) *typing {
	t := &typing{guard: g}
	if !g.judges || v.script == nil {
		return t
	}
	switch kind, program := policy.Input(v.script); kind {
	case policy.ShellText:
		for _, p := range g.policies {
			t.sessions = append(t.sessions, p.NewSession())
		}
	case policy.OtherText:
		for _, p := range g.policies {
			if p.Fence() && !p.Interactive {
				t.refuse = program + ` runs what is written to it, which no policy can read; a policy with "interactive": true lets it`
			}
		}
	}
	return t
}

// admit returns what of the text that was written so far the command may have now. The decision is stricter than allow
// where a person has to be asked or something is denied; then nothing passes.
func (t *typing) admit(p []byte) (pass []byte, d wire.Decision) {
	d.Decision = policy.Allow
	if len(p) > 0 && t.refuse != "" {
		return nil, wire.Decision{Decision: policy.Deny, Reason: t.refuse, Rules: []wire.RuleRef{{ID: "input", Decision: policy.Deny, Reason: t.refuse}}}
	}
	if t.sessions == nil {
		return p, d
	}
	t.held = append(t.held, p...)
	last := bytes.LastIndexByte(t.held, '\n') + 1
	if last == 0 {
		return nil, t.bounded()
	}
	pass, d = t.judge(string(t.held[:last]))
	if pass == nil && d.Decision == policy.Allow {
		return nil, t.bounded()
	}
	if d.Decision == policy.Allow {
		t.held = append([]byte(nil), t.held[last:]...)
	}
	return pass, d
}

// end returns what is left when the input is closed.
func (t *typing) end() (pass []byte, d wire.Decision) {
	d.Decision = policy.Allow
	if t.sessions == nil || len(t.held) == 0 {
		return nil, d
	}
	text := string(t.held)
	t.held = nil
	pass, d = t.judge(text)
	if pass == nil && d.Decision == policy.Allow {
		d = wire.Decision{Decision: policy.Deny, Reason: "what was written last is not a whole command", Rules: []wire.RuleRef{{ID: "input", Decision: policy.Deny}}}
	}
	return pass, d
}

// maxHeld bounds a command that is written in pieces, as the parser's own limit does for one that comes whole.
const maxHeld = 1 << 20

func (t *typing) bounded() wire.Decision {
	if len(t.held) <= maxHeld {
		return wire.Decision{Decision: policy.Allow}
	}
	t.held = nil
	why := fmt.Sprintf("more than %d bytes were written that are no whole command", maxHeld)
	return wire.Decision{Decision: policy.Deny, Reason: why, Rules: []wire.RuleRef{{ID: "text.limit", Decision: policy.Deny, Reason: why}}}
}

// judge decides on whole lines. Nothing passes, without a refusal, where they are only the beginning of a command.
func (t *typing) judge(text string) (pass []byte, d wire.Decision) {
	g := t.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	d, script := check(t.sessions, text)
	if script == nil && command.Incomplete(text) {
		return nil, wire.Decision{Decision: policy.Allow}
	}
	if d.Decision == policy.Deny && !g.refuses {
		d = askInstead(d)
	}
	if d.Decision != policy.Allow {
		return nil, d
	}
	for _, s := range t.sessions {
		s.Observe(text)
	}
	if !g.fence {
		return []byte(text), d
	}
	emitted := script.EmitWith(g.pinned)
	if emitted == "" && len(script.Commands()) > 0 {
		return nil, wire.Decision{Decision: policy.Deny, Reason: "what was written cannot be vetted", Rules: d.Rules}
	}
	return []byte(emitted + "\n"), d
}

// judgeStdin decides on input that is given with its command: it becomes part of the command's verdict, so that a person
// sees both. It returns what the command may read.
func (g *guard) judgeStdin(v *verdict, stdin []byte) ([]byte, error) {
	if len(stdin) == 0 {
		return stdin, nil
	}
	t := g.typing(*v)
	pass, d := t.admit(stdin)
	if d.Decision == policy.Allow {
		var rest []byte
		rest, d = t.end()
		pass = append(pass[:len(pass):len(pass)], rest...)
	}
	if d.Decision == policy.Allow {
		return pass, nil
	}
	d.Reason = "its input: " + d.Reason
	if d.Decision == policy.Deny {
		return nil, refusal(d)
	}
	v.decision.Rules = append(v.decision.Rules, d.Rules...)
	if policy.Stricter(d.Decision, v.decision.Decision) {
		v.decision.Decision, v.decision.Reason = d.Decision, d.Reason
	}
	return stdin, nil
}

// inputRefused is the error of input that a running command does not get.
func inputRefused(d wire.Decision) *errdefs.Error {
	e := refusal(d)
	if d.Decision == policy.Ask {
		e = errdefs.New(errdefs.ApprovalRequired, "the input needs a person's approval: %s", d.Reason).
			WithDetail("source", "policy").WithDetail("rules", d.Rules).WithDetail("reason", d.Reason)
	}
	return e.WithOutcome(errdefs.NotRun).WithHint("nothing of it reached the command; give the input with the command for a person to approve both")
}
