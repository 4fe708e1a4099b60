// Package cli is the command line of execkit as a function, so that the C library can offer it to the pip and npm
// packages as well: [Main] never ends the process and keeps no global state.
//
// Data goes to stdout and messages to stderr. The target's exit status passes through; 124 is a timeout, 125 a failure
// of execkit itself, 126 a blocked command and 130 an interrupt.
package cli
