package mcpserver

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckpoints(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	c, root, ctx := connect(t, Settings{}), t.TempDir(), context.Background()
	info, failed := call(t, ctx, c, "session_create", map[string]any{"cwd": root, "workspace": root, "checkpoint_ignores": []string{"*.log"}, "auto_snapshot": true})
	if failed {
		t.Fatal(info)
	}
	id := info["session_id"]
	must := func(tool string, arguments map[string]any) map[string]any {
		arguments["session_id"] = id
		r, failed := call(t, ctx, c, tool, arguments)
		if failed {
			t.Fatalf("%s: %v", tool, r)
		}
		return r
	}
	must("session_exec", map[string]any{"command": "echo one >a; echo x >a.log"})
	saved := must("session_checkpoint", map[string]any{"label": "good"})
	if saved["label"] != "good" || saved["files"] != 1.0 {
		t.Error(saved)
	}
	must("session_exec", map[string]any{"command": "echo two >a; echo y >a.log"})
	if list := must("session_checkpoints", map[string]any{})["checkpoints"].([]any); len(list) != 3 {
		t.Error(list)
	}
	if r := must("session_restore", map[string]any{"checkpoint": saved["id"], "preview": true}); r["replaced"] != 1.0 {
		t.Error(r)
	}
	must("session_restore", map[string]any{"checkpoint": saved["id"]})
	for name, want := range map[string]string{"a": "one\n", "a.log": "y\n"} {
		if b, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
