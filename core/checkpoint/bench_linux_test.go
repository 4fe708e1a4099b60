package checkpoint

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// plant makes n files of 200 bytes to 6 KB, 50 in a directory: about what a project with its dependencies looks like.
func plant(tb testing.TB, root string, n int) {
	tb.Helper()
	for i := range n {
		text := strings.Repeat(fmt.Sprintf("line %d of a file with some text in it\n", i*7919%10007), 5+i%140)
		write(tb, filepath.Join(root, fmt.Sprintf("d%03d/f%02d.txt", i/50, i%50)), text)
	}
}

func touchTen(tb testing.TB, root string, n, round int) {
	tb.Helper()
	for i := range 10 {
		k := i * n / 10
		write(tb, filepath.Join(root, fmt.Sprintf("d%03d/f%02d.txt", k/50, k%50)), fmt.Sprintf("round %d", round))
	}
}

func git(tb testing.TB, root string, args ...string) {
	tb.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x", "-c", "gc.auto=0"}, args...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("git %v: %v: %s", args, err, out)
	}
}

const benchFiles = 10_000

func BenchmarkFirstCheckpoint(b *testing.B) {
	root := b.TempDir()
	plant(b, root, benchFiles)
	b.Run("execkit", func(b *testing.B) {
		for b.Loop() {
			save(b, open(b, root, Options{}))
		}
	})
	b.Run("git", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			os.RemoveAll(filepath.Join(root, ".git"))
			git(b, root, "init", "-q")
			b.StartTimer()
			git(b, root, "add", "-A")
			git(b, root, "commit", "-q", "-m", "x")
		}
	})
}

func BenchmarkCheckpointOfTenChanged(b *testing.B) {
	root, other := b.TempDir(), b.TempDir()
	plant(b, root, benchFiles)
	plant(b, other, benchFiles)
	b.Run("execkit", func(b *testing.B) {
		w := open(b, root, Options{})
		save(b, w)
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			touchTen(b, root, benchFiles, i)
			b.StartTimer()
			save(b, w)
		}
	})
	b.Run("git", func(b *testing.B) {
		os.RemoveAll(filepath.Join(other, ".git"))
		git(b, other, "init", "-q")
		git(b, other, "add", "-A")
		git(b, other, "commit", "-q", "-m", "x")
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			touchTen(b, other, benchFiles, i)
			b.StartTimer()
			git(b, other, "add", "-A")
			git(b, other, "commit", "-q", "-m", "x")
		}
	})
}

// What git does for a restore that loses nothing: the state is committed, and then the old tree is checked out.
func BenchmarkRestoreOfTenChanged(b *testing.B) {
	root, other := b.TempDir(), b.TempDir()
	plant(b, root, benchFiles)
	plant(b, other, benchFiles)
	b.Run("execkit", func(b *testing.B) {
		w := open(b, root, Options{})
		r := save(b, w)
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			command(b, w, func() { touchTen(b, root, benchFiles, i) })
			b.StartTimer()
			if got, err := w.Restore(context.Background(), r.ID, RestoreOptions{}); err != nil || len(got.Steps) != 10 {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("git", func(b *testing.B) {
		os.RemoveAll(filepath.Join(other, ".git"))
		git(b, other, "init", "-q")
		git(b, other, "add", "-A")
		git(b, other, "commit", "-q", "-m", "x")
		git(b, other, "tag", "first")
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			touchTen(b, other, benchFiles, i)
			b.StartTimer()
			git(b, other, "add", "-A")
			git(b, other, "commit", "-q", "-m", "x")
			git(b, other, "checkout", "-q", "first", "--", ".")
		}
	})
}
