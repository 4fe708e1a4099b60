package remote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
)

// A driven is the command that runs now, to those who drive it.
type driven struct {
	onTerminal bool
	terminal   *terminal // nil until it is open
}

// errNoTerminal says that a command has no terminal and will get none.
var errNoTerminal = errors.New("the command has no terminal")

// drive says what runs from now on. What is being done to the command before has ended when it returns, so that no
// signal of its own can hit the next one.
func (s *Shell) drive(now *driven) {
	s.driving.Lock()
	s.now = now
	s.driving.Unlock()
}

// keyboard returns the terminal of the command that runs now.
func (s *Shell) keyboard() (*terminal, error) {
	s.driving.Lock()
	defer s.driving.Unlock()
	switch now := s.now; {
	case now == nil || now.onTerminal && now.terminal == nil:
		return nil, engine.ErrNoTerminal // not yet
	case now.terminal == nil:
		return nil, errNoTerminal
	default:
		return now.terminal, nil
	}
}

// Type writes to the terminal of the running command, as a person's keys would. secret keeps the terminal from showing
// it. It waits while the terminal is full.
func (s *Shell) Type(p []byte, secret bool) error {
	t, err := s.keyboard()
	if err != nil {
		return err
	}
	return t.typeKeys(p, secret)
}

// Resize changes the size of the running command's terminal.
func (s *Shell) Resize(size engine.TTY) error {
	t, err := s.keyboard()
	if err != nil {
		return err
	}
	return t.resize(size)
}

// Waiting has no evidence.
func (s *Shell) Waiting() (engine.Wait, bool) { return engine.Wait{}, false }

// Signal sends a signal of RFC 4254 to every process of the running command: all that descends from the shell, but for
// what earlier commands left in the background. The shell itself gets INT alone, which ends a loop of its own. It
// returns how many processes it reached; the error is one of the contract's.
func (s *Shell) Signal(name string) (reached int, err error) {
	ctx, cancel := s.within(stewardTimeout)
	defer cancel()
	s.driving.Lock()
	defer s.driving.Unlock()
	// What a command on a terminal prints may be seen before it is known where to send a signal.
	for s.now != nil && s.now.onTerminal && s.now.terminal == nil && ctx.Err() == nil {
		s.driving.Unlock()
		time.Sleep(time.Millisecond)
		s.driving.Lock()
	}
	if s.now == nil {
		return 0, nil
	}
	name = engine.SignalName(name)
	targets, err := s.targets(ctx, name)
	if err == nil {
		var st *steward
		if st, err = s.host.steer(ctx); err == nil {
			reached, err = st.reach(ctx, name, targets)
		}
	}
	if err != nil {
		return 0, errdefs.New(errdefs.Unavailable, "the command cannot be signalled: %v", err).WithHint("try again, or cancel the call").WithCause(err)
	}
	s.noteSignal()
	return reached, nil
}

// targets are the processes of the running command that a signal is for. Its shell is one only where an interrupt has to
// end a loop of its own, or where there is nothing else.
func (s *Shell) targets(ctx context.Context, name string) ([]int, error) {
	if t := s.now.terminal; t != nil {
		found, _, err := t.members(ctx)
		if name != "INT" && len(found) > 1 {
			found = slices.DeleteFunc(found, func(pid int) bool { return pid == t.pid })
		}
		return found, err
	}
	if s.now.onTerminal {
		return nil, nil
	}
	st, err := s.host.steer(ctx)
	if err != nil {
		return nil, err
	}
	all, err := st.processes(ctx)
	found := s.foreground(all)
	if name == "INT" {
		found = append(found, s.pid)
	}
	return found, err
}

// noteSignal has the watch look whether the signal took a line that asks for the report.
func (s *Shell) noteSignal() {
	s.signalled.Store(time.Now().UnixNano())
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

// within returns a context that also ends with the shell.
func (s *Shell) within(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	go func() {
		select {
		case <-s.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// reach signals processes one by one and returns how many could be.
func (st *steward) reach(ctx context.Context, name string, pids []int) (reached int, err error) {
	var line strings.Builder
	line.WriteString("ek_m=0;")
	for _, pid := range pids {
		fmt.Fprintf(&line, "kill -%s %d 2>/dev/null && ek_m=$((ek_m+1));", name, pid)
	}
	text, err := st.ask(ctx, line.String()+`echo "$ek_m"`)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(text))
}

// keepTerminal notes that a process session is to be ended with the shell, or takes that back.
func (s *Shell) keepTerminal(session int, kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !kept {
		delete(s.terminals, session)
		return
	}
	if s.terminals == nil {
		s.terminals = make(map[int]bool)
	}
	s.terminals[session] = true
}

func (s *Shell) keptTerminals() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.terminals))
}
