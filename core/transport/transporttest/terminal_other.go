//go:build !linux

package transporttest

import (
	"errors"

	"github.com/execkit/execkit/core/transport"
)

func (*process) startOnTerminal(string, []string, string, []string, transport.Size) error {
	return errors.New("terminals are for tests on Linux")
}
