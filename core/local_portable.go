//go:build !linux || portable

package execkit

import "github.com/execkit/execkit/core/transport/process"

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
	return newRemoteTarget(process.New(env, dir), c, []string{shell}), nil
}
