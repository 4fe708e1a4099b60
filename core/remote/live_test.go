package remote

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// A heard is output that a test waits for.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func (h *heard) wait(t *testing.T, what string) {
	t.Helper()
	eventually(t, what, func() bool { return strings.Contains(h.String(), what) })
}

// begin runs a command whose outcome comes later.
func begin(ctx context.Context, s *Shell, c engine.Command) (*heard, chan engine.Outcome) {
	h, ended := &heard{}, make(chan engine.Outcome, 1)
	c.Stdout, c.Stderr = h, h
	if c.TTY != nil {
		c.Terminal = h
	}
	go func() { ended <- s.Run(ctx, c) }()
	return h, ended
}

func await(t *testing.T, ended chan engine.Outcome) engine.Outcome {
	t.Helper()
	select {
	case out := <-ended:
		return out
	case <-time.After(time.Minute):
		t.Fatal("the command does not end")
	}
	return engine.Outcome{}
}

// Input comes while the command runs, whatever the connection makes of it, and what was not read reaches nobody.
func TestOpenInput(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			l := local(t)
			l.Wrap = transporttest.Faults{Chunk: 3}.Wrap
			s := startOn(t, l, shell)
			in, feed := io.Pipe()
			h, ended := begin(context.Background(), s, engine.Command{Text: "read a; echo got $a; cat; echo end", Input: in, Timeout: quick})
			for _, line := range []string{"one\n", "two\n", "\x00\xff\n"} {
				if _, err := io.WriteString(feed, line); err != nil {
					t.Fatal(err)
				}
				h.wait(t, strings.TrimSuffix(line, "\n"))
			}
			_ = feed.Close()
			if out := await(t, ended); out.Status != 0 || h.String() != "got one\ntwo\n\x00\xff\nend\n" {
				t.Errorf("%q %+v", h, out)
			}
			// Nobody reads it, and the writer is let go.
			in, feed = io.Pipe()
			_, ended = begin(context.Background(), s, engine.Command{Text: "(exit 3)", Input: in, Timeout: quick})
			go func() { _, _ = feed.Write(make([]byte, 1<<20)); _ = feed.Close() }()
			if out := await(t, ended); out.Status != 3 {
				t.Errorf("%+v", out)
			}
			_ = in.Close()
			if r := run(s, "cat; echo next", quick); r.out != "next\n" {
				t.Errorf("%q %+v", r.out, r.Outcome)
			}
		})
	}
}

// A command that waits for input ends at its deadline as any other, and nothing of it stays.
func TestOpenInputStops(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := start(t, shell)
			in, feed := io.Pipe()
			defer feed.Close()
			_, ended := begin(context.Background(), s, engine.Command{Text: "cat | cat; echo on", Input: in, Timeout: 300 * time.Millisecond})
			if out := await(t, ended); !out.TimedOut || out.Exited || out.StopConfirmed == nil || !*out.StopConfirmed {
				t.Errorf("%+v", out)
			}
			_ = in.Close()
			if r := run(s, "cat; echo next", quick); r.out != "next\n" {
				t.Errorf("%q %+v", r.out, r.Outcome)
			}
		})
	}
}

// Signals reach what runs: the shell's own loop by an interrupt alone, a program by any.
func TestSignal(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := start(t, shell)
			if n, err := s.Signal("INT"); n != 0 || err != nil {
				t.Errorf("with nothing running: %d, %v", n, err)
			}
			if r := run(s, "sleep 300 >/dev/null 2>&1 & j=$!", quick); !r.Known {
				t.Fatalf("%+v", r)
			}
			h, ended := begin(context.Background(), s, engine.Command{Text: "sh -c 'trap \"echo told; exit 4\" USR1; echo ready; while :; do sleep 0.1; done'", Timeout: quick})
			h.wait(t, "ready")
			if n, err := s.Signal("usr1"); n < 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			if out := await(t, ended); out.Status != 4 || out.Exited || !strings.Contains(h.String(), "told") {
				t.Errorf("%q %+v", h, out)
			}
			h, ended = begin(context.Background(), s, engine.Command{Text: "echo ready; while :; do sleep 60; done; echo on", Timeout: quick})
			h.wait(t, "ready")
			if n, err := s.Signal("SIGINT"); n < 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			if out := await(t, ended); out.Status != 130 || out.Exited || h.String() != "ready\n" {
				t.Errorf("%q %+v", h, out)
			}
			if r := run(s, "kill -0 $j && echo alive", quick); r.out != "alive\n" {
				t.Errorf("an earlier job was hit: %q %+v", r.err, r.Outcome)
			}
		})
	}
}
