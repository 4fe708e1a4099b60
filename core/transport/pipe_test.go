package transport

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// What is written arrives whole and in order, and then the reason of the end, by whichever way it is taken.
func TestPipe(t *testing.T) {
	broken := errors.New("it broke")
	takers := map[string]func(p *Pipe) (string, error){
		"read": func(p *Pipe) (string, error) {
			text, err := io.ReadAll(struct{ io.Reader }{p})
			return string(text), err
		},
		"handed": func(p *Pipe) (string, error) {
			var text strings.Builder
			_, err := p.WriteTo(&text)
			return text.String(), err
		},
		"read first": func(p *Pipe) (string, error) {
			var text strings.Builder
			if _, err := io.CopyN(&text, p, 5); err != nil {
				return "", err
			}
			_, err := io.Copy(&text, p)
			return text.String(), err
		},
	}
	for name, take := range takers {
		for _, end := range []error{nil, io.EOF, broken} {
			p := NewPipe()
			go func() {
				for _, piece := range []string{"one ", "", "two ", "three"} {
					if n, err := p.Write([]byte(piece)); n != len(piece) || err != nil {
						t.Errorf("%s: %d %v", name, n, err)
					}
				}
				p.CloseWithError(end)
				p.CloseWithError(errors.New("a second end"))
			}()
			text, err := take(p)
			want := end
			if end == io.EOF {
				want = nil
			}
			if text != "one two three" || err != want {
				t.Errorf("%s: %q %v, want the end %v", name, text, err, want)
			}
		}
	}
}

// blocked is a taker that takes nothing until it is let go.
type blocked struct{ entered, release chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	close(b.entered)
	<-b.release
	return len(p), nil
}

// Close ends what waits on either side, and may come while the taker holds a piece.
func TestPipeClose(t *testing.T) {
	untaken := NewPipe()
	failed := make(chan error)
	go func() {
		_, err := untaken.Write([]byte("x"))
		failed <- err
	}()
	_ = untaken.Close()
	if err := <-failed; err != io.ErrClosedPipe {
		t.Errorf("a write that nobody takes: %v", err)
	}

	p, taker := NewPipe(), blocked{make(chan struct{}), make(chan struct{})}
	go func() {
		_, _ = p.Write([]byte("x"))
		_, err := p.Write([]byte("y")) // the taker would close its channel twice
		failed <- err
	}()
	go func() {
		<-taker.entered
		_ = p.Close()
	}()
	if _, err := p.WriteTo(taker); err != io.ErrClosedPipe {
		t.Errorf("who takes: %v", err)
	}
	close(taker.release)
	if err := <-failed; err != io.ErrClosedPipe {
		t.Errorf("a write after the close: %v", err)
	}

	p = NewPipe()
	go func() { _ = p.Close() }()
	if _, err := p.Read(make([]byte, 1)); err != io.ErrClosedPipe {
		t.Errorf("a read: %v", err)
	}
}
