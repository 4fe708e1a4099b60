package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/all"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
	"github.com/execkit/execkit/core/wire"
)

// patience bounds every wait; it never decides a result.
const patience = 3 * time.Minute

// configFor opens sessions on a test server as root, and reads nothing of this machine's user.
func configFor(s *sshtest.Server) execkit.Config {
	no := false
	return execkit.Config{Transports: all.Registry(), HostEnv: []string{}, SSH: wire.SSHOptions{
		User: "root", Host: "127.0.0.1", Port: s.Port, KeyPath: s.Key, KnownHosts: []string{s.KnownHosts()},
		Agent: &no, Config: &wire.PathOrFalse{None: true},
	}}
}

func open(t testing.TB, c execkit.Config) *execkit.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := execkit.Open(ctx, "ssh", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func exec(t testing.TB, s *execkit.Session, command string) *wire.ExecResult {
	t.Helper()
	r, err := s.Exec(context.Background(), command, execkit.ExecOptions{Timeout: patience})
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return r
}

func TestLoginShells(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{})
	for _, shell := range []string{"bash", "rbash", "zsh", "dash", "fish", "csh"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			account := sshtest.NewAccount(t, shell)
			c := configFor(server)
			c.SSH.User = account.Name
			s := open(t, c)
			r := exec(t, s, `printf '%s|' "$HOME" 'a b' "$0"; echo err >&2; cd /tmp; export X='1 2'; false`)
			if r.Stdout[:len(account.Home)] != account.Home || r.Stderr != "err\n" || *r.ExitCode != 1 || r.Cwd != "/tmp" || r.EnvDelta.Set["X"] != "1 2" {
				t.Errorf("%+v", r)
			}
			if r := exec(t, s, `echo "$X $(whoami)"`); r.Stdout != "1 2 "+account.Name+"\n" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A server may have a command of its own run what the client asks for.
func TestForcedCommandsThatGoOn(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"sh": `sh -c "$SSH_ORIGINAL_COMMAND"`, "eval": `eval "$SSH_ORIGINAL_COMMAND"`, "env": `exec env FORCED=yes bash -c "$SSH_ORIGINAL_COMMAND"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, configFor(sshtest.Start(t, sshtest.Options{Config: "ForceCommand " + command})))
			r, err := s.Exec(context.Background(), "cat; sleep 600 & echo $FORCED", execkit.ExecOptions{Timeout: patience, Stdin: []byte("fed ")})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: "fed yes\n", false: "fed \n"}[name == "env"]; r.Stdout != want || len(r.Jobs) != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// running reports whether a process that a test left a pid file of still lives.
func running(t testing.TB, pidFile string) bool {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{})
	s := open(t, configFor(server))
	exec(t, s, "cd /usr/lib; export KEEP='a b'")
	server.Cut()
	until(t, "the session reconnects", func() bool {
		r, err := s.Exec(context.Background(), "pwd; echo $KEEP", execkit.ExecOptions{Timeout: patience})
		if errors.Is(err, execkit.ErrConnectionLost) {
			return false // the drop was not noticed before the command was sent
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Stdout != "/usr/lib\na b\n" || !r.Reconnected {
			t.Fatalf("%+v", r)
		}
		return true
	})

	mark := filepath.Join(t.TempDir(), "mark")
	done := make(chan error, 1)
	go func() {
		_, err := s.Exec(context.Background(), "echo once >>"+mark+"; sleep 600", execkit.ExecOptions{Timeout: patience})
		done <- err
	}()
	until(t, "the command runs", func() bool { _, err := os.Stat(mark); return err == nil })
	server.Cut()
	var e *errdefs.Error
	if err := <-done; !errors.As(err, &e) || e.Code != errdefs.ConnectionLost || e.Outcome != errdefs.Unknown || e.Session != errdefs.Usable {
		t.Fatalf("%+v", err)
	}
	exec(t, s, "true")
	if text, _ := os.ReadFile(mark); string(text) != "once\n" {
		t.Errorf("a command that was cut off ran again: %q", text)
	}

	server.NewHostKeys()
	server.Cut()
	until(t, "the changed key is noticed", func() bool {
		_, err := s.Exec(context.Background(), "true", execkit.ExecOptions{Timeout: patience})
		if errors.Is(err, execkit.ErrConnectionLost) {
			return false
		}
		if !errors.As(err, &e) || e.Code != errdefs.HostKeyChanged || e.Session != errdefs.Closed {
			t.Fatalf("%+v", err)
		}
		return true
	})
	if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrSessionClosed) {
		t.Errorf("the session goes on: %v", err)
	}
}

// A server may hear of a break long after the client, when the session has a new connection: it then ends what was started
// on the old one, and nothing else. What was cut off does not wait for that.
func TestServerHearsLate(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{})
	account := sshtest.NewAccount(t, "bash")
	c := configFor(server)
	c.SSH.User = account.Name
	s := open(t, c)
	job := func(name string) (pidFile string) {
		pidFile = filepath.Join(account.Home, name)
		exec(t, s, "sleep 600 >/dev/null 2>&1 & echo $! >"+pidFile)
		if !running(t, pidFile) {
			t.Fatal("the job does not run")
		}
		return pidFile
	}
	old := job("old")
	before := processesOf(account.UID)
	notice := server.Lose()
	until(t, "the session reconnects", func() bool {
		r, err := s.Exec(context.Background(), "true", execkit.ExecOptions{Timeout: patience})
		if err != nil && !errors.Is(err, execkit.ErrConnectionLost) {
			t.Fatal(err)
		}
		return err == nil && r.Reconnected
	})
	until(t, "what was cut off ends", func() bool { return !running(t, old) })
	fresh := job("fresh")
	notice()
	until(t, "everything of the old connection ends", func() bool {
		now := processesOf(account.UID)
		return !slices.ContainsFunc(before, func(p string) bool { return slices.Contains(now, p) })
	})
	if !running(t, fresh) {
		t.Error("a job of the new shell was ended with the old connection")
	}
	if r := exec(t, s, "echo on"); r.Stdout != "on\n" || r.Reconnected {
		t.Errorf("%+v", r)
	}
	_ = s.Close()
	until(t, "the job ends with its session", func() bool { return !running(t, fresh) })
}

// processesOf returns the living processes of a user, as /proc's folders.
func processesOf(uid int) (found []string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		if strings.Contains(string(text), fmt.Sprintf("\nUid:\t%d\t", uid)) && !strings.Contains(string(text), "\nState:\tZ") {
			found = append(found, filepath.Dir(path))
		}
	}
	return found
}

// A command that a deadline stopped, one whose session is closed and one whose client is gone: none goes on running.
func TestNothingKeepsRunning(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{})
	dir := t.TempDir()
	start := func(s *execkit.Session, name string) (pidFile string, done chan error) {
		pidFile, done = filepath.Join(dir, name), make(chan error, 1)
		go func() {
			_, err := s.Exec(context.Background(), "sh -c 'trap \"\" INT TERM HUP; echo $$ >"+pidFile+"; while :; do sleep 1; done'", execkit.ExecOptions{Timeout: patience})
			done <- err
		}()
		until(t, "the command runs", func() bool { return running(t, pidFile) })
		return pidFile, done
	}

	s := open(t, configFor(server))
	r, err := s.Exec(context.Background(), "echo begun; sh -c 'echo $$ >"+dir+"/timeout; sleep 600'", execkit.ExecOptions{Timeout: 3 * time.Second})
	if err != nil || !r.TimedOut || r.StopConfirmed == nil || !*r.StopConfirmed {
		t.Errorf("%+v %v", r, err)
	}
	until(t, "a command past its deadline ends", func() bool { return !running(t, dir+"/timeout") })
	exec(t, s, "true")

	pid, done := start(s, "closed")
	_ = s.Close()
	<-done
	until(t, "a command of a closed session ends", func() bool { return !running(t, pid) })

	s = open(t, configFor(server))
	pid, done = start(s, "cut")
	server.Cut()
	<-done
	until(t, "a command without a client ends", func() bool { return !running(t, pid) })
}

// The policy judges what runs far away as it does here.
func TestFenceOverSSH(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{})
	c := configFor(server)
	var err error
	if c.Policy, err = execkit.LoadPolicy([]byte(`{"default":"deny","allow":["echo","ls"]}`)); err != nil {
		t.Fatal(err)
	}
	s := open(t, c)
	if r := exec(t, s, "echo yes"); r.Stdout != "yes\n" {
		t.Errorf("%+v", r)
	}
	if _, err := s.Exec(context.Background(), "echo a; id", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrBlocked) {
		t.Errorf("%v", err)
	}
}

func TestServersThatOpenNoShell(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{"false": "ForceCommand /bin/false", "silence": "ForceCommand sleep 600", "noise": "ForceCommand yes this is an appliance"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := sshtest.Start(t, sshtest.Options{Config: config})
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			began := time.Now()
			s, err := execkit.Open(ctx, "ssh", configFor(server))
			if err == nil {
				_ = s.Close()
			}
			var e *errdefs.Error
			if !errors.As(err, &e) || e.Code != errdefs.ShellNotFound && e.Code != errdefs.Unavailable || ctx.Err() != nil {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
	}
}

// A busy server: each session is its own, whichever connection it shares.
func TestManySessions(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{})
	c := configFor(server)
	var sessions []*execkit.Session
	for i := range 12 {
		s := open(t, c)
		exec(t, s, "me="+strconv.Itoa(i))
		sessions = append(sessions, s)
	}
	for i, s := range sessions {
		if r := exec(t, s, "echo $me"); r.Stdout != strconv.Itoa(i)+"\n" {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if n := server.Total(); n > 6 {
		t.Errorf("%d connections for 12 sessions", n)
	}
}

// programs returns how many processes of this machine have text in their arguments.
func programs(text string) (n int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		args, _ := os.ReadFile(path)
		if strings.Contains(strings.ReplaceAll(string(args), "\x00", " "), text) {
			n++
		}
	}
	return n
}

// Sessions on one connection share the second program, so that nine of ten places hold shells. It outlives the session
// that opened it, ends what a session leaves, and everything when the client is gone.
func TestSessionsShareASteward(t *testing.T) {
	server := sshtest.Start(t, sshtest.Options{Config: "MaxSessions 10"})
	c := configFor(server)
	no := false
	c.Reconnect = &no
	var sessions []*execkit.Session
	for range 9 {
		sessions = append(sessions, open(t, c))
	}
	if n := server.Total(); n != 1 {
		t.Fatalf("%d connections for 9 sessions", n)
	}
	more := open(t, c)
	if n := server.Total(); n != 2 {
		t.Fatalf("%d connections for 10 sessions", n)
	}
	stops := func(s *execkit.Session) {
		t.Helper()
		r, err := s.Exec(context.Background(), "sleep 600", execkit.ExecOptions{Timeout: 300 * time.Millisecond})
		if err != nil || !r.TimedOut || r.StopConfirmed == nil || !*r.StopConfirmed {
			t.Fatalf("%+v %v", r, err)
		}
	}
	stops(sessions[0])
	exec(t, sessions[0], "sleep 7771 & setsid sleep 7772 >/dev/null 2>&1 & echo on")
	exec(t, sessions[1], "sleep 7773 & setsid sleep 7774 >/dev/null 2>&1 & echo on")
	exec(t, more, "sleep 7775 & echo on")
	until(t, "the jobs run", func() bool { return programs("sleep 777") == 5 })
	_ = sessions[0].Close()
	until(t, "the jobs of a closed session are gone", func() bool { return programs("sleep 7771")+programs("sleep 7772") == 0 })
	if n := programs("sleep 777"); n != 3 {
		t.Fatalf("%d jobs of others are left", n)
	}
	stops(sessions[1])
	stops(sessions[8])
	server.Cut()
	until(t, "nothing outlives the connections", func() bool { return programs("sleep 777") == 0 })
}
