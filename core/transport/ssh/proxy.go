package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// maxProxyWords bounds what is kept of a ProxyCommand's stderr for the message.
const maxProxyWords = 500

// A proxyConn is the byte stream of a ProxyCommand.
type proxyConn struct {
	cmd     *exec.Cmd
	in, out *os.File
	once    sync.Once
	done    chan struct{}

	mu    sync.Mutex
	words []byte
}

// startProxy runs the ProxyCommand of a hop. Its command line comes from the user's configuration alone; the names that
// are put into it hold nothing that means something to a shell.
func startProxy(_ context.Context, h *hop) (net.Conn, error) {
	fail := func(err error) error {
		return errdefs.New(errdefs.Unavailable, "the ProxyCommand of %s cannot be started: %v", errdefs.Quote(h.name()), reason(err)).
			WithHint("%s", h.config.Where("proxycommand")).WithDetail("phase", phaseConnect).WithCause(err)
	}
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, fail(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		_, _ = theirIn.Close(), in.Close()
		return nil, fail(err)
	}
	p := &proxyConn{in: in, out: out, done: make(chan struct{})}
	p.cmd = exec.Command(shell, "-c", "exec "+h.config.ProxyCommand)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirIn, theirOut, stderrOf{p}
	// A group of its own: what it starts is ended with it, and a Ctrl-C at the host's terminal does not reach it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second // a grandchild may keep stderr
	err = p.cmd.Start()
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		_, _ = in.Close(), out.Close()
		return nil, fail(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stderrOf keeps the first words of a command's stderr.
type stderrOf struct{ p *proxyConn }

func (w stderrOf) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	if room := maxProxyWords - len(w.p.words); room > 0 {
		w.p.words = append(w.p.words, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// Read implements [net.Conn]. At the end it says what the command had to say.
func (p *proxyConn) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err == io.EOF {
		err = p.said(err)
	}
	return n, err
}

// Write implements [net.Conn]. The command may end before it has read anything, and then says why too.
func (p *proxyConn) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		err = p.said(syscall.EPIPE)
	}
	return n, err
}

// said adds what the command wrote to its stderr to the error that its end has caused.
func (p *proxyConn) said(err error) error {
	select {
	case <-p.done:
	case <-time.After(time.Second): // it closed its streams and goes on
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.words) == 0 {
		return err
	}
	return fmt.Errorf("the ProxyCommand ended and said %s: %w", errdefs.Quote(string(p.words)), err)
}

// Close ends the command with all that it started in its group.
func (p *proxyConn) Close() error {
	p.once.Do(func() {
		_, _ = p.in.Close(), p.out.Close()
		select {
		case <-p.done: // its process id may be another's by now
		default:
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
			time.AfterFunc(time.Second, p.kill)
		}
	})
	return nil
}

func (p *proxyConn) kill() {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// LocalAddr implements [net.Conn].
func (p *proxyConn) LocalAddr() net.Addr { return proxyAddr{} }

// RemoteAddr implements [net.Conn].
func (p *proxyConn) RemoteAddr() net.Addr { return proxyAddr{} }

// SetDeadline implements [net.Conn]; nothing here uses deadlines.
func (p *proxyConn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline implements [net.Conn].
func (p *proxyConn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline implements [net.Conn].
func (p *proxyConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

type proxyAddr struct{}

func (proxyAddr) Network() string { return "proxy" }
func (proxyAddr) String() string  { return "ProxyCommand" }
