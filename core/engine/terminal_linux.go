package engine

import (
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is the host's side of the session's terminal. The shell and its commands have it as their controlling
// terminal, so /dev/tty, job control and Ctrl-C are the same thing as a TTY command's own streams.
type terminal struct {
	file *os.File
	path string // of the commands' side

	typing sync.Mutex // held while something is typed

	mu   sync.Mutex // held while output is delivered, so that drain comes after it
	sink io.Writer  // nil between commands: what a background process writes then is nobody's
	mode terminalMode
}

// A terminalMode is what a command finds.
type terminalMode int

const (
	// silent: reads of /dev/tty give end of file at once, since nobody is there to answer.
	silent terminalMode = iota
	// sane: lines, echo and signals, as on a terminal that a person sits at.
	sane
)

const defaultRows, defaultCols = 24, 80

// read delivers output to the sink until the terminal is closed. A full terminal would block its writers.
func (t *terminal) read() {
	conn, err := t.file.SyscallConn()
	if err != nil {
		return
	}
	for {
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			t.mu.Lock()
			defer t.mu.Unlock()
			buf := readBuffers.Get().(*[]byte) // not for as long as nothing comes
			defer readBuffers.Put(buf)
			n, err := unix.Read(int(fd), *buf)
			if n > 0 && t.sink != nil {
				_, _ = t.sink.Write((*buf)[:n])
			}
			failed = err
			return n > 0 || err != unix.EAGAIN
		})
		if err != nil || failed != nil && failed != unix.EINTR && failed != unix.EAGAIN {
			return
		}
	}
}

// begin makes the terminal ready for a command; output goes to sink from now on.
func (t *terminal) begin(sink io.Writer, mode terminalMode, size *TTY) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	// What an earlier command's background processes wrote is not this command's.
	t.take(io.Discard)
	t.sink = sink
	if err := t.setMode(mode); err != nil {
		return err
	}
	if size == nil && mode == sane {
		size = &TTY{Rows: defaultRows, Cols: defaultCols}
	}
	if size != nil {
		return t.setSize(*size)
	}
	return nil
}

// end delivers what the command wrote and takes its terminal away: what was typed and not read must reach no other
// command.
func (t *terminal) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sink == nil {
		return
	}
	t.take(t.sink)
	t.sink = nil
	_ = t.setMode(silent)
}

// take copies what is there. The kernel moves what is on its way before it says that there is nothing.
func (t *terminal) take(w io.Writer) {
	conn, err := t.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 16<<10)
	_ = conn.Control(func(fd uintptr) {
		for left := 1 << 20; left > 0; {
			n, err := unix.Read(int(fd), buf)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return
			}
			_, _ = w.Write(buf[:n])
			left -= n
		}
	})
}

func (t *terminal) control(fn func(fd int) error) error {
	conn, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	// Not Fd(): it would make the descriptor blocking under the goroutine that drains it.
	if err := conn.Control(func(fd uintptr) { failed = fn(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// setMode also throws away what was typed and not read. A session that stays silent costs no system call; a command can
// change the settings itself, so a sane terminal is always set anew.
func (t *terminal) setMode(mode terminalMode) error {
	if mode == silent && t.mode == silent {
		return nil
	}
	t.mode = mode
	// On the commands' side, whose input is to be thrown away: from the host's side the kernel drops only what is on
	// its way.
	fd, err := unix.Open(t.path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	*old = termiosFor(mode, *old)
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, old); err != nil {
		return err
	}
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
}

// termiosFor sets every flag that a command may have changed; see termios(3).
func termiosFor(mode terminalMode, t unix.Termios) unix.Termios {
	t.Iflag = unix.ICRNL | unix.IXON | unix.IUTF8
	t.Oflag = unix.OPOST | unix.ONLCR
	t.Lflag = unix.ISIG | unix.ICANON | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE | unix.IEXTEN
	t.Cc[unix.VINTR], t.Cc[unix.VQUIT], t.Cc[unix.VERASE], t.Cc[unix.VKILL] = 3, 28, 127, 21
	t.Cc[unix.VEOF], t.Cc[unix.VSTART], t.Cc[unix.VSTOP], t.Cc[unix.VSUSP] = 4, 17, 19, 26
	t.Cc[unix.VREPRINT], t.Cc[unix.VWERASE], t.Cc[unix.VLNEXT], t.Cc[unix.VDISCARD] = 18, 23, 22, 15
	t.Cc[unix.VMIN], t.Cc[unix.VTIME], t.Cc[unix.VEOL], t.Cc[unix.VEOL2] = 1, 0, 0, 0
	if mode == silent {
		// Non-canonical with MIN and TIME 0: a read returns at once with nothing.
		t.Lflag &^= unix.ICANON | unix.ECHO
		t.Cc[unix.VMIN] = 0
	}
	return t
}

func (t *terminal) setSize(size TTY) error {
	return t.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(size.Rows), Col: uint16(size.Cols)})
	})
}

// settings returns whether the terminal takes lines and whether it shows them.
func (t *terminal) settings() (lines, echo bool, err error) {
	err = t.control(func(fd int) error {
		now, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			lines, echo = now.Lflag&unix.ICANON != 0, now.Lflag&unix.ECHO != 0
		}
		return err
	})
	return lines, echo, err
}

// write types p for a command; secret keeps the terminal from showing it. It waits where the terminal is full, until the
// command has ended.
func (t *terminal) write(now *live, p []byte, secret bool) (n int, err error) {
	t.typing.Lock()
	defer t.typing.Unlock()
	if now.over {
		return 0, ErrNoTerminal
	}
	lines, echo, err := t.settings()
	if err != nil {
		return 0, err
	}
	if lines && LongestLine(p) > MaxTerminalLine {
		return 0, ErrLineTooLong
	}
	if secret && echo {
		t.setEcho(false)
		defer t.setEcho(true)
		// The kernel shows what was typed on its way to the reader, so the setting has to outlast that.
		defer t.settle()
	}
	return t.file.Write(p)
}

// stopTyping ends what still waits to be typed for a command, so that no other gets it.
func (t *terminal) stopTyping(now *live) {
	_ = t.file.SetWriteDeadline(time.Unix(1, 0))
	t.typing.Lock()
	now.over = true
	t.typing.Unlock()
	_ = t.file.SetWriteDeadline(time.Time{})
}

// settle waits until the kernel has taken what was typed: its own work queue does that, in microseconds.
func (t *terminal) settle() { time.Sleep(5 * time.Millisecond) }

func (t *terminal) setEcho(on bool) {
	_ = t.control(func(fd int) error {
		now, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		now.Lflag &^= unix.ECHO
		if on {
			now.Lflag |= unix.ECHO
		}
		return unix.IoctlSetTermios(fd, unix.TCSETS, now)
	})
}

// openTerminal returns a terminal and the commands' side of it. The host's side never blocks a thread: it is opened that
// way, which the usual library cannot do.
func openTerminal() (t *terminal, tty *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	// The order of pts(4): unlock, then ask for the number.
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	path := "/dev/pts/" + strconv.Itoa(number)
	if tty, err = os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	return &terminal{file: os.NewFile(uintptr(fd), "/dev/ptmx"), path: path, mode: sane}, tty, nil
}
