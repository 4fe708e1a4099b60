package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		name, args, stdin string
		status            int
		stdout, stderr    string // parts
	}{
		{name: "help", args: "help", stdout: "execkit exec"},
		{name: "version", args: "version", stdout: "execkit 0."},
		{name: "unknown", args: "exce", status: 125, stderr: `Did you mean "exec"?`},
		{name: "exec", args: "exec -- echo a", stdout: "a\n"},
		{name: "status passes", args: "exec -- exit 7", status: 7},
		{name: "stdin passes", args: "exec -- cat", stdin: "in", stdout: "in"},
		{name: "streams", args: "exec -- echo e >&2", stderr: "e\n"},
		{name: "timeout", args: "exec --timeout 0.1 -- sleep 60", status: 124, stderr: "deadline"},
		{name: "json", args: "exec --json -- echo a", stdout: `"stdout":"a\n"`},
		{name: "no command", args: "exec", status: 125, stderr: "Example"},
		{name: "unknown flag", args: "exec --nope -- true", status: 125, stderr: "nope"},
		{name: "unsupported", args: "exec --transport ssh://h -- true", status: 125, stderr: "ssh://h"},
		{name: "error as JSON", args: "exec --json --cwd /nonexistent -- true", status: 125, stdout: `"code":"invalid_argument"`},
		{name: "shell", args: "shell", stdin: "v=1\necho $v\n(exit 3)\n", status: 3, stdout: "1\n"},
		{name: "rpc", args: "rpc", stdin: `{"id":"x","method":"version.get"}` + "\nnope\n", stdout: `{"id":"x","reply":{"ok":true`},
		{name: "setup", args: "setup claude", stdout: "mcpServers"},
		{name: "setup typo", args: "setup cluade", status: 125, stderr: `"claude"`},
		{name: "completion", args: "completion bash", stdout: "exec shell rpc mcp"},
		{name: "doctor", args: "doctor", stdout: "ok    a local session"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := Main(strings.Fields(tt.args), strings.NewReader(tt.stdin), &stdout, &stderr)
			if status != tt.status || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
			}
		})
	}
}

func TestSetupIsValid(t *testing.T) {
	for _, a := range agents {
		if strings.HasPrefix(a.text, "{") && !json.Valid([]byte(a.text)) {
			t.Errorf("%s: %s", a.name, a.text)
		}
	}
}
