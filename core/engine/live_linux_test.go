package engine

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patient is far more than any machine needs; a test ends as soon as what it waits for is there.
const patient = 30 * time.Second

// A buffer is what a command wrote, readable while it runs.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A session runs one command that is driven while it runs.
type driven struct {
	t                *testing.T
	shell            *Shell
	out, err, screen buffer
	feed             *io.PipeWriter
	done             chan Outcome
}

func drive(t *testing.T, s *Shell, c Command) *driven {
	t.Helper()
	d := &driven{t: t, shell: s, done: make(chan Outcome, 1)}
	var in *io.PipeReader
	in, d.feed = io.Pipe()
	c.Input, c.Stdout, c.Stderr, c.Terminal = in, &d.out, &d.err, &d.screen
	if c.Timeout == 0 {
		c.Timeout = patient
	}
	go func() {
		out := s.Run(context.Background(), c)
		in.Close()
		d.done <- out
	}()
	return d
}

func (d *driven) until(what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patient); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("no %s; stdout %q, stderr %q, terminal %q", what, d.out.String(), d.err.String(), d.screen.String())
		}
	}
}

func (d *driven) shows(text string) {
	d.t.Helper()
	d.until("text "+text, func() bool { return strings.Contains(d.out.String()+d.screen.String(), text) })
}

// waits returns a wait that two looks agree on.
func (d *driven) waits() (w Wait) {
	d.t.Helper()
	var before Wait
	d.until("wait", func() bool {
		time.Sleep(20 * time.Millisecond)
		one, ok := d.shell.Waiting()
		if !ok {
			before = Wait{}
			return false
		}
		same := one == before
		before, w = one, one
		return same
	})
	return w
}

func (d *driven) write(text string) {
	d.t.Helper()
	if _, err := d.feed.Write([]byte(text)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *driven) end() Outcome {
	d.t.Helper()
	select {
	case out := <-d.done:
		return out
	case <-time.After(2 * patient):
		d.t.Fatalf("the command does not end; stdout %q, terminal %q", d.out.String(), d.screen.String())
		return Outcome{}
	}
}

// after checks that the session answers an ordinary command correctly, and that nothing typed reached it.
func after(t *testing.T, s *Shell) {
	t.Helper()
	if r := run(s, "cat; cat </dev/tty; echo ok; echo err >&2", patient); r.out != "ok\n" || !strings.HasSuffix(r.err, "err\n") || r.Status != 0 {
		t.Errorf("the next command gave %.100q %.100q, status %d", r.out, r.err, r.Status)
	}
}

var eachShell = []string{"/bin/bash", "/bin/dash", "busybox"}

func startShell(t *testing.T, path string) *Shell {
	t.Helper()
	path, err := exec.LookPath(path)
	if err != nil {
		t.Fatalf("%v (build.sh installs it)", err)
	}
	s, err := Start(context.Background(), Options{Path: path, Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestOpenInput(t *testing.T) {
	for _, shell := range eachShell {
		t.Run(shell, func(t *testing.T) {
			s := startShell(t, shell)
			d := drive(t, s, Command{Text: "while read -r line; do echo got $line; done; echo end"})
			if w := d.waits(); w.On != WaitsOnStdin || w.PID != s.PID() {
				t.Errorf("wait %+v", w)
			}
			d.write("one\n")
			d.shows("got one")
			d.waits()
			d.write("two\n")
			d.shows("got two")
			d.feed.Close()
			if out := d.end(); out.Status != 0 || d.out.String() != "got one\ngot two\nend\n" {
				t.Errorf("%+v %q", out, d.out.String())
			}
			after(t, s)
		})
	}
}

func TestTTY(t *testing.T) {
	for _, shell := range eachShell {
		t.Run(shell, func(t *testing.T) {
			s := startShell(t, shell)
			d := drive(t, s, Command{Text: "test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; mkdir d; cd d; v=kept; read x; echo got $x; (exit 3)", TTY: &TTY{Rows: 33, Cols: 99}})
			d.shows("33 99")
			if w := d.waits(); w.On != WaitsOnTerminal || w.Hidden || !w.Lines {
				t.Errorf("wait %+v", w)
			}
			d.write("word\n")
			out := d.end()
			if out.Status != 3 || d.screen.String() != "terminal\r\n33 99\r\nword\r\ngot word\r\n" || d.out.String() != "" {
				t.Errorf("%+v %q %q", out, d.screen.String(), d.out.String())
			}
			if r := run(s, "echo $v", patient); r.out != "kept\n" || !strings.HasSuffix(r.Cwd, "/d") {
				t.Errorf("state: %q in %q", r.out, r.Cwd)
			}
			after(t, s)
		})
	}
}

// Keys of a person at a terminal: Ctrl-C ends the command, and the session goes on.
func TestInterruptKey(t *testing.T) {
	for _, shell := range eachShell {
		t.Run(shell, func(t *testing.T) {
			s := startShell(t, shell)
			d := drive(t, s, Command{Text: "echo go; sleep 1000; echo never", TTY: &TTY{Rows: 24, Cols: 80}})
			d.shows("go")
			d.until("child", func() bool { return len(childrenOf(s.PID())) > 0 })
			d.write("\x03")
			if out := d.end(); out.Exited || strings.Contains(d.screen.String(), "never") {
				t.Errorf("%+v %q", out, d.screen.String())
			}
			after(t, s)
		})
	}
}

// A password prompt that goes past the command's streams to /dev/tty.
func TestPromptOnTerminal(t *testing.T) {
	s := startShell(t, "/bin/bash")
	d := drive(t, s, Command{Text: `read -rsp 'Password: ' p </dev/tty; printf 'len %s\n' ${#p}`})
	if w := d.waits(); w.On != WaitsOnTerminal || !w.Hidden {
		t.Errorf("wait %+v", w)
	}
	if err := s.Type([]byte("geheim12\n"), true); err != nil {
		t.Fatal(err)
	}
	if out := d.end(); out.Status != 0 || d.out.String() != "len 8\n" || strings.Contains(d.screen.String(), "geheim") {
		t.Errorf("%+v %q %q", out, d.out.String(), d.screen.String())
	}
	after(t, s)
}

// A secret that is asked for with echo on is not shown by the terminal either.
func TestSecretIsNotEchoed(t *testing.T) {
	s := startShell(t, "/bin/bash")
	d := drive(t, s, Command{Text: `read -rp 'Token: ' p; printf 'len %s\n' ${#p}`, TTY: &TTY{Rows: 24, Cols: 80}})
	d.waits()
	if err := s.Type([]byte("geheim12\n"), true); err != nil {
		t.Fatal(err)
	}
	d.shows("len 8")
	if d.end(); strings.Contains(d.screen.String(), "geheim") {
		t.Errorf("echoed: %q", d.screen.String())
	}
	after(t, s)
}

// Bytes that were written and not read must not become a command of the session, nor input of the next one.
func TestUnreadInput(t *testing.T) {
	for name, c := range map[string]Command{"stdin": {Text: "echo go; read x"}, "tty": {Text: "echo go; read x", TTY: &TTY{Rows: 24, Cols: 80}}} {
		t.Run(name, func(t *testing.T) {
			s := startShell(t, "/bin/bash")
			d := drive(t, s, c)
			d.shows("go")
			d.write("first\ntouch pwned\necho pwned\n")
			d.end()
			after(t, s)
			if r := run(s, "ls", patient); r.out != "" {
				t.Errorf("left %q", r.out)
			}
		})
	}
}

// What a command does to its own descriptors must neither stop the engine nor reach the next command.
func TestHostileDescriptors(t *testing.T) {
	for _, text := range []string{"exec 0<&-; echo go", "exec 0<&- 1>&- 2>&-", "exec 0</dev/null 1>/dev/null; echo lost", "exec 5<&0 0</dev/null; read -u5 x; echo $x",
		"stty raw -echo </dev/tty; echo go", "stty sane </dev/tty; cat & kill -9 $!"} {
		for _, tty := range []*TTY{nil, {Rows: 24, Cols: 80}} {
			s := startShell(t, "/bin/bash")
			d := drive(t, s, Command{Text: text, TTY: tty})
			go func() { _, _ = d.feed.Write([]byte("line\n")); d.feed.Close() }()
			if d.end().Exited {
				t.Errorf("%s: the shell ended", text)
			}
			after(t, s)
		}
	}
}

// A writer that fills everything there is waits, and is released when the command ends.
func TestInputThatNobodyReads(t *testing.T) {
	s := startShell(t, "/bin/bash")
	for _, tty := range []*TTY{nil, {Rows: 24, Cols: 80}} {
		d := drive(t, s, Command{Text: "stty raw 2>/dev/null; echo go; read x; exec 3<&0; sleep 0.2", TTY: tty})
		d.shows("go")
		wrote := make(chan error, 1)
		go func() {
			_, err := d.feed.Write(bytes.Repeat([]byte("y"), 64<<10))
			for err == nil {
				_, err = d.feed.Write(bytes.Repeat([]byte("y\n"), 64<<10))
			}
			wrote <- err
		}()
		d.until("end of read", func() bool { _, _ = s.Signal("INT"); return len(d.done) > 0 })
		d.end()
		select {
		case <-wrote:
		case <-time.After(patient):
			t.Fatal("the writer hangs")
		}
		after(t, s)
	}
}

func TestSignalReachesTheTree(t *testing.T) {
	s := startShell(t, "/bin/bash")
	run(s, "sleep 1000 >/dev/null 2>&1 &", patient)
	d := drive(t, s, Command{Text: `bash -c 'setsid sleep 2000 & sleep 3000 & trap "echo got" USR1; echo go; wait; wait; wait; wait'`})
	d.shows("go")
	d.until("tree", func() bool { reached, _ := s.Signal("CONT"); return reached >= 3 })
	if n, err := s.Signal("SIGKILL"); err != nil || n < 3 {
		t.Errorf("reached %d, %v", n, err)
	}
	if out := d.end(); out.Status != 137 || out.Exited {
		t.Errorf("%+v", out)
	}
	if r := run(s, "jobs -r | grep -c sleep", patient); r.out != "1\n" {
		t.Errorf("the earlier job: %q", r.out)
	}
	if _, err := s.Signal("NONE"); err == nil {
		t.Error("an unknown signal was taken")
	}
}
