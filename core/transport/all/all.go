// Package all has every transport of this module. It is apart from package core, so that a program that opens only
// local sessions, or sessions over a transport of its own choice, links no other.
//
// Building with the tag nodocker or nokube leaves that transport, and the client library that it needs, out; a session
// on such a target is then refused as unsupported.
package all

import (
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh"
)

// Registry returns a fresh registry of every transport. Sessions that are opened with the same one share connections.
func Registry() transport.Registry {
	r := transport.Registry{"ssh": ssh.NewOpener()}
	addDocker(r)
	addKube(r)
	return r
}
