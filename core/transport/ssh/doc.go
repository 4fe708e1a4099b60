// Package ssh opens programs on machines that run an SSH server.
//
// A session goes where `ssh host` goes: package sshconfig resolves the user's configuration, known_hosts says who the
// server must be, the agent and key files who we are. What differs is on purpose: nothing is asked at a terminal, no
// key is believed because it is new unless the caller or the configuration says so, no environment of this machine and
// no agent is forwarded, and nothing is written on the server.
//
// Threats kept in mind: a server that is not the one it was (checked on every hop, on every connection and on every
// key exchange within one), and one that is hostile by itself: each of its texts is quoted and cut, each wait for it
// has a bound, and a program whose status it never tells has no status rather than a zero.
//
// Flow: Open resolves a destination (options.go) → Transport asks the pool for a channel (pool.go) → a connection is
// dialled hop by hop (dial.go), its key checked (hostkey.go), the user authenticated (auth.go) → process.go.
package ssh
