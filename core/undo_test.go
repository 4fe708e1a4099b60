package execkit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

func undoable(t *testing.T, c execkit.Config) (s *execkit.Session, root string) {
	t.Helper()
	root = t.TempDir()
	c.Cwd = root
	if c.Policy == nil {
		c.Policy = anything(t)
	}
	if c.Workspace == nil {
		c.Workspace = &execkit.Workspace{}
	}
	c.Workspace.Path, c.Workspace.Store = root, filepath.Join(t.TempDir(), "store")
	s, err := execkit.Open(context.Background(), "local", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, root
}

// anything is a policy that judges nothing.
func anything(t *testing.T) *execkit.Policy {
	t.Helper()
	policy, err := execkit.LoadPolicy([]byte(`{"intercept":"off"}`))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func mustRun(t *testing.T, s *execkit.Session, command string) *execkit.Result {
	t.Helper()
	r, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return r
}

func putBack(t *testing.T, s *execkit.Session, id string) *wire.CheckpointRestored {
	t.Helper()
	r, err := s.RestoreCheckpoint(context.Background(), wire.CheckpointRestore{Checkpoint: id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUndo(t *testing.T) {
	ctx := context.Background()
	s, root := undoable(t, execkit.Config{})
	mustRun(t, s, "mkdir src; echo one >src/a; echo keep >keep")
	c, err := s.Checkpoint(ctx, "start")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "rm -r src; echo new >new; chmod 600 keep")
	if err := os.WriteFile(filepath.Join(root, "editor"), []byte("a person's"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := putBack(t, s, c.ID)
	if r.Created != 2 || r.Deleted != 1 || r.Modes != 1 || len(r.Kept) != 1 || r.Kept[0].Path.Path != "editor" {
		t.Errorf("%+v", r)
	}
	if got := mustRun(t, s, "cat src/a; ls; stat -c %a keep").Stdout; got != "one\neditor\nkeep\nsrc\n644\n" {
		t.Errorf("%q", got)
	}
	putBack(t, s, r.Saved)
	if got := mustRun(t, s, "cat new; ls -d src").Stdout; got != "new\n" {
		t.Errorf("%q", got)
	}
}

func TestUndoOfOneCommand(t *testing.T) {
	s, _ := undoable(t, execkit.Config{})
	mustRun(t, s, "echo one >a")
	mustRun(t, s, "ls; cat a; true")
	mustRun(t, s, "export API_KEY=sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD; echo two >a")
	list, err := s.Checkpoints(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Checkpoints) != 2 || list.Checkpoints[1].Changed != 1 || !list.Checkpoints[1].Auto || !list.Checkpoints[1].Current {
		t.Fatalf("%+v", list.Checkpoints)
	}
	if strings.Contains(list.Checkpoints[1].Command+list.Checkpoints[1].Label, "abcdefghijkl") {
		t.Error("a secret is in the list")
	}
	putBack(t, s, list.Checkpoints[1].ID)
	if got := mustRun(t, s, "cat a").Stdout; got != "one\n" {
		t.Errorf("%q", got)
	}
}

// What an agent might do so that its own changes look like somebody else's, who are not undone.
func TestDisguisedWrites(t *testing.T) {
	for _, commands := range [][]string{
		{"ls() { command touch made; }", "ls"},
		{"alias ls='touch made'", "ls"},
		{`printf '#!/bin/sh\ntouch made\n' >x; chmod +x x; hash -p "$PWD/x" ls`, "ls"},
		{"trap 'touch made' DEBUG", "pwd", "trap - DEBUG"},
		{"trap 'touch made' EXIT", "exit"},
		{"PS4='$(touch made)'", "set -x; pwd"},
		{"echo $(touch made)"},
		{"cat <(touch made); sleep 0.1"},
		{"ls >made"},
		{"echo ${x:=$(touch made)}"},
		{"x='a[$(touch made)]'", "echo $((x))"},
		{"x='a[$(touch made)]'", "[[ x -eq 1 ]]"},
		{"x='a[$(touch made)]'", "test -v \"$x\""},
		{"x='a[$(touch made)]'", "echo ${y[x]}"},
		{"x='a[$(touch made)]'", "echo ${HOME:x}"},
		{"x='$(touch made)'", "echo ${x@P}"},
		{"x='touch made'", "$x"},
		{"eval 'touch made'"},
		{"touch made &\nwait"},
		{"coproc touch made; sleep 0.2"},
	} {
		command := strings.Join(commands, "; ")
		s, root := undoable(t, execkit.Config{})
		for _, line := range commands {
			_, _ = s.Exec(context.Background(), line, execkit.ExecOptions{})
		}
		if _, err := os.Stat(filepath.Join(root, "made")); err != nil {
			t.Errorf("%s: made nothing, so it shows nothing", command)
			continue
		}
		list, err := s.Checkpoints(context.Background())
		if err != nil || len(list.Checkpoints) == 0 {
			t.Errorf("%s: no checkpoint before it, %v", command, err)
			continue
		}
		if r := putBack(t, s, list.Checkpoints[0].ID); len(r.Kept) > 0 {
			t.Errorf("%s: taken for somebody else's: %+v", command, r.Kept)
		}
	}
}

// The shell stands in a directory that was removed and made again.
func TestUndoGivesTheDirectoryBack(t *testing.T) {
	s, root := undoable(t, execkit.Config{})
	mustRun(t, s, "mkdir d; echo x >d/f; cd d")
	c, err := s.Checkpoint(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "rm -r ../d")
	putBack(t, s, c.ID)
	if r := mustRun(t, s, "cat f"); r.Stdout != "x\n" || r.Cwd != filepath.Join(root, "d") {
		t.Errorf("%q in %s", r.Stdout, r.Cwd)
	}
}

func TestRestoreNeedsThePolicy(t *testing.T) {
	ctx := context.Background()
	deny, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["touch"],"write":["."]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := undoable(t, execkit.Config{Policy: deny})
	c, err := s.Checkpoint(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"restore": func() error {
			_, err := s.RestoreCheckpoint(ctx, wire.CheckpointRestore{Checkpoint: c.ID}, nil)
			return err
		},
		"diff": func() error {
			_, err := s.DiffCheckpoint(ctx, wire.CheckpointDiffRequest{Checkpoint: c.ID}, nil)
			return err
		},
		"delete": func() error { return s.DeleteCheckpoint(ctx, c.ID, nil) },
	} {
		if err := call(); !errors.Is(err, execkit.ErrBlocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.RestoreCheckpoint(ctx, wire.CheckpointRestore{Checkpoint: c.ID, Preview: true}, nil); err != nil {
		t.Errorf("a preview changes nothing: %v", err)
	}
}

func TestRestoreIsApproved(t *testing.T) {
	ctx := context.Background()
	ask, err := execkit.LoadPolicy([]byte(`{"ask":["execkit checkpoint restore"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, root := undoable(t, execkit.Config{Policy: ask})
	c, err := s.Checkpoint(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "touch made")
	restore := func(answer func(execkit.ApprovalRequest) execkit.Approval) error {
		_, err := s.RestoreCheckpoint(ctx, wire.CheckpointRestore{Checkpoint: c.ID}, func(_ context.Context, r execkit.ApprovalRequest) (execkit.Approval, error) {
			return answer(r), nil
		})
		return err
	}
	if _, err := s.RestoreCheckpoint(ctx, wire.CheckpointRestore{Checkpoint: c.ID}, nil); !errors.Is(err, execkit.ErrApprovalRequired) {
		t.Error(err)
	}
	if err := restore(func(execkit.ApprovalRequest) execkit.Approval { return execkit.Approval{} }); !errors.Is(err, execkit.ErrBlocked) {
		t.Error(err)
	}
	if err := restore(func(execkit.ApprovalRequest) execkit.Approval {
		return execkit.Approval{Approve: true, Command: "touch other"}
	}); !errors.Is(err, execkit.ErrBlocked) {
		t.Error(err)
	}
	// The workspace changes while the person thinks.
	if err := restore(func(execkit.ApprovalRequest) execkit.Approval {
		_ = os.WriteFile(filepath.Join(root, "made"), []byte("precious"), 0o600)
		return execkit.Approval{Approve: true}
	}); !errors.Is(err, execkit.ErrBlocked) || !strings.Contains(err.Error(), "changed after") {
		t.Error(err)
	}
	if b, _ := os.ReadFile(filepath.Join(root, "made")); string(b) != "precious" {
		t.Error("restored what nobody agreed to")
	}
	os.Remove(filepath.Join(root, "made"))
	mustRun(t, s, "touch more")
	if err := restore(func(r execkit.ApprovalRequest) execkit.Approval {
		if !strings.Contains(r.Command, "1 deleted") {
			t.Errorf("asked about %q", r.Command)
		}
		return execkit.Approval{Approve: true}
	}); err != nil {
		t.Error(err)
	}
}

func TestNoWorkspace(t *testing.T) {
	s, err := execkit.Open(context.Background(), "local", execkit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Checkpoint(context.Background(), ""); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Error(err)
	}
}

// A background process of a command goes on writing; that is the command's, too.
func TestBackgroundWrites(t *testing.T) {
	s, root := undoable(t, execkit.Config{})
	c, err := s.Checkpoint(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "mkfifo go; (read x <go; echo late >late; exec sleep 60) >/dev/null 2>&1 &")
	mustRun(t, s, "echo >go; until [ -s late ]; do sleep 0.01; done")
	putBack(t, s, c.ID)
	if _, err := os.Stat(filepath.Join(root, "late")); err == nil {
		t.Error("what the background process wrote is still there")
	}
}
