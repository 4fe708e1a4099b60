package treetest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// chunkSize is the one of package checkpoint: sizes around it are the interesting ones.
const chunkSize = 1 << 20

// Sequences is how many are run: EXECKIT_UNDO_SEQUENCES, else usual, and fewer with -short.
func Sequences(usual int) int {
	if n, err := strconv.Atoi(os.Getenv("EXECKIT_UNDO_SEQUENCES")); err == nil {
		return n
	}
	if testing.Short() {
		return min(usual, 5)
	}
	return usual
}

var hardNames = []string{"a", "b", "c.txt", "new\nline", "\xff\xfe", " blank ", "-rf", "ünï", "*", ".git", "'\"\\", "$(id)", ".hidden", strings.Repeat("n", 255)}

// A Mess makes random changes to the tree at Root. Links that it makes lead to Outside, which it never changes.
type Mess struct {
	*rand.Rand
	Root, Outside string
	// Largest is the size of the largest content.
	Largest int
}

// NewMess makes a Mess whose changes are the same for the same seed and kind, with directories of its own.
func NewMess(t testing.TB, seed, kind, largest int) *Mess {
	t.Helper()
	m := &Mess{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(kind))), Root: t.TempDir(), Outside: t.TempDir(), Largest: largest}
	for _, name := range []string{"precious", "linked"} {
		if err := os.WriteFile(filepath.Join(m.Outside, name), []byte(name), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// Dirs are the directories that are not deep, the root twice.
func (m *Mess) Dirs() []string {
	all := []string{m.Root}
	_ = filepath.WalkDir(m.Root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Count(path[len(m.Root):], "/") < 5 {
			all = append(all, path)
		}
		return nil
	})
	return all
}

func (m *Mess) name() string {
	dirs := m.Dirs()
	return filepath.Join(dirs[m.IntN(len(dirs))], hardNames[m.IntN(len(hardNames))])
}

func (m *Mess) existing() string {
	var all []string
	_ = filepath.WalkDir(m.Root, func(path string, _ os.DirEntry, err error) error {
		if err == nil && path != m.Root {
			all = append(all, path)
		}
		return nil
	})
	if len(all) == 0 {
		return m.name()
	}
	return all[m.IntN(len(all))]
}

func (m *Mess) content() []byte {
	sizes := []int{0, 1, 10, 200, 5000, 70_000, chunkSize - 1, chunkSize, chunkSize + 1}
	b := make([]byte, min(m.Largest, sizes[m.IntN(len(sizes)-m.IntN(4))]))
	seed := m.Uint32()
	for i := range b {
		seed = seed*1664525 + 1013904223
		b[i] = byte(seed >> 30 * 60)
	}
	return b
}

// Change makes one change. Errors are as they would be for a command: the change does not happen.
func (m *Mess) Change() {
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
		targets := []string{m.Outside, filepath.Join(m.Outside, "precious"), "nowhere", "../..", "a", "/"}
		_ = os.Symlink(targets[m.IntN(len(targets))], path)
	case 9:
		_ = os.Rename(m.existing(), path)
	case 10:
		_ = os.Link(filepath.Join(m.Outside, "linked"), path)
	case 11:
		if f, err := os.OpenFile(m.existingFile(), os.O_WRONLY|os.O_APPEND, 0); err == nil {
			_, _ = f.WriteString("more")
			f.Close()
		}
	case 12:
		if f, err := os.Create(m.free(path)); err == nil { // sparse
			size := min(3*chunkSize, m.Largest)
			_ = f.Truncate(int64(size) + 5)
			_, _ = f.WriteAt([]byte("island"), int64(size/3)+10)
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
func (m *Mess) existingFile() string {
	for range 10 {
		path := m.existing()
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Nlink == 1 {
			return path
		}
	}
	return ""
}

// free returns path if writing to it follows no link.
func (m *Mess) free(path string) string {
	_ = os.Remove(path)
	return path
}
