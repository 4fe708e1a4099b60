package checkpoint

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// photo is what a tree looks like to someone who reads it with the os package alone.
func photo(t *testing.T, root string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		content := ""
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
			if len(b) > 100 {
				content = fmt.Sprintf("%d bytes, %x", len(b), sha256.Sum256(b))
			}
		case info.Mode()&os.ModeSymlink != 0:
			if content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		all[path[len(root)+1:]] = fmt.Sprintf("%v %d:%d %q", info.Mode(), st.Uid, st.Gid, content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func samePhoto(t *testing.T, when string, want, got map[string]string) {
	t.Helper()
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if want[name] != got[name] {
			t.Fatalf("%s: %q is %.200s, want %.200s", when, name, got[name], want[name])
		}
	}
}

func open(t testing.TB, root string, o Options) *Workspace {
	t.Helper()
	o.Root = root
	if o.Store == "" {
		o.Store = filepath.Join(t.TempDir(), "store")
	}
	w, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// sequences is how many random sequences are run; the bar of 300 is for a person with time.
func sequences(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("EXECKIT_UNDO_SEQUENCES")); err == nil {
		return n
	}
	if testing.Short() {
		return 5
	}
	return 6
}

var hardNames = []string{"a", "b", "c.txt", "new\nline", "\xff\xfe", " blank ", "-rf", "ünï", "*", ".git", "'\"\\", "$(id)", ".hidden", strings.Repeat("n", 255)}

// A mess makes random changes to a tree.
type mess struct {
	*rand.Rand
	root, outside string
}

func (m *mess) dirs() []string {
	all := []string{m.root}
	_ = filepath.WalkDir(m.root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Count(path[len(m.root):], "/") < 5 {
			all = append(all, path)
		}
		return nil
	})
	return all
}

func (m *mess) name() string {
	dirs := m.dirs()
	return filepath.Join(dirs[m.IntN(len(dirs))], hardNames[m.IntN(len(hardNames))])
}

func (m *mess) existing() string {
	var all []string
	_ = filepath.WalkDir(m.root, func(path string, _ os.DirEntry, err error) error {
		if err == nil && path != m.root {
			all = append(all, path)
		}
		return nil
	})
	if len(all) == 0 {
		return m.name()
	}
	return all[m.IntN(len(all))]
}

func (m *mess) content() []byte {
	sizes := []int{0, 1, 10, 200, 5000, 70_000, chunkSize - 1, chunkSize, chunkSize + 1}
	b := make([]byte, sizes[m.IntN(len(sizes)-m.IntN(4))])
	seed := m.Uint32()
	for i := range b {
		seed = seed*1664525 + 1013904223
		b[i] = byte(seed >> 30 * 60)
	}
	return b
}

// change makes one change. Errors are as they would be for a command: the change does not happen.
func (m *mess) change() {
	path := m.name()
	switch m.IntN(16) {
	case 0, 1, 2, 3:
		if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Nlink == 1 {
			_ = os.WriteFile(path, m.content(), 0o644)
		}
	case 4:
		_ = os.MkdirAll(path, 0o755)
	case 5:
		_ = os.Remove(m.existing())
	case 6:
		_ = os.RemoveAll(m.existing())
	case 7:
		if info, err := os.Lstat(m.existing()); err == nil && info.Mode()&os.ModeSymlink == 0 {
			_ = os.Chmod(m.existingFile(), os.FileMode(m.IntN(0o1000))|0o400)
		}
	case 8:
		targets := []string{m.outside, filepath.Join(m.outside, "precious"), "nowhere", "../..", "a", "/"}
		_ = os.Symlink(targets[m.IntN(len(targets))], path)
	case 9:
		_ = os.Rename(m.existing(), path)
	case 10:
		_ = os.Link(filepath.Join(m.outside, "linked"), path)
	case 11:
		if f, err := os.OpenFile(m.existingFile(), os.O_WRONLY|os.O_APPEND, 0); err == nil {
			_, _ = f.WriteString("more")
			f.Close()
		}
	case 12:
		if f, err := os.Create(m.free(path)); err == nil { // sparse
			_ = f.Truncate(3*chunkSize + 5)
			_, _ = f.WriteAt([]byte("island"), chunkSize+10)
			f.Close()
		}
	case 13:
		_ = os.Chmod(m.existingFile(), 0o755|os.ModeSetuid)
	case 14:
		_ = os.RemoveAll(path) // something becomes something else
		if m.IntN(2) == 0 {
			_ = os.Mkdir(path, 0o700)
			_ = os.WriteFile(filepath.Join(path, "inner"), m.content(), 0o600)
		} else {
			_ = os.WriteFile(path, m.content(), 0o600)
		}
	case 15:
		if f := m.existingFile(); f != "" {
			b := m.content()
			_ = os.WriteFile(f, b, 0o644) // in place
		}
	}
}

// existingFile returns a regular file of the workspace that has no other name, so that writing to it changes nothing
// outside, or "".
func (m *mess) existingFile() string {
	for range 10 {
		path := m.existing()
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Nlink == 1 {
			return path
		}
	}
	return ""
}

// free returns path if writing to it follows no link.
func (m *mess) free(path string) string {
	_ = os.Remove(path)
	return path
}

func outsiders(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"precious", "linked"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A command changes things at random, checkpoints are made on the way, and restores jump between them: each must give
// back the very tree of its checkpoint.
func TestRandomSequences(t *testing.T) {
	for n := range sequences(t) {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			ctx := context.Background()
			m := &mess{Rand: rand.New(rand.NewPCG(uint64(n), 9)), root: t.TempDir(), outside: outsiders(t)}
			far := photo(t, m.outside)
			w := open(t, m.root, Options{})
			photos := make(map[string]map[string]string)
			var ids []string
			for range 6 {
				mark, err := w.Begin(ctx, "mess", n%2 == 0, false)
				if err != nil {
					t.Fatal(err)
				}
				for range 1 + m.IntN(12) {
					m.change()
				}
				if _, err := mark.End(ctx); err != nil {
					t.Fatal(err)
				}
				r, err := w.Save(ctx, "", false)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, r.ID)
				photos[r.ID] = photo(t, m.root)
				if m.IntN(2) == 0 {
					id := ids[m.IntN(len(ids))]
					restore(t, w, id, RestoreOptions{})
					samePhoto(t, "restored", photos[id], photo(t, m.root))
				}
			}
			for _, id := range ids {
				restore(t, w, id, RestoreOptions{})
				samePhoto(t, "in the end", photos[id], photo(t, m.root))
			}
			samePhoto(t, "outside", far, photo(t, m.outside))
		})
	}
}

func restore(t *testing.T, w *Workspace, id string, o RestoreOptions) *Restored {
	t.Helper()
	plan, err := w.Preview(context.Background(), id, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Digest = plan.Digest
	r, err := w.Restore(context.Background(), id, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failed) > 0 {
		t.Fatalf("failed: %q", r.Failed)
	}
	return r
}

// Somebody else works in the same tree, in files of their own: whatever is restored, those stay as they are.
func TestRandomSequencesWithOutsiders(t *testing.T) {
	for n := range sequences(t) {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			ctx := context.Background()
			m := &mess{Rand: rand.New(rand.NewPCG(uint64(n), 77)), root: t.TempDir(), outside: outsiders(t)}
			w := open(t, m.root, Options{})
			theirs := make(map[string]string) // path below root → content
			var ids []string
			for step := range 8 {
				mark, err := w.Begin(ctx, "mess", true, false)
				if err != nil {
					t.Fatal(err)
				}
				before := photo(t, m.root)
				for range 1 + m.IntN(8) {
					m.change()
				}
				for name := range theirs {
					if photo := photoOf(t, m.root, name); photo != before[name] {
						delete(theirs, name) // a command got at it; it is the command's now, too
					}
				}
				if _, err := mark.End(ctx); err != nil {
					t.Fatal(err)
				}
				r, err := w.Save(ctx, "", false)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, r.ID)
				dirs := m.dirs()
				name := filepath.Join(dirs[m.IntN(len(dirs))], fmt.Sprintf("theirs-%d", step))
				if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
				theirs[name[len(m.root)+1:]] = name
				r2 := restore(t, w, ids[m.IntN(len(ids))], RestoreOptions{Overwrite: m.IntN(2) == 0})
				for name, content := range theirs {
					if b, err := os.ReadFile(filepath.Join(m.root, name)); err != nil || string(b) != content {
						t.Fatalf("their %q was touched: %q, %v\nkept %q", name, b, err, r2.Kept)
					}
				}
			}
		})
	}
}

func photoOf(t *testing.T, root, name string) string {
	t.Helper()
	return photo(t, root)[name]
}
