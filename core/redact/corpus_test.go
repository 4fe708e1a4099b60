package redact

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCorpus counts the redactions in the files under the directories that EXECKIT_REDACT_CORPUS names, which should
// be ordinary text:
//
//	EXECKIT_REDACT_CORPUS=$(go env GOROOT)/src:/usr/share/doc go test -run TestCorpus -v ./core/redact
func TestCorpus(t *testing.T) {
	dirs := os.Getenv("EXECKIT_REDACT_CORPUS")
	if dirs == "" {
		return // nothing was asked
	}
	for _, dir := range filepath.SplitList(dirs) {
		r := mustNew(t, Options{Labels: true})
		var size, marks int
		var spent time.Duration
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil || bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 || strings.HasSuffix(path, ".pem") {
				return nil
			}
			size += len(b)
			st := r.Stream()
			start := time.Now()
			out := st.Flush(st.Write(nil, b))
			spent += time.Since(start)
			for _, c := range st.Counts() {
				marks += c.Count
			}
			if len(st.counts) > 0 {
				in, res := bytes.Split(b, []byte("\n")), bytes.Split(out, []byte("\n"))
				for i := 0; i < len(in) && i < len(res); i++ {
					if !bytes.Equal(in[i], res[i]) && bytes.Contains(res[i], []byte("[REDACTED")) {
						t.Logf("%s:%d: %.200s\n\t-> %.200s", path, i+1, bytes.TrimSpace(in[i]), bytes.TrimSpace(res[i]))
					}
				}
			}
			return nil
		})
		mb := float64(size) / 1e6
		t.Logf("%s: %.1f MB, %d redactions, %.2f per MB, %.0f MB/s", dir, mb, marks, float64(marks)/mb, mb/spent.Seconds())
		if float64(marks) > mb+1 {
			t.Errorf("%s: more than 1 redaction per MB", dir)
		}
	}
}
