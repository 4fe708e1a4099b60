package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		name, args, stdin string
		status            int
		stdout, stderr    string // parts
	}{
		{name: "help", args: "help", stdout: "execkit exec"},
		{name: "version", args: "version", stdout: "execkit 0."},
		{name: "unknown", args: "exce", status: 125, stderr: `did you mean "exec"?`},
		{name: "exec", args: "exec -- echo a", stdout: "a\n"},
		{name: "status passes", args: "exec -- exit 7", status: 7},
		{name: "stdin passes", args: "exec -- cat", stdin: "in", stdout: "in"},
		{name: "streams", args: "exec -- echo e >&2", stderr: "e\n"},
		{name: "timeout", args: "exec --timeout 0.1 -- sleep 60", status: 124, stderr: "deadline"},
		{name: "json", args: "exec --json -- echo a", stdout: `"stdout":"a\n"`},
		{name: "max lines", args: "exec --max-lines 1 -- seq 9", stdout: "1\n", stderr: "1 of 9 lines"},
		{name: "max tokens", args: "exec --max-tokens 90 -- seq 3000; echo fatal: x; seq 3000", stdout: "fatal: x\n", stderr: "of 6001 lines"},
		{name: "grep", args: "exec --grep ^7 --context 1 -- seq 9", stdout: "6\n7\n8\n"},
		{name: "head and tail", args: "exec --head 1 --tail 1 --json -- seq 9", stdout: "1\\n… 7 lines"},
		{name: "wrong pattern", args: "exec --grep ( -- seq 9", status: 125, stderr: "not a valid pattern"},
		{name: "negative budget", args: "exec --max-tokens -1 -- seq 9", status: 125, stderr: "below zero"},
		{name: "no command", args: "exec", status: 125, stderr: "no command"},
		{name: "unknown flag", args: "exec --timout 1 -- true", status: 125, stderr: `did you mean "--timeout"?`},
		{name: "unsupported", args: "exec --transport nope://h -- true", status: 125, stderr: "nope://h"},
		{name: "error as JSON", args: "exec --json --cwd /nonexistent -- true", status: 125, stdout: `"code":"invalid_argument"`},
		{name: "quota", args: "exec --quota output_bytes=4 -- printf 1234567", status: 125, stdout: "1234", stderr: "quota output_bytes of 4"},
		{name: "no such quota", args: "exec --quota comands=4 -- true", status: 125, stderr: `did you mean "commands"`},
		{name: "no number", args: "exec --quota commands -- true", status: 125, stderr: "NAME=N"},
		{name: "shell with a quota", args: "shell --quota commands=1", stdin: "echo a\necho b\n", status: 125, stdout: "a\n", stderr: "used up"},
		{name: "shell", args: "shell", stdin: "v=1\necho $v\n(exit 3)\n", status: 3, stdout: "1\n"},
		{name: "rpc", args: "rpc", stdin: `{"id":"x","method":"version.get"}` + "\nnope\n", stdout: `{"id":"x","reply":{"ok":true`},
		{name: "blocked", args: "exec -- rm -rf /nonexistent/x", status: 126, stderr: "no terminal to ask at"},
		{name: "policy file", args: "exec --policy testdata/fence.yaml -- cat x", status: 126, stderr: "blocked"},
		{name: "policy check", args: "policy check --policy testdata/fence.yaml -- ls", stdout: "allow\n"},
		{name: "policy explain", args: "policy explain --policy testdata/fence.yaml -- ls;cat", status: 126, stdout: "default"},
		{name: "policy stream", args: "policy check --policy testdata/fence.yaml", stdin: `{"command":"ls"}` + "\n" + `{"command":"cat x"}`, status: 126, stdout: "allow\ndeny"},
		{name: "policy missing", args: "policy check --policy /nonexistent -- ls", status: 125, stderr: "nonexistent"},
		{name: "redact", args: "redact --labels", stdin: "PASSWORD=hunter2-horse\nplain\n", stdout: "PASSWORD=[REDACTED:password]\nplain\n"},
		{name: "setup", args: "setup claude", stdout: "mcpServers"},
		{name: "a flag that is no number", args: "exec --timeout abc -- ls", status: 125, stderr: `--timeout is "abc", which is no number`},
		{name: "help tells defaults", args: "help exec", stdout: "0 for no limit (default 30)"},
		{name: "setup typo", args: "setup cluade", status: 125, stderr: `"claude"`},
		{name: "completion", args: "completion bash", stdout: "exec shell policy redact audit checkpoint replay watch rpc mcp"},
		{name: "doctor", args: "doctor", stdout: "a local session opens"},
		{name: "doctor for programs", args: "doctor --json", stdout: `"request_bytes":67108864`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			// Without a terminal: a test must not wait for the one of whoever runs it.
			a := &app{ctx: t.Context(), stdin: strings.NewReader(tt.stdin), stdout: &stdout, stderr: &stderr, terminal: noTerminal}
			status := run(a, strings.Fields(tt.args))
			if status != tt.status || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
			}
		})
	}
}

func TestSetupOfWhatNoClientFinds(t *testing.T) {
	for path, says := range map[string]bool{"": true, "execkit": false} {
		dir := t.TempDir()
		if path != "" {
			if err := os.WriteFile(filepath.Join(dir, path), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv("PATH", dir)
		var stderr bytes.Buffer
		if status := Main([]string{"setup", "cursor"}, strings.NewReader(""), io.Discard, &stderr); status != 0 || strings.Contains(stderr.String(), "full path") != says {
			t.Errorf("%q: status %d, %s", path, status, stderr.String())
		}
	}
}

func TestSetupMerges(t *testing.T) {
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			old := `{"other":{"n":12345678901234567890},"` + c.key + `":{"mine":{}}}`
			if c.key == "" {
				old = "[mine]\nn = 1\n"
			}
			if err := os.WriteFile(file, []byte(old), 0o640); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second run changes nothing
				if status := Main([]string{"setup", c.name, "--write", file}, strings.NewReader(""), io.Discard, io.Discard); status != 0 {
					t.Fatal(status)
				}
			}
			backup, err := os.ReadFile(file + ".bak")
			if err != nil || string(backup) != old {
				t.Errorf("%s %v", backup, err)
			}
			merged, err := os.ReadFile(file)
			if err != nil || strings.Count(string(merged), "\"mcp\"") != 1 || !strings.Contains(string(merged), "mine") {
				t.Errorf("%s %v", merged, err)
			}
			if c.key != "" && (!json.Valid(merged) || !strings.Contains(string(merged), "12345678901234567890")) {
				t.Errorf("%s", merged)
			}
		})
	}
}

// A long call must not hold up a later one, and the end of the input must not cut it off.
func TestRPCIsConcurrent(t *testing.T) {
	in, lines := io.Pipe()
	replies, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Main([]string{"rpc"}, in, out, io.Discard)
		_ = out.Close()
	}()
	read := json.NewDecoder(replies)
	next := func() (id float64, result map[string]any) {
		var reply struct {
			ID    float64
			Reply struct{ Result map[string]any }
		}
		if err := read.Decode(&reply); err != nil {
			t.Fatal(err)
		}
		return reply.ID, reply.Reply.Result
	}
	fmt.Fprintln(lines, `{"id":1,"method":"session.create"}`)
	_, created := next()
	fmt.Fprintf(lines, "{\"id\":2,\"method\":\"session.exec\",\"params\":{\"session_id\":%q,\"command\":\"sleep 0.5; echo late\"}}\n", created["session_id"])
	fmt.Fprintln(lines, `{"id":3,"method":"version.get"}`)
	_ = lines.Close()
	if id, _ := next(); id != 3 {
		t.Errorf("reply %v came first", id)
	}
	if id, result := next(); id != 2 || result["stdout"] != "late\n" {
		t.Errorf("%v %v", id, result)
	}
	if status := <-ended; status != 0 {
		t.Error(status)
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	status := run(&app{ctx: ctx, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, terminal: noTerminal}, []string{"exec", "--", "echo part; sleep 60"})
	if status != exitInterrupted || stdout.String() != "part\n" || !strings.Contains(stderr.String(), "cancelled") {
		t.Errorf("%d %q %q", status, stdout.String(), stderr.String())
	}
}
