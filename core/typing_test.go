package execkit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func guardFor(t *testing.T, object string) *guard {
	t.Helper()
	p, err := LoadPolicy([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGuard(&Config{Policy: p})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const shellFence = `{"default":"deny","allow":["ls","echo","bash -s","python3 -i","cat"]}`

// What is written to a shell is judged by whole commands, however it is cut.
func TestTyping(t *testing.T) {
	for _, tt := range []struct {
		policy, command string
		writes          []string
		passes          string // what the command gets, "!" for a refusal
	}{
		{shellFence, "bash -s", []string{"echo a\n", "echo b\n"}, "'echo' a\n\n'echo' b\n\n"},
		{shellFence, "bash -s", []string{"ec", "ho a", "\nrm"}, "!"},
		{shellFence, "bash -s", []string{"rm -rf x\n"}, "!"},
		{shellFence, "bash -s", []string{"r", "m", " x", "\n"}, "!"},
		{shellFence, "bash -s", []string{"for i in 1; do\n", "rm x\n", "done\n"}, "!"},
		{shellFence, "bash -s", []string{"for i in 1; do\n", "echo x\n", "done\n"}, "for i in 1\ndo 'echo' x\ndone\n\n"},
		{shellFence, "bash -s", []string{"cat <<E\n", "rm x\n", "E\n"}, "'cat' <<"},
		{shellFence, "bash -s", []string{"alias ls=rm\n"}, "!"},
		{shellFence, "bash -s", []string{"echo 'open\n"}, "!"},
		{shellFence, "python3 -i", []string{"import os\n"}, "!"},
		{shellFence, "cat", []string{"rm -rf /\n"}, "rm -rf /\n"},
		{`{"default":"deny","allow":["python3 -i"],"interactive":true}`, "python3 -i", []string{"import os\n"}, "import os\n"},
		{`{}`, "bash", []string{"echo a\n"}, "echo a\n"},
		{`{}`, "bash", []string{"rm -rf /\n"}, "!"},
		{`{}`, "bash", []string{"X=/\n", "rm -rf $X\n"}, "!"},
		{`{}`, "python3", []string{"print(1)\n"}, "print(1)\n"},
		{`{"intercept":"off"}`, "bash", []string{"rm -rf /\n"}, "rm -rf /\n"},
	} {
		g := guardFor(t, tt.policy)
		v, err := g.judge(tt.command)
		if err != nil {
			t.Fatalf("%s: %v", tt.command, err)
		}
		typing, passed := g.typing(v), ""
		for _, w := range append(tt.writes, "") {
			pass, d := typing.admit([]byte(w))
			if w == "" {
				pass, d = typing.end()
			}
			if d.Decision != "allow" {
				passed = "!"
				break
			}
			passed += string(pass)
		}
		if passed != tt.passes && !(strings.HasSuffix(tt.passes, "<<") && strings.HasPrefix(passed, tt.passes)) {
			t.Errorf("%s %s %q: passed %q, want %q", tt.policy, tt.command, tt.writes, passed, tt.passes)
		}
	}
}

// Input that comes with its command is part of what is judged.
func TestStdinIsJudged(t *testing.T) {
	p, err := LoadPolicy([]byte(shellFence))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := Open(context.Background(), "local", Config{Policy: p, Cwd: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Exec(context.Background(), "bash -s", ExecOptions{Stdin: []byte("echo in; ls")}); err != nil || r.Stdout != "in\nvictim\n" {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := s.Exec(context.Background(), "bash -s", ExecOptions{Stdin: []byte("rm victim\n")}); !errors.Is(err, ErrBlocked) {
		t.Errorf("%v", err)
	}
	free, err := Open(context.Background(), "local", Config{Cwd: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	if _, err := free.Exec(context.Background(), "bash", ExecOptions{Stdin: []byte("rm -rf /\n")}); !errors.Is(err, ErrBlocked) || !strings.Contains(err.Error(), "approv") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(victim); err != nil {
		t.Error(err)
	}
}
