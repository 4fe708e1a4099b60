package transporttest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/execkit/execkit/core/transport"
)

// Faults are what a bad connection does to a program's streams.
type Faults struct {
	// Chunk is the largest number of bytes that one read gives; 0 for no limit.
	Chunk int
	// Delay is added to everything on its way, in each direction, without holding up what follows.
	Delay time.Duration
	// Noise comes on both streams before anything that the program says.
	Noise string
}

// Wrap puts the faults into a program.
func (f Faults) Wrap(p transport.Process) transport.Process {
	w := &faulty{Process: p, in: p.Stdin(), out: p.Stdout(), err: p.Stderr()}
	if f.Noise != "" {
		w.out, w.err = prefixed(f.Noise, w.out), prefixed(f.Noise, w.err)
	}
	if f.Delay > 0 {
		w.in, w.out, w.err = delayedWriter(w.in, f.Delay), delayedReader(w.out, f.Delay), delayedReader(w.err, f.Delay)
	}
	if f.Chunk > 0 {
		w.out, w.err = chunked{w.out, f.Chunk}, chunked{w.err, f.Chunk}
	}
	return w
}

type faulty struct {
	transport.Process
	in       io.WriteCloser
	out, err io.Reader
}

func (f *faulty) Stdin() io.WriteCloser { return f.in }
func (f *faulty) Stdout() io.Reader     { return f.out }
func (f *faulty) Stderr() io.Reader     { return f.err }

// Resize implements transport.Resizer where the program does.
func (f *faulty) Resize(s transport.Size) error {
	if r, ok := f.Process.(transport.Resizer); ok {
		return r.Resize(s)
	}
	return errors.New("no terminal")
}

// Wait implements transport.Process.
func (f *faulty) Wait(ctx context.Context) (transport.Exit, error) { return f.Process.Wait(ctx) }

func prefixed(text string, r io.Reader) io.Reader {
	return io.MultiReader(&onlyText{text}, r)
}

type onlyText struct{ text string }

func (o *onlyText) Read(p []byte) (int, error) {
	if o.text == "" {
		return 0, io.EOF
	}
	n := copy(p, o.text)
	o.text = o.text[n:]
	return n, nil
}

type chunked struct {
	io.Reader
	size int
}

func (c chunked) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.size)]) }

// A parcel is on its way until due.
type parcel struct {
	due  time.Time
	data []byte
	err  error
}

type delayed struct {
	parcels chan parcel
	now     parcel
}

func delayedReader(r io.Reader, d time.Duration) io.Reader {
	l := &delayed{parcels: make(chan parcel, 1024)}
	go func() {
		for {
			data := make([]byte, 32<<10)
			n, err := r.Read(data)
			l.parcels <- parcel{time.Now().Add(d), data[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return l
}

func (l *delayed) Read(p []byte) (int, error) {
	for len(l.now.data) == 0 {
		if l.now.err != nil {
			return 0, l.now.err
		}
		l.now = <-l.parcels
		time.Sleep(time.Until(l.now.due))
	}
	n := copy(p, l.now.data)
	l.now.data = l.now.data[n:]
	return n, nil
}

type delayedIn struct{ parcels chan parcel }

func delayedWriter(w io.WriteCloser, d time.Duration) io.WriteCloser {
	l := delayedIn{make(chan parcel, 1024)}
	go func() {
		for p := range l.parcels {
			time.Sleep(time.Until(p.due.Add(d)))
			if p.err != nil {
				_ = w.Close()
				return
			}
			_, _ = w.Write(p.data)
		}
	}()
	return l
}

func (l delayedIn) Write(p []byte) (int, error) {
	l.parcels <- parcel{due: time.Now(), data: append([]byte(nil), p...)}
	return len(p), nil
}

func (l delayedIn) Close() error {
	l.parcels <- parcel{due: time.Now(), err: io.EOF}
	return nil
}
