//go:build !linux || portable

package execkit

import (
	"github.com/execkit/execkit/core/remote"
	"github.com/execkit/execkit/core/remote/files"
	"github.com/execkit/execkit/core/transport/process"
)

// newTargetHere runs local shells as those of other machines run, over the streams of a program: package engine needs Linux.
func newTargetHere(c *Config) (target, error) {
	shell, err := c.shellPath()
	if err != nil {
		return nil, err
	}
	dir, err := c.directory()
	if err != nil {
		return nil, err
	}
	env, err := c.environment()
	if err != nil {
		return nil, err
	}
	t := process.New(env, dir)
	r := &remoteTarget{transport: t, host: remote.NewHost(t), config: c, shells: []string{shell}}
	r.far = files.New(r.openClerk)
	return r, nil
}
