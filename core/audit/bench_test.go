package audit

import (
	"path/filepath"
	"strings"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	key := newKey(b, b.TempDir())
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"log", Options{}}, {"head", Options{HeadPath: "head"}},
		{"signed", Options{HeadPath: "head", SignKey: key}}, {"fsync", Options{Fsync: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o, dir := c.o, b.TempDir()
			if o.Path, o.RotateBytes = filepath.Join(dir, "log"), -1; o.HeadPath != "" {
				o.HeadPath = filepath.Join(dir, o.HeadPath)
			}
			w := openLog(b, o)
			for b.Loop() {
				add(b, w, "systemctl status api")
			}
		})
	}
}

// The bar is 200 MB/s.
func BenchmarkVerify(b *testing.B) {
	path := filepath.Join(b.TempDir(), "log")
	w := openLog(b, Options{Path: path, RotateBytes: -1})
	for w.size < 64<<20 {
		add(b, w, "systemctl status api "+strings.Repeat("x", 100))
	}
	b.SetBytes(w.size)
	for b.Loop() {
		mustBeWhole(b, path, VerifyOptions{})
	}
}
