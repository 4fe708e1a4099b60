package execkit

import (
	"context"
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/wire"
)

// Event is one typed item of a running command.
type Event = wire.Event

// maxQueuedBytes bounds the output that waits for a reader of events. A command whose reader is slower than it waits; where
// nobody reads, what exceeds the bound is left out of the events (a truncated event says so) and is still in the result.
const maxQueuedBytes = 1 << 20

// maxJoined bounds the event that output is joined to which nobody has read yet: each joining copies it.
const maxJoined = 64 << 10

// A reader is waited for so long: for its first call, and after each call. Then the command goes on without it, since
// one that was forgotten must not hold it up for ever.
const (
	firstCallWithin = time.Second
	nextCallWithin  = 5 * time.Second
)

// A Running is a command that was started and not waited for. Its methods may be called concurrently.
type Running struct {
	id         string
	session    *Session
	command    string
	started    time.Time
	cancel     context.CancelFunc
	stopped    <-chan struct{}
	done       chan struct{}
	result     *Result // with err and finishedAt, written before done is closed
	err        error
	finishedAt time.Time

	mu      sync.Mutex
	queue   []Event
	bytes   int
	skipped int
	arrived chan struct{} // capacity 1
	drained chan struct{} // closed and replaced when events were taken
	patient time.Time     // until when a full queue waits for its reader
	job     *job          // nil until it was admitted

	live       livePart
	size       *engine.TTY
	left       bool         // by Exec with a Yield
	activity   atomic.Int64 // counts what came and went
	lastActive atomic.Int64 // in nanoseconds
	waits      chan struct{}

	approvals mailbox[Approval]
	answers   mailbox[secretAnswer]
}

// Start runs a command and returns at once, also where a person has to be asked first: what the person decides is in
// the events and in what Wait returns. ctx ends the command, not only the start.
func (s *Session) Start(ctx context.Context, command string, o ExecOptions) (*Running, error) {
	p, err := s.propose(command, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	now := time.Now()
	r := &Running{id: newID("e"), session: s, command: redactText(s.redact, command), started: now, cancel: cancel, stopped: ctx.Done(), done: make(chan struct{}),
		arrived: make(chan struct{}, 1), drained: make(chan struct{}), patient: now.Add(firstCallWithin), waits: make(chan struct{}, 1)}
	r.prepareLive(p.options)
	p.running, p.tell = r, r.push
	approve := s.approver(o)
	if o.ApproveByEvent {
		approve = r.ask
	}
	if o.QuestionsByEvent {
		ctx = WithAsker(ctx, r.wonder)
	}
	if !o.QuestionsByEvent && (!p.asks() || approve == nil) {
		// Nobody is waited for, so a refusal is Start's own.
		job, err := p.admit(ctx, approve)
		if err != nil {
			cancel()
			return nil, err
		}
		s.jobs.add(r)
		r.begin(job)
		go r.follow(ctx, job)
		return r, nil
	}
	s.jobs.add(r)
	go func() {
		job, err := p.admit(ctx, approve)
		if err != nil {
			r.finish(nil, err)
			return
		}
		r.begin(job)
		r.follow(ctx, job)
	}()
	return r, nil
}

func (r *Running) follow(ctx context.Context, j *job) {
	result, err := j.run(ctx)
	r.ended()
	r.finish(result, err)
}

func (r *Running) finish(result *Result, err error) {
	r.result, r.err = result, err
	r.finishedAt = time.Now()
	if err != nil {
		r.push(Event{Type: "finished", Error: err})
	} else {
		r.push(Event{Type: "finished", Result: result})
	}
	r.cancel()
	close(r.done)
}

// ID returns the identifier of the running command.
func (r *Running) ID() string { return r.id }

// String names the command. Its fields hold what it was given, and are not for showing.
func (r *Running) String() string { return "execkit command " + r.id }

// GoString is String for %#v.
func (r *Running) GoString() string { return r.String() }

// SessionID returns the identifier of the session that it runs in.
func (r *Running) SessionID() string { return r.session.id }

// Stop interrupts the command; Wait then gives [ErrCancelled].
func (r *Running) Stop() { r.cancel() }

// Wait returns what the command came to, as Exec does. Ending ctx ends the waiting, not the command.
func (r *Running) Wait(ctx context.Context) (*Result, error) {
	select {
	case <-r.done:
		return r.result, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Forget takes the command out of the session's jobs, where it can be found when it has ended: for a caller that waited for
// it, as Exec does.
func (r *Running) Forget() { r.session.jobs.remove(r) }

// Events waits for the first event and returns those that wait, up to about maxBytes of output (0 for all). done says
// that the finished event, always the last one, is among them or was returned before.
func (r *Running) Events(ctx context.Context, maxBytes int) (events []Event, done bool) {
	for {
		if events, done = r.take(maxBytes); len(events) > 0 || done {
			return events, done
		}
		r.expect(time.Hour) // a reader that waits is there
		select {
		case <-r.arrived:
		case <-ctx.Done():
			r.expect(nextCallWithin)
			return nil, false
		}
	}
}

func (r *Running) take(maxBytes int) (events []Event, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.patient = time.Now().Add(nextCallWithin)
	n, size := 0, 0
	for n < len(r.queue) && (n == 0 || maxBytes <= 0 || size+len(r.queue[n].Data) <= maxBytes) {
		size += len(r.queue[n].Data)
		n++
	}
	events = r.queue[:n:n]
	r.queue, r.bytes = r.queue[n:], r.bytes-size
	if size > 0 {
		close(r.drained)
		r.drained = make(chan struct{})
	}
	if len(r.queue) > 0 {
		r.wake()
		return events, false
	}
	select {
	case <-r.done:
		return events, true
	default:
		return events, n > 0 && events[n-1].Type == "finished"
	}
}

// expect says how long a full queue waits for its reader from now on.
func (r *Running) expect(d time.Duration) {
	r.mu.Lock()
	r.patient = time.Now().Add(d)
	close(r.drained) // who waits for room reckons anew
	r.drained = make(chan struct{})
	r.mu.Unlock()
}

func (r *Running) wake() {
	select {
	case r.arrived <- struct{}{}:
	default:
	}
}

func (r *Running) push(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.skipped > 0 && e.Type == "finished" {
		r.queue = append(r.queue, Event{Type: "truncated", Fields: map[string]any{"bytes": r.skipped}})
	}
	r.queue = append(r.queue, e)
	r.wake()
}

// output queues a chunk, joined to the one before where that is of the same stream and still waits.
func (r *Running) output(stream string, p []byte) {
	if len(p) == 0 {
		return
	}
	e := Event{Type: stream, Data: string(p)}
	if !utf8.Valid(p) {
		e.Data, e.Encoding = base64.StdEncoding.EncodeToString(p), "base64"
	}
	r.touch()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.room(len(e.Data)) {
		r.skipped += len(p)
		return
	}
	r.bytes += len(e.Data)
	if last := len(r.queue) - 1; last >= 0 && r.queue[last].Type == stream && r.queue[last].Encoding == "" && e.Encoding == "" &&
		len(r.queue[last].Data)+len(e.Data) <= maxJoined {
		r.queue[last].Data += e.Data
	} else {
		r.queue = append(r.queue, e)
	}
	r.wake()
}

// room waits, with r.mu held, until the queue can take n bytes more; false where nobody makes room.
func (r *Running) room(n int) bool {
	for r.bytes > 0 && r.bytes+n > maxQueuedBytes {
		left := time.Until(r.patient)
		if left <= 0 {
			return false
		}
		drained := r.drained
		r.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-drained:
		case <-timer.C:
		case <-r.stopped:
			timer.Stop()
			r.mu.Lock()
			return r.bytes+n <= maxQueuedBytes
		}
		timer.Stop()
		r.mu.Lock()
	}
	return true
}
