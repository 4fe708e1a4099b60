package k8s

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/all"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
)

// programs returns what the bed runs now. It is /proc that tells, not the session.
func programs() []string {
	entries, _ := os.ReadDir("/proc")
	var found []string
	for _, e := range entries {
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
		if len(fields) > 1 && fields[0] != "Z" && fields[1] == fmt.Sprint(shared.PID()) {
			found = append(found, e.Name())
		}
	}
	return found
}

// others says whether the bed runs what it did not before.
func others(before []string) bool {
	return slices.ContainsFunc(programs(), func(pid string) bool { return !slices.Contains(before, pid) })
}

// A session needs nothing of its pod but a shell, and closes whole.
func TestHostilePods(t *testing.T) {
	for kind, tt := range map[string]struct {
		proof string // fails where the pod is not what the test takes it for
		blind bool   // it does not show its processes
	}{
		"read-only": {proof: "! touch /x 2>/dev/null && ! touch /tmp/x 2>/dev/null"},
		"full-disk": {proof: "! echo " + strings.Repeat("x", 20000) + " 2>/dev/null >/tmp/fill && ! echo more 2>/dev/null >>/tmp/fill"},
		"no-proc":   {proof: "! [ -e /proc/1 ]", blind: true},
		"stranger":  {proof: `test "$(id -u):$(id -g)" = 4242:4343 && ! id -un 2>/dev/null`},
		"variables": {proof: `test "$(env | grep -c ^VARIABLE_)" = 1000`},
	} {
		shared.Do(t, "run", kind, "ws", kind)
		for _, shell := range []string{"bash", "dash", "busybox"} {
			t.Run(kind+"/"+shell, func(t *testing.T) {
				before := programs()
				s := session(t, "default/"+kind, execkit.Config{Shell: shell})
				if r := drive.Do(t, s, tt.proof); *r.ExitCode != 0 {
					t.Fatalf("the pod is not so: %+v", r)
				}
				drive.Everyday(t, s, !tt.blind)
				drive.Until(t, "nothing is left", func() bool { return !others(before) })
			})
		}
		shared.Do(t, "delete", kind)
	}
}

// What calls itself a shell and is none is told, with what it said.
func TestPodsWithoutAShell(t *testing.T) {
	for kind, says := range map[string]string{"liar": "garbage", "parrot": "shell", "short-life": "status 9", "no-shell": "shell"} {
		t.Run(kind, func(t *testing.T) {
			shared.Do(t, "run", kind, "plain", kind)
			defer shared.Do(t, "delete", kind)
			_, err := execkit.Open(t.Context(), "k8s://default/"+kind, execkit.Config{Transports: all.Registry(), K8s: wire.K8sOptions{Kubeconfig: shared.Kubeconfigs["both"]}})
			if e := errdefs.From(err); err == nil || e.Code != errdefs.ShellNotFound || !strings.Contains(e.Message+" "+e.Hint, says) {
				t.Errorf("%v", err)
			}
		})
	}
}
