package ssh

import (
	"context"
	"strings"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// NewOpener returns the opener of the scheme ssh. The transports that one opener makes share connections.
func NewOpener() transport.Opener {
	shared := newPool()
	return func(ctx context.Context, rest string, o transport.Options) (transport.Transport, error) {
		r, err := resolve(ctx, rest, o)
		if err != nil {
			return nil, err
		}
		t := &sshTransport{route: r, pool: shared, open: make(map[*process]bool)}
		if o.SSH.Pool != nil && !*o.SSH.Pool {
			t.pool, t.own = newPool(), true
		}
		return t, nil
	}
}

// A sshTransport is one session's view of a target.
type sshTransport struct {
	route *route
	pool  *pool
	own   bool // the pool is not shared

	mu       sync.Mutex
	identity string // the fingerprint of the first connection
	open     map[*process]bool
	closed   bool
}

// Open implements [transport.Transport].
func (t *sshTransport) Open(ctx context.Context, o transport.OpenOptions) (transport.Process, error) {
	line, err := commandLine(o.Argv)
	if err != nil {
		return nil, err
	}
	if o.TTY != nil {
		if err := checkSize(*o.TTY); err != nil {
			return nil, err
		}
	}
	if err := t.usable(); err != nil {
		return nil, err
	}
	where := place{company: o.Company, owner: t}
	if beside, ok := o.Beside.(*process); ok {
		where.beside = beside.conn
	}
	c, channel, requests, release, err := t.pool.open(ctx, t.route, where, func(c *connection, ch gossh.Channel) error {
		if err := t.recognise(c); err != nil {
			return err
		}
		return start(ch, c.target, line, o.TTY)
	})
	if err != nil {
		return nil, err
	}
	p := newProcess(c, channel, requests, release, func() { t.pool.retire(c) })
	p.alone = t.own
	t.mu.Lock()
	late := t.closed
	if !late && o.Beside == nil {
		t.open[p] = true
		go func() {
			<-p.gone
			t.mu.Lock()
			delete(t.open, p)
			t.mu.Unlock()
		}()
	}
	t.mu.Unlock()
	if late {
		_ = p.Close()
		return nil, t.usable()
	}
	if o.TTY != nil {
		return terminal{p}, nil
	}
	return p, nil
}

func (t *sshTransport) usable() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errdefs.New(errdefs.SessionClosed, "the connection to %s was closed", errdefs.Quote(t.route.target().name())).WithSession(errdefs.Closed)
	}
	return nil
}

// recognise compares a connection with the first one of this session. Where known_hosts vouches for the key a host may
// have several; where nothing does, another key is another machine.
func (t *sshTransport) recognise(c *connection) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := c.check.print
	if t.identity == "" {
		t.identity = now
	}
	p := &t.route.target().policy
	vouched := p.mode == modeStrict || p.mode == modePin || (p.mode == modeAcceptNew || p.mode == modeAsk) && p.add != ""
	if now == t.identity || vouched {
		return nil
	}
	return errdefs.New(errdefs.HostKeyChanged, "the host key of %s changed while the session lived: it was %s and is %s", errdefs.Quote(p.name), t.identity, now).
		WithHint("somebody may be in between; open a new session if the change is meant").
		WithDetail("known_fingerprint", t.identity).WithDetail("fingerprint", now)
}

// start asks for a program on a channel. Nothing of this machine's environment goes along but what the user's
// configuration sets on purpose.
func start(ch gossh.Channel, h *hop, line string, tty *transport.Size) error {
	for _, entry := range h.config.SetEnv {
		if name, value, ok := strings.Cut(entry, "="); ok {
			if _, err := ch.SendRequest("env", false, gossh.Marshal(struct{ Name, Value string }{name, value})); err != nil {
				return err
			}
		}
	}
	if tty != nil {
		ok, err := ch.SendRequest("pty-req", true, gossh.Marshal(struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        string
		}{"xterm-256color", uint32(tty.Cols), uint32(tty.Rows), 0, 0, "\x00"}))
		if err != nil {
			return err
		}
		if !ok {
			return errdefs.New(errdefs.Unsupported, "%s gives no terminal", errdefs.Quote(h.name())).
				WithHint("the server's PermitTTY is off for this account; run the command without a terminal")
		}
	}
	ok, err := ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{line}))
	if err != nil {
		return err
	}
	if !ok {
		return errdefs.New(errdefs.Unavailable, "%s runs no commands for this account", errdefs.Quote(h.name())).
			WithHint("the account may be limited to file transfer or forwarding")
	}
	return nil
}

// Info implements [transport.Transport].
func (t *sshTransport) Info() transport.Info {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.route.target().config
	return transport.Info{Scheme: "ssh", Target: c.User + "@" + t.route.target().name(), Identity: t.identity,
		Capabilities: []string{"signals", "tty"}}
}

// Close implements [transport.Transport]. Connections that other sessions use stay.
func (t *sshTransport) Close() error {
	t.mu.Lock()
	t.closed = true
	var open []*process
	for p := range t.open {
		open = append(open, p)
	}
	t.mu.Unlock()
	for _, p := range open {
		_ = p.Close()
	}
	if t.own {
		t.pool.close()
	}
	return nil
}

// commandLine quotes words so that every login shell gives them back: single quotes mean the same to bash, zsh, dash,
// fish and csh as long as nothing within them is a quote, a backslash, a newline or csh's '!'. The program takes the login
// shell's place: fish ends when its child stops itself, and takes the channel and what is on its way with it. A restricted
// shell (rbash) refuses that and goes on to run the program as its child.
func commandLine(argv []string) (string, error) {
	if len(argv) == 0 {
		return "", errdefs.New(errdefs.InvalidArgument, "there is no program to start")
	}
	words := make([]string, 0, len(argv))
	for _, word := range argv {
		if strings.ContainsAny(word, "\n\r!'\\\x00") {
			return "", errdefs.New(errdefs.InvalidArgument, "the argument %s cannot be quoted for every login shell", errdefs.Quote(word)).
				WithHint("feed it to the program's stdin")
		}
		if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+@") == "" {
			words = append(words, word)
		} else {
			words = append(words, "'"+word+"'")
		}
	}
	line := strings.Join(words, " ")
	return "exec " + line + "; " + line, nil
}
