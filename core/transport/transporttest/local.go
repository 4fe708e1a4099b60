// Package transporttest has transports for tests: real programs of this machine behind the three streams of a
// transport, and faults in them that a script decides.
package transporttest

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// Local opens programs of this machine as a server would: each in a session of its own, over pipes.
type Local struct {
	// Env is the environment of the programs, Dir their directory.
	Env []string
	Dir string
	// Paths replaces programs by name.
	Paths map[string]string
	// Wrap, if set, puts faults into a program that was opened.
	Wrap func(transport.Process) transport.Process
	// Refuse, if it gives an error, refuses the n-th opening, counted from 1.
	Refuse func(n int) error

	mu     sync.Mutex
	opened []*process
}

// Open implements transport.Transport.
func (l *Local) Open(_ context.Context, o transport.OpenOptions) (transport.Process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &process{ended: make(chan struct{}), broken: make(chan struct{})}
	l.opened = append(l.opened, p)
	if l.Refuse != nil {
		if err := l.Refuse(len(l.opened)); err != nil {
			return nil, err
		}
	}
	path := o.Argv[0]
	if other, ok := l.Paths[path]; ok {
		path = other
	}
	path, err := exec.LookPath(path)
	if err != nil {
		return nil, errdefs.New(errdefs.ShellNotFound, "no %s", o.Argv[0])
	}
	if o.TTY != nil {
		err = p.startOnTerminal(path, o.Argv, l.Dir, l.Env, *o.TTY)
	} else {
		err = p.start(path, o.Argv, l.Dir, l.Env)
	}
	if err != nil {
		return nil, err
	}
	if l.Wrap != nil {
		return l.Wrap(p), nil
	}
	return p, nil
}

// Info implements transport.Transport.
func (*Local) Info() transport.Info {
	return transport.Info{Scheme: "test", Target: "here", Identity: "this machine", Capabilities: []string{"split_streams"}}
}

// Close implements transport.Transport: like a broken connection it ends the streams and no program.
func (l *Local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.opened {
		_ = p.Close()
	}
	return nil
}

// Cut breaks every connection, as when the client is killed or the network is gone: the programs only see the end of
// their input, and Wait gives no status.
func (l *Local) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.opened {
		p.cut()
	}
}

// Lose breaks every connection as Cut does, but the programs hear of it only when notice is called.
func (l *Local) Lose() (notice func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var held []int
	notice = func() {
		for _, fd := range held {
			_ = syscall.Close(fd)
		}
	}
	for _, p := range l.opened {
		fds, err := p.hold()
		held = append(held, fds...)
		if err != nil {
			notice()
			return nil, err
		}
	}
	for _, p := range l.opened {
		p.cut()
	}
	return notice, nil
}

type process struct {
	in, out, err *os.File
	tty          bool // in and out are one terminal
	ended        chan struct{}
	exit         transport.Exit
	closing      sync.Once
	broken       chan struct{} // closed when the connection is
	breaking     sync.Once
}

func (p *process) start(path string, argv []string, dir string, env []string) (err error) {
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			if f != nil {
				f.Close()
			}
		}
	}()
	if theirs[0], p.in, err = os.Pipe(); err != nil {
		return err
	}
	if p.out, theirs[1], err = os.Pipe(); err != nil {
		return err
	}
	if p.err, theirs[2], err = os.Pipe(); err != nil {
		return err
	}
	return p.run(path, argv, &os.ProcAttr{Dir: dir, Env: env, Files: theirs[:], Sys: &syscall.SysProcAttr{Setsid: true}})
}

func (p *process) run(path string, argv []string, attributes *os.ProcAttr) error {
	child, err := os.StartProcess(path, argv, attributes)
	if err != nil {
		return err
	}
	go func() {
		state, err := child.Wait()
		if status, ok := state.Sys().(syscall.WaitStatus); err == nil && ok {
			p.exit.Code = status.ExitStatus()
			if status.Signaled() {
				p.exit.Code = 128 + int(status.Signal())
			}
		}
		close(p.ended)
	}()
	return nil
}

func (p *process) Stdin() io.WriteCloser { return p.in }
func (p *process) Stdout() io.Reader     { return &reader{p, p.out} }
func (p *process) Stderr() io.Reader     { return &reader{p, p.err} }

// A reader says why it ended.
type reader struct {
	p *process
	f *os.File
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.f.Read(b)
	if r.p.tty && errors.Is(err, syscall.EIO) {
		return n, io.EOF // every program has closed it
	}
	if err != nil && err != io.EOF {
		err = errdefs.New(errdefs.ConnectionLost, "the connection broke")
	}
	return n, err
}

func (p *process) Wait(ctx context.Context) (transport.Exit, error) {
	select {
	case <-p.ended:
	case <-p.broken:
	case <-ctx.Done():
		return transport.Exit{Missing: true}, errors.New("it runs on")
	}
	select {
	case <-p.broken: // it may have ended by that
		return transport.Exit{Missing: true}, nil
	default:
		return p.exit, nil
	}
}

// hold returns duplicates of the descriptors that are still open, which keep the program's streams open.
func (p *process) hold() (held []int, err error) {
	for _, f := range []*os.File{p.in, p.out, p.err} {
		if f == nil {
			continue
		}
		conn, err := f.SyscallConn()
		if err != nil {
			continue // closed
		}
		var fd int
		var failed error
		if conn.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }) != nil {
			continue // closed
		}
		if failed != nil {
			return held, failed
		}
		held = append(held, fd)
	}
	return held, nil
}

func (p *process) cut() {
	p.breaking.Do(func() { close(p.broken) })
	_ = p.Close()
}

func (p *process) Close() error {
	p.closing.Do(func() {
		// The input last: its end ends a program, whose last words nobody hears once the connection is gone.
		for _, f := range []*os.File{p.out, p.err, p.in} {
			if f != nil {
				f.Close()
			}
		}
	})
	return nil
}
