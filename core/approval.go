package execkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// An ApprovalRequest is what a person is asked.
type ApprovalRequest struct {
	// ID names this one question; it is random and answered once.
	ID        string
	SessionID string
	// Target is the machine that it would run on: "local", "sandbox", or as in ssh://user@host.
	Target string
	// Cwd is where the command would run, made visible as Command is.
	Cwd string
	// Command is the exact text, with every control and invisible character made visible: what a person should see.
	// Text is the same text as it would run, for a program that edits it.
	Command, Text string
	// Commands are the programs with their arguments that the policy found in the text.
	Commands []string
	// Env and Stdin are what the caller sets for this command alone, made visible; Stdin is cut at 4 KiB.
	Env      []string
	Stdin    string
	Decision wire.Decision
	// Severe says that what the command does cannot be taken back, or that it could not be understood.
	Severe bool
	// Digest binds the answer: a hash of session, directory, command, Env and Stdin.
	Digest  string
	Expires time.Time
}

// An Approval is a person's answer. The zero value is a no.
type Approval struct {
	Approve bool
	// Command, if not empty, is an edited command to run instead. It is judged as any other: denied it stays blocked, and
	// where it needs a person too, the person is asked about it.
	Command string
	// Who names the person, for the result and the audit log; "approver" when empty.
	Who string
	// Remember lets exactly the same command in the same directory of the same session run again without asking, for
	// this long.
	Remember time.Duration
}

// An Approver asks a person whether a command may run. An answer without Approve, an error, a panic, or not answering
// before ctx ends blocks the command. It is never called for two commands of one session at once. One that ignores the
// end of ctx is left behind in its goroutine.
type Approver func(ctx context.Context, r ApprovalRequest) (Approval, error)

const (
	// defaultApprovalTimeout is how long a person has; one who does not answer has not agreed.
	defaultApprovalTimeout = 10 * time.Minute
	// maxEdits bounds how often an edited command leads to another question.
	maxEdits = 5
	// maxGrants bounds how many answers a session remembers.
	maxGrants = 1000
	// maxShownStdin bounds what is shown of the input of a command.
	maxShownStdin = 4096
)

// grants are the remembered answers of a session by digest.
type grants map[string]grant

type grant struct {
	who   string
	until time.Time
}

func (s *Session) approver(o ExecOptions) Approver {
	if o.Approve != nil {
		return o.Approve
	}
	return s.config.Approve
}

// directory is where the command would start.
func (p *proposal) directory() string {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	switch dir := p.options.Cwd; {
	case dir == "":
		return p.session.cwd
	case filepath.IsAbs(dir):
		return dir
	default:
		return filepath.Join(p.session.cwd, dir)
	}
}

// env lists what the caller sets for this command alone, as NAME=value, or NAME for a variable that is removed.
func (p *proposal) env() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p.options.Env)) {
		if value := p.options.Env[name]; value != nil {
			name += "=" + *value
		}
		list = append(list, name)
	}
	return list
}

// digest is what an answer holds for. Every part carries its length, so that no two proposals share one.
func (p *proposal) digest() string {
	h := sha256.New()
	parts := append([]string{p.session.id, p.directory(), p.command, string(p.options.Stdin), strconv.FormatBool(p.options.Stdin != nil)}, p.env()...)
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// where is the session's target as a person reads it: the machine that a command would run on.
func (s *Session) where() string {
	var info wire.SessionInfo
	s.target.describe(&info)
	if info.Target == info.Transport { // local, sandbox
		return info.Target
	}
	return visible(info.Transport + "://" + info.Target)
}

func (p *proposal) request(timeout time.Duration) ApprovalRequest {
	stdin, more := p.options.Stdin, ""
	if len(stdin) > maxShownStdin {
		stdin, more = stdin[:maxShownStdin], fmt.Sprintf("… (%d bytes)", len(p.options.Stdin))
	}
	r := ApprovalRequest{
		ID: newID("a"), SessionID: p.session.id, Target: p.session.where(), Cwd: visible(redactText(p.session.redact, p.directory())),
		Command: visible(p.command), Text: p.command, Stdin: visible(string(stdin)) + more,
		Decision: p.verdict.decision, Digest: p.digest(), Expires: time.Now().Add(timeout),
	}
	r.Severe = severe(r.Decision)
	// The approver may keep or change what it is given; the verdict must not change with it.
	r.Decision.Reason = printable(r.Decision.Reason)
	r.Decision.Rules = slices.Clone(r.Decision.Rules)
	for i := range r.Decision.Rules {
		r.Decision.Rules[i].Reason = printable(r.Decision.Rules[i].Reason)
	}
	for _, entry := range p.env() {
		r.Env = append(r.Env, visible(entry))
	}
	if p.verdict.script != nil {
		for _, c := range p.verdict.script.Commands() {
			r.Commands = append(r.Commands, visible(p.command[c.Span.Start:c.Span.End]))
		}
	}
	return r
}

// mild are the rules of the intercept whose effects can be taken back. One that is not listed is severe.
var mild = []string{
	"intercept.service-stop", "intercept.init-script", "intercept.mass-kill", "intercept.packages", "intercept.permissions",
	"intercept.containers", "intercept.firewall-network",
}

func severe(d wire.Decision) bool {
	return slices.ContainsFunc(d.Rules, func(r wire.RuleRef) bool {
		judged := strings.HasPrefix(r.ID, "intercept.") || strings.HasPrefix(r.ID, "text.")
		return judged && r.Decision == d.Decision && !slices.Contains(mild, r.ID)
	})
}

// printable keeps a reason, which may quote the command, from driving a terminal or passing for a second line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// approval asks until the command as it stands is agreed to, and returns the digest that the person agreed to. An edit
// changes the proposal.
func (p *proposal) approval(ctx context.Context, approve Approver) (agreed string, err error) {
	if approve == nil {
		e := p.refused("the command needs a person's approval and nobody can be asked: "+p.verdict.decision.Reason, nil)
		e.Code = errdefs.ApprovalRequired
		if slices.ContainsFunc(p.verdict.decision.Rules, func(r wire.RuleRef) bool { return r.ID == unreadable }) {
			return "", e.WithHint("write the command another way, or give the session an approver")
		}
		return "", e.WithHint("give the session an approver, or switch the rule off in the policy")
	}
	for range maxEdits {
		digest := p.digest()
		if g, ok := p.session.grants[digest]; ok && time.Now().Before(g.until) {
			p.verdict.decision.ApprovedBy = g.who + " (remembered)"
			return digest, p.answered(g.who, "remembered")
		}
		answer, err := p.ask(ctx, approve)
		if err != nil {
			return "", err
		}
		who := answer.Who
		if who == "" {
			who = "approver"
		}
		how := "yes"
		if answer.Command != "" && answer.Command != p.command {
			how = "edited"
			if err := p.edit(answer.Command); err != nil {
				_ = p.answered(who, "edited to what is refused")
				return "", err
			}
		}
		// What follows from an answer may not happen without a record of it.
		if err := p.answered(who, how); err != nil {
			return "", err
		}
		if how == "edited" && p.asks() {
			continue
		}
		p.verdict.decision.ApprovedBy = who
		digest = p.digest()
		if answer.Remember > 0 && p.asks() {
			p.session.remember(digest, grant{who, time.Now().Add(answer.Remember)})
		}
		return digest, nil
	}
	return "", p.refused(fmt.Sprintf("the command was edited %d times and still needs an approval", maxEdits), nil)
}

// edit puts a person's own text in the place of the command and judges it as any other.
func (p *proposal) edit(command string) error {
	if err := checkCommand(command); err != nil {
		return p.refused("the edited command cannot run: "+errdefs.From(err).Message, err)
	}
	v, err := p.session.guard.judgeIn(command, p.apart())
	if err != nil {
		return errdefs.From(err).WithDetail("edited", true)
	}
	p.command, p.verdict = command, v
	return nil
}

// ask puts one question. The approver runs aside, so that one that hangs or panics cannot hold the session.
func (p *proposal) ask(ctx context.Context, approve Approver) (Approval, error) {
	timeout := p.session.config.approvalTimeout()
	request := p.request(timeout)
	answer, err := apart(ctx, p.session, request.Expires, func(ctx context.Context) (Approval, error) { return approve(ctx, request) })
	switch {
	case p.session.ended.Err() != nil:
		return Approval{}, p.session.closedError()
	case ctx.Err() != nil:
		return Approval{}, errdefs.New(errdefs.Cancelled, "the command was cancelled before a person had approved it; it did not run").WithCause(ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return Approval{}, p.refused(fmt.Sprintf("nobody approved the command within %v", timeout), err)
	case err != nil:
		return Approval{}, p.refused("the approver failed", err)
	case !answer.Approve:
		e := p.refused("a person did not approve the command: "+p.verdict.decision.Reason, nil)
		if answer.Who != "" {
			e.WithDetail("denied_by", answer.Who)
		}
		// The refusal stands whether or not it can be recorded.
		_ = p.answered(answer.Who, "no")
		return Approval{}, e
	}
	return answer, nil
}

// approvalTimeout is how long a question to a person stands.
func (c *Config) approvalTimeout() time.Duration {
	if c.ApprovalTimeout <= 0 {
		return defaultApprovalTimeout
	}
	return c.ApprovalTimeout
}

// refused is the error of a command that a person was to decide on and that does not run.
func (p *proposal) refused(message string, cause error) *errdefs.Error {
	e := refusal(p.verdict.decision)
	if cause != nil {
		message += ": " + cause.Error()
	}
	e.Code, e.Message = errdefs.Blocked, message
	return e.WithDetail("source", "approver").WithHint("it did not run; only a person's approval lets it run").WithCause(cause)
}

// remember keeps an answer. What has expired makes room; beyond the bound the question is simply asked again.
func (s *Session) remember(digest string, g grant) {
	if s.grants == nil {
		s.grants = make(grants)
	}
	now := time.Now()
	maps.DeleteFunc(s.grants, func(_ string, g grant) bool { return !now.Before(g.until) })
	if len(s.grants) < maxGrants {
		s.grants[digest] = g
	}
}
