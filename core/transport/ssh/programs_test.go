package ssh_test

import (
	"context"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// A turn waits until the screen shows a text, and then types.
type turn struct{ shows, types string } // "key:NAME" is a named key

// dialogues are driven to a stated end: the last text is on the screen or in the output then.
var dialogues = []struct {
	program, command string
	turns            []turn
	said             string
}{
	{"python3", "python3 -q", []turn{{">>>", "print(6*7)\n"}, {"\n42", "exit(3)\n"}}, "42"},
	{"python3", "python3 -c 'import getpass; print(len(getpass.getpass()))'", []turn{{"Password:", "secret7\n"}}, "\n7\n"},
	{"node", "node", []turn{{">", "6*7\n"}, {"\n42", ".exit\n"}}, "42"},
	{"bash", "PS1='bash> ' bash --norc", []turn{{"bash>", "echo $((6*7))\n"}, {"\n42", "exit\n"}}, "42"},
	{"bash", "read -rn1 -p 'Continue? [y/N] ' a; echo; echo got $a", []turn{{"[y/N]", "y"}}, "got y"},
	{"bash", "select a in one two; do echo chose $a; break; done", []turn{{"#?", "2\n"}}, "chose two"},
	{"dash", "PS1='dash> ' dash", []turn{{"dash>", "echo $((6*7))\n"}, {"\n42", "exit\n"}}, "42"},
	{"busybox", "busybox vi f", []turn{{"~", "iword"}, {"I f", "key:escape"}, {"- f", ":wq\n"}}, ""},
	{"rm", "touch f; rm -i f; ls | wc -l", []turn{{"remove", "y\n"}}, "0\n"},
	{"cat", "cat", []turn{{"", "line\n"}, {"line\nline", "key:ctrl-d"}}, "line\nline"},
	{"sort", "echo begin; sort", []turn{{"begin", "b\na\n"}, {"b\na", "key:ctrl-d"}}, "a\nb\n"},
	{"perl", `perl -e '$|=1; print "Name? "; $_=<STDIN>; chomp; print "$_$_\n"'`, []turn{{"Name?", "ab\n"}}, "abab"},
	{"bc", "echo begin; bc -q", []turn{{"begin", "6*7\n"}, {"\n42", "quit\n"}}, "42"},
	{"dc", "echo begin; dc", []turn{{"begin", "6 7*p\n"}, {"\n42", "q\n"}}, "42"},
	{"ed", "ed -p '*' f", []turn{{"*", "a\nword\n.\nw\nq\n"}}, "*5\n"},
	{"sqlite3", "sqlite3", []turn{{"sqlite>", "select 6*7;\n"}, {"\n42", ".quit\n"}}, "42"},
	{"vim", "vim -u NONE -n f; cat f", []turn{{"~", "iword"}, {"word", "key:escape"}, {"word", ":wq\n"}}, "word"},
	{"less", "seq 1000 >f; less f", []turn{{"23", "G"}, {"1000", "q"}}, "1000"},
	{"top", "top -d 60; echo over", []turn{{"PID", "q"}}, "over"},
	{"gdb", "gdb -q -nx", []turn{{"(gdb)", "print 6*7\n"}, {"= 42", "quit\n"}}, "42"},
	{"nano", "nano -I f; cat f", []turn{{"^X", "word"}, {"word", "key:ctrl-o"}, {"Write", "key:enter"}, {"Wrote", "key:ctrl-x"}}, "word"},
	{"fzf", "seq 30 | fzf", []turn{{"30/30", "17"}, {"1/30", "key:enter"}}, "17"},
	{"tclsh", "tclsh", []turn{{"%", "puts [expr 6*7]\n"}, {"\n42", "exit\n"}}, "42"},
}

func TestInteractivePrograms(t *testing.T) {
	t.Parallel()
	c := configFor(sshtest.Start(t, sshtest.Options{}))
	var err error
	// What is typed into a program is no command that a policy reads.
	if c.Policy, err = execkit.LoadPolicy([]byte(`{"default":"allow","intercept":"off","interactive":true}`)); err != nil {
		t.Fatal(err)
	}
	s := open(t, c)
	drove := 0
	for _, p := range dialogues {
		if _, err := osexec.LookPath(p.program); err != nil {
			t.Logf("%s is not installed", p.program)
			continue
		}
		drove++
		begin := time.Now()
		exec(t, s, "cd "+t.TempDir())
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		r, err := s.Start(ctx, p.command, execkit.ExecOptions{TTY: &execkit.TTY{}, Timeout: patience})
		if err != nil {
			t.Fatalf("%s: %v", p.command, err)
		}
		for _, turn := range p.turns {
			screen := func() string {
				m, err := r.Screen()
				if err != nil {
					t.Fatal(err)
				}
				return strings.Join(m.Lines(), "\n")
			}
			for !strings.Contains(screen(), turn.shows) {
				// What a program draws is no event in itself.
				look, end := context.WithTimeout(ctx, 50*time.Millisecond)
				_, done := r.Events(look, 0)
				if end(); done || ctx.Err() != nil {
					break
				}
			}
			if now := screen(); !strings.Contains(now, turn.shows) {
				t.Fatalf("%s: never showed %q: %q", p.command, turn.shows, strings.TrimRight(now, "\n"))
			}
			if name, ok := strings.CutPrefix(turn.types, "key:"); ok {
				err = r.Keys(ctx, name)
			} else {
				err = r.Write(ctx, []byte(turn.types), execkit.WriteOptions{})
			}
			if err != nil {
				t.Fatalf("%s: %v", p.command, err)
			}
		}
		result, err := r.Wait(ctx)
		t.Logf("%s: %v", p.command, time.Since(begin).Round(time.Millisecond))
		if cancel(); err != nil || result.TimedOut || !strings.Contains(result.Stdout, p.said) {
			t.Errorf("%s: never said %q: %+v %v", p.command, p.said, result, err)
		}
	}
	t.Logf("%d programs driven to their end", drove)
	if os.Getenv("EXECKIT_PROGRAMS") != "" && drove < len(dialogues) {
		t.Errorf("%d of %d programs are installed; build.sh installs them", drove, len(dialogues))
	}
}

// With raw, the events of a terminal over there are what another terminal needs; a secret is not among them.
func TestRawTerminal(t *testing.T) {
	t.Parallel()
	s := open(t, configFor(sshtest.Start(t, sshtest.Options{})))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := s.Start(ctx, `printf '\033[31mred\033[m\nkey %s.\n' AKIAQ3EGRIPZ7""WNLX5TD; read -r x; stty size; exit 3`,
		execkit.ExecOptions{Raw: true, TTY: &execkit.TTY{Rows: 10, Cols: 60}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	var out string
	wrote := false
	for e := range r.All(ctx) {
		if e.Type == "tty" {
			out += e.Data
		}
		if strings.Contains(out, "key") && !wrote {
			wrote = true
			if err := r.Resize(execkit.TTY{Rows: 12, Cols: 61}); err != nil {
				t.Fatal(err)
			}
			if err := r.Write(ctx, []byte("word\n"), execkit.WriteOptions{Private: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !strings.HasPrefix(out, "\x1b[31mred\x1b[m\r\n") || !strings.Contains(out, "key [REDACTED].\r\n") || !strings.Contains(out, "word\r\n12 61\r\n") || strings.Contains(out, "AKIAQ3EGRIPZ7WNLX5TD") {
		t.Errorf("%q", out)
	}
	if result, err := r.Wait(ctx); err != nil || *result.ExitCode != 3 {
		t.Errorf("%+v %v", result, err)
	}
}
