// Package transport says what a reachable machine is to the rest of execkit, without knowing any protocol: something
// that opens programs with three separate streams. The packages below it (ssh, docker, kube) speak the protocols;
// package remote drives a shell over what they open.
//
// Nothing that a target sends is trusted: texts are quoted and cut before they become part of a message, and every
// wait has a bound. A transport never guesses: a connection that broke before the exit status came is a missing
// status, never a zero.
package transport
