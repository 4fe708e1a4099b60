//go:build linux && !portable

package execkit

// newTargetHere runs local shells on package engine. The build tag portable leaves it out on Linux too, so that what other
// systems get can be tested.
func newTargetHere(c *Config) (target, error) { return newLocalTarget(c) }
