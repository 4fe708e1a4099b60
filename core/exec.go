package execkit

import (
	"context"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/wire"
)

// Result is what one command came to.
type Result = wire.ExecResult

// ExecOptions hold for one command.
type ExecOptions struct {
	// Timeout is the deadline: the session's when 0, none when negative.
	Timeout time.Duration
	// Stdin is fed to the command; nil is end of file at once.
	Stdin []byte
	// StdinOpen keeps the input open for Running.Write, and lets prompts on /dev/tty wait for an answer. TTY runs the
	// command on a terminal of that size. Both are for Start, and for Exec with a Yield.
	StdinOpen bool
	TTY       *TTY
	// Yield, for Exec alone, returns after this time with what there is, and leaves the command running as a job; sooner
	// when the command waits for input that may be written. Its deadline is none when Timeout is 0. See Result.Running.
	Yield time.Duration
	// Budget replaces the session's.
	Budget *wire.Budget
	// Cwd and Env hold for this command only; a nil value removes a variable. What the command itself does to the same
	// variables does not last either.
	Cwd string
	Env map[string]*string
	// Raw returns both streams as base64 of the bytes as they came. With TTY the events are then what another terminal
	// needs to show the same, control sequences included: a line with a secret comes as text, and a full-screen program's
	// screen with one is painted anew.
	Raw bool
	// Approve answers what the policy asks about this command, in place of the session's Approver. ApproveByEvent, for
	// Start alone, asks with an approval_required event instead, which Running.Answer answers.
	Approve        Approver
	ApproveByEvent bool
	// QuestionsByEvent, for Start alone, puts what a server asks while the session reconnects for this command into a
	// question event, which Running.AnswerQuestion answers. The session needs a Config.Ask.
	QuestionsByEvent bool
	// OnStart, for Exec with a Yield, is given the command when it was started, for a reader of its events.
	OnStart func(*Running)
	// Traceparent is the caller's place in a trace; the command's span stands below it.
	Traceparent string
}

// exitTimedOut is the exit code of a command that reached its deadline, as timeout(1) has it.
const exitTimedOut = 124

// Exec runs a command to its end and returns its result. When ctx ends first, the command is stopped and the error is
// [ErrCancelled], with the result so far in Details["result"]; the session stays usable.
func (s *Session) Exec(ctx context.Context, command string, o ExecOptions) (*Result, error) {
	if o.ApproveByEvent {
		return nil, errdefs.New(errdefs.InvalidArgument, "an approval by event needs a command that is started").
			WithHint("use Start (exec.start), or give an approver")
	}
	if o.QuestionsByEvent {
		return nil, errdefs.New(errdefs.InvalidArgument, "a question by event needs a command that is started").
			WithHint("use Start (exec.start), or give the context an asker")
	}
	if o.Yield > 0 {
		return s.execYield(ctx, command, o)
	}
	if o.StdinOpen || o.TTY != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "nobody could write to a command that is waited for").
			WithHint("use Start (exec.start), or give yield_ms, for open input or a tty")
	}
	p, err := s.propose(command, o)
	if err != nil {
		return nil, err
	}
	return p.run(ctx)
}

// ExecSoon is Exec for a caller that would rather not wait: it waits for the command no longer than the given time, a few
// milliseconds at most, and returns what Exec returns or the rest of it, which must be called once, by any goroutine.
// Where only the start would take longer, as where a person has to be asked or a connection opened, that is in the
// rest too.
func (s *Session) ExecSoon(ctx context.Context, command string, o ExecOptions, within time.Duration) (r *Result, rest func() (*Result, error), err error) {
	if o.Yield > 0 || o.ApproveByEvent || o.QuestionsByEvent || o.StdinOpen || o.TTY != nil {
		return nil, func() (*Result, error) { return s.Exec(ctx, command, o) }, nil
	}
	p, err := s.propose(command, o)
	if err != nil {
		return nil, nil, err
	}
	if p.asks() || !s.ready() || o.Cwd != "" || len(o.Env) > 0 {
		return nil, func() (*Result, error) { return p.run(ctx) }, nil
	}
	job, err := p.admit(ctx, s.approver(o))
	if err != nil {
		return nil, nil, err
	}
	return job.runSoon(ctx, within)
}

// ready reports whether nothing but the command itself can take long: its shell lives, and neither a record that is sent
// somewhere nor a checkpoint comes before it.
func (s *Session) ready() bool {
	s.mu.Lock()
	sh := s.shell
	s.mu.Unlock()
	_, soon := sh.(soonShell)
	return soon && sh.Alive() && s.undo == nil && s.audit == nil
}

// A job is one command that holds the session until it has run.
type job struct {
	session        *Session
	shell          shell
	asked          string          // the command that was judged; command holds what the policy lets run
	script         *command.Script // asked as it was parsed; see verdict
	decision       wire.Decision
	command        engine.Command
	apart          bool            // it runs in another shell than the session's
	undo           *engine.Command // takes back what held for this command only; nil for nothing
	raw            bool
	stdout, stderr *capture
	found          *findings        // nil where the output is not read for events
	mark           *checkpoint.Mark // nil where the workspace is not looked at
	// execID joins the audit records of the command; intent is the number of the first.
	execID  string
	trace   *trace
	intent  int64
	tty     *capture // what goes to the terminal; nil where nobody reads it
	limits  budget.Options
	running *Running // with live, nil for a command that is not driven
	live    *livePart
	late    *backgroundJob // nil where nothing was left running
	over    *errdefs.Error // says which quota stopped the command, if one did

	// guarded by session.mu: settled says that what the command changed is being taken over by the session, detached
	// that the session went on without it, in another shell.
	settled, detached bool
}

// A proposal is a command that holds the session while it is decided whether it may run.
type proposal struct {
	session *Session
	command string // an edit replaces it
	options ExecOptions
	verdict verdict
	limits  budget.Options
	running *Running // nil for a command that is waited for
	trace   *trace
	tell    func(Event) // for what the output tells; nil without a reader of events
}

// propose checks everything that can be refused without asking anyone and takes the session. The proposal must be
// admitted.
func (s *Session) propose(command string, o ExecOptions) (_ *proposal, err error) {
	if err := checkCommand(command); err != nil {
		return nil, err
	}
	if err := checkLive(&o); err != nil {
		return nil, err
	}
	b := o.Budget
	if b == nil {
		b = s.config.Budget
	}
	limits, err := budget.FromWire(b)
	if err != nil {
		return nil, err
	}
	s.meter.touch()
	if !s.take() {
		if err := s.usable(); err != nil {
			return nil, err
		}
		return nil, errdefs.New(errdefs.SessionBusy, "session %s runs another command", s.id).
			WithHint("wait for it, or use a second session")
	}
	p := &proposal{session: s, command: command, options: o, limits: limits}
	defer func() {
		if err != nil {
			err = p.blocked(err)
			p.trace.refused(err)
			s.running.Unlock()
		}
	}()
	if p.trace, err = s.startTrace(o.Traceparent); err != nil {
		return nil, err
	}
	if err := s.usable(); err != nil {
		return nil, err
	}
	defer p.trace.stage("execkit.policy")()
	if err := s.guard.admitEnv(o.Env); err != nil {
		return nil, err
	}
	if err := s.target.drives(&o); err != nil {
		return nil, err
	}
	if o.TTY != nil {
		if err := s.guard.admitTerminal(); err != nil {
			return nil, err
		}
	}
	// Nothing of a command reaches a shell before the policy has let it through.
	if p.verdict, err = s.guard.judgeIn(command, p.apart()); err != nil {
		return nil, s.hideSecrets(err)
	}
	if p.options.Stdin, err = s.guard.judgeStdin(&p.verdict, o.Stdin); err != nil {
		return nil, s.hideSecrets(err)
	}
	return p, nil
}

func (p *proposal) run(ctx context.Context) (*Result, error) {
	job, err := p.admit(ctx, p.session.approver(p.options))
	if err != nil {
		return nil, err
	}
	return job.run(ctx)
}

// apart says that the command runs in another shell than the session's.
func (p *proposal) apart() bool { return p.session.target.apart(&p.options) }

// asks reports whether a person has to be asked first.
func (p *proposal) asks() bool { return p.verdict.decision.Decision == policy.Ask }

// admit has a person asked where the policy wants one and makes the command ready. The job must be run; after an error
// the session is free again.
func (p *proposal) admit(ctx context.Context, approve Approver) (_ *job, err error) {
	s := p.session
	defer func() {
		if err != nil {
			err = p.blocked(err)
			p.trace.refused(err)
			s.running.Unlock()
		}
	}()
	var agreed string
	if p.asks() {
		answered := p.trace.stage("execkit.approval")
		agreed, err = p.approval(ctx, approve)
		if answered(); err != nil {
			return nil, s.hideSecrets(err)
		}
	}
	prelude, text, err := s.guard.emit(p.command, p.verdict)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	shell, err := s.liveShell(ctx)
	if err != nil {
		return nil, err
	}
	if agreed != "" && agreed != p.digest() {
		// A shell that had to be replaced may be in another directory than the one that the person read.
		return nil, p.refused("the directory changed after a person approved the command", nil)
	}
	if p.options.TTY != nil {
		p.options.Env = s.terminalEnv(p.options.Env)
	}
	first, undo, err := s.forOneCommand(ctx, shell, p.options)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	if p.apart() {
		undo = nil // it lasts for the command alone
	}
	first.Prelude = prelude + first.Prelude
	mark, err := s.beforeCommand(ctx, p.command, p.options.Env)
	if err != nil {
		return nil, err
	}
	s.redact.LearnCommand(p.command)
	for name, value := range p.options.Env {
		if value != nil {
			learnEnv(s.redact, map[string]string{name: *value})
		}
	}
	raw := p.options.Raw
	j := &job{session: s, shell: shell, command: first, undo: undo, raw: raw, mark: mark, trace: p.trace, apart: p.apart(),
		asked: p.command, script: p.verdict.script, decision: p.verdict.decision, limits: p.limits,
		stdout: newCapture(limitsOf(p.limits, "stdout"), s.redact, raw), stderr: newCapture(limitsOf(p.limits, "stderr"), s.redact, raw)}
	j.watch(p.tell)
	j.command.Text, j.command.Stdin, j.command.Timeout = text, p.options.Stdin, s.timeout(p.options.Timeout)
	j.command.Stdout, j.command.Stderr = j.stdout, j.stderr
	j.command.Late = j.lateOutput
	if p.running != nil {
		j.tty = newCapture(limitsOf(p.limits, "stdout"), s.redact, raw)
		p.running.attach(j, s.guard.typing(p.verdict))
	}
	j.stdout.meter, j.stderr.meter = s.meter, s.meter
	if j.tty != nil {
		j.tty.meter = s.meter
	}
	if err := s.meter.command(); err != nil {
		return nil, err
	}
	// Nothing reaches the shell before it is on record that it will.
	if err := p.intent(j); err != nil {
		return nil, err
	}
	s.setBusy()
	return j, nil
}

// A soonShell can say soon what a short command came to; see [engine.Shell.RunSoon].
type soonShell interface {
	RunSoon(ctx context.Context, c engine.Command, within time.Duration) (engine.Outcome, func() engine.Outcome)
}

func (j *job) run(ctx context.Context) (*Result, error) {
	defer j.release()
	metered, ended := j.begin(ctx)
	out := j.shell.Run(metered, j.command)
	ended()
	return j.finish(ctx, out)
}

// begin returns the context in which the command runs, which a quota may end, and what notes that it has ended.
func (j *job) begin(ctx context.Context) (metered context.Context, ended func()) {
	ran := j.trace.stage("execkit.run")
	metered, over := j.session.meter.begin(ctx)
	return metered, func() {
		j.over = over()
		ran()
	}
}

// runSoon is run on a soonShell.
func (j *job) runSoon(ctx context.Context, within time.Duration) (r *Result, rest func() (*Result, error), err error) {
	lasts := false
	defer func() {
		if !lasts {
			j.release()
		}
	}()
	metered, ended := j.begin(ctx)
	out, await := j.shell.(soonShell).RunSoon(metered, j.command, within)
	if lasts = await != nil; lasts {
		return nil, func() (*Result, error) {
			defer j.release()
			out := await()
			ended()
			return j.finish(ctx, out)
		}, nil
	}
	ended()
	r, err = j.finish(ctx, out)
	return r, nil, err
}

// finish takes over what the command changed and says what it came to.
func (j *job) finish(ctx context.Context, out engine.Outcome) (*Result, error) {
	if !out.NotRun && !j.apart {
		j.session.guard.ran(j.asked, j.script)
	}
	if !j.settle() {
		return j.finishDetached(ctx, out)
	}
	if j.undo != nil && !out.Exited {
		restored := j.shell.Run(context.WithoutCancel(ctx), *j.undo)
		out.Cwd, out.Env, out.Exited, out.State = restored.Cwd, restored.Env, restored.Exited, restored.State
	}
	drift := j.session.drifted(out, j.decision.ApprovedBy != "")
	result := j.session.result(j, out)
	j.describe(result)
	if drift != "" {
		j.session.replaceShell(drift, result)
	} else if out.Exited {
		j.session.guard.renew()
	}
	j.session.lastCode = result.ExitCode
	if hint := j.session.afterCommand(ctx, j.mark, out.Jobs); hint != "" {
		if result.Hint != "" {
			hint = result.Hint + "; " + hint
		}
		result.Hint = hint
	}
	return j.conclude(ctx, out, result)
}

// conclude records what the command came to and says it.
func (j *job) conclude(ctx context.Context, out engine.Outcome, result *Result) (*Result, error) {
	r, err := j.recorded(ctx, out, result)
	j.trace.finished(result, err)
	return r, err
}

func (j *job) recorded(ctx context.Context, out engine.Outcome, result *Result) (*Result, error) {
	result.Decision = j.session.shown(j.decision)
	err := j.outcome(result, out)
	if out.Lost {
		return nil, j.session.lostError(out, result)
	}
	if err != nil {
		return nil, err
	}
	if j.over != nil {
		return nil, j.over.WithOutcome(errdefs.Ran).WithDetail("result", result)
	}
	if out.Cancelled {
		return nil, errdefs.New(errdefs.Cancelled, "the command was cancelled and stopped after %d ms", result.DurationMS).
			WithOutcome(errdefs.Ran).WithDetail("result", result).WithCause(ctx.Err())
	}
	return result, nil
}

// hideSecrets redacts the texts of an error that quotes a command.
func (s *Session) hideSecrets(err error) error {
	e := errdefs.From(err)
	e.Message = redactText(s.redact, e.Message)
	e.Hint = redactText(s.redact, e.Hint)
	for name, detail := range e.Details {
		if text, ok := detail.(string); ok {
			e.Details[name] = redactText(s.redact, text)
		}
	}
	if rules, ok := e.Details["rules"].([]wire.RuleRef); ok {
		e.Details["rules"] = s.shownRules(rules)
	}
	return e
}

// shown is a decision for results, redacted: reasons quote the command.
func (s *Session) shown(d wire.Decision) *wire.Decision {
	d.Reason, d.ApprovedBy, d.Rules = redactText(s.redact, d.Reason), redactText(s.redact, d.ApprovedBy), s.shownRules(d.Rules)
	return &d
}

func (s *Session) shownRules(rules []wire.RuleRef) []wire.RuleRef {
	rules = slices.Clone(rules) // they may be those of the policy
	for i := range rules {
		rules[i].Reason = redactText(s.redact, rules[i].Reason)
	}
	return rules
}

// undoTimeout bounds the restoring of what held for one command; it is a cd and a few exports, and on another machine a
// round trip.
const undoTimeout = 15 * time.Second

// forOneCommand returns a command that sets o.Cwd and o.Env, and one that takes them back, or nil if there is nothing
// to take back.
func (s *Session) forOneCommand(ctx context.Context, sh shell, o ExecOptions) (first engine.Command, undo *engine.Command, err error) {
	if err := checkEnv(o.Env); err != nil {
		return first, nil, err
	}
	if o.Cwd == "" && len(o.Env) == 0 {
		return first, nil, nil
	}
	s.mu.Lock()
	cwd, env := s.cwd, s.env // replaced by commands alone, and none runs
	s.mu.Unlock()
	undo = &engine.Command{Text: ":", Own: true, Timeout: undoTimeout, Stdout: io.Discard, Stderr: io.Discard}
	if o.Cwd != "" {
		first.Dir, undo.Dir = o.Cwd, cwd
		if !filepath.IsAbs(first.Dir) {
			first.Dir = filepath.Join(cwd, first.Dir)
		}
		if err := s.target.checkDir(ctx, sh, first.Dir); err != nil {
			return first, nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		first.Prelude += assign(name, o.Env[name])
		var before *string
		if value, ok := env[name]; ok {
			before = &value
		}
		undo.Prelude += assign(name, before)
	}
	return first, undo, nil
}

func assign(name string, value *string) string {
	if value == nil {
		return "\\unset -v " + name + "\n"
	}
	return "\\export " + name + "=" + engine.Quote(*value) + "\n"
}

// limitsOf returns the budget of one stream: the default one where the caller's is for the other.
func limitsOf(o budget.Options, stream string) budget.Options {
	if o.Stream == "both" || o.Stream == stream {
		return o
	}
	return budget.Default()
}

// checkCommand refuses what no shell can be given as it is.
func checkCommand(command string) error {
	if i := strings.IndexByte(command, 0); i >= 0 {
		return errdefs.New(errdefs.InvalidArgument, "the command holds a NUL byte at offset %d", i).
			WithHint("a shell cannot take NUL; write it with printf '\\0'")
	}
	if !utf8.ValidString(command) {
		return errdefs.New(errdefs.InvalidArgument, "the command is not valid UTF-8").
			WithHint("write other bytes with printf '\\xNN'")
	}
	return nil
}

func (s *Session) setBusy() {
	s.mu.Lock()
	s.busy = true
	s.mu.Unlock()
}
