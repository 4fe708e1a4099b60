package engine

import (
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A watch waits for one command: for its report, for the shell's end, for a line that was abandoned, and for the
// moment when the command must be stopped.
type watch struct {
	shell       *Shell
	nonce       uint64
	begin       time.Time
	timeout     time.Duration
	interrupted <-chan struct{}

	received            []byte
	asked               bool // the status was asked for again after an abandoned line
	stopping            time.Time
	rung                int
	timedOut, cancelled bool
}

// maxReport bounds what a shell can make the host hold; an environment is limited by the kernel to less.
const maxReport = 16 << 20

// wait returns the report, or false when the shell has ended or cannot be had back.
func (w *watch) wait() (report, bool) {
	pause := 500 * time.Microsecond
	for {
		rep, done, alive := w.receive(w.nextLook(&pause))
		if done || !alive {
			return rep, done
		}
		if w.stopNow() && !w.climb() {
			return report{}, false
		}
		if mark, ok := reading(w.shell.pid); ok && mark == w.shell.idle && !w.asked {
			// The report may have arrived between the last read and this look.
			if rep, done, alive := w.receive(time.Nanosecond); done || !alive {
				return rep, done
			}
			w.asked = true
			w.nonce = newNonce()
			if _, err := w.shell.driver.WriteString(reportTail(w.nonce)); err != nil {
				return report{}, false
			}
		}
	}
}

// nextLook says how long to wait for the report before looking at the shell again: soon after the start, when a line
// that failed is abandoned at once, and then ever less often, so that a long command costs nothing.
func (w *watch) nextLook(pause *time.Duration) time.Duration {
	if !w.stopping.IsZero() {
		return 2 * time.Millisecond
	}
	d := *pause
	*pause = min(2*d, 20*time.Millisecond)
	if w.timeout > 0 {
		d = max(min(d, time.Until(w.begin.Add(w.timeout))), time.Microsecond)
	}
	return d
}

func (w *watch) receive(d time.Duration) (rep report, done, alive bool) {
	var buf [16 << 10]byte
	_ = w.shell.control.SetReadDeadline(time.Now().Add(d))
	for {
		n, err := w.shell.control.Read(buf[:])
		w.received = append(w.received, buf[:n]...)
		if n > 0 {
			if rep, done := parseReport(w.received, w.nonce); done {
				return rep, true, true
			}
		}
		if err != nil {
			return report{}, false, errors.Is(err, os.ErrDeadlineExceeded)
		}
		if len(w.received) > maxReport {
			return report{}, false, false
		}
	}
}

// stopNow reports whether the command has to stop, and notes why.
func (w *watch) stopNow() bool {
	if !w.stopping.IsZero() {
		return true
	}
	select {
	case <-w.interrupted:
		w.cancelled = true
	default:
		if w.timeout <= 0 || time.Since(w.begin) < w.timeout {
			return false
		}
		w.timedOut = true
	}
	w.stopping = time.Now()
	return true
}

// climb takes the next step of the ladder when it is due; false means that the shell must be given up.
func (w *watch) climb() bool {
	since := time.Since(w.stopping)
	switch {
	case since >= giveUpAfter:
		return false
	case since >= killAfter:
		// Again and again: a loop that ignores the interrupt starts its next program.
		w.signal(unix.SIGKILL)
	case since >= terminateAfter && w.rung < 2:
		w.rung = 2
		w.signal(unix.SIGTERM)
	case w.rung < 1:
		w.rung = 1
		w.signal(unix.SIGINT)
	}
	return true
}

// signal reaches the terminal's foreground group, as a person's Ctrl-C does. When that is the shell itself, a loop of
// builtins runs: only the interrupt is for it.
func (w *watch) signal(sig unix.Signal) {
	_ = unix.Kill(w.shell.pid, unix.SIGCONT) // kill -STOP $$
	group := w.shell.foreground()
	if group <= 1 {
		return
	}
	own, _ := unix.Getpgid(w.shell.pid)
	if group == own && sig != unix.SIGINT {
		return
	}
	_ = unix.Kill(-group, sig)
	_ = unix.Kill(-group, unix.SIGCONT)
}

// mentionsStatus says whether a command may look at the status of the one before it.
func mentionsStatus(text string) bool { return strings.Contains(text, "?") }
