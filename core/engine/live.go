package engine

import (
	"errors"
	"strings"
)

// A TTY says that a command runs on the session's terminal, and how large that is.
type TTY struct {
	Rows, Cols int
}

// MaxTTY bounds the rows and columns of a terminal: far more than any screen, and little enough that a picture of it
// costs no memory worth speaking of.
const MaxTTY = 500

// ErrNoTerminal says that no command runs that has a terminal to type at.
var ErrNoTerminal = errors.New("no command runs on a terminal")

// MaxTerminalLine is what a terminal that takes lines accepts of one; the kernel drops the rest (n_tty).
const MaxTerminalLine = 4095

// LongestLine returns how long the longest line is that is typed with p.
func LongestLine(p []byte) (longest int) {
	run := 0
	for _, c := range p {
		run++
		if c == '\n' || c == '\r' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// ErrLineTooLong says that a terminal that takes whole lines would drop the end of this one.
var ErrLineTooLong = errors.New("a terminal takes lines of at most 4095 bytes")

// Where a command waits for input.
const (
	WaitsOnStdin    = "stdin"
	WaitsOnTerminal = "tty"
)

// A Wait is what the kernel shows of a command that cannot go on without input: a process of the foreground that
// sleeps in a read of the terminal or of its open input.
type Wait struct {
	On      string // WaitsOnStdin or WaitsOnTerminal
	PID     int
	Command string
	// Call is the system call that it sleeps in; Timed says that it gives up by itself after some time.
	Call  string
	Timed bool
	// Hidden says that the terminal takes a line and does not show it, as for a password.
	Hidden bool
	// Lines says that the terminal takes whole lines, and not keys.
	Lines bool
	// Proof changes when the process has run since.
	Proof string
}

// signalNames are those of RFC 4254, section 6.10, and the ones that a person at a terminal has beside them.
var signalNames = []string{"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2", "CONT", "STOP", "TSTP", "WINCH"}

// SignalNames returns the names that Signal takes.
func SignalNames() []string { return append([]string(nil), signalNames...) }

// signalName brings a name to the form of RFC 4254; ok is false for an unknown one.
func signalName(name string) (string, bool) {
	name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
	for _, known := range signalNames {
		if known == name {
			return name, true
		}
	}
	return "", false
}

// IsSignal reports whether Signal takes a name.
func IsSignal(name string) bool {
	_, ok := signalName(name)
	return ok
}

// SignalName brings a name that IsSignal takes to the form of RFC 4254.
func SignalName(name string) string {
	known, _ := signalName(name)
	return known
}

// A ProcessInfo is one process of a tree.
type ProcessInfo struct {
	PID, Parent int
	Command     string
	// CPU is in milliseconds, Memory (resident) in bytes.
	CPU    int64
	Memory int64
	// Ports are those that the process listens on, TCP alone.
	Ports []int
	// Started is the time of its start in clock ticks since boot; with the PID it names the process for good.
	Started uint64
}

// A Group names processes for good: everything that descends from the roots (a PID with the time of its start), and
// whatever else holds one of the pipes, such as a daemon that left its session.
type Group struct {
	Roots map[int]uint64
	Pipes []string
}
