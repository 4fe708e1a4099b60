//go:build !linux

package cli

import "os"

// prepareTerminal does nothing where dropping what was typed ahead is not implemented.
func prepareTerminal(*os.File) error { return nil }
