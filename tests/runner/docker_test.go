package runner

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// containers are the images of tests/docker/bed.sh that the cases run in, with the shell that is theirs.
var containers = map[string]string{"execkit-bash": "bash", "execkit-busybox": "sh"}

// The same cases hold in a container. One door shows it, since none looks at the target.
func TestConformanceInContainers(t *testing.T) {
	engine := os.Getenv("EXECKIT_DOCKER")
	if os.Getenv("EXECKIT_CONFORMANCE") == "" || engine == "" {
		t.Skip("needs the built doors and a Docker engine; ./build.sh test makes both")
	}
	docker := func(arguments ...string) string {
		out, err := exec.Command("docker", append([]string{"--host", engine}, arguments...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v: %s", arguments, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	cases := remoteCases(t)
	for image, shell := range containers {
		t.Run(image, func(t *testing.T) {
			id := docker("run", "--detach", "--network=none", image, "sleep", "1000000")
			t.Cleanup(func() { docker("rm", "-f", id) })
			mkdir := []string{"exec", id, "mkdir"}
			for i := range cases {
				mkdir = append(mkdir, fmt.Sprintf("/tmp/%d", i))
			}
			docker(mkdir...)
			p := startTestee(t, testees["cli"])
			for i, c := range cases {
				if shell != "bash" && !c.Portable {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					runCase(t, p, c, map[string]any{
						"transport": map[string]any{"type": "docker", "container": id, "host": engine},
						"shell":     shell, "cwd": fmt.Sprintf("/tmp/%d", i),
					})
				})
			}
		})
	}
}
