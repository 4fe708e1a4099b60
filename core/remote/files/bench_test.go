package files_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/checkpoint"
)

const benchFiles = 10_000

// A workspace of 10,000 files, ten of which change, on a target without any way in between: what the shells themselves take.
func BenchmarkTenChanged(b *testing.B) {
	for _, kind := range benches[:3] {
		b.Run(kind.name, func(b *testing.B) {
			ctx, root := context.Background(), b.TempDir()
			for i := range benchFiles {
				write(b, filepath.Join(root, fmt.Sprintf("d%03d/f%02d", i/50, i%50)), strings.Repeat(fmt.Sprintf("line %d of a file\n", i), 5+i%140))
			}
			target, _ := kind.there(b)
			w := workspace(b, target, root)
			r, err := w.Save(ctx, "", false)
			if err != nil {
				b.Fatal(err)
			}
			change := func(i int) {
				command(b, w, func() {
					for k := range 10 {
						write(b, filepath.Join(root, fmt.Sprintf("d%03d/f00", k*20)), fmt.Sprint(i))
					}
				})
			}
			b.Run("save", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					b.StopTimer()
					change(i)
					b.StartTimer()
					if _, err := w.Save(ctx, "", false); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("restore", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					b.StopTimer()
					change(-i)
					b.StartTimer()
					if _, err := w.Restore(ctx, r.ID, checkpoint.RestoreOptions{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
