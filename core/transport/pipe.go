package transport

import (
	"io"
	"sync"
)

// A Pipe joins who brings a program's output to who takes it. A taker who reads has it copied, as by [io.Pipe]; one who
// calls [Pipe.WriteTo], as [io.Copy] does, is handed it in the goroutine of the one who brings it, which spares a copy
// and two switches of goroutines for each piece. Either way Write returns when the piece was taken, so who does not take
// holds up the sender. There is one taker; one who has read goes on to be copied for.
type Pipe struct {
	reader *io.PipeReader
	writer *io.PipeWriter

	choose sync.Once
	chosen chan struct{} // closed when it is known how the output is taken
	taker  io.Writer     // nil for one who reads; set before chosen is closed

	end   sync.Once
	ended chan struct{} // closed when nothing more comes
	err   error         // what the taker gets then; set before ended is closed

	stop    sync.Once
	stopped chan struct{} // closed when nothing more is taken
}

// NewPipe returns a Pipe that nothing was written to.
func NewPipe() *Pipe {
	p := &Pipe{chosen: make(chan struct{}), ended: make(chan struct{}), stopped: make(chan struct{})}
	p.reader, p.writer = io.Pipe()
	return p
}

// Write hands b to the taker. After Close the error is [io.ErrClosedPipe].
func (p *Pipe) Write(b []byte) (int, error) {
	select {
	case <-p.chosen:
	case <-p.stopped:
	}
	select {
	case <-p.stopped:
		return 0, io.ErrClosedPipe
	default:
	}
	if p.taker != nil {
		return p.taker.Write(b)
	}
	return p.writer.Write(b)
}

// CloseWithError says that nothing more comes: the taker gets err, or io.EOF for nil, after what was written. It must not
// be called before the last Write has returned.
func (p *Pipe) CloseWithError(err error) {
	if err == nil {
		err = io.EOF
	}
	p.end.Do(func() {
		p.err = err
		close(p.ended)
		_ = p.writer.CloseWithError(err)
	})
}

// Read implements [io.Reader].
func (p *Pipe) Read(b []byte) (int, error) {
	p.choose.Do(func() { close(p.chosen) })
	return p.reader.Read(b)
}

// WriteTo implements [io.WriterTo]; the count is 0 where w is handed the output. After Close nothing more is written to w, but for
// a piece that is being written.
func (p *Pipe) WriteTo(w io.Writer) (int64, error) {
	p.choose.Do(func() {
		p.taker = w
		close(p.chosen)
	})
	if p.taker == nil {
		return io.Copy(w, p.reader)
	}
	select {
	case <-p.ended:
	case <-p.stopped:
		return 0, io.ErrClosedPipe
	}
	if p.err == io.EOF {
		return 0, nil
	}
	return 0, p.err
}

// Close says that nothing more is taken. It never waits.
func (p *Pipe) Close() error {
	p.stop.Do(func() { close(p.stopped) })
	return p.reader.Close()
}
