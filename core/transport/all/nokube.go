//go:build nokube

package all

import "github.com/execkit/execkit/core/transport"

func addKube(transport.Registry) {}
