package ssh

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
	"github.com/execkit/execkit/core/wire"
)

// patience bounds every wait of the tests: it never decides a result, only how long a defect takes to show.
const patience = 3 * time.Minute

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// optionsFor are the options of a login as root with the server's own client key, and nothing of this machine's user.
func optionsFor(s *sshtest.Server) transport.Options {
	no := false
	return transport.Options{Environ: []string{}, SSH: wire.SSHOptions{
		User: "root", Host: "127.0.0.1", Port: s.Port, KeyPath: s.Key, KnownHosts: []string{s.KnownHosts()},
		Agent: &no, Config: &wire.PathOrFalse{None: true},
	}}
}

func connect(t testing.TB, o transport.Options) transport.Transport {
	t.Helper()
	return connectWith(t, NewOpener(), o)
}

func connectWith(t testing.TB, opener transport.Opener, o transport.Options) transport.Transport {
	t.Helper()
	tr, err := opener(testContext(t), "", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// bounded closes a program when the test ends or takes too long: its reads end then.
func bounded(t testing.TB, p transport.Process) {
	t.Cleanup(func() { _ = p.Close() })
	context.AfterFunc(testContext(t), func() { _ = p.Close() })
}

// output runs a program to its end.
func output(t testing.TB, tr transport.Transport, stdin string, argv ...string) (stdout, stderr string, exit transport.Exit) {
	t.Helper()
	p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: argv})
	if err != nil {
		t.Fatal(err)
	}
	bounded(t, p)
	go func() {
		_, _ = io.WriteString(p.Stdin(), stdin)
		_ = p.Stdin().Close()
	}()
	errs := make(chan string)
	go func() {
		b, _ := io.ReadAll(p.Stderr())
		errs <- string(b)
	}()
	b, err := io.ReadAll(p.Stdout())
	if err != nil {
		t.Errorf("stdout: %v", err)
	}
	stderr = <-errs
	exit, err = p.Wait(testContext(t))
	if err != nil {
		t.Errorf("wait: %v", err)
	}
	return string(b), stderr, exit
}

func TestRun(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	tr := connect(t, optionsFor(s))
	stdout, stderr, exit := output(t, tr, "fed", "sh", "-c", "cat; echo err >&2; exit 3")
	if stdout != "fed" || stderr != "err\n" || exit.Code != 3 || exit.Missing {
		t.Errorf("%q %q %+v", stdout, stderr, exit)
	}
	if _, _, exit := output(t, tr, "", "sh", "-c", "kill -9 $$"); exit.Signal != "KILL" {
		t.Errorf("%+v", exit)
	}
	info := tr.Info()
	if info.Identity != s.Fingerprint("ed25519") || !strings.HasPrefix(info.Target, "root@[127.0.0.1]:") {
		t.Errorf("%+v", info)
	}
	if n := s.Total(); n != 1 {
		t.Errorf("%d connections for three programs", n)
	}
}

// authorize lets a key into an account by its own authorized_keys, as Dropbear reads them.
func authorize(t testing.TB, home, user, key string) {
	t.Helper()
	script := `mkdir -p "$1/.ssh" && cat "$3.pub" >"$1/.ssh/authorized_keys" && chown -R "$2" "$1/.ssh" && chmod 700 "$1" "$1/.ssh" && chmod 600 "$1/.ssh/authorized_keys"`
	if out, err := exec.Command("sh", "-c", script, "sh", home, user, key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
