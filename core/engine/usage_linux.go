package engine

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// limit holds a shell and its supervisor, and with them all that the shell will start, to the limits. No command has run
// yet.
func (s *Shell) limit(l Limits) error {
	var err error
	if l.Group != nil {
		err = errors.Join(l.Group.take(s.supervisor), l.Group.take(s.pid))
	}
	for _, one := range []struct {
		resource int
		value    int64
	}{{unix.RLIMIT_FSIZE, l.FileBytes}, {unix.RLIMIT_DATA, l.DataBytes}, {unix.RLIMIT_CPU, int64((l.CPU + time.Second - 1) / time.Second)}} {
		if one.value <= 0 {
			continue
		}
		for _, pid := range []int{s.supervisor, s.pid} {
			err = errors.Join(err, lower(pid, one.resource, uint64(one.value)))
		}
	}
	return err
}

// lower sets a limit, unless the process has a lower one.
func lower(pid, resource int, value uint64) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &now); err != nil {
		return err
	}
	return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: min(now.Cur, value), Max: min(now.Max, value)}, nil)
}

// Measure returns what the processes of these shells use.
func (m *Meter) Measure(shells []*Shell) Usage {
	own := ownProcesses(shells)
	before := m.known
	list := m.members(shells)
	m.settle(before)
	var u Usage
	live := m.gone
	for _, p := range list {
		live += p.ticks + p.reaped
		if own[p.pid] || p.state == 'Z' {
			continue
		}
		u.Processes++
		u.Memory += ownMemory(p.pid)
	}
	m.high = max(m.high, live)
	u.CPU = time.Duration(m.high) * time.Second / ticksPerSecond
	if m.Group != nil {
		if used, ok := m.Group.used(); ok {
			u.CPU = used
		}
	}
	return u
}

// settle counts what processes had used that are gone. What their parent waited for is in the parent's own count, though
// perhaps only the next time, since a process table is not read at one moment; the rest is counted here. No time is
// counted twice for good.
func (m *Meter) settle(before map[int]seen) {
	for parent, d := range m.owed {
		if now, ok := m.known[parent]; ok && now.started == d.started {
			m.gone += max(d.ticks-(now.reaped-d.reaped), 0)
		}
	}
	m.owed = make(map[int]debt)
	for pid, was := range before {
		if m.known[pid].started == was.started {
			continue
		}
		parent, known := before[was.parent]
		switch now, lives := m.known[was.parent]; {
		case !known:
			m.gone += was.ticks + was.reaped // an orphan, which init waited for
		case lives && now.started == parent.started:
			m.owed[was.parent] = debt{parent.started, m.owed[was.parent].ticks + was.ticks + was.reaped, parent.reaped}
		}
	}
}

// Kill ends every process that the Meter knows but for the shells and their supervisors. They are stopped first: one that
// starts others faster than they can be killed is then still.
func (m *Meter) Kill(shells []*Shell) {
	const rounds = 20
	own := ownProcesses(shells)
	stopped := make(map[int]uint64)
	if m.Group != nil {
		m.Group.freeze(true)
		defer m.Group.freeze(false)
	}
	for range rounds {
		fresh := false
		for _, p := range m.members(shells) {
			if own[p.pid] || p.state == 'Z' || stopped[p.pid] == p.started {
				continue
			}
			if unix.Kill(p.pid, unix.SIGSTOP) == nil {
				stopped[p.pid], fresh = p.started, true
			}
		}
		if !fresh {
			break
		}
	}
	for pid, started := range stopped {
		if StartOf(pid) == started {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// ownProcesses are those that a session has without any command.
func ownProcesses(shells []*Shell) map[int]bool {
	own := make(map[int]bool, 2*len(shells))
	for _, s := range shells {
		own[s.pid], own[s.supervisor] = true, true
	}
	return own
}

// members returns the processes that belong to the shells, and remembers them.
func (m *Meter) members(shells []*Shell) (list []proc) {
	table := processTable()
	terminals := make(map[int]bool, len(shells))
	for _, s := range shells {
		terminals[s.supervisor] = true
	}
	var grouped map[int]bool
	if m.Group != nil {
		grouped = m.Group.processes()
	}
	belongs := func(p proc) bool {
		was, ok := m.known[p.pid]
		return grouped[p.pid] || terminals[p.pid] || terminals[p.session] || ok && was.started == p.started
	}
	now := make(map[int]seen)
	host := os.Getpid()
	for _, p := range table {
		for q, depth := p, 0; q.pid > 1 && q.pid != host && depth < len(table); depth++ {
			if belongs(q) {
				now[p.pid] = seen{p.started, p.parent, p.ticks, p.reaped}
				list = append(list, p)
				break
			}
			q = table[q.parent]
		}
	}
	m.known = now
	return list
}

// ownMemory returns what of a process is in memory and is no file's; see proc_pid_statm(5).
func ownMemory(pid int) int64 {
	text, err := os.ReadFile(procPath(pid, "statm"))
	if err != nil {
		return 0
	}
	f := bytes.Fields(text)
	if len(f) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(string(f[1]), 10, 64)
	shared, _ := strconv.ParseInt(string(f[2]), 10, 64)
	return max(resident-shared, 0) * int64(os.Getpagesize())
}
