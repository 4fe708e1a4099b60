package remote

import (
	"bufio"
	"context"
	"io"
	"testing"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/tests/rivals"
)

func BenchmarkTrue(b *testing.B) {
	for _, shell := range shells {
		b.Run(shell, func(b *testing.B) {
			s := start(b, shell)
			rivals.Median(b, func() {
				if out := s.Run(context.Background(), engine.Command{Text: "true", Timeout: time.Minute, Stdout: io.Discard, Stderr: io.Discard}); !out.Known {
					b.Fatal("lost")
				}
			})
		})
	}
}

// The floor: eval and printf through an interactive shell on the same streams.
func BenchmarkBareLoop(b *testing.B) {
	for _, argv := range [][]string{{"bash", "--norc", "--noprofile", "--noediting", "-i"}, {"dash", "-i"}} {
		b.Run(argv[0], func(b *testing.B) {
			l := local(b)
			p, err := l.Open(context.Background(), transport.OpenOptions{Argv: argv})
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			go func() { _, _ = io.Copy(io.Discard, p.Stderr()) }()
			out := bufio.NewReader(p.Stdout())
			rivals.Median(b, func() {
				if _, err := io.WriteString(p.Stdin(), "{ eval 'true'; } </dev/null; printf '%s\\n' $?\n"); err != nil {
					b.Fatal(err)
				}
				if _, err := out.ReadString('\n'); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
