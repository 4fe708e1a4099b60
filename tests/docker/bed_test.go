// Package docker tests sessions in containers of a real Docker engine, which bed.sh starts.
package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/all"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
)

// engine returns the address of the tests' engine.
func engine(t testing.TB) string {
	t.Helper()
	address := os.Getenv("EXECKIT_DOCKER")
	if address == "" {
		t.Skip("needs a Docker engine; ./build.sh test starts one with tests/docker/bed.sh and sets EXECKIT_DOCKER")
	}
	return address
}

// docker is the second way to the engine, by which the tests look at what the first did.
func docker(t testing.TB, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("docker", append([]string{"--host", engine(t)}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(arguments, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

var containers atomic.Int64

// hold are the images' programs that sleep.
var hold = map[string]string{"execkit-bash": "sleep", "execkit-busybox": "sleep"}

// container runs one of the bed's images until the test ends.
func container(t testing.TB, image string, arguments ...string) string {
	t.Helper()
	name := fmt.Sprintf("execkit-test-%d-%d", os.Getpid(), containers.Add(1))
	sleep := hold[image]
	if sleep == "" {
		sleep = "/sleep"
	}
	docker(t, append(append([]string{"run", "--detach", "--init=false", "--network=none", "--name", name}, arguments...), image, sleep, "1000000")...)
	t.Cleanup(func() { _ = exec.Command("docker", "--host", engine(t), "rm", "-f", name).Run() })
	return name
}

func open(t testing.TB, name string, c execkit.Config) (*execkit.Session, error) {
	t.Helper()
	c.Transports = all.Registry()
	if c.Docker.Host == "" {
		c.Docker.Host = engine(t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := execkit.Open(ctx, "docker://"+name, c)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

func mustOpen(t testing.TB, name string, c execkit.Config) *execkit.Session {
	t.Helper()
	s, err := open(t, name, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// processes returns what runs in a container, without the program that keeps it.
func processes(t testing.TB, name string) string {
	t.Helper()
	lines := strings.Split(docker(t, "top", name, "-eo", "pid,args"), "\n")
	return strings.Join(lines[min(2, len(lines)):], "\n")
}

func codeOf(err error) errdefs.Code {
	if err == nil {
		return ""
	}
	return errdefs.From(err).Code
}

func TestSession(t *testing.T) {
	value := "b"
	for image, shell := range map[string]string{"execkit-bash": "/bin/bash", "execkit-busybox": "/bin/sh", "execkit-dash": "/bin/sh"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			name := container(t, image)
			s := mustOpen(t, name, execkit.Config{Docker: wire.DockerOptions{User: "1000", Workdir: "/tmp", Env: map[string]*string{"A": &value}}})
			if info := s.Info(); info.Transport != "docker" || info.Target != name || info.Shell != shell && info.Shell != "/usr"+shell && info.Shell != "sh" {
				t.Errorf("%+v", info)
			}
			r := drive.Do(t, s, "echo $A; echo e >&2; cd /; read -r x; (exit 3)")
			if r.Stdout != "b\n" || r.Stderr != "e\n" || *r.ExitCode != 3 || r.Cwd != "/" {
				t.Errorf("%+v", r)
			}
			if r := drive.Do(t, s, "echo $?"); r.Stdout != "3\n" {
				t.Errorf("%+v", r)
			}
			r, err := s.Exec(context.Background(), "while :; do :; done", execkit.ExecOptions{Timeout: 300 * time.Millisecond})
			// busybox may lock itself up when it is interrupted there, and is then given up.
			lockedUp := image == "execkit-busybox" && err == nil && r.ShellExited
			if err != nil || !r.TimedOut || !lockedUp && (r.ShellExited || r.StopConfirmed == nil || !*r.StopConfirmed) {
				t.Errorf("%+v %v", r, err)
			}
			if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{Cwd: "/nonexistent"}); !errors.Is(err, execkit.ErrInvalidArgument) {
				t.Errorf("%v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			drive.Until(t, "nothing is left", func() bool { return processes(t, name) == "" })
		})
	}
}

func TestStreams(t *testing.T) {
	for _, image := range []string{"execkit-bash", "execkit-busybox"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			s := mustOpen(t, container(t, image), execkit.Config{Budget: &wire.Budget{MaxChars: 1000}})
			r := drive.Do(t, s, "head -c 10000000 /dev/zero | tr '\\0' a & head -c 10000000 /dev/zero | tr '\\0' b >&2; wait")
			if r.Budget["stdout"].BytesTotal != 10000000 || r.Budget["stderr"].BytesTotal != 10000000 {
				t.Errorf("%+v %+v", r.Budget["stdout"], r.Budget["stderr"])
			}
			input := strings.Repeat("0123456789abcde\n", 1<<16)
			r, err := s.Exec(context.Background(), "wc -c", execkit.ExecOptions{Stdin: []byte(input), Timeout: time.Minute})
			if err != nil || strings.TrimSpace(r.Stdout) != "1048576" {
				t.Errorf("%+v %v", r, err)
			}
			r, err = s.Exec(context.Background(), "cat", execkit.ExecOptions{Stdin: []byte("a\x00\xff"), Raw: true})
			if err != nil || r.Stdout != "YQD/" {
				t.Errorf("%+v %v", r, err)
			}
			long := strings.Repeat("x", 20_000)
			if r := drive.Do(t, s, "a='"+long+"'; echo ${#a}"); r.Stdout != "20000\n" {
				r.Command = ""
				t.Errorf("%+v", r)
			}
		})
	}
}

// What cannot be had says what was wrong, and what to do.
func TestErrors(t *testing.T) {
	stopped := container(t, "execkit-busybox")
	docker(t, "stop", "-t", "0", stopped)
	paused := container(t, "execkit-busybox")
	docker(t, "pause", paused)
	static := container(t, "execkit-static")
	liar, echo := container(t, "execkit-liar"), container(t, "execkit-echo")
	bash := container(t, "execkit-bash")
	for _, tt := range []struct {
		name   string
		config execkit.Config
		code   errdefs.Code
		says   string
	}{
		{name: "nope", code: errdefs.TargetNotFound, says: "docker ps"},
		{name: stopped, code: errdefs.Unavailable, says: "docker start"},
		{name: paused, code: errdefs.Unavailable, says: "docker unpause"},
		{name: static, code: errdefs.ShellNotFound, says: "shell"},
		{name: liar, code: errdefs.ShellNotFound, says: "garbage"},
		{name: echo, code: errdefs.ShellNotFound, says: "shell"},
		{name: bash, config: execkit.Config{Shell: "dash"}, code: errdefs.ShellNotFound, says: "dash"},
		{name: bash, config: execkit.Config{Cwd: "/nonexistent"}, code: errdefs.InvalidArgument, says: "/nonexistent"},
		{name: bash, config: execkit.Config{Docker: wire.DockerOptions{User: "nobody-of-that-name"}}, code: errdefs.InvalidArgument, says: "nobody-of-that-name"},
		{name: bash, config: execkit.Config{Docker: wire.DockerOptions{Workdir: "/nonexistent"}}, code: errdefs.InvalidArgument, says: "/nonexistent"},
		{name: "a/../b", code: errdefs.InvalidArgument, says: "name or id"},
		{name: "", code: errdefs.InvalidArgument, says: "docker ps"},
		{name: "x?a=b", code: errdefs.InvalidArgument, says: "name or id"},
	} {
		_, err := open(t, tt.name, tt.config)
		if e := errdefs.From(err); err == nil || e.Code != tt.code || !strings.Contains(e.Message+" "+e.Hint, tt.says) {
			t.Errorf("%q: %v", tt.name, err)
		}
	}
}

// A container that ends, is paused or goes away is noticed soon, and no exit code is made up.
func TestContainerChanges(t *testing.T) {
	for _, how := range [][]string{{"restart", "-t", "0"}, {"stop", "-t", "0"}, {"kill"}, {"pause"}, {"rm", "-f"}} {
		t.Run(how[0], func(t *testing.T) {
			t.Parallel()
			name := container(t, "execkit-bash")
			s := mustOpen(t, name, execkit.Config{})
			running := drive.Begin(t, s, "sleep 1000")
			docker(t, append(how, name)...)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err := running.Wait(ctx)
			if e := errdefs.From(err); e == nil || e.Code != errdefs.ConnectionLost || e.Outcome != errdefs.Unknown {
				t.Fatalf("%+v", err)
			}
			_, err = s.Exec(ctx, "echo on", execkit.ExecOptions{})
			switch how[0] {
			case "pause":
				if codeOf(err) != errdefs.Unavailable {
					t.Fatalf("%v", err)
				}
				docker(t, "unpause", name)
				r, err := s.Exec(ctx, "echo on", execkit.ExecOptions{})
				if err != nil || r.Stdout != "on\n" || !r.Reconnected {
					t.Fatalf("%+v %v", r, err)
				}
				drive.Until(t, "the old session is gone", func() bool { return !strings.Contains(processes(t, name), "sleep 1000\n") })
			case "stop", "kill":
				if codeOf(err) != errdefs.Unavailable {
					t.Fatalf("%v", err)
				}
			default:
				if codeOf(err) != errdefs.TargetNotFound {
					t.Fatalf("%v", err)
				}
			}
		})
	}
}

// Another container of the same name is never taken for the session's.
func TestReplacedContainer(t *testing.T) {
	name := container(t, "execkit-busybox")
	s := mustOpen(t, name, execkit.Config{})
	docker(t, "rm", "-f", name)
	docker(t, "run", "--detach", "--network=none", "--name", name, "execkit-busybox", "sleep", "1000000")
	drive.Until(t, "the session notices", func() bool {
		_, err := s.Exec(context.Background(), "true", execkit.ExecOptions{})
		e := errdefs.From(err)
		return err != nil && e.Code == errdefs.TargetNotFound && strings.Contains(e.Message, "another")
	})
}

// Everything that a session started is gone with it: jobs, what left its process group, what ignores signals, and the
// programs that lend streams.
func TestNothingIsLeft(t *testing.T) {
	for _, image := range []string{"execkit-bash", "execkit-busybox"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			name := container(t, image)
			s := mustOpen(t, name, execkit.Config{})
			drive.Do(t, s, "sleep 901 & (trap '' INT TERM HUP; sleep 902) & setsid sleep 903 & sleep 904 | sleep 905 &")
			if _, err := s.Exec(context.Background(), "cat; sleep 906", execkit.ExecOptions{Stdin: []byte("x"), Timeout: 300 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
			if left := processes(t, name); strings.Contains(left, "sleep 906") || !strings.Contains(left, "sleep 901") {
				t.Errorf("after the deadline: %s", left)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			drive.Until(t, "nothing is left", func() bool { return processes(t, name) == "" })
		})
	}
}
