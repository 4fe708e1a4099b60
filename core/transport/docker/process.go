package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// A process is one program in the container. Its streams share one connection, framed by the engine; they are handed on
// through pipes, so a reader that does not read holds up the engine and, in the end, the program.
type process struct {
	t        *Transport
	exec     string
	argv     []string
	tty      bool
	conn     client.HijackedResponse
	out, err *transport.Pipe
	closing  sync.Once

	mu   sync.Mutex
	lost error         // why the connection broke, if it did
	done chan struct{} // closed when nothing more comes
}

func newProcess(t *Transport, exec string, o transport.OpenOptions, conn client.HijackedResponse) *process {
	return &process{t: t, exec: exec, argv: o.Argv, tty: o.TTY != nil, conn: conn, out: transport.NewPipe(), err: transport.NewPipe(), done: make(chan struct{})}
}

// read hands the engine's frames on until there are none.
func (p *process) read() {
	var err error
	if p.tty {
		_, err = io.Copy(p.out, p.conn.Reader)
	} else {
		err = demultiplex(p.conn.Reader, p.out, p.err)
	}
	ended := p.whyEnded(err)
	close(p.done)
	p.out.CloseWithError(ended)
	p.err.CloseWithError(ended)
}

// whyEnded tells the end of a program from that of a connection: the engine knows which programs run.
func (p *process) whyEnded(err error) error {
	p.mu.Lock()
	lost := p.lost
	p.mu.Unlock()
	if lost != nil {
		return lost
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if _, err = p.t.client.ExecInspect(ctx, p.exec, client.ExecInspectOptions{}); err == nil {
			return nil
		}
	}
	return p.lose(err.Error())
}

// lose notes that the connection broke and ends it.
func (p *process) lose(why string) error {
	p.mu.Lock()
	if p.lost == nil {
		p.lost = errdefs.New(errdefs.ConnectionLost, "the connection to container %s broke: %s", errdefs.Quote(p.t.name), why).
			WithOutcome(errdefs.Unknown).WithHint("docker ps shows what became of the container")
	}
	lost := p.lost
	p.mu.Unlock()
	p.conn.Close()
	return lost
}

// The types of frames.
const (
	frameStdout = 1
	frameStderr = 2
	frameError  = 3
)

// Sizes of the buffer for frames: idle programs need little, and the engine makes frames of up to 32 KiB of large output.
const (
	smallFrame = 1 << 10
	largeFrame = 32 << 10
)

// demultiplex splits the engine's stream: frames of a type, three zero bytes, the length in four bytes, and the data.
func demultiplex(r *bufio.Reader, stdout, stderr io.Writer) error {
	var header [8]byte
	buffer := make([]byte, smallFrame)
	for {
		if _, err := io.ReadFull(r, header[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("a frame was cut off: %w", err)
		}
		size := int64(binary.BigEndian.Uint32(header[4:]))
		if header[1]|header[2]|header[3] != 0 {
			return errors.New("the engine sent a frame of no known form")
		}
		if size > smallFrame && len(buffer) < largeFrame {
			buffer = make([]byte, largeFrame)
		}
		var err error
		switch header[0] {
		case frameStdout:
			err = passFrame(stdout, r, size, buffer)
		case frameStderr:
			err = passFrame(stderr, r, size, buffer)
		case frameError:
			text, _ := io.ReadAll(io.LimitReader(r, min(size, 500)))
			return fmt.Errorf("the engine said %s", errdefs.Quote(string(text)))
		default:
			return errors.New("the engine sent a frame of no known type")
		}
		if err != nil {
			return fmt.Errorf("a frame was cut off: %w", err)
		}
	}
}

// passFrame hands on what a frame holds, as it comes.
func passFrame(to io.Writer, r io.Reader, size int64, buffer []byte) error {
	for size > 0 {
		n, err := r.Read(buffer[:min(int64(len(buffer)), size)])
		if _, failed := to.Write(buffer[:n]); failed != nil {
			return failed
		}
		if size -= int64(n); err != nil && size > 0 {
			return err
		}
	}
	return nil
}

func (p *process) Stdout() io.Reader { return p.out }
func (p *process) Stderr() io.Reader { return p.err }

func (p *process) Stdin() io.WriteCloser { return stdin{p} }

type stdin struct{ p *process }

func (s stdin) Write(b []byte) (int, error) { return s.p.conn.Conn.Write(b) }
func (s stdin) Close() error                { return s.p.conn.CloseWrite() }

// settleTime is how long the engine may take to note that the container went with the program.
const settleTime = 300 * time.Millisecond

// Wait asks the engine how the program ended. One that ended with its container has no status of its own.
func (p *process) Wait(ctx context.Context) (transport.Exit, error) {
	missing := transport.Exit{Missing: true}
	select {
	case <-p.done:
	case <-ctx.Done():
		return missing, ctx.Err()
	}
	for {
		p.mu.Lock()
		lost := p.lost
		p.mu.Unlock()
		if lost != nil {
			return missing, lost
		}
		state, err := p.t.client.ExecInspect(ctx, p.exec, client.ExecInspectOptions{})
		if err != nil {
			return missing, p.lose(err.Error())
		}
		if !state.Running {
			return p.ended(ctx, state.ExitCode)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return missing, ctx.Err()
		}
	}
}

// ended decides whether an exit code is the program's own.
func (p *process) ended(ctx context.Context, code int) (transport.Exit, error) {
	if code == 137 || code == 143 {
		// Killed: by somebody, or with the container, which the engine notes a moment later.
		select {
		case <-time.After(settleTime):
		case <-ctx.Done():
		}
	}
	if err := p.t.same(ctx); err != nil {
		return transport.Exit{Missing: true}, p.lose(err.Error())
	}
	return transport.Exit{Code: code}, nil
}

// Close ends the connection. The program goes on running: exec has no way to stop it.
func (p *process) Close() error {
	p.closing.Do(func() {
		p.mu.Lock()
		if p.lost == nil {
			p.lost = errdefs.New(errdefs.ConnectionLost, "the connection to the program is closed")
		}
		p.mu.Unlock()
		p.conn.Close()
		_ = p.out.Close()
		_ = p.err.Close()
		p.t.mu.Lock()
		delete(p.t.open, p)
		p.t.mu.Unlock()
	})
	return nil
}

// Resize changes the size of the terminal.
func (p *process) Resize(s transport.Size) error {
	if !p.tty {
		return errdefs.New(errdefs.InvalidArgument, "the program has no terminal")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := p.t.client.ExecResize(ctx, p.exec, client.ExecResizeOptions{Height: uint(s.Rows), Width: uint(s.Cols)})
	if err != nil {
		return p.t.explain(err)
	}
	return nil
}
