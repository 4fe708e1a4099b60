package k8s

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
	"github.com/execkit/execkit/tests/rivals"
)

// kubectl is the command that runs a program in a pod.
func kubectl(arguments ...string) []string {
	return append([]string{"kubectl", "--kubeconfig", shared.Kubeconfigs["both"], "exec"}, arguments...)
}

// A warm command in a session, beside kubectl exec for each, the Python client, and a bare loop of eval and printf over the
// streams of one kubectl exec.
func BenchmarkTrue(b *testing.B) {
	const pod = "pod-plain"
	for _, protocol := range []string{"websocket", "spdy"} {
		b.Run("session_"+protocol, func(b *testing.B) {
			s := session(b, "default/"+pod, execkit.Config{K8s: wire.K8sOptions{Protocol: protocol}})
			rivals.Median(b, func() { drive.Do(b, s, "true") })
		})
	}
	rivals.Python(b, "../../../bench/pod_rivals.py", shared.Kubeconfigs["both"], pod)
	if _, err := exec.LookPath("kubectl"); err != nil {
		b.Log("kubectl is not installed")
		return
	}
	// A server that has just started does not yet let everybody ask what it serves.
	drive.Until(b, "kubectl works", func() bool {
		argv := kubectl(pod, "-c", "main", "--", "true")
		return exec.Command(argv[0], argv[1:]...).Run() == nil
	})
	b.Run("kubectl_exec", func(b *testing.B) { rivals.Command(b, kubectl(pod, "-c", "main", "--", "bash", "-c", "true")...) })
	b.Run("bare_loop", func(b *testing.B) { rivals.BareLoop(b, kubectl("-i", pod, "-c", "main", "--")...) })
}

// Large output, beside kubectl exec.
func BenchmarkThroughput(b *testing.B) {
	const size = 500 << 20
	const pod = "pod-plain"
	line := "yes " + strings.Repeat("x", 79) + " | head -c " + strconv.Itoa(size)
	b.Run("session", func(b *testing.B) {
		s := session(b, "default/"+pod, execkit.Config{})
		b.SetBytes(size)
		for b.Loop() {
			if r, err := s.Exec(b.Context(), line, execkit.ExecOptions{Timeout: 10 * time.Minute}); err != nil || *r.ExitCode != 0 {
				b.Fatal(r, err)
			}
		}
	})
	if _, err := exec.LookPath("kubectl"); err != nil {
		b.Log("kubectl is not installed")
		return
	}
	b.Run("kubectl_exec", func(b *testing.B) {
		rivals.Throughput(b, size, kubectl(pod, "-c", "main", "--", "bash", "-c", line)...)
	})
}
