package execkit

import (
	"fmt"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

const (
	// measureEvery is how often the processes are measured while a command runs, restEvery while none does: what an earlier
	// one left in the background counts too.
	measureEvery = 50 * time.Millisecond
	restEvery    = 500 * time.Millisecond
	// measureShare bounds what measuring costs where a machine has very many processes.
	measureShare = 10
)

// watchUsage measures the session's processes until it ends.
func (m *meter) watchUsage() {
	s := m.session
	for pause := measureEvery; ; {
		select {
		case <-s.ended.Done():
			return
		case <-time.After(pause):
		}
		began := time.Now()
		busy := m.judgeUsage()
		pause = max(measureEvery, measureShare*time.Since(began))
		if !busy {
			pause = max(pause, restEvery)
		}
	}
}

// judgeUsage measures once and ends what is too much.
func (m *meter) judgeUsage() (busy bool) {
	name, limit, used := m.exceeded()
	if name != "" {
		// A process table is not read at one moment; what is too much is so twice.
		name, limit, used = m.exceeded()
	}
	switch name {
	case "":
	case quotaCPU:
		m.spend(name, limit)
		m.mu.Lock()
		m.meter.Kill(m.shells())
		m.mu.Unlock()
	default:
		m.cutDown(name, limit, used)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.running) > 0
}

func (m *meter) shells() (list []*engine.Shell) {
	s := m.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range append([]shell{s.shell}, s.detachedShells...) {
		if one, ok := sh.(*engine.Shell); ok {
			list = append(list, one)
		}
	}
	return list
}

// exceeded measures, and names a quota that is exceeded.
func (m *meter) exceeded() (name string, limit, used int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.usage = m.meter.Measure(m.shells())
	u, q := m.usage, m.quotas
	switch {
	case q.CPU > 0 && u.CPU > q.CPU && m.spent == nil:
		return quotaCPU, q.CPU.Milliseconds(), u.CPU.Milliseconds()
	case q.MemoryBytes > 0 && u.Memory > q.MemoryBytes:
		return quotaMemory, q.MemoryBytes, u.Memory
	case q.Processes > 0 && int64(u.Processes) > q.Processes:
		return quotaProcesses, q.Processes, int64(u.Processes)
	}
	return "", 0, 0
}

// cutDown ends what exceeds a level. The command is told before its processes are gone: it must not end first, with the
// status of a kill.
func (m *meter) cutDown(name string, limit, used int64) {
	why := func() *errdefs.Error {
		return errdefs.New(errdefs.QuotaExceeded, "the session's quota %s is %d, and its processes had come to %d; they were ended", name, limit, used).
			WithHint("do the work in smaller parts, or open a session with a larger quota").
			WithDetail("quota", name).WithDetail("limit", limit).WithDetail("used", used)
	}
	m.mu.Lock()
	idle := len(m.running) == 0
	m.stop(why)
	m.meter.Kill(m.shells())
	m.mu.Unlock()
	_, _ = m.session.record(audit.Quota, map[string]any{"quota": name, "limit": limit, "used": used})
	if idle {
		s := m.session
		s.mu.Lock()
		s.hint = fmt.Sprintf("what the session had left in the background was ended: its quota %s is %d, and it had come to %d", name, limit, used)
		s.mu.Unlock()
	}
}

// usable refuses what comes too late: the session was closed, or a quota is used up.
func (s *Session) usable() error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return s.closedError()
	}
	if s.meter == nil {
		return nil
	}
	return s.meter.refusal()
}

// closeAs has every later call told why the session is closed; Close must follow.
func (s *Session) closeAs(why func() *errdefs.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed, s.why = true, why
	}
}

// endedBy says why the session closed itself, or "".
func (s *Session) endedBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil {
		return ""
	}
	return s.why().Message
}

// Ended returns the error that calls on a closed session give, or nil while the session is open.
func (s *Session) Ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		return nil
	}
	return s.closedError()
}

// Quotas returns the session's quotas and how much of each is used, by their names on the wire. What processes use is as it
// was last measured.
func (s *Session) Quotas() map[string]wire.QuotaUse {
	used := make(map[string]wire.QuotaUse)
	m := s.meter
	if m == nil {
		return used
	}
	m.mu.Lock()
	now := map[string]int64{quotaCPU: m.usage.CPU.Milliseconds(), quotaMemory: m.usage.Memory, quotaProcesses: int64(m.usage.Processes),
		quotaOutput: m.bytes.Load(), quotaCommands: m.commands.Load(), quotaWall: time.Since(m.begun).Milliseconds()}
	m.mu.Unlock()
	for name, limit := range m.quotas.limits() {
		use := wire.QuotaUse{Limit: limit}
		if n, counted := now[name]; counted {
			n = min(n, limit) // the rest was dropped, or is being ended
			use.Used = &n
		}
		used[name] = use
	}
	return used
}
