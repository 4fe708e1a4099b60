package remote

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
)

// A driven is the command that runs now, to those who drive it.
type driven struct{}

// errNoTerminal says that a command has no terminal and will get none.
var errNoTerminal = errors.New("the command has no terminal")

// drive says what runs from now on. What is being done to the command before has ended when it returns, so that no
// signal of its own can hit the next one.
func (s *Shell) drive(now *driven) {
	s.driving.Lock()
	s.now = now
	s.driving.Unlock()
}

// Type is for commands on a terminal.
func (s *Shell) Type([]byte, bool) error { return errNoTerminal }

// Resize is for commands on a terminal.
func (s *Shell) Resize(engine.TTY) error { return errNoTerminal }

// Waiting has no evidence.
func (s *Shell) Waiting() (engine.Wait, bool) { return engine.Wait{}, false }

// Signal sends a signal of RFC 4254 to every process of the running command: all that descends from the shell, but for
// what earlier commands left in the background. The shell itself gets INT alone, which ends a loop of its own. It
// returns how many processes it reached; the error is one of the contract's.
func (s *Shell) Signal(name string) (reached int, err error) {
	s.driving.Lock()
	defer s.driving.Unlock()
	if s.now == nil {
		return 0, nil
	}
	ctx, cancel := s.within(stewardTimeout)
	defer cancel()
	name = engine.SignalName(name)
	st, err := s.host.steer(ctx)
	if err == nil {
		var all []process
		if all, err = st.processes(ctx); err == nil {
			targets := s.foreground(all)
			if name == "INT" {
				targets = append(targets, s.pid)
			}
			reached, err = st.reach(ctx, name, targets)
		}
	}
	if err != nil {
		return 0, errdefs.New(errdefs.Unavailable, "the command cannot be signalled: %v", err).WithHint("try again, or cancel the call").WithCause(err)
	}
	s.noteSignal()
	return reached, nil
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
