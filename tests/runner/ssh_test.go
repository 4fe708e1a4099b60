package runner

import (
	"os"
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
