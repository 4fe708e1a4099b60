package remote

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// shells are those that a target may have; each test of a session runs with all of them.
var shells = []string{"bash", "dash", "busybox"}

func local(t testing.TB) *transporttest.Local {
	t.Helper()
	for _, name := range shells {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%v; ./build.sh test installs it", err)
		}
	}
	return &transporttest.Local{Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "Q=it's\nhere"}}
}

func start(t testing.TB, shell string) *Shell {
	t.Helper()
	return startOn(t, local(t), shell)
}

func startOn(t testing.TB, l *transporttest.Local, shell string) *Shell {
	t.Helper()
	h := NewHost(l)
	s, err := h.Start(context.Background(), Options{Shells: []string{shell}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		h.Close()
		_ = l.Close()
	})
	return s
}

type ran struct {
	engine.Outcome
	out, err string
}

func run(s *Shell, text string, timeout time.Duration) ran {
	var o, e bytes.Buffer
	out := s.Run(context.Background(), engine.Command{Text: text, Timeout: timeout, Stdout: &o, Stderr: &e})
	return ran{out, o.String(), e.String()}
}

// quick bounds what ends by itself; the machine may be busy.
const quick = 30 * time.Second

// Every row runs in a shell of its own; then the session must answer an ordinary command correctly.
func TestCommands(t *testing.T) {
	for _, shell := range shells {
		for _, tt := range []struct {
			name, setup, command string
			out, err             string // "*" for any
			status               int    // -1 for any
			ends, late           bool   // the shell ends; the command is stopped
			bash                 bool   // for bash alone
			signal               bool   // a signal is told
		}{
			{name: "no newline", command: "printf abc", out: "abc"},
			{name: "both streams", command: "printf o; printf e >&2; (exit 7)", out: "o", err: "e", status: 7},
			{name: "heredoc", command: "cat << 'EOF'\nhello\\\\b\nEOF", out: "hello\\\\b\n"},
			{name: "comment", command: "echo a # b", out: "a\n"},
			{name: "open quote", command: "echo 'a", status: 2, err: "*"},
			{name: "stdin is empty", command: "cat; read x; echo $?", out: "1\n"},
			{name: "background", command: "sleep 300 >/dev/null 2>&1 & echo x", out: "x\n"},
			{name: "setsid", command: "setsid sleep 3 & echo started", out: "started\n"},
			{name: "status kept", setup: "(exit 3)", command: "echo $?", out: "3\n"},
			{name: "state kept", setup: "a=1; f() { echo f$a; }", command: "f", out: "f1\n"},
			{name: "functions do not forge", setup: "printf() { :; }; echo() { :; }; command() { :; }; pwd() { :; }; cat() { :; }; true() { :; }", command: "(exit 4)", status: 4},
			{name: "special functions do not forge", setup: "eval() { echo no; }; export() { echo no; }; unset() { echo no; }; .() { echo no; }; trap() { echo no; }; printf() { echo no; }; command() { :; }; builtin() { :; }; pwd() { echo no; }", command: "echo yes; (exit 4)", out: "yes\n", status: 4, bash: true},
			{name: "aliases do not forge", setup: "alias eval='echo no' export='echo no' unset='echo no' set='echo no' printf='echo no' pwd='echo no'", command: "echo yes", out: "yes\n"},
			{name: "keyword aliases do not forge", setup: "alias time='echo no' .='echo no' case='echo no' {='echo no' '[[=echo no' if='echo no' then='echo no' else='echo no' fi='echo no'", command: "echo yes", out: "yes\n", bash: true},
			{name: "a command cannot report", command: "for i in 3 4 8 9 10 11 12 13 250 251; do echo 123456 >&$i; done 2>/dev/null; (exit 5)", status: 5, out: "*", err: "*", bash: true},
			{name: "PWD is no directory", setup: "PWD=/forged", command: "echo a", out: "a\n"},
			{name: "set -x", setup: "set -x", command: "echo a", out: "a\n", err: "*"},
			{name: "set -v", setup: "set -v", command: "echo a", out: "a\n", err: "*"},
			{name: "set -u", setup: "set -u", command: "echo $nope; echo b", status: -1, err: "*"},
			{name: "set -n", setup: "set -n", command: "echo a", out: "a\n", bash: true},
			{name: "set -f -C -a", setup: "set -f -C -a", command: "echo a", out: "a\n"},
			{name: "expansion error", command: "echo ${x?gone}; echo b", err: "*", status: -1},
			{name: "debug trap", setup: "trap 'echo dbg' DEBUG", command: "echo a", out: "dbg\na\n", bash: true},
			{name: "return", command: "return 3; echo no", status: 3, bash: true},
			{name: "quiet job of a function", setup: "r() { sleep 300 >/dev/null & }", command: "r; echo on", out: "on\n", bash: true},
			{name: "quiet exit of a function", setup: "r() { exit 4; }", command: "r", status: 4, ends: true, bash: true},
			{name: "exec of nothing", command: "exec /nonexistent", status: 127, err: "*", ends: true, bash: true},
			{name: "a mark's word is output", command: "echo 1234567890123456end", out: "1234567890123456end\n"},
			{name: "forged ends", setup: "trap 'TIMEFORMAT=${TIMEFORMAT-}end; echo ${TIMEFORMAT}' DEBUG", command: "(exit 4)", out: "*", status: 4, bash: true},
			{name: "hidden trap", command: "t=tr; ${t}ap 'TIMEFORMAT=${TIMEFORMAT-}000' DEBUG; echo a", out: "*", err: "*", status: -1, late: true, ends: true, bash: true},
			{name: "exit trap", setup: "trap 'echo bye' EXIT", command: "echo a", out: "a\n"},
			{name: "digits in IFS", setup: "IFS=0123456789", command: "echo a", out: "a\n"},
			{name: "no PATH", setup: "PATH=", command: "echo a", out: "a\n"},
			{name: "exec of a file", setup: "exec >/dev/null 2>&1", command: "echo a", out: "a\n"},
			{name: "closed streams", setup: "exec 0<&- 1>&- 2>&-", command: "echo a", out: "a\n"},
			{name: "kill parent", setup: "kill $PPID", command: "echo a", out: "a\n"},
			{name: "interrupts itself", command: "kill -INT $$; echo no", status: 130, out: "*", err: "*"},
			{name: "readonly format", command: "readonly TIMEFORMAT=x; echo a", out: "a\n", status: -1, late: true, ends: true, bash: true},
			{name: "exit", command: "echo bye; exit 3", out: "bye\n", status: 3, ends: true},
			{name: "exec program", command: "exec sh -c 'echo p; exit 9'", out: "p\n", status: 9, ends: true},
			{name: "errexit", command: "set -e; false; echo survived", status: 1, ends: true},
			{name: "errexit that holds", setup: "set -e", command: "true; echo on", out: "on\n"},
			{name: "kill -9", command: "kill -9 $$", status: 137, ends: true, signal: shell == "bash"},
			{name: "exit 137", command: "exit 137", status: 137, ends: true},
			{name: "sleep", command: "printf partial; sleep 60", out: "partial", late: true, status: -1},
			{name: "builtin loop", command: "while :; do :; done", late: true, status: -1},
			{name: "deaf child", command: "sh -c 'trap \"\" INT TERM; while :; do sleep 1; done'", late: true, status: -1, err: "*"},
			{name: "stopped shell", command: "kill -STOP $$; echo on", late: true, out: "*", status: -1, err: "*"},
		} {
			if tt.bash && shell != "bash" {
				continue
			}
			t.Run(shell+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				s := start(t, shell)
				if tt.setup != "" {
					if r := run(s, tt.setup, quick); r.Exited {
						t.Fatalf("setup ended the shell: %+v", r)
					}
				}
				limit := quick
				if tt.late {
					limit = 300 * time.Millisecond
				}
				r := run(s, tt.command, limit)
				if tt.out != "*" && r.out != tt.out || tt.err != "*" && r.err != tt.err {
					t.Errorf("stdout %q, want %q; stderr %q, want %q", r.out, tt.out, r.err, tt.err)
				}
				// busybox leaves fflush by a jump out of its handler of an interrupt, now and then with stdio's lock held, and
				// then waits for itself. It is given up, as it should be.
				mayHang := shell == "busybox" && tt.name == "builtin loop"
				if tt.status >= 0 && r.Status != tt.status || r.Exited != tt.ends && !mayHang || r.TimedOut != tt.late || r.Lost {
					t.Errorf("got %+v", r.Outcome)
				}
				if (r.Signal == 9) != tt.signal {
					t.Errorf("signal %d", r.Signal)
				}
				if tt.late && (r.StopConfirmed == nil || !*r.StopConfirmed) && !(mayHang && r.Exited) {
					t.Errorf("the stop is not confirmed: %+v", r.Outcome)
				}
				if r.Exited {
					return
				}
				// Whatever the session set stays; the next command must still be told apart and told truly.
				if r := run(s, "\\set +e; \\cd /; (exit 6)", quick); r.Exited || r.Status != 6 || r.Cwd != "/" || r.Env["Q"] != "it's\nhere" {
					t.Errorf("afterwards: %+v, stderr %q", r.Outcome, r.err)
				}
			})
		}
	}
}

// A bash before 5.1 cannot source a here-string without a file, and one before 4.4 (macOS has 3.2) is driven as a POSIX
// shell. What stands in for one is a newer bash that tells another version.
func TestOldBash(t *testing.T) {
	for version, says := range map[string]dialect{"3.2.57(1)-release": &shDialect{}, "5.0.17(1)-release": &bashDialect{}} {
		t.Run(version, func(t *testing.T) {
			l := local(t)
			script := "#!/bin/sh\ncase $1$2 in -c*BASH_VERSION*) echo 'v" + version + "'; exit;; esac\nexec bash \"$@\"\n"
			path := filepath.Join(l.Dir, "bash")
			if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			s := startOn(t, l, path)
			if reflect.TypeOf(s.says) != reflect.TypeOf(says) {
				t.Fatalf("%T", s.says)
			}
			if d, ok := s.says.(*bashDialect); ok && d.sources {
				t.Error("it sources")
			}
			for _, c := range []struct{ text, out, err string }{
				{"cd /; A=1; export B='x y'; printf() { echo forged; }", "", ""},
				{"echo $A; pwd; echo e >&2; (exit 3)", "1\n/\n", "e\n"},
				{"echo a | cat; [[ x ]] && echo b | cat", "a\nb\n", ""},
			} {
				if r := run(s, c.text, quick); r.out != c.out || r.err != c.err || !r.Known || r.Status != 0 && r.Status != 3 {
					t.Errorf("%s: %+v", c.text, r)
				}
			}
			if s.Env()["B"] != "x y" {
				t.Error(s.Env())
			}
			var o bytes.Buffer
			if out := s.Run(context.Background(), engine.Command{Text: "pwd", Dir: "/nonexistent", Stdout: &o, Stderr: io.Discard, Timeout: quick}); out.Status == 0 || o.Len() > 0 || out.Exited {
				t.Errorf("%q %+v", o.String(), out)
			}
			if r := run(s, "sleep 60", 100*time.Millisecond); !r.TimedOut || r.Exited {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A command that the shell was kept from never has a status, and costs the shell.
func TestNotBegun(t *testing.T) {
	for _, attack := range []string{"readonly __ek_c", "readonly __ek_n", "readonly __ek_n=1", "shopt -s extdebug; trap '! [[ $BASH_COMMAND == *eval* ]]' DEBUG", "shopt -s extdebug; trap 'false' DEBUG"} {
		t.Run(attack, func(t *testing.T) {
			t.Parallel()
			s := start(t, "bash")
			r := run(s, attack, 2*time.Second)
			if !r.Exited { // it may have kept the shell from its own report
				r = run(s, "echo ran; (exit 3)", 2*time.Second)
			}
			if r.Known && (r.out != "ran\n" || r.Status != 3) || !r.Known && !r.Exited {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestInput(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := start(t, shell)
			big := bytes.Repeat([]byte("0123456789abcde\n"), 40000)
			for _, input := range []string{"x\x00y", "no newline", "exit 3\n", "EOF\n'\"$(exit)\\\n", string(big)} {
				var o, e bytes.Buffer
				r := s.Run(context.Background(), engine.Command{Text: "cat; v=set", Stdin: []byte(input), Timeout: quick, Stdout: &o, Stderr: &e})
				if o.String() != input || r.Status != 0 || e.Len() > 0 {
					t.Fatalf("%.40q came back as %.40q, stderr %q, %+v", input, o.String(), e.String(), r)
				}
			}
			// What a command leaves unread is nobody's command.
			var o, e bytes.Buffer
			s.Run(context.Background(), engine.Command{Text: "read -r l; echo $l", Stdin: []byte("first\necho never\n"), Timeout: quick, Stdout: &o, Stderr: &e})
			if r := run(s, "echo $v", quick); o.String() != "first\n" || r.out != "set\n" {
				t.Fatalf("%q, then %q", o.String(), r.out)
			}
		})
	}
}

func TestLateOutputStaysOut(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := start(t, shell)
			r := run(s, "(sleep 3; echo late; echo late >&2) & echo now", quick)
			if r.out != "now\n" || r.err != "" || len(r.Jobs) == 0 {
				t.Fatalf("%q %q %v", r.out, r.err, r.Jobs)
			}
			if r := run(s, "sleep 4; echo next", quick); r.out != "next\n" || r.err != "" {
				t.Fatalf("got %q %q", r.out, r.err)
			}
			if r := run(s, "sleep 301 & wait_for=$!; kill $wait_for", quick); r.err != "" || r.Status != 0 {
				t.Fatalf("%q %+v", r.err, r.Outcome)
			}
			if r := run(s, "sleep 302 &", quick); len(r.Jobs) != 1 || r.Jobs[0].Command != "sleep 302" {
				t.Fatalf("jobs %+v", r.Jobs)
			}
		})
	}
}
