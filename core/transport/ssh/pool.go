package ssh

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
)

// A pool shares connections among the sessions of the same account. Its methods may be called concurrently.
type pool struct {
	mu       sync.Mutex
	accounts map[string]*account
}

// An account is the connections of one pool key.
type account struct {
	connections []*connection
	dialing     []*attempt
	limit       int // channels a connection takes, as learned
}

// An attempt is a connection that is being made; those who wait for it share its failure.
type attempt struct {
	waiting int // the one who dials included
	done    chan struct{}
	err     error
	// asking is closed when a person is asked: nobody else waits for that, or shares what comes of it.
	asking chan struct{}
	once   sync.Once
}

func newAttempt() *attempt {
	return &attempt{waiting: 1, done: make(chan struct{}), asking: make(chan struct{})}
}

func (t *attempt) ask() { t.once.Do(func() { close(t.asking) }) }

// personal says that a person was asked.
func (t *attempt) personal() bool {
	select {
	case <-t.asking:
		return true
	default:
		return false
	}
}

// shared says that the failure is that of everybody who waited. What the caller gave up, and what a person's answer was part
// of, is not.
func (t *attempt) shared() bool {
	return !t.personal() && !errors.Is(t.err, errdefs.Sentinel(errdefs.Cancelled)) && !errors.Is(t.err, context.DeadlineExceeded)
}

func newPool() *pool { return &pool{accounts: make(map[string]*account)} }

// A place is where a channel is wanted.
type place struct {
	company bool        // with room for one more beside it
	beside  *connection // on this connection, if it can be
	owner   *sshTransport
}

// open opens a channel on a shared connection, or on a new one. release must be called once when the server has closed
// the channel.
func (p *pool) open(ctx context.Context, r *route, where place, setup func(*connection, gossh.Channel) error) (_ *connection, _ gossh.Channel, _ <-chan *gossh.Request, release func(), _ error) {
	for tries := 0; ; tries++ {
		c, fresh, err := p.reserve(ctx, r, where)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		isBeside := c == where.beside
		release := func() { p.release(r, c, isBeside) }
		channel, requests, err := c.openChannel(ctx, func(ch gossh.Channel) error { return setup(c, ch) })
		if err == nil {
			return c, channel, requests, release, nil
		}
		var full *errFull
		if !errors.As(err, &full) {
			release()
			// A shared connection that broke before this session had begun. Whoever used it may know before the pool does.
			lost := errors.Is(err, errdefs.Sentinel(errdefs.ConnectionLost))
			if !fresh && (lost || !c.alive()) && ctx.Err() == nil && tries < 3 {
				p.retire(c)
				continue
			}
			if !fresh && c.alive() && ctx.Err() == nil && errors.Is(err, errdefs.Sentinel(errdefs.Unavailable)) && tries < 1 && hung(err) {
				p.retire(c)
				continue
			}
			return nil, nil, nil, nil, err
		}
		alone := p.refused(r, c)
		release()
		if isBeside {
			where.beside = nil // there is no place
		}
		if alone && tries >= 3 {
			return nil, nil, nil, nil, errdefs.New(errdefs.Unavailable, "%s opens no session: %s", errdefs.Quote(r.target().name()), errdefs.Quote(full.reason.Message)).
				WithHint("the server's MaxSessions may be 0, or the account may not open sessions").WithDetail("phase", phaseChannel)
		}
		if alone {
			// Dropbear refuses for a moment after a channel was closed.
			select {
			case <-time.After(50 * time.Millisecond << tries):
			case <-ctx.Done():
			}
		}
		if tries > 100 {
			return nil, nil, nil, nil, errdefs.New(errdefs.Unavailable, "%s keeps refusing sessions", errdefs.Quote(r.target().name())).
				WithHint("close some of the open sessions").WithDetail("phase", phaseChannel)
		}
	}
}

// hung tells a channel that was not answered from one that was refused.
func hung(err error) bool {
	var e *errdefs.Error
	return errors.As(err, &e) && e.Details["phase"] == phaseChannel
}

// reserve takes a place on a connection; fresh says that it was made for this call.
func (p *pool) reserve(ctx context.Context, r *route, where place) (_ *connection, fresh bool, _ error) {
	for {
		p.mu.Lock()
		a := p.accounts[r.key]
		if a == nil {
			a = &account{limit: firstLimit}
			p.accounts[r.key] = a
		}
		if c := a.free(where); c != nil {
			p.mu.Unlock()
			return c, false, nil
		}
		limit := a.limit
		if where.company {
			limit = max(limit-1, 1)
		}
		// Each connection that is under way will take as many as the limit says.
		i := slices.IndexFunc(a.dialing, func(t *attempt) bool { return t.waiting < limit && !t.personal() })
		if i < 0 {
			t := newAttempt()
			a.dialing = append(a.dialing, t)
			p.mu.Unlock()
			c, err := p.dial(ctx, r, a, t, where.owner)
			return c, true, err
		}
		t := a.dialing[i]
		t.waiting++
		p.mu.Unlock()
		select {
		case <-t.asking:
		case <-t.done:
			if t.err != nil && t.shared() {
				return nil, false, copyOf(errdefs.From(t.err))
			}
		case <-ctx.Done():
			p.mu.Lock()
			t.waiting--
			p.mu.Unlock()
			return nil, false, errdefs.New(errdefs.Cancelled, "the call was cancelled while it waited for a connection to %s", errdefs.Quote(r.target().name())).WithCause(ctx.Err())
		}
	}
}

// free returns a connection with a place, which it takes. Of a connection that takes several, what wants company leaves
// the last place to what is beside it.
func (a *account) free(where place) *connection {
	a.connections = slices.DeleteFunc(a.connections, func(c *connection) bool { return !c.alive() })
	if c := where.beside; c != nil && slices.Contains(a.connections, c) && c.live < min(c.limit, a.limit) {
		c.take()
		c.beside++
		return c
	}
	for _, c := range a.connections {
		limit := min(c.limit, a.limit)
		if where.company && c.beside == 0 && limit > 1 {
			limit--
		}
		if c.live < limit && c != where.beside && (!c.personal || c.owner == where.owner) {
			c.take()
			return c
		}
	}
	return nil
}

func (c *connection) take() {
	c.live++
	if c.idle != nil {
		c.idle.Stop()
		c.idle = nil
	}
}

func (p *pool) dial(ctx context.Context, r *route, a *account, t *attempt, owner *sshTransport) (*connection, error) {
	c, err := dial(ctx, r, t.ask)
	p.mu.Lock()
	defer p.mu.Unlock()
	a.dialing = slices.DeleteFunc(a.dialing, func(other *attempt) bool { return other == t })
	t.err = err
	if err == nil {
		c.live, c.owner, c.personal = 1, owner, t.personal()
		a.connections = append(a.connections, c)
	}
	close(t.done)
	p.forget(r, a)
	return c, err
}

// refused learns from a refused channel. alone says that the connection had no other.
func (p *pool) refused(r *route, c *connection) (alone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	others := c.live - 1
	c.limit = others
	if a := p.accounts[r.key]; a != nil && others > 0 {
		a.limit = min(a.limit, others)
	}
	return others == 0
}

// retire lets a connection take no further channels.
func (p *pool) retire(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.limit = 0
	p.rest(c)
}

// release gives a place back.
func (p *pool) release(r *route, c *connection, beside bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.live--
	if beside {
		c.beside--
	}
	p.rest(c)
	if a := p.accounts[r.key]; a != nil {
		a.connections = slices.DeleteFunc(a.connections, func(c *connection) bool { return !c.alive() })
		p.forget(r, a)
	}
}

// rest closes a connection that nobody uses: at once if nobody can, else after a while.
func (p *pool) rest(c *connection) {
	switch {
	case c.live > 0:
	case c.limit == 0:
		go c.close()
	case c.idle == nil:
		c.idle = time.AfterFunc(linger, func() {
			p.mu.Lock()
			unused := c.live == 0
			if unused {
				c.limit = 0
			}
			p.mu.Unlock()
			if unused {
				c.close()
			}
		})
	}
}

// forget drops an account without connections, so that a pool does not grow with the hosts it has seen.
func (p *pool) forget(r *route, a *account) {
	if len(a.connections) == 0 && len(a.dialing) == 0 && p.accounts[r.key] == a {
		delete(p.accounts, r.key)
	}
}

// close ends every connection.
func (p *pool) close() {
	p.mu.Lock()
	var all []*connection
	for _, a := range p.accounts {
		all = append(all, a.connections...)
	}
	p.mu.Unlock()
	for _, c := range all {
		go c.close()
	}
}
