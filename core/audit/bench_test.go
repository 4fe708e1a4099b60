package audit

import (
	"path/filepath"
	"strings"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"log", Options{}}, {"head", Options{HeadPath: filepath.Join(dir, "head")}},
		{"signed", Options{HeadPath: filepath.Join(dir, "signed"), SignKey: newKey(b, dir)}}, {"fsync", Options{Fsync: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.o.Path, c.o.RotateBytes = filepath.Join(b.TempDir(), "log"), -1
			w := openLog(b, c.o)
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
