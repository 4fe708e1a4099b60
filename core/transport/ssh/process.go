package ssh

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// A process is one program on a session channel.
type process struct {
	conn    *connection
	channel gossh.Channel
	stdin   *writer
	stdout  *stream
	stderr  *stream

	closed chan struct{} // closed by Close
	gone   chan struct{} // closed when the channel is, by the server or with the connection
	status chan struct{} // closed when exit is set
	exit   transport.Exit

	closing sync.Once
	proof   sync.Once
	broken  error // set by proof
	retire  func()
	alone   bool // no other session uses the connection
}

// newProcess supervises a channel on which a program was started. release is called when the server closed it.
func newProcess(c *connection, ch gossh.Channel, requests <-chan *gossh.Request, release, retire func()) *process {
	p := &process{conn: c, channel: ch, closed: make(chan struct{}), gone: make(chan struct{}), status: make(chan struct{}), retire: retire}
	p.stdin = newWriter(p)
	p.stdout, p.stderr = newStream(p, ch), newStream(p, ch.Stderr())
	go func() {
		p.watch(requests)
		close(p.gone)
		release()
	}()
	return p
}

// watch takes the server's requests until the channel is closed. Only the first status counts.
func (p *process) watch(requests <-chan *gossh.Request) {
	known := false
	for r := range requests {
		if exit, ok := readExit(r); ok && !known {
			known = true
			p.exit = exit
			close(p.status)
		}
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

// readExit reads exit-status and exit-signal, RFC 4254 section 6.10.
func readExit(r *gossh.Request) (e transport.Exit, ok bool) {
	switch r.Type {
	case "exit-status":
		if len(r.Payload) < 4 {
			return e, false
		}
		// A status is a byte where programs are processes; what a server sends beyond that is cut as waitpid cuts it.
		return transport.Exit{Code: int(binary.BigEndian.Uint32(r.Payload) & 0xff)}, true
	case "exit-signal":
		var message struct {
			Signal string
			Core   bool
			Error  string
			Lang   string
		}
		if gossh.Unmarshal(r.Payload, &message) != nil {
			return e, false
		}
		if !knownSignal(message.Signal) {
			message.Signal = "KILL" // it ended by a signal that has no name
		}
		return transport.Exit{Signal: message.Signal}, true
	}
	return e, false
}

// signals are the names of RFC 4254 section 6.10 and those that OpenSSH adds.
var signals = []string{"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2", "BUS", "SYS", "TRAP", "XCPU", "XFSZ", "INFO"}

func knownSignal(name string) bool { return slices.Contains(signals, name) }

// Carrier implements [transport.Carried].
func (p *process) Carrier() any {
	if p.alone {
		return nil
	}
	return p.conn
}

// Stdin implements [transport.Process].
func (p *process) Stdin() io.WriteCloser { return p.stdin }

// Stdout implements [transport.Process].
func (p *process) Stdout() io.Reader { return p.stdout }

// Stderr implements [transport.Process].
func (p *process) Stderr() io.Reader { return p.stderr }

// Wait implements [transport.Process]. A channel that the server closed without a status has a missing one.
func (p *process) Wait(ctx context.Context) (transport.Exit, error) {
	select {
	case <-p.status:
		return p.exit, nil
	default:
	}
	select {
	case <-p.status:
		return p.exit, nil
	case <-p.closed:
		return transport.Exit{Missing: true}, errClosed()
	case <-ctx.Done():
		return transport.Exit{Missing: true}, ctx.Err()
	case <-p.gone:
	}
	select {
	case <-p.status: // the last thing before the close
		return p.exit, nil
	default:
	}
	return transport.Exit{Missing: true}, p.intact()
}

// intact proves, by asking the server once, that what looks like an end is one and not a connection that broke.
func (p *process) intact() error {
	p.proof.Do(func() {
		if p.conn.ping() != nil {
			p.broken = p.conn.lost()
		}
	})
	return p.broken
}

func errClosed() error {
	return errdefs.New(errdefs.SessionClosed, "the program was closed").WithSession(errdefs.Closed)
}

// Signal implements [transport.Signaler].
func (p *process) Signal(name string) error {
	if !knownSignal(name) {
		return errdefs.New(errdefs.InvalidArgument, "no signal %s", errdefs.Quote(name)).WithHint("names are INT, TERM, KILL and so on, without SIG")
	}
	select {
	case <-p.status: // the channel may stay open for a moment, and takes what nobody gets any more
		return errdefs.New(errdefs.ConnectionLost, "the signal cannot be sent: the program has ended")
	default:
	}
	_, err := p.channel.SendRequest("signal", false, gossh.Marshal(struct{ Name string }{name}))
	if err != nil {
		return errdefs.New(errdefs.ConnectionLost, "the signal cannot be sent: the channel is closed").WithCause(err)
	}
	return nil
}

// Close implements [transport.Process]. It never blocks.
func (p *process) Close() error {
	p.closing.Do(func() {
		close(p.closed)
		go func() {
			_ = p.channel.Close()
			select {
			case <-p.gone:
			case <-time.After(closeGrace):
				p.retire()
			}
		}()
	})
	return nil
}

// A terminal is a process on a terminal.
type terminal struct{ *process }

// Resize implements [transport.Resizer].
func (t terminal) Resize(s transport.Size) error {
	if err := checkSize(s); err != nil {
		return err
	}
	_, err := t.channel.SendRequest("window-change", false, gossh.Marshal(struct{ Columns, Rows, Width, Height uint32 }{uint32(s.Cols), uint32(s.Rows), 0, 0}))
	if err != nil {
		return errdefs.New(errdefs.ConnectionLost, "the size cannot be sent: the channel is closed").WithCause(err)
	}
	return nil
}

func checkSize(s transport.Size) error {
	if s.Rows < 1 || s.Cols < 1 || s.Rows > 65535 || s.Cols > 65535 {
		return errdefs.New(errdefs.InvalidArgument, "a terminal of %d rows and %d columns is none", s.Rows, s.Cols).WithHint("give 1 to 65535 of each")
	}
	return nil
}

// A stream reads one of the channel's streams. Nothing can wake a read of the library's when the process is closed:
// for Read a goroutine of its own does the reading, and WriteTo, which spares that, returns only when the server has
// closed the channel too.
type stream struct {
	p      *process
	from   io.Reader
	start  sync.Once // of the goroutine
	chunks chan []byte
	free   chan struct{} // the chunk was consumed
	rest   []byte
	err    error // set before chunks is closed
	mu     sync.Mutex
}

// Sizes of the read buffer: idle sessions need little, large output needs large reads.
const (
	smallRead = 1 << 10
	largeRead = 64 << 10
)

func newStream(p *process, r io.Reader) *stream {
	return &stream{p: p, from: r, chunks: make(chan []byte), free: make(chan struct{})}
}

// WriteTo implements [io.WriterTo]. After Close it writes nothing more.
func (s *stream) WriteTo(w io.Writer) (written int64, _ error) {
	buffer := make([]byte, smallRead)
	for {
		n, err := s.from.Read(buffer)
		select {
		case <-s.p.closed:
			return written, errClosed()
		default:
		}
		if n > 0 {
			m, err := w.Write(buffer[:n])
			written += int64(m)
			if err != nil {
				return written, err
			}
			if n == len(buffer) && n < largeRead {
				buffer = make([]byte, largeRead)
			}
		}
		if err != nil {
			return written, s.p.intact()
		}
	}
}

func (s *stream) pump() {
	defer close(s.chunks)
	buffer := make([]byte, smallRead)
	for {
		n, err := s.from.Read(buffer)
		if n > 0 {
			select {
			case s.chunks <- buffer[:n]:
			case <-s.p.closed:
				return
			}
			select {
			case <-s.free:
			case <-s.p.closed:
				return
			}
			if n == len(buffer) && n < largeRead {
				buffer = make([]byte, largeRead)
			}
		}
		if err != nil {
			if s.err = s.p.intact(); s.err == nil {
				s.err = io.EOF
			}
			return
		}
	}
}

// Read implements [io.Reader].
func (s *stream) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) == 0 {
		return 0, nil
	}
	s.start.Do(func() { go s.pump() })
	if len(s.rest) == 0 {
		select {
		case <-s.p.closed:
			return 0, errClosed()
		default:
		}
		select {
		case chunk, ok := <-s.chunks:
			if !ok && s.err == nil {
				return 0, errClosed()
			}
			if !ok {
				return 0, s.err
			}
			s.rest = chunk
		case <-s.p.closed:
			return 0, errClosed()
		}
	}
	n := copy(b, s.rest)
	if s.rest = s.rest[n:]; len(s.rest) == 0 {
		select {
		case s.free <- struct{}{}:
		case <-s.p.closed:
		}
	}
	return n, nil
}

// A writer writes to the channel, and gives up when the process is closed: the server's window may never open.
type writer struct {
	p    *process
	mu   sync.Mutex
	data chan []byte
	done chan error
	end  bool
}

func newWriter(p *process) *writer {
	w := &writer{p: p, data: make(chan []byte), done: make(chan error, 1)}
	go func() {
		for {
			select {
			case b := <-w.data:
				_, err := p.channel.Write(b)
				w.done <- err
			case <-p.closed:
				return
			case <-p.gone:
				return
			}
		}
	}()
	return w
}

// writeSize bounds the copy that a write makes.
const writeSize = 32 << 10

// Write implements [io.Writer].
func (w *writer) Write(b []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end {
		return 0, io.ErrClosedPipe
	}
	for len(b) > n {
		piece := slices.Clone(b[n:min(len(b), n+writeSize)])
		if err := w.send(piece); err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

func (w *writer) send(b []byte) error {
	select {
	case w.data <- b:
	case <-w.p.closed:
		return errClosed()
	case <-w.p.gone:
		return w.ended()
	}
	select {
	case err := <-w.done:
		if err != nil {
			return w.ended()
		}
		return nil
	case <-w.p.closed:
		w.end = true
		return errClosed()
	}
}

// ended is the error of a write to a program that is gone.
func (w *writer) ended() error {
	if err := w.p.intact(); err != nil {
		return err
	}
	return io.ErrClosedPipe
}

// Close implements [io.Closer]: the program reads end of file.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end {
		return nil
	}
	w.end = true
	if err := w.p.channel.CloseWrite(); err != nil && !errors.Is(err, io.EOF) {
		return w.ended()
	}
	return nil
}
