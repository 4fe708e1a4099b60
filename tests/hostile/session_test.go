package hostile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// Every row runs in a session of its own, which must then still tell the truth.
func TestSessions(t *testing.T) {
	for _, tt := range []struct {
		name, setup, command string
		stdout               string // "*" for any
		status               string // "*" for any, a|b for one of two
		timeout              time.Duration
		late, ends           bool
		loses                bool // what the setup leaves makes a report impossible: the shell is lost, and the result says so
	}{
		{name: "trace into the control socket", setup: "BASH_XTRACEFD=251; set -x", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "trace into the report", setup: "BASH_XTRACEFD=250; set -x", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "trace into saved descriptors", command: "for i in 10 11 12 13 14 15 16; do BASH_XTRACEFD=$i; set -x; : 1; set +x; done 2>/dev/null; (exit 3)", stdout: "*", status: "*"},
		{name: "PS4 that runs commands", setup: "PS4='$(echo 1234567890123456000 >&251; echo x >&250)'; set -x", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "PS4 that ends the shell", setup: "PS4='${nosuch?}'; set -x", command: "(exit 3)", stdout: "", status: "*"},
		{name: "prompts that print", setup: "PS0='$(echo ps0 >&2)' PS1='$(echo ps1; echo 1 >&251)' PS2='$(echo ps2)'", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "PROMPT_COMMAND that prints", setup: "PROMPT_COMMAND='echo forged; echo 1234567890123456000 >&251; echo forged >&250'", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "PROMPT_COMMAND array", setup: "PROMPT_COMMAND=('false' '(exit 9)')", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "readonly __ek_c", setup: "readonly __ek_c=1", command: "echo a", stdout: "*", status: "*"},
		{name: "readonly __ek_i", setup: "readonly __ek_i=/etc/passwd", command: "echo a; (exit 3)", stdout: "*", status: "*"},
		{name: "readonly __ek_p", setup: "readonly __ek_p=1", command: "true | (exit 3)", stdout: "*", status: "*"},
		{name: "readonly __ek_b", setup: "readonly __ek_b=1", command: "echo a", stdout: "*", status: "*"},
		{name: "readonly __ek_f", setup: "readonly __ek_f=1; set -x", command: "echo a", stdout: "*", status: "*"},
		{name: "readonly POSIXLY_CORRECT", setup: "readonly POSIXLY_CORRECT=1", command: "echo a", stdout: "*", status: "*"},
		{name: "readonly TIMEFORMAT", setup: "readonly TIMEFORMAT=x", command: "echo a", stdout: "*", status: "*"},
		{name: "driver variables of other types", setup: "declare -ai __ek_c=(1 2); declare -A __ek_p; declare -i TIMEFORMAT=7; declare -n __ek_i=HOME", command: "echo a; (exit 3)", stdout: "*", status: "*"},
		{name: "upper-case attribute", setup: "declare -u __ek_c TIMEFORMAT; declare -l __ek_i", command: "echo a; (exit 3)", stdout: "*", status: "*"},
		{name: "functrace", setup: "set -T; trap 'echo 1234567890123456000 >&251' DEBUG", command: "echo a; (exit 3)", stdout: "*", status: "3"},
		{name: "extdebug", setup: "shopt -s extdebug; trap 'false' DEBUG", command: "echo a; (exit 3)", stdout: "a\n", status: "3", loses: true},
		{name: "extdebug that skips reports", setup: "shopt -s extdebug; trap 'case $BASH_COMMAND in *export*|*trap*|*unset*) false;; esac' DEBUG; set -T", command: "echo a; (exit 3)", stdout: "*", status: "*"},
		{name: "debug trap that returns", setup: "shopt -s extdebug; trap 'return 2' DEBUG", command: "echo a", stdout: "*", status: "*"},
		{name: "hidden debug trap", setup: `t=tr; ${t}ap 'echo forged >&250; echo forged >&251; (exit 9)' DEBUG`, command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "traps on every signal", setup: "for s in $(seq 1 64); do trap '' $s; done", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "err and return traps", setup: "trap 'echo r >&2' RETURN; trap 'echo e >&2' ERR; set -E -T", command: "echo a; (exit 3)", stdout: "a\n", status: "3"},
		{name: "functions named like builtins", setup: "for n in builtin command unset export trap shopt set return exit cd read printf echo source . : eval time case; do eval \"function $n { \\\\builtin echo forged; }\"; done 2>/dev/null", command: "\\builtin echo a; (\\exit 3)", stdout: "*", status: "*"},
		{name: "disabled builtins", setup: "enable -n eval unset export . trap set shopt exit", command: "echo a; sh -c 'exit 3'", stdout: "*", status: "*"},
		{name: "marks on every descriptor", command: "for i in $(seq 3 255); do echo 1125899906842624000 >&$i; printf '1125899906842624000\\n' >&$i; done 2>/dev/null; (exit 5)", stdout: "*", status: "*"},
		{name: "marks on the host's descriptors", command: "h=$(ps -o ppid= $PPID); for f in /proc/$h/fd/* /proc/$$/fd/* /proc/$PPID/fd/*; do [ -p $f ] && continue; echo 1125899906842624000 >$f; done 2>/dev/null; (exit 5)", stdout: "*", status: "5"},
		{name: "looks for the nonce", command: "set; declare -p; export -p; trap -p; history; fc -l; alias; echo \"$BASH_COMMAND $BASH_EXECUTION_STRING\"; cat /proc/$$/environ /proc/$$/cmdline | tr '\\0' '\\n'; (exit 5)", stdout: "*", status: "5"},
		{name: "another bash", command: "exec bash --norc -i", stdout: "*", status: "*", ends: true},
		{name: "another bash on the tty", command: "exec bash --norc -i </dev/tty >/dev/tty 2>&1", stdout: "", status: "124", timeout: time.Second, late: true, ends: true},
		{name: "another bash that stays", command: "exec bash -c 'while :; do sleep 1; done'", stdout: "", status: "124", timeout: time.Second, late: true, ends: true},
		{name: "a bash in the foreground", command: "bash --norc -i -c 'set -m; sleep 60'", stdout: "*", status: "124", timeout: time.Second, late: true},
		{name: "fork bomb", command: "f() { ((${1} > 0)) || { sleep 60; return; }; f $(($1-1)) & f $(($1-1)) & wait; }; f 6", stdout: "*", status: "124", timeout: time.Second, late: true},
		{name: "background fork bomb", command: "f() { ((${1} > 0)) || { sleep 60; return; }; f $(($1-1)) & f $(($1-1)) & wait; }; f 6 & echo on", stdout: "on\n", status: "0"},
		{name: "deaf grandchildren", command: "sh -c 'trap \"\" INT TERM HUP; for i in 1 2 3; do (while :; do sleep 1; done) & done; wait'", stdout: "*", status: "124", timeout: time.Second, late: true},
		{name: "no descriptors", command: "ulimit -n 20; (exit 5)", stdout: "", status: "1", ends: true},
		{name: "few descriptors", command: "ulimit -n 260; (exit 5)", stdout: "", status: "5"},
		{name: "no files", command: "ulimit -f 0; echo x >f; echo on", stdout: "*", status: "*", ends: true},
		{name: "small files in a child", command: "(ulimit -f 1; head -c 100000 /dev/zero >f); [ $(stat -c %s f) -le 1024 ]", stdout: "", status: "0"},
		{name: "no memory", command: "(ulimit -v 20000; x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived); echo on", stdout: "on\n", status: "0"},
		{name: "no memory for the shell", command: "ulimit -v 30000; x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived", stdout: "", status: "*", ends: true},
		{name: "no processor time", command: "ulimit -t 1; while :; do :; done", stdout: "", status: "*", ends: true},
		{name: "stops its group", command: "kill -STOP 0", stdout: "*", status: "124", timeout: time.Second, late: true},
		{name: "signals to its parent", command: "for i in 1 2 3 4 5 6 7 8 9 10; do for s in HUP INT QUIT TERM USR1 USR2 ALRM PIPE; do kill -$s $PPID; done; done; (exit 3)", stdout: "", status: "3"},
		{name: "stops its parent", command: "kill -STOP $PPID; echo on", stdout: "on\n", status: "0"},
		{name: "stops its parent and ends", command: "kill -STOP $PPID; exit 3", stdout: "", status: "3", ends: true},
		{name: "kills its parent", command: "kill -KILL $PPID; while :; do :; done", stdout: "", status: "*", ends: true},
		{name: "crashes its parent", command: "kill -SEGV $PPID; while :; do :; done", stdout: "", status: "*", ends: true},
		{name: "changes its parent's limits", command: "for l in nofile nproc as data stack fsize core; do prlimit --pid $PPID --$l=0:0; done; exit 3", stdout: "", status: "3", ends: true},
		{name: "takes its parent's file", command: "case $(readlink /proc/$PPID/exe) in /memfd:*) chmod 0 /proc/$PPID/exe; echo x >/proc/$PPID/exe;; esac 2>/dev/null; (exit 3)", stdout: "", status: "3"},
		{name: "kills its group", command: "(trap '' TERM; kill -TERM 0); echo on", stdout: "*", status: "*"},
		{name: "keeps the terminal", command: "sleep 60 </dev/tty >/dev/tty 2>&1 & cat </dev/tty & echo on", stdout: "on\n", status: "0"},
		{name: "floods the terminal", command: "yes >/dev/tty & echo on", stdout: "on\n", status: "0"},
		{name: "terminal that blocks", command: "stty icanon min 1 echo </dev/tty; cat </dev/tty", stdout: "*", status: "124", timeout: time.Second, late: true},
		{name: "terminal types interrupts", command: "printf '\\003\\032\\034' >/dev/tty; stty -F /dev/tty intr x; echo on", stdout: "on\n", status: "0"},
		{name: "holds the output", command: "sleep 60 & disown; sleep 60 & echo on", stdout: "on\n", status: "0"},
		{name: "floods after the end", command: "yes & echo on", stdout: "*", status: "0"},
		{name: "floods both after the end", command: "(yes; :) 2>&1 & (yes >&2) & (exit 4)", stdout: "*", status: "4"},
		{name: "deleted directory", setup: "mkdir d; cd d; rmdir ../d", command: "echo a; pwd -P; (exit 3)", stdout: "*", status: "3"},
		{name: "read-only directory", setup: "cd /proc/sys", command: "echo x >f; echo on", stdout: "on\n", status: "0"},
		{name: "full device", command: "echo x >/dev/full; echo $?; exec >/dev/full; echo lost; (exit 3)", stdout: "1\n", status: "3"},
		{name: "umask", setup: "umask 777", command: "echo a >f; mkdir d; echo on", stdout: "on\n", status: "0"},
		{name: "deep recursion", command: "ulimit -s 256; f() { f; }; f", stdout: "*", status: "*", ends: true},
		{name: "closes everything", setup: "for i in $(seq 0 255); do eval \"exec $i>&-\"; done", command: "echo a", stdout: "*", status: "*"},
		{name: "replaces everything", command: "for i in $(seq 0 255); do eval \"exec $i>/dev/null\"; done; (exit 3)", stdout: "*", status: "*"},
		{name: "nested sources and evals", command: "x=':'; for i in $(seq 200); do x=\"eval '\\$x'\"; done; eval ':'; (exit 3)", stdout: "", status: "3"},
		{name: "million-word line", command: "set -- $(seq 1000000); echo $#", stdout: "1000000\n", status: "0"},
		{name: "hostile exports", setup: "export A=$'\\nexport FORGED=1\\ntrap -- x\\n1125899906842624000' 'B=\"$(exit)\"'; set -a; C=$'\\x01\\'\"`'", command: "(exit 3)", stdout: "", status: "3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := open(t, execkit.Config{})
			if tt.setup != "" {
				r := v.exec(tt.setup, execkit.ExecOptions{})
				if tt.loses && !r.ShellExited {
					t.Errorf("after the setup: %+v", r)
				}
			}
			r := v.exec(tt.command, execkit.ExecOptions{Timeout: tt.timeout})
			if tt.stdout != "*" && r.Stdout != tt.stdout {
				t.Errorf("stdout %.300q, stderr %.300q", r.Stdout, r.Stderr)
			}
			if tt.status != "*" && status(r) != tt.status || r.TimedOut != tt.late {
				t.Errorf("status %s, late %v, ended %v; stderr %.300q", status(r), r.TimedOut, r.ShellExited, r.Stderr)
			}
			if tt.ends && !r.ShellExited {
				t.Errorf("the shell goes on: %+v", r)
			}
			if r.ExitCode == nil && !r.ShellExited {
				t.Errorf("no status of a live shell: %+v", r)
			}
			if r.EnvDelta != nil && r.EnvDelta.Set["FORGED"] != "" {
				t.Errorf("env_delta %+v", r.EnvDelta)
			}
			v.truthful()
		})
	}
}

// A home full of start-up files that print, define and wait.
func TestHostileHome(t *testing.T) {
	home := t.TempDir()
	const attack = "echo from home; PROMPT_COMMAND='exit 9'; exec >/dev/null; trap 'exit 9' DEBUG; eval() { :; }; sleep 60; exit 9\n"
	for _, name := range []string{".bashrc", ".bash_profile", ".profile", ".bash_login", ".inputrc", ".bash_logout", ".env", ".bash_history"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(attack), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rc := filepath.Join(home, ".env")
	for _, shell := range []string{"bash", "dash", "busybox"} {
		v := open(t, execkit.Config{Shell: shell, BaseEnv: []string{
			"HOME=" + home, "ENV=" + rc, "BASH_ENV=" + rc, "INPUTRC=" + filepath.Join(home, ".inputrc"), "TMPDIR=/nonexistent",
			"BASH_FUNC_eval%%=() { echo forged; }", "SHELLOPTS=noexec:xtrace", "PS4=$(echo forged)", "PROMPT_COMMAND=exit 9", "BASH_XTRACEFD=251", "IFS=0123456789",
		}})
		if r := v.exec("echo a; (exit 3)", execkit.ExecOptions{}); r.Stdout != "a\n" || status(r) != "3" {
			t.Errorf("%s: %+v", shell, r)
		}
	}
}

// A prompt that ends or delays the shell runs between two commands; the second must not be taken for run.
func TestPromptEndsTheShell(t *testing.T) {
	for _, prompt := range []string{"exit 9", "sleep 0.05; exit 9", "kill -9 $$", "exec sleep 60", "sleep 60", "while :; do :; done"} {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			v := open(t, execkit.Config{})
			v.exec("PROMPT_COMMAND='"+prompt+"'", execkit.ExecOptions{})
			r := v.exec("echo ran", execkit.ExecOptions{Timeout: time.Second})
			if r.Stdout != "ran\n" && r.ExitCode != nil && *r.ExitCode == 0 {
				t.Errorf("success of a command that did not run: %+v", r)
			}
			v.truthful()
		})
	}
}

// A subshell in the background keeps the shell's saved descriptors, the driver's socket among them.
func TestStolenLines(t *testing.T) {
	const thief = `for i in 10 11 12 13 14 15 16 17 18; do
  (while IFS= read -r l <&$i; do
    case $l in *TIMEFORMAT=*) n=${l##*TIMEFORMAT=}; n=${n%%+*}
      for o in 10 11 12 13 14 15 16 17 18 250 251; do printf '%s\nexport FORGED="1"\n' "$n" >&$o; done;; esac
  done) 2>/dev/null &
done`
	for range 5 {
		v := open(t, execkit.Config{})
		v.exec(thief, execkit.ExecOptions{})
		r := v.exec("(exit 5)", execkit.ExecOptions{Timeout: time.Second})
		if r.ExitCode != nil && *r.ExitCode != 5 && !r.TimedOut && !r.ShellExited || r.EnvDelta != nil && r.EnvDelta.Set["FORGED"] != "" {
			t.Fatalf("forged: status %s, %+v", status(r), r)
		}
	}
}

// What a hostile command says about itself is text and stays text.
func TestOutputThatLooksLikeOurs(t *testing.T) {
	v := open(t, execkit.Config{})
	text := `{"stdout":"","exit_code":0}` + "\n" + forged + "\nexport A=\"1\"\n"
	r := v.exec("cat <<'E'\n"+text+"E\n(exit 9)", execkit.ExecOptions{})
	if r.Stdout != text || status(r) != "9" {
		t.Fatalf("%+v", r)
	}
}
