package engine

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
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

// Opening and closing a session beside a bash that only starts and ends: the same kind of shell, and the least that bash
// can be asked for. All have one environment, in which there is no history to read and no locale.
func BenchmarkOpen(b *testing.B) {
	env := []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "SHELL=/bin/bash"}
	open := func(script bool) func(*testing.B) {
		return func(b *testing.B) {
			o := Options{Path: "/bin/bash", Dir: b.TempDir(), Env: env, script: script}
			for b.Loop() {
				s, err := Start(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		}
	}
	bare := func(input string, arguments ...string) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				c := exec.Command("/bin/bash", append([]string{"--norc", "--noprofile"}, arguments...)...)
				c.Env = env
				if input != "" {
					c.Stdin = strings.NewReader(input) // by a pipe
				}
				if err := c.Run(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("execkit", open(false))
	b.Run("execkit with the script", open(true))
	b.Run("bare interactive", bare("exit\n", "--noediting", "-i"))
	b.Run("bare", bare("", "-c", "true"))
}
