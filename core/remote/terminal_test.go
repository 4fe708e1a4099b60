package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/transporttest"
)

var small = &engine.TTY{Rows: 7, Cols: 33}

// onTerminal runs a command on a terminal to its end.
func onTerminal(t *testing.T, s *Shell, text string, timeout time.Duration) (string, engine.Outcome) {
	t.Helper()
	h, ended := begin(context.Background(), s, engine.Command{Text: text, TTY: small, Timeout: timeout})
	out := await(t, ended)
	return strings.ReplaceAll(h.String(), "\r\n", "\n"), out
}

func TestTerminal(t *testing.T) {
	long := strings.Repeat("0123456789", 3000)
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			l := local(t)
			l.Wrap = transporttest.Faults{Chunk: 7, Noise: "Welcome!\r\n1234567890123456000\r\n"}.Wrap
			s := startOn(t, l, shell)
			if r := run(s, "cd /usr; export W='a \x03\x04\x1a'\"'\"'\r\nb' L="+long+"; f() { echo f; }; g=1", quick); !r.Known {
				t.Fatalf("%+v", r)
			}
			for _, tt := range []struct {
				command, out string
				status       int
			}{
				{command: "stty size; pwd; test -t 0 && test -t 1 && test -t 2 && echo all", out: "7 33\n/usr\nall\n"},
				{command: "printf %s \"$W\" | od -An -c | tr -d ' \\n'", out: `a003004032'\r\nb`},
				{command: "echo ${#L} ${g-none} ${EXECKIT_SESSION%.*} $ek_x$ek_l$ek_n", out: "30000 none " + s.tag + "\n"},
				{command: "f", out: "*", status: 127},
				{command: "cd /; export W=2; exit 7", status: 7},
				{command: "sh -c 'kill -9 $$'", out: "*", status: 137},
				{command: "kill -TERM $$", out: "*", status: 143},
				{command: "printf 'no newline'", out: "no newline"},
				{command: "echo '" + long + "' | wc -c", out: "30001\n"},
				{command: "cat <<E\none\ntwo\nE", out: "one\ntwo\n"},
				{command: "echo 'open", out: "*", status: 2},
				{command: "echo 123456789012345600\n", out: "123456789012345600\n"},
			} {
				got, out := onTerminal(t, s, tt.command, quick)
				wrong := out.Status != tt.status && !(tt.status == 2 && out.Status == 1)
				if tt.out != "*" && got != tt.out || wrong || !out.Known || out.Exited || out.Cwd != "/usr" || len(out.Jobs) > 0 {
					t.Errorf("%.80q: %.200q %+v", tt.command, got, out)
				}
			}
			if r := run(s, "f; echo $W; pwd", quick); !strings.HasPrefix(r.out, "f\na ") || !strings.HasSuffix(r.out, "b\n/usr\n") {
				t.Errorf("the session changed: %q", r.out)
			}
			if len(s.keptTerminals()) > 0 {
				t.Errorf("%v are kept", s.keptTerminals())
			}
		})
	}
}

func typeAt(t *testing.T, s *Shell, text string, secret bool) {
	t.Helper()
	eventually(t, "typed "+text, func() bool {
		err := s.Type([]byte(text), secret)
		if err != nil && !errors.Is(err, engine.ErrNoTerminal) {
			t.Fatalf("%q: %v", text, err)
		}
		return err == nil
	})
}

// What a person does at a terminal: types lines and keys, interrupts, resizes, and gives secrets that are not shown.
func TestTerminalKeys(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := start(t, shell)
			h, ended := begin(context.Background(), s, engine.Command{Text: "read a; echo got $a; cat; trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done", TTY: small, Timeout: quick})
			typeAt(t, s, "one\r", false)
			h.wait(t, "got one")
			typeAt(t, s, "hunter2\n", true)
			h.wait(t, "hunter2") // cat's own; a second one would be the terminal's
			typeAt(t, s, "shown\n", false)
			h.wait(t, "shown\r\nshown\r\n")
			if strings.Count(h.String(), "hunter2") != 1 {
				t.Errorf("the secret is shown: %q", h)
			}
			typeAt(t, s, "\x04", false)
			h.wait(t, "ready")
			if err := s.Resize(engine.TTY{Rows: 50, Cols: 132}); err != nil {
				t.Error(err)
			}
			h.wait(t, "50 132")
			if err := s.Type([]byte(strings.Repeat("x", 5000)), false); !errors.Is(err, engine.ErrLineTooLong) {
				t.Errorf("a line that the terminal would cut: %v", err)
			}
			// A shell that waits for a program goes on where that was not ended by the interrupt.
			out, over := engine.Outcome{}, false
			for deadline := time.Now().Add(time.Minute); !over && time.Now().Before(deadline); {
				_ = s.Type([]byte("\x03"), false)
				select {
				case out = <-ended:
					over = true
				case <-time.After(time.Second):
				}
			}
			if out.Status != 130 || out.TimedOut {
				t.Errorf("%q %+v", h, out)
			}
			if err := s.Type([]byte("x"), false); err == nil {
				t.Error("typed at a command that has ended")
			}
			if err := s.Resize(engine.TTY{Rows: 5, Cols: 5}); err == nil {
				t.Error("resized what has ended")
			}
			h, ended = begin(context.Background(), s, engine.Command{Text: "echo ready; while :; do sleep 60; done", TTY: small, Timeout: quick})
			h.wait(t, "ready")
			if n, err := s.Signal("INT"); n < 1 || err != nil {
				t.Errorf("%d %v", n, err)
			}
			if out := await(t, ended); out.Status != 130 {
				t.Errorf("%+v", out)
			}
		})
	}
}

// A command on a terminal that must stop is gone, whatever it does against it, and the session goes on.
func TestTerminalStops(t *testing.T) {
	for i, shell := range shells {
		for j, text := range []string{
			"sleep %d",
			"while :; do :; done; : %d",
			"trap '' INT TERM HUP; sh -c 'trap \"\" INT TERM HUP; while :; do sleep 1; done; : %d'",
			"yes endless; : %d",
			"stty raw -echo; kill -STOP $$; : %d",
			"setsid sh -c 'trap \"\" INT TERM HUP; sleep %d; sleep 1' & wait; wait",
			"exec <&- >&- 2>&-; sleep %d",
		} {
			tag := 40000000 + 100000*os.Getpid()%9000000*10 + i*10 + j
			t.Run(fmt.Sprint(shell, j), func(t *testing.T) {
				t.Parallel()
				s := start(t, shell)
				_, out := onTerminal(t, s, fmt.Sprintf(text, tag), 300*time.Millisecond)
				if !out.TimedOut || out.Exited || out.StopConfirmed == nil || !*out.StopConfirmed {
					t.Errorf("%s: %+v", text, out)
				}
				if left := children(fmt.Sprint(tag)); len(left) > 0 {
					t.Errorf("%s: %q is left", text, left)
				}
				if r := run(s, "echo on", quick); r.out != "on\n" {
					t.Errorf("%q %+v", r.out, r.Outcome)
				}
			})
		}
	}
}

// Cancelling is as the deadline, also while the terminal is being opened.
func TestTerminalCancelled(t *testing.T) {
	l := local(t)
	l.Wrap = transporttest.Faults{Delay: 30 * time.Millisecond}.Wrap
	s := startOn(t, l, "bash")
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), after)
		_, ended := begin(ctx, s, engine.Command{Text: "sleep 60", TTY: small})
		if out := await(t, ended); !out.Cancelled || out.Exited || out.StopConfirmed == nil || !*out.StopConfirmed {
			t.Errorf("after %v: %+v", after, out)
		}
		cancel()
	}
	if r := run(s, "echo on", quick); r.out != "on\n" {
		t.Errorf("%q %+v", r.out, r.Outcome)
	}
}

// What a command on a terminal leaves running is told, ends with the session, and also with the client.
func TestTerminalLeavesNothing(t *testing.T) {
	for i, shell := range shells {
		for _, cut := range []bool{false, true} {
			tag := 50000000 + 100000*os.Getpid()%9000000*10 + i
			t.Run(fmt.Sprint(shell, cut), func(t *testing.T) {
				l := local(t)
				s := startOn(t, l, shell)
				_, out := onTerminal(t, s, fmt.Sprintf("trap '' HUP; env -i /bin/sleep %d >/dev/null 2>&1 & sleep 0.2", tag), quick)
				if len(out.Jobs) != 1 || !strings.Contains(out.Jobs[0].Command, fmt.Sprint(tag)) || out.Status != 0 {
					t.Errorf("%+v", out)
				}
				h, ended := begin(context.Background(), s, engine.Command{Text: fmt.Sprintf("setsid sleep %d & echo ready; sleep %d", tag, tag), TTY: small})
				h.wait(t, "ready")
				eventually(t, "three run", func() bool { return len(children(fmt.Sprint("sleep ", tag))) >= 3 })
				if cut {
					l.Cut()
				} else {
					s.Close()
				}
				if out := await(t, ended); !out.Exited && !out.Lost {
					t.Errorf("%+v", out)
				}
				eventually(t, "none runs", func() bool { return len(children(fmt.Sprint("sleep ", tag))) == 0 })
			})
		}
	}
}

// A target that cannot give a terminal says why, and the session goes on.
func TestTerminalRefused(t *testing.T) {
	opened := 0
	for name, l := range map[string]*transporttest.Local{
		"Unavailable": {Refuse: func(n int) error {
			if n > 2 {
				return errdefs.New(errdefs.Unavailable, "no terminals here: Unavailable")
			}
			return nil
		}},
		"no stty": {},
	} {
		t.Run(name, func(t *testing.T) {
			l.Dir, l.Env = t.TempDir(), []string{"PATH=" + os.Getenv("PATH")}
			if name == "no stty" {
				bin := t.TempDir()
				for _, program := range []string{"sh", "bash", "grep", "sleep"} {
					if err := os.Symlink(filepath.Join("/bin", program), filepath.Join(bin, program)); err != nil {
						t.Fatal(err)
					}
				}
				l.Env = []string{"PATH=" + bin}
			}
			s := startOn(t, l, "bash")
			said, out := onTerminal(t, s, "echo ran", quick)
			if out.Status != 125 || !out.Known || out.Exited || !strings.Contains(said, name) || strings.Contains(said, "\nran") {
				t.Errorf("%q %+v", said, out)
			}
			if r := run(s, "echo on", quick); r.out != "on\n" {
				t.Errorf("%q %+v", r.out, r.Outcome)
			}
			opened++
		})
	}
	if opened != 2 {
		t.Error("not all was tried")
	}
}

// The target may say anything before its program is one: neither endless text nor silence nor a made-up greeting holds up
// the session or runs the command elsewhere.
func TestTerminalLies(t *testing.T) {
	for _, lie := range []string{"yes", "sleep 1000", "printf 1234567890123456000", "exit 3"} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			l := local(t)
			dir := t.TempDir()
			liar := filepath.Join(dir, "liar")
			if err := os.WriteFile(liar, []byte("#!/bin/sh\n"+lie+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			s := startOn(t, l, "bash")
			s.greeting.shell = liar
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			h, ended := begin(ctx, s, engine.Command{Text: "touch " + dir + "/ran", TTY: small})
			if out := await(t, ended); out.Exited || out.Status == 0 && !out.Cancelled {
				t.Errorf("%.200q %+v", h, out)
			}
			if _, err := os.Stat(dir + "/ran"); err == nil {
				t.Error("the command ran")
			}
			if r := run(s, "echo on", quick); r.out != "on\n" {
				t.Errorf("%q %+v", r.out, r.Outcome)
			}
		})
	}
}
