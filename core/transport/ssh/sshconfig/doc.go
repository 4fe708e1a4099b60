// Package sshconfig answers what `ssh -G host` answers: the settings that the user's and the system's configuration give
// for one host. It follows OpenSSH's reader where that differs from its manual, since the yardstick is that a session
// goes where `ssh host` goes; the tests ask the installed ssh the same questions.
//
// A configuration is the user's own and trusted. Even so nothing is guessed: a keyword that would change whom we talk
// to or whom we believe, and that this package cannot honour, is refused by name with file and line. Keywords that
// only concern what a session does not do (forwarding, terminals, multiplexing, messages) have no effect.
package sshconfig
