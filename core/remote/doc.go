// Package remote drives a live shell on another machine, in a container or in a pod, over the three streams of one
// program that a transport opened. It keeps the promises of package engine without anything that only a local kernel
// gives: no extra descriptors, no shared memory, no agent installed, nothing written on the target.
//
// # How a command runs
//
// Below a small supervisor (sh, told what to do over its standard input) an interactive shell reads its commands from
// the stream. Its own stdout and stderr go nowhere; two more descriptors are the streams to the host, and are closed
// for commands. For each command the host writes one line:
//
//	<evaluate the command with its own streams>;<print the nonce with the status>;<the state>;<the nonce>…
//
// and both streams end in the nonce, so that the result is whole when both have arrived: one round trip. In bash the
// command is sourced, since one that is evaluated as at a prompt says more: that a background job began, and that bash's
// terminal is none where a signal ended a program. What prints
// the nonce looks up no function and no alias. In bash that is the keyword time, whose format is assigned inside a
// redirection, and special builtins in POSIX mode; in dash and busybox it is a subshell that first forgets the
// session's functions.
//
// A report of the environment is half of a quick command's time. It is left out while nothing can have changed: when a
// command is made of nothing but literal words that name programs or harmless builtins, and no command before it could
// give a word another meaning. The line then is the command, its status from the same keyword, and a look whether the
// directory is the same. That is judged from the text alone, by what is surely known and not by what is surely bad; a
// session in which one command was not of that kind reports in full from then on.
//
// # Completion
//
// A line that the shell abandons (an interrupt, ${x?}, an error in dash) prints no nonce. When a command is not done
// soon, a second line that only asks for the report is put behind it, where the shell finds it as soon as it reads
// again. It is written only when the shell has surely read the first line: busybox reads through stdio, and an applet
// that it forks without an exec would take a line that was read ahead for its own input.
//
// # Stopping
//
// Signals go through the protocol where it has them, and always through the steward: a second small shell on the
// target, in which no command ever runs. It also is the watchdog: when the host goes away its input ends, and it ends
// every process of the session. Sessions on one connection share it, since they are lost together. It may hear late of
// the end of its connection, when the session has a new shell on another: each shell has a tag of its own, and what a
// lost one left is ended by its tag before the next one is used.
//
// # Terminals
//
// A command on a terminal is a program of its own, which the steward signals, looks for and ends like a session's shell.
// What is read there are two marks from before the command begins; how it ends is told by the protocol, so that nothing
// that the command prints can say it.
//
// # Threats
//
// The command is hostile, and so is the target: what it sends is searched for nonces and otherwise only passed on, held
// memory is bounded and every wait has a deadline. A process of the same user can always open the shell's own streams
// in /proc, or trace it; what it gains is a false report about itself.
package remote
