package execkit

import (
	"context"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/wire"
)

// A backgroundJob is what one command left running: `server &`.
type backgroundJob struct {
	id      string
	session *Session
	command string
	started time.Time

	mu       sync.Mutex
	roots    map[int]uint64
	pipes    []string
	captures map[string]*liveCapture
	over     time.Time // zero while it runs
}

func (b *backgroundJob) ID() string { return b.id }

// background returns the record of what the command leaves behind.
func (j *job) background() *backgroundJob {
	if j.late == nil {
		j.late = &backgroundJob{id: newID("j"), session: j.session, command: redactText(j.session.redact, j.asked), started: time.Now(),
			roots: make(map[int]uint64), captures: make(map[string]*liveCapture)}
	}
	return j.late
}

// The output of a background job is kept in a smaller spool: there may be many of them.
const backgroundHead, backgroundTail = 64 << 10, 1 << 20

// lateOutput takes the output of what outlives the command.
func (j *job) lateOutput(stream string) io.WriteCloser {
	b := j.background()
	c := newCapture(budget.Default(), j.session.redact, j.raw)
	c.spool, c.meter = budget.NewSpoolSize(backgroundHead, backgroundTail), j.session.meter
	c.kept = budget.NewKeeper(budget.Default(), c.spool)
	live := newLiveCapture(c, nil)
	b.mu.Lock()
	b.captures[stream] = live
	b.mu.Unlock()
	return lateWriter{live}
}

type lateWriter struct{ *liveCapture }

func (w lateWriter) Close() error {
	w.finish()
	return nil
}

// leftBehind records what a command left running, and returns it for the result.
func (j *job) leftBehind(out engine.Outcome) (jobs []wire.Job) {
	if len(out.Jobs) == 0 {
		return nil
	}
	if rootsOf(j.shell) == nil {
		for _, p := range out.Jobs {
			jobs = append(jobs, wire.Job{PID: p.PID, Command: redactText(j.session.redact, p.Command)})
		}
		return jobs
	}
	b := j.background()
	b.pipes = out.Pipes
	for _, p := range out.Jobs {
		b.roots[p.PID] = engine.StartOf(p.PID)
		jobs = append(jobs, wire.Job{JobID: b.id, PID: p.PID, Command: redactText(j.session.redact, p.Command)})
	}
	j.session.jobs.add(b)
	return jobs
}

func (b *backgroundJob) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over.IsZero() && len(b.group().Processes()) == 0 {
		b.over = time.Now()
	}
	return !b.over.IsZero()
}

// group is set before the job is known to anyone, and does not change.
func (b *backgroundJob) group() engine.Group { return engine.Group{Roots: b.roots, Pipes: b.pipes} }

func (b *backgroundJob) info() wire.JobInfo {
	over := b.isOver()
	i := wire.JobInfo{JobID: b.id, SessionID: b.session.id, Command: b.command, Kind: "background", State: "running",
		StartedMS: b.started.UnixMilli(), DurationMS: time.Since(b.started).Milliseconds(), Processes: []wire.JobProcess{}, Bytes: map[string]int64{}}
	b.mu.Lock()
	for stream, c := range b.captures {
		i.Bytes[stream] = c.spool.ReadAt(0, 1).BytesTotal
	}
	if over {
		i.State, i.DurationMS = "ended", b.over.Sub(b.started).Milliseconds()
	}
	b.mu.Unlock()
	if !over {
		b.session.addProcesses(&i, b.group(), 0)
	}
	return i
}

func (b *backgroundJob) spool(stream string) *budget.Spool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, ok := b.captures[stream]; ok {
		return c.spool
	}
	if stream == "stdout" || stream == "stderr" {
		return budget.NewSpool() // it went elsewhere: there is none
	}
	return nil
}

func (b *backgroundJob) kill(ctx context.Context, signal string) (int, error) {
	if signal != "" {
		return b.group().Signal(signal), nil
	}
	// Those that live now, by name: a parent that ends first must not hide its children.
	all := engine.Group{Roots: maps.Clone(b.roots), Pipes: b.pipes}
	for _, p := range all.Processes() {
		all.Roots[p.PID] = p.Started
	}
	reached := all.Signal("TERM")
	all.Signal("CONT")
	for begin := time.Now(); time.Since(begin) < killJobAfter && len(all.Processes()) > 0 && ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
	}
	for len(all.Processes()) > 0 && ctx.Err() == nil {
		all.Signal("KILL")
		time.Sleep(5 * time.Millisecond)
	}
	return reached, nil
}

// killJobAfter is how long a job has to end by itself after it was told to.
const killJobAfter = 300 * time.Millisecond

func (b *backgroundJob) wait(ctx context.Context) (*Result, error) {
	pause := 5 * time.Millisecond
	for !b.isOver() {
		select {
		case <-time.After(pause):
			pause = min(2*pause, 200*time.Millisecond)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, nil
}
