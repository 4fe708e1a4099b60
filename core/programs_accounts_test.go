package execkit_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

func system(t *testing.T, stdin, name string, args ...string) {
	t.Helper()
	cmd := osexec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// TestPasswordPrograms drives programs that ask for the password of an account: each must be found to wait for one, and
// gets it as a secret.
func TestPasswordPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("makes accounts and starts servers, and -short is given")
	}
	if os.Geteuid() != 0 {
		t.Fatal("the accounts of the test need root; run the tests as root, as CI does")
	}
	account := sshtest.NewAccount(t, "sh")
	name, password := account.Name, account.Password
	wrong := "secret:not-the-password\n"
	right := "secret:" + password + "\n"
	as := func(name, command string) string { return fmt.Sprintf("runuser -u %s -- sh -c '%s'", name, command) }

	t.Run("su", func(t *testing.T) {
		dialogue{command: as(name, "su "+name+" -c \"id -un\""), answers: []string{right}, kind: "password", said: name}.drive(t)
		// Run by root it puts what it runs in a session of its own.
		dialogue{command: fmt.Sprintf("su %s -c 'su %s -c \"id -un\"'", name, name), answers: []string{right}, kind: "password", said: name}.drive(t)
	})
	t.Run("passwd", func(t *testing.T) {
		other := sshtest.NewAccount(t, "sh")
		fresh := "secret:New" + other.Password + "x9\n"
		dialogue{command: as(other.Name, "passwd"), answers: []string{"secret:" + other.Password + "\n", fresh, fresh}, kind: "password password password", said: "updated successfully"}.drive(t)
	})
	t.Run("sudo", func(t *testing.T) {
		rule := filepath.Join("/etc/sudoers.d", name)
		text := fmt.Sprintf("Defaults:%s !lecture, timestamp_timeout=0\n%s ALL=(root) ALL\n", name, name)
		if err := os.WriteFile(rule, []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(rule) })
		dialogue{command: as(name, "sudo id -u; echo status $?"), answers: []string{wrong, right}, kind: "password password", said: "0\nstatus 0"}.drive(t)
		// Its output and its input are pipes, and it asks on /dev/tty.
		dialogue{command: as(name, "sudo id -u; echo status $?"), pipe: true, answers: []string{right}, kind: "password", said: "0\nstatus 0"}.drive(t)
	})
	t.Run("ssh", func(t *testing.T) {
		server := sshtest.Start(t, sshtest.Options{Config: "PasswordAuthentication yes"})
		command := fmt.Sprintf("ssh -F none -o UserKnownHostsFile=%s -o PubkeyAuthentication=no -p %d %s@127.0.0.1 id -un",
			filepath.Join(t.TempDir(), "known_hosts"), server.Port, name)
		dialogue{command: command, answers: []string{"yes\n", wrong, right}, kind: "confirm password password", said: name + "\n"}.drive(t)
		// The host is known now.
		dialogue{command: command, pipe: true, answers: []string{right}, kind: "password", said: name + "\n"}.drive(t)
	})
	t.Run("psql", func(t *testing.T) {
		found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
		if err != nil || len(found) == 0 {
			t.Fatal("PostgreSQL's server is not installed; build.sh installs it")
		}
		dir, err := os.MkdirTemp("", "ekpg")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		system(t, "", "chown", name, dir)
		system(t, password, "runuser", "-u", name, "--", "sh", "-c", fmt.Sprintf("cd %s && cat >pw && %s/initdb -D data -A scram-sha-256 --pwfile pw --no-sync >log 2>&1 || { cat log; exit 1; }", dir, found[0]))
		t.Cleanup(func() {
			_ = osexec.Command("runuser", "-u", name, "--", "sh", "-c", fmt.Sprintf("%s/pg_ctl -D %s/data -m immediate stop", found[0], dir)).Run()
		})
		system(t, "", "runuser", "-u", name, "--", "sh", "-c", fmt.Sprintf(`%s/pg_ctl -D %s/data -l %s/log -w -t 120 -o "-F -k %s -c listen_addresses=''" start >/dev/null`, found[0], dir, dir, dir))
		command := fmt.Sprintf("PSQLRC=/dev/null psql -h %s -U %s postgres", dir, name)
		dialogue{command: command, answers: []string{right, "select 6*7 as n;\n", "\\q\n"}, kind: "password repl repl", said: "42"}.drive(t)
		// On open input nothing is a terminal but /dev/tty, which the password comes from.
		dialogue{command: command, pipe: true, answers: []string{right, "select 6*7 as n;\n", "\\q\n"}, kind: "password", said: "42"}.drive(t)
	})
}
