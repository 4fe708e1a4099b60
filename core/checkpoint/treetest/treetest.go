// Package treetest looks at trees of files for tests, and makes a mess of them.
package treetest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// Photo is what a tree looks like to someone who reads it with the os package alone.
func Photo(t testing.TB, root string) map[string]string {
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

// Same fails the test where two photos differ, and says where and when.
func Same(t testing.TB, when string, want, got map[string]string) {
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
