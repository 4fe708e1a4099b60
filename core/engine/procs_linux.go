package engine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A proc is one line of the process table; see proc_pid_stat(5).
type proc struct {
	pid, parent, group, session int
	state                       byte
	ticks, reaped               int64 // of CPU: its own, and of the children that it has waited for
	started                     uint64
	pages                       int64
}

// readProc returns one process; ok is false when it is gone.
func readProc(pid int) (p proc, ok bool) {
	stat, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return p, false
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 22 {
		return p, false
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(string(f[i]), 10, 64); return n }
	return proc{pid: pid, state: f[0][0], parent: int(number(1)), group: int(number(2)), session: int(number(3)),
		ticks: number(11) + number(12), reaped: number(13) + number(14), started: uint64(number(19)), pages: number(21)}, true
}

// processIDs returns every process that this one may see, as the kernel lists them.
func processIDs() (pids []int) {
	dir, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := unix.Getdents(dir, *buf)
		if n <= 0 || err != nil {
			return pids
		}
		// struct linux_dirent64 of getdents(2). Every name as a string would take longer than the kernel does.
		const lengthAt, nameAt = 16, 19
		for entries := (*buf)[:n]; len(entries) > nameAt; {
			length := binary.NativeEndian.Uint16(entries[lengthAt:])
			name, _, _ := bytes.Cut(entries[nameAt:length], []byte{0})
			if entries = entries[length:]; name[0] >= '1' && name[0] <= '9' {
				pid, _ := strconv.Atoi(string(name))
				pids = append(pids, pid)
			}
		}
	}
}

func processTable() map[int]proc {
	pids := processIDs()
	table := make(map[int]proc, len(pids))
	for _, pid := range pids {
		if p, ok := readProc(pid); ok {
			table[pid] = p
		}
	}
	return table
}

// descends reports whether pid is root or below it.
func descends(table map[int]proc, pid, root int) bool {
	for range len(table) {
		if pid == root {
			return true
		}
		p, ok := table[pid]
		if !ok || pid <= 1 {
			return false
		}
		pid = p.parent
	}
	return false
}

// ticksPerSecond is USER_HZ, the unit of the times in /proc, which is 100 on every architecture that Go runs on.
const ticksPerSecond = 100

func describe(p proc, ports map[string]int) ProcessInfo {
	info := ProcessInfo{PID: p.pid, Parent: p.parent, Command: commandOf(p.pid), Started: p.started,
		CPU: p.ticks * 1000 / ticksPerSecond, Memory: p.pages * int64(os.Getpagesize())}
	if len(ports) > 0 {
		info.Ports = portsOf(p.pid, ports)
	}
	return info
}

// portsOf returns the ports of those sockets that a process holds.
func portsOf(pid int, listening map[string]int) (ports []int) {
	dir := procPath(pid, "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		if port, ok := listening[target]; ok && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}

// listeningSockets returns the TCP ports that are listened on in the network namespace of pid, by the name that the
// socket has among a process's descriptors.
func listeningSockets(pid int) map[string]int {
	sockets := make(map[string]int)
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		f, err := os.Open(procPath(pid, name))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			field := strings.Fields(lines.Text())
			const listen = "0A"
			if len(field) < 10 || field[3] != listen {
				continue
			}
			_, hexPort, _ := strings.Cut(field[1], ":")
			if b, err := hex.DecodeString(hexPort); err == nil && len(b) == 2 {
				sockets["socket:["+field[9]+"]"] = int(b[0])<<8 | int(b[1])
			}
		}
		f.Close()
	}
	return sockets
}

// Processes returns the processes of the group that live.
func (g Group) Processes() []ProcessInfo {
	table := processTable()
	roots := make(map[int]uint64, len(g.Roots))
	for pid, started := range g.Roots {
		if table[pid].started == started {
			roots[pid] = started
		}
	}
	if len(g.Pipes) > 0 {
		for pid := range table {
			// Not this process, which reads the pipes, nor one that it descends from.
			if pid > 1 && !descends(table, os.Getpid(), pid) && holdsPipe(pid, g.Pipes) {
				roots[pid] = table[pid].started
			}
		}
	}
	var list []ProcessInfo
	var ports map[string]int
	for _, pid := range slices.Sorted(maps.Keys(table)) {
		for root := range roots {
			if table[pid].state != 'Z' && descends(table, pid, root) {
				if ports == nil {
					ports = listeningSockets(pid)
				}
				list = append(list, describe(table[pid], ports))
				break
			}
		}
	}
	return list
}

// StartOf returns the time of a process's start, 0 when it is gone.
func StartOf(pid int) uint64 {
	p, _ := readProc(pid)
	return p.started
}

// Signal sends a signal to every process of the group and returns how many it reached.
func (g Group) Signal(name string) (reached int) {
	name, ok := signalName(name)
	if !ok {
		return 0
	}
	number := unix.SignalNum("SIG" + name)
	for _, p := range g.Processes() {
		if unix.Kill(p.PID, number) == nil {
			reached++
		}
	}
	return reached
}
