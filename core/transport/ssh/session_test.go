package ssh_test

import (
	"context"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/transport/all"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
	"github.com/execkit/execkit/core/wire"
)

// configFor opens sessions on a test server as root, and reads nothing of this machine's user.
func configFor(s *sshtest.Server) execkit.Config {
	no := false
	return execkit.Config{Transports: all.Registry(), HostEnv: []string{}, SSH: wire.SSHOptions{
		User: "root", Host: "127.0.0.1", Port: s.Port, KeyPath: s.Key, KnownHosts: []string{s.KnownHosts()},
		Agent: &no, Config: &wire.PathOrFalse{None: true},
	}}
}

func open(t testing.TB, c execkit.Config) *execkit.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := execkit.Open(ctx, "ssh", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func exec(t testing.TB, s *execkit.Session, command string) *wire.ExecResult {
	t.Helper()
	r, err := s.Exec(context.Background(), command, execkit.ExecOptions{Timeout: time.Minute})
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return r
}

func TestLoginShells(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{})
	for _, shell := range []string{"bash", "zsh", "dash", "fish", "csh"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			account := sshtest.NewAccount(t, shell)
			c := configFor(server)
			c.SSH.User = account.Name
			s := open(t, c)
			r := exec(t, s, `printf '%s|' "$HOME" 'a b' "$0"; echo err >&2; cd /tmp; export X='1 2'; false`)
			if r.Stdout[:len(account.Home)] != account.Home || r.Stderr != "err\n" || *r.ExitCode != 1 || r.Cwd != "/tmp" || r.EnvDelta.Set["X"] != "1 2" {
				t.Errorf("%+v", r)
			}
			if r := exec(t, s, `echo "$X $(whoami)"`); r.Stdout != "1 2 "+account.Name+"\n" {
				t.Errorf("%+v", r)
			}
		})
	}
}
