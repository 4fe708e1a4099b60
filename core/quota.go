package execkit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
)

// Quotas bound what a session's commands use in all, with what they leave in the background; 0 is no bound.
//
// CPU, Output, Commands and Wall are used up for good: the command that does it is stopped, what was left in the
// background ends, and no further command runs. Memory and Processes are levels: what exceeds one is ended, and the
// session goes on. A command that was stopped gives [ErrQuotaExceeded], with its result in Details["result"].
//
// CPU, Memory, Processes and FileBytes are for sessions on this machine.
type Quotas struct {
	CPU         time.Duration
	MemoryBytes int64
	Processes   int64
	// FileBytes bounds each file that is written.
	FileBytes int64
	// OutputBytes counts both streams as the commands write them. What exceeds it is dropped.
	OutputBytes int64
	Commands    int64
	// Wall is how long the session lives.
	Wall time.Duration
}

// The names of the quotas on the wire.
const (
	quotaCPU       = "cpu_ms"
	quotaMemory    = "memory_bytes"
	quotaProcesses = "processes"
	quotaFile      = "file_bytes"
	quotaOutput    = "output_bytes"
	quotaCommands  = "commands"
	quotaWall      = "wall_ms"
	idleTimeout    = "idle_timeout_ms"
)

// leastMemory is what a shell and a small program need.
const leastMemory = 16 << 20

func (q *Quotas) limits() map[string]int64 {
	given := map[string]int64{quotaCPU: q.CPU.Milliseconds(), quotaMemory: q.MemoryBytes, quotaProcesses: q.Processes, quotaFile: q.FileBytes,
		quotaOutput: q.OutputBytes, quotaCommands: q.Commands, quotaWall: q.Wall.Milliseconds()}
	for name, limit := range given {
		if limit == 0 {
			delete(given, name)
		}
	}
	return given
}

// A meter counts what a session uses and ends what exceeds its quotas. A nil one does neither.
type meter struct {
	quotas  Quotas
	idle    time.Duration
	session *Session
	local   *localTarget // nil where nothing can be measured
	begun   time.Time

	commands, bytes atomic.Int64
	touched         atomic.Int64 // when the session was last called, in nanoseconds since begun

	mu      sync.Mutex
	spent   func() *errdefs.Error // which quota is used up; nil while none is
	running map[*context.CancelCauseFunc]bool
	usage   engine.Usage
	meter   engine.Meter
}

func newMeter(c *Config) (*meter, error) {
	for name, limit := range c.Quotas.limits() {
		least := int64(1)
		if name == quotaMemory {
			least = leastMemory
		}
		if limit < least {
			return nil, errdefs.New(errdefs.InvalidArgument, "quotas: %s: %d is out of range", name, limit).
				WithHint("give at least %d, or leave it out for no limit", least).WithDetail("field", "quotas."+name)
		}
	}
	if c.IdleTimeout < 0 {
		return nil, errdefs.New(errdefs.InvalidArgument, "%s: %d is out of range", idleTimeout, c.IdleTimeout.Milliseconds()).
			WithHint("give milliseconds, or 0 for never").WithDetail("field", idleTimeout)
	}
	if c.Quotas == (Quotas{}) && c.IdleTimeout == 0 {
		return nil, nil
	}
	return &meter{quotas: c.Quotas, idle: c.IdleTimeout, begun: time.Now(), running: make(map[*context.CancelCauseFunc]bool)}, nil
}

// enforce has the target hold what the kernel can, and completes what session.create says of it. A quota that the target
// cannot hold is refused: who asks for one must not get a session without.
func (m *meter) enforce(t target, says map[string]any) error {
	if m == nil || m.quotas == (Quotas{}) {
		return nil
	}
	limits := m.quotas.limits()
	m.local, _ = t.(*localTarget)
	for _, name := range []string{quotaCPU, quotaMemory, quotaProcesses, quotaFile} {
		if _, asked := limits[name]; asked && m.local == nil {
			return errdefs.New(errdefs.Unsupported, "quotas: %s is for sessions on this machine: the processes of another cannot be measured", name).
				WithHint("leave it out, or set a limit on the target itself, such as docker run --memory").WithDetail("field", "quotas."+name)
		}
	}
	says["quotas"] = limits
	if m.local == nil {
		return nil
	}
	m.local.limits = m.quotas.perProcess()
	if m.measures() {
		group, err := engine.NewCgroup()
		m.local.limits.Group, m.meter.Group = group, group
		says["quotas_by"] = "cgroup"
		if err != nil {
			says["quotas_by"] = "process table"
			says["quotas_missing"] = "cgroup: " + err.Error() + "; a process that leaves the session at once is held by its own limits alone"
		}
	}
	return nil
}

// perProcess is what the kernel holds every single process to, so that one which nobody measures in time, or which left the
// session, is held too. A process may ask for more memory than it uses, so that the bound is wider there.
func (q *Quotas) perProcess() engine.Limits {
	l := engine.Limits{FileBytes: q.FileBytes}
	if q.MemoryBytes > 0 {
		l.DataBytes = 2*min(q.MemoryBytes, 1<<60) + 256<<20
	}
	if q.CPU > 0 {
		l.CPU = q.CPU + time.Second
	}
	return l
}

// start begins to count, when the session is open.
func (m *meter) start(s *Session) {
	if m == nil {
		return
	}
	m.session, m.begun = s, time.Now()
	if m.quotas.Wall > 0 {
		timer := time.AfterFunc(time.Until(m.begun.Add(m.quotas.Wall)), m.wallOver)
		context.AfterFunc(s.ended, func() { timer.Stop() })
	}
	if m.idle > 0 {
		m.touch()
		go m.watchIdle()
	}
	if m.measures() {
		go m.watchUsage()
	}
}

func (m *meter) measures() bool {
	return m.quotas.CPU > 0 || m.quotas.MemoryBytes > 0 || m.quotas.Processes > 0
}

// touch notes a call on the session.
func (m *meter) touch() {
	if m != nil {
		m.touched.Store(int64(time.Since(m.begun)))
	}
}

// command counts a command that is about to run, or refuses it.
func (m *meter) command() error {
	if m == nil {
		return nil
	}
	if n := m.commands.Add(1); m.quotas.Commands > 0 && n > m.quotas.Commands {
		m.commands.Add(-1)
		m.spend(quotaCommands, m.quotas.Commands)
	}
	return m.refusal()
}

// refusal is the error of a command that may not run since a quota is used up, or nil.
func (m *meter) refusal() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spent == nil {
		return nil
	}
	return m.spent()
}

// begin returns the context of a command, which ends when a quota does. over unregisters it, and says which quota it was.
func (m *meter) begin(ctx context.Context) (metered context.Context, over func() *errdefs.Error) {
	if m == nil {
		return ctx, func() *errdefs.Error { return nil }
	}
	metered, cancel := context.WithCancelCause(ctx)
	m.mu.Lock()
	m.running[&cancel] = true
	if m.spent != nil {
		cancel(m.spent()) // since it was let through
	}
	m.mu.Unlock()
	return metered, func() *errdefs.Error {
		m.mu.Lock()
		delete(m.running, &cancel)
		m.mu.Unlock()
		m.touch()
		cause, _ := context.Cause(metered).(*errdefs.Error)
		cancel(nil)
		if cause == nil || cause.Code != errdefs.QuotaExceeded {
			return nil
		}
		return cause
	}
}

// output counts what a command writes and returns what of it is within the quota.
func (m *meter) output(p []byte) []byte {
	after := m.bytes.Add(int64(len(p)))
	over := after - m.quotas.OutputBytes
	if m.quotas.OutputBytes == 0 || over <= 0 {
		return p
	}
	m.spend(quotaOutput, m.quotas.OutputBytes)
	p = p[:max(int64(len(p))-over, 0)]
	return p[:len(p)-partialRune(p)] // a text that is cut stays a text
}

// spend stops every command, and ends what runs in the background, because a quota is used up.
func (m *meter) spend(name string, limit int64) {
	spent := func() *errdefs.Error {
		return errdefs.New(errdefs.QuotaExceeded, "the session's quota %s of %d is used up", name, limit).
			WithHint("open a new session, or one with a larger quota").WithDetail("quota", name).WithDetail("limit", limit)
	}
	m.mu.Lock()
	first := m.spent == nil
	if first {
		m.spent = spent
		m.stop(spent)
	}
	m.mu.Unlock()
	if !first {
		return
	}
	_, _ = m.session.record(audit.Quota, map[string]any{"quota": name, "limit": limit})
	if name == quotaCommands {
		return // what runs was within it
	}
	for _, j := range m.session.jobs.all() {
		if b, ok := j.(*backgroundJob); ok {
			b.group().Signal("KILL")
		}
	}
}

// stop ends the running commands; m.mu is held.
func (m *meter) stop(why func() *errdefs.Error) {
	for cancel := range m.running {
		(*cancel)(why())
	}
}

// wallOver ends the session, after the command that it stops was told why.
func (m *meter) wallOver() {
	s, limit := m.session, m.quotas.Wall.Milliseconds()
	m.spend(quotaWall, limit)
	s.awaitIdle()
	s.closeAs(func() *errdefs.Error {
		e := m.spent().WithSession(errdefs.Closed)
		e.Message = "session " + s.id + " is closed: " + e.Message
		return e
	})
	_ = s.Close()
}

// watchIdle ends the session when it was not called for too long and no command runs.
func (m *meter) watchIdle() {
	s := m.session
	timer := time.NewTimer(m.idle)
	defer timer.Stop()
	for {
		select {
		case <-s.ended.Done():
			return
		case <-timer.C:
		}
		m.mu.Lock()
		busy := len(m.running) > 0
		m.mu.Unlock()
		left := m.idle - (time.Since(m.begun) - time.Duration(m.touched.Load()))
		switch {
		case busy:
			timer.Reset(m.idle)
			continue
		case left > 0:
			timer.Reset(left)
			continue
		case !s.running.TryLock(): // a person is being asked, or files are being saved
			timer.Reset(m.idle)
			continue
		}
		s.closeAs(func() *errdefs.Error {
			return errdefs.New(errdefs.SessionClosed, "session %s was closed after %d ms without a call (%s)", s.id, m.idle.Milliseconds(), idleTimeout).
				WithHint("open a new session, or one with a longer %s", idleTimeout).WithSession(errdefs.Closed).WithDetail("reason", idleTimeout)
		})
		s.running.Unlock()
		_ = s.Close()
		return
	}
}
