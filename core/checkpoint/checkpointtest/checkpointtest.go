// Package checkpointtest runs random sequences of file operations between checkpoints against whatever reaches the files of a
// workspace, and compares what a restore gives back byte for byte and mode for mode.
package checkpointtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/checkpoint/treetest"
)

// Options say what is run.
type Options struct {
	Open func(t testing.TB, root string) *checkpoint.Workspace
	// Seeds are the sequences, which are the same for the same seed.
	Seeds []int
	// Largest is the size of the largest content; 3 MiB when 0.
	Largest int
}

// Seeds are every step-th of the first n, from first on.
func Seeds(first, step, n int) (list []int) {
	for i := first; i < n; i += step {
		list = append(list, i)
	}
	return list
}

func (o Options) mess(t testing.TB, seed, kind int) (*treetest.Mess, *checkpoint.Workspace) {
	largest := o.Largest
	if largest == 0 {
		largest = 3 << 20
	}
	m := treetest.NewMess(t, seed, kind, largest)
	return m, o.Open(t, m.Root)
}

// command counts what fn changes as a command's; auto has a checkpoint made before.
func command(t testing.TB, w *checkpoint.Workspace, auto bool, fn func()) {
	t.Helper()
	mark, err := w.Begin(t.Context(), "mess", auto, false)
	if err != nil {
		t.Fatal(err)
	}
	fn()
	if _, err := mark.End(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func save(t testing.TB, w *checkpoint.Workspace) (id string) {
	t.Helper()
	r, err := w.Save(t.Context(), "", false)
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

func restore(t testing.TB, w *checkpoint.Workspace, id string, overwrite bool) *checkpoint.Restored {
	t.Helper()
	o := checkpoint.RestoreOptions{Overwrite: overwrite}
	plan, err := w.Preview(t.Context(), id, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Digest = plan.Digest
	r, err := w.Restore(t.Context(), id, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failed) > 0 {
		t.Fatalf("failed: %q", r.Failed)
	}
	return r
}

// Run has a command change things at random, makes checkpoints on the way, and restores jump between them: each must give
// back the very tree of its checkpoint, and change nothing outside.
func Run(t *testing.T, o Options) {
	for _, seed := range o.Seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			m, w := o.mess(t, seed, 9)
			far := treetest.Photo(t, m.Outside)
			photos := make(map[string]map[string]string)
			var ids []string
			for range 6 {
				command(t, w, seed%2 == 0, func() {
					for range 1 + m.IntN(12) {
						m.Change()
					}
				})
				id := save(t, w)
				ids = append(ids, id)
				photos[id] = treetest.Photo(t, m.Root)
				if m.IntN(2) == 0 {
					id := ids[m.IntN(len(ids))]
					restore(t, w, id, false)
					treetest.Same(t, "restored", photos[id], treetest.Photo(t, m.Root))
				}
			}
			for _, id := range ids {
				restore(t, w, id, false)
				treetest.Same(t, "in the end", photos[id], treetest.Photo(t, m.Root))
			}
			treetest.Same(t, "outside", far, treetest.Photo(t, m.Outside))
		})
	}
}

// RunWithOutsiders has somebody else work in the same tree, in files of their own: whatever is restored, those stay as
// they are.
func RunWithOutsiders(t *testing.T, o Options) {
	for _, seed := range o.Seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			m, w := o.mess(t, seed, 77)
			theirs := make(map[string]string) // path below root → content
			var ids []string
			for step := range 8 {
				command(t, w, true, func() {
					before := treetest.Photo(t, m.Root)
					for range 1 + m.IntN(8) {
						m.Change()
					}
					after := treetest.Photo(t, m.Root)
					for name := range theirs {
						if after[name] != before[name] {
							delete(theirs, name) // a command got at it; it is the command's now, too
						}
					}
				})
				ids = append(ids, save(t, w))
				dirs := m.Dirs()
				name := filepath.Join(dirs[m.IntN(len(dirs))], fmt.Sprintf("theirs-%d", step))
				if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
				theirs[name[len(m.Root)+1:]] = name
				r := restore(t, w, ids[m.IntN(len(ids))], m.IntN(2) == 0)
				for name, content := range theirs {
					if b, err := os.ReadFile(filepath.Join(m.Root, name)); err != nil || string(b) != content {
						t.Fatalf("their %q was touched: %q, %v\nkept %q", name, b, err, r.Kept)
					}
				}
			}
		})
	}
}
