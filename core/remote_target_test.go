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
	c.Transports = transport.Registry{"test": func(_ context.Context, rest string, o transport.Options) (transport.Transport, error) {
		if rest != "there" {
			return nil, errdefs.New(errdefs.TargetNotFound, "no %s", rest)
		}
		return l, nil
	}}
	s, err := execkit.Open(context.Background(), "test://there", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, l
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

// What a target cannot do is refused by name, and nothing runs.
func TestRemoteInput(t *testing.T) {
	s, _ := far(t, execkit.Config{})
	for field, o := range map[string]execkit.ExecOptions{"stdin": {StdinOpen: true}, "tty": {TTY: &execkit.TTY{}}} {
		_, err := s.Start(context.Background(), "touch ran", o)
		if !errors.Is(err, execkit.ErrUnsupported) || errdefs.From(err).Details["field"] != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if r := do(t, s, "ls"); strings.Contains(r.Stdout, "ran") {
		t.Errorf("%+v", r)
	}
}
