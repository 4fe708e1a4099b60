package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// TestConformanceOverSSH runs the cases on a real sshd, through a door that passes all options on; the doors differ in
// nothing that a transport sees.
func TestConformanceOverSSH(t *testing.T) {
	if os.Getenv("EXECKIT_CONFORMANCE") == "" {
		t.Skip("needs the built doors; ./build.sh test builds them and sets EXECKIT_CONFORMANCE")
	}
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	known := s.KnownHosts()
	p := startTestee(t, testees["cli"])
	for _, c := range remoteCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			runCase(t, p, c, map[string]any{"transport": "ssh://root@127.0.0.1", "shell": "bash", "cwd": t.TempDir(), "ssh": map[string]any{
				"port": s.Port, "key_path": s.Key, "known_hosts": known, "agent": false, "config": false,
			}})
		})
	}
}

// TestConformanceBehindLoginShells runs the portable cases for accounts whose login shell, which starts the session's own,
// is none of bash's kin. The session runs in bash, and in sh for the two accounts that have hardly more.
func TestConformanceBehindLoginShells(t *testing.T) {
	if os.Getenv("EXECKIT_CONFORMANCE") == "" {
		t.Skip("needs the built doors; ./build.sh test builds them and sets EXECKIT_CONFORMANCE")
	}
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	known := s.KnownHosts()
	// busybox is ash by that name alone.
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	ash := filepath.Join(s.Dir, "ash")
	if err := os.Symlink(busybox, ash); err != nil {
		t.Fatal(err)
	}
	for login, shell := range map[string]string{"zsh": "bash", "fish": "bash", "rbash": "bash", "csh": "bash", "dash": "sh", ash: "sh"} {
		t.Run(filepath.Base(login), func(t *testing.T) {
			t.Parallel()
			account := sshtest.NewAccount(t, login)
			p := startTestee(t, testees["cli"])
			for i, c := range remoteCases(t) {
				if !c.Portable {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					dir := filepath.Join(account.Home, strconv.Itoa(i))
					if err := os.Mkdir(dir, 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.Chown(dir, account.UID, account.GID); err != nil {
						t.Fatal(err)
					}
					runCase(t, p, c, map[string]any{"transport": "ssh://" + account.Name + "@127.0.0.1", "shell": shell, "cwd": dir, "ssh": map[string]any{
						"port": s.Port, "key_path": s.Key, "known_hosts": known, "agent": false, "config": false,
					}})
				})
			}
		})
	}
}
