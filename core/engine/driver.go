package engine

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
)

// A driver is what the engine says to one kind of shell, and how it understands the answers.
type driver interface {
	// arguments start the shell, supervise starts one that runs a script given as the next argument.
	arguments() []string
	supervise() []string
	// descriptors are the numbers, in the shell, of the report and the control socket. Nobody waits on the first, so
	// that writing to it wakes nobody; the engine waits on the second for the mark that ends a report.
	descriptors() (report, control int)
	// scripts are texts that the shell may source, given the paths of the output pipes and redirections that hide
	// more descriptors from commands; start is told their paths, and returns the line that answers with the shell's pid
	// on the control socket.
	scripts(stdoutPath, stderrPath, closes string) []string
	start(scripts []string) string
	// command is the line that runs c and then reports; stdinPath may be empty. ask is the line that only reports, and
	// whose mark is one only where the command was begun, unless begun is false.
	command(c Command, last report, stdinPath string, nonce uint64) string
	ask(nonce uint64, begun bool) string
	// marked says whether the control socket holds the mark. parse reads the report, of which marks may be all there is; see
	// report.brief.
	marked(marks []byte, nonce uint64) bool
	parse(marks, reported []byte, nonce uint64) (report, bool)
}

// Shells are the names of the shells that the engine can drive; sh may be any of the others.
var Shells = []string{"bash", "sh", "dash", "ash", "busybox"}

// driverFor returns the driver of a shell program and the arguments that come before all others (busybox sh).
func driverFor(path string) (d driver, applet []string, err error) {
	switch name := filepath.Base(path); name {
	case "bash":
		return &bashDriver{}, nil, nil
	case "sh":
		// sh is what the system made it, and a bash called sh would take the other driver's line for its own.
		if real, err := filepath.EvalSymlinks(path); err == nil && real != path && filepath.Base(real) != "sh" {
			return driverFor(real)
		}
		return &shDriver{}, nil, nil
	case "dash", "ash":
		return &shDriver{}, nil, nil
	case "busybox":
		return &shDriver{}, []string{"sh"}, nil
	default:
		return nil, nil, fmt.Errorf("no driver for the shell %q", name)
	}
}

// Watches reports whether the shell of this path can be watched; see Options.Watch.
func Watches(path string) bool {
	d, _, err := driverFor(path)
	_, ok := d.(*bashDriver)
	return err == nil && ok
}

// statusSpan leaves three decimal digits for $? below the nonce.
const statusSpan = 1000

// newNonce returns a multiple of statusSpan that a command cannot guess, with 50 bits of randomness; the sum with a
// status stays within a shell's signed 64-bit arithmetic and always has 19 digits.
func newNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return (binary.LittleEndian.Uint64(b[:])>>14 + 1<<50) * statusSpan
}

// newProof returns a number smaller than every nonce, with 40 bits of randomness. Each command begins by assigning it, and
// a mark holds it: a line that the shell did not run, or not from its beginning, is never taken for run.
func newProof() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return (binary.LittleEndian.Uint64(b[:])>>24 + 1) * statusSpan
}

// restoreStatus returns the line that makes $? what the last command left, if c may look at it.
func restoreStatus(format string, last report, c Command) string {
	if last.status == 0 || !strings.Contains(c.Text, "?") {
		return ""
	}
	return fmt.Sprintf(format, last.status)
}

// Quote returns s as one shell word.
func Quote(s string) string {
	var b strings.Builder
	quoteTo(&b, s)
	return b.String()
}

// quoteTo writes s in single quotes, in which the shell gives no byte a meaning (POSIX XCU 2.2.2).
func quoteTo(b *strings.Builder, s string) {
	b.WriteByte('\'')
	b.WriteString(strings.ReplaceAll(s, `'`, `'\''`))
	b.WriteByte('\'')
}
