package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// prepareTerminal drops what was typed ahead. A process in the background is refused: reading would stop it, and nobody
// would see why.
func prepareTerminal(tty *os.File) error {
	// Not Fd, which would make reads that cannot be interrupted.
	conn, err := tty.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		group, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP)
		switch {
		case err != nil:
			failed = err
		case group != unix.Getpgrp():
			failed = errNoTerminal
		default:
			failed = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCIFLUSH)
		}
	})
	if err != nil {
		return err
	}
	return failed
}
