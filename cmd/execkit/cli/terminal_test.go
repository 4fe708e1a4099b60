package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

func noTerminal() (io.ReadWriteCloser, error) { return nil, errNoTerminal }

// paper is a terminal with a person who has written down the answers.
type paper struct {
	io.Reader
	shown bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) { return p.shown.Write(b) }
func (*paper) Close() error                  { return nil }

func TestAskingAtTheTerminal(t *testing.T) {
	const severe = "rm -rf d; echo ran"
	const mild = "pkill -f nonexistent-zzz; echo ran"
	for _, tt := range []struct {
		name, command, typed, stdin, stdout, stderr string
		status                                      int
	}{
		{name: "yes", command: severe, typed: "yes\n", stdout: "ran\n"},
		{name: "y is too short for what is severe", command: severe, typed: "y\n", status: 126, stderr: "did not approve"},
		{name: "y", command: mild, typed: "y\n", stdout: "ran\n"},
		{name: "Enter", command: mild, typed: "\n", status: 126},
		{name: "no", command: mild, typed: "n\nyes\ny\n", status: 126},
		{name: "cut off", command: severe, typed: "yes", status: 126},
		{name: "end of file", command: severe, typed: "", status: 126},
		{name: "standard input is no answer", command: severe, typed: "", stdin: "yes\nyes\n", status: 126},
		{name: "edit", command: severe, typed: "e\necho other\n", stdout: "other\n"},
		{name: "edit to nothing", command: severe, typed: "e\n\nyes\n", status: 126},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			tty := &paper{Reader: strings.NewReader(tt.typed)}
			a := &app{ctx: t.Context(), stdin: strings.NewReader(tt.stdin), stdout: &stdout, stderr: &stderr,
				terminal: func() (io.ReadWriteCloser, error) { return tty, nil }}
			status := run(a, []string{"exec", "--cwd", dir, "--", tt.command})
			if status != tt.status || stdout.String() != tt.stdout || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("%d %q %q", status, stdout.String(), stderr.String())
			}
			if !strings.Contains(tty.shown.String(), tt.command) {
				t.Errorf("%q", tty.shown.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "d")); (err != nil) != (tt.stdout == "ran\n" && tt.command == severe) {
				t.Error(err)
			}
		})
	}
}

// TestMain lets the test binary stand for execkit, so that one can run under a terminal of its own.
func TestMain(m *testing.M) {
	if os.Getenv("EXECKIT_TEST_MAIN") != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// onTerminal starts execkit with a controlling terminal and the streams of prepare; nil streams are the terminal.
func onTerminal(t *testing.T, prepare func(*exec.Cmd), args ...string) (tty *os.File, wait func() int) {
	t.Helper()
	tty, there, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "EXECKIT_TEST_MAIN=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = there, there, there
	cmd.ExtraFiles = []*os.File{there}
	prepare(cmd)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = tty.Close() })
	return tty, func() int { _ = cmd.Wait(); return cmd.ProcessState.ExitCode() }
}

// until reads the terminal until it shows text, and returns all that it showed.
func until(t *testing.T, tty *os.File, text string) string {
	t.Helper()
	var seen []byte
	for !strings.Contains(string(seen), text) {
		b := make([]byte, 4096)
		n, err := tty.Read(b)
		if seen = append(seen, b[:n]...); err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
	}
	return string(seen)
}

func TestRealTerminal(t *testing.T) {
	t.Run("the person answers although input and output are pipes", func(t *testing.T) {
		var out bytes.Buffer
		tty, wait := onTerminal(t, func(c *exec.Cmd) { c.Stdin, c.Stdout = strings.NewReader("no\n"), &out }, "exec", "--", "rm -rf /nonexistent/x; cat")
		until(t, tty, "refuse: ")
		_, _ = io.WriteString(tty, "yes\n")
		if status := wait(); status != 0 || out.String() != "no\n" {
			t.Errorf("%d %q", status, out.String())
		}
	})
	t.Run("what was typed before the question is no answer, and the shell goes on", func(t *testing.T) {
		tty, wait := onTerminal(t, func(*exec.Cmd) {}, "shell")
		until(t, tty, "execkit> ")
		_, _ = io.WriteString(tty, "sleep 0.3; rm -rf /nonexistent/x\nyes\nyes\n")
		until(t, tty, "refuse: ")
		_, _ = io.WriteString(tty, "no\n")
		until(t, tty, "did not approve")
		_, _ = io.WriteString(tty, "rm -rf /nonexistent/x; echo it-\"\"ran; exit 4\n")
		until(t, tty, "refuse: ")
		_, _ = io.WriteString(tty, "yes\n")
		until(t, tty, "it-ran")
		if status := wait(); status != 4 {
			t.Error(status)
		}
	})
	t.Run("an interrupt ends the question", func(t *testing.T) {
		tty, wait := onTerminal(t, func(*exec.Cmd) {}, "exec", "--", "rm -rf /nonexistent/x")
		until(t, tty, "refuse: ")
		_, _ = io.WriteString(tty, "\x03")
		if status := wait(); status != exitInterrupted {
			t.Error(status)
		}
	})
}
