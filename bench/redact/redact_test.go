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

// corpora are about a megabyte each of text without secrets, made alike in every run.
func corpora() map[string]string {
	r := rand.New(rand.NewPCG(1, 2))
	var log, json, hex strings.Builder
	for log.Len() < 1<<20 {
		fmt.Fprintf(&log, "2026-11-25T09:%02d:%02d.%03dZ INFO  http: GET /api/v1/items/%d 200 %dms bytes=%d agent=\"curl/8.5.0\"\n",
			r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(1e6), r.IntN(900), r.IntN(1e5))
	}
	for json.Len() < 1<<20 {
		fmt.Fprintf(&json, "{\"id\": %d, \"name\": \"item-%d\", \"tags\": [\"a\", \"b%d\"], \"size\": %d, \"ok\": true}\n", r.IntN(1e6), r.IntN(1e6), r.IntN(99), r.IntN(1e5))
	}
	for hex.Len() < 1<<20 {
		fmt.Fprintf(&hex, "%08x  %016x %016x  |................|\n", hex.Len(), r.Uint64(), r.Uint64())
	}
	return map[string]string{"log": log.String(), "json": json.String(), "hex": hex.String()}
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
	for name, text := range corpora() {
		b.Run(name+"/execkit", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			in, out := []byte(text), []byte(nil)
			for b.Loop() {
				s := ours.Stream()
				out = s.Flush(s.Write(out[:0], in))
			}
		})
		b.Run(name+"/gitleaks", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				rival.DetectString(text)
			}
		})
	}
}
