//go:build !linux

package engine

import (
	"context"
	"errors"
	"runtime"
)

// A Shell cannot be opened on this platform: the engine takes completion and directory from Linux's /proc.
type Shell struct{}

// Start always fails here.
func Start(context.Context, Options) (*Shell, error) {
	return nil, errors.New("local sessions need Linux; this is " + runtime.GOOS)
}

func (*Shell) Run(context.Context, Command) Outcome { return Outcome{Exited: true} }
func (*Shell) Alive() bool                          { return false }
func (*Shell) PID() int                             { return 0 }
func (*Shell) Close()                               {}
