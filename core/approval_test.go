package execkit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// victim is a session with a directory d that only an approved command may remove.
func victim(t *testing.T, c execkit.Config) (s *execkit.Session, there func() bool) {
	t.Helper()
	s = open(t, c)
	exec(t, s, "mkdir d")
	dir := s.Info().Cwd
	return s, func() bool {
		_, err := os.Stat(filepath.Join(dir, "d"))
		return err == nil
	}
}

func says(a execkit.Approval) execkit.Approver {
	return func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) { return a, nil }
}

func blockedBy(t *testing.T, err error) string {
	t.Helper()
	var e *execkit.Error
	if !errors.As(err, &e) || !errors.Is(err, execkit.ErrBlocked) || e.Outcome != "not_run" {
		t.Errorf("%v", err)
		return ""
	}
	source, _ := e.Details["source"].(string)
	return source
}

// Whatever goes wrong with the person blocks the command, and the session goes on.
func TestApproverFails(t *testing.T) {
	for name, approve := range map[string]execkit.Approver{
		"nobody":                                 nil,
		"no":                                     says(execkit.Approval{}),
		"no, with an edit that would be allowed": says(execkit.Approval{Command: "rm -rf d"}),
		"error": func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
			return execkit.Approval{Approve: true}, errors.New("the line is dead")
		},
		"panic": func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) { panic("oops") },
		"hang": func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
			select {}
		},
		"too late": func(ctx context.Context, _ execkit.ApprovalRequest) (execkit.Approval, error) {
			<-ctx.Done()
			return execkit.Approval{Approve: true}, nil
		},
		"an edit that is not a command": says(execkit.Approval{Approve: true, Command: "rm -rf d\x00"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, there := victim(t, execkit.Config{Approve: approve, ApprovalTimeout: 100 * time.Millisecond})
			_, err := s.Exec(context.Background(), "rm -rf d", execkit.ExecOptions{})
			if source := blockedBy(t, err); source != "approver" {
				t.Errorf("%q: %v", source, err)
			}
			if !there() || exec(t, s, "echo on").Stdout != "on\n" {
				t.Error("it ran, or the session is lost")
			}
		})
	}
}

func TestEditIsJudgedAgain(t *testing.T) {
	policy, err := execkit.LoadPolicy([]byte(`{"deny":["curl"]}`))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	edits := map[string]string{}
	s, there := victim(t, execkit.Config{Policy: policy, Approve: func(_ context.Context, r execkit.ApprovalRequest) (execkit.Approval, error) {
		asked = append(asked, r.Text)
		return execkit.Approval{Approve: true, Command: edits[r.Text], Who: "ann"}, nil
	}})
	ask := func(command string) (*execkit.Result, error) {
		asked = nil
		return s.Exec(context.Background(), command, execkit.ExecOptions{})
	}
	edits["rm -rf d"] = "curl example.org | sh"
	if _, err := ask("rm -rf d"); blockedBy(t, err) != "policy" || len(asked) != 1 {
		t.Errorf("%v %q", err, asked)
	}
	// An edit that is harmless runs, and the result tells of it.
	edits["rm -rf d"] = "echo kept"
	if r, err := ask("rm -rf d"); err != nil || r.Stdout != "kept\n" || r.Command != "echo kept" || r.Decision.ApprovedBy != "ann" {
		t.Errorf("%+v %v", r, err)
	}
	// One that is worse is a question of its own.
	edits["rm -rf d"], edits["rm -rf e"] = "rm -rf /nonexistent/x", "rm -rf e"
	if r, err := ask("rm -rf d"); err != nil || len(asked) != 2 || asked[1] != "rm -rf /nonexistent/x" || r.Command != asked[1] {
		t.Errorf("%+v %v %q", r, err, asked)
	}
	// An approver that goes round in circles is no approval.
	edits["rm -rf d"], edits["rm -rf e"] = "rm -rf e", "rm -rf d"
	if _, err := ask("rm -rf d"); blockedBy(t, err) != "approver" || len(asked) != 5 || !there() {
		t.Errorf("%v %q", err, asked)
	}
}

func TestApprovalShowsEverything(t *testing.T) {
	var got execkit.ApprovalRequest
	s, _ := victim(t, execkit.Config{Approve: says(execkit.Approval{})})
	value := "v\u202e"
	o := execkit.ExecOptions{Cwd: "d", Env: map[string]*string{"A": &value, "B": nil}, Stdin: []byte("in\x1b"),
		Approve: func(_ context.Context, r execkit.ApprovalRequest) (execkit.Approval, error) {
			got = r
			return execkit.Approval{Approve: true}, nil
		}}
	if _, err := s.Exec(context.Background(), "rm -rf 'x\u202e'; cat", o); err != nil {
		t.Fatal(err)
	}
	if got.Command != `rm -rf 'x\u{202e}'; cat` || !strings.HasSuffix(got.Cwd, "/d") || len(got.Env) != 2 || got.Env[0] != `A=v\u{202e}` || got.Env[1] != "B" ||
		got.Stdin != `in\u{1b}` || len(got.Commands) != 0 || got.SessionID != s.ID() || len(got.Digest) != 64 || got.Decision.Reason == "" {
		t.Errorf("%+v", got)
	}
	// What could be understood is told command by command.
	if _, err := s.Exec(context.Background(), "rm -rf x; cat", o); err != nil || len(got.Commands) != 2 || got.Commands[0] != "rm -rf x" {
		t.Errorf("%v %+v", err, got)
	}
}

// An answer holds for the command, the directory and the session it was given for, once; remembered, for so long.
func TestRemember(t *testing.T) {
	asked := 0
	answer := execkit.Approval{Approve: true, Who: "ann"}
	config := execkit.Config{Approve: func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
		asked++
		return answer, nil
	}}
	s, _ := victim(t, config)
	for range 2 {
		exec(t, s, "rm -rf x")
	}
	if asked != 2 {
		t.Errorf("an answer was used twice: %d", asked)
	}
	answer.Remember = 3 * time.Second
	exec(t, s, "rm -rf x")
	if r := exec(t, s, "rm -rf x"); asked != 3 || r.Decision.ApprovedBy != "ann (remembered)" {
		t.Errorf("%d %+v", asked, r.Decision)
	}
	answer.Remember = 0
	exec(t, s, "rm -rf y")
	value := "1"
	for _, o := range []execkit.ExecOptions{{Cwd: "d"}, {Stdin: []byte{}}, {Env: map[string]*string{"A": &value}}} {
		if _, err := s.Exec(context.Background(), "rm -rf x", o); err != nil {
			t.Error(err)
		}
	}
	other, _ := victim(t, config)
	exec(t, other, "rm -rf x")
	if asked != 8 {
		t.Errorf("an answer held for something else: %d", asked)
	}
	for deadline := time.Now().Add(30 * time.Second); asked == 8; time.Sleep(50 * time.Millisecond) {
		if exec(t, s, "rm -rf x"); time.Now().After(deadline) {
			t.Fatal("an answer did not expire")
		}
	}
}

// What moves the shell while the person reads must not move the command.
func TestApprovalHoldsForTheDirectory(t *testing.T) {
	s := open(t, execkit.Config{})
	dir := s.Info().Cwd
	exec(t, s, "mkdir gone; cd gone")
	pid := exec(t, s, "echo $$").Stdout
	helper := open(t, execkit.Config{Policy: trusting(t)})
	_, err := s.Exec(context.Background(), "rm -rf *", execkit.ExecOptions{Approve: func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
		exec(t, helper, "rmdir "+dir+"/gone; echo keep >"+dir+"/file; kill -9 "+strings.TrimSpace(pid)+"; sleep 0.3")
		return execkit.Approval{Approve: true}, nil
	}})
	if source := blockedBy(t, err); source != "approver" {
		t.Errorf("%q %v", source, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "file")); err != nil {
		t.Error(err)
	}
}

func TestApprovalEndsWithTheCaller(t *testing.T) {
	hang := func(ctx context.Context, _ execkit.ApprovalRequest) (execkit.Approval, error) { select {} }
	s, there := victim(t, execkit.Config{Approve: hang})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var e *execkit.Error
	if _, err := s.Exec(ctx, "rm -rf d", execkit.ExecOptions{}); !errors.As(err, &e) || e.Code != "cancelled" || e.Outcome != "not_run" {
		t.Error(err)
	}
	r, err := s.Start(context.Background(), "rm -rf d", execkit.ExecOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrSessionBusy) {
		t.Error(err)
	}
	s.Close()
	if _, err := r.Wait(context.Background()); !errors.Is(err, execkit.ErrSessionClosed) || !there() {
		t.Error(err)
	}
}

// A decision says why in words that quote the command, and those hide what the rest of the result hides, a secret that is
// too long to be quoted too.
func TestDecisionsHideSecrets(t *testing.T) {
	p, err := execkit.LoadPolicy([]byte(`{"default":"ask","intercept":"off"}`))
	if err != nil {
		t.Fatal(err)
	}
	yes := func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
		return execkit.Approval{Approve: true}, nil
	}
	long := "begin-of-it-" + strings.Repeat("0123456789", 9)
	for _, secret := range []string{"quite-a-secret-7", `with "quotes" and \ 7`, long} {
		s := open(t, execkit.Config{Policy: p, Approve: yes, Redact: &execkit.RedactOptions{Values: []string{secret}}})
		r, err := s.Exec(context.Background(), "echo '"+secret+"'", execkit.ExecOptions{})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r)
		if err != nil || r.Decision.Decision != "ask" || len(r.Decision.Rules) == 0 || !strings.Contains(r.Decision.Rules[0].Reason, "echo") {
			t.Fatalf("%s %v", text, err)
		}
		for _, hidden := range []string{secret, "quotes", "begin-of-it"} {
			if strings.Contains(string(text), hidden) {
				t.Errorf("%q is in %s", hidden, text)
			}
		}
		if shown := fmt.Sprintf("%v %+v %#v", s, s, s); shown != strings.Repeat(" execkit session "+s.ID(), 3)[1:] {
			t.Errorf("a session is shown as %q", shown)
		}
	}
}
