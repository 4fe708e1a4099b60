package kube

import (
	"context"
	"encoding/json"
	"io"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// A process is one program. The framings deliver into its pipes, so a reader that does not read holds up the sender.
type process struct {
	stdin          io.WriteCloser
	stdout, stderr *transport.Pipe
	resize         func(transport.Size) error // nil without a terminal
	stillThere     func() error               // tells whether the container is
	hangUp         func()
	forget         func()
	program        string

	done chan struct{} // closed once exit and err are set
	exit transport.Exit
	err  error
}

func newProcess(program string, stillThere func() error) *process {
	return &process{program: program, stillThere: stillThere, stdout: transport.NewPipe(), stderr: transport.NewPipe(), done: make(chan struct{})}
}

func (p *process) Stdin() io.WriteCloser { return p.stdin }
func (p *process) Stdout() io.Reader     { return p.stdout }
func (p *process) Stderr() io.Reader     { return p.stderr }

// end notes how the program ended, by the text of its status or, without one, by the error of the connection, and then
// ends the streams for their readers.
func (p *process) end(statusText []byte, err error) {
	var s status
	closing := io.EOF
	if len(statusText) > 0 && json.Unmarshal(statusText, &s) == nil {
		p.exit, p.err = exitOf(&s, p.program)
		// What ends a container kills its programs, whose status then says no more than that.
		if p.exit.Code > 128 {
			if gone := p.stillThere(); gone != nil {
				p.exit = transport.Exit{Missing: true}
				p.err = errdefs.New(errdefs.ConnectionLost, "the program was killed with its container").WithOutcome(errdefs.Unknown).
					WithHint("kubectl get pods shows the pod").WithDetail("reason", gone.Error()).WithCause(gone)
			}
		}
	} else {
		closing = io.ErrUnexpectedEOF
		p.exit = transport.Exit{Missing: true}
		lost := errdefs.New(errdefs.ConnectionLost, "the connection to the pod ended without a status").WithOutcome(errdefs.Unknown).
			WithHint("the pod or the API server may be gone; kubectl get pods shows it")
		if err != nil && err != io.EOF {
			lost = lost.WithDetail("reason", errdefs.Quote(err.Error())).WithCause(err)
		}
		p.err = lost
	}
	close(p.done)
	p.stdout.CloseWithError(closing)
	p.stderr.CloseWithError(closing)
}

func (p *process) Wait(ctx context.Context) (transport.Exit, error) {
	select {
	case <-p.done:
		return p.exit, p.err
	case <-ctx.Done():
		return transport.Exit{Missing: true}, ctx.Err()
	}
}

// Close ends the connection. The program goes on running: exec has no way to stop it.
func (p *process) Close() error {
	p.hangUp()
	_ = p.stdout.Close()
	_ = p.stderr.Close()
	if p.forget != nil {
		p.forget()
	}
	return nil
}

// Resize changes the size of the terminal.
func (p *process) Resize(s transport.Size) error {
	if p.resize == nil {
		return errdefs.New(errdefs.InvalidArgument, "the program has no terminal")
	}
	return p.resize(s)
}

// sizeText is the message of the resize stream.
func sizeText(s transport.Size) []byte {
	text, _ := json.Marshal(struct{ Width, Height int }{s.Cols, s.Rows})
	return text
}
