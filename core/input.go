package execkit

import (
	"context"
	"io"
	"sync"

	"github.com/execkit/execkit/core/errdefs"
)

// maxQueuedInput bounds the input that waits for a command to read it, beside what a pipe or a terminal holds.
const maxQueuedInput = 256 << 10

// An inputQueue carries input from those who write it to the engine.
type inputQueue struct {
	mu      sync.Mutex
	data    []byte
	closed  bool // nothing more may be written
	ended   bool // the command is over
	changed chan struct{}
}

func newInputQueue() *inputQueue { return &inputQueue{changed: make(chan struct{})} }

func (q *inputQueue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Read implements io.Reader for the engine.
func (q *inputQueue) Read(p []byte) (int, error) {
	for {
		q.mu.Lock()
		switch {
		case q.ended:
			q.mu.Unlock()
			return 0, io.EOF
		case len(q.data) > 0:
			n := copy(p, q.data)
			q.data = q.data[n:]
			q.signal()
			q.mu.Unlock()
			return n, nil
		case q.closed:
			q.mu.Unlock()
			return 0, io.EOF
		}
		wait := q.changed
		q.mu.Unlock()
		<-wait
	}
}

// write queues p and returns when all of it is queued, or with what was when ctx ended.
func (q *inputQueue) write(ctx context.Context, p []byte) (n int, err error) {
	for {
		q.mu.Lock()
		if q.closed || q.ended {
			q.mu.Unlock()
			return n, notAttached("its input is closed").WithDetail("written", n)
		}
		room := min(maxQueuedInput-len(q.data), len(p))
		q.data = append(q.data, p[:room]...)
		n, p = n+room, p[room:]
		if room > 0 {
			q.signal()
		}
		wait := q.changed
		q.mu.Unlock()
		if len(p) == 0 {
			return n, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return n, errdefs.New(errdefs.LimitExceeded, "the command does not read its input: %d bytes were taken, %d were not", n, len(p)).
				WithHint("write the rest when it has read more").WithDetail("written", n).WithOutcome(errdefs.Ran).WithCause(ctx.Err())
		}
	}
}

func (q *inputQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.signal()
	}
}

func (q *inputQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.ended {
		q.ended, q.data = true, nil
		q.signal()
	}
}

// notAttached is the error of input that nobody can take.
func notAttached(why string) *errdefs.Error {
	return errdefs.New(errdefs.StdinNotAttached, "the command cannot be written to: %s", why).
		WithHint("start it with stdin \"open\" or with a tty, and write while it runs")
}
