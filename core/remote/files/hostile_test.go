package files_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/remote/files"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// A cutter breaks every connection when so many bytes went to the target.
type cutter struct {
	l    *transporttest.Local
	mu   sync.Mutex
	left int
}

func (c *cutter) set(n int) {
	c.mu.Lock()
	c.left = n
	c.mu.Unlock()
}

func (c *cutter) wrap(p transport.Process) transport.Process {
	return &cutProcess{p, c}
}

type cutProcess struct {
	transport.Process
	c *cutter
}

func (p *cutProcess) Stdin() io.WriteCloser { return &cutStdin{p.Process.Stdin(), p.c} }

type cutStdin struct {
	io.WriteCloser
	c *cutter
}

func (s *cutStdin) Write(b []byte) (int, error) {
	s.c.mu.Lock()
	n := min(len(b), s.c.left)
	s.c.left -= n
	cut := n < len(b)
	s.c.mu.Unlock()
	n, err := s.WriteCloser.Write(b[:n])
	if cut {
		s.c.l.Cut()
		return n, io.ErrClosedPipe
	}
	return n, err
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// Wherever a connection breaks, a file is what it was or what it was to be, and nothing stays beside it.
func TestBrokenConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		ctx, root := context.Background(), t.TempDir()
		target, l := b.there(t)
		c := &cutter{l: l, left: 1 << 30}
		l.Wrap = c.wrap
		before, after := strings.Repeat("old", 5000), strings.Repeat("newer", 5000)
		path := filepath.Join(root, "f")
		for at := 0; at < 60_000; at += 4801 {
			write(t, path, before)
			c.set(1 << 30)
			old, err := target.Stat(ctx, root, "f") // the clerk runs
			if err != nil {
				t.Fatal(err)
			}
			c.set(at)
			err = target.Write(ctx, &files.Write{Dir: root, Name: "f", Content: []byte(after), Mode: 0o644, Old: &old.State})
			got, _ := os.ReadFile(path)
			if err == nil && string(got) != after || string(got) != before && string(got) != after {
				t.Fatalf("cut after %d bytes (%v): the file has %d bytes", at, err, len(got))
			}
			until(t, fmt.Sprintf("cut after %d bytes: something stayed beside the file", at), func() bool {
				entries, _ := os.ReadDir(root)
				return len(entries) == 1
			})
		}
	})
}

// What is sent as the content of a file is never a request, even where the target takes nothing of it.
func TestContentIsNoRequest(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		ctx, root, out := context.Background(), t.TempDir(), t.TempDir()
		target, _ := b.there(t)
		hostile := []byte(strings.Repeat("touch "+out+"/owned\neval 'touch "+out+"/owned'\n", 100))
		for _, w := range []files.Write{
			{Dir: filepath.Join(root, "missing"), Name: "f"},
			{Dir: root, Name: strings.Repeat("n", 300)},
			{Dir: "/dev/null", Name: "f"},
			{Dir: root, Name: "taken", Exclusive: true},
		} {
			write(t, filepath.Join(root, "taken"), "x")
			w.Content, w.Mode = hostile, 0o600
			if err := target.Write(ctx, &w); err == nil {
				t.Errorf("%s/%.10s was written", w.Dir, w.Name)
			}
		}
		if _, err := target.Stat(ctx, root, "taken"); err != nil { // whatever was sent before has been read
			t.Error(err)
		}
		for _, dir := range []string{root, out} {
			if entries, _ := os.ReadDir(dir); dir == root && len(entries) != 1 || dir == out && len(entries) != 0 {
				t.Errorf("%s holds %v", dir, entries)
			}
		}
	})
}

// churn swaps things until the test ends.
func churn(t *testing.T, fn func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				fn()
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
}

// A directory and a file turn into links while they are read and written.
func TestSwappedForLinks(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		ctx, root, out := context.Background(), t.TempDir(), t.TempDir()
		write(t, filepath.Join(out, "f"), "secret")
		write(t, filepath.Join(root, "d/f"), "mine")
		target, _ := b.there(t)
		w := workspace(t, target, root)
		r, err := os.OpenRoot(root) // a restore may leave the link there, and the churn itself must not go through it
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		churn(t, func() {
			_ = r.Rename("d", "e")
			_ = r.Symlink(out, "d")
			_ = r.Remove("d")
			_ = r.Rename("e", "d")
			_ = r.Rename("d/f", "d/g")
			_ = r.Symlink(out+"/f", "d/f")
			_ = r.Remove("d/f")
			_ = r.Rename("d/g", "d/f")
		})
		for range 8 {
			var got bytes.Buffer
			_ = target.Read(ctx, filepath.Join(root, "d"), "f", func(*files.State) error { return nil }, func(p []byte) bool {
				got.Write(p)
				return true
			})
			if strings.Contains(got.String(), "secret") {
				t.Fatal("read what a link led to")
			}
			_ = target.Write(ctx, &files.Write{Dir: filepath.Join(root, "d"), Name: "made", Content: []byte("x"), Mode: 0o600, Exclusive: true})
			r, err := w.Save(ctx, "", false)
			if err != nil {
				continue
			}
			diffs, err := w.Diff(ctx, r.ID, checkpoint.DiffOptions{})
			if err == nil {
				for _, d := range diffs {
					if strings.Contains(d.Patch, "secret") {
						t.Fatal("saved what a link led to")
					}
				}
			}
			_, _ = w.Restore(ctx, r.ID, checkpoint.RestoreOptions{Overwrite: true})
		}
		if entries, _ := os.ReadDir(out); len(entries) != 1 {
			t.Errorf("outside are %v", entries)
		}
		if b, _ := os.ReadFile(out + "/f"); string(b) != "secret" {
			t.Errorf("outside is %q", b)
		}
	})
}
