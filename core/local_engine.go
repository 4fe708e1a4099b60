//go:build linux && !portable

package execkit

// engineHere says that local sessions run on package engine. The build tag portable leaves it out on Linux too, so that what
// other systems get can be tested.
const engineHere = true
