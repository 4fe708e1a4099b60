//go:build !nodocker

package all

import (
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/docker"
)

func addDocker(r transport.Registry) { r["docker"] = new(docker.Engines).Open }
