package remote

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
)

// Run runs one command to its end. It always returns: at completion, or soon after the timeout or the end of ctx.
func (s *Shell) Run(ctx context.Context, c engine.Command) engine.Outcome {
	s.running.Lock()
	defer s.running.Unlock()
	if !s.Alive() {
		s.noteLoss()
		return engine.Outcome{Exited: true, Lost: s.Lost(), NotRun: true, Cwd: s.cwd, Env: s.env}
	}
	if c.TTY != nil {
		return s.runOnTerminal(ctx, c)
	}
	to, lent, err := s.lendStreams(ctx, c)
	if err != nil {
		return s.cannotFeed(c, err)
	}
	w := &watch{shell: s, command: c, begin: time.Now(), to: to, interrupted: ctx.Done()}
	w.out, w.err = s.out, s.err
	w.silent = []*stream{s.err}
	if lent != nil {
		w.out, w.err = lent.out, lent.err
		w.silent = append(w.silent, lent.out, lent.err)
	}
	w.out.setSink(c.Stdout)
	w.err.setSink(c.Stderr)
	line := s.says.command
	if s.leavesAll(c, w.to) {
		line = s.says.brief
	}
	s.mu.Lock()
	s.watch = w
	s.mu.Unlock()
	s.drive(&driven{})
	w.turn(func(nonce uint64) string { return line(c, s.last, w.to, nonce) })
	rep, end := w.wait()
	s.drive(nil)
	s.mu.Lock()
	s.watch = nil
	s.mu.Unlock()
	w.out.setSink(nil)
	w.err.setSink(nil)
	for _, stream := range append(w.silent, s.out) {
		stream.forget()
	}
	out := engine.Outcome{TimedOut: w.timedOut, Cancelled: w.cancelled, Duration: time.Since(w.begin)}
	switch end {
	case shellEnded:
		s.exited(&out)
	case shellLost:
		out.Exited = true
		confirmed := s.end()
		out.StopConfirmed = &confirmed
	case commandEnded:
		s.learn(rep, c.Own)
		out.Status, out.Known, out.PipeStatus = rep.Status, true, rep.PipeStatus
		if lent != nil || len(c.Stdin) > 0 || c.Input != nil {
			out.Jobs = s.look(context.WithoutCancel(ctx), lent)
			out.Background = len(out.Jobs) > 0
		}
	}
	if w.stopper != nil && end != shellLost {
		out.StopConfirmed = &w.stopper.confirmed
	}
	out.Cwd, out.Env = s.cwd, s.env
	return out
}

// cannotFeed is the outcome of a command whose input cannot be given: it did not run.
func (s *Shell) cannotFeed(c engine.Command, err error) engine.Outcome {
	fmt.Fprintf(c.Stderr, "execkit: the input cannot be fed: %v\n", err)
	return engine.Outcome{Status: 125, Known: true, Cwd: s.cwd, Env: s.env}
}

// exited fills in how the shell ended.
func (s *Shell) exited(out *engine.Outcome) {
	out.Exited = true
	e := s.ended()
	if e.told {
		out.Status, out.Known = e.status, true
		if e.status >= signalled {
			out.Status -= signalled
			out.Signal = out.Status - 128
		}
	} else {
		s.noteLoss()
		out.Lost = s.Lost()
	}
	s.end()
}

// noteLoss finds out whether a shell whose supervisor told nothing was cut off. A program that ended with a status was
// not: then something on the target killed the supervisor.
func (s *Shell) noteLoss() {
	if e := s.ended(); e.told || !e.over() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	exit, err := s.process.Wait(ctx)
	s.lost.Store(err != nil || exit.Missing)
}

func (s *Shell) learn(r report, own bool) {
	if own {
		r.Status = s.last.Status
	}
	changed := r.Env != s.last.Env
	if r.cwd == "" {
		r.cwd = s.last.cwd
	}
	s.last, s.cwd = r, r.cwd
	if changed || s.env == nil {
		s.env = engine.ParseExports(r.Env)
		for _, name := range []string{"POSIXLY_CORRECT", "__ek_b", "__ek_m", "__ek_n", "__ek_v", tagName} {
			delete(s.env, name)
		}
	}
}

// A turn is one line to the shell that will be answered with its own nonce.
type turn struct {
	prefix   string
	sent     time.Time
	status   int
	sections []string
	reported bool
	notBegun bool
	marked   []*stream // where else the nonce came
	started  bool
	told     bool // the status is known
	same     bool // and nothing else changed
}

// A watch waits for one command.
type watch struct {
	shell       *Shell
	command     engine.Command
	begin       time.Time
	to          streams
	out, err    *stream   // carry the command's output
	silent      []*stream // all that end in the nonce, but for the one with the report
	interrupted <-chan struct{}

	turns               []*turn // guarded by the shell's lock
	timedOut, cancelled bool
	stopper             *stopper
}

// An outcome of a watch.
type outcome int

const (
	commandEnded outcome = iota
	shellEnded           // the supervisor told so, or the streams ended
	shellLost            // the shell lives and cannot be had back
)

// turn sends a line with a fresh nonce.
func (w *watch) turn(line func(nonce uint64) string) {
	nonce := engine.NewNonce()
	for _, stream := range append(w.silent, w.shell.out) {
		stream.expect(nonce)
	}
	w.shell.mu.Lock()
	w.turns = append(w.turns, &turn{prefix: prefixOf(nonce), sent: time.Now()})
	w.shell.mu.Unlock()
	w.shell.send(line(nonce))
}

// wait returns when the last line was answered. The status is that of the first answer: lines are answered in order,
// and an abandoned one not at all.
func (w *watch) wait() (report, outcome) {
	for {
		w.shell.lookIn(w.nextLook())
		select {
		case <-w.shell.wake:
		case <-w.shell.looking.C:
			w.shell.lookAt = time.Time{}
		case <-w.shell.nudged:
		case <-w.interrupted:
			w.interrupted = nil
			w.cancelled = !w.timedOut
			w.stop()
		case <-w.shell.gone:
			return report{}, shellEnded
		}
		if w.shell.ended().over() {
			w.settle()
			return report{}, shellEnded
		}
		w.shell.mu.Lock()
		first := w.answered()
		w.shell.mu.Unlock()
		if first != nil && first.notBegun && !w.command.Own {
			return report{}, shellLost // no later command could be handed over either
		}
		if first != nil {
			if w.stopper != nil {
				w.stopper.finish()
			}
			return w.shell.says.parse(first.status, first.sections, w.shell.last), commandEnded
		}
		if w.command.Timeout > 0 && w.stopper == nil && time.Since(w.begin) >= w.command.Timeout {
			w.timedOut = true
			if w.command.Own {
				return report{}, shellLost // what does so little and hangs is no shell
			}
			w.stop()
		}
		if w.stopper != nil && w.stopper.gaveUp() {
			return report{}, shellLost
		}
		if w.mustAsk() {
			w.turn(func(nonce uint64) string { return w.shell.says.ask(w.shell.last, w.to, nonce) })
		}
	}
}

// settle waits for the end of stderr after that of stdout, so that what the shell wrote last is not lost.
func (w *watch) settle() {
	late := time.NewTimer(2 * time.Second)
	defer late.Stop()
	for !w.shell.ended().err {
		select {
		case <-w.shell.wake:
		case <-late.C:
			return
		case <-w.shell.gone:
			return
		}
	}
}

// note takes a mark; the shell's lock is held.
func (w *watch) note(m mark) {
	for _, t := range w.turns {
		switch {
		case m.ended:
			t.marked = append(t.marked, m.stream) // it can give no more
		case m.prefix != t.prefix:
		case m.value == commandStarts:
			t.started = true
		case m.stream != w.shell.out:
			t.marked = append(t.marked, m.stream)
			t.same = t.same || m.value == nothingNew
		case t.reported || len(t.sections) == reportSections:
		case m.index == 1:
			t.status, _ = strconv.Atoi(m.value)
			t.told = true
		default:
			t.sections = append(t.sections, string(m.text))
			t.reported = m.index == reportSections || endsReport(m.value)
			if t.notBegun = m.value == notBegun; t.notBegun {
				t.status = max(t.status, 1)
			}
		}
	}
}

// whole says whether a turn told everything that it has to tell on the shell's stdout.
func (t *turn) whole() bool { return t.reported || t.told && t.same }

// answered returns the turn that reports when the last line was answered whole; the shell's lock is held.
func (w *watch) answered() *turn {
	if len(w.turns) == 0 {
		return nil
	}
	last := w.turns[len(w.turns)-1]
	if !last.whole() || slices.ContainsFunc(w.silent, func(s *stream) bool { return !slices.Contains(last.marked, s) }) {
		return nil
	}
	return w.turns[slices.IndexFunc(w.turns, (*turn).whole)]
}

const (
	// askMargin is what a quick command may take beyond the round trip before a second line is sent. It costs a round
	// trip more where the command ends just then, and nothing where it ends later.
	askMargin = 30 * time.Millisecond
	// askAnyway is how long to wait for the mark before the command: where a shell cannot even fork there is none.
	askAnyway = 2 * time.Second
)

// mustAsk says whether the report must be asked for: once while the command runs, and again when a signal may have
// taken the line that asks.
func (w *watch) mustAsk() bool {
	if w.shell.sending.Load() {
		return false
	}
	w.shell.mu.Lock()
	defer w.shell.mu.Unlock()
	last := w.turns[len(w.turns)-1]
	waited := time.Since(last.sent)
	patience := 2*w.shell.roundTrip + askMargin
	if len(w.turns) == 1 {
		if w.shell.says.starts() && !last.started {
			return waited >= askAnyway+2*w.shell.roundTrip
		}
		return waited >= patience
	}
	return w.shell.signalled.Load() > last.sent.UnixNano() && waited >= w.shell.roundTrip+2*askMargin
}

func (w *watch) nextLook() time.Duration {
	d := 20 * time.Millisecond
	if len(w.turns) == 1 {
		d = askMargin
	} else if w.stopper == nil && w.shell.signalled.Load() <= w.turns[len(w.turns)-1].sent.UnixNano() {
		d = time.Second
	}
	if w.command.Timeout > 0 && w.stopper == nil {
		d = max(min(d, time.Until(w.begin.Add(w.command.Timeout))), time.Millisecond)
	}
	return d
}

func (w *watch) stop() {
	if w.stopper == nil {
		w.stopper = startStopper(w.shell)
	}
}

// mayLeaveJobs says whether a command can leave processes behind: an ampersand that is neither part of && nor of a
// redirection.
func mayLeaveJobs(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '&' {
			continue
		}
		if i+1 < len(text) && (text[i+1] == '&' || text[i+1] == '>') {
			i++
			continue
		}
		if i > 0 && strings.IndexByte("><|", text[i-1]) >= 0 {
			continue
		}
		return true
	}
	return false
}
