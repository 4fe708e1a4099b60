// Package process starts programs of this machine behind the streams of a transport. Sessions run on it where package
// engine, which takes what it knows from Linux's /proc, cannot.
package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/creack/pty"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// A Transport opens programs of this machine, each the leader of a session of its own (POSIX XBD 3.343). Its methods may
// be called concurrently.
type Transport struct {
	env []string
	dir string

	mu   sync.Mutex
	open map[*Process]bool
}

// New returns a Transport whose programs have this environment, as NAME=value, and directory.
func New(env []string, dir string) *Transport {
	return &Transport{env: env, dir: dir, open: make(map[*Process]bool)}
}

// Open implements [transport.Transport].
func (t *Transport) Open(_ context.Context, o transport.OpenOptions) (transport.Process, error) {
	p, err := Start(o.Argv[0], o.Argv, t.env, t.dir, o.TTY)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.open[p] = true
	t.mu.Unlock()
	go func() {
		<-p.closed
		t.mu.Lock()
		delete(t.open, p)
		t.mu.Unlock()
	}()
	return p, nil
}

// Info implements [transport.Transport].
func (*Transport) Info() transport.Info { return transport.Info{Scheme: "local", Target: "local"} }

// Close implements [transport.Transport].
func (t *Transport) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.open {
		_ = p.Close()
	}
	return nil
}

// A Process is one program. It implements [transport.Process] and, with a terminal, [transport.Resizer].
type Process struct {
	in, out, err *os.File
	tty          bool          // in and out are one terminal
	closed       chan struct{} // when Close was called
	closing      sync.Once
	ended        chan struct{} // when exit is known
	exit         transport.Exit
}

// Start starts the program name, found on the host's own PATH where it holds no slash, with arguments that begin with its
// name. With a size it gets a terminal, and its stderr is empty.
func Start(name string, argv, env []string, dir string, tty *transport.Size) (*Process, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, errdefs.New(errdefs.ShellNotFound, "no %s on this machine", errdefs.Quote(name)).
			WithHint("install it, or put its directory on the PATH of the program that uses execkit").WithCause(err)
	}
	p := &Process{tty: tty != nil, closed: make(chan struct{}), ended: make(chan struct{})}
	attributes := &os.ProcAttr{Dir: dir, Env: env, Sys: &syscall.SysProcAttr{Setsid: true, Setctty: p.tty}}
	var theirs []*os.File
	if p.tty {
		theirs, err = p.terminal(*tty)
	} else {
		theirs, err = p.pipes()
	}
	if err == nil {
		attributes.Files = theirs
		err = p.run(path, argv, attributes)
	}
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		_ = p.Close()
		return nil, errdefs.New(errdefs.Unavailable, "cannot start %s: %v", path, err).
			WithHint("the user may be out of processes, descriptors or terminals (ulimit -a)").WithCause(err)
	}
	return p, nil
}

// pipes makes the program's streams, and returns its ends of them.
func (p *Process) pipes() (theirs []*os.File, err error) {
	in, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirs, p.in = append(theirs, in), inWrite
	for _, ours := range []**os.File{&p.out, &p.err} {
		read, write, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		*ours, theirs = read, append(theirs, write)
	}
	return theirs, nil
}

// terminal makes a terminal the program's streams; what is read as its stderr is empty.
func (p *Process) terminal(size transport.Size) (theirs []*os.File, err error) {
	ours, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	p.in, p.out = ours, ours
	theirs = []*os.File{tty, tty, tty}
	if p.err, err = os.Open(os.DevNull); err != nil {
		return theirs, err
	}
	return theirs, p.Resize(size)
}

func (p *Process) run(path string, argv []string, attributes *os.ProcAttr) error {
	child, err := os.StartProcess(path, argv, attributes)
	if err != nil {
		return err
	}
	go func() {
		defer close(p.ended)
		state, err := child.Wait()
		if err != nil {
			p.exit.Missing = true // a wait loop of the host took the status
			return
		}
		status := state.Sys().(syscall.WaitStatus)
		p.exit.Code = status.ExitStatus()
		if status.Signaled() {
			p.exit.Code = 128 + int(status.Signal())
		}
	}()
	return nil
}

// Stdin implements [transport.Process].
func (p *Process) Stdin() io.WriteCloser { return p.in }

// Stdout implements [transport.Process].
func (p *Process) Stdout() io.Reader { return reader{p, p.out} }

// Stderr implements [transport.Process].
func (p *Process) Stderr() io.Reader { return reader{p, p.err} }

// A reader says why it ended.
type reader struct {
	p *Process
	f *os.File
}

func (r reader) Read(b []byte) (int, error) {
	n, err := r.f.Read(b)
	if r.p.tty && errors.Is(err, syscall.EIO) {
		return n, io.EOF // on Linux, when every program has closed the terminal
	}
	if err != nil && err != io.EOF {
		err = errdefs.New(errdefs.ConnectionLost, "the program's streams were closed").WithCause(err)
	}
	return n, err
}

// SyscallConn implements [syscall.Conn].
func (r reader) SyscallConn() (syscall.RawConn, error) { return r.f.SyscallConn() }

// Wait implements [transport.Process].
func (p *Process) Wait(ctx context.Context) (transport.Exit, error) {
	select {
	case <-p.ended:
		return p.exit, nil
	case <-ctx.Done():
		return transport.Exit{Missing: true}, ctx.Err()
	}
}

// Resize implements [transport.Resizer].
func (p *Process) Resize(s transport.Size) error {
	return pty.Setsize(p.in, &pty.Winsize{Rows: uint16(s.Rows), Cols: uint16(s.Cols)})
}

// Close implements [transport.Process].
func (p *Process) Close() error {
	p.closing.Do(func() {
		close(p.closed)
		// The input last: its end ends a program, whose last words nobody hears once the streams are gone.
		for _, f := range []*os.File{p.out, p.err, p.in} {
			if f != nil {
				f.Close()
			}
		}
	})
	return nil
}
