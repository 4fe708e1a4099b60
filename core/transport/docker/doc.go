// Package docker opens programs in a running container through the Docker Engine API (Podman's compatible socket too).
//
// A container is held by its id from the first look on: a name is looked up once, and a container that was removed, or
// replaced by another of its name, or restarted, is noticed and never silently swapped. The engine's events tell
// within moments when that happens; until then a connection that ended without the engine knowing an exit status of
// the program is a connection that was lost.
//
// Nothing of a request is spliced into a command line or a path: names are checked against the engine's own rule and
// travel as parts of an API request.
package docker
