package cli

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// What a server asks is asked at the terminal, by a process of an account that has a configuration of its own.
func TestQuestionsAtTheTerminal(t *testing.T) {
	server := sshtest.Start(t, sshtest.Options{Config: "PasswordAuthentication yes\nLoginGraceTime 600"})
	account := sshtest.NewAccount(t, "bash")
	program := ownProgram(t, account, fmt.Sprintf("Host box\n  HostName 127.0.0.1\n  Port %d\n  StrictHostKeyChecking ask\n  ConnectTimeout 60\n", server.Port))
	start := func(t *testing.T, args ...string) *sitting {
		return sit(t, program, append([]string{"exec", "--transport", "ssh://box"}, args...)...)
	}
	t.Run("an unknown host, refused", func(t *testing.T) {
		s := start(t, "--", "echo far")
		s.until("asks", server.Fingerprint("ed25519"), "from now on: ")
		s.enter("no\n")
		if status := s.end(); status != exitFailure || !strings.Contains(s.seen, "not known") {
			t.Errorf("%d %q", status, s.seen)
		}
	})
	t.Run("an unknown host, and a password that is not shown", func(t *testing.T) {
		s := start(t, "--", "echo fa''r")
		s.until("from now on: ")
		s.enter("yes\n")
		s.until("assword", ": ")
		if s.shows() {
			t.Error("the terminal shows what is typed")
		}
		s.enter(account.Password + "\n")
		status := s.end()
		if status != 0 || !strings.Contains(s.seen, "far") || strings.Contains(s.seen, account.Password) || !s.shows() {
			t.Errorf("%d %q", status, s.seen)
		}
	})
	t.Run("an interrupt", func(t *testing.T) {
		s := start(t, "--", "echo far")
		s.until("assword", ": ")
		s.enter("\x03")
		if status := s.end(); status != exitInterrupted || !s.shows() {
			t.Errorf("%d %q, shows %v", status, s.seen, s.shows())
		}
	})
	t.Run("no terminal", func(t *testing.T) {
		cmd := exec.Command(program.path, "exec", "--transport", "ssh://box", "--", "echo far")
		program.prepare(cmd)
		cmd.SysProcAttr.Setsid = true
		cmd.Stdin = strings.NewReader(account.Password + "\n") // is no answer
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != exitFailure || !strings.Contains(string(out), "at a terminal") {
			t.Errorf("%d %q", status, out)
		}
	})
}

// A command on a terminal may need a new connection: the person is asked again, before the terminal is the command's.
func TestQuestionsBeforeATerminal(t *testing.T) {
	account := sshtest.NewAccount(t, "bash")
	start := func(t *testing.T, config string, args ...string) (*sshtest.Server, *sitting) {
		server := sshtest.Start(t, sshtest.Options{Config: "PasswordAuthentication yes\nLoginGraceTime 600\n" + config})
		program := ownProgram(t, account, fmt.Sprintf("Host box\n  HostName 127.0.0.1\n  Port %d\n  StrictHostKeyChecking no\n  ConnectTimeout 60\n", server.Port))
		return server, sit(t, program, append([]string{"exec", "--tty", "--transport", "ssh://box"}, args...)...)
	}
	login := func(s *sitting) {
		s.t.Helper()
		s.until("assword", ": ")
		if s.shows() {
			s.t.Error("the terminal shows what is typed")
		}
		s.enter(account.Password + "\n")
	}
	// used drives the command's terminal, to which a key goes and not a line.
	const command = "printf 'rea''dy\n'; read -rsn1 k; echo got $k; exit 3"
	used := func(s *sitting) {
		s.t.Helper()
		s.until("ready")
		s.enter("x")
		if status := s.end(); status != 3 || !strings.Contains(s.seen, "got x") || strings.Contains(s.seen, account.Password) || !s.shows() {
			s.t.Errorf("%d %q", status, s.seen)
		}
	}
	t.Run("a server with one session a connection", func(t *testing.T) {
		server, s := start(t, "MaxSessions 1", "--", command)
		for range 3 { // the shell, its watchdog, and the terminal
			login(s)
		}
		used(s)
		if n := server.Total(); n != 3 {
			t.Errorf("%d connections", n)
		}
	})
	t.Run("a connection that broke while the person thought", func(t *testing.T) {
		policy := filepath.Join(account.Home, "policy.json")
		if err := os.WriteFile(policy, []byte(`{"default":"allow","ask":["printf"]}`), 0o644); err != nil {
			t.Fatal(err)
		}
		server, s := start(t, "", "--policy", policy, "--", command)
		login(s)
		s.until("refuse: ")
		server.Cut()
		for end := time.Now().Add(time.Minute); connected(t, server.Port); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the program holds on to a connection that is gone")
			}
		}
		s.enter("y\n")
		login(s)
		used(s)
	})
	t.Run("nobody logs in again", func(t *testing.T) {
		_, s := start(t, "MaxSessions 1", "--", command)
		login(s)
		login(s)
		s.until("assword", ": ")
		s.enter("\x04")
		if status := s.end(); status != exitFailure || !strings.Contains(s.seen, "did not run") || !s.shows() {
			t.Errorf("%d %q", status, s.seen)
		}
	})
}

// connected says whether a program of this machine holds a connection to a port.
func connected(t *testing.T, port int) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	const established, closeWait = "01", "08"
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", port)) && (f[3] == established || f[3] == closeWait) {
			return true
		}
	}
	return false
}

// An owned program is execkit as another user runs it.
type owned struct {
	path    string
	account sshtest.Account
	id      syscall.Credential
}

func ownProgram(t *testing.T, account sshtest.Account, config string) owned {
	t.Helper()
	p := owned{filepath.Join(account.Home, "execkit"), account, syscall.Credential{Uid: uint32(account.UID), Gid: uint32(account.GID)}}
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{p.path: binary, filepath.Join(account.Home, ".ssh", "config"): []byte(config)} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, filepath.Dir(path)} {
			if err := os.Chown(name, account.UID, account.GID); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

func (p owned) prepare(cmd *exec.Cmd) {
	cmd.Dir = p.account.Home
	cmd.Env = []string{"EXECKIT_TEST_MAIN=1", "PATH=" + os.Getenv("PATH"), "HOME=" + p.account.Home}
	id := p.id
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &id}
}

// A sitting is a program with a person at its terminal.
type sitting struct {
	t    *testing.T
	tty  *os.File // the person's end
	here *os.File
	cmd  *exec.Cmd
	seen string
	from int // what was seen when something was entered last
}

func sit(t *testing.T, p owned, args ...string) *sitting {
	t.Helper()
	tty, here, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(p.path, args...)
	p.prepare(cmd)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = here, here, here
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _, _ = tty.Close(), here.Close() })
	_ = tty.SetReadDeadline(time.Now().Add(2 * time.Minute))
	return &sitting{t: t, tty: tty, here: here, cmd: cmd}
}

// until reads until the terminal shows texts, one after the other, since something was entered.
func (s *sitting) until(texts ...string) {
	s.t.Helper()
	at := s.from
	for _, text := range texts {
		for !strings.Contains(s.seen[at:], text) {
			s.read()
		}
		at += strings.Index(s.seen[at:], text)
	}
}

func (s *sitting) read() {
	s.t.Helper()
	b := make([]byte, 4096)
	n, err := s.tty.Read(b)
	if s.seen += string(b[:n]); err != nil {
		s.t.Fatalf("%v after %q", err, s.seen)
	}
}

func (s *sitting) enter(text string) {
	s.from = len(s.seen)
	_, _ = io.WriteString(s.tty, text)
}

// shows says whether the terminal shows what is typed.
func (s *sitting) shows() bool {
	state, err := unix.IoctlGetTermios(int(s.here.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// end waits for the program, and reads what it still showed.
func (s *sitting) end() int {
	s.t.Helper()
	_ = s.cmd.Wait()
	// What is written last marks the end of what the program wrote.
	_, _ = io.WriteString(s.here, "<the end>")
	s.until("<the end>")
	return s.cmd.ProcessState.ExitCode()
}
