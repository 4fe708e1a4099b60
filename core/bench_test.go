package execkit_test

import (
	"context"
	"io"
	osexec "os/exec"
	"runtime"
	"testing"

	execkit "github.com/execkit/execkit/core"
)

// A gigabyte through one command against a plain reader of the same program on the same kind of pipe.
func BenchmarkThroughput(b *testing.B) {
	const bytes = 1 << 30
	const command = "yes | head -c 1073741824"
	measure := func(b *testing.B, redact execkit.RedactOptions) {
		s := open(b, execkit.Config{Redact: &redact})
		b.SetBytes(bytes)
		for b.Loop() {
			r, err := s.Exec(context.Background(), command, execkit.ExecOptions{Timeout: -1})
			if err != nil || r.Budget["stdout"].BytesTotal != bytes {
				b.Fatal(r, err)
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-host")
	}
	b.Run("execkit", func(b *testing.B) { measure(b, execkit.RedactOptions{}) })
	b.Run("execkit-redact-off", func(b *testing.B) { measure(b, execkit.RedactOptions{Disabled: true}) })
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(bytes)
		for b.Loop() {
			c := osexec.Command("bash", "-c", command)
			out, err := c.StdoutPipe()
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				b.Fatal(err)
			}
			buf := make([]byte, 64<<10)
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{out}, buf); n != bytes {
				b.Fatal(n, err)
			}
			_ = c.Wait()
		}
	})
}

// A thousand live sessions in one process, all busy in turn.
func BenchmarkThousandSessions(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sessions := make([]*execkit.Session, 1000)
	for i := range sessions {
		sessions[i] = open(b, execkit.Config{Cwd: "/"})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for i := 0; b.Loop(); i++ {
		if r := exec(b, sessions[i%1000], "echo $$"); *r.ExitCode != 0 {
			b.Fatal(r)
		}
	}
	b.ReportMetric(float64(after.Sys-before.Sys)/1000/1024, "KiB/session")
}

// One command with everything that the default session does to it: policy, redaction, budget.
func BenchmarkExec(b *testing.B) {
	s := open(b, execkit.Config{})
	for b.Loop() {
		exec(b, s, "true")
	}
}
