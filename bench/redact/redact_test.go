// Package redact compares the redactor with gitleaks' detector used as a library. It is a module of its own, so that
// the rival's dependencies stay out of the project's.
package redact

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/execkit/execkit/core/redact"
)

// corpora are about a megabyte each of text without secrets, made alike in every run. The keys of the second JSON text are
// words that both redactors stop at.
func corpora() []corpus {
	r := rand.New(rand.NewPCG(1, 2))
	return []corpus{
		{"log", repeat(func() string {
			return fmt.Sprintf("2026-11-25T09:%02d:%02d.%03dZ INFO  http: GET /api/v1/items/%d 200 %dms bytes=%d agent=\"curl/8.5.0\"\n",
				r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(1e6), r.IntN(900), r.IntN(1e5))
		})},
		{"json", repeat(func() string {
			return fmt.Sprintf("{\"id\": %d, \"name\": \"item-%d\", \"tags\": [\"a\", \"b%d\"], \"size\": %d, \"ok\": true}\n", r.IntN(1e6), r.IntN(1e6), r.IntN(99), r.IntN(1e5))
		})},
		{"json-keys", repeat(func() string {
			n := r.IntN(1e6)
			return fmt.Sprintf("{\"id\": %d, \"key\": \"k%d\", \"url\": \"https://example.com/%d\", \"author\": \"sam\", \"tokens\": %d},\n", n, n, n, r.IntN(1e4))
		})},
		{"hex", repeat(func() string {
			return fmt.Sprintf("%08x  %016x %016x  |................|\n", r.IntN(1<<20), r.Uint64(), r.Uint64())
		})},
	}
}

type corpus struct{ name, text string }

func repeat(line func() string) string {
	var b strings.Builder
	for b.Len() < 1<<20 {
		b.WriteString(line())
	}
	return b.String()
}

func BenchmarkRedact(b *testing.B) {
	rival, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		b.Fatal(err)
	}
	ours, err := redact.New(redact.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range corpora() {
		in, out := []byte(c.text), []byte(nil)
		var mine float64 // seconds for one pass
		b.Run(c.name+"/execkit", func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				s := ours.Stream()
				out = s.Flush(s.Write(out[:0], in))
			}
			mine = b.Elapsed().Seconds() / float64(b.N)
			if string(out) != c.text {
				b.Fatalf("%s: text without secrets was changed", c.name)
			}
		})
		b.Run(c.name+"/gitleaks", func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				rival.DetectString(c.text)
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/mine, "times-slower")
		})
	}
}
