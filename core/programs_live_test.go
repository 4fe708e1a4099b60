package execkit_test

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// A dialogue drives one program to a stated end: it is waited for, then answered, in turn; the last words are then in its
// output or on its screen.
type dialogue struct {
	program, command string
	pipe             bool     // on open input and not on a terminal
	answers          []string // "key:NAME" is a named key, "secret:TEXT" answers for a password
	said             string   // what must have been said in the end
	kind             string   // of the first wait, or of the first ones, apart by spaces; "" for any
}

var dialogues = []dialogue{
	{program: "python3", command: "python3 -q", answers: []string{"print(6*7)\n", "exit(3)\n"}, said: "42", kind: "repl"},
	{program: "python3", command: "python3 -c 'print(input(\"Name? \")*2)'", answers: []string{"ab\n"}, said: "abab"},
	{program: "python3", command: "python3 -c 'import getpass; print(len(getpass.getpass()))'", answers: []string{"secret7\n"}, said: "7", kind: "password"},
	{program: "python3", command: "python3 -u -c 'print(input(\"Name? \")*2)'", pipe: true, answers: []string{"ab\n"}, said: "abab"},
	{program: "node", command: "node", answers: []string{"6*7\n", ".exit\n"}, said: "42", kind: "repl"},
	{program: "node", command: `node -e 'require("readline").createInterface({input:process.stdin,output:process.stdout}).question("Name? ",a=>{console.log(a+a);process.exit()})'`, answers: []string{"ab\n"}, said: "abab"},
	{program: "bash", command: "bash --norc", answers: []string{"echo $((6*7))\n", "exit\n"}, said: "42"},
	{program: "bash", command: "bash --norc --noediting", pipe: true, answers: []string{"echo $((6*7))\n", "exit\n"}, said: "42"},
	{program: "bash", command: "read -rp 'Name? ' a; echo $a$a", answers: []string{"ab\n"}, said: "abab"},
	{program: "bash", command: "read -rsp 'Password: ' a; echo len ${#a}", answers: []string{"12345\n"}, said: "len 5", kind: "password"},
	{program: "bash", command: "read -rn1 -p 'Continue? [y/N] ' a; echo got $a", answers: []string{"y"}, said: "got y", kind: "confirm"},
	{program: "bash", command: "select a in one two; do echo chose $a; break; done", answers: []string{"2\n"}, said: "chose two"},
	{program: "dash", command: "dash", answers: []string{"echo $((6*7))\n", "exit\n"}, said: "42"},
	{program: "busybox", command: "busybox sh", answers: []string{"echo $((6*7))\n", "exit\n"}, said: "42"},
	{program: "busybox", command: "busybox vi f", answers: []string{"iword", "key:escape", ":wq\n"}, said: ""},
	{program: "sh", command: "rm -i f 2>/dev/tty; touch f; rm -i f; ls", answers: []string{"y\n"}, said: "f"},
	{program: "sh", command: "touch a b; cp -i a b; echo done", answers: []string{"n\n"}, said: "done"},
	{program: "cat", command: "cat", answers: []string{"line\n", "key:ctrl-d"}, said: "line\nline"},
	{program: "cat", command: "cat | tr a-z A-Z", pipe: true, answers: []string{"line\n", "close"}, said: "LINE"},
	{program: "sort", command: "sort", answers: []string{"b\na\n", "key:ctrl-d"}, said: "a\nb"},
	{program: "perl", command: `perl -e '$|=1; print "Name? "; $_=<STDIN>; chomp; print "$_$_\n"'`, answers: []string{"ab\n"}, said: "abab"},
	{program: "bc", command: "bc -q", answers: []string{"6*7\n", "quit\n"}, said: "42"},
	{program: "dc", command: "dc", answers: []string{"6 7*p\n", "q\n"}, said: "42"},
	{program: "ed", command: "ed -p '*' f", answers: []string{"a\nword\n.\nw\nq\n"}, said: "5"},
	{program: "sqlite3", command: "sqlite3", answers: []string{"select 6*7;\n", ".quit\n"}, said: "42", kind: "repl"},
	{program: "vim", command: "vim -u NONE -n f", answers: []string{"iword", "key:escape", ":wq\n"}, said: ""},
	{program: "less", command: "seq 1000 >f; less f", answers: []string{"G", "q"}, said: "1000"},
	{program: "top", command: "top -b -n1 >/dev/null; top -d 60", answers: []string{"q"}, said: ""},
	{program: "gdb", command: "gdb -q -nx", answers: []string{"print 6*7\n", "quit\n"}, said: "42"},
	{program: "nano", command: "nano -I f", answers: []string{"word", "key:ctrl-o", "key:enter", "key:ctrl-x"}, said: ""},
	{program: "fzf", command: "seq 30 | fzf", answers: []string{"17", "key:enter"}, said: "17"},
	{program: "setsid", command: "bash -c 'setsid -w bash -c \"read -rsp \\\"Password: \\\" a; echo len \\${#a}\"'", answers: []string{"12345\n"}, said: "len 5", kind: "password"},
	{program: "tclsh", command: "tclsh", answers: []string{"puts [expr 6*7]\n", "exit\n"}, said: "42"},
}

// TestInteractivePrograms drives real programs on a terminal and on open input. Those that are not installed are named:
// build.sh installs them, and at least 30 have to be there.
func TestInteractivePrograms(t *testing.T) {
	drove, waited := 0, 0
	for _, d := range dialogues {
		if _, err := osexec.LookPath(d.program); err != nil {
			t.Logf("%s is not installed", d.program)
			continue
		}
		drove++
		t.Run(strings.Fields(d.command)[0], func(t *testing.T) {
			waited += d.drive(t)
		})
	}
	t.Logf("%d programs driven to their end, %d waits found", drove, waited)
	if os.Getenv("EXECKIT_PROGRAMS") != "" && drove < 30 {
		t.Errorf("%d programs are too few; build.sh installs them", drove)
	}
}

// drive runs the program to its end and returns how many times it was waited for.
func (d dialogue) drive(t *testing.T) (waits int) {
	t.Helper()
	s := open(t, execkit.Config{Policy: trusting(t)})
	o := execkit.ExecOptions{Timeout: patience}
	if d.pipe {
		o.StdinOpen = true
	} else {
		o.TTY = &execkit.TTY{}
	}
	kinds := strings.Fields(d.kind)
	f := startLive(t, s, d.command, o)
	for i, answer := range d.answers {
		begin := time.Now()
		w := f.wait()
		t.Logf("%s waits after %v: %s %q", d.command, time.Since(begin).Round(time.Millisecond), w.Kind, w.Prompt)
		if i < len(kinds) && w.Kind != kinds[i] {
			t.Errorf("%s: a wait of kind %s, want %s (%q)", d.command, w.Kind, kinds[i], w.Prompt)
		}
		if err := d.answer(f.r, answer); err != nil {
			t.Fatal(err)
		}
	}
	r := f.end()
	all := r.Stdout + f.text["stdout"] + f.text["tty"]
	if !strings.Contains(all, d.said) {
		t.Errorf("%s: never said %q: %q", d.command, d.said, all)
	}
	for _, answer := range d.answers {
		if secret, ok := strings.CutPrefix(answer, "secret:"); ok && strings.Contains(all, strings.TrimSpace(secret)) {
			t.Errorf("%s: the secret was shown: %q", d.command, all)
		}
	}
	return len(d.answers)
}

func (d dialogue) answer(r *execkit.Running, answer string) error {
	ctx := context.Background()
	if name, ok := strings.CutPrefix(answer, "key:"); ok {
		return r.Keys(ctx, name)
	}
	if secret, ok := strings.CutPrefix(answer, "secret:"); ok {
		return r.Write(ctx, []byte(secret), execkit.WriteOptions{Secret: true})
	}
	if answer == "close" {
		return r.CloseStdin(ctx)
	}
	o := execkit.WriteOptions{}
	if w := r.Waiting(); w != nil {
		o.To = w.On
	}
	return r.Write(ctx, []byte(answer), o)
}

// Output that looks like a prompt of a command that does not wait is never reported: 200 of them.
func TestPromptsThatAreNone(t *testing.T) {
	prompts := []string{"Password: ", "[sudo] password for root: ", "Enter passphrase for key '/root/.ssh/id_rsa': ", "Continue? [y/N] ", "Are you sure (yes/no)? ",
		">>> ", "> ", "$ ", "mysql> ", "(gdb) ", "Username for 'https://example.org': ", "Do you want to continue? [Y/n] ", "login: ", "--More--", "Press any key to continue . . .",
		"Overwrite existing file? (y/n) ", "sqlite> ", "irb(main):001:0> ", "Select an option: ", "Token: "}
	busy := []string{"sleep 0.3", "read -rt 0.3 x < <(sleep 1)", "for i in 1 2 3 4; do sleep 0.1; printf .; done", "(sleep 0.3 | cat)", "bash -c 'sleep 0.3; :'",
		"timeout 0.3 tail -f /dev/null", "sleep 0.3 & wait", "tail -c0 -f /dev/null & sleep 0.3; kill $!", "for ((i=0; i<100000; i++)); do :; done", "sh -c 'sleep 0.2; sleep 0.2'"}
	for i, prompt := range prompts {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			s := open(t, execkit.Config{Policy: trusting(t)})
			for j, work := range busy {
				o := execkit.ExecOptions{TTY: &execkit.TTY{}}
				if (i+j)%2 == 0 {
					o = execkit.ExecOptions{StdinOpen: true}
				}
				f := startLive(t, s, fmt.Sprintf("printf %%s %s; %s", "'"+strings.ReplaceAll(prompt, "'", `'\''`)+"'", work), o)
				if f.end(); len(f.waits) > 0 {
					t.Errorf("%q, %s: %+v", prompt, work, f.waits)
				}
			}
		})
	}
	t.Logf("%d prompt-like outputs", len(prompts)*len(busy))
}
