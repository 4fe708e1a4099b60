package ssh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// phases give each step of connecting a deadline of its own. When one runs out, or the caller's context ends, what is
// being waited for is broken off by end.
type phases struct {
	limit time.Duration
	end   func()

	mu      sync.Mutex
	name    string
	timer   *time.Timer
	since   uint64 // counts the steps, so that a timer of an old one does nothing
	expired string
	stop    func() bool
}

func newPhases(ctx context.Context, limit time.Duration, end func()) *phases {
	p := &phases{limit: limit, end: end}
	p.stop = context.AfterFunc(ctx, end)
	return p
}

// enter begins a step.
func (p *phases) enter(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name = name
	p.arm()
}

func (p *phases) arm() {
	p.disarm()
	step := p.since
	p.timer = time.AfterFunc(p.limit, func() {
		p.mu.Lock()
		late := p.since == step
		if late {
			p.expired = p.name
		}
		p.mu.Unlock()
		if late {
			p.end()
		}
	})
}

func (p *phases) disarm() {
	p.since++
	if p.timer != nil {
		p.timer.Stop()
	}
}

// pause stops the clock until the function it returns is called.
func (p *phases) pause() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disarm()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.arm()
	}
}

// done ends the supervision.
func (p *phases) done() {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disarm()
}

// ranOut says that a deadline ended it.
func (p *phases) ranOut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.expired != ""
}

// failure says in which step it failed, and why if that was a deadline or the caller.
func (p *phases) failure(ctx context.Context, h *hop, err error) *errdefs.Error {
	p.mu.Lock()
	name, expired := p.name, p.expired
	p.mu.Unlock()
	where := errdefs.Quote(h.name())
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return errdefs.New(errdefs.Cancelled, "the call was cancelled during %s with %s", name, where).WithCause(ctx.Err())
	case ctx.Err() != nil:
		return errdefs.New(errdefs.Unavailable, "the deadline of the call passed during %s with %s", name, where).
			WithHint("give more time, or look whether the host is up").WithDetail("phase", name).WithCause(ctx.Err())
	case expired != "":
		return errdefs.New(errdefs.Unavailable, "%s: no %s within %v", where, expired, p.limit).
			WithHint("the host or the network does not answer; ssh.connect_timeout_ms gives it more time").WithDetail("phase", expired)
	}
	return errdefs.New(errdefs.Unavailable, "%s: %s failed: %s", where, name, errdefs.Visible(cut(fmt.Sprint(reason(err))))).
		WithHint("look whether the host is up and runs an SSH server there").WithDetail("phase", name).WithCause(err)
}
