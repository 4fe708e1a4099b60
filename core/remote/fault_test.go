package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// A connection that gives a few bytes at a time, and noise before, changes no result.
func TestChunksAndNoise(t *testing.T) {
	for _, shell := range shells {
		for _, chunk := range []int{1, 3, 19} {
			t.Run(fmt.Sprint(shell, chunk), func(t *testing.T) {
				t.Parallel()
				l := local(t)
				l.Wrap = transporttest.Faults{Chunk: chunk, Noise: "Welcome!\n1234567890123456000\nfish: no\n"}.Wrap
				h := NewHost(l)
				defer h.Close()
				s, err := h.Start(context.Background(), Options{Shells: []string{shell}})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				for i := range 20 {
					r := run(s, fmt.Sprintf("printf 'no newline %d'; printf 12345678 >&2; (exit %d)", i, i), quick)
					if r.out != fmt.Sprintf("no newline %d", i) || r.err != "12345678" || r.Status != i {
						t.Fatalf("%q %q %+v", r.out, r.err, r.Outcome)
					}
				}
				// What looks like a mark is output.
				text := "1234567890123456000\n12345678901234560000000000000000000\n"
				if r := run(s, "printf '"+text+"'", quick); r.out != text {
					t.Fatalf("%q", r.out)
				}
			})
		}
	}
}

// One command costs one round trip.
func TestRoundTrips(t *testing.T) {
	const oneWay = 100 * time.Millisecond
	l := local(t)
	l.Wrap = transporttest.Faults{Delay: oneWay}.Wrap
	h := NewHost(l)
	defer h.Close()
	s, err := h.Start(context.Background(), Options{Shells: []string{"bash"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var took []time.Duration
	for range 9 {
		begin := time.Now()
		if r := run(s, "true", quick); !r.Known {
			t.Fatalf("%+v", r)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	if fastest := took[0]; fastest < 2*oneWay || fastest > 3*oneWay {
		t.Errorf("a command takes %v with %v each way", fastest, oneWay)
	}
	// A long command, a line that the shell abandons and a stop work at this distance too.
	if r := run(s, "sleep 1; echo a", quick); r.out != "a\n" {
		t.Errorf("%+v", r)
	}
	if r := run(s, "echo ${x?gone}", quick); r.Status != 1 || r.Exited {
		t.Errorf("%+v", r)
	}
	if r := run(s, "sleep 60", 300*time.Millisecond); !r.TimedOut || r.Exited {
		t.Errorf("%+v", r)
	}
}

// children returns the processes of this machine whose arguments hold text.
func children(text string) []string {
	var found []string
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		args, _ := os.ReadFile(path)
		if line := strings.ReplaceAll(string(args), "\x00", " "); strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// secondPrograms returns how many programs of a session run in a directory: those of other tests are in others.
func secondPrograms(dir string) (n int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		args, _ := os.ReadFile(path)
		cwd, _ := os.Readlink(filepath.Join(filepath.Dir(path), "cwd"))
		if cwd == dir && strings.Contains(string(args), "IFS= read -r ek_l") {
			n++
		}
	}
	return n
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to this: %s", what)
		}
	}
}

// When the client is gone, so is everything that its session started: what runs, jobs, what left the group, and what
// left every parent.
func TestNothingOutlivesTheClient(t *testing.T) {
	for i, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			l := local(t)
			h := NewHost(l)
			s, err := h.Start(context.Background(), Options{Shells: []string{shell}})
			if err != nil {
				t.Fatal(err)
			}
			if secondPrograms(l.Dir) < 2 {
				t.Fatal("the programs of a session are not found")
			}
			mark := fmt.Sprintf("98%d7", i)
			sleep := func(n int) string { return fmt.Sprintf("sleep %s%d", mark, n) }
			if r := run(s, sleep(1)+" & setsid "+sleep(2)+" & sh -c 'setsid "+sleep(3)+" >/dev/null 2>&1 & exit'; echo on", quick); r.out != "on\n" {
				t.Fatalf("%+v", r)
			}
			ended := make(chan engine.Outcome)
			go func() {
				ended <- s.Run(context.Background(), engine.Command{Text: "trap '' INT TERM; " + sleep(4), Stdin: []byte("x"), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}})
			}()
			eventually(t, "all run", func() bool { return len(children("sleep "+mark)) >= 4 })
			l.Cut()
			if out := <-ended; !out.Lost || !out.Exited || out.Known {
				t.Errorf("%+v", out)
			}
			if s.Alive() || !s.Lost() {
				t.Error("it still seems to live")
			}
			eventually(t, "nothing is left", func() bool { return len(children("sleep "+mark)) == 0 })
			eventually(t, "no second program is left", func() bool { return secondPrograms(l.Dir) == 0 })
			s.Close()
			h.Close()
		})
	}
}

// The session can kill or stop what watches over it; that is noticed and mended, and nothing is left of the old one.
func TestStewardIsReplaced(t *testing.T) {
	for _, signal := range []string{"KILL", "STOP"} {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			s := start(t, "bash")
			before := s.host.guardian.steward.pid
			if r := run(s, fmt.Sprintf("kill -%s %d", signal, before), quick); r.Status != 0 {
				t.Fatalf("%+v", r)
			}
			// The first stop may find that it does not answer, and then cannot be confirmed.
			eventually(t, "a stop is confirmed", func() bool {
				r := run(s, "sleep 60", 300*time.Millisecond)
				if r.Exited {
					t.Fatalf("%+v", r.Outcome)
				}
				return r.TimedOut && r.StopConfirmed != nil && *r.StopConfirmed
			})
			if s.host.guardian.steward.pid == before {
				t.Fatal("the same steward")
			}
			eventually(t, "the old one is gone", func() bool {
				_, err := os.Stat(fmt.Sprintf("/proc/%d/environ", before))
				return err != nil
			})
		})
	}
}

// A killed supervisor is no broken connection: the shell's fate is not known, and the next command gets another.
func TestSupervisorIsKilled(t *testing.T) {
	s := start(t, "bash")
	r := run(s, fmt.Sprintf("kill -9 %d $PPID; kill -9 $$", s.greeting.pid), quick)
	if !r.Exited || r.Lost || r.Known {
		t.Fatalf("%+v", r.Outcome)
	}
}

// A login shell may run what it is asked for as its child, which then leads no group. Nothing of the session is left either way.
func TestBelowALoginShell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n/bin/sh \"$@\"\nexit $?\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(*Shell, *transporttest.Local){
		"closed": func(s *Shell, _ *transporttest.Local) { s.Close(); s.host.Close() },
		"cut":    func(_ *Shell, l *transporttest.Local) { l.Cut() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := local(t)
			l.Paths = map[string]string{"sh": path}
			s := startOn(t, l, "bash")
			for range 3 {
				var out bytes.Buffer
				r := s.Run(context.Background(), engine.Command{Text: "cat; sleep 300 &", Stdin: []byte("fed"), Timeout: quick, Stdout: &out, Stderr: &out})
				if r.Status != 0 || out.String() != "fed" {
					t.Fatalf("%q %+v", out.String(), r)
				}
			}
			if secondPrograms(l.Dir) < 4 {
				t.Error("no program lends its streams")
			}
			end(s, l)
			eventually(t, "nothing is left", func() bool { return secondPrograms(l.Dir) == 0 })
		})
	}
}

// What only pretends to be a shell ends in a clear error, soon and with bounded memory.
func TestFakeShells(t *testing.T) {
	real, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		script string
		code   errdefs.Code
		says   string
		late   bool
	}{
		"talks for ever":       {script: "while :; do echo garbage garbage garbage; done", code: errdefs.ShellNotFound, says: "garbage"},
		"gives back its input": {script: "exec cat", code: errdefs.ShellNotFound, late: true},
		"is silent":            {script: "exec sleep 1000", code: errdefs.ShellNotFound, says: "in time", late: true},
		"ends":                 {script: "echo 'This account is not available.'; exit 1", code: errdefs.ShellNotFound, says: "not available"},
		"lies in its greeting": {script: `read -r l; a=${l#*ek_tell 000 \"}; a=${a%%\"*}; printf '%s%s000\n' $a; echo 1; echo yes; echo v5.2; echo /bin/true; printf '%s%s000\n' $a; printf '%s%s000\n' $a; while read -r l; do :; done`, code: errdefs.ShellNotFound, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sh")
			if err := os.WriteFile(path, []byte("#!"+real+"\n"+tt.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			l := local(t)
			l.Paths = map[string]string{"sh": path}
			ctx := context.Background()
			if tt.late {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			h := NewHost(l)
			defer h.Close()
			_, err := h.Start(ctx, Options{})
			var e *errdefs.Error
			if !errors.As(err, &e) || e.Code != tt.code || !strings.Contains(e.Message, tt.says) {
				t.Fatalf("%v", err)
			}
			_ = l.Close()
		})
	}
}

// A target that allows one program alone is told so.
func TestNoSecondProgram(t *testing.T) {
	l := local(t)
	l.Refuse = func(n int) error {
		if n > 1 {
			return errors.New("administratively prohibited")
		}
		return nil
	}
	h := NewHost(l)
	defer h.Close()
	_, err := h.Start(context.Background(), Options{})
	if e := errdefs.From(err); err == nil || e.Code != errdefs.Unavailable || !strings.Contains(e.Message+e.Hint, "two programs") {
		t.Fatalf("%v", err)
	}
}

func TestBothStreamsAtOnce(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := start(t, shell)
			var o, e counter
			r := s.Run(context.Background(), engine.Command{Text: "head -c 10000000 /dev/zero >&2 & head -c 10000000 /dev/urandom; wait", Timeout: 2 * time.Minute, Stdout: &o, Stderr: &e})
			if o != 10000000 || e != 10000000 || r.Status != 0 {
				t.Fatalf("%d %d %+v", o, e, r)
			}
			if r := run(s, "a='"+strings.Repeat("x", 1<<20)+"'; echo ${#a}", 2*time.Minute); r.out != "1048576\n" {
				t.Fatalf("%.80q %+v", r.out, r.Status)
			}
		})
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func TestCancel(t *testing.T) {
	s := start(t, "bash")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var o bytes.Buffer
	if r := s.Run(ctx, engine.Command{Text: "sleep 60", Stdout: &o, Stderr: &o}); !r.Cancelled || r.Exited || r.Duration > 30*time.Second {
		t.Fatalf("%+v", r)
	}
	if r := run(s, "echo on", quick); r.out != "on\n" {
		t.Fatalf("%+v", r)
	}
}

func TestCloseEndsRun(t *testing.T) {
	s := start(t, "bash")
	ended := make(chan engine.Outcome)
	go func() {
		ended <- s.Run(context.Background(), engine.Command{Text: "sleep 9899", Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}})
	}()
	eventually(t, "it runs", func() bool { return len(children("sleep 9899")) > 0 })
	s.Close()
	if out := <-ended; !out.Exited {
		t.Fatalf("%+v", out)
	}
	if left := children("sleep 9899"); len(left) > 0 {
		t.Fatalf("%q", left)
	}
}
