package engine

import (
	"bytes"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A ladder stops a command, and says when the shell must be given up.
//
// Its steps count the time in which the shell and the foreground process could run. On a machine that is too busy to
// give them the processor they are not deaf, and killing them would lose a session that is sound.
type ladder struct {
	timedOut, cancelled bool
	begun, looked       time.Time     // of the wall clock; begun is zero while nothing has to stop
	climbed             time.Duration // what counts of the time since begun
	rung                int
	interrupt           time.Duration // the value of climbed at which the next interrupt is due
	shell, group        runner
}

const (
	// ladderPause is the time between two looks, and at most ladderStep of it counts: the host itself may not have had
	// the processor either, and must not take the steps that it slept through all at once.
	ladderPause = 2 * time.Millisecond
	ladderStep  = 10 * ladderPause
	// interruptEvery is how often a loop of builtins is interrupted: the first interrupt may have come before
	// the shell read the line.
	interruptEvery = 50 * time.Millisecond
)

func (l *ladder) climbing() bool { return !l.begun.IsZero() }

// advance adds the time since the last look, as far as both processes could run. group may be 0.
func (l *ladder) advance(shell, group int) {
	now := time.Now()
	step := min(now.Sub(l.looked), ladderStep)
	l.looked = now
	step = min(l.shell.ran(shell, step), step)
	if group > 1 && group != shell {
		step = min(l.group.ran(group, step), step)
	}
	l.climbed += step
}

// A runner is a process and the processor time that it had used at the last look.
type runner struct {
	pid  int
	used time.Duration
}

// ran returns how much of the last d the process could run: its processor time while it wants the processor, and all of d
// while it sleeps, is stopped or gone.
func (r *runner) ran(pid int, d time.Duration) time.Duration {
	used := processorTime(pid)
	had := used - r.used
	fresh := r.pid != pid
	*r = runner{pid, used}
	if fresh || !wantsProcessor(pid) {
		return d
	}
	return had
}

// processorTime returns what a process has used, by its clock (clock_getcpuclockid(3)); 0 where it is gone.
func processorTime(pid int) time.Duration {
	var t unix.Timespec
	const cpuClock = 2 // CPUCLOCK_SCHED: the scheduler's own count, finer than the ticks of /proc/PID/stat
	if unix.ClockGettime(int32(^pid<<3|cpuClock), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// wantsProcessor says whether a process is on the processor or in the queue for it.
func wantsProcessor(pid int) bool {
	stat, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return false
	}
	// The command name before the last ')' may hold anything.
	return bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" R"))
}

// stopNow reports whether the command has to stop, and notes why.
func (w *watch) stopNow() bool {
	if w.climbing() {
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
	w.begun = time.Now()
	w.looked = w.begun
	return true
}

// climb takes the next step of the ladder when it is due; false means that the shell must be given up. waiting says that
// the shell is back at its top level.
func (w *watch) climb(waiting bool) bool {
	group := w.shell.foreground()
	own, _ := unix.Getpgid(w.shell.pid)
	if group == own {
		group = 0 // a loop of builtins
	}
	w.advance(w.shell.pid, group)
	switch {
	case w.climbed >= giveUpAfter || time.Since(w.begun) >= giveUpAtLatest:
		return false
	case w.rung < 1 && w.climbed < startingAtMost && w.shell.starting(group):
		// The next look sends the interrupt.
	case w.rung < 1:
		w.rung = 1
		w.interrupt = interruptEvery
		w.signal(group, unix.SIGINT)
	case group == 0:
		// Neither termination nor the kill is for the shell. Once it was asked for its status it must not be
		// disturbed in that.
		if !waiting && !w.asked && w.climbed >= w.interrupt {
			w.interrupt += interruptEvery
			w.signal(group, unix.SIGINT)
		}
	case w.climbed >= killAfter:
		// Again and again: a loop that ignores the interrupt starts its next program.
		w.signal(group, unix.SIGKILL)
	case w.climbed >= terminateAfter && w.rung < 2:
		w.rung = 2
		w.signal(group, unix.SIGTERM)
	}
	return true
}

// signal reaches the terminal's foreground group, as a person's Ctrl-C does; 0 is the shell's own.
func (w *watch) signal(group int, sig unix.Signal) {
	w.shell.interrupted.Store(2)
	_ = unix.Kill(w.shell.pid, unix.SIGCONT) // kill -STOP $$
	if group == 0 {
		group, _ = unix.Getpgid(w.shell.pid)
	}
	if group > 1 {
		_ = unix.Kill(-group, sig)
		_ = unix.Kill(-group, unix.SIGCONT)
	}
}
