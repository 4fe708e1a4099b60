// Package drive has what the tests of sessions in containers and in pods share: a session's everyday, and doors to a
// server that can be shut.
package drive

import (
	"context"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// Patience is how long a test waits for what must come to pass, on however busy a machine.
const Patience = time.Minute

// Do runs a command that must run.
func Do(t testing.TB, s *execkit.Session, command string) *execkit.Result {
	t.Helper()
	r, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return r
}

// Until waits for something.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to this: %s", what)
		}
	}
}

// Said waits until a running command has said a text, and adds what it says to said.
func Said(t testing.TB, r *execkit.Running, said *strings.Builder, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for !strings.Contains(said.String(), text) {
		events, done := r.Events(ctx, 0)
		for _, e := range events {
			said.WriteString(e.Data)
		}
		if (done || ctx.Err() != nil) && !strings.Contains(said.String(), text) {
			t.Fatalf("it never said %q: %q", text, said)
		}
	}
}

// Begin starts a command that prints the line "begun" first, and returns when it has.
func Begin(t testing.TB, s *execkit.Session, command string) *execkit.Running {
	t.Helper()
	r, err := s.Start(context.Background(), "echo begun; "+command, execkit.ExecOptions{Timeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	Said(t, r, new(strings.Builder), "begun\n")
	return r
}

// Everyday drives what an agent does with a session, holds that all of it works, and closes the session. seen says that the
// target has /proc, by which it is known that a command was stopped, and input is fed.
func Everyday(t testing.TB, s *execkit.Session, seen bool) {
	t.Helper()
	r := Do(t, s, "cd /; export EVERY=day; echo out; echo err >&2; (exit 7)")
	if r.Stdout != "out\n" || r.Stderr != "err\n" || *r.ExitCode != 7 || r.Cwd != "/" || r.EnvDelta == nil || r.EnvDelta.Set["EVERY"] != "day" {
		t.Errorf("%+v", r)
	}
	r, err := s.Exec(context.Background(), "read -r x; echo $x $EVERY", execkit.ExecOptions{Stdin: []byte("given\n")})
	if err != nil || seen && r.Stdout != "given day\n" || !seen && (*r.ExitCode != 125 || !strings.Contains(r.Stderr, "input cannot be fed")) {
		t.Errorf("%+v %v", r, err)
	}
	r, err = s.Exec(context.Background(), "sleep 907", execkit.ExecOptions{Timeout: 300 * time.Millisecond})
	if err != nil || !r.TimedOut || r.ShellExited || r.StopConfirmed == nil || *r.StopConfirmed != seen {
		t.Errorf("%+v %v", r, err)
	}
	if r := Do(t, s, "echo $EVERY; pwd"); r.Stdout != "day\n/\n" {
		t.Errorf("%+v", r)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
