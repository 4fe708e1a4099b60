package engine

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"time"
)

// readTimeout bounds how long a shell may take to read a command; it needs two milliseconds.
const readTimeout = 5 * time.Second

// Reads asks a shell whether it could read a text, without running anything of it (the option n, POSIX XCU set). known is
// false where it cannot be asked. The shell knows nothing of a session's aliases and options.
func Reads(ctx context.Context, path, text string) (reads, known bool) {
	_, applet, err := driverFor(path)
	if err != nil {
		return false, false
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(applet, "-n")...)
	if isBash(path) {
		cmd.Args = []string{path, "--norc", "--noprofile", "-n"}
	}
	var said bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stderr, cmd.Dir = []string{}, strings.NewReader(text+"\n"), &said, "/"
	if err := cmd.Run(); ctx.Err() != nil || err != nil && cmd.ProcessState == nil {
		return false, false
	}
	if !cmd.ProcessState.Success() {
		return false, true
	}
	// What is wrong inside [[ is only told; the end of the text in a here-document is told and ends it.
	for line := range strings.Lines(said.String()) {
		if !strings.Contains(line, ": warning: ") {
			return false, true
		}
	}
	return true, true
}

func isBash(path string) bool {
	d, _, _ := driverFor(path)
	_, ok := d.(*bashDriver)
	return ok
}
