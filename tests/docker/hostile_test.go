package docker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
)

// A session needs nothing of its container but a shell.
func TestHostileContainers(t *testing.T) {
	variables := filepath.Join(t.TempDir(), "env")
	var list strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&list, "VARIABLE_%d=%s\n", i, strings.Repeat("v", 100))
	}
	if err := os.WriteFile(variables, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, tt := range map[string]struct {
		run    []string
		config execkit.Config
		proof  string // fails where the container is not what the test takes it for
	}{
		"read-only root":      {run: []string{"--read-only"}, proof: "! touch /x 2>/dev/null && ! touch /tmp/x 2>/dev/null"},
		"full disk":           {run: []string{"--read-only", "--tmpfs", "/tmp:size=16k"}, proof: "! echo " + strings.Repeat("x", 20000) + " 2>/dev/null >/tmp/fill && ! echo more 2>/dev/null >>/tmp/fill"},
		"no user of that uid": {config: execkit.Config{Docker: wire.DockerOptions{User: "4242:4343"}}, proof: `test "$(id -u):$(id -g)" = 4242:4343`},
		"many variables":      {run: []string{"--env-file", variables}, proof: `test "$(env | grep -c ^VARIABLE_)" = 1000`},
	} {
		for _, image := range []string{"execkit-bash", "execkit-busybox"} {
			t.Run(kind+"/"+image, func(t *testing.T) {
				t.Parallel()
				name := container(t, image, tt.run...)
				s := mustOpen(t, name, tt.config)
				if r := drive.Do(t, s, tt.proof); *r.ExitCode != 0 {
					t.Fatalf("the container is not so: %+v", r)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				drive.Until(t, "nothing is left", func() bool { return processes(t, name) == "" })
				drive.Everyday(t, mustOpen(t, name, tt.config), true)
				drive.Until(t, "nothing is left", func() bool { return processes(t, name) == "" })
			})
		}
	}
}

// Without /proc no engine starts a program in a container; the caller is told so, and not that there is no shell.
func TestNoProc(t *testing.T) {
	name := fmt.Sprintf("execkit-test-%d-noproc", os.Getpid())
	docker(t, "run", "--detach", "--network=none", "--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined", "--security-opt=seccomp=unconfined",
		"--name", name, "execkit-busybox", "sh", "-c", "umount -l /proc && echo gone && exec sleep 1000000")
	t.Cleanup(func() { _ = exec.Command("docker", "--host", engine(t), "rm", "-f", name).Run() })
	drive.Until(t, "/proc is gone", func() bool { return docker(t, "logs", name) == "gone" })
	if _, err := open(t, name, execkit.Config{}); err == nil || codeOf(err) == errdefs.ShellNotFound || !strings.Contains(err.Error(), "/proc") {
		t.Errorf("%v", err)
	}
}
