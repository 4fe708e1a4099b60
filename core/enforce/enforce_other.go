//go:build !linux

package enforce

import "errors"

// Probe finds nothing: there is no Landlock outside Linux.
func Probe() Kernel { return Kernel{Missing: []string{"Linux"}} }

// A Confinement cannot be had on this platform.
type Confinement struct{}

func Script(string) bool { return false }

func New(Rules) (*Confinement, error) { return nil, errors.ErrUnsupported }

func (*Confinement) Missing() []string                { return nil }
func (*Confinement) Withheld() []string               { return nil }
func (*Confinement) Writable(string) bool             { return false }
func (*Confinement) Executable(string) bool           { return false }
func (*Confinement) Start(Engine, func() error) error { return errors.ErrUnsupported }
