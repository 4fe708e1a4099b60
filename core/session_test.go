package execkit_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

func open(t testing.TB, c execkit.Config) *execkit.Session {
	t.Helper()
	if c.Cwd == "" {
		c.Cwd = t.TempDir()
	}
	s, err := execkit.Open(context.Background(), "local", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// trusting is a policy that lets a test do what people are asked about.
func trusting(t testing.TB) *execkit.Policy {
	t.Helper()
	p, err := execkit.LoadPolicy([]byte(`{"intercept":"off"}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func exec(t testing.TB, s *execkit.Session, command string) *execkit.Result {
	t.Helper()
	r, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return r
}

func TestStateLasts(t *testing.T) {
	s := open(t, execkit.Config{})
	exec(t, s, "mkdir d; cd d; v=1; f() { echo $v; }")
	r := exec(t, s, "f; export V=2; unset HOME; false")
	if r.Stdout != "1\n" || *r.ExitCode != 1 || !strings.HasSuffix(r.Cwd, "/d") {
		t.Fatalf("%+v", r)
	}
	if r.EnvDelta == nil || r.EnvDelta.Set["V"] != "2" || len(r.EnvDelta.Unset) != 1 || r.EnvDelta.Unset[0] != "HOME" {
		t.Fatalf("env_delta %+v", r.EnvDelta)
	}
	if r := exec(t, s, "true"); r.EnvDelta != nil {
		t.Fatalf("env_delta %+v of a command that changed nothing", r.EnvDelta)
	}
}

// Whatever ends the shell, the next command gets a fresh one where the last left off.
func TestShellIsReplaced(t *testing.T) {
	for _, end := range []string{"exit 7", "exec sh -c 'exit 7'", "kill -9 $$", "set -e; false"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			s := open(t, execkit.Config{Policy: trusting(t)})
			dir := exec(t, s, "mkdir d; cd d; export V=kept; pwd -P").Stdout
			if r := exec(t, s, end); !r.ShellExited || r.TimedOut || r.Hint == "" {
				t.Fatalf("%+v", r)
			}
			if r := exec(t, s, "pwd -P; echo $V"); r.Stdout != dir+"kept\n" || r.ShellExited {
				t.Fatalf("%+v", r)
			}
		})
	}
}

// The supervisor takes the kill that was meant for the host; the shell is then replaced.
func TestParentIsNotTheHost(t *testing.T) {
	s := open(t, execkit.Config{Policy: trusting(t)})
	pid := s.Info().PID
	// What is killed is dead when it is a zombie; its links in /proc are gone before that.
	exec(t, s, "kill -9 $PPID; while read -r _ _ state _ </proc/$PPID/stat && [ $state != Z ]; do :; done")
	if r := exec(t, s, "echo on"); r.Stdout != "on\n" || s.Info().PID == pid {
		t.Fatalf("%+v", r)
	}
}

func TestSignalOfTheShell(t *testing.T) {
	s := open(t, execkit.Config{Policy: trusting(t)})
	if r := exec(t, s, "kill -9 $$"); r.Signal != "SIGKILL" || *r.ExitCode != 137 {
		t.Errorf("%+v", r)
	}
	if r := exec(t, s, "exit 137"); r.Signal != "" || *r.ExitCode != 137 {
		t.Errorf("%+v", r)
	}
}

func TestDeadline(t *testing.T) {
	s := open(t, execkit.Config{Timeout: time.Second})
	r := exec(t, s, "v=1; echo partial; sleep 60")
	if !r.TimedOut || *r.ExitCode != 124 || r.Stdout != "partial\n" || r.ShellExited {
		t.Fatalf("%+v", r)
	}
	if r := exec(t, s, "echo $v"); r.Stdout != "1\n" {
		t.Fatalf("%+v", r)
	}
}

func TestCancelled(t *testing.T) {
	s := open(t, execkit.Config{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := s.Exec(ctx, "echo partial; sleep 60", execkit.ExecOptions{})
	var e *execkit.Error
	if !errors.Is(err, execkit.ErrCancelled) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) {
		t.Fatal(err)
	}
	if r := e.Details["result"].(*execkit.Result); r.Stdout != "partial\n" {
		t.Fatalf("%+v", r)
	}
	exec(t, s, "true")
}

func TestCwdAndEnvOfOneCommand(t *testing.T) {
	s := open(t, execkit.Config{})
	exec(t, s, "mkdir d; export A=old")
	v := "it's new"
	r, err := s.Exec(context.Background(), `pwd; echo "$A $B"; cd /; v=1; (exit 3)`, execkit.ExecOptions{Cwd: "d", Env: map[string]*string{"A": &v, "B": &v}})
	if err != nil || !strings.HasSuffix(r.Stdout, "/d\nit's new it's new\n") || r.EnvDelta != nil {
		t.Fatalf("%+v %v", r, err)
	}
	before := r.Cwd
	if r := exec(t, s, `echo "$?$A${B-unset}$v"`); r.Stdout != "3oldunset1\n" || r.Cwd != before || strings.HasSuffix(before, "/d") {
		t.Fatalf("%+v", r)
	}
}

func TestPipeStatus(t *testing.T) {
	s := open(t, execkit.Config{})
	for command, want := range map[string][]int{
		"false | true | (exit 3)":                 {1, 0, 3},
		"echo a; ! false | true":                  {1, 0},
		"false":                                   nil,
		"false | true; true":                      nil,
		"IFS=1; return() { :; }; (exit 1) | true": {1, 0},
		"echo 'a|b'":                              nil,
		"false | cat <<X\na\nX":                   nil,
	} {
		if r := exec(t, s, command); !slices.Equal(r.PipeStatus, want) {
			t.Errorf("%s: %v, want %v", command, r.PipeStatus, want)
		}
	}
	if r := exec(t, s, "set -o pipefail; (exit 4) | true"); *r.ExitCode != 4 {
		t.Errorf("%+v", r)
	}
}

func TestBinaryOutputIsNotChanged(t *testing.T) {
	s := open(t, execkit.Config{})
	want := "a\xff\r\x00\x1b[1mb"
	r := exec(t, s, `printf 'a\xff\r\0\033[1mb'`)
	if got, _ := base64.StdEncoding.DecodeString(r.Stdout); r.Encoding != "base64" || string(got) != want {
		t.Fatalf("%q %s", got, r.Encoding)
	}
	if r := exec(t, s, `printf '10%%\r20%%\r\033[32mdone\033[0m\n\360\237\230\200'`); r.Encoding != "utf-8" || r.Stdout != "done\n😀" {
		t.Fatalf("%q %s", r.Stdout, r.Encoding)
	}
}

func TestFloodIsBounded(t *testing.T) {
	s := open(t, execkit.Config{Budget: &wire.Budget{MaxChars: 1000}})
	r := exec(t, s, "seq 200000")
	b := r.Budget["stdout"]
	if !r.Truncated || len([]rune(r.Stdout)) > 1000 || b.LinesTotal != 200000 || !strings.HasPrefix(r.Stdout, "1\n") || !strings.HasSuffix(r.Stdout, "200000\n") {
		t.Fatalf("%d characters, %+v", len(r.Stdout), b)
	}
	page, err := s.ReadOutput(b.OutputID, 0, 1000, 2)
	if err != nil || page.Text != "1000\n1001\n" {
		t.Fatalf("%+v %v", page, err)
	}
}

func TestJobs(t *testing.T) {
	s := open(t, execkit.Config{})
	r := exec(t, s, "sleep 299 &")
	if len(r.Jobs) != 1 || r.Jobs[0].Command != "sleep 299" || r.Stderr != "" {
		t.Fatalf("%+v", r)
	}
	if r := exec(t, s, "true &"); len(r.Jobs) > 1 || len(r.Jobs) == 1 && r.Jobs[0].Command == "sleep 299" {
		t.Fatalf("an old job again: %+v", r.Jobs)
	}
	s.Close()
	gone := false
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		// A zombie that init has not collected yet has no arguments left.
		if text, _ := os.ReadFile("/proc/" + strconv.Itoa(r.Jobs[0].PID) + "/cmdline"); len(text) == 0 {
			gone = true
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !gone {
		t.Fatal("the job outlived its session")
	}
}

// Ten thousand commands, and two hundred sessions, leave nothing behind.
func TestNothingIsLeft(t *testing.T) {
	before := descriptors(t)
	goroutines := runtime.NumGoroutine()
	s := open(t, execkit.Config{})
	for range 10000 {
		exec(t, s, "true")
	}
	s.Close()
	for range 200 {
		s := open(t, execkit.Config{Cwd: "/"})
		exec(t, s, "sleep 300 & true")
		s.Close()
	}
	// Sessions are reaped in the background.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if descriptors(t) <= before && runtime.NumGoroutine() <= goroutines && children(t) == 0 {
			return
		}
	}
	var open []string
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		target, _ := os.Readlink(link)
		open = append(open, target)
	}
	t.Errorf("descriptors %d → %d %q, goroutines %d → %d, children %d", before, descriptors(t), open, goroutines, runtime.NumGoroutine(), children(t))
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// children counts the processes, zombies too, whose parent is this one.
func children(t *testing.T) (n int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		if f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
			n++
		}
	}
	return n
}

func TestBadInput(t *testing.T) {
	s := open(t, execkit.Config{})
	for _, command := range []string{"a\x00b", "a\xffb"} {
		if _, err := s.Exec(context.Background(), command, execkit.ExecOptions{}); !errors.Is(err, execkit.ErrInvalidArgument) {
			t.Errorf("%q: %v", command, err)
		}
	}
	for _, c := range []execkit.Config{{Cwd: "/nonexistent"}, {Env: map[string]*string{"a=b": nil}}} {
		if _, err := execkit.Open(context.Background(), "local", c); !errors.Is(err, execkit.ErrInvalidArgument) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := execkit.Open(context.Background(), "local", execkit.Config{Shell: "/nonexistent/bash"}); !errors.Is(err, execkit.ErrShellNotFound) {
		t.Error(err)
	}
	for _, shell := range []string{"zsh", "/bin/zsh"} {
		if _, err := execkit.Open(context.Background(), "local", execkit.Config{Shell: shell}); !errors.Is(err, execkit.ErrUnsupported) || !strings.Contains(err.Error(), "zsh -c") {
			t.Errorf("%s: %v", shell, err)
		}
	}
	if _, err := execkit.Open(context.Background(), "local", execkit.Config{Shell: "fish"}); !errors.Is(err, execkit.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := execkit.Open(context.Background(), "ssh://host", execkit.Config{}); !errors.Is(err, execkit.ErrUnsupported) {
		t.Error(err)
	}
	s.Close()
	if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrSessionClosed) {
		t.Error(err)
	}
}

func TestOneCommandAtATime(t *testing.T) {
	s := open(t, execkit.Config{})
	done := make(chan struct{})
	go func() { defer close(done); _, _ = s.Exec(context.Background(), "sleep 0.3", execkit.ExecOptions{}) }()
	for !s.Info().Busy {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrSessionBusy) {
		t.Error(err)
	}
	<-done
}

// The release is written in one file for people and tools, and in the places that cannot read it.
func TestVersion(t *testing.T) {
	for path, want := range map[string]string{
		"../VERSION":                        execkit.Version + "\n",
		"../include/execkit.h":              `#define EXECKIT_VERSION "` + execkit.Version + `"`,
		"../bindings/python/pyproject.toml": `version = "` + execkit.Version + `"`,
	} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s does not hold %q (%v)", path, want, err)
		}
	}
}
