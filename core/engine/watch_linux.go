package engine

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A watch waits for one command: for its report, for the shell's end, for a line that was abandoned, and for the
// moment when the command must be stopped.
type watch struct {
	shell           *Shell
	nonce           uint64
	begin           time.Time
	timeout         time.Duration
	interrupted     <-chan struct{}
	marks, reported []byte // what arrived on the control and on the report socket
	foreign         int    // the size of what others than the shell wrote there
	asked           bool   // the status was asked for again after an abandoned line
	askedSince      time.Time
	signals         int32 // the count of the host's signals when it was last asked
	unproven        bool  // and once more, whether or not the command was begun
	// long is the control socket in the netpoller; nil for a command that ends within firstLook.
	long *os.File
	ladder
}

const (
	// firstLook is a few times what starting one program takes, and short beside what a reader of a stream notices.
	firstLook = 3 * time.Millisecond
	// abandonedAfter is a few times what a command of builtins takes; by then an abandoned line is one.
	abandonedAfter = 400 * time.Microsecond
)

// maxReport bounds what a shell can make the host hold; an environment is limited by the kernel to less.
const maxReport = 16 << 20

// An ending is how a watch ended.
type ending int

const (
	commandEnded ending = iota // the report is there
	shellEnded                 // the shell closed the control socket: it exited, or was killed
	shellLost                  // the shell lives and cannot be had back, or no longer reports
)

// wait waits for a command that did not end within firstLook.
func (w *watch) wait() (report, ending) {
	defer func() { w.long.Close() }() // nil is an error that nobody minds
	pause := time.Millisecond
	for {
		if rep, end, ok := w.receive(w.nextLook(&pause)); ok {
			return rep, end
		}
		// kill -STOP $PPID: a supervisor that is stopped tells no end, and no end of its shell would ever be seen.
		_ = unix.PidfdSendSignal(w.shell.supervisorFD, unix.SIGCONT, nil, 0)
		waiting := w.shell.waiting()
		if w.stopNow() && !w.climb(waiting) {
			return report{}, shellLost
		}
		if !waiting {
			continue
		}
		// The report may have arrived between the last read and this look.
		if rep, end, ok := w.receive(0); ok {
			return rep, end
		}
		if w.asked && (w.unproven && !w.signalled() || w.shell.interrupted.Load() == 0) {
			// The line that asks was abandoned too: the session made the report impossible (readonly TIMEFORMAT). Or the
			// command was never begun.
			return report{}, shellLost
		}
		// An interrupt of the host's may have come before the shell began the command.
		w.unproven = w.asked
		if !w.asked {
			w.askedSince = time.Now()
		}
		w.asked = true
		w.signals = w.shell.signals.Load()
		w.nonce = newNonce()
		w.shell.send(w.shell.says.ask(w.nonce, !w.unproven))
	}
}

// signalled reports whether a signal of the host's may have come since the shell was last asked, and taken that line as
// well. Who goes on for longer than a shell is given to stop loses it.
func (w *watch) signalled() bool {
	// In this order: a call that has ended in between is counted.
	underWay := w.shell.signalling.Load() > 0
	return (underWay || w.shell.signals.Load() != w.signals) && time.Since(w.askedSince) < giveUpAtLatest
}

// nextLook says how long to wait for the report before looking at the shell again: soon after the start, when a line
// that failed is abandoned at once, and then ever less often, so that a long command costs nothing.
func (w *watch) nextLook(pause *time.Duration) time.Duration {
	if w.climbing() {
		return ladderPause
	}
	d := *pause
	*pause = min(2*d, 20*time.Millisecond)
	if w.timeout > 0 {
		d = max(min(d, time.Until(w.begin.Add(w.timeout))), time.Microsecond)
	}
	return d
}

// receiveSoon waits for a command that ends within the given time, in the kernel and past the netpoller: a timer and a
// wake-up of another thread would cost as much as the whole command.
func (w *watch) receiveSoon(within time.Duration) (rep report, end ending, ok bool) {
	for slice := min(within, abandonedAfter); ; slice = within - time.Since(w.begin) {
		if slice <= 0 {
			return report{}, 0, false
		}
		w.shell.control.poll(slice)
		if rep, end, ok := w.receive(0); ok || w.shell.waiting() {
			return rep, end, ok
		}
	}
}

// receive takes what arrives on the control socket within d, or what is already there when d is 0. ok is false when
// the command has not ended yet.
func (w *watch) receive(d time.Duration) (rep report, end ending, ok bool) {
	var buf [512]byte
	for {
		n, err := w.read(buf[:], d)
		w.marks = append(w.marks, buf[:n]...)
		marked := n > 0 && w.shell.says.marked(w.marks, w.nonce)
		if marked {
			// A brief report is whole with its mark.
			if rep, ok := w.shell.says.parse(w.marks, w.reported, w.nonce); ok && rep.brief {
				return rep, commandEnded, true
			}
		}
		// Also where nothing arrived: a shell that fills the report socket would block.
		w.drainReport()
		if marked || w.shell.says.marked(w.marks, w.nonce) {
			if rep, ok := w.shell.says.parse(w.marks, w.reported, w.nonce); ok {
				return rep, commandEnded, true
			}
		}
		switch {
		case len(w.marks)+len(w.reported)+w.foreign > maxReport:
			return report{}, shellLost, true
		case errors.Is(err, os.ErrDeadlineExceeded):
			return report{}, 0, false
		case err != nil:
			return report{}, shellEnded, true
		}
	}
}

func (w *watch) drainReport() {
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	for len(w.reported)+w.foreign <= maxReport {
		n, err := w.take(w.shell.report, *buf)
		if err != nil {
			return
		}
		w.reported = append(w.reported, (*buf)[:n]...)
	}
}

// read takes what is there, or waits for it in the netpoller, at most d.
func (w *watch) read(buf []byte, d time.Duration) (n int, err error) {
	if d == 0 {
		return w.take(w.shell.control, buf)
	}
	if w.long == nil {
		if w.long, err = w.shell.control.waitable(); err != nil {
			// Out of descriptors: a thread waits instead.
			w.shell.control.poll(d)
			return w.take(w.shell.control, buf)
		}
	}
	_ = w.long.SetReadDeadline(time.Now().Add(d))
	conn, err := w.long.SyscallConn()
	if err != nil {
		return 0, err
	}
	var readErr error
	if err := conn.Read(func(uintptr) bool {
		n, readErr = w.take(w.shell.control, buf)
		return readErr != os.ErrDeadlineExceeded
	}); err != nil {
		return 0, err
	}
	return n, readErr
}

// take reads what waits on a socket of the shell; os.ErrDeadlineExceeded says that nothing does. What anyone but the
// shell itself wrote is dropped: a subshell that stays in the background has copies of the shell's saved descriptors,
// so it may read a line in the shell's place, with the nonce in it, and answer.
func (w *watch) take(from socket, buf []byte) (n int, err error) {
	var credentials [64]byte
	n, size, _, _, err := unix.Recvmsg(int(from), buf, credentials[:], 0)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	case sender(credentials[:size]) != w.shell.pid:
		w.foreign += n
		return 0, nil
	}
	return n, nil
}

// sender returns the process that wrote a message, as the kernel has it (SO_PASSCRED, unix(7)), or 0.
func sender(control []byte) int {
	header, data, _, err := unix.ParseOneSocketControlMessage(control)
	if err != nil || header.Type != unix.SCM_CREDENTIALS || len(data) < unix.SizeofUcred {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(data)))
}
