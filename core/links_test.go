package execkit_test

import (
	osexec "os/exec"
	"strings"
	"testing"
)

// A Go program that opens local sessions, or sessions over a transport of its own choice, links no other.
func TestLinks(t *testing.T) {
	for pkg, banned := range map[string][]string{
		"github.com/execkit/execkit/core":                {"k8s.io/", "docker", "moby", "golang.org/x/crypto/ssh", "execkit/core/transport/"},
		"github.com/execkit/execkit/core/remote":         {"k8s.io/", "docker", "moby", "golang.org/x/crypto/ssh", "execkit/core/transport/"},
		"github.com/execkit/execkit/core/transport/kube": {"docker/", "moby/moby", "golang.org/x/crypto/ssh"},
	} {
		out, err := osexec.Command("go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", pkg, err)
		}
		for _, dep := range strings.Fields(string(out)) {
			for _, name := range banned {
				if strings.Contains(dep, name) {
					t.Errorf("%s links %s", pkg, dep)
				}
			}
		}
	}
}
