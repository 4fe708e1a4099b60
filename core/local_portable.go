//go:build !linux || portable

package execkit

// engineHere says that local sessions run on package engine, which needs Linux.
const engineHere = false
