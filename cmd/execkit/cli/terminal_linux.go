package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// prepareTerminal drops what was typed ahead. A process in the background is refused: reading would stop it, and nobody
// would see why.
func prepareTerminal(tty *os.File) error {
	return control(tty, func(fd int) error {
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		switch {
		case err != nil:
			return err
		case group != unix.Getpgrp():
			return errNoTerminal
		}
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	})
}
