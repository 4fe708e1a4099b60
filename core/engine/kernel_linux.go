package engine

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What the kernel says of a process: facts that nothing inside the shell can change.

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// workingDir returns the real directory of a process.
func workingDir(pid int) (string, error) { return os.Readlink(procPath(pid, "cwd")) }

// An idleMark is where the shell waits for its next line: the buffer and size of its read, and its stack and
// instruction pointers. Any read made by a command has another buffer and is deeper in the stack, and an exec changes
// all of them.
type idleMark struct{ buffer, size, stack, instruction string }

// reading returns the mark of a process that is blocked in a read of descriptor 0, as proc(5) shows it in
// /proc/PID/syscall.
func reading(pid int) (idleMark, bool) {
	text, err := os.ReadFile(procPath(pid, "syscall"))
	if err != nil {
		return idleMark{}, false
	}
	f := strings.Fields(string(text))
	if len(f) != 9 || f[0] != strconv.Itoa(unix.SYS_READ) || f[1] != "0x0" {
		return idleMark{}, false
	}
	return idleMark{f[2], f[3], f[7], f[8]}, true
}

// sessionMembers returns the processes of a session (setsid(2)) other than the leader.
func sessionMembers(leader int) (pids []int) {
	for _, pid := range processIDs() {
		if session, err := unix.Getsid(pid); err == nil && session == leader && pid != leader {
			pids = append(pids, pid)
		}
	}
	return pids
}

// commandOf returns the arguments of a process, or "" when it is gone.
func commandOf(pid int) string {
	text, err := os.ReadFile(procPath(pid, "cmdline"))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(bytes.TrimRight(text, "\x00"), []byte{0}, []byte{' '}))
}
