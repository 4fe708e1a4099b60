package docker

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/tests/drive"
	"github.com/execkit/execkit/tests/rivals"
)

// Large output, beside docker exec.
func BenchmarkThroughput(b *testing.B) {
	const size = 500 << 20
	name := container(b, "execkit-bash")
	line := "yes " + strings.Repeat("x", 79) + " | head -c " + strconv.Itoa(size)
	b.Run("session", func(b *testing.B) {
		s := mustOpen(b, name, execkit.Config{})
		b.SetBytes(size)
		for b.Loop() {
			r, err := s.Exec(context.Background(), line, execkit.ExecOptions{Timeout: 10 * time.Minute})
			if err != nil || *r.ExitCode != 0 {
				b.Fatal(r, err)
			}
		}
	})
	b.Run("docker_exec", func(b *testing.B) {
		rivals.Throughput(b, size, "docker", "--host", engine(b), "exec", name, "bash", "-c", line)
	})
}

// A warm command in a session, beside docker exec for each, and beside a bare loop of eval and printf over the streams
// of one docker exec.
func BenchmarkTrue(b *testing.B) {
	name := container(b, "execkit-bash")
	b.Run("session", func(b *testing.B) {
		s := mustOpen(b, name, execkit.Config{})
		rivals.Median(b, func() { drive.Do(b, s, "true") })
	})
	b.Run("docker_exec", func(b *testing.B) {
		rivals.Command(b, "docker", "--host", engine(b), "exec", name, "bash", "-c", "true")
	})
	rivals.Python(b, "../../bench/container_rivals.py", engine(b), name)
	b.Run("bare_loop", func(b *testing.B) { rivals.BareLoop(b, "docker", "--host", engine(b), "exec", "-i", name) })
}
