package engine

import (
	"bufio"
	"io"
	"os/exec"
	"testing"
)

// The complete round trip against the least that any driver of a live bash does, in one run.
func BenchmarkRoundTrip(b *testing.B) {
	for _, command := range []string{"true", "/bin/true"} {
		b.Run("execkit/"+command, func(b *testing.B) {
			s := start(b)
			for b.Loop() {
				s.Run(b.Context(), Command{Text: command, Stdout: io.Discard, Stderr: io.Discard})
			}
		})
		b.Run("bare/"+command, func(b *testing.B) {
			c := exec.Command("/bin/bash", "--norc", "--noprofile", "--noediting", "-i")
			in, _ := c.StdinPipe()
			out, _ := c.StdoutPipe()
			if err := c.Start(); err != nil {
				b.Fatal(err)
			}
			defer func() { in.Close(); _ = c.Wait() }()
			lines := bufio.NewReader(out)
			line := []byte("eval '" + command + "'\nprintf 'done %d\\n' $?\n")
			for b.Loop() {
				_, _ = in.Write(line)
				if _, err := lines.ReadSlice('\n'); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	b.Run("execkit", func(b *testing.B) {
		for b.Loop() {
			start(b).Close()
		}
	})
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("/bin/bash", "--norc", "--noprofile", "-c", "true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
