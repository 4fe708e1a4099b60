package remote

import (
	"context"
	"sync"

	"github.com/execkit/execkit/core/errdefs"
)

// maxStarting bounds the shells that start at the same time on one target. A login may read files that keep a processor
// busy for a tenth of a second, and fifty at once would take each other's time until all have missed their deadline.
const maxStarting = 8

// A turnstile lets a few through at a time for each key.
type turnstile struct {
	mu    sync.Mutex
	lanes map[string]*lane
}

type lane struct {
	places chan struct{}
	users  int // those who wait included
}

var starts = turnstile{lanes: make(map[string]*lane)}

// enter waits for a place, which leave gives back.
func (t *turnstile) enter(ctx context.Context, key string) (leave func(), err error) {
	t.mu.Lock()
	l := t.lanes[key]
	if l == nil {
		l = &lane{places: make(chan struct{}, maxStarting)}
		t.lanes[key] = l
	}
	l.users++
	t.mu.Unlock()
	done := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(t.lanes, key)
		}
	}
	select {
	case l.places <- struct{}{}:
		return func() {
			<-l.places
			done()
		}, nil
	case <-ctx.Done():
		done()
		return nil, errdefs.New(errdefs.Cancelled, "the call ended while other sessions started on the target").WithCause(ctx.Err())
	}
}
