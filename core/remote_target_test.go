package execkit_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// far opens a session over a transport that a test has in its hands.
func far(t *testing.T, c execkit.Config) (*execkit.Session, *transporttest.Local) {
	t.Helper()
	l := &transporttest.Local{Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LOGIN=its own"}}
	s, err := openOver(l, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, l
}

func openFar(t *testing.T, c execkit.Config) (*execkit.Session, error) {
	l := &transporttest.Local{Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}}
	return openOver(l, c)
}

func openOver(l *transporttest.Local, c execkit.Config) (*execkit.Session, error) {
	c.Transports = transport.Registry{"test": func(_ context.Context, rest string, o transport.Options) (transport.Transport, error) {
		if rest != "there" {
			return nil, errdefs.New(errdefs.TargetNotFound, "no %s", rest)
		}
		return l, nil
	}}
	return execkit.Open(context.Background(), "test://there", c)
}

func do(t *testing.T, s *execkit.Session, command string) *execkit.Result {
	t.Helper()
	r, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return r
}

func TestRemoteSession(t *testing.T) {
	value := "b c"
	s, _ := far(t, execkit.Config{Env: map[string]*string{"A": &value, "LANG": nil}, Cwd: "/"})
	r := do(t, s, "echo $A $PAGER $LOGIN; pwd; export W=1")
	if r.Stdout != "b c cat its own\n/\n" || r.EnvDelta == nil || !maps.Equal(r.EnvDelta.Set, map[string]string{"W": "1"}) || r.Cwd != "/" {
		t.Fatalf("%+v", r)
	}
	info := s.Info()
	if info.Transport != "test" || info.Target != "here" || info.PID == 0 || !strings.HasSuffix(info.Shell, "/bash") {
		t.Fatalf("%+v", info)
	}
	if r := do(t, s, "exit 3"); !r.ShellExited || *r.ExitCode != 3 {
		t.Fatalf("%+v", r)
	}
	if r := do(t, s, "echo $W $A; pwd"); r.Stdout != "1 b c\n/\n" || r.Reconnected {
		t.Fatalf("%+v", r)
	}
	if _, err := s.Exec(context.Background(), "pwd", execkit.ExecOptions{Cwd: "/nonexistent"}); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Fatalf("%v", err)
	}
	if r, err := s.Exec(context.Background(), "pwd; cat", execkit.ExecOptions{Cwd: "/usr", Stdin: []byte("in")}); err != nil || r.Stdout != "/usr\nin" || r.Cwd != "/" {
		t.Fatalf("%+v %v", r, err)
	}
	r, err := s.Exec(context.Background(), "sleep 60", execkit.ExecOptions{Timeout: 200 * time.Millisecond})
	if err != nil || !r.TimedOut || r.StopConfirmed == nil || !*r.StopConfirmed || r.ShellExited {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestRemoteReconnect(t *testing.T) {
	s, l := far(t, execkit.Config{Cwd: "/usr"})
	do(t, s, "export W=1; cd lib")
	running, err := s.Start(context.Background(), "echo begun; sleep 60", execkit.ExecOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		events, _ := running.Events(context.Background(), 0)
		if len(events) > 0 && events[len(events)-1].Type == "stdout" {
			break
		}
	}
	l.Cut()
	_, err = running.Wait(context.Background())
	var e *errdefs.Error
	if !errors.As(err, &e) || e.Code != errdefs.ConnectionLost || e.Outcome != errdefs.Unknown || e.Session != errdefs.Usable || e.Details["result"].(*execkit.Result).Stdout != "begun\n" {
		t.Fatalf("%+v", err)
	}
	if r := do(t, s, "echo $W; pwd"); r.Stdout != "1\n/usr/lib\n" || !r.Reconnected || r.Hint == "" {
		t.Fatalf("%+v", r)
	}
	// Between commands nothing is lost but the shell.
	l.Cut()
	waitUntil(t, func() bool { return do(t, s, "echo $W").Reconnected })
	if r := do(t, s, "echo $W"); r.Stdout != "1\n" || r.Reconnected {
		t.Fatalf("%+v", r)
	}
}

func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
	}
}

func TestRemoteWithoutReconnect(t *testing.T) {
	no := false
	s, l := far(t, execkit.Config{Reconnect: &no})
	l.Cut()
	waitUntil(t, func() bool {
		_, err := s.Exec(context.Background(), "true", execkit.ExecOptions{})
		return errors.Is(err, execkit.ErrConnectionLost)
	})
}

func TestRemoteFence(t *testing.T) {
	p, err := execkit.LoadPolicy(json.RawMessage(`{"default":"deny","allow":["echo","uname","cat"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := far(t, execkit.Config{Policy: p})
	if r := do(t, s, "uname && echo on"); !strings.HasSuffix(r.Stdout, "on\n") || *r.ExitCode != 0 {
		t.Fatalf("%+v", r)
	}
	if _, err := s.Exec(context.Background(), "id", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrBlocked) {
		t.Fatalf("%v", err)
	}
	if e := s.Info().Enforcement; e["kernel"] != false || e["fence"] != true || e["reason"] == nil {
		t.Fatalf("%v", e)
	}
}

func TestTargets(t *testing.T) {
	for target, want := range map[string]struct {
		code errdefs.Code
		says string
	}{
		"ssh://host":                {errdefs.Unsupported, "Transports"},
		"nope://x":                  {errdefs.Unsupported, "local"},
		"ssh://u:hunter2@host":      {errdefs.InvalidArgument, "ssh.password"},
		"ssh://u:hunter2@x@host/":   {errdefs.InvalidArgument, "ssh.password"},
		"docker://a:hunter2@host/x": {errdefs.InvalidArgument, "password"},
	} {
		_, err := execkit.Open(context.Background(), target, execkit.Config{})
		e := errdefs.From(err)
		if e.Code != want.code || !strings.Contains(e.Message+e.Hint, want.says) || strings.Contains(e.Message+e.Hint, "hunter2") {
			t.Errorf("%s: %+v", target, e)
		}
	}
}

// Open input works on a target as it does here: judged, recorded, closed, and refused when it is too late.
func TestRemoteOpenInput(t *testing.T) {
	s, _ := far(t, execkit.Config{Policy: trusting(t)})
	ctx := context.Background()
	f := startLive(t, s, "read a; echo got $a; cat", execkit.ExecOptions{StdinOpen: true, Timeout: patience})
	write := func(text string, o execkit.WriteOptions) error { return f.r.Write(ctx, []byte(text), o) }
	if err := write("one\n", execkit.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f.shows("stdout", "got one")
	if err := write("hunter22x\n", execkit.WriteOptions{Secret: true}); err != nil {
		t.Fatal(err)
	}
	if err := write("x", execkit.WriteOptions{To: "tty"}); !errors.Is(err, execkit.ErrStdinNotAttached) {
		t.Errorf("a terminal that is not there: %v", err)
	}
	if err := f.r.CloseStdin(ctx); err != nil {
		t.Fatal(err)
	}
	r := f.end()
	if strings.Contains(r.Stdout, "hunter22x") || !strings.HasPrefix(r.Stdout, "got one\n") || *r.ExitCode != 0 {
		t.Errorf("%+v", r)
	}
	if err := write("late\n", execkit.WriteOptions{}); !errors.Is(err, execkit.ErrStdinNotAttached) {
		t.Errorf("written to a command that has ended: %v", err)
	}
	if r := do(t, s, "cat; echo next"); r.Stdout != "next\n" {
		t.Errorf("the next command read what was another's: %+v", r)
	}
}

// What is written to a shell on a target is judged as it is here.
func TestRemoteInputIsJudged(t *testing.T) {
	p, err := execkit.LoadPolicy(json.RawMessage(`{"default":"allow","deny":["touch"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := far(t, execkit.Config{Policy: p})
	f := startLive(t, s, "sh", execkit.ExecOptions{StdinOpen: true, Timeout: patience})
	if err := f.r.Write(context.Background(), []byte("touch ran\n"), execkit.WriteOptions{}); !errors.Is(err, execkit.ErrBlocked) {
		t.Errorf("%v", err)
	}
	if err := f.r.CloseStdin(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.end()
	if r := do(t, s, "ls"); strings.Contains(r.Stdout, "ran") {
		t.Errorf("%+v", r)
	}
}

// A signal reaches what runs and nothing else, and the session goes on.
func TestRemoteSignal(t *testing.T) {
	s, _ := far(t, execkit.Config{Policy: trusting(t)})
	do(t, s, "sleep 300 >/dev/null 2>&1 &")
	f := startLive(t, s, "trap 'echo caught' USR1; sh -c 'trap \"echo told; exit 4\" USR1; echo ready; while :; do sleep 0.1; done'", execkit.ExecOptions{Timeout: patience})
	f.shows("stdout", "ready")
	if n, err := f.r.Signal("SIGUSR1"); err != nil || n < 1 {
		t.Errorf("%d processes, %v", n, err)
	}
	if r := f.end(); *r.ExitCode != 4 || !strings.Contains(r.Stdout, "told") || strings.Contains(r.Stdout, "caught") {
		t.Errorf("%+v", r)
	}
	f = startLive(t, s, "echo ready; while :; do :; done", execkit.ExecOptions{Timeout: patience})
	f.shows("stdout", "ready")
	if n, err := s.Interrupt(""); err != nil || n != 1 {
		t.Errorf("%d processes, %v", n, err)
	}
	if r := f.end(); *r.ExitCode != 130 || r.ShellExited {
		t.Errorf("%+v", r)
	}
	if n, err := s.Interrupt(""); err != nil || n != 0 {
		t.Errorf("with nothing running: %d processes, %v", n, err)
	}
	if r := do(t, s, "jobs -p | xargs kill -0 && echo alive"); r.Stdout != "alive\n" {
		t.Errorf("an earlier job was hit: %+v", r)
	}
}

// A terminal on a target is a program of its own, with the session's directory and environment; what is told of it is
// what is told here.
func TestRemoteTerminal(t *testing.T) {
	s, _ := far(t, execkit.Config{Policy: trusting(t)})
	ctx := context.Background()
	do(t, s, "cd /usr; export W=kept; f() { :; }")
	f := startLive(t, s, "stty size; pwd; echo $W $TERM; read -r a; stty size; cat; cd /; export W=lost", execkit.ExecOptions{TTY: &execkit.TTY{Rows: 12, Cols: 50}, Timeout: patience})
	f.shows("tty", "kept xterm-256color")
	if err := f.r.Resize(execkit.TTY{Rows: 10000, Cols: 10000}); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if err := f.r.Resize(execkit.TTY{Rows: 20, Cols: 60}); err != nil {
		t.Fatal(err)
	}
	if err := f.r.Keys(ctx, "a", "enter"); err != nil {
		t.Fatal(err)
	}
	f.shows("tty", "20 60")
	f.write("hunter22x\n", execkit.WriteOptions{Secret: true})
	f.write("plain\n", execkit.WriteOptions{})
	f.until("the echo and the answer", func() bool { return strings.Count(f.text["tty"], "plain") == 2 })
	m, err := f.r.Screen()
	if err != nil || m.Rows != 20 || m.Cols != 60 || !strings.Contains(strings.Join(m.Lines(), "\n"), "plain\nplain") || strings.Contains(strings.Join(m.Lines(), "\n"), "hunter22x") {
		t.Errorf("%v %v", m, err)
	}
	if err := f.r.CloseStdin(ctx); err != nil {
		t.Fatal(err)
	}
	r := f.end()
	if !strings.HasPrefix(r.Stdout, "12 50\n/usr\nkept xterm-256color\n") || strings.Contains(r.Stdout+f.text["tty"], "hunter22x") || *r.ExitCode != 0 || r.Cwd != "/usr" || r.EnvDelta != nil && len(r.EnvDelta.Set) > 0 {
		t.Errorf("%+v", r)
	}
	if err := f.r.Write(ctx, []byte("x"), execkit.WriteOptions{}); !errors.Is(err, execkit.ErrStdinNotAttached) {
		t.Errorf("%v", err)
	}
	if err := f.r.Resize(execkit.TTY{}); !errors.Is(err, execkit.ErrStdinNotAttached) {
		t.Errorf("%v", err)
	}
	if r := do(t, s, "f && echo $W; pwd"); r.Stdout != "kept\n/usr\n" {
		t.Errorf("%+v", r)
	}
}

// A function of the session is nothing to a command on a terminal, and one of a terminal nothing to the session; the
// policy knows both.
func TestRemoteTerminalIsJudgedApart(t *testing.T) {
	p, err := execkit.LoadPolicy(json.RawMessage(`{"default":"deny","allow":["echo","ls"],"interactive":true}`))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := far(t, execkit.Config{Policy: p})
	start := func(command string) error {
		r, err := s.Start(context.Background(), command, execkit.ExecOptions{TTY: &execkit.TTY{}, Timeout: patience})
		if err == nil {
			_, err = r.Wait(context.Background())
		}
		return err
	}
	earlier := "an earlier command defined"
	do(t, s, "greet() { echo hi; }")
	if _, err := s.Exec(context.Background(), "greet", execkit.ExecOptions{}); err == nil || !strings.Contains(err.Error(), earlier) {
		t.Errorf("%v", err)
	}
	if err := start("greet"); !errors.Is(err, execkit.ErrBlocked) || strings.Contains(err.Error(), earlier) {
		t.Errorf("a function of the session: %v", err)
	}
	if err := start("part() { echo hi; }"); err != nil {
		t.Errorf("%v", err)
	}
	if _, err := s.Exec(context.Background(), "part", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrBlocked) || strings.Contains(err.Error(), earlier) {
		t.Errorf("a function of a terminal: %v", err)
	}
	fence, err := execkit.LoadPolicy(json.RawMessage(`{"default":"deny","allow":["echo"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, _ = far(t, execkit.Config{Policy: fence})
	if err := start("echo a"); !errors.Is(err, execkit.ErrBlocked) {
		t.Errorf("a fence lets a terminal through: %v", err)
	}
}

// A REPL and an editor on a target.
func TestRemotePrograms(t *testing.T) {
	s, _ := far(t, execkit.Config{Policy: trusting(t)})
	f := startLive(t, s, "python3 -q", execkit.ExecOptions{TTY: &execkit.TTY{}, Timeout: patience})
	f.shows("tty", ">>>")
	f.write("print(6*7)\n", execkit.WriteOptions{})
	f.shows("tty", "\n42")
	f.write("exit(3)\n", execkit.WriteOptions{})
	if r := f.end(); *r.ExitCode != 3 {
		t.Errorf("%+v", r)
	}
	f = startLive(t, s, "busybox vi f", execkit.ExecOptions{TTY: &execkit.TTY{}, Timeout: patience})
	f.until("an empty screen", func() bool { m, err := f.r.Screen(); return err == nil && strings.HasPrefix(m.Lines()[1], "~") })
	f.write("iword", execkit.WriteOptions{})
	f.until("the word", func() bool { m, err := f.r.Screen(); return err == nil && strings.HasPrefix(m.Lines()[0], "word") })
	if err := f.r.Keys(context.Background(), "escape"); err != nil {
		t.Fatal(err)
	}
	// An escape that a colon follows at once would be another key.
	f.until("the end of typing", func() bool { m, err := f.r.Screen(); return err == nil && strings.HasPrefix(m.Lines()[23], "- f") })
	f.write(":wq\n", execkit.WriteOptions{})
	if r := f.end(); *r.ExitCode != 0 {
		t.Errorf("%+v", r)
	}
	if r := do(t, s, "cat f"); r.Stdout != "word\n" {
		t.Errorf("%+v", r)
	}
}

// Whoever approves a command reads on which machine it would run.
func TestApprovalNamesTheTarget(t *testing.T) {
	var asked execkit.ApprovalRequest
	refuse := func(_ context.Context, r execkit.ApprovalRequest) (execkit.Approval, error) {
		asked = r
		return execkit.Approval{}, nil
	}
	s, _ := far(t, execkit.Config{Approve: refuse})
	if _, err := s.Exec(context.Background(), "rm -rf /nonexistent/*", execkit.ExecOptions{}); err == nil || asked.Target != "test://here" {
		t.Fatal(asked.Target, err)
	}
}
