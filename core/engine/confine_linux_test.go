package engine

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/enforce"
)

func startConfined(t testing.TB, dir string, r enforce.Rules) *Shell {
	t.Helper()
	if !enforce.Probe().Enforces() {
		t.Skip("this kernel cannot confine: ", enforce.Probe().Missing)
	}
	if r.Shell == "" {
		r.Shell = "/bin/bash"
	}
	c, err := enforce.New(r)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(context.Background(), Options{Path: r.Shell, Dir: dir, Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent"}, Confine: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// A confined session answers as an unconfined one does.
func TestConfinedSession(t *testing.T) {
	for _, shell := range []string{"/bin/bash", "/bin/dash", "/bin/busybox"} {
		t.Run(filepath.Base(shell), func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(shell); err != nil {
				t.Skip(err)
			}
			dir := t.TempDir()
			s := startConfined(t, dir, enforce.Rules{Shell: shell, Write: []string{dir}, Programs: []string{"/bin/cat", "/bin/sleep", "/bin/head", "/bin/ls"}})
			for _, tt := range []struct{ command, out, err string }{
				{"echo a; echo b >&2", "a\n", "b\n"},
				{"x=1; cd /; cd -", dir + "\n", ""},
				{"echo $x; (exit 3)", "1\n", ""},
				{"head -c 300000 /dev/zero | cat >f; cat f | head -c 3 | ls f", "f\n", ""},
				{"sleep 3 & echo held", "held\n", ""},
				{"echo next; echo t >/dev/tty; echo n >/dev/null", "next\n", ""},
				{builtinLoop, "", ""},
				{"echo after", "after\n", ""},
			} {
				if mayHang(filepath.Base(shell), tt.command) {
					continue
				}
				limit := plenty
				if tt.command == builtinLoop {
					limit = time.Second
				}
				if r := run(s, tt.command, limit); r.out != tt.out || r.err != tt.err || r.Exited {
					t.Errorf("%s: %+v", tt.command, r)
				}
			}
			for _, size := range []int{1, 70000, 300000} {
				data := bytes.Repeat([]byte("i"), size)
				var o, e bytes.Buffer
				out := s.Run(context.Background(), Command{Text: "cat", Stdin: data, Timeout: plenty, Stdout: &o, Stderr: &e})
				if !bytes.Equal(o.Bytes(), data) || e.Len() > 0 || out.Status != 0 {
					t.Errorf("%d bytes of input: %d came back, %q, %+v", size, o.Len(), e.String(), out)
				}
				// Input that nobody reads holds nothing up.
				if out := s.Run(context.Background(), Command{Text: ":", Stdin: data, Timeout: plenty, Stdout: &o, Stderr: &e}); out.Status != 0 || out.TimedOut {
					t.Errorf("%+v", out)
				}
			}
		})
	}
}

// The supervisor is the program here too. What a session gets of it starts nothing that the session could not start itself.
func TestConfinedSupervisor(t *testing.T) {
	needProgram(t)
	s := startConfined(t, "/", enforce.Rules{Programs: []string{"/bin/echo"}})
	if path := executable(t, s); !strings.HasPrefix(path, "/memfd:execkit-supervisor") {
		t.Errorf("the supervisor runs %s", path)
	}
	if r := run(s, "/proc/$PPID/exe /bin/echo on; /proc/$PPID/exe /usr/bin/id; echo $?", plenty); r.out != "on\n126\n" {
		t.Errorf("%q %q", r.out, r.err)
	}
	if r := run(s, "kill -TERM $PPID; kill -KILL $$", plenty); r.Signal != 9 {
		t.Errorf("%+v", r.Outcome)
	}
}

// The session's directory goes with it; one in which the pipes were removed gets them back.
func TestPipesDirectory(t *testing.T) {
	s := startConfined(t, "/", enforce.Rules{Write: []string{"/"}, AnyProgram: true})
	for _, command := range []string{"rm -f " + s.pipes + "/out", "ln -sf /etc/passwd " + s.pipes + "/err"} {
		run(s, command, plenty)
		if r := run(s, "echo a; echo b >&2", plenty); r.out != "a\n" || r.err != "b\n" {
			t.Errorf("%s: %+v", command, r)
		}
	}
	run(s, "rm -rf "+s.pipes, plenty)
	if r := run(s, "echo a", plenty); !r.Exited {
		t.Errorf("%+v", r)
	}
	s = startConfined(t, "/", enforce.Rules{})
	s.Close()
	for deadline := time.Now().Add(plenty); time.Now().Before(deadline); {
		if _, err := os.Stat(s.pipes); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%s is left", s.pipes)
}

// No thread of the host is confined after many sessions were: every one can still do what the sessions cannot.
func TestHostIsFree(t *testing.T) {
	for range 20 {
		startConfined(t, "/", enforce.Rules{})
	}
	runtime.GC()
	deadline := time.Now().Add(plenty)
	for {
		confined := confinedThreads(t)
		if len(confined) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("confined threads are left: %v", confined)
		}
		time.Sleep(5 * time.Millisecond)
	}
	file := filepath.Join(t.TempDir(), "f")
	for range 50 {
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			done <- os.WriteFile(file, nil, 0o600)
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if fd, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC); err != nil {
		t.Error(err)
	} else {
		unix.Close(fd)
	}
}

// confinedThreads returns the threads with more seccomp filters than the main thread, or with no_new_privs.
func confinedThreads(t *testing.T) (confined []string) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	state := func(thread string) string {
		text, _ := os.ReadFile("/proc/self/task/" + thread + "/status")
		lines := strings.Split(string(text), "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "NoNewPrivs") && !strings.HasPrefix(l, "Seccomp") })
		return strings.Join(lines, " ")
	}
	main := state(strconv.Itoa(os.Getpid()))
	for _, thread := range threads {
		if s := state(thread.Name()); s != main && s != "" {
			confined = append(confined, thread.Name()+" "+s)
		}
	}
	return confined
}

func BenchmarkOpenConfined(b *testing.B) {
	b.Run("free", func(b *testing.B) {
		for b.Loop() {
			start(b).Close()
		}
	})
	b.Run("confined", func(b *testing.B) {
		for b.Loop() {
			startConfined(b, b.TempDir(), enforce.Rules{Programs: []string{"/bin/ls", "/bin/cat", "/usr/bin/git"}, Write: []string{"/tmp"}}).Close()
		}
	})
	for _, command := range []string{"true", "/bin/true"} {
		b.Run("run "+command, func(b *testing.B) {
			s := startConfined(b, b.TempDir(), enforce.Rules{Programs: []string{"/bin/true"}})
			for b.Loop() {
				run(s, command, 0)
			}
		})
	}
}
