package mcpserver

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/execkit/execkit/core/wire"
)

// No secret of the session reaches the model: neither text nor structured content, nor errors, nor the audit log.
func TestNoSecretReachesTheModel(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	const inEnv, inFile, named = "Zq7hunter2Rk9Wb3Lp5", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "Ty8Nm4Kj2Xc6Vb1Qs9"
	t.Setenv("DB_PASSWORD", inEnv)
	root, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(filepath.Join(root, ".env"), []byte("TOKEN="+inFile+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := connect(t, Settings{Audit: &wire.Audit{Path: log}, Policy: json.RawMessage(`{"intercept":"off","deny":["wget"]}`)})
	info, failed := call(t, context.Background(), c, "session_create", map[string]any{"cwd": root, "workspace": root, "auto_snapshot": true})
	if failed {
		t.Fatal(info)
	}
	var all strings.Builder
	tell := func(tool string, arguments map[string]any) {
		t.Helper()
		arguments["session_id"] = info["session_id"]
		r, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if err != nil {
			t.Fatal(tool, err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, command := range []string{
		"env", "echo $DB_PASSWORD | base64; cat .env", "export MY_TOKEN=" + named + "; echo $MY_TOKEN; false", "wget --password " + named,
		"if token=" + named, "no-such-" + named, "echo TOKEN=" + inFile + "2 >.env; sleep 60 & ",
	} {
		tell("session_exec", map[string]any{"command": command})
	}
	tell("session_checkpoint", map[string]any{"label": "token=" + inFile})
	tell("session_checkpoints", map[string]any{})
	tell("session_restore", map[string]any{"checkpoint": "c_" + inFile})
	written, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	all.Write(written)
	for _, secret := range []string{inEnv, inFile, named} {
		if at := strings.Index(all.String(), secret); at >= 0 {
			t.Errorf("%s is there: %s", secret, all.String()[max(0, at-200):at+len(secret)])
		}
	}
	if !strings.Contains(all.String(), "DB_PASSWORD=[REDACTED]") {
		t.Error("the environment is not there at all")
	}
}
