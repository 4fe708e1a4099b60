package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// A Clerk is one more program on the target, in which no command ever runs: a shell that knows some functions and
// calls them as the host says. What it sends is read as frames, each ended by a nonce that is never an argument of a
// program and so is in no process list.
type Clerk struct {
	host    *Host
	process transport.Process
	out     *bufio.Reader
	key     string
	pid     int // 0 where it does not lead its process group

	moved atomic.Int64 // when a byte last went either way
	dead  atomic.Bool
	busy  atomic.Bool
	close sync.Once
}

// clerkStall is how long a clerk may be silent while it is asked something.
const clerkStall = 60 * time.Second

// OpenClerk starts a clerk that knows functions, shell text without newlines.
func (h *Host) OpenClerk(ctx context.Context, functions string) (*Clerk, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := h.transport.Open(ctx, transport.OpenOptions{Argv: boot})
	if err != nil {
		return nil, err
	}
	h.joinFirst(p)
	key := fmt.Sprintf("%x", engine.NewNonce())
	c := &Clerk{host: h, process: p, key: key}
	c.out = bufio.NewReaderSize(counted{c, p.Stdout()}, 64<<10)
	go func() { _, _ = io.Copy(io.Discard, p.Stderr()) }()
	hello := engine.NewNonce()
	stop := context.AfterFunc(ctx, func() { _ = p.Close() })
	defer stop()
	err = c.greet(ctx, functions, hello)
	if err == nil && c.pid > 0 {
		if _, err = h.steer(ctx); err == nil {
			err = h.keepClerk(ctx, c.pid)
		}
	}
	if err != nil {
		c.Close()
		return nil, errdefs.New(errdefs.Unavailable, "the program that reaches files on the target did not start: %v", err).
			WithHint("the target has to allow three programs at a time").WithCause(err)
	}
	return c, nil
}

// serveFiles is the line that makes the program a clerk. A line without the key is no request: it ends the clerk, so that what
// was meant as the content of a file is never taken for one.
func serveFiles(key, functions string, hello uint64) string {
	return `LC_ALL=C; export LC_ALL; unset CDPATH ` + notOurs + `; umask 077; ek_k=` + key + `; ek_n="` + halves(hello) + `"; ` +
		`ek_e() { printf "%s%s%03d\n" $ek_n "$1"; }; ` + functions + ` ek_i=0; kill -0 -$$ 2>/dev/null && ek_i=$$; ek_e 0; echo "$ek_i"; ek_e 0; ` +
		`while IFS= read -r ek_l; do case $ek_l in "$ek_k "*) eval "${ek_l#* }";; *) break;; esac; done; exit 0` + "\n"
}

func (c *Clerk) greet(ctx context.Context, functions string, hello uint64) error {
	if _, err := c.process.Stdin().Write([]byte(serveFiles(c.key, functions, hello))); err != nil {
		return err
	}
	said := &noise{}
	if _, err := io.Copy(said, io.LimitReader(c.frame(hello), maxNoise)); err != nil {
		text, _ := said.said()
		return fmt.Errorf("it said %s: %w", errdefs.Quote(text), err)
	}
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.LimitReader(c.frame(hello), 100)); err != nil {
		return err
	}
	if _, err := fmt.Sscan(text.String(), &c.pid); err != nil {
		return errors.New("it gave an unknown greeting")
	}
	return ctx.Err()
}

// counted notes that something came.
type counted struct {
	c *Clerk
	r io.Reader
}

func (r counted) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.c.moved.Store(time.Now().UnixNano())
	return n, err
}

// A Frame is what a clerk says up to a nonce. Status is known when Read has returned io.EOF.
type Frame struct {
	out    *bufio.Reader
	prefix []byte
	Status int
	err    error
}

func (c *Clerk) frame(nonce uint64) *Frame {
	return &Frame{out: c.out, prefix: []byte(prefixOf(nonce))}
}

// Read implements io.Reader.
func (f *Frame) Read(p []byte) (int, error) {
	if f.err != nil || len(p) == 0 {
		return 0, f.err
	}
	for {
		held, _ := f.out.Peek(max(f.out.Buffered(), 1))
		if len(held) == 0 {
			_, f.err = f.out.Peek(1)
			return 0, f.broken()
		}
		at := bytes.Index(held, f.prefix)
		switch {
		case at == 0:
			mark, err := f.out.Peek(markSize)
			if err != nil {
				f.err = err
				return 0, f.broken()
			}
			_, err = fmt.Sscanf(string(mark[nonceDigits:markSize-1]), "%03d", &f.Status)
			if err != nil || mark[markSize-1] != '\n' {
				f.err = errors.New("it gave an unknown answer")
				return 0, f.err
			}
			_, _ = f.out.Discard(markSize)
			f.err = io.EOF
			return 0, io.EOF
		case at < 0:
			at = len(held) - partial(held, string(f.prefix))
		}
		if at > 0 {
			n := copy(p, held[:at])
			_, _ = f.out.Discard(n)
			return n, nil
		}
		if _, err := f.out.Peek(len(held) + 1); err != nil { // it may be the beginning of the nonce
			f.err = err
			return 0, f.broken()
		}
	}
}

// broken makes an error of an end that came before the nonce.
func (f *Frame) broken() error {
	if f.err == io.EOF {
		f.err = io.ErrUnexpectedEOF
	}
	return f.err
}

// A Sender writes requests. What it is given is on its way when the sending returns.
type Sender struct {
	c      *Clerk
	w      *bufio.Writer
	broken bool // the target takes nothing more
}

// Line has the clerk evaluate a line; the functions end each of their answers with ek_e STATUS.
func (s *Sender) Line(line string) error {
	if strings.ContainsAny(line, "\n\x00") {
		return errors.New("a line that is none")
	}
	return s.Data([]byte(s.c.key + " " + line + "\n"))
}

// Data sends bytes as they are, which a function of the line before has to take.
func (s *Sender) Data(p []byte) error {
	_, err := s.w.Write(p)
	s.broken = s.broken || err != nil
	return err
}

// Flush sends what is held back.
func (s *Sender) Flush() error {
	err := s.w.Flush()
	s.broken = s.broken || err != nil
	return err
}

type countedWriter struct{ c *Clerk }

func (w countedWriter) Write(p []byte) (total int, err error) {
	for len(p) > 0 && err == nil {
		var n int
		n, err = w.c.process.Stdin().Write(p[:min(len(p), 32<<10)])
		w.c.moved.Store(time.Now().UnixNano())
		p, total = p[n:], total+n
	}
	return total, err
}

// Do sends requests and reads their answers at the same time. receive gets a function that gives the next frame, after the one
// before was read to its end. After an error the clerk is of no more use.
func (c *Clerk) Do(ctx context.Context, send func(*Sender) error, receive func(next func() *Frame) error) error {
	if c.dead.Load() {
		return errors.New("it ended")
	}
	c.busy.Store(true)
	c.moved.Store(time.Now().UnixNano())
	stop := c.watch(ctx)
	nonce := engine.NewNonce()
	sent := make(chan error, 1)
	to := &Sender{c: c, w: bufio.NewWriterSize(countedWriter{c}, 32<<10)}
	go func() {
		err := to.Line(`ek_n="` + halves(nonce) + `"`)
		if err == nil {
			err = send(to)
		}
		if err == nil {
			err = to.Flush()
		}
		if err != nil {
			_ = c.process.Close() // or the answers would be waited for
		}
		sent <- err
	}()
	err := receive(func() *Frame { return c.frame(nonce) })
	if err != nil {
		c.dead.Store(true)
		_ = c.process.Close()
	}
	sendErr := <-sent
	why := stop()
	if sendErr != nil && (err == nil || !to.broken) {
		err = sendErr // not what the end of the connection made of it
	}
	if err == nil {
		c.busy.Store(false)
		return nil
	}
	if why != nil {
		err = why
	}
	c.Close()
	return err
}

// watch closes the clerk when ctx ends or when nothing moves any more. stop ends that, and returns why it was closed.
func (c *Clerk) watch(ctx context.Context) (stop func() error) {
	done, over := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(clerkStall / 20)
		defer tick.Stop()
		for {
			select {
			case <-done:
				over <- nil
				return
			case <-ctx.Done():
				c.dead.Store(true)
				_ = c.process.Close()
				over <- ctx.Err()
				return
			case <-tick.C:
				if time.Since(time.Unix(0, c.moved.Load())) > clerkStall {
					c.dead.Store(true)
					_ = c.process.Close()
					over <- fmt.Errorf("nothing came for %v", clerkStall)
					return
				}
			}
		}
	}()
	return func() error { close(done); return <-over }
}

// Idle returns how long nothing came or went.
func (c *Clerk) Idle() time.Duration { return time.Since(time.Unix(0, c.moved.Load())) }

// Alive says whether the clerk can be asked.
func (c *Clerk) Alive() bool { return !c.dead.Load() }

// Close ends the clerk, and with it what it waits for: a pipe may have taken the place of a file.
func (c *Clerk) Close() {
	c.close.Do(func() {
		c.dead.Store(true)
		_ = c.process.Stdin().Close()
		if c.pid > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			if c.busy.Load() {
				// What it hangs on ends, and it removes what it had half written.
				if st, err := c.host.steer(ctx); err == nil {
					_ = st.signal(ctx, "TERM", -c.pid)
				}
			}
			_ = c.host.release(ctx, c.pid)
		}
		_ = c.process.Close()
	})
}
