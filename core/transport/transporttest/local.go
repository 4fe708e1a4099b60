// Package transporttest has transports for tests: real programs of this machine behind the three streams of a
// transport, and faults in them that a script decides.
package transporttest

import (
	"context"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/process"
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

	mu       sync.Mutex
	openings int
	opened   []*cuttable
}

// Open implements transport.Transport.
func (l *Local) Open(_ context.Context, o transport.OpenOptions) (transport.Process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.openings++
	if l.Refuse != nil {
		if err := l.Refuse(l.openings); err != nil {
			return nil, err
		}
	}
	path := o.Argv[0]
	if other, ok := l.Paths[path]; ok {
		path = other
	}
	program, err := process.Start(path, o.Argv, l.Env, l.Dir, o.TTY)
	if err != nil {
		return nil, err
	}
	p := &cuttable{Process: program, broken: make(chan struct{})}
	l.opened = append(l.opened, p)
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

// A cuttable is a program whose connection can break.
type cuttable struct {
	*process.Process
	broken   chan struct{} // closed when it is
	breaking sync.Once
}

// Wait implements transport.Process.
func (p *cuttable) Wait(ctx context.Context) (transport.Exit, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.broken:
			cancel()
		case <-ctx.Done():
		}
	}()
	exit, err := p.Process.Wait(ctx)
	select {
	case <-p.broken: // it may have ended by that
		return transport.Exit{Missing: true}, nil
	default:
		return exit, err
	}
}

// hold returns duplicates of the descriptors that are still open, which keep the program's streams open.
func (p *cuttable) hold() (held []int, err error) {
	for _, stream := range []any{p.Stdin(), p.Stdout(), p.Stderr()} {
		conn, err := stream.(syscall.Conn).SyscallConn()
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

func (p *cuttable) cut() {
	p.breaking.Do(func() { close(p.broken) })
	_ = p.Close()
}
