package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// rawTerminal has keys arrive as they are pressed, without being shown; restore undoes it. Interrupts still work.
func rawTerminal(tty *os.File) (restore func(), err error) {
	var before unix.Termios
	err = control(tty, func(fd int) error {
		now, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		before = *now
		now.Lflag &^= unix.ICANON | unix.ECHO
		now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, now)
	})
	return func() { _ = control(tty, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, &before) }) }, err
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
