package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Waiting takes one look at the running command. ok says that it cannot go on without input: a process of the
// foreground sleeps in a read of the terminal or of the open input, or in a poll that nothing else could end, and none
// of the foreground's processes runs. What the command prints has no part in this. A program that the foreground has put
// in a session of its own (su -c) can read the terminal too; that such a program runs says nothing about the foreground.
//
// One look can meet a reader between two lines of a stream that is being fed; a caller takes two and compares Proof.
func (s *Shell) Waiting() (w Wait, ok bool) {
	now := s.live.Load()
	if now == nil {
		return w, false
	}
	group := s.foreground()
	if group <= 1 {
		return w, false
	}
	var ticks int64
	found := false
	members, apart := s.foregroundMembers(group)
	for _, p := range apart {
		if one, is, _ := now.look(p); is && p.state == 'S' && !found {
			w, found = one, true
		}
	}
	for _, p := range members {
		switch p.state {
		case 'R', 'D':
			return w, false
		case 'Z', 'T', 't', 'X':
			continue
		}
		ticks += p.ticks
		one, is, busy := now.look(p)
		if busy {
			return w, false
		}
		if is && !found {
			w, found = one, true
		}
	}
	if !found {
		return w, false
	}
	if !w.Timed {
		w.Proof += "/" + strconv.FormatInt(ticks, 10)
	}
	w.Command = commandOf(w.PID)
	return w, true
}

// foregroundMembers returns the processes of a group below the shell, and the shell where the group is its own. apart are
// those that they have put in sessions of their own.
func (s *Shell) foregroundMembers(group int) (members, apart []proc) {
	type below struct {
		pid    int
		inside bool // below a member
	}
	own := 0
	queue := []below{{pid: s.pid}}
	for i := 0; i < len(queue) && i < 1000; i++ {
		next := queue[i]
		if p, ok := readProc(next.pid); ok {
			if i == 0 {
				own = p.session
			}
			switch {
			case p.group == group:
				members, next.inside = append(members, p), true
			case next.inside && p.session != own:
				apart = append(apart, p)
			}
		}
		for _, child := range childrenOf(next.pid) {
			queue = append(queue, below{child, next.inside})
		}
	}
	return members, apart
}

// childrenOf returns the children of every thread of a process.
func childrenOf(pid int) (children []int) {
	threads, err := os.ReadDir(procPath(pid, "task"))
	if err != nil {
		return nil
	}
	for _, t := range threads {
		text, err := os.ReadFile(procPath(pid, "task/"+t.Name()+"/children"))
		if err != nil {
			return nil
		}
		for _, f := range bytes.Fields(text) {
			if n, err := strconv.Atoi(string(f)); err == nil {
				children = append(children, n)
			}
		}
	}
	return children
}

// A live is what a running command can get input from.
type live struct {
	input    *inlet // nil without an open input
	terminal *terminal
	typed    bool // whether the terminal can be written to
	device   uint64
	over     bool // guarded by terminal.typing
}

// look examines the threads of one sleeping process.
func (l *live) look(p proc) (w Wait, waits, busy bool) {
	threads, err := os.ReadDir(procPath(p.pid, "task"))
	if err != nil {
		return w, false, false
	}
	for _, t := range threads {
		text, err := os.ReadFile(procPath(p.pid, "task/"+t.Name()+"/syscall"))
		if err != nil {
			return l.lookFromOutside(p)
		}
		call, ok := parseCall(string(text))
		if !ok {
			// "running", or a sleep outside of a system call (a page fault).
			if strings.HasPrefix(string(text), "running") {
				return w, false, true
			}
			continue
		}
		on, timed := l.blocksOn(p.pid, call)
		if on == "" || waits {
			continue
		}
		w = Wait{On: on, PID: p.pid, Call: call.name, Timed: timed, Proof: fmt.Sprintf("%d/%s/%s", p.pid, t.Name(), call.stack)}
		if !timed {
			w.Proof += "/" + switchesOf(p.pid, t.Name())
		}
		waits = true
		if on == WaitsOnTerminal {
			if lines, echo, err := l.terminal.settings(); err == nil {
				w.Lines, w.Hidden = lines, lines && !echo
			}
		}
	}
	return w, waits, false
}

// lookFromOutside is for a process of another user (sudo, su, passwd), of which the kernel shows only that it sleeps. That
// it took the echo from a terminal that had it and takes a line is evidence enough of a password; anything else is not.
func (l *live) lookFromOutside(p proc) (w Wait, waits, busy bool) {
	lines, echo, err := l.terminal.settings()
	if err != nil || !l.typed || !lines || echo {
		return w, false, false
	}
	return Wait{On: WaitsOnTerminal, PID: p.pid, Call: "unknown", Lines: true, Hidden: true, Proof: fmt.Sprintf("%d/%d", p.pid, p.ticks)}, true, false
}

// switchesOf returns how often a thread was given the processor: any run between two looks changes it.
func switchesOf(pid int, thread string) string {
	text, err := os.ReadFile(procPath(pid, "task/"+thread+"/status"))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(text), "voluntary_ctxt_switches:")
	return strings.Join(strings.Fields(after), "")
}

// A blockedCall is a system call that a thread sleeps in.
type blockedCall struct {
	name  string
	args  [6]uint64
	stack string
}

func parseCall(text string) (c blockedCall, ok bool) {
	f := strings.Fields(text)
	if len(f) != 9 {
		return c, false
	}
	number, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return c, false
	}
	for i := range c.args {
		c.args[i], _ = strconv.ParseUint(strings.TrimPrefix(f[i+1], "0x"), 16, 64)
	}
	c.name, c.stack = waitCalls[number], f[7]
	return c, true
}

// blocksOn says whether a call can only be ended by input, and where that has to come from.
func (l *live) blocksOn(pid int, c blockedCall) (on string, timed bool) {
	var fds []int
	switch c.name {
	case "read", "readv":
		return l.kindOf(pid, int(int32(c.args[0]))), false
	case "poll", "ppoll":
		fds = polled(pid, c.args[0], c.args[1])
		timed = c.name == "poll" && int32(c.args[2]) >= 0 || c.name == "ppoll" && c.args[2] != 0
	case "select", "pselect6":
		fds = selected(pid, c.args[0], c.args[1])
		timed = c.args[4] != 0
	case "epoll_wait", "epoll_pwait":
		fds = epolled(pid, int(int32(c.args[0])))
		timed = int32(c.args[3]) >= 0
	case "epoll_pwait2":
		fds = epolled(pid, int(int32(c.args[0])))
		timed = c.args[3] != 0
	default:
		return "", false
	}
	for _, fd := range fds {
		kind := l.kindOf(pid, fd)
		if kind == "" && !ownWakeup(pid, fd) {
			return "", false // something else can end the sleep: a socket, a child's output, a clock
		}
		if kind != "" {
			on = kind
		}
	}
	return on, timed
}

// kindOf says what a descriptor of a process is to the command's input.
func (l *live) kindOf(pid, fd int) string {
	var st unix.Stat_t
	if unix.Stat(procPath(pid, "fd/"+strconv.Itoa(fd)), &st) != nil {
		return ""
	}
	if l.input.holds(&st) {
		return WaitsOnStdin
	}
	const devTTY = 5 << 8 // "the process's own terminal"
	if l.typed && st.Mode&unix.S_IFMT == unix.S_IFCHR && (uint64(st.Rdev) == l.device || st.Rdev == devTTY) {
		return WaitsOnTerminal
	}
	return ""
}

// ownWakeup reports whether a descriptor is one by which the threads of a process wake each other, as every event loop
// has them: an eventfd, a signalfd, or a pipe whose other end the process has itself.
func ownWakeup(pid, fd int) bool {
	dir := procPath(pid, "fd")
	target, err := os.Readlink(filepath.Join(dir, strconv.Itoa(fd)))
	if err != nil {
		return true // closed: nothing can come from it
	}
	switch target {
	case "anon_inode:[eventfd]", "anon_inode:[signalfd]", "anon_inode:[io_uring]":
		return true
	}
	if !strings.HasPrefix(target, "pipe:") {
		return false
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if other, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && other == target && e.Name() != strconv.Itoa(fd) {
			return true
		}
	}
	return false
}

// maxPolled bounds what is read of another process's memory.
const maxPolled = 1024

// polled returns the descriptors of an array of struct pollfd that are waited on for reading.
func polled(pid int, address, count uint64) (fds []int) {
	memory := peek(pid, address, int(min(count, maxPolled))*8)
	for ; len(memory) >= 8; memory = memory[8:] {
		fd := int(int32(binary.NativeEndian.Uint32(memory)))
		if events := binary.NativeEndian.Uint16(memory[4:]); fd >= 0 && events&unix.POLLIN != 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// selected returns the descriptors of an fd_set.
func selected(pid int, highest, address uint64) (fds []int) {
	highest = min(highest, maxPolled)
	memory := peek(pid, address, int(highest+63)/64*8)
	for fd := range int(highest) {
		if fd/8 < len(memory) && memory[fd/8]&(1<<(fd%8)) != 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// peek reads memory of another process, nil where that is not allowed.
func peek(pid int, address uint64, size int) []byte {
	if address == 0 || size <= 0 {
		return nil
	}
	buf := make([]byte, size)
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(size)
	n, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(address), Len: size}}, 0)
	if err != nil {
		return nil
	}
	return buf[:n]
}

// epolled returns the descriptors that an epoll instance waits on for reading, as /proc/PID/fdinfo shows them.
func epolled(pid, epoll int) (fds []int) {
	text, err := os.ReadFile(procPath(pid, "fdinfo/"+strconv.Itoa(epoll)))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		var fd int
		var events uint32
		if _, err := fmt.Sscanf(line, "tfd: %d events: %x", &fd, &events); err == nil && events&unix.EPOLLIN != 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}
