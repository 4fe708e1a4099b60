package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/execkit/execkit/core/audit"
)

func connect(t *testing.T, settings Settings) *mcp.ClientSession {
	t.Helper()
	here, there := mcp.NewInMemoryTransports()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = Serve(ctx, settings, there) }()
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(ctx, here, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); cancel(); <-ended })
	return client
}

func call(t *testing.T, ctx context.Context, c *mcp.ClientSession, name string, arguments map[string]any) (map[string]any, bool) {
	t.Helper()
	r, err := c.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var result map[string]any
	if err := json.Unmarshal([]byte(r.Content[0].(*mcp.TextContent).Text), &result); err != nil {
		t.Fatal(err)
	}
	return result, r.IsError
}

func open(t *testing.T, c *mcp.ClientSession) string {
	t.Helper()
	info, failed := call(t, context.Background(), c, "session_create", map[string]any{"cwd": "/"})
	if failed {
		t.Fatal(info)
	}
	return info["session_id"].(string)
}

func TestExitsAndTimeoutsAreResults(t *testing.T) {
	c := connect(t, Settings{ExecTimeout: 2 * time.Second})
	id := open(t, c)
	if r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": id, "command": "echo a; (exit 3)"}); failed || r["stdout"] != "a\n" || r["exit_code"] != 3.0 {
		t.Error(r)
	}
	// The operator's limit wins over the agent's.
	if r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": id, "command": "sleep 60", "timeout_secs": 50}); failed || r["timed_out"] != true {
		t.Error(r)
	}
}

func TestCancellationStopsTheCommand(t *testing.T) {
	c := connect(t, Settings{})
	id := open(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.CallTool(ctx, &mcp.CallToolParams{Name: "session_exec", Arguments: map[string]any{"session_id": id, "command": "sleep 60"}}); err == nil {
		t.Fatal("the call was not cancelled")
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": id, "command": "echo on"})
		if !failed && r["stdout"] == "on\n" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(r)
		}
	}
}

func TestPolicyExplain(t *testing.T) {
	c := connect(t, Settings{Policy: json.RawMessage(`{"default":"deny","allow":["ls"]}`)})
	for command, want := range map[string]string{"ls -l": "allow", "ls; git push": "deny"} {
		r, failed := call(t, context.Background(), c, "policy_explain", map[string]any{"command": command})
		if failed || r["decision"] != want {
			t.Errorf("%s: %v", command, r)
		}
	}
	if r, failed := call(t, context.Background(), c, "policy_explain", map[string]any{"command": "ls", "policy": map[string]any{"default": "allow"}}); !failed {
		t.Errorf("an agent brought a policy of its own: %v", r)
	}
}

func TestMissingArguments(t *testing.T) {
	c := connect(t, Settings{})
	id := open(t, c)
	for tool, arguments := range map[string]map[string]any{"session_exec": {"session_id": id}, "output_read": {"line": 1}} {
		r, failed := call(t, context.Background(), c, tool, arguments)
		if e, _ := r["error"].(map[string]any); !failed || e["code"] != "invalid_argument" || !strings.Contains(e["message"].(string), "is missing") {
			t.Errorf("%s: %v", tool, r)
		}
	}
}

func TestLimits(t *testing.T) {
	c := connect(t, Settings{MaxSessions: 1, SessionTTL: 2 * time.Second})
	id := open(t, c)
	if r, failed := call(t, context.Background(), c, "session_create", nil); !failed || !strings.Contains(r["error"].(map[string]any)["message"].(string), "operator") {
		t.Error(r)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": id, "command": "true"}); failed {
			if code := r["error"].(map[string]any)["code"]; code != "session_not_found" && code != "session_closed" {
				t.Error(r)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the session did not expire")
		}
	}
}

// A quota of the operator's holds whatever the agent asks for, and a session that it closed leaves room for another.
func TestQuotas(t *testing.T) {
	c := connect(t, Settings{MaxSessions: 1, Quotas: json.RawMessage(`{"commands":1,"wall_ms":3000}`)})
	id := open(t, c)
	exec := map[string]any{"session_id": id, "command": "true"}
	if r, failed := call(t, context.Background(), c, "session_exec", exec); failed {
		t.Fatal(r)
	}
	if r, failed := call(t, context.Background(), c, "session_exec", exec); !failed || r["error"].(map[string]any)["code"] != "quota_exceeded" {
		t.Fatal(r)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, failed := call(t, context.Background(), c, "session_create", nil); !failed {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the closed session is still counted")
		}
	}
}

// What cannot be had is refused by name, never dropped.
func TestNothingIsIgnored(t *testing.T) {
	c := connect(t, Settings{})
	for code, list := range map[string][]map[string]any{
		"unsupported": {{"transport": "nope://h"}},
		// Who names a container must not get the host.
		"invalid_argument": {{"workspace": "/nonexistent"}, {"workspace": "/"}, {"paths": []string{"w"}}, {"auto_snapshot": true}, {"container": "c"}, {"host": "h"}, {"transport": "docker", "host": "h"}, {"transport": "ssh://u:p@h"}},
	} {
		for _, arguments := range list {
			if r, failed := call(t, context.Background(), c, "session_create", arguments); !failed || r["error"].(map[string]any)["code"] != code {
				t.Errorf("%v: %v", arguments, r)
			}
		}
	}
}

func TestTheAgentsOwnFence(t *testing.T) {
	c := connect(t, Settings{})
	for _, arguments := range []map[string]any{{"allow": []string{"echo"}}, {"allow": []string{}}, {"deny": []string{"rm"}}} {
		info, failed := call(t, context.Background(), c, "session_create", arguments)
		if failed {
			t.Fatal(info)
		}
		r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": info["session_id"], "command": "echo a; rm -f x"})
		if !failed || r["error"].(map[string]any)["code"] != "blocked" {
			t.Errorf("%v: %v", arguments, r)
		}
	}
}

// An agent can take away from what the operator allows, and add nothing.
func TestAnAgentOnlyNarrows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("default: deny\nallow: [echo, cat]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := SettingsFrom(only("EXECKIT_MCP_POLICY_FILE", file))
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, settings)
	info, failed := call(t, context.Background(), c, "session_create", map[string]any{"allow": []string{"echo", "rm"}})
	if failed {
		t.Fatal(info)
	}
	for command, want := range map[string]bool{"echo a": true, "rm x": false, "cat /dev/null": false} {
		r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": info["session_id"], "command": command})
		if failed == want {
			t.Errorf("%s: %v", command, r)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, bad := range []string{"x", "-1", "0", "1.5"} {
		if _, err := SettingsFrom(only("EXECKIT_MCP_MAX_SESSIONS", bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	// A fence that the operator asks for and this version lacks keeps the server from starting.
	if _, err := SettingsFrom(only("EXECKIT_MCP_POLICY_FILE", "/nonexistent")); err == nil {
		t.Error("a policy file is ignored")
	}
	for _, bad := range []string{"commands=1", `{"comands":1}`, `{"commands":0}`} {
		if _, err := SettingsFrom(only("EXECKIT_MCP_QUOTAS", bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if s, err := SettingsFrom(only("EXECKIT_MCP_QUOTAS", `{"commands":1}`)); err != nil || s.Quotas == nil {
		t.Error(s, err)
	}
	limits := func(name string) string {
		if slices.Contains([]string{"EXECKIT_MCP_EXEC_TIMEOUT", "EXECKIT_MCP_SESSION_TTL", "EXECKIT_MCP_MAX_SESSIONS"}, name) {
			return "7"
		}
		return ""
	}
	if s, err := SettingsFrom(limits); err != nil || s.MaxSessions != 7 || s.ExecTimeout != 7*time.Second {
		t.Error(s, err)
	}
}

// What an agent does over MCP is recorded where the operator says, whatever the agent sends.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	log, other, head := filepath.Join(dir, "log"), filepath.Join(dir, "other"), filepath.Join(dir, "head")
	old := filepath.Join(dir, "s_old-1.jsonl")
	for _, file := range []string{old, filepath.Join(dir, "notes.jsonl")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Time{}, time.Now().Add(-20*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for _, env := range []map[string]string{
		{"EXECKIT_MCP_AUDIT": log}, {"EXECKIT_MCP_AUDIT": log, "EXECKIT_MCP_AUDIT_DIR": dir},
		{"EXECKIT_MCP_AUDIT": fmt.Sprintf(`{"path":%q,"head_path":%q,"label":"the operator's"}`, other, head)},
	} {
		settings, err := SettingsFrom(func(name string) string { return env[name] })
		if err != nil {
			t.Fatal(err)
		}
		c := connect(t, settings)
		info, failed := call(t, context.Background(), c, "session_create", map[string]any{"allow": []string{"echo"}})
		if failed {
			t.Fatal(info)
		}
		if r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": info["session_id"], "command": "echo a"}); failed || r["audit_seq"] != 4.0 {
			t.Fatal(r)
		}
		if r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": info["session_id"], "command": "rm x"}); !failed {
			t.Fatal(r)
		}
		if r, failed := call(t, context.Background(), c, "session_create", map[string]any{"audit": "/tmp/mine"}); !failed {
			t.Fatal("an agent chooses the log: ", r)
		}
		file := log
		if strings.Contains(env["EXECKIT_MCP_AUDIT"], other) {
			file = other
			if r, err := audit.Verify(other, audit.VerifyOptions{HeadPath: head}); err != nil || !r.Anchored {
				t.Error(r, err)
			}
		}
		if env["EXECKIT_MCP_AUDIT_DIR"] != "" {
			files, _ := filepath.Glob(filepath.Join(dir, info["session_id"].(string)+"-*.jsonl"))
			if len(files) != 1 {
				t.Fatal(files)
			}
			file = files[0]
		}
		s, err := audit.Query(file, audit.Filter{Kinds: []string{"intent", "block"}})
		if err != nil || s.Bad != nil || len(s.Records) != 2 {
			t.Fatal(s, err)
		}
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an old log is kept")
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.jsonl")); err != nil {
		t.Error("a file that is no log was deleted")
	}
	for _, setting := range []struct{ name, value string }{
		{"AUDIT", "/nonexistent/log"}, {"AUDIT_DIR", "/proc/none"}, {"AUDIT_RETENTION_DAYS", "7"}, {"AUDIT", `{"otlp":true}`}, {"AUDIT", `{"pth":"/tmp/x"}`},
	} {
		if _, err := SettingsFrom(only("EXECKIT_MCP_"+setting.name, setting.value)); err == nil {
			t.Errorf("%s=%s is accepted", setting.name, setting.value)
		}
	}
	if _, err := SettingsFrom(only("EXECKIT_MCP_AUDIT_RETENTION_DAYS", "x")); err == nil {
		t.Error("a retention of x days is accepted")
	}
}

// only is an environment with one variable.
func only(name, value string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return value
		}
		return ""
	}
}

func TestToolsAndStructuredContent(t *testing.T) {
	c := connect(t, Settings{})
	list, err := c.ListTools(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		if tool.Annotations.ReadOnlyHint != slices.Contains([]string{"output_read", "session_list", "session_checkpoints", "session_state", "job_list", "job_output", "job_wait", "policy_explain"}, tool.Name) || tool.OutputSchema == nil {
			t.Errorf("%+v", tool)
		}
	}
	if want := []string{"job_kill", "job_list", "job_output", "job_wait", "output_read", "policy_explain", "session_checkpoint", "session_checkpoints", "session_create", "session_destroy", "session_exec", "session_interrupt", "session_list", "session_restore", "session_state", "session_write"}; !slices.Equal(names, want) {
		t.Error(names)
	}
	r, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: "session_list"})
	if err != nil {
		t.Fatal(err)
	}
	structured, err := json.Marshal(r.StructuredContent)
	if text := r.Content[0].(*mcp.TextContent).Text; err != nil || string(structured) != text {
		t.Errorf("%s is not %s", structured, text)
	}
}

// A model that asked for few tokens gets at the rest by the tools alone.
func TestOutputThatWasLeftOut(t *testing.T) {
	c := connect(t, Settings{})
	call := func(tool string, arguments map[string]any) map[string]any {
		r, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if err != nil {
			t.Fatal(err)
		}
		var result map[string]any
		if err := json.Unmarshal([]byte(r.Content[0].(*mcp.TextContent).Text), &result); err != nil {
			t.Fatal(err)
		}
		return result
	}
	id := call("session_create", nil)["session_id"]
	r := call("session_exec", map[string]any{"session_id": id, "command": "seq 5000; echo 'a.c:1:2: error: x'; seq 5000", "budget": map[string]any{"max_tokens": 100}})
	stdout := r["budget"].(map[string]any)["stdout"].(map[string]any)
	if !strings.Contains(r["stdout"].(string), "a.c:1:2: error: x") || stdout["tokens_kept"].(float64) > 100 {
		t.Errorf("%v", r)
	}
	output := stdout["output_id"]
	if r := call("output_read", map[string]any{"output_id": output, "line": 4000}); !strings.HasPrefix(r["text"].(string), "4000\n") || strings.Count(r["text"].(string), "\n") != readLines {
		t.Errorf("%v", r)
	}
	if r := call("output_read", map[string]any{"output_id": output}); len(r["text"].(string)) > readBytes {
		t.Errorf("%v", r)
	}
	for _, wrong := range []map[string]any{{"output_id": "o_none"}, {"output_id": output, "line": 1, "offset": 1}, {"output_id": output, "limit": -1}} {
		if r := call("output_read", wrong); r["error"].(map[string]any)["code"] != "invalid_argument" {
			t.Errorf("%v gives %v", wrong, r)
		}
	}
	if r := call("session_exec", map[string]any{"session_id": id, "command": "seq 9", "budget": map[string]any{"grep": "^7", "keep": "head", "max_chars": 50}}); r["stdout"] != "7\n" {
		t.Errorf("%v", r)
	}
}

// Calls at the same time must not pass the limit together.
func TestLimitHoldsForCallsAtOnce(t *testing.T) {
	c := connect(t, Settings{MaxSessions: 2})
	var calls sync.WaitGroup
	var opened atomic.Int32
	for range 8 {
		calls.Go(func() {
			r, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: "session_create"})
			if err == nil && !r.IsError {
				opened.Add(1)
			}
		})
	}
	calls.Wait()
	if opened.Load() != 2 {
		t.Errorf("%d sessions", opened.Load())
	}
}

func TestBadInputOfLiveCommands(t *testing.T) {
	c := connect(t, Settings{})
	id := open(t, c)
	job, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": id, "command": "read -r x", "yield_ms": 0, "stdin_open": true})
	if failed {
		t.Fatal(job)
	}
	if r, failed := call(t, context.Background(), c, "session_write", map[string]any{"job_id": job["job_id"], "text": "line\n", "yield_ms": 60000}); failed || r["exit_code"] != 0.0 {
		t.Fatal(r)
	}
	for _, tt := range []struct {
		tool string
		with map[string]any
		code string
	}{
		{"session_write", map[string]any{"job_id": job["job_id"], "text": "late"}, "stdin_not_attached"},
		{"session_write", map[string]any{"job_id": job["job_id"], "keys": []string{"ctrl-c"}}, "stdin_not_attached"},
		{"session_write", map[string]any{"job_id": job["job_id"]}, "invalid_argument"},
		{"session_exec", map[string]any{"session_id": id, "command": "true", "yield_ms": 100, "tty": map[string]any{"cols": 10000}}, "invalid_argument"},
		{"session_exec", map[string]any{"session_id": id, "command": "true", "tty": map[string]any{}}, "invalid_argument"},
		{"session_exec", map[string]any{"session_id": id, "command": "true", "stdin_open": true}, "invalid_argument"},
		{"session_exec", map[string]any{"session_id": id, "command": "true", "yield_ms": -1}, "invalid_argument"},
	} {
		r, failed := call(t, context.Background(), c, tt.tool, tt.with)
		if e, _ := r["error"].(map[string]any); !failed || e["code"] != tt.code || e["hint"] == nil && e["details"] == nil {
			t.Errorf("%s %v: %v", tt.tool, tt.with, r)
		}
	}
}
