package runner

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// containers are the images of tests/docker/bed.sh that the cases run in, with the shell that is theirs and the share of
// the cases that each door but the first takes.
var containers = map[string]struct {
	shell string
	every int
}{"execkit-bash": {"bash", 4}, "execkit-busybox": {"sh", 8}}

// The same cases hold in a container, by whatever door.
func TestConformanceInContainers(t *testing.T) {
	engine := os.Getenv("EXECKIT_DOCKER")
	if os.Getenv("EXECKIT_CONFORMANCE") == "" || engine == "" {
		t.Skip("needs the built doors and a Docker engine; ./build.sh test makes both")
	}
	t.Setenv("DOCKER_HOST", engine) // for the doors
	docker := func(arguments ...string) string {
		out, err := exec.Command("docker", append([]string{"--host", engine}, arguments...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v: %s", arguments, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	cases := remoteCases(t)
	for image, in := range containers {
		for k, door := range doors() {
			t.Run(image+"/"+door, func(t *testing.T) {
				t.Parallel()
				id := docker("run", "--detach", "--network=none", image, "sleep", "1000000")
				t.Cleanup(func() { docker("rm", "-f", id) })
				mkdir := []string{"exec", id, "mkdir"}
				for i := range cases {
					mkdir = append(mkdir, fmt.Sprintf("/tmp/%d", i))
				}
				docker(mkdir...)
				p := startTestee(t, testees[door])
				for i, c := range cases {
					if in.shell != "bash" && !c.Portable || !takes(k, i, in.every) || !c.isFor(door) {
						continue
					}
					t.Run(c.Name, func(t *testing.T) {
						runCase(t, p, c, map[string]any{
							"transport": "docker://" + id,
							"shell":     in.shell, "cwd": fmt.Sprintf("/tmp/%d", i),
						})
					})
				}
			})
		}
	}
}
