//go:build !linux

package cli

import (
	"errors"
	"os"
)

// rawTerminal is not implemented here; --follow works.
func rawTerminal(*os.File) (restore func(), err error) {
	return nil, errors.New("the full screen needs Linux")
}

// hideTyping is not implemented here; what would be shown is then not asked for.
func hideTyping(*os.File) (restore func(), err error) {
	return nil, errors.New("hiding what is typed needs Linux")
}

// drivable reports that no terminal's settings can be changed here.
func drivable(*os.File) bool { return false }

// throughTerminal is not implemented here.
func throughTerminal(*os.File) (restore func(), err error) {
	return nil, errors.New("it needs Linux")
}

// sizeChanges never tells.
func sizeChanges() (changed <-chan os.Signal, stop func()) { return nil, func() {} }

// terminalSize is what most terminals have.
func terminalSize(*os.File) (width, height int) { return 80, 24 }
