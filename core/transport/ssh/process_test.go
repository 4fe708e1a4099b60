package ssh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// Words that shells take for something else when they are not quoted, or not quoted as that shell needs it.
var trickyWords = []string{
	"", " ", "a b", "$HOME", "${HOME}", "`id`", "$(id)", "*", "?", "[a]", "{a,b}", "~", "~root", "a=b", "=ls", "#x", "a#b", "|", "&", ";", "<", ">", "(", ")",
	"\"", "\"a b\"", "^", "%", "@x", "-n", "--", "a\tb", "é ü", "%d", "a:b", "$", "$$", "&&", "||", "if", "end", "then", "{", "}",
}

func TestEveryLoginShellGivesTheWordsBack(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	for _, shell := range []string{"bash", "zsh", "dash", "fish", "csh"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			o := optionsFor(s)
			o.SSH.User = sshtest.NewAccount(t, shell).Name
			tr := connect(t, o)
			stdout, stderr, _ := output(t, tr, "", append([]string{"sh", "-c", `printf "%s|" "$@"`, "sh"}, trickyWords...)...)
			if want := strings.Join(trickyWords, "|") + "|"; stdout != want || stderr != "" {
				t.Errorf("%q, not %q; %q", stdout, want, stderr)
			}
		})
	}
	for _, word := range []string{"a'b", `a\b`, "a\nb", "a!b", "a\x00b"} {
		if line, err := commandLine([]string{"echo", word}); err == nil {
			t.Errorf("%q becomes %q", word, line)
		}
	}
	if _, err := commandLine(nil); err == nil {
		t.Error("no program at all is accepted")
	}
}

func TestTenMegabytesOnBothStreams(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	tr := connect(t, optionsFor(s))
	p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"sh", "-c", "head -c 10485760 /dev/zero & head -c 10485760 /dev/zero >&2; wait"}})
	if err != nil {
		t.Fatal(err)
	}
	bounded(t, p)
	counts := make(chan int64)
	for _, r := range []io.Reader{p.Stdout(), p.Stderr()} {
		go func() {
			n, _ := io.Copy(io.Discard, r)
			counts <- n
		}()
	}
	for range 2 {
		if n := <-counts; n != 10<<20 {
			t.Errorf("%d bytes", n)
		}
	}
	if exit, err := p.Wait(testContext(t)); err != nil || exit.Code != 0 {
		t.Errorf("%+v %v", exit, err)
	}
}

func TestInputOfMegabytes(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	input := strings.Repeat("0123456789abcdef\n", 1<<18)
	stdout, _, _ := output(t, connect(t, optionsFor(s)), input, "sha256sum")
	if want := fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(input))); stdout != want {
		t.Errorf("%q, not %q", stdout, want)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	o := optionsFor(s)
	o.SSH.User = sshtest.NewAccount(t, "bash").Name // sshd sends no signals for root
	tr := connect(t, o)
	p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"sh", "-c", "trap \"echo got; exit 7\" TERM; echo ready; while :; do sleep 0.1; done"}})
	if err != nil {
		t.Fatal(err)
	}
	bounded(t, p)
	line := make([]byte, 6)
	if _, err := io.ReadFull(p.Stdout(), line); err != nil {
		t.Fatal(err)
	}
	signaler := p.(transport.Signaler)
	if err := signaler.Signal("SIGTERM"); err == nil {
		t.Error("a name with SIG is accepted")
	}
	if err := signaler.Signal("TERM"); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(p.Stdout())
	if exit, err := p.Wait(testContext(t)); err != nil || exit.Code != 7 || string(rest) != "got\n" {
		t.Errorf("%+v %v %q", exit, err, rest)
	}
	if err := signaler.Signal("TERM"); !errors.Is(err, errdefs.Sentinel(errdefs.ConnectionLost)) {
		t.Errorf("a signal to a program that is gone: %v", err)
	}
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	tr := connect(t, optionsFor(s))
	p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"sh", "-c", "stty size; read x; stty size; echo err >&2"}, TTY: &transport.Size{Rows: 33, Cols: 101}})
	if err != nil {
		t.Fatal(err)
	}
	bounded(t, p)
	line := make([]byte, 8)
	if _, err := io.ReadFull(p.Stdout(), line); err != nil || string(line) != "33 101\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	if err := p.(transport.Resizer).Resize(transport.Size{Rows: 0, Cols: 1}); err == nil {
		t.Error("a terminal without rows is accepted")
	}
	if err := p.(transport.Resizer).Resize(transport.Size{Rows: 44, Cols: 99}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(p.Stdin(), "\n"); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(p.Stdout())
	if !bytes.Contains(rest, []byte("44 99\r\nerr\r\n")) {
		t.Errorf("%q", rest)
	}
	if b, _ := io.ReadAll(p.Stderr()); len(b) > 0 {
		t.Errorf("stderr: %q", b)
	}
	if q, err := tr.Open(testContext(t), trueArgv); err != nil {
		t.Error(err)
	} else if _, ok := q.(transport.Resizer); ok {
		t.Error("a program without a terminal can be resized")
	}
}

func TestServersThatGiveLess(t *testing.T) {
	t.Parallel()
	noTTY := sshtest.Start(t, sshtest.Options{Config: "PermitTTY no"})
	_, err := connect(t, optionsFor(noTTY)).Open(testContext(t), transport.OpenOptions{Argv: []string{"true"}, TTY: &transport.Size{Rows: 24, Cols: 80}})
	wantCode(t, err, errdefs.Unsupported, "terminal")
	if err := try(t, optionsFor(noTTY)); err != nil {
		t.Error(err)
	}
	forced := sshtest.Start(t, sshtest.Options{Config: "ForceCommand echo forced; exit 5"})
	stdout, _, exit := output(t, connect(t, optionsFor(forced)), "", "true")
	if stdout != "forced\n" || exit.Code != 5 {
		t.Errorf("%q %+v", stdout, exit)
	}
	none := sshtest.Start(t, sshtest.Options{Config: "MaxSessions 0"})
	wantCode(t, try(t, optionsFor(none)), errdefs.Unavailable, "opens no session")
}

// Nothing of this machine's environment arrives, and no agent; what the configuration sets on purpose does.
func TestEnvironmentIsNotForwarded(t *testing.T) {
	t.Setenv("LANG", "xx_XX.UTF-8")
	t.Setenv("LC_ALL", "xx_XX.UTF-8")
	s := sshtest.Start(t, sshtest.Options{Config: "AcceptEnv *\nAllowAgentForwarding yes"})
	o := optionsFor(s)
	yes := true
	o.SSH.Agent = &yes
	o.Environ = []string{"SSH_AUTH_SOCK=" + newAgent(t, s.Key), "LC_ALL=yy_YY"}
	o.SSH.Config.None, o.SSH.Config.Path = false, writeFile(t, "SendEnv LANG LC_*\nForwardAgent yes\nSetEnv ON_PURPOSE=1\n")
	stdout, _, _ := output(t, connect(t, o), "", "env")
	if strings.Contains(stdout, "xx_XX") || strings.Contains(stdout, "yy_YY") || strings.Contains(stdout, "SSH_AUTH_SOCK") || !strings.Contains(stdout, "ON_PURPOSE=1\n") {
		t.Errorf("%s", stdout)
	}
}

// Close returns at once and wakes everything, whatever the server does.
func TestCloseWakesEverything(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	tr := connect(t, optionsFor(s))
	for _, freeze := range []bool{false, true} {
		p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"sleep", "1000"}})
		if err != nil {
			t.Fatal(err)
		}
		if freeze {
			s.Freeze()
		}
		woken := make(chan error, 4)
		go func() { _, err := p.Stdout().Read(make([]byte, 1)); woken <- err }()
		go func() { _, err := p.Stderr().Read(make([]byte, 1)); woken <- err }()
		go func() { _, err := p.Wait(context.Background()); woken <- err }()
		go func() {
			_, err := io.Copy(p.Stdin(), zeros{}) // until the window is shut
			woken <- err
		}()
		_ = p.Close()
		_ = p.Close()
		for range 4 {
			if err := <-woken; err == nil {
				t.Error("a closed program gives no error")
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestDropbear(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{Dropbear: true})
	o := optionsFor(s)
	o.SSH.User = sshtest.NewAccount(t, "bash").Name
	account := "/tmp/" + o.SSH.User
	authorize(t, account, o.SSH.User, s.Key)
	tr := connect(t, o)
	stdout, stderr, exit := output(t, tr, "in", "sh", "-c", "cat; echo err >&2; exit 3")
	if stdout != "in" || stderr != "err\n" || exit.Code != 3 {
		t.Errorf("%q %q %+v", stdout, stderr, exit)
	}
	if _, _, exit := output(t, tr, "", "sh", "-c", "kill -9 $$"); exit.Signal != "KILL" {
		t.Errorf("%+v", exit)
	}
	for range 20 { // Dropbear refuses for a moment what was just released
		p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"true"}, TTY: &transport.Size{Rows: 24, Cols: 80}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.Wait(testContext(t))
		_ = p.Close()
	}
	o.SSH.KnownHosts = []string{"/nowhere/known_hosts"}
	wantCode(t, try(t, o), errdefs.HostKeyUnknown, s.Fingerprint("ed25519"))
}
