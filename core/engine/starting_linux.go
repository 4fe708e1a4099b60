package engine

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// startingAtMost bounds the wait for a program that the shell is about to start. A subshell that catches the interrupt
// looks the same for good.
const startingAtMost = 30 * time.Millisecond

// starting reports whether a process is a copy of the shell that still has the shell's own handler of SIGINT, as between
// fork and exec. An interrupt is lost there: the copy exits with 130 and no signal, which the shell takes for a program
// that failed, and goes on with the rest of the list.
func (s *Shell) starting(pid int) bool {
	if pid <= 0 || pid == s.pid {
		return false
	}
	status, err := os.ReadFile(procPath(pid, "status"))
	if err != nil {
		return false
	}
	_, caught, ok := bytes.Cut(status, []byte("\nSigCgt:\t"))
	if !ok {
		return false
	}
	line, _, _ := bytes.Cut(caught, []byte("\n"))
	mask, err := strconv.ParseUint(string(line), 16, 64)
	if err != nil || mask&(1<<(unix.SIGINT-1)) == 0 {
		return false
	}
	own, err := os.Readlink(procPath(s.pid, "exe"))
	if err != nil {
		return false
	}
	program, err := os.Readlink(procPath(pid, "exe"))
	return err == nil && program == own
}
