package engine

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

const builtinLoop = "while :; do :; done"

// mayHang says whether the shell may lock itself up when it is interrupted: busybox leaves fflush, which it calls after
// each builtin, by a jump out of its signal handler, now and then with stdio's lock held. Then it is given up.
func mayHang(shell, command string) bool { return shell == "busybox" && command == builtinLoop }

// The shells of small systems keep the same promises as bash, but for what they do not have.
func TestOtherShells(t *testing.T) {
	for _, name := range []string{"dash", "busybox"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("%v; ./build.sh test installs it", err)
		}
		t.Run(name, func(t *testing.T) {
			for _, tt := range []struct {
				name, setup, command, out string
				status                    int // -1 for any
				ends, late                bool
			}{
				{name: "no newline", command: "printf abc", out: "abc"},
				{name: "status", command: "printf o; (exit 7)", out: "o", status: 7},
				{name: "heredoc", command: "cat << 'EOF'\nhello\nEOF", out: "hello\n"},
				{name: "comment", command: "echo a # b", out: "a\n"},
				{name: "open quote", command: "echo 'a", status: 2},
				{name: "stdin", command: "cat; read x; echo $?", out: "1\n"},
				{name: "background", command: "sleep 300 & echo x", out: "x\n"},
				{name: "status kept", setup: "(exit 3)", command: "echo $?", out: "3\n"},
				{name: "state kept", setup: "a=1; f() { echo f$a; }", command: "f", out: "f1\n"},
				{name: "functions do not forge", setup: "printf() { :; }; echo() { :; }; command() { :; }; cat() { :; }; true() { :; }", command: "(exit 4)", status: 4},
				{name: "aliases do not forge", setup: "alias eval='echo no' export='echo no' unset='echo no' set='echo no'", command: "echo yes", out: "yes\n"},
				{name: "set -u", setup: "set -u", command: "echo $nope; echo b", status: 2},
				{name: "expansion error", command: "echo ${x?gone}; echo b", status: 2},
				{name: "set -x", setup: "set -x", command: "echo a", out: "a\n"},
				{name: "noclobber", setup: "set -C", command: "echo a", out: "a\n"},
				{name: "no PATH", setup: "PATH=", command: "echo a", out: "a\n"},
				{name: "exec of a file", setup: "exec >/dev/null 2>&1", command: "echo a", out: "a\n"},
				{name: "exit", command: "echo bye; exit 3", out: "bye\n", status: 3, ends: true},
				{name: "errexit", command: "set -e; false; echo survived", status: 1, ends: true},
				{name: "kill -9", command: "kill -9 $$", status: 137, ends: true},
				{name: "sleep", command: "printf partial; sleep 60", out: "partial", status: -1, late: true},
				{name: "loop", command: builtinLoop, status: -1, late: true},
				{name: "deaf child", command: "sh -c 'trap \"\" INT TERM; while :; do sleep 1; done'", status: -1, late: true},
			} {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					s, err := Start(context.Background(), Options{Path: path, Dir: t.TempDir(), Env: []string{"PATH=/usr/bin:/bin", "Q=it's\nhere"}})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					if tt.setup != "" {
						run(s, tt.setup, plenty)
					}
					limit := plenty
					if tt.late {
						limit = time.Second
					}
					r := run(s, tt.command, limit)
					if r.out != tt.out || tt.status >= 0 && r.Status != tt.status || r.Exited != tt.ends && !mayHang(name, tt.command) || r.TimedOut != tt.late {
						t.Fatalf("stdout %q, stderr %q, %+v", r.out, r.err, r.Outcome)
					}
					if r.Exited {
						return
					}
					if r := run(s, "cd /; (exit 6)", plenty); r.Status != 6 || r.Cwd != "/" || r.Env["Q"] != "it's\nhere" {
						t.Fatalf("afterwards: stderr %q, %+v", r.err, r.Outcome)
					}
				})
			}
		})
	}
}
