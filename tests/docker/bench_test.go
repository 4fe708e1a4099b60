package docker

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// median reports the median of the calls; the machine's other work is in the mean.
func median(b *testing.B, call func()) {
	call()
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		call()
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1000, "µs/median")
}

// pythonRivals runs those of the interpreter in EXECKIT_RIVAL_PYTHON, if set.
func pythonRivals(b *testing.B, container string) {
	python := os.Getenv("EXECKIT_RIVAL_PYTHON")
	if python == "" {
		return
	}
	out, err := exec.Command(python, "../../bench/container_rivals.py", engine(b), container).CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		b.Run(name, func(b *testing.B) {
			us, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(us, "µs/median")
		})
	}
}

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
		b.SetBytes(size)
		for b.Loop() {
			c := exec.Command("docker", "--host", engine(b), "exec", name, "bash", "-c", line)
			c.Stdout = io.Discard
			if err := c.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A warm command in a session, beside docker exec for each, and beside a bare loop of eval and printf over the streams
// of one docker exec.
func BenchmarkTrue(b *testing.B) {
	name := container(b, "execkit-bash")
	b.Run("session", func(b *testing.B) {
		s := mustOpen(b, name, execkit.Config{})
		median(b, func() {
			if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("docker_exec", func(b *testing.B) {
		median(b, func() { docker(b, "exec", name, "bash", "-c", "true") })
	})
	pythonRivals(b, name)
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
		median(b, func() {
			if _, err := io.WriteString(in, "{ eval 'true'; } </dev/null; printf '%s\\n' $?\n"); err != nil {
				b.Fatal(err)
			}
			if _, err := lines.ReadString('\n'); err != nil {
				b.Fatal(err)
			}
		})
		_ = in.Close()
		_ = c.Wait()
	})
}
