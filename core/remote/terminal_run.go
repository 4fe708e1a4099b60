package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// exitSignals are the numbers of the signals that a protocol names, for the status that a shell would give.
var exitSignals = map[string]int{"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11,
	"USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "XCPU": 24, "XFSZ": 25, "INFO": 29, "SYS": 31}

// An exit is what the protocol told about the end of a program.
type exit struct {
	transport.Exit
	err error
}

// runOnTerminal runs one command on a terminal of its own; the session's shell waits meanwhile.
func (s *Shell) runOnTerminal(ctx context.Context, c engine.Command) engine.Outcome {
	begin := time.Now()
	out := engine.Outcome{Cwd: s.cwd, Env: s.env}
	s.drive(&driven{onTerminal: true})
	defer s.drive(nil)
	sink := c.Terminal
	if sink == nil {
		sink = io.Discard
	}
	t, err := s.openTerminal(ctx, c, sink)
	if err != nil {
		s.terminalFailed(ctx, &out, sink, err)
		out.Duration = time.Since(begin)
		return out
	}
	s.drive(&driven{onTerminal: true, terminal: t})
	if c.Input != nil {
		go func() { _, _ = io.Copy(typist{t}, c.Input) }()
	}
	e, known := t.wait(ctx, c.Timeout-time.Since(begin), c.Timeout > 0, &out)
	s.drive(nil)
	out.Duration = time.Since(begin)
	switch {
	case !known:
		out.Exited = !s.Alive()
	case e.err != nil || e.Missing:
		out.Lost, out.Exited = true, !s.Alive()
	case e.Signal != "":
		out.Status, out.Known = 128+exitSignals[e.Signal], true
	default:
		out.Status, out.Known = e.Code, true
	}
	var left []int
	if !out.Lost && s.Alive() {
		left, out.Jobs = t.look()
		out.Background = len(left) > 0
	}
	t.end(left)
	return out
}

// terminalFailed is what a command comes to whose terminal could not be had: it did not run.
func (s *Shell) terminalFailed(ctx context.Context, out *engine.Outcome, sink io.Writer, err error) {
	if out.Cancelled = ctx.Err() != nil; out.Cancelled {
		confirmed := true
		out.StopConfirmed = &confirmed
		return
	}
	if !s.Alive() {
		s.noteLoss()
		out.Exited, out.Lost, out.NotRun = true, s.Lost(), true
		return
	}
	e := errdefs.From(err)
	fmt.Fprintf(sink, "execkit: the command did not run: %s", e.Message)
	if e.Hint != "" {
		fmt.Fprintf(sink, " (%s)", e.Hint)
	}
	fmt.Fprintln(sink)
	out.Status, out.Known = 125, true
}

// firstLook and nextLook are how often it is made sure that a program that nothing is told of still runs.
const firstLook, nextLook = 2 * time.Second, 5 * time.Second

// runs says whether the program is there, as far as can be known.
func (t *terminal) runs() bool {
	text, err := t.ask("kill -0 " + strconv.Itoa(t.pid) + " 2>/dev/null && echo there; echo asked")
	return err != nil || strings.Contains(text, "there") || !strings.Contains(text, "asked")
}

// wait returns how the program ended; known is false where nothing told in time.
func (t *terminal) wait(ctx context.Context, limit time.Duration, limited bool, out *engine.Outcome) (e exit, known bool) {
	exited := make(chan exit, 1)
	go func() {
		e, err := t.process.Wait(context.Background())
		exited <- exit{e, err}
	}()
	var late <-chan time.Time
	if limited {
		timer := time.NewTimer(max(limit, 0))
		defer timer.Stop()
		late = timer.C
	}
	look := time.NewTimer(firstLook)
	defer look.Stop()
	for missed := 0; !out.Cancelled && !out.TimedOut; {
		select {
		case e := <-exited:
			t.drain(ctx)
			return e, true
		case <-t.shell.gone:
			return exit{}, false
		case <-ctx.Done():
			out.Cancelled = true
		case <-late:
			out.TimedOut = true
		case <-look.C:
			// A server may tell of the end only when nothing holds the terminal any more.
			if missed++; t.runs() {
				missed = 0
			}
			if missed > 1 {
				return exit{}, false
			}
			look.Reset(nextLook)
		}
	}
	confirmed := t.stop()
	out.StopConfirmed = &confirmed
	select {
	case e := <-exited:
		t.drain(ctx)
		return e, true
	case <-t.shell.gone:
	case <-time.After(giveUpAfter):
	}
	return exit{}, false
}

// drainFor is how long nothing may come of the output of a program that has ended until no more is waited for: something
// that it left behind may hold the terminal. It is longer than a reader of events is waited for.
const drainFor = 8 * time.Second

// drain waits for the end of the output.
func (t *terminal) drain(ctx context.Context) {
	for {
		before := t.moved.Load()
		select {
		case <-t.closed:
			return
		case <-t.shell.gone:
			return
		case <-time.After(drainFor):
			if t.moved.Load() == before || ctx.Err() != nil {
				return
			}
		}
	}
}

// A typist types what is written to it.
type typist struct{ t *terminal }

func (w typist) Write(p []byte) (int, error) {
	if err := w.t.typeKeys(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// typeKeys types p; secret keeps the terminal from showing it. It waits while the terminal is full.
func (t *terminal) typeKeys(p []byte, secret bool) error {
	t.typing.Lock()
	defer t.typing.Unlock()
	long := engine.LongestLine(p) > engine.MaxTerminalLine
	if long || secret {
		lines, echo, err := t.settings()
		switch {
		case err != nil && secret:
			return errdefs.New(errdefs.Unsupported, "the terminal might show the secret: its settings cannot be read").
				WithHint("give it by another way than the terminal").WithCause(err)
		case lines && long:
			return engine.ErrLineTooLong
		case secret && echo:
			if err := t.setEcho(false); err != nil {
				return errdefs.New(errdefs.Unsupported, "the terminal shows what is typed, and cannot be kept from it").
					WithHint("give the secret by another way than the terminal").WithCause(err)
			}
			defer t.showAgain()
		}
	}
	if _, err := t.process.Stdin().Write(p); err != nil {
		return errNoTerminal
	}
	return nil
}

// settings returns whether the terminal takes lines and whether it shows them.
func (t *terminal) settings() (lines, echo bool, err error) {
	text, err := t.ask("(stty -a <" + engine.Quote(t.path) + ") 2>/dev/null")
	if err != nil {
		return false, false, err
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n;", r) })
	known := 0
	for _, word := range words {
		switch word {
		case "icanon", "-icanon":
			lines = word == "icanon"
			known++
		case "echo", "-echo":
			echo = word == "echo"
			known++
		}
	}
	if known != 2 {
		return false, false, errors.New("stty told nothing")
	}
	return lines, echo, nil
}

// setEcho changes whether the terminal shows what is typed. The steward has no terminal of its own and gets none by
// opening this one: a child of it does that.
func (t *terminal) setEcho(on bool) error {
	flag := "-echo"
	if on {
		flag = "echo"
	}
	text, err := t.ask("(stty " + flag + " <" + engine.Quote(t.path) + ") 2>/dev/null && echo done")
	if err == nil && !strings.Contains(text, "done") {
		err = errors.New("stty failed")
	}
	return err
}

// showAgain has the terminal show what is typed, as it did, when the secret has surely arrived there. A program that
// changed the settings meanwhile has its own will.
func (t *terminal) showAgain() {
	time.Sleep(2*t.shell.roundTrip + askMargin)
	if lines, echo, err := t.settings(); err == nil && lines && !echo {
		_ = t.setEcho(true)
	}
}

func (t *terminal) ask(line string) (string, error) {
	ctx, cancel := t.shell.within(stewardTimeout)
	defer cancel()
	st, err := t.shell.host.steer(ctx)
	if err != nil {
		return "", err
	}
	return st.ask(ctx, line)
}

// resize changes the terminal's size; the foreground gets SIGWINCH.
func (t *terminal) resize(size engine.TTY) error {
	if r, ok := t.process.(transport.Resizer); ok {
		return r.Resize(transport.Size{Rows: size.Rows, Cols: size.Cols})
	}
	return errdefs.New(errdefs.Unsupported, "the transport cannot change the size of a terminal").WithHint("give the size when the command starts")
}
