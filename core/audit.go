package execkit

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// AuditOptions say where the audit log of a session is and what happens when it cannot be written.
type AuditOptions struct {
	audit.Options
	// Continue lets commands run without a record where the log cannot be written; otherwise they do not run.
	Continue bool
	// Label names the agent in the records; the session's Label when empty.
	Label string
	// OutputBytes is how much of each stream of a result is recorded, from its beginning: 1,024 when 0, nothing when
	// negative.
	OutputBytes int
}

const (
	defaultAuditOutput = 1024
	maxAuditOutput     = 1 << 20
	// maxAuditStdin bounds what is recorded of a command's input.
	maxAuditStdin = 4096
)

// An auditor writes the records of one session. A nil one writes none.
type auditor struct {
	log     *audit.Writer
	source  audit.Source
	options AuditOptions

	// execs begins the identifiers of the session's commands, and count ends them: random bytes for each would cost a
	// tenth of a record.
	execs string
	count atomic.Int64

	mu     sync.Mutex
	failed error // of the last append, where commands go on without it
	closed bool
}

func (a *auditor) execID() string { return a.execs + "_" + strconv.FormatInt(a.count.Add(1), 10) }

// newAuditor opens the log. The source's target is filled in when the session is open.
func newAuditor(s *Session, o *AuditOptions) (*auditor, error) {
	if o == nil {
		return nil, nil
	}
	a := &auditor{options: *o, execs: newID("x")}
	if o.Dir != "" {
		if o.Path != "" {
			return nil, errdefs.New(errdefs.InvalidArgument, "audit: path and dir are both given").WithHint("give one of them").WithDetail("field", "audit")
		}
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "audit: %v", err).WithHint("give a directory that can be made").WithDetail("field", "audit")
		}
		a.options.Path = filepath.Join(o.Dir, fmt.Sprintf("%s-%d.jsonl", s.id, time.Now().UnixMilli()))
	}
	switch {
	case o.OutputBytes == 0:
		a.options.OutputBytes = defaultAuditOutput
	case o.OutputBytes > maxAuditOutput:
		return nil, errdefs.New(errdefs.InvalidArgument, "audit: output_bytes: %d is out of range", o.OutputBytes).
			WithHint("give at most %d", maxAuditOutput).WithDetail("field", "audit")
	}
	label := o.Label
	if label == "" {
		label = s.config.Label
	}
	a.source = audit.Source{
		Session: s.id, Label: redactText(s.redact, label), Policy: s.guard.digest(), Version: Version, PID: os.Getpid(),
	}
	var err error
	a.log, err = audit.OpenLog(a.options.Options)
	return a, err
}

// append writes a record. An error means that what the record announces must not happen.
func (a *auditor) append(r *audit.Record) (int64, error) {
	if a == nil {
		return 0, nil
	}
	r.Source = a.source
	seq, err := a.log.Append(r)
	if !a.options.Continue {
		return seq, err
	}
	a.mu.Lock()
	a.failed = err
	a.mu.Unlock()
	return seq, nil
}

// lapse says that the last record is missing, where commands go on without it.
func (a *auditor) lapse() string {
	if a == nil {
		return ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		return ""
	}
	return "there is no audit record of this command: " + errdefs.From(a.failed).Message
}

// record appends a record that is not about a command, such as a checkpoint. data must be redacted.
func (s *Session) record(kind audit.Kind, data map[string]any) (int64, error) {
	return s.audit.append(&audit.Record{Kind: kind, Data: data})
}

// opened records that the session is open.
func (a *auditor) opened(info wire.SessionInfo) error {
	if a == nil {
		return nil
	}
	a.source.Target = info.Target
	_, err := a.append(&audit.Record{Kind: audit.Open, Cwd: info.Cwd, Data: map[string]any{
		"transport": info.Transport, "shell": info.Shell, "shell_pid": info.PID, "enforcement": info.Enforcement,
	}})
	return err
}

// close records the end of the session and why it came, if nobody closed it, once, and closes the log.
func (a *auditor) close(reason string) error {
	if a == nil || a.log == nil {
		return nil
	}
	a.mu.Lock()
	closed := a.closed
	a.closed = true
	a.mu.Unlock()
	if closed {
		return nil
	}
	// A session that did not open has no target and no end.
	if a.source.Target == "" {
		return a.log.Close()
	}
	_, err := a.append(&audit.Record{Kind: audit.Close, Reason: reason})
	if closing := a.log.Close(); err == nil && !a.options.Continue {
		err = closing
	}
	return err
}

// commandRecord is the part that every record about a command has. shown is the command, redacted.
func commandRecord(kind audit.Kind, shown string) *audit.Record {
	r := &audit.Record{Kind: kind}
	if len(shown) > audit.MaxText {
		r.CommandBytes, r.CommandSHA256 = len(shown), audit.Sum(shown)
	}
	r.Command = audit.Cut(shown, audit.MaxText)
	return r
}

func ruleIDs(rules []wire.RuleRef) []string {
	var ids []string
	for _, rule := range rules {
		ids = append(ids, rule.ID)
	}
	return ids
}

// callersOwn fills in what the caller sets for one command.
func (s *Session) callersOwn(r *audit.Record, p *proposal) {
	r.Cwd = redactText(s.redact, p.directory())
	for _, entry := range p.env() {
		r.Env = append(r.Env, audit.Cut(redactText(s.redact, entry), maxAuditStdin))
	}
	if p.options.Stdin != nil {
		r.StdinBytes, r.Stdin = len(p.options.Stdin), s.shownInput(p.options.Stdin)
	}
}

// shownInput is the beginning of an input as it may be recorded. More is redacted than is kept, so that the cut cannot
// halve a secret.
func (s *Session) shownInput(data []byte) string {
	text := audit.Cut(string(data), audit.MaxText)
	if !utf8.ValidString(text) {
		return ""
	}
	return audit.Cut(redactText(s.redact, text), maxAuditStdin)
}

// intent records a command before it reaches the shell.
func (p *proposal) intent(j *job) error {
	s := p.session
	if s.audit == nil {
		return nil
	}
	j.execID = s.audit.execID()
	r := commandRecord(audit.Intent, redactText(s.redact, p.command))
	r.Exec, r.TimeoutMS = j.execID, j.command.Timeout.Milliseconds()
	r.Decision, r.Rules, r.ApprovedBy = p.verdict.decision.Decision, ruleIDs(p.verdict.decision.Rules), redactText(s.redact, p.verdict.decision.ApprovedBy)
	s.callersOwn(r, p)
	var err error
	j.intent, err = s.audit.append(r)
	return err
}

// outcome records what a command came to, and puts the number of the record into the result.
func (j *job) outcome(result *Result, out engine.Outcome) error {
	s := j.session
	if s.audit == nil {
		return nil
	}
	r := commandRecord(audit.Outcome, result.Command)
	r.Exec, r.Intent, r.Cwd, r.ExitCode, r.Signal, r.DurationMS = j.execID, j.intent, result.Cwd, result.ExitCode, result.Signal, &result.DurationMS
	r.TimedOut, r.Cancelled, r.ShellExited, r.Redactions = result.TimedOut, out.Cancelled, result.ShellExited, result.Redactions
	if n := s.audit.options.OutputBytes; n > 0 {
		r.Encoding, r.Stdout, r.Stderr = shownOutput(result, n)
	}
	if b := result.Budget["stdout"]; b != nil {
		r.StdoutBytes = b.BytesTotal
	}
	if b := result.Budget["stderr"]; b != nil {
		r.StderrBytes = b.BytesTotal
	}
	switch {
	case out.Lost:
		r.Code = string(errdefs.ConnectionLost)
	case j.over != nil:
		r.Code = string(j.over.Code)
	}
	seq, err := s.audit.append(r)
	if err != nil {
		return errdefs.From(err).WithOutcome(errdefs.Ran).WithDetail("result", result)
	}
	if seq != 0 {
		result.AuditSeq = &seq
	} else if result.Hint == "" {
		result.Hint = s.audit.lapse()
	}
	return nil
}

// shownOutput is the beginning of each stream as it is recorded. Of a result in base64, what is text is recorded as such: a
// person reads the log.
func shownOutput(r *Result, n int) (encoding, stdout, stderr string) {
	if r.Encoding != "base64" {
		return "", audit.Cut(r.Stdout, n), audit.Cut(r.Stderr, n)
	}
	out, isText := beginning(r.Stdout, n)
	errs, alsoText := beginning(r.Stderr, n)
	if isText && alsoText {
		return "", out, errs
	}
	n = n / 4 * 4
	return r.Encoding, audit.Cut(r.Stdout, n), audit.Cut(r.Stderr, n)
}

// beginning decodes the first n bytes of a stream in base64, up to the border of a rune, and reports whether they are text.
func beginning(encoded string, n int) (string, bool) {
	// One rune more than what is kept, so that it is known to be whole.
	data, err := base64.StdEncoding.DecodeString(encoded[:min(len(encoded), (n+utf8.UTFMax)/3*4+4)])
	if err != nil {
		return "", false
	}
	text := audit.Cut(string(data), n)
	return text, utf8.ValidString(text)
}

// blocked records a command that was refused, and adds the number of the record to the error.
func (p *proposal) blocked(err error) error {
	s := p.session
	e := errdefs.From(err)
	if s.audit == nil || e.Code == errdefs.AuditFailed {
		return err
	}
	r := commandRecord(audit.Block, redactText(s.redact, p.command))
	r.Code, r.Reason = string(e.Code), audit.Cut(redactText(s.redact, e.Message), audit.MaxText)
	r.Blocker, _ = e.Details["source"].(string)
	if rules, ok := e.Details["rules"].([]wire.RuleRef); ok {
		r.Rules = ruleIDs(rules)
	}
	s.callersOwn(r, p)
	seq, failed := s.audit.append(r)
	switch {
	case failed != nil:
		e.WithDetail("audit_error", errdefs.From(failed).Message)
	case seq != 0:
		e.WithDetail("audit_seq", seq)
	}
	return e
}

// answered records what a person decided about a command. A yes that cannot be recorded is none.
func (p *proposal) answered(who, answer string) error {
	s := p.session
	if s.audit == nil {
		return nil
	}
	r := commandRecord(audit.Approval, redactText(s.redact, p.command))
	r.Who, r.Answer, r.Digest, r.Rules = redactText(s.redact, who), answer, p.digest(), ruleIDs(p.verdict.decision.Rules)
	s.callersOwn(r, p)
	_, err := s.audit.append(r)
	return err
}

// input records what is written to the running command, before it is. Of what answers a question for a password only
// the length is recorded.
func (j *job) input(data []byte, secret bool) error {
	s := j.session
	if s.audit == nil {
		return nil
	}
	r := &audit.Record{Kind: audit.Input, Exec: j.execID, Intent: j.intent, StdinBytes: len(data)}
	if secret {
		r.Stdin = "[REDACTED]"
	} else {
		r.Stdin = s.shownInput(data)
	}
	if r.Stdin == "" && len(data) > 0 {
		r.Encoding, r.Stdin = "base64", base64.StdEncoding.EncodeToString([]byte(redactText(s.redact, string(data[:min(len(data), maxAuditStdin)]))))
	}
	_, err := s.audit.append(r)
	return err
}

// VerifyAudit checks an audit log; see [audit.Verify].
func VerifyAudit(path string, o audit.VerifyOptions) (*audit.Report, error) {
	return audit.Verify(path, o)
}
