//go:build !linux

package checkpoint

import "github.com/execkit/execkit/core/errdefs"

// Local is available on Linux alone: only there can a path be kept inside a directory against a race.
func Local(root, store string) (Files, error) {
	return nil, errdefs.New(errdefs.Unsupported, "checkpoints are available on Linux alone").WithHint("leave workspace out")
}
