//go:build !linux

package engine

import "errors"

// A Cgroup needs Linux.
type Cgroup struct{}

// NewCgroup always fails here.
func NewCgroup() (*Cgroup, error) { return nil, errors.New("cgroups need Linux") }

// Close does nothing.
func (*Cgroup) Close() {}

// Measure needs Linux's /proc.
func (*Meter) Measure([]*Shell) Usage { return Usage{} }

// Kill needs Linux's /proc.
func (*Meter) Kill([]*Shell) {}
