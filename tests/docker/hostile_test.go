package docker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// everyday drives what an agent does with a session, and holds that all of it works.
func everyday(t *testing.T, name string, c execkit.Config) {
	t.Helper()
	s := mustOpen(t, name, c)
	r := do(t, s, "cd /; export EVERY=day; echo out; echo err >&2; (exit 7)")
	if r.Stdout != "out\n" || r.Stderr != "err\n" || *r.ExitCode != 7 || r.Cwd != "/" || r.EnvDelta == nil || r.EnvDelta.Set["EVERY"] != "day" {
		t.Errorf("%+v", r)
	}
	r, err := s.Exec(context.Background(), "read -r x; echo $x $EVERY", execkit.ExecOptions{Stdin: []byte("given\n")})
	if err != nil || r.Stdout != "given day\n" {
		t.Errorf("%+v %v", r, err)
	}
	r, err = s.Exec(context.Background(), "sleep 907", execkit.ExecOptions{Timeout: 300 * time.Millisecond})
	if err != nil || !r.TimedOut || r.ShellExited || r.StopConfirmed == nil || !*r.StopConfirmed {
		t.Errorf("%+v %v", r, err)
	}
	if r := do(t, s, "echo $EVERY; pwd"); r.Stdout != "day\n/\n" {
		t.Errorf("%+v", r)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	until(t, "nothing is left", func() bool { return processes(t, name) == "" })
}

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
				if r := do(t, s, tt.proof); *r.ExitCode != 0 {
					t.Fatalf("the container is not so: %+v", r)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				until(t, "nothing is left", func() bool { return processes(t, name) == "" })
				everyday(t, name, tt.config)
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
	until(t, "/proc is gone", func() bool { return docker(t, "logs", name) == "gone" })
	if _, err := open(t, name, execkit.Config{}); err == nil || codeOf(err) == errdefs.ShellNotFound || !strings.Contains(err.Error(), "/proc") {
		t.Errorf("%v", err)
	}
}
