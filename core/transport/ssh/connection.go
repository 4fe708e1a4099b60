package ssh

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
)

// linger is how long a connection without sessions stays: the next session of an agent often follows at once.
const linger = 5 * time.Second

// closeGrace is how long a server may take to answer a CLOSE before its connection takes no further sessions.
const closeGrace = 10 * time.Second

// firstLimit is how many channels a connection is given before anything was learned: OpenSSH's own MaxSessions.
const firstLimit = 10

// A connection is one authenticated connection to a target. Channels on it are counted by its account.
type connection struct {
	client *gossh.Client
	below  []io.Closer
	check  *verifier
	target *hop
	dead   chan struct{} // closed when it is gone
	once   sync.Once
	// personal says that a person's answer opened it. It is then owner's alone: another session's person was not asked.
	personal bool
	owner    *sshTransport

	// guarded by the pool's lock
	live   int // channels, those being opened included
	beside int // of them, those that are beside another on purpose
	limit  int
	idle   *time.Timer
}

func newConnection(client *gossh.Client, below []io.Closer, v *verifier, r *route) *connection {
	c := &connection{client: client, below: below, check: v, target: r.target(), dead: make(chan struct{}), limit: firstLimit}
	go func() {
		_ = client.Wait()
		c.close()
		close(c.dead)
	}()
	if r.keepalive > 0 {
		go c.keepalive(r.keepalive, r.misses)
	}
	return c
}

func (c *connection) close() {
	c.once.Do(func() {
		// A half-open link can hold the lock that a farewell needs; closing the stream under it never blocks.
		_ = c.client.Close()
		closeAll(c.below)
	})
}

func (c *connection) alive() bool {
	select {
	case <-c.dead:
		return false
	default:
		return true
	}
}

// keepalive asks the server every interval for a sign of life and gives up after as many intervals without one: a link
// whose other end is gone without a word is found within (misses+1) intervals. It reaches through every hop.
func (c *connection) keepalive(interval time.Duration, misses int) {
	for {
		select {
		case <-c.dead:
			return
		case <-time.After(interval):
		}
		late := time.AfterFunc(interval*time.Duration(misses), c.close)
		err := c.ping()
		late.Stop()
		if err != nil {
			return
		}
	}
}

// ping returns when the server answered, or with an error when the connection is gone.
func (c *connection) ping() error {
	_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

// lost says why a connection is gone.
func (c *connection) lost() *errdefs.Error {
	if refusal := c.check.refusal.Load(); refusal != nil {
		var e *errdefs.Error
		if errors.As(*refusal, &e) {
			return copyOf(e)
		}
	}
	return errdefs.New(errdefs.ConnectionLost, "the connection to %s broke", errdefs.Quote(c.target.name())).WithOutcome(errdefs.Unknown)
}

// copyOf is an error that its receiver may add to: several may wait for the same failure.
func copyOf(e *errdefs.Error) *errdefs.Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	return &c
}

// errFull is a refused channel.
type errFull struct{ reason *gossh.OpenChannelError }

func (e *errFull) Error() string { return "the server opens no further session" }

// openChannel opens a session channel. An attempt that is given up cleans up after itself when the server answers.
func (c *connection) openChannel(ctx context.Context, setup func(gossh.Channel) error) (gossh.Channel, <-chan *gossh.Request, error) {
	type result struct {
		channel  gossh.Channel
		requests <-chan *gossh.Request
		err      error
	}
	results, given := make(chan result), make(chan struct{})
	go func() {
		channel, requests, err := c.client.OpenChannel("session", nil)
		r := result{channel, requests, err}
		if err == nil {
			if r.err = setup(channel); r.err != nil {
				_ = channel.Close()
				go gossh.DiscardRequests(requests)
			}
		}
		select {
		case results <- r:
		case <-given:
			if r.err == nil {
				_ = channel.Close()
				gossh.DiscardRequests(requests)
			}
		}
	}()
	timer := time.NewTimer(c.target.timeout)
	defer timer.Stop()
	var err error
	select {
	case r := <-results:
		var refused *gossh.OpenChannelError
		switch {
		case errors.As(r.err, &refused):
			return nil, nil, &errFull{refused}
		case r.err != nil && !errors.As(r.err, new(*errdefs.Error)):
			return nil, nil, c.lost().WithOutcome(errdefs.NotRun)
		}
		return r.channel, r.requests, r.err
	case <-c.dead:
		err = c.lost().WithOutcome(errdefs.NotRun)
	case <-timer.C:
		err = errdefs.New(errdefs.Unavailable, "%s: no %s within %v", errdefs.Quote(c.target.name()), phaseChannel, c.target.timeout).
			WithHint("the server does not answer; ssh.connect_timeout_ms gives it more time").WithDetail("phase", phaseChannel)
	case <-ctx.Done():
		err = errdefs.New(errdefs.Cancelled, "the call was cancelled while %s opened a channel", errdefs.Quote(c.target.name())).WithCause(ctx.Err())
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = errdefs.New(errdefs.Unavailable, "the deadline of the call passed while %s opened a channel", errdefs.Quote(c.target.name())).
				WithHint("give more time").WithDetail("phase", phaseChannel).WithCause(ctx.Err())
		}
	}
	close(given)
	return nil, nil, err
}
