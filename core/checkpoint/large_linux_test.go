package checkpoint

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/execkit/execkit/core/checkpoint/treetest"
)

// A workspace of EXECKIT_UNDO_FILES files, 500 when that is not set, is saved, changed and restored to the byte; the times are logged.
func TestWorkspaceOfManyFiles(t *testing.T) {
	files := 500
	if n, err := strconv.Atoi(os.Getenv("EXECKIT_UNDO_FILES")); err == nil {
		files = n
	}
	root := t.TempDir()
	plant(t, root, files)
	before := treetest.Photo(t, root)
	w := open(t, root, Options{})
	timed := func(what string, do func()) {
		began := time.Now()
		do()
		t.Logf("%d files: %s: %d ms", files, what, time.Since(began).Milliseconds())
	}
	var first *Record
	timed("first checkpoint", func() { first = save(t, w) })
	timed("checkpoint of nothing new", func() { save(t, w) })
	command(t, w, func() { touchTen(t, root, files, 1) })
	timed("checkpoint of ten changed", func() { save(t, w) })
	timed("diff of ten changed", func() {
		if diffs, err := w.Diff(context.Background(), first.ID, DiffOptions{}); err != nil || len(diffs) != 10 {
			t.Fatal(len(diffs), err)
		}
	})
	timed("restore of ten changed", func() {
		if r := restore(t, w, first.ID, RestoreOptions{}); len(r.Steps) != 10 {
			t.Fatal(len(r.Steps))
		}
	})
	treetest.Same(t, "after ten changed", before, treetest.Photo(t, root))

	command(t, w, func() {
		list, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if err := os.RemoveAll(root + "/" + d.Name()); err != nil {
				t.Fatal(err)
			}
		}
	})
	timed("restore of everything removed", func() { restore(t, w, first.ID, RestoreOptions{}) })
	treetest.Same(t, "after everything was removed", before, treetest.Photo(t, root))
}
