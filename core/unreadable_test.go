package execkit_test

import (
	"context"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
)

// What the shell reads and the parser does not: it runs where nothing needs the parser, a person is asked where only the
// intercept is on, and it is refused where the policy refuses anything. None of them says that the shell cannot read it.
func TestUnreadable(t *testing.T) {
	const (
		valid   = "m() { echo $1; }; export() { m ran; }; export; unset -f export"
		invalid = "echo ok; fi"
	)
	for _, tt := range []struct {
		policy, command string
		code            errdefs.Code // "" where it runs
		says            string
	}{
		{`{"intercept":"off"}`, valid, "", "ran\n"},
		{`{"default":"allow"}`, valid, errdefs.ApprovalRequired, "execkit cannot read the command, although the shell can"},
		{`{"default":"allow"}`, "((echo a) | cat)", errdefs.ApprovalRequired, "a space between two opening parentheses"},
		{`{"default":"allow"}`, "declare -A m; m[a b]=1", errdefs.ApprovalRequired, "quote the subscript"},
		{`{"default":"allow"}`, "! ! true", errdefs.ApprovalRequired, "write one !"},
		{`{"default":"allow"}`, "cat <<E\nx", errdefs.ApprovalRequired, "alone on a line"},
		{`{"default":"allow"}`, invalid, errdefs.SyntaxError, "the command is not valid shell"},
		{`{"default":"allow"}`, "[[ a =~ a b ]]", errdefs.SyntaxError, "the command is not valid shell"},
		{`{"default":"allow"}`, "echo 'a", errdefs.SyntaxError, "(line 1, column 6)"},
		{`{"default":"allow","deny":["rm"]}`, valid, errdefs.Blocked, "although the shell can"},
		{`{"default":"allow","deny":["rm"]}`, invalid, errdefs.SyntaxError, "the command is not valid shell"},
		{`{"default":"deny","allow":["echo"],"enforce":"off"}`, valid, errdefs.Blocked, "give the function another name"},
		{`{"default":"deny","allow":["echo"],"enforce":"off"}`, invalid, errdefs.SyntaxError, "the command is not valid shell"},
		{`{"default":"ask","allow":["echo"]}`, valid, errdefs.ApprovalRequired, "although the shell can"},
	} {
		policy, err := execkit.LoadPolicy([]byte(tt.policy))
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, execkit.Config{Policy: policy})
		r, err := s.Exec(context.Background(), tt.command, execkit.ExecOptions{})
		if err == nil {
			if tt.code != "" || r.Stdout != tt.says {
				t.Errorf("%s: %q ran: %+v", tt.policy, tt.command, r)
			}
			continue
		}
		e := errdefs.From(err)
		if e.Code != tt.code || !strings.Contains(e.Message, tt.says) || e.Outcome != errdefs.NotRun || e.Hint == "" {
			t.Errorf("%s: %q: %s: %s (%s)", tt.policy, tt.command, e.Code, e.Message, e.Hint)
		}
		if e.Code == errdefs.SyntaxError && (e.Details["line"] != 1 || e.Details["column"] == nil) {
			t.Errorf("%q: %+v", tt.command, e.Details)
		}
	}
}

// A confined session does not have its commands read outside: the answer names nobody's fault.
func TestUnreadableInAConfinedSession(t *testing.T) {
	policy, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["echo"],"enforce":"require"}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := execkit.Open(context.Background(), "local", execkit.Config{Policy: policy, Cwd: t.TempDir()})
	if err != nil {
		t.Skip(err)
	}
	defer s.Close()
	_, err = s.Exec(context.Background(), "export() { echo; }", execkit.ExecOptions{})
	if e := errdefs.From(err); e.Code != errdefs.SyntaxError || !strings.HasPrefix(e.Message, "execkit cannot read the command as shell: ") {
		t.Fatalf("%v", err)
	}
}

// A person who read the command may let it run, and the shell runs the person's text.
func TestUnreadableIsApproved(t *testing.T) {
	var asked []execkit.ApprovalRequest
	s := open(t, execkit.Config{Approve: func(_ context.Context, r execkit.ApprovalRequest) (execkit.Approval, error) {
		asked = append(asked, r)
		return execkit.Approval{Approve: true, Who: "me"}, nil
	}})
	if r := exec(t, s, "((echo a) | cat)"); r.Stdout != "a\n" || r.Decision.ApprovedBy != "me" {
		t.Fatalf("%+v", r)
	}
	if len(asked) != 1 || !asked[0].Severe || !strings.Contains(asked[0].Decision.Reason, "cannot read") {
		t.Fatalf("%+v", asked)
	}
}
