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

// terminalSize is what most terminals have.
func terminalSize(*os.File) (width, height int) { return 80, 24 }
