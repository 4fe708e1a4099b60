package engine

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
)

type stopper struct{ stop func() }

func (s stopper) Write(p []byte) (int, error) { s.stop(); return len(p), nil }

// An interrupt that comes while the shell forks a program ends the list, not that program alone: the rest must not run.
func TestStopWhileAProgramStarts(t *testing.T) {
	dir := t.TempDir()
	s, err := Start(context.Background(), Options{Path: "/bin/bash", Dir: dir, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 60 {
		ctx, cancel := context.WithCancel(context.Background())
		out := s.Run(ctx, Command{Text: "echo begun; sleep 600; echo >never", Stdout: stopper{cancel}, Stderr: io.Discard})
		cancel()
		if _, err := os.Stat(filepath.Join(dir, "never")); err == nil {
			t.Fatalf("run %d: the rest of the list ran: %+v", i, out)
		}
		if out.Exited {
			t.Fatalf("run %d: %+v", i, out)
		}
	}
}
