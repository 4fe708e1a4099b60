package cli

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// rawTerminal has keys arrive as they are pressed, without being shown; restore undoes it. Interrupts still work.
func rawTerminal(tty *os.File) (restore func(), err error) {
	return changeTerminal(tty, func(t *unix.Termios) { t.Lflag &^= unix.ICANON | unix.ECHO })
}

// hideTyping keeps the terminal from showing the lines that are typed; restore undoes it.
func hideTyping(tty *os.File) (restore func(), err error) {
	return changeTerminal(tty, func(t *unix.Termios) {
		t.Lflag = t.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG | unix.ECHONL // the end of the line is shown
		t.Iflag |= unix.ICRNL
	})
}

// drivable reports whether f is a terminal whose settings can be changed.
func drivable(f *os.File) bool {
	return control(f, func(fd int) error {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	}) == nil
}

// throughTerminal has every key arrive, also those for interrupts, and text shown as it is; see cfmakeraw(3).
func throughTerminal(tty *os.File) (restore func(), err error) {
	return changeTerminal(tty, func(t *unix.Termios) {
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	})
}

func changeTerminal(tty *os.File, change func(*unix.Termios)) (restore func(), err error) {
	var before unix.Termios
	err = control(tty, func(fd int) error {
		now, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		before = *now
		change(now)
		now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, now)
	})
	return func() {
		_ = control(tty, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETSW, &before) })
	}, err
}

// sizeChanges returns a channel that is told when the size of the terminal changed, until stop is called.
func sizeChanges() (changed <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGWINCH)
	return c, func() { signal.Stop(c) }
}

// terminalSize returns the columns and rows, 80 by 24 where the terminal does not say.
func terminalSize(tty *os.File) (width, height int) {
	width, height = 80, 24
	_ = control(tty, func(fd int) error {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err == nil && size.Col > 0 && size.Row > 0 {
			width, height = int(size.Col), int(size.Row)
		}
		return err
	})
	return width, height
}

// control runs fn with the descriptor, which Fd would make blocking.
func control(tty *os.File, fn func(fd int) error) error {
	conn, err := tty.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = fn(int(fd)) }); err != nil {
		return err
	}
	return failed
}
