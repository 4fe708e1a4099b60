package execkit_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

func fenced(t *testing.T, allow ...string) *execkit.Session {
	t.Helper()
	p, err := execkit.DefaultDeny(allow...)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, execkit.Config{Policy: p})
}

func TestFence(t *testing.T) {
	s := fenced(t, "ls", "cat", "echo", "systemctl status", "docker ps", "cd", "pwd")
	dir := strings.TrimSpace(exec(t, s, "pwd").Stdout)
	if err := os.WriteFile(filepath.Join(dir, "victim"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		"rm -rf victim", "echo a; rm victim", "echo $(rm victim)", "cat <(rm victim)", "echo a > victim", "ls\nrm victim", "eval 'rm victim'",
		"PATH=. ls", "alias ls='rm victim'; ls", "ls() { rm victim; }; ls", "trap 'rm victim' EXIT", ". ./victim", "./ls", "systemctl stop x", "echo 'a",
	} {
		r, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
		if err == nil {
			t.Errorf("%q ran: %+v", command, r)
		}
	}
	evil := "/tmp/evil.so"
	if _, err := s.Exec(context.Background(), "ls", execkit.ExecOptions{Env: map[string]*string{"LD_PRELOAD": &evil}}); !errors.Is(err, execkit.ErrBlocked) {
		t.Errorf("LD_PRELOAD is let through: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "victim")); err != nil || string(text) != "old" {
		t.Fatalf("%q %v", text, err)
	}
	// A fence that blocks ordinary work gets switched off.
	r := exec(t, s, "for f in vic*; do echo \"file $f\"; cat \"$f\"; done 2>/dev/null | cat && ls -l >/dev/null")
	if r.Stdout != "file victim\nold" || r.Decision.Decision != "allow" {
		t.Errorf("%+v", r)
	}
}

func TestBlockedSaysWhy(t *testing.T) {
	s := fenced(t, "ls")
	_, err := s.Exec(context.Background(), "ls; rm -rf /var/lib", execkit.ExecOptions{})
	var e *execkit.Error
	if !errors.As(err, &e) || !errors.Is(err, execkit.ErrBlocked) || e.Outcome != "not_run" || e.Details["source"] != "policy" {
		t.Fatalf("%+v", err)
	}
	if span := e.Details["span"].(*wire.Span); span.Start != 4 || span.End != 19 {
		t.Errorf("%+v", span)
	}
}

func TestApproval(t *testing.T) {
	var asked []execkit.ApprovalRequest
	answer := false
	s := open(t, execkit.Config{Approve: func(_ context.Context, r execkit.ApprovalRequest) (execkit.Approval, error) {
		asked = append(asked, r)
		return execkit.Approval{Approve: answer}, nil
	}})
	exec(t, s, "mkdir d")
	if _, err := s.Exec(context.Background(), "rm -rf d", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrBlocked) {
		t.Fatal(err)
	}
	answer = true
	r := exec(t, s, "rm -rf d; ls")
	if r.Stdout != "" || r.Decision.ApprovedBy == "" || len(asked) != 2 || asked[1].Command != "rm -rf d; ls" {
		t.Fatalf("%+v %+v", r, asked)
	}
	// Nobody to ask is a no.
	s = open(t, execkit.Config{})
	var e *execkit.Error
	if _, err := s.Exec(context.Background(), "rm -rf /var/lib", execkit.ExecOptions{}); !errors.As(err, &e) || e.Code != "approval_required" || !errors.Is(err, execkit.ErrBlocked) {
		t.Fatal(err)
	}
}

// What cannot be understood is a person's to judge where nothing is denied, and denied where something is.
func TestNotUnderstood(t *testing.T) {
	for object, want := range map[string]string{`{}`: "approval_required", `{"deny":["rm"]}`: "blocked", `{"intercept":"off"}`: ""} {
		p, err := execkit.LoadPolicy([]byte(object))
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, execkit.Config{Policy: p})
		_, err = s.Exec(context.Background(), "echo a \\", execkit.ExecOptions{})
		var e *execkit.Error
		if code := ""; errors.As(err, &e) {
			if code = string(e.Code); code != want {
				t.Errorf("%s: %s, want %s", object, code, want)
			}
		} else if want != "" {
			t.Errorf("%s: it ran", object)
		}
	}
}

func TestSecretsStayHidden(t *testing.T) {
	const secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYzzTESTKEY001"
	value := secret
	s := open(t, execkit.Config{BaseEnv: []string{"PATH=/usr/bin:/bin"}, Env: map[string]*string{"AWS_SECRET_ACCESS_KEY": &value}})
	r := exec(t, s, "env | grep AWS")
	if r.Stdout != "AWS_SECRET_ACCESS_KEY=[REDACTED]\n" || len(r.Redactions) == 0 {
		t.Fatalf("%+v", r)
	}
	for _, command := range []string{
		"echo $AWS_SECRET_ACCESS_KEY", "echo $AWS_SECRET_ACCESS_KEY >&2", "echo x" + secret + "y", "export COPY=$AWS_SECRET_ACCESS_KEY",
		`printf '%s\033[1m%s' "${AWS_SECRET_ACCESS_KEY:0:9}" "${AWS_SECRET_ACCESS_KEY:9}"`, `printf %s "$AWS_SECRET_ACCESS_KEY" | base64 -w0`,
		"mkdir -p $AWS_SECRET_ACCESS_KEY && cd $AWS_SECRET_ACCESS_KEY", "set -x; : $AWS_SECRET_ACCESS_KEY", `printf 'a\377%s' $AWS_SECRET_ACCESS_KEY`,
	} {
		r := exec(t, s, command)
		text, err := wire.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		raw := string(text) + decoded(r)
		for _, form := range []string{secret, "d0phbHJYVXRuRkVNSUs3TURFTkdiUHhSZmlDWXp6VEVTVEtFWTAwMQ"} {
			if strings.Contains(raw, form) {
				t.Errorf("%s: %s", command, raw)
			}
		}
	}
	off := execkit.RedactOptions{Disabled: true}
	s = open(t, execkit.Config{Env: map[string]*string{"AWS_SECRET_ACCESS_KEY": &value}, Redact: &off})
	if r := exec(t, s, "echo $AWS_SECRET_ACCESS_KEY"); r.Stdout != secret+"\n" {
		t.Errorf("%+v", r)
	}
}

// decoded is the output that a result carries as base64.
func decoded(r *execkit.Result) string {
	if r.Encoding != "base64" {
		return ""
	}
	out, _ := base64.StdEncoding.DecodeString(r.Stdout)
	err, _ := base64.StdEncoding.DecodeString(r.Stderr)
	return string(out) + string(err)
}
