package execkit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/screen"
	"github.com/execkit/execkit/core/wire"
)

// TTY is the size of a terminal. Zero is 24 rows or 80 columns.
type TTY = wire.TTY

// MaxTTY is the most rows and columns that a terminal can have.
const MaxTTY = engine.MaxTTY

// A driver is a shell whose running command can be driven; a target that cannot do that has a shell without it.
type driver interface {
	Type(p []byte, secret bool) error
	Resize(size engine.TTY) error
	Signal(name string) (reached int, err error)
	Waiting() (engine.Wait, bool)
}

// A livePart is what a command has that is driven while it runs.
type livePart struct {
	input    *inputQueue    // nil without open input or a terminal
	screen   *screen.Screen // nil without a terminal of its own
	replies  chan string    // the screen's answers to the program
	out, err *liveCapture
	tty      *liveCapture
	passage  *passage // nil unless the terminal's events are for another terminal
	wrote    func()   // told when something was written to the command

	writing sync.Mutex // held while something is judged and written
	typing  *typing    // what stands between the writer and the command; nil until that is known

	mu      sync.Mutex
	driver  driver // nil until the command is handed to a shell, and when it has ended
	over    bool   // it has
	waiting *wire.Waiting
}

// checkTTY completes a size and refuses what no screen has.
func checkTTY(t *TTY) (*TTY, error) {
	if t == nil {
		return nil, nil
	}
	size := *t
	if size.Rows == 0 {
		size.Rows = 24
	}
	if size.Cols == 0 {
		size.Cols = 80
	}
	if size.Rows < 0 || size.Cols < 0 || size.Rows > engine.MaxTTY || size.Cols > engine.MaxTTY {
		return nil, errdefs.New(errdefs.InvalidArgument, "tty: a terminal of %d rows and %d columns", t.Rows, t.Cols).
			WithHint("give 1 to %d of each; 24 and 80 when left out", engine.MaxTTY).WithDetail("field", "tty")
	}
	return &size, nil
}

// checkLive refuses what cannot be asked for together.
func checkLive(o *ExecOptions) (err error) {
	if o.TTY, err = checkTTY(o.TTY); err != nil {
		return err
	}
	if o.Stdin != nil && (o.StdinOpen || o.TTY != nil) {
		return errdefs.New(errdefs.InvalidArgument, "stdin: the whole input is given, and more may come").
			WithHint("leave stdin out and write it while the command runs").WithDetail("field", "stdin")
	}
	return nil
}

func (r *Running) drive() (driver, error) {
	r.live.mu.Lock()
	defer r.live.mu.Unlock()
	if r.live.driver != nil {
		return r.live.driver, nil
	}
	if r.live.over || r.isOver() {
		return nil, notAttached("it has ended")
	}
	return nil, errdefs.New(errdefs.Unsupported, "the command cannot be driven: it waits for approval, or its target has no such power").
		WithHint("wait for the started event")
}

// WriteOptions say where input goes and what it is.
type WriteOptions struct {
	// To is "stdin" or "tty". Empty is the command's input: its terminal where it has one; and for a secret the place
	// where a password is waited for.
	To string
	// Secret says that the input answers a question for a secret: it is not echoed, and it is hidden wherever it turns
	// up from now on in this session, if it has at least six bytes.
	Secret bool
	// Private keeps the text out of the audit log, which then has its length alone: for what a person types, key by key,
	// where nobody can tell which of it is a password.
	Private bool
}

// Write gives input to the command and returns when it is taken: queued, where at most 256 KiB wait for a command that
// does not read. When ctx ends first, the error is [ErrLimitExceeded] and Details["written"] says how much was taken.
func (r *Running) Write(ctx context.Context, p []byte, o WriteOptions) error {
	to, err := r.destination(o)
	if err != nil {
		return err
	}
	if o.Secret {
		for _, line := range strings.FieldsFunc(string(p), func(c rune) bool { return c == '\n' || c == '\r' }) {
			r.session.redact.Learn(line)
		}
	}
	r.live.writing.Lock()
	defer r.live.writing.Unlock()
	r.mu.Lock()
	j := r.job
	r.mu.Unlock()
	if j == nil {
		return notAttached("it has not started yet")
	}
	if p, err = r.judge(to, p, o.Secret); err != nil {
		return r.session.hideSecrets(err)
	}
	if err := j.input(p, o.Secret || o.Private); err != nil {
		return err
	}
	return r.give(ctx, to, p, o.Secret)
}

// judge returns what of p the command may have now. A person at a prompt that hides what is typed answers a question
// and gives no command.
func (r *Running) judge(to string, p []byte, secret bool) ([]byte, error) {
	t := r.live.typing
	if w := r.Waiting(); secret && w != nil && w.Kind == "password" {
		return p, nil
	}
	if to == engine.WaitsOnTerminal && t.sessions != nil {
		if len(p) == 1 && strings.IndexByte("\x03\x04\x1a\x1c", p[0]) >= 0 {
			t.held = nil
			return p, nil // interrupts and ends, and is no part of a command
		}
		p = bytes.ReplaceAll(p, []byte("\r"), []byte("\n"))
	}
	pass, d := t.admit(p)
	if d.Decision != policy.Allow {
		t.held = nil // what was refused is not the beginning of what comes next
		return nil, inputRefused(d)
	}
	return pass, nil
}

func (r *Running) give(ctx context.Context, to string, p []byte, secret bool) error {
	r.live.wrote()
	if len(p) == 0 {
		return nil
	}
	if to == engine.WaitsOnStdin {
		_, err := r.live.input.write(ctx, p)
		return err
	}
	d, err := r.drive()
	if err != nil {
		return err
	}
	return r.typed(ctx, d, p, secret)
}

// typed types p; when ctx ends first, the rest is typed when the terminal has room, or dropped with the command's end.
func (r *Running) typed(ctx context.Context, d driver, p []byte, secret bool) error {
	done := make(chan error, 1)
	go func() {
		for {
			err := d.Type(p, secret)
			// The shell may not have been given the command yet.
			if !errors.Is(err, engine.ErrNoTerminal) || r.isOver() || ctx.Err() != nil {
				done <- err
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	select {
	case err := <-done:
		var refused *errdefs.Error
		switch {
		case errors.As(err, &refused):
			return refused
		case errors.Is(err, engine.ErrLineTooLong):
			return errdefs.New(errdefs.InvalidArgument, "%v", err).WithHint("send shorter lines, or run the command with stdin \"open\" and without a tty")
		case err != nil:
			return notAttached("it has ended, or has no terminal")
		}
		return nil
	case <-ctx.Done():
		return errdefs.New(errdefs.LimitExceeded, "the program does not read its terminal").WithOutcome(errdefs.Unknown).
			WithHint("wait until it does, or interrupt it").WithCause(ctx.Err())
	}
}

func (r *Running) destination(o WriteOptions) (string, error) {
	if r.live.input == nil {
		return "", notAttached("it was started without open input")
	}
	select {
	case <-r.done:
		return "", notAttached("it has ended")
	default:
	}
	to := o.To
	if to == "" && o.Secret {
		if w := r.Waiting(); w != nil {
			to = w.On
		}
	}
	switch {
	case to == "" && r.live.screen != nil, to == engine.WaitsOnTerminal:
		return engine.WaitsOnTerminal, nil
	case to == "" || to == engine.WaitsOnStdin:
		if r.live.screen != nil {
			return engine.WaitsOnTerminal, nil // the terminal is its stdin
		}
		return engine.WaitsOnStdin, nil
	}
	return "", errdefs.New(errdefs.InvalidArgument, "to: %s is neither \"stdin\" nor \"tty\"", errdefs.Quote(to)).WithDetail("field", "to")
}

// Keys presses named keys on the command's terminal, in order; see [KeyBytes].
func (r *Running) Keys(ctx context.Context, names ...string) error {
	var text strings.Builder
	for _, name := range names {
		sent, err := KeyBytes(name)
		if err != nil {
			return err
		}
		// A full-screen program may have asked for the other form of the cursor keys.
		if rest, ok := strings.CutPrefix(sent, "\x1b["); ok && len(rest) == 1 && r.live.screen != nil && r.live.screen.ApplicationCursor() {
			sent = "\x1bO" + rest
		}
		text.WriteString(sent)
	}
	return r.Write(ctx, []byte(text.String()), WriteOptions{To: engine.WaitsOnTerminal})
}

// CloseStdin ends the command's input; on a terminal it types Ctrl-D, which a program may take for something else.
func (r *Running) CloseStdin(ctx context.Context) error {
	to, err := r.destination(WriteOptions{})
	if err != nil {
		return err
	}
	if to == engine.WaitsOnTerminal {
		return r.Keys(ctx, "ctrl-d")
	}
	r.live.writing.Lock()
	defer r.live.writing.Unlock()
	if r.live.typing != nil {
		rest, d := r.live.typing.end()
		if d.Decision != policy.Allow {
			return r.session.hideSecrets(inputRefused(d))
		}
		if err := r.give(ctx, to, rest, false); err != nil {
			return err
		}
	}
	r.live.wrote()
	r.live.input.close()
	return nil
}

// Signal sends a signal, by its name in RFC 4254 ("INT", "TERM"), to every process of the command. The command goes on
// if it outlives that. It returns how many processes were reached: 0 where it has ended.
func (r *Running) Signal(name string) (reached int, err error) {
	if !engine.IsSignal(name) {
		return 0, unknownSignal(name)
	}
	if r.isOver() {
		return 0, nil
	}
	d, err := r.drive()
	if err != nil {
		return 0, err
	}
	return d.Signal(name)
}

// Interrupt sends a signal (INT when empty) to every process of the command that runs in the session, whoever started it.
// It returns how many it reached: 0 where none runs.
func (s *Session) Interrupt(signal string) (reached int, err error) {
	if signal == "" {
		signal = "INT"
	}
	if !engine.IsSignal(signal) {
		return 0, unknownSignal(signal)
	}
	s.mu.Lock()
	sh, busy, closed := s.shell, s.busy, s.closed
	s.mu.Unlock()
	if closed {
		return 0, s.closedError()
	}
	d, ok := sh.(driver)
	switch {
	case !busy || sh == nil:
		return 0, nil
	case !ok:
		return 0, errdefs.New(errdefs.Unsupported, "the target cannot signal a running command").WithHint("cancel the call instead")
	}
	return d.Signal(signal)
}

// Resize changes the size of the command's terminal.
func (r *Running) Resize(size TTY) error {
	full, err := checkTTY(&size)
	if err != nil {
		return err
	}
	if r.live.screen == nil {
		return noTTY()
	}
	d, err := r.drive()
	if err != nil {
		return err
	}
	for err := d.Resize(engine.TTY(*full)); err != nil; err = d.Resize(engine.TTY(*full)) {
		switch {
		case r.isOver():
			return notAttached("it has ended")
		case !errors.Is(err, engine.ErrNoTerminal):
			return errdefs.From(err)
		}
		time.Sleep(time.Millisecond) // the shell was not given the command yet
	}
	r.live.screen.Resize(full.Rows, full.Cols)
	return nil
}

func noTTY() error {
	return errdefs.New(errdefs.StdinNotAttached, "the command has no terminal of its own").WithHint("start it with a tty")
}

// Screen returns what the command's terminal shows, redacted. It stays readable when the command has ended.
func (r *Running) Screen() (*screen.Image, error) {
	if r.live.screen == nil {
		return nil, noTTY()
	}
	m := r.live.screen.Image()
	m.Redact(func(text string) string { return redactText(r.session.redact, text) })
	return m, nil
}

// Waiting returns what the command waits for, or nil while it does not wait.
func (r *Running) Waiting() *wire.Waiting {
	r.live.mu.Lock()
	defer r.live.mu.Unlock()
	return r.live.waiting
}

// All iterates over the events until the finished event was delivered or ctx ends. Breaking off leaves the command
// running; Stop ends it.
func (r *Running) All(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for {
			events, done := r.Events(ctx, 0)
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
			if done || len(events) == 0 && ctx.Err() != nil {
				return
			}
		}
	}
}

// answerPrograms types the screen's answers, beside the goroutine that reads the terminal: a full terminal must not
// keep it from being emptied.
func (r *Running) answerPrograms(d driver) {
	for {
		select {
		case text := <-r.live.replies:
			_ = d.Type([]byte(text), false)
		case <-r.done:
			return
		}
	}
}

// attach makes the command of a job one that r drives.
func (r *Running) attach(j *job, typing *typing) {
	l := &r.live
	l.typing = typing
	if j.stdout != nil {
		l.out, l.err = newLiveCapture(j.stdout, r.emitter("stdout")), newLiveCapture(j.stderr, r.emitter("stderr"))
	}
	j.command.Stdout, j.command.Stderr = l.out, l.err
	l.tty = newLiveCapture(j.tty, r.emitter("tty"))
	j.command.Terminal = l.tty
	if l.input != nil {
		j.command.Input = l.input
	}
	if l.screen != nil {
		size := *r.size
		j.command.TTY = &size
		j.command.Terminal = both{l.screen, l.tty}
		if j.raw {
			l.tty.out = nil
			l.passage = newPassage(l.screen, r.session.redact, r.emitter("tty"))
			j.command.Terminal = both{l.passage, l.tty}
		}
	}
	j.live, j.running = l, r
}

func (r *Running) emitter(stream string) func([]byte) {
	return func(p []byte) { r.output(stream, p) }
}

// both writes to the screen, or through a passage to it, and to what the result says.
type both struct {
	screen io.Writer
	tty    *liveCapture
}

func (b both) Write(p []byte) (int, error) {
	_, _ = b.screen.Write(p)
	return b.tty.Write(p)
}

// begin and ended bracket the time in which the command can be driven.
func (r *Running) begin(j *job) {
	r.mu.Lock()
	r.job = j
	r.mu.Unlock()
	r.touch()
	started := func() { r.push(Event{Type: "started", PID: j.shell.PID()}) }
	if j.apart {
		j.command.Begun = started
	} else {
		started()
	}
	d, ok := j.shell.(driver)
	if !ok {
		return
	}
	r.live.mu.Lock()
	r.live.driver = d
	r.live.mu.Unlock()
	if r.live.screen != nil {
		go r.answerPrograms(d)
	}
	if r.live.input != nil {
		go r.watchForInput(d)
	}
}

func (r *Running) ended() {
	r.live.mu.Lock()
	r.live.driver, r.live.waiting, r.live.over = nil, nil, true
	r.live.mu.Unlock()
	if r.live.input != nil {
		r.live.input.end()
	}
}

// prepareLive makes what the options of a command ask for.
func (r *Running) prepareLive(o ExecOptions) {
	r.live.wrote = func() {}
	if o.TTY != nil {
		size := engine.TTY(*o.TTY)
		r.size = &size
		r.live.replies = make(chan string, 64)
		r.live.screen = screen.New(size.Rows, size.Cols, func(text string) {
			select {
			case r.live.replies <- text:
			default: // nobody reads the terminal; a program that asks more than 64 times has its own fault
			}
		})
	}
	if o.TTY != nil || o.StdinOpen {
		r.live.input = newInputQueue()
		r.live.wrote = r.touch
	}
}

// touch notes activity, after which a wait is a new one.
func (r *Running) touch() {
	r.activity.Add(1)
	r.lastActive.Store(time.Now().UnixNano())
}
