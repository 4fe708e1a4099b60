// Package purego loads the built library as a host without cgo does, through ebitengine/purego: a second Go runtime
// in one process. Its test needs build/libexeckit.so, so ./build.sh test runs it after that is built, with
// EXECKIT_LIBRARY set to the path.
package purego
