//go:build linux && !amd64

package engine

// supervisorProgram: there is none for this architecture.
var supervisorProgram string
