//go:build !linux

package cli

import (
	"errors"
)

func checkMemfd() finding {
	return verdict("memfd", "", errors.ErrUnsupported, "run execkit on Linux")
}

func checkPTY() finding { return verdict("pty", "", errors.ErrUnsupported, "run execkit on Linux") }
