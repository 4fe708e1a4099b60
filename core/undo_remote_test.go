package execkit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/transport/transporttest"
	"github.com/execkit/execkit/core/wire"
)

// farUndo opens a session on a target with a workspace there.
func farUndo(t *testing.T, c execkit.Config) (*execkit.Session, *transporttest.Local, string) {
	t.Helper()
	root := t.TempDir()
	c.Cwd = root
	if c.Policy == nil {
		c.Policy = anything(t)
	}
	c.Workspace = &execkit.Workspace{Path: ".", Store: filepath.Join(t.TempDir(), "store")}
	s, l := far(t, c)
	return s, l, root
}

func TestRemoteUndo(t *testing.T) {
	ctx := context.Background()
	s, _, root := farUndo(t, execkit.Config{})
	mustRun(t, s, "mkdir src; echo one >src/a; echo keep >keep; cd src")
	c, err := s.Checkpoint(ctx, "start")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "rm -r ../src; echo new >../new; chmod 600 ../keep")
	if err := os.WriteFile(filepath.Join(root, "editor"), []byte("a person's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Checkpoints(ctx); err != nil || len(list.Checkpoints) != 3 || !list.Checkpoints[2].Auto || list.Checkpoints[2].Changed != 4 {
		t.Errorf("%+v, %v", list, err)
	}
	if d, err := s.DiffCheckpoint(ctx, wire.CheckpointDiffRequest{Checkpoint: c.ID}, nil); err != nil || !strings.Contains(d.Patch, "-one") {
		t.Errorf("%+v, %v", d, err)
	}
	r := putBack(t, s, c.ID)
	if r.Created != 2 || r.Deleted != 1 || r.Modes != 1 || len(r.Kept) != 1 || r.Kept[0].Path.Path != "editor" {
		t.Errorf("%+v", r)
	}
	// The shell stands in a directory that was removed and made again.
	if got := mustRun(t, s, "cat a; ls ..; stat -c %a ../keep"); got.Stdout != "one\neditor\nkeep\nsrc\n644\n" || got.Cwd != root+"/src" {
		t.Errorf("%q in %s", got.Stdout, got.Cwd)
	}
	putBack(t, s, r.Saved)
	if got := mustRun(t, s, "cat "+root+"/new").Stdout; got != "new\n" {
		t.Errorf("%q", got)
	}
}

// Nothing that a session defines or puts first on its PATH is asked by what reaches its files.
func TestRemoteUndoIsNotForged(t *testing.T) {
	s, _, root := farUndo(t, execkit.Config{})
	mustRun(t, s, "echo precious >a")
	c, err := s.Checkpoint(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, `stat() { :; }; find() { :; }; cat() { echo forged; }; env() { :; }; cd() { :; }; mv() { :; }; export -f stat find cat env cd mv
		mkdir bin; for p in stat find cat env mv rm chmod; do printf '#!/bin/sh\necho forged\n' >bin/$p; chmod +x bin/$p; done; export PATH=$PWD/bin:$PATH CDPATH=/`)
	mustRun(t, s, "echo lost >a")
	putBack(t, s, c.ID)
	if b, _ := os.ReadFile(filepath.Join(root, "a")); string(b) != "precious\n" {
		t.Errorf("%q", b)
	}
	if f, err := s.ReadFile(context.Background(), wire.FileRead{Path: "a"}); err != nil || f.Content != "precious\n" {
		t.Errorf("%+v, %v", f, err)
	}
}

// A connection that breaks loses neither the checkpoints nor the session's place.
func TestRemoteUndoAfterReconnect(t *testing.T) {
	s, l, root := farUndo(t, execkit.Config{})
	mustRun(t, s, "echo one >a")
	c, err := s.Checkpoint(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "echo two >a")
	l.Cut()
	waitUntil(t, func() bool {
		r, err := s.RestoreCheckpoint(context.Background(), wire.CheckpointRestore{Checkpoint: c.ID}, nil)
		return err == nil && len(r.Failed) == 0
	})
	if b, _ := os.ReadFile(filepath.Join(root, "a")); string(b) != "one\n" {
		t.Errorf("%q", b)
	}
}

// What still runs behind is a command's, and what has ended is not.
func TestRemoteBackgroundWrites(t *testing.T) {
	s, _, root := farUndo(t, execkit.Config{})
	c, err := s.Checkpoint(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "mkfifo go; (read x <go; echo late >late; read x <go) >/dev/null 2>&1 &")
	mustRun(t, s, "echo >go; until [ -s late ]; do sleep 0.01; done; echo >go; wait")
	if err := os.WriteFile(filepath.Join(root, "theirs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := putBack(t, s, c.ID)
	if _, err := os.Stat(filepath.Join(root, "late")); err == nil || len(r.Kept) != 2 { // theirs, and the pipe
		t.Errorf("%+v", r)
	}
}

func TestRemoteWorkspaceIsRefused(t *testing.T) {
	for path, want := range map[string]error{"/": execkit.ErrInvalidArgument, "/root": execkit.ErrInvalidArgument, "/nonexistent/x": execkit.ErrInvalidArgument, "/etc/passwd": execkit.ErrInvalidArgument} {
		_, err := openFar(t, execkit.Config{Workspace: &execkit.Workspace{Path: path, Store: filepath.Join(t.TempDir(), "store")}})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
