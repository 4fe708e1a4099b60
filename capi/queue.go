package main

import (
	"context"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A queue collects the replies of submitted calls. Its wake pipe holds one byte exactly while replies wait, so a host
// that polls it is woken once for a batch.
type queue struct {
	mu      sync.Mutex
	replies []byte // the elements of a JSON array, separated by commas
	pending map[uint64]context.CancelFunc
	arrived chan struct{} // capacity 1: wakes one waiter
	done    chan struct{} // closed with the queue: wakes every waiter
	wake    [2]int
	closed  bool
}

func newQueue() (*queue, error) {
	q := &queue{pending: make(map[uint64]context.CancelFunc), arrived: make(chan struct{}, 1), done: make(chan struct{})}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := syscall.Pipe(q.wake[:]); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	for _, fd := range q.wake {
		syscall.CloseOnExec(fd)
		_ = syscall.SetNonblock(fd, true)
	}
	return q, nil
}

func (q *queue) wakeFD() int { return q.wake[0] }

// submit starts a call; false if the queue is closed or the token is in use.
func (q *queue) submit(token uint64, method string, params []byte) bool {
	ctx, cancel, ok := q.expect(token)
	if ok {
		go func() {
			defer cancel()
			q.complete(token, server.Call(ctx, method, params)) // Call recovers its own panics
		}()
	}
	return ok
}

// submitSoon is submit, but returns the reply where it comes within the given time. A thread that waits for it anyway is
// spared the switches to another one and back, which cost as much as a short command.
func (q *queue) submitSoon(token uint64, method string, params []byte, within time.Duration) (reply []byte, ok bool) {
	ctx, cancel, ok := q.expect(token)
	if !ok {
		return nil, false
	}
	reply, rest := server.CallSoon(ctx, method, params, within)
	if rest != nil {
		go func() {
			defer cancel()
			q.complete(token, rest())
		}()
		return nil, true
	}
	cancel()
	q.mu.Lock()
	delete(q.pending, token)
	q.mu.Unlock()
	return reply, true
}

// expect notes a call whose reply is to come; false if the queue is closed or the token is in use.
func (q *queue) expect(token uint64) (ctx context.Context, cancel context.CancelFunc, ok bool) {
	ctx, cancel = context.WithCancel(context.Background())
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, used := q.pending[token]; used || q.closed {
		cancel()
		return nil, nil, false
	}
	q.pending[token] = cancel
	return ctx, cancel, true
}

func (q *queue) complete(token uint64, reply []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.pending, token)
	if q.closed {
		return
	}
	if len(q.replies) == 0 {
		_, _ = syscall.Write(q.wake[1], []byte{1})
	} else {
		q.replies = append(q.replies, ',')
	}
	q.replies = append(q.replies, `{"token":`...)
	q.replies = strconv.AppendUint(q.replies, token, 10)
	q.replies = append(q.replies, `,"reply":`...)
	q.replies = append(append(q.replies, reply...), '}')
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

func (q *queue) cancel(token uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	cancel, ok := q.pending[token]
	if ok {
		cancel()
	}
	return ok
}

// take returns the waiting replies as a JSON array, or nil.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.replies) == 0 || q.closed {
		return nil
	}
	var one [1]byte
	_, _ = syscall.Read(q.wake[0], one[:])
	batch := append(append([]byte{'['}, q.replies...), ']')
	q.replies = q.replies[:0]
	return batch
}

// wait takes replies, waiting up to ms for the first; 0 does not wait, a negative time waits for ever.
func (q *queue) wait(ms int) []byte {
	var expired <-chan time.Time
	if ms > 0 {
		timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		batch := q.take()
		if batch != nil || ms == 0 {
			return batch
		}
		select {
		case <-q.done:
			return nil
		case <-q.arrived: // may be stale: another waiter took the batch
		case <-expired:
			return q.take()
		}
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.done)
	for _, cancel := range q.pending {
		cancel()
	}
	syscall.Close(q.wake[0])
	syscall.Close(q.wake[1])
}

// A handles table maps the numbers that C holds to queues. Numbers are never used again, so a stale one finds nothing.
type handles struct {
	mu   sync.Mutex
	last int64
	open map[int64]*queue
}

var queues = handles{last: 1 << 32, open: make(map[int64]*queue)}

func (h *handles) add(q *queue) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.open[h.last] = q
	return h.last
}

func (h *handles) get(n int64) *queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open[n]
}

func (h *handles) remove(n int64) *queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := h.open[n]
	delete(h.open, n)
	return q
}
