package execkit

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/telemetry"
	"github.com/execkit/execkit/core/wire"
)

// A Session is a live shell with state. Its methods may be called concurrently; one command runs at a time.
type Session struct {
	id      string
	config  Config
	target  target
	outputs outputs
	guard   *guard
	redact  *redact.Redactor
	audit   *auditor
	meter   *meter // nil without quotas and an idle timeout
	trace   *trace // its span is sent when the session ends
	told    sync.Once
	// enforcement says what the kernel enforces.
	enforcement map[string]any

	running sync.Mutex // held while a command is decided on and runs
	grants  grants     // guarded by running
	pinned  pin        // guarded by running
	undo    *undo      // nil without a workspace
	// lastCode is the exit code of the last command, nil where there is none; left are processes that commands left
	// behind. Both are guarded by running.
	lastCode *int
	firstEnv map[string]string // the environment that the session opened with
	left     []engine.Process
	ended    context.Context
	end      context.CancelFunc // ends what waits for a person when the session closes

	mu     sync.Mutex // guards what follows
	shell  shell
	opened bool // cwd and env are those of a shell
	cwd    string
	env    map[string]string
	hint   string
	closed bool
	why    func() *errdefs.Error // what a call on the closed session is told, where nobody closed it
	busy   bool
	// lost says that the connection to the shell broke, reconnected that the next result has to tell of a new one.
	lost, reconnected bool

	jobs           jobTable
	yielded        *job    // of the running command, if it lets others go on
	detachedShells []shell // those of jobs that went on without the session
}

// Open opens a session on a target: "local" (or ""), or a URL such as ssh://user@host whose scheme is in
// Config.Transports; another target gives [ErrUnsupported]. ctx bounds the opening alone.
func Open(ctx context.Context, target string, config Config) (_ *Session, err error) {
	if _, err := budget.FromWire(config.Budget); err != nil {
		return nil, err
	}
	s := &Session{id: newID("s"), config: config}
	s.ended, s.end = context.WithCancel(context.Background())
	s.config.Ask = s.askedBy(config.Ask)
	if s.guard, err = newGuard(&config); err != nil {
		return nil, err
	}
	if s.meter, err = newMeter(&config); err != nil {
		return nil, err
	}
	options := redact.Options{}
	if config.Redact != nil {
		options = *config.Redact
	}
	if s.redact, err = redact.New(options); err != nil {
		return nil, err
	}
	for _, secret := range []string{config.SSH.Password, config.SSH.KeyPassphrase} {
		s.redact.Learn(secret)
	}
	parent, err := telemetry.ParseTraceparent(config.Traceparent)
	if err != nil {
		return nil, err
	}
	if config.Telemetry != nil {
		s.trace = newTrace(s, "execkit.session", parent)
	}
	if s.audit, err = newAuditor(s, config.Audit); err != nil {
		return nil, s.hideSecrets(err)
	}
	if err = s.begin(ctx, target); err != nil {
		_ = s.Close()
		return nil, s.hideSecrets(err)
	}
	return s, nil
}

// begin reaches the target and opens the first shell.
func (s *Session) begin(ctx context.Context, target string) (err error) {
	t, err := newTarget(ctx, target, &s.config)
	if err != nil {
		return err
	}
	s.target = t
	if s.enforcement, err = confine(s.target, s.guard); err != nil {
		return err
	}
	if err = s.meter.enforce(s.target, s.enforcement); err != nil {
		return err
	}
	if _, err = s.liveShell(ctx); err != nil {
		return err
	}
	learnEnv(s.redact, s.env)
	s.pinned.env, s.firstEnv = s.env, s.env
	if err = s.guard.pin(ctx, s.target, s.env["PATH"]); err != nil {
		return err
	}
	if err = s.openWorkspace(ctx); err != nil {
		return err
	}
	info := s.Info()
	if s.trace != nil {
		s.trace.set("execkit.transport", info.Transport)
		s.trace.sink.Count("execkit.sessions", "{session}", 1, telemetry.Attribute{Name: "transport", Value: info.Transport})
	}
	if err := s.audit.opened(info); err != nil {
		return err
	}
	s.meter.start(s)
	return nil
}

// newID returns an identifier that cannot be guessed.
func newID(prefix string) string { return prefix + "_" + strings.ToLower(rand.Text()) }

// ID returns the identifier of the session, random and never used again.
func (s *Session) ID() string { return s.id }

// String names the session. Its fields hold secrets, such as the environment, and are not for showing.
func (s *Session) String() string { return "execkit session " + s.id }

// GoString is String for %#v.
func (s *Session) GoString() string { return s.String() }

// Info describes the session.
func (s *Session) Info() wire.SessionInfo {
	cwd := s.shownCwd()
	s.mu.Lock()
	defer s.mu.Unlock()
	info := wire.SessionInfo{
		SessionID: s.id, Cwd: cwd,
		Enforcement: map[string]any{"policy": s.guard.judges, "fence": s.guard.fence}, Warnings: s.guard.warnings,
		Label: redactText(s.redact, s.config.Label), Busy: s.busy,
	}
	maps.Copy(info.Enforcement, s.enforcement)
	s.target.describe(&info)
	if s.shell != nil {
		info.PID = s.shell.PID()
	}
	return info
}

// shownCwd returns the session's directory as a caller may see it.
func (s *Session) shownCwd() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return redactText(s.redact, s.cwd)
}

// liveShell returns the shell, opening a fresh one with the last known directory and exported environment where the
// last command ended it. The session is held, so that one call at a time opens one.
func (s *Session) liveShell(ctx context.Context) (shell, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, s.closedError()
	}
	if s.shell != nil && s.shell.Alive() {
		return s.shell, nil
	}
	if s.shell != nil {
		// Before it is closed, after which every connection looks broken.
		if breakable, ok := s.shell.(interface{ Lost() bool }); ok && breakable.Lost() {
			s.lost = true
		}
		s.shell.Close()
		s.shell, s.hint = nil, "the shell had ended between commands; this one ran in a fresh shell with directory and exported environment restored"
	}
	if s.lost && s.config.Reconnect != nil && !*s.config.Reconnect {
		return nil, errdefs.New(errdefs.ConnectionLost, "the connection to the target broke, and the session does not reconnect").
			WithHint("open a new session, or one with reconnect").WithSession(errdefs.Closed)
	}
	var last *state
	if s.opened {
		last = &state{cwd: s.cwd, env: s.env}
		if _, err := s.audit.append(&audit.Record{Kind: audit.Reconnect, Cwd: redactText(s.redact, s.cwd)}); err != nil {
			return nil, err
		}
	}
	// Not under the lock: a connection can take long, and one that asks a person as long as a person does.
	s.mu.Unlock()
	sh, now, hint, err := s.target.open(ctx, last)
	s.mu.Lock()
	if err == nil && s.closed {
		sh.Close()
		return nil, s.closedError()
	}
	if err != nil && s.opened && endsSession(err) {
		// Somebody else answers in the target's place. That must not look like a failure to try again.
		s.closed = true
		e := *errdefs.From(err)
		return nil, e.WithSession(errdefs.Closed)
	}
	if err != nil {
		return nil, err
	}
	if hint != "" {
		s.hint = hint
	}
	if s.lost {
		s.lost, s.reconnected, s.hint = false, true, reconnectedHint
		if hint != "" {
			s.hint += "; " + hint
		}
	}
	s.shell, s.opened, s.cwd, s.env = sh, true, now.cwd, now.env
	s.pinned.state = "" // a new shell starts from its own
	return sh, nil
}

// endsSession tells a target that is no longer the one it was from one that cannot be reached now.
func endsSession(err error) bool {
	e := errdefs.From(err)
	return e.Code == errdefs.HostKeyChanged || e.Session == errdefs.Closed
}

const reconnectedHint = "the connection had broken; this command ran in a fresh shell with directory and exported environment restored, and what ran before may have been cut off"

// lostError is what a command comes to whose connection broke. It is never run again.
func (s *Session) lostError(out engine.Outcome, r *Result) error {
	e := errdefs.New(errdefs.ConnectionLost, "the connection to the target broke while the command ran")
	e.WithHint("look whether it did its work before you run it again; the next command reconnects").WithOutcome(errdefs.Unknown)
	e.WithDetail("result", r)
	if out.NotRun {
		e.Message = "the connection to the target broke before the command was handed over"
		e.WithHint("run it again").WithOutcome(errdefs.NotRun)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
	if s.config.Reconnect != nil && !*s.config.Reconnect {
		s.closed = true
		e.WithSession(errdefs.Closed)
	}
	return e
}

// closedError is what a call on a closed session comes to. s.mu is held, or the session is closed for good.
func (s *Session) closedError() error {
	if s.why != nil {
		return s.why()
	}
	return errdefs.New(errdefs.SessionClosed, "session %s is closed", s.id).WithHint("open a new session").WithSession(errdefs.Closed)
}

// Close ends the shell and what runs in its terminal session, a running command too, and every job. It may be called
// twice.
func (s *Session) Close() error {
	_, err := s.End()
	return err
}

// End is Close, and tells how many processes of jobs it ended.
func (s *Session) End() (ended int, err error) {
	s.mu.Lock()
	shell := s.shell
	s.shell, s.closed = nil, true
	s.mu.Unlock()
	s.end()
	ended = s.endJobs()
	s.outputs.drop()
	if shell != nil {
		shell.Close()
	}
	if s.undo != nil {
		s.undo.files.Close()
	}
	if s.target != nil {
		err = s.target.close()
	}
	if s.audit != nil {
		s.awaitIdle()
	}
	err = errors.Join(err, s.audit.close(s.endedBy()))
	s.told.Do(func() { s.trace.end("") })
	return ended, err
}

// closeWait bounds how long Close waits for the command that it ended, so that its outcome is still recorded.
const closeWait = 2 * time.Second

func (s *Session) awaitIdle() {
	for deadline := time.Now().Add(closeWait); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if s.running.TryLock() {
			s.running.Unlock()
			return
		}
	}
}

// settle takes over what a command changed and returns the change of the exported environment.
func (s *Session) settle(out engine.Outcome) *wire.EnvDelta {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	delta := envDelta(s.env, out.Env)
	if out.Env != nil {
		s.env = out.Env
	}
	if out.Cwd != "" {
		s.cwd = out.Cwd
	}
	if out.Exited {
		s.shell = nil
		if s.config.CloseOnExit {
			s.closed = true
		}
	}
	return delta
}

// shellOwn are variables that bash changes by itself; the result has the directory in a field of its own.
var shellOwn = []string{"PWD", "OLDPWD", "SHLVL", "_"}

func envDelta(before, after map[string]string) *wire.EnvDelta {
	// A shell whose environment is what it was gives the same map again.
	if after == nil || reflect.ValueOf(after).Pointer() == reflect.ValueOf(before).Pointer() {
		return nil
	}
	d := &wire.EnvDelta{}
	for name, value := range after {
		if old, ok := before[name]; (!ok || old != value) && !slices.Contains(shellOwn, name) {
			if d.Set == nil {
				d.Set = make(map[string]string)
			}
			d.Set[name] = value
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok && !slices.Contains(shellOwn, name) {
			d.Unset = append(d.Unset, name)
		}
	}
	if d.Set == nil && d.Unset == nil {
		return nil
	}
	slices.Sort(d.Unset)
	return d
}

// timeout returns the deadline of a command; 0 is none.
func (s *Session) timeout(asked time.Duration) time.Duration {
	for _, d := range []time.Duration{asked, s.config.Timeout, DefaultTimeout} {
		if d != 0 {
			return max(d, 0)
		}
	}
	return 0
}
