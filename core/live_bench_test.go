package execkit_test

import (
	"context"
	"io"
	osexec "os/exec"
	"slices"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// The bars of live commands: the first byte within 10 ms, events at 0.6 of the throughput of a plain reader of the same
// program, and of commands that really wait 95 % found within a second.

// From the start of a command to the event with its first output, a line or a prompt after which the command goes on.
func BenchmarkFirstByte(b *testing.B) {
	for name, text := range map[string]string{"line": `line\n`, "prompt": "Name? "} {
		b.Run(name, func(b *testing.B) {
			s := open(b, execkit.Config{})
			var times []time.Duration
			for b.Loop() {
				begin := time.Now()
				r, err := s.Start(context.Background(), "printf '"+text+"'; read -rt 0.05 <><(:)", execkit.ExecOptions{})
				if err != nil {
					b.Fatal(err)
				}
				first := time.Duration(0)
				for e := range r.All(context.Background()) {
					if e.Type == "stdout" && first == 0 {
						first = time.Since(begin)
					}
				}
				times = append(times, first)
			}
			slices.Sort(times)
			if times[0] == 0 {
				b.Fatal("a command had no output")
			}
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
}

// A program that only repeats a buffer, as fast as a pipe can be, and one that makes its lines. Both readers take turns, so
// that whatever else the machine does hits them alike.
func BenchmarkEvents(b *testing.B) {
	for name, command := range map[string]string{
		"repeated": "yes 'a line of a build, as long as such lines are' | head -c 268435456",
		"made":     `awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "compiling module %d of 1000000, step %d\n", i, i % 7 }'`,
	} {
		b.Run(name, func(b *testing.B) { eventsBesidePlain(b, command) })
	}
}

func eventsBesidePlain(b *testing.B, command string) {
	s := open(b, execkit.Config{})
	var ours, plain time.Duration
	var size int64
	for b.Loop() {
		begin := time.Now()
		r, err := s.Start(context.Background(), command, execkit.ExecOptions{Timeout: -1})
		if err != nil {
			b.Fatal(err)
		}
		size = 0
		for e := range r.All(context.Background()) {
			if e.Type == "stdout" {
				size += int64(len(e.Data))
			}
		}
		ours += time.Since(begin)
		begin = time.Now()
		c := osexec.Command("bash", "-c", command)
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{out}, make([]byte, 64<<10))
		if plain += time.Since(begin); n != size || err != nil || c.Wait() != nil {
			b.Fatal(n, size, err)
		}
	}
	mb := float64(size) * float64(b.N) / 1e6
	b.ReportMetric(mb/ours.Seconds(), "MB/s-events")
	b.ReportMetric(mb/plain.Seconds(), "MB/s-plain")
	b.ReportMetric(plain.Seconds()/ours.Seconds(), "of-plain")
}

// Forty commands that wait for input, each a program on a terminal and on open input by turns.
func BenchmarkWaits(b *testing.B) {
	programs := []string{"read -r x", "read -rsp 'Password: ' x", "cat >/dev/null", "head -n1", "python3 -c 'input()'", "perl -e '<STDIN>'",
		"bash --norc -c 'read x'", "dash -c 'read x'", "sort", "sed -n 1q"}
	s := open(b, execkit.Config{Policy: trusting(b)})
	found, soon := 0, 0
	for b.Loop() {
		for i := range 40 {
			o := execkit.ExecOptions{Timeout: -1, StdinOpen: i%2 == 1}
			if !o.StdinOpen {
				o.TTY = &execkit.TTY{}
			}
			r, err := s.Start(context.Background(), programs[i%len(programs)], o)
			if err != nil {
				b.Fatal(err)
			}
			begin := time.Now()
			for e := range r.All(context.Background()) {
				if e.Type == "waiting_for_input" {
					if found++; time.Since(begin) < time.Second {
						soon++
					}
					r.Stop()
				}
			}
		}
	}
	b.ReportMetric(100*float64(soon)/float64(40*b.N), "%-within-1s")
	b.ReportMetric(100*float64(found)/float64(40*b.N), "%-found")
}
