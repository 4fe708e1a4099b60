package execkit_test

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/tests/rivals"
)

// A gigabyte of lines, and one line of 600 MB, through one command against a plain reader of the same program on the same
// kind of pipe.
func BenchmarkThroughput(b *testing.B) {
	for name, output := range map[string]struct {
		command string
		bytes   int64
	}{
		"lines": {"yes | head -c 1073741824", 1 << 30},
		"line":  {`head -c 629145600 /dev/zero | tr '\\0' x`, 600 << 20},
	} {
		for kind, redact := range map[string]execkit.RedactOptions{"execkit": {}, "execkit-redact-off": {Disabled: true}} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				s := open(b, execkit.Config{Redact: &redact})
				b.SetBytes(output.bytes)
				for b.Loop() {
					r, err := s.Exec(context.Background(), output.command, execkit.ExecOptions{Timeout: -1})
					if err != nil || r.Budget["stdout"].BytesTotal != output.bytes {
						b.Fatal(r, err)
					}
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-host")
			})
		}
		b.Run(name+"/plain", func(b *testing.B) { rivals.Throughput(b, output.bytes, "bash", "-c", output.command) })
	}
}

// What an audit costs a command: two sessions take turns, so that whatever else the machine does hits both alike. The bar is
// 25 µs more without fsync; the figures are medians.
func BenchmarkAuditedExec(b *testing.B) {
	for name, o := range map[string]audit.Options{"log": {}, "head": {HeadPath: "head"}, "fsync": {Fsync: true}} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			o := o
			if o.Path = filepath.Join(dir, "log"); o.HeadPath != "" {
				o.HeadPath = filepath.Join(dir, o.HeadPath)
			}
			plain, audited := open(b, execkit.Config{}), open(b, execkit.Config{Audit: &execkit.AuditOptions{Options: o}})
			var without, with []time.Duration
			for b.Loop() {
				begin := time.Now()
				exec(b, plain, "true")
				between := time.Now()
				exec(b, audited, "true")
				without, with = append(without, between.Sub(begin)), append(with, time.Since(between))
			}
			slices.Sort(without)
			slices.Sort(with)
			p, a := without[len(without)/2], with[len(with)/2]
			b.ReportMetric(float64(p.Nanoseconds())/1000, "plain-µs")
			b.ReportMetric(float64((a-p).Nanoseconds())/1000, "more-µs")
		})
	}
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
