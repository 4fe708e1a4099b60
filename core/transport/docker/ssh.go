package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// plain is a user or a host that the ssh command cannot take for an option.
var plain = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.:\[\]%@+-]*$`)

// overSSH reaches an engine behind an ssh:// address as the docker command does: by the user's own ssh, with its
// configuration and keys, and the program docker at the other end.
func overSSH(address string) (dialer, error) {
	u, err := url.Parse("ssh://" + address)
	if err == nil && (u.Path != "" && u.Path != "/" || u.RawQuery != "") {
		err = errors.New("it has a path")
	}
	if err == nil {
		if _, ok := u.User.Password(); ok {
			err = errors.New("it holds a password")
		}
	}
	if err == nil && (!plain.MatchString(u.Hostname()) || u.User.Username() != "" && !plain.MatchString(u.User.Username())) {
		err = errors.New("the user or the host is no name")
	}
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "docker: the ssh address of the engine cannot be used: %v", withoutURL(err)).
			WithHint("give ssh://user@host:port").WithDetail("field", "docker.host")
	}
	args := []string{"-o", "ConnectTimeout=30", "-T"}
	if name := u.User.Username(); name != "" {
		args = append(args, "-l", name)
	}
	if port := u.Port(); port != "" {
		args = append(args, "-p", port)
	}
	args = append(args, "--", u.Hostname(), "docker", "system", "dial-stdio")
	return func(context.Context, string, string) (net.Conn, error) {
		// Not bound to the context, which is that of one request: the connection is kept for others.
		return startConn(exec.Command("ssh", args...))
	}, nil
}

// withoutURL takes the address out of a parser's error, which quotes it with what may be a password.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// A commandConn is a connection over a program's standard streams.
type commandConn struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     io.ReadCloser
	said    *tail
	closing sync.Once
}

// tail keeps the last bytes of what a program says on its stderr.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-300):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

func startConn(c *exec.Cmd) (net.Conn, error) {
	conn := &commandConn{command: c, said: &tail{}}
	c.Stderr = conn.said
	var err error
	if conn.in, err = c.StdinPipe(); err != nil {
		return nil, err
	}
	if conn.out, err = c.StdoutPipe(); err != nil {
		return nil, err
	}
	return conn, c.Start()
}

func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err == io.EOF && c.said.String() != "" {
		err = errors.New("ssh: " + errdefs.Quote(c.said.String()))
	}
	return n, err
}

func (c *commandConn) Write(p []byte) (int, error) { return c.in.Write(p) }

// CloseWrite tells the engine that no more input follows.
func (c *commandConn) CloseWrite() error { return c.in.Close() }

func (c *commandConn) Close() error {
	c.closing.Do(func() {
		_ = c.in.Close()
		_ = c.out.Close()
		_ = c.command.Process.Kill()
		go func() { _ = c.command.Wait() }()
	})
	return nil
}

type commandAddr struct{}

func (commandAddr) Network() string { return "ssh" }
func (commandAddr) String() string  { return "docker" }

func (*commandConn) LocalAddr() net.Addr              { return commandAddr{} }
func (*commandConn) RemoteAddr() net.Addr             { return commandAddr{} }
func (*commandConn) SetDeadline(time.Time) error      { return nil }
func (*commandConn) SetReadDeadline(time.Time) error  { return nil }
func (*commandConn) SetWriteDeadline(time.Time) error { return nil }
