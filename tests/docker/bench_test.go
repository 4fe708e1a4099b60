package docker

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"testing"

	execkit "github.com/execkit/execkit/core"
)

// A warm command in a session, beside docker exec for each, and beside a bare loop of eval and printf over the streams
// of one docker exec.
func BenchmarkTrue(b *testing.B) {
	name := container(b, "execkit-bash")
	b.Run("session", func(b *testing.B) {
		s := mustOpen(b, name, execkit.Config{})
		for b.Loop() {
			if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("docker_exec", func(b *testing.B) {
		for b.Loop() {
			docker(b, "exec", name, "bash", "-c", "true")
		}
	})
	b.Run("bare_loop", func(b *testing.B) {
		c := exec.Command("docker", "--host", engine(b), "exec", "-i", name, "bash", "--norc", "--noprofile", "--noediting", "-i")
		in, err := c.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for b.Loop() {
			if _, err := io.WriteString(in, "{ eval 'true'; } </dev/null; printf '%s\\n' $?\n"); err != nil {
				b.Fatal(err)
			}
			if _, err := lines.ReadString('\n'); err != nil {
				b.Fatal(err)
			}
		}
		_ = in.Close()
		_ = c.Wait()
	})
}
