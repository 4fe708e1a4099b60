// Package all has every transport of this module. It is apart from package core, so that a program that opens only
// local sessions, or sessions over a transport of its own choice, links no other.
package all

import (
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/docker"
	"github.com/execkit/execkit/core/transport/kube"
	"github.com/execkit/execkit/core/transport/ssh"
)

// Registry returns a fresh registry of every transport. Sessions that are opened with the same one share connections.
func Registry() transport.Registry {
	return transport.Registry{"docker": new(docker.Engines).Open, "k8s": kube.Open, "ssh": ssh.NewOpener()}
}
