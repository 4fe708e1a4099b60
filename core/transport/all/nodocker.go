//go:build nodocker

package all

import "github.com/execkit/execkit/core/transport"

func addDocker(transport.Registry) {}
