package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
)

// The names of the steps in messages.
const (
	phaseConnect = "connection"
	phaseKex     = "key exchange"
	phaseAuth    = "authentication"
	phaseChannel = "channel"
)

// clientVersion is what servers log of us.
const clientVersion = "SSH-2.0-execkit"

// dial connects hop by hop. Every hop's key is checked and every hop authenticates us. It calls asking before a person is
// asked.
func dial(ctx context.Context, r *route, asking func()) (_ *connection, err error) {
	var below []io.Closer // connections that the next one runs through
	defer func() {
		if err != nil {
			closeAll(below)
		}
	}()
	var client *gossh.Client
	for i, h := range r.hops {
		next, v, err := dialHop(ctx, h, client, asking)
		if err != nil {
			if i < len(r.hops)-1 {
				var e *errdefs.Error
				if errors.As(err, &e) {
					e.WithDetail("hop", h.name())
				}
			}
			return nil, err
		}
		client = next
		if i == len(r.hops)-1 {
			return newConnection(client, below, v, r), nil
		}
		below = append(below, client)
	}
	return nil, errors.New("a route without hops") // resolve makes none
}

func closeAll(list []io.Closer) {
	for _, c := range slices.Backward(list) {
		_ = c.Close()
	}
}

// dialHop connects to a hop; it calls asking before a person is asked.
func dialHop(ctx context.Context, h *hop, through *gossh.Client, asking func()) (*gossh.Client, *verifier, error) {
	if h.policy.mode == modePin {
		return dialPinned(ctx, h, through, asking)
	}
	v, err := newVerifier(&h.policy)
	if err != nil {
		return nil, nil, err
	}
	client, err := handshake(ctx, h, through, v, v.order(h.crypto.hostKeys), asking)
	return client, v, err
}

// dialPinned tries one type of key after the other: a fingerprint does not say of which of the server's keys it is.
func dialPinned(ctx context.Context, h *hop, through *gossh.Client, asking func()) (*gossh.Client, *verifier, error) {
	algorithms := plainAlgorithms(h.crypto.hostKeys, false)
	var wrong error
	for len(algorithms) > 0 {
		v, err := newVerifier(&h.policy)
		if err != nil {
			return nil, nil, err
		}
		client, err := handshake(ctx, h, through, v, algorithms, asking)
		if err == nil {
			return client, v, nil
		}
		if !errors.Is(err, errdefs.Sentinel(errdefs.HostKeyChanged)) || v.seen == nil {
			if wrong != nil && strings.Contains(fmt.Sprint(errors.Unwrap(err)), "no common algorithm") {
				return nil, nil, wrong // the server has no other keys
			}
			return nil, nil, err
		}
		wrong = err
		shown := keyAlgorithms(v.seen.Type())
		algorithms = slices.DeleteFunc(slices.Clone(algorithms), func(name string) bool { return slices.Contains(shown, name) })
	}
	return nil, nil, wrong
}

func handshake(ctx context.Context, h *hop, through *gossh.Client, v *verifier, algorithms []string, asking func()) (*gossh.Client, error) {
	conn, err := open(ctx, h, through)
	if err != nil {
		return nil, err
	}
	steps := newPhases(ctx, h.timeout, func() { _ = conn.Close() })
	defer steps.done()
	steps.enter(phaseKex)
	a := &authenticator{ctx: ctx, creds: &h.creds, algos: h.crypto.pubkeys, attempts: make(map[string]int), asks: &asks{ask: h.creds.ask, pause: steps.pause, begin: asking}}
	defer a.close()
	v.confirm = func(key gossh.PublicKey) error { return a.confirm(&h.policy, key) }
	var verified atomic.Bool
	v.onDone = func() { verified.Store(true); steps.enter(phaseAuth) }
	config := &gossh.ClientConfig{
		Config:            gossh.Config{Ciphers: h.crypto.ciphers, KeyExchanges: h.crypto.kex, MACs: h.crypto.macs, RekeyThreshold: h.crypto.rekey},
		User:              h.config.User,
		ClientVersion:     clientVersion,
		HostKeyAlgorithms: algorithms,
		AuthCallback:      a.next,
		BannerCallback:    a.heard,
		HostKeyCallback:   v.check,
	}
	c, channels, requests, err := gossh.NewClientConn(conn, h.name(), config)
	if err != nil {
		_ = conn.Close()
		switch refusal := v.refusal.Load(); {
		case refusal != nil:
			return nil, *refusal
		case verified.Load():
			return nil, a.explain(ctx, h, steps, err)
		}
		return nil, steps.failure(ctx, h, err)
	}
	return gossh.NewClient(c, channels, requests), nil
}

// explain tells a refusal from a connection that broke.
func (a *authenticator) explain(ctx context.Context, h *hop, steps *phases, err error) error {
	broken := steps.failure(ctx, h, err)
	text := err.Error()
	var network net.Error
	switch {
	case broken.Code == errdefs.Cancelled || ctx.Err() != nil || steps.ranOut():
		return broken
	case strings.Contains(text, "ssh: disconnect"):
		return a.failure(h, "the server hung up: "+errdefs.Visible(cut(text[strings.Index(text, "ssh: disconnect"):])), err)
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		if len(a.tried) > 1 {
			// Servers that count what they are shown hang up without a word.
			return a.failure(h, "the server hung up", err)
		}
		return broken
	}
	return a.failure(h, "the server let us in with none of our credentials", err)
}

// open makes the byte stream to a hop.
func open(ctx context.Context, h *hop, through *gossh.Client) (net.Conn, error) {
	c := h.config
	if through == nil && c.ProxyCommand != "" {
		return startProxy(ctx, h)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.timeout, errSlow)
	defer cancel()
	address := net.JoinHostPort(c.HostName, strconv.Itoa(c.Port))
	if through != nil {
		conn, err := through.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, connectFailure(ctx, h, err)
		}
		return conn, nil
	}
	dialer := net.Dialer{KeepAlive: -1}
	if c.TCPKeepAlive {
		dialer.KeepAlive = 0
	}
	if c.BindAddress != "" {
		local, err := net.ResolveIPAddr("ip", c.BindAddress)
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "%s: BindAddress %s is no address of this machine", c.Where("bindaddress"), errdefs.Quote(c.BindAddress))
		}
		dialer.LocalAddr = &net.TCPAddr{IP: local.IP, Zone: local.Zone}
	}
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[c.AddressFamily]
	if network == "" {
		network = "tcp"
	}
	for attempt := 1; ; attempt++ {
		conn, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			return conn, nil
		}
		if attempt >= c.ConnectionAttempts || ctx.Err() != nil {
			return nil, connectFailure(ctx, h, err)
		}
		select {
		case <-time.After(time.Second): // as ssh does between attempts
		case <-ctx.Done():
		}
	}
}

var errSlow = errors.New("the connection took too long")

func connectFailure(ctx context.Context, h *hop, err error) *errdefs.Error {
	where := errdefs.Quote(h.name())
	var dns *net.DNSError
	var refused *gossh.OpenChannelError
	switch {
	case errors.Is(context.Cause(ctx), errSlow):
		return errdefs.New(errdefs.Unavailable, "%s: no %s within %v", where, phaseConnect, h.timeout).
			WithHint("the host or a firewall does not answer; ssh.connect_timeout_ms gives it more time").WithDetail("phase", phaseConnect)
	case errors.Is(ctx.Err(), context.Canceled):
		return errdefs.New(errdefs.Cancelled, "the call was cancelled while %s was connected to", where).WithCause(ctx.Err())
	case errors.As(err, &dns) && dns.IsNotFound:
		return errdefs.New(errdefs.TargetNotFound, "there is no host %s", errdefs.Quote(h.config.HostName)).
			WithHint("check the name; an alias needs a Host entry in the ssh configuration").WithCause(err)
	case errors.As(err, &refused):
		return errdefs.New(errdefs.Unavailable, "the host before it cannot reach %s: %s", where, errdefs.Quote(refused.Message)).
			WithHint("check the name and the port as that host sees them, and that it allows TCP forwarding").WithDetail("phase", phaseConnect)
	}
	return errdefs.New(errdefs.Unavailable, "cannot connect to %s: %s", where, errdefs.Visible(cut(fmt.Sprint(reason(err))))).
		WithHint("look whether the host is up and an SSH server listens there").WithDetail("phase", phaseConnect).WithCause(err)
}
