package runner

import (
	"os"
	"testing"

	"github.com/execkit/execkit/tests/kubebed"
)

// pods are the paths to the pods of tests/kubebed that the cases run over: WebSocket, which is tried first, as the API server
// translates it and as a node takes it, and SPDY. The cases are shared out to the doors as in containers, over the first of them.
var pods = []struct {
	name, pod, protocol string
	shells              []string
}{
	{"translated", "pod-plain", "", []string{"bash", "dash", "busybox"}},
	{"passed on", "pod-ws", "", []string{"bash"}},
	{"spdy", "pod-plain", "spdy", []string{"dash"}},
}

// The same cases hold in pods, by whatever door.
func TestConformanceInPods(t *testing.T) {
	if os.Getenv("EXECKIT_CONFORMANCE") == "" || os.Getenv("K8SBED") == "" {
		t.Skip("needs the built doors and a Kubernetes bed; ./build.sh test makes both")
	}
	bed, err := kubebed.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bed.Stop)
	t.Setenv("KUBECONFIG", bed.Kubeconfigs["both"]) // for the doors
	const every = 4
	cases := remoteCases(t)
	for p, path := range pods {
		through := doors()
		if p > 0 {
			through = through[:1]
		}
		for k, door := range through {
			shells := path.shells
			if k > 0 {
				shells = shells[:1]
			}
			t.Run(path.name+"/"+door, func(t *testing.T) {
				t.Parallel()
				d := startTestee(t, testees[door])
				for i, c := range cases {
					for _, shell := range shells {
						if shell != "bash" && !c.Portable || !takes(k, i, every) || !c.isFor(door) {
							continue
						}
						t.Run(c.Name+"/"+shell, func(t *testing.T) {
							create := map[string]any{"transport": "k8s://default/" + path.pod, "shell": shell, "cwd": t.TempDir()}
							if path.protocol != "" {
								create["k8s"] = map[string]any{"protocol": path.protocol}
							}
							runCase(t, d, c, create)
						})
					}
				}
			})
		}
	}
}
