package runner

import (
	"os"
	"testing"

	"github.com/execkit/execkit/tests/kubebed"
)

// The same cases hold in pods, over WebSocket as the API server translates it, as a node takes it, and over SPDY. One
// door shows it, since none looks at the target.
func TestConformanceInPods(t *testing.T) {
	if os.Getenv("EXECKIT_CONFORMANCE") == "" || os.Getenv("K8SBED") == "" {
		t.Skip("needs the built doors and a Kubernetes bed; ./build.sh test makes both")
	}
	bed, err := kubebed.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bed.Stop)
	cases := remoteCases(t)
	for name, path := range map[string]struct {
		pod, protocol string
		shells        []string
	}{
		"translated": {"pod-plain", "websocket", []string{"bash", "dash", "busybox"}},
		"passed on":  {"pod-ws", "websocket", []string{"bash"}},
		"spdy":       {"pod-plain", "spdy", []string{"dash"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startTestee(t, testees["cli"])
			for _, c := range cases {
				for _, shell := range path.shells {
					if shell != "bash" && !c.Portable {
						continue
					}
					t.Run(c.Name+"/"+shell, func(t *testing.T) {
						transport := map[string]any{"type": "k8s", "kubeconfig": bed.Kubeconfigs["both"], "namespace": "default", "pod": path.pod, "protocol": path.protocol}
						runCase(t, p, c, map[string]any{"transport": transport, "shell": shell, "cwd": t.TempDir()})
					})
				}
			}
		})
	}
}
