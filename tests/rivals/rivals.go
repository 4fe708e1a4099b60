// Package rivals measures calls of the project and of other programs alike, for benchmarks that stand beside each other.
package rivals

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Median reports the median of the calls; the machine's other work is in the mean.
func Median(b *testing.B, call func()) {
	b.Helper()
	MedianApart(b, 0, call)
}

// MedianApart is Median with a pause before each call, which does not count. Calls back to back find every process and
// processor of the way awake; few callers make them so.
func MedianApart(b *testing.B, pause time.Duration, call func()) {
	b.Helper()
	call()
	var times []time.Duration
	for b.Loop() {
		time.Sleep(pause)
		begin := time.Now()
		call()
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1000, "µs/median")
}

// Command runs a program to its end, again and again.
func Command(b *testing.B, argv ...string) {
	b.Helper()
	Median(b, func() {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %v: %s", argv, err, out)
		}
	})
}

// BareLoop sends lines to the bash that a program leads to, and reads a status for each.
func BareLoop(b *testing.B, argv ...string) {
	b.Helper()
	c := exec.Command(argv[0], append(argv[1:], "bash", "--norc", "--noprofile", "--noediting", "-i")...)
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
	Median(b, func() {
		if _, err := io.WriteString(in, "{ eval 'true'; } </dev/null; printf '%s\\n' $?\n"); err != nil {
			b.Fatal(err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
	})
	_ = in.Close()
	_ = c.Wait()
}

// Python runs a script of rivals with the interpreter in EXECKIT_RIVAL_PYTHON, if set. The script prints lines of a
// name, a tab and a median in microseconds.
func Python(b *testing.B, script string, arguments ...string) {
	b.Helper()
	python := os.Getenv("EXECKIT_RIVAL_PYTHON")
	if python == "" {
		return
	}
	c := exec.Command(python, append([]string{script}, arguments...)...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		b.Fatal(err)
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

// Throughput measures a program that prints size bytes.
func Throughput(b *testing.B, size int64, argv ...string) {
	b.Helper()
	b.SetBytes(size)
	for b.Loop() {
		var got counter
		c := exec.Command(argv[0], argv[1:]...)
		c.Stdout = &got
		if err := c.Run(); err != nil || int64(got) != size {
			b.Fatal(fmt.Errorf("%d bytes: %w", got, err))
		}
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
