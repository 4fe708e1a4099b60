package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// settings of the terminal, which the host's side of it shows too.
func settings(t *testing.T, tty *os.File) (s unix.Termios) {
	t.Helper()
	if err := control(tty, func(fd int) error {
		now, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			s = *now
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

// a command that answers on its terminal: it tells its size, shows what it should not, and leaves.
const answering = `stty size; printf 'key \033[1m%s\n' AKIAQ3EGRIPZ7""WNLX5TD; echo re""ady; while read -r x; do case $x in size) stty size;; leave) exit 7;; esac; done`

func TestExecOnATerminal(t *testing.T) {
	size := func(rows, cols uint16) func(*exec.Cmd) {
		return func(c *exec.Cmd) {
			if err := pty.Setsize(c.Stdin.(*os.File), &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("size, secrets, input and status", func(t *testing.T) {
		var before unix.Termios
		tty, wait := onTerminal(t, func(c *exec.Cmd) {
			size(31, 91)(c)
			before = settings(t, c.Stdin.(*os.File))
		}, "exec", "--tty", "--", answering)
		if said := until(t, tty, "ready"); !strings.HasPrefix(said, "31 91\r\n") || !strings.Contains(said, "key [REDACTED]\r\n") {
			t.Errorf("%q", said)
		}
		if now := settings(t, tty); now == before {
			t.Error("the terminal still takes lines")
		}
		_, _ = io.WriteString(tty, "leave\n")
		if status := wait(); status != 7 {
			t.Error(status)
		}
		if now := settings(t, tty); now != before {
			t.Errorf("the terminal is left as %+v, was %+v", now, before)
		}
	})
	t.Run("a new size", func(t *testing.T) {
		tty, wait := onTerminal(t, size(24, 80), "exec", "--tty", "--", answering)
		until(t, tty, "ready")
		if err := pty.Setsize(tty, &pty.Winsize{Rows: 600, Cols: 97}); err != nil {
			t.Fatal(err)
		}
		for said := ""; !strings.Contains(said, "500 97\r\n"); { // the most that a session's terminal has
			_, _ = io.WriteString(tty, "size\n")
			b := make([]byte, 4096)
			n, err := tty.Read(b)
			if said += string(b[:n]); err != nil {
				t.Fatalf("%v after %q", err, said)
			}
		}
		_, _ = io.WriteString(tty, "\x04")
		if status := wait(); status != 0 {
			t.Error(status)
		}
	})
	t.Run("Ctrl-C is the program's", func(t *testing.T) {
		tty, wait := onTerminal(t, func(*exec.Cmd) {}, "exec", "--tty", "--", `bash -c 'trap "echo caught; exit 9" INT; echo re""ady; while :; do sleep 0.1; done'`)
		until(t, tty, "ready")
		_, _ = io.WriteString(tty, "\x03")
		until(t, tty, "caught")
		if status := wait(); status != 9 {
			t.Error(status)
		}
	})
	t.Run("a full screen that is ended leaves the terminal usable", func(t *testing.T) {
		var before unix.Termios
		tty, wait := onTerminal(t, func(c *exec.Cmd) { before = settings(t, c.Stdin.(*os.File)) },
			"exec", "--tty", "--timeout", "1", "--", `printf '\033[?1049h\033[?25l\033[5;5Hdrawn'; sleep 100`)
		said := until(t, tty, "deadline")
		if !strings.Contains(said, "\x1b[?1049h\x1b[?25l\x1b[5;5Hdrawn") || !strings.Contains(said, "\x1b[?25h\x1b[?1049l") {
			t.Errorf("%q", said)
		}
		if status := wait(); status != 124 {
			t.Error(status)
		}
		if now := settings(t, tty); now != before {
			t.Errorf("the terminal is left as %+v", now)
		}
	})
	t.Run("a termination restores the terminal", func(t *testing.T) {
		var before unix.Termios
		var started *exec.Cmd
		tty, wait := onTerminal(t, func(c *exec.Cmd) { started, before = c, settings(t, c.Stdin.(*os.File)) }, "exec", "--tty", "--", "echo re\"\"ady; sleep 100")
		until(t, tty, "ready")
		_ = started.Process.Signal(syscall.SIGTERM)
		if status := wait(); status != exitInterrupted {
			t.Error(status)
		}
		if now := settings(t, tty); now != before {
			t.Errorf("the terminal is left as %+v", now)
		}
	})
	t.Run("a question comes first", func(t *testing.T) {
		tty, wait := onTerminal(t, func(*exec.Cmd) {}, "exec", "--tty", "--", `rm -rf /nonexistent/x; echo re""ady; read -r x; echo "got $x"`)
		until(t, tty, "refuse: ")
		_, _ = io.WriteString(tty, "yes\n")
		until(t, tty, "ready")
		_, _ = io.WriteString(tty, "word\n")
		until(t, tty, "got word")
		if status := wait(); status != 0 {
			t.Error(status)
		}
	})
	t.Run("what is typed is in no log", func(t *testing.T) {
		log := t.TempDir() + "/audit.jsonl"
		tty, wait := onTerminal(t, func(*exec.Cmd) {}, "exec", "--tty", "--audit", log, "--", `read -rsp 'Password: ' x; echo "${#x} characters"`)
		until(t, tty, "Password: ")
		_, _ = io.WriteString(tty, "pass-word-1\n")
		until(t, tty, "11 characters")
		if status := wait(); status != 0 {
			t.Error(status)
		}
		b, err := os.ReadFile(log)
		if err != nil || strings.Contains(string(b), "pass-word") || !strings.Contains(string(b), `"input"`) {
			t.Errorf("%v %s", err, b)
		}
	})
}

func TestTerminalThatIsNone(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, tt := range []struct {
		stdin io.Reader
		args  []string
		want  string
	}{
		{strings.NewReader(""), []string{"--tty", "--", "cat"}, "standard input is none"},
		{null, []string{"--tty", "--", "cat"}, "standard input is none"},
		{null, []string{"--tty"}, "no command"},
		{null, []string{"--tty", "--max-lines", "3", "--", "cat"}, "cannot be shortened"},
		{null, []string{"--tty", "--json", "--", "cat"}, "prints a result"},
	} {
		var stdout, stderr bytes.Buffer
		a := &app{ctx: t.Context(), stdin: tt.stdin, stdout: &stdout, stderr: &stderr, terminal: noTerminal}
		if status := run(a, append([]string{"exec"}, tt.args...)); status != exitFailure || !strings.Contains(stdout.String()+stderr.String(), tt.want) {
			t.Errorf("%v: %d %s", tt.args, status, fmt.Sprint(stdout.String(), stderr.String()))
		}
	}
}
