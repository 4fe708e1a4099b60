package execkit

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/engine"
)

// hole runs a text in the session's shell as if the parser had let it through as something else.
func hole(t *testing.T, s *Session, text string) {
	t.Helper()
	s.shell.Run(context.Background(), engine.Command{Text: text, Timeout: 5 * time.Second, Stdout: io.Discard, Stderr: io.Discard})
}

// A shell that was changed behind the policy is replaced after the next command, which says so.
func TestDrift(t *testing.T) {
	for _, tt := range []struct{ text, left string }{
		{"ls() { echo evil; }", "a function ls"}, {"alias ls='echo evil'", "a changed alias"}, {"trap 'echo evil' EXIT", "a changed trap"}, {"hash -p /usr/bin/id ls", "a remembered path"},
		{"PATH=/tmp:$PATH", "the variable PATH"}, {"export LD_PRELOAD=/tmp/x.so", "the variable LD_PRELOAD"}, {"unset HOME", "the variable HOME"}, {"IFS=/", "the variable IFS"},
		{"set -k", "the option"}, {"shopt -s extglob", "the option extglob"}, {"declare -i n", "a variable that is evaluated"}, {"PROMPT_COMMAND='echo evil'", "the variable PROMPT_COMMAND"},
		{"builtin() { :; }; readonly -f builtin; ls() { echo evil; }", ""},
	} {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			p, err := DefaultDeny("ls", "echo", "export", "cd")
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(context.Background(), "local", Config{Policy: p, Cwd: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ctx := context.Background()
			if _, err := s.Exec(ctx, "export KEPT=1; cd /", ExecOptions{}); err != nil {
				t.Fatal(err)
			}
			hole(t, s, tt.text)
			before := s.shell
			r, err := s.Exec(ctx, "echo a", ExecOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Stdout != "a\n" || !strings.Contains(r.Hint, "left "+tt.left) || !strings.Contains(r.Hint, "fresh shell") {
				t.Errorf("%+v", r)
			}
			r, err = s.Exec(ctx, "ls >/dev/null; echo $KEPT", ExecOptions{})
			if err != nil || r.Stdout != "1\n" || r.Cwd != "/" || r.Hint != "" || s.shell == before {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
}

// What the policy lets through is no drift.
func TestNoDrift(t *testing.T) {
	p, err := LoadPolicy([]byte(`{"default":"deny","allow":["ls","echo","cat","set","export","cd","read","printf","getopts","seq"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), "local", Config{Policy: p})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pid := s.shell.PID()
	for _, command := range []string{
		"set -euo pipefail", "set +eu", "greet() { echo hi; }; greet", "FOO=bar; export FOO", "cd /tmp", "for i in 1 2; do echo $i; done", "x=1; ((x=x+1)); echo $x",
		"echo $RANDOM", "read -r a <<<b", "ls | cat", "set -x; ls >/dev/null; set +x", "printf -v y z", "set -f; set +f; set -C",
	} {
		r, err := s.Exec(context.Background(), command, ExecOptions{})
		if err != nil {
			t.Errorf("%s: %v", command, err)
		} else if strings.Contains(r.Hint, "fresh") || s.shell.PID() != pid {
			t.Errorf("%s: %q", command, r.Hint)
		}
	}
}

// What a person approved is the state to keep.
func TestApprovedChangeStays(t *testing.T) {
	p, err := LoadPolicy([]byte(`{"default":"ask","allow":["echo"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), "local", Config{Policy: p, Approve: func(context.Context, ApprovalRequest) (Approval, error) { return Approval{Approve: true}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pid := s.shell.PID()
	for _, command := range []string{"hash -p /usr/bin/id ls", "echo a", "/usr/bin/true; echo b"} {
		r, err := s.Exec(context.Background(), command, ExecOptions{})
		if err != nil {
			t.Logf("%s: %v", command, err)
			continue
		}
		if strings.Contains(r.Hint, "fresh") || s.shell.PID() != pid {
			t.Errorf("%s: %q", command, r.Hint)
		}
	}
}

// Programs are started under their own names, from the paths that were pinned.
func TestNamesInMessages(t *testing.T) {
	dir := t.TempDir()
	p, err := DefaultDeny("ls", "cat", "set")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), "local", Config{Policy: p, Cwd: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pid := s.shell.PID()
	for _, tt := range []struct{ command, stderr string }{
		{"ls nowhere", "ls: cannot access 'nowhere': No such file or directory\n"},
		{"set -x; cat nowhere", "+++ cat nowhere\ncat: nowhere: No such file or directory\n"},
		{"ls nowhere 2>/dev/null || cat nowhere", "+++ ls nowhere\n+++ cat nowhere\ncat: nowhere: No such file or directory\n"},
	} {
		r, err := s.Exec(context.Background(), tt.command, ExecOptions{})
		if err != nil || r.Stderr != tt.stderr || strings.Contains(r.Hint, "fresh") {
			t.Errorf("%s: %+v %v", tt.command, r, err)
		}
	}
	if s.shell.PID() != pid {
		t.Error("the shell was replaced")
	}
	hole(t, s, "hash -p /usr/bin/id ls")
	if r, err := s.Exec(context.Background(), "cat /dev/null", ExecOptions{}); err != nil || !strings.Contains(r.Hint, "remembered path") {
		t.Errorf("%+v %v", r, err)
	}
}
