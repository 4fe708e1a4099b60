package engine

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// plenty is the time that a command gets which ends by itself: the machine may be busy.
const plenty = 30 * time.Second

func start(t testing.TB) *Shell {
	t.Helper()
	s, err := Start(context.Background(), Options{Path: "/bin/bash", Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

type ran struct {
	Outcome
	out, err string
}

func run(s *Shell, text string, timeout time.Duration) ran {
	var o, e bytes.Buffer
	out := s.Run(context.Background(), Command{Text: text, Timeout: timeout, Stdout: &o, Stderr: &e})
	return ran{out, o.String(), e.String()}
}

// Every row runs in a shell of its own; then the session must answer an ordinary command correctly.
func TestCommands(t *testing.T) {
	tests := []struct {
		name    string
		setup   string
		command string
		timeout time.Duration
		out     string
		err     string
		status  int
		ends    bool // the shell ends
		late    bool // the command is stopped
	}{
		{name: "no newline", command: "printf abc", out: "abc"},
		{name: "both streams", command: "printf o; printf e >&2; (exit 7)", out: "o", err: "e", status: 7},
		{name: "heredoc", command: "cat << 'EOF'\nhello\\\\b\nEOF", out: "hello\\\\b\n"},
		{name: "trailing comment", command: "echo a # b", out: "a\n"},
		{name: "stdin is empty", command: "cat; read x; echo $?", out: "1\n"},
		{name: "terminal is empty", command: "cat </dev/tty; echo done", out: "done\n"},
		{name: "terminal takes output", command: "head -c 100000 /dev/zero >/dev/tty; echo done", out: "done\n"},
		{name: "background", command: "sleep 300 & echo x", out: "x\n"},
		{name: "silent background", command: "sleep 300 >/dev/null &"},
		{name: "setsid", command: "setsid sleep 3 & echo started", out: "started\n"},
		{name: "status kept", setup: "(exit 3)", command: "echo $?", out: "3\n"},
		{name: "variables kept", setup: "a=1; f() { echo f$a; }", command: "f", out: "f1\n"},
		{name: "functions do not forge", setup: "eval() { echo no; }; export() { echo no; }; unset() { echo no; }; .() { echo no; }; trap() { echo no; }; printf() { echo no; }; command() { :; }; builtin() { :; }", command: "echo yes; (exit 4)", out: "yes\n", status: 4},
		{name: "aliases do not forge", setup: "alias eval='echo no' export='echo no' time='echo no' unset='echo no' .='echo no' case='echo no' {='echo no'", command: "echo yes", out: "yes\n"},
		{name: "a command cannot report", command: "for i in 10 11 12 13 250 251; do echo 123456 >&$i; done 2>/dev/null; (exit 5)", status: 5, out: "*"},
		{name: "set -x", setup: "set -x", command: "echo a", out: "a\n", err: "+++ echo a\n"},
		{name: "set -v", setup: "set -v", command: "echo a", out: "a\n", err: "*"},
		{name: "set -u", setup: "set -u", command: "echo $nope; echo b", status: 1, err: "bash: nope: unbound variable\n"},
		{name: "set -n", setup: "set -n", command: "echo a", out: "a\n"},
		{name: "expansion error", command: "echo ${x?gone}; echo b", err: "bash: x: gone\n", status: 1},
		{name: "debug trap", setup: "trap 'echo dbg' DEBUG", command: "echo a", out: "dbg\na\n"},
		{name: "noclobber", setup: "set -C", command: "echo a", out: "a\n"},
		{name: "digits in IFS", setup: "IFS=0123456789", command: "echo a", out: "a\n"},
		{name: "no PATH", setup: "PATH=", command: "echo a", out: "a\n"},
		{name: "exec of a file", setup: "exec >/dev/null 2>&1", command: "echo a", out: "a\n"},
		{name: "closed streams", setup: "exec 0<&- 1>&- 2>&-", command: "echo a", out: "a\n"},
		{name: "kill parent", setup: "kill $PPID", command: "echo a", out: "a\n"},
		{name: "interrupts itself", command: "kill -INT $$; echo no", status: 130, out: "*"},
		{name: "readonly format", command: "readonly TIMEFORMAT=x; echo a", out: "a\n", status: -1, ends: true},
		{name: "trap function", setup: "trap() { echo no; }", command: "echo a", out: "a\n"},
		{name: "exit", command: "echo bye; exit 3", out: "bye\n", status: 3, ends: true},
		{name: "exec program", command: "exec sh -c 'echo p; exit 9'", out: "p\n", status: 9, ends: true},
		{name: "errexit", command: "set -e; false; echo survived", status: 1, ends: true},
		{name: "kill -9", command: "kill -9 $$", status: 137, ends: true},
		{name: "sleep", command: "printf partial; sleep 60", timeout: time.Second, out: "partial", late: true, status: 130},
		{name: "builtin loop", command: "while :; do :; done", timeout: time.Second, late: true, status: 130},
		{name: "deaf child", command: "sh -c 'trap \"\" INT TERM; while :; do sleep 1; done'", timeout: time.Second, late: true, status: 137, err: "Killed\n"},
		{name: "stopped shell", command: "kill -STOP $$; echo on", timeout: time.Second, late: true, out: "*", status: -1},
		{name: "reads the driver", command: "read -r l <&10", timeout: time.Second, late: true, status: -1, err: "*"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			if tt.setup != "" {
				if r := run(s, tt.setup, plenty); r.Exited && !tt.ends {
					t.Fatalf("setup ended the shell: %+v", r)
				}
			}
			limit := tt.timeout
			if limit == 0 {
				limit = plenty
			}
			begin := time.Now()
			r := run(s, tt.command, limit)
			if tt.out != "*" && r.out != tt.out || tt.err != "*" && r.err != tt.err {
				t.Errorf("stdout %q, want %q; stderr %q, want %q", r.out, tt.out, r.err, tt.err)
			}
			if tt.status >= 0 && r.Status != tt.status && !(tt.late && tt.ends) || r.Exited != tt.ends || r.TimedOut != tt.late {
				t.Errorf("got %+v", r.Outcome)
			}
			if took := time.Since(begin); took > limit+2*giveUpAtLatest {
				t.Errorf("took %v", took)
			}
			if r.Exited {
				return
			}
			// Whatever the session set stays; the next command must still be told apart and told truly.
			if r := run(s, "\\builtin cd /; (exit 6)", plenty); r.Exited || r.Status != 6 {
				t.Errorf("afterwards: %+v, stderr %q", r.Outcome, r.err)
			}
		})
	}
}

func TestLateOutputStaysOut(t *testing.T) {
	s := start(t)
	if r := run(s, "(until [ -e go ]; do sleep 0.01; done; echo late; touch gone) & echo now", plenty); r.out != "now\n" || !r.Background {
		t.Fatalf("%q, background %v", r.out, r.Background)
	}
	if r := run(s, ">go; until [ -e gone ]; do sleep 0.01; done; echo next", plenty); r.out != "next\n" {
		t.Fatalf("got %q", r.out)
	}
}

func TestEnvironment(t *testing.T) {
	s := start(t)
	value := "a'b\"c$d`e\\f\n\tg\x01é"
	r := run(s, "export W="+"$'a\\'b\"c$d`e\\\\f\\n\\tg\\x01é'", plenty)
	if r.Env["W"] != value {
		t.Fatalf("got %q, want %q", r.Env["W"], value)
	}
	if r := run(s, "unset W", plenty); r.Env["W"] != "" {
		t.Fatal("still set")
	}
}

// What the environment would have a shell run or turn on by itself does not reach it, whichever supervisor is in between.
func TestEnvironmentStartsNothing(t *testing.T) {
	for _, shell := range []string{"/bin/bash", "/bin/dash", "/bin/busybox"} {
		for _, by := range supervisors {
			dir := t.TempDir()
			s, err := Start(t.Context(), Options{Path: shell, Dir: dir, script: by.script, Env: []string{"PATH=/usr/bin:/bin",
				"PS0=$(: >ran)", "PS1=$(: >ran)", "PS2=$(: >ran)", "PROMPT_COMMAND=: >ran", "ENV=./file", "SHELLOPTS=xtrace:nounset", "BASHOPTS=extdebug"}})
			if err != nil {
				t.Fatal(err)
			}
			if r := run(s, "case $- in *[xup]*) echo $-;; esac; env | grep -E '^(PS.|SHELLOPTS|BASHOPTS|PROMPT_COMMAND)='; ls", plenty); r.out != "" || r.err != "" {
				t.Errorf("%s, %s: %q %q", shell, by.name, r.out, r.err)
			}
			s.Close()
		}
	}
}

func TestInputAndLongCommands(t *testing.T) {
	s := start(t)
	var o bytes.Buffer
	s.Run(context.Background(), Command{Text: "cat", Stdin: []byte("x\x00y"), Timeout: plenty, Stdout: &o, Stderr: &o})
	if o.String() != "x\x00y" {
		t.Fatalf("stdin: %q", o.String())
	}
	long := strings.Repeat("x", 1<<20)
	if r := run(s, "a='"+long+"'; echo ${#a}", plenty); r.out != "1048576\n" {
		t.Fatalf("got %.80q %+v", r.out, r.Status)
	}
}

func TestCancel(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var o bytes.Buffer
	if r := s.Run(ctx, Command{Text: "sleep 60", Stdout: &o, Stderr: &o}); !r.Cancelled || r.Exited || r.Duration > 2*giveUpAtLatest {
		t.Fatalf("%+v", r)
	}
}

// An interrupt may come at any moment, also before the shell has begun the command; no session is lost by that.
func TestInterruptsAtAnyMoment(t *testing.T) {
	s := start(t)
	run(s, "kept=1", plenty)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = s.Signal("INT")
			}
		}
	}()
	for range 200 {
		if r := run(s, "true", plenty); r.Exited || r.Status != 0 && r.Status != 130 {
			t.Errorf("%+v", r.Outcome)
			break
		}
	}
	close(stop)
	<-stopped
	run(s, ":", plenty) // the last one may still be on its way
	if r := run(s, "echo $kept", plenty); r.out != "1\n" {
		t.Errorf("%q %+v", r.out, r.Outcome)
	}
}

// A line that was dropped before the command began is told from one that ran: only an interrupt of the host excuses it.
func TestCommandThatNeverBegan(t *testing.T) {
	s := start(t)
	run(s, "kept=1; readonly __ek_c", plenty)
	s.interrupted.Store(2)
	if r := run(s, "echo no", plenty); r.Exited || r.out != "" || r.Status != 130 {
		t.Errorf("after an interrupt: %+v", r)
	}
	s.interrupted.Store(0)
	if r := run(s, "echo no", plenty); !r.Exited || r.out != "" || r.Known {
		t.Errorf("without one: %+v", r)
	}
}

func TestNothingLeaks(t *testing.T) {
	count := func() int { e, _ := os.ReadDir("/proc/self/fd"); return len(e) }
	s := start(t)
	before := count()
	for range 2000 {
		if r := run(s, "true", plenty); !r.Known {
			t.Fatal("lost")
		}
	}
	if after := count(); after > before+2 {
		t.Fatalf("%d descriptors before, %d after", before, after)
	}
}
