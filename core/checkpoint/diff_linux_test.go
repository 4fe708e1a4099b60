package checkpoint

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/checkpoint/treetest"
)

// The oracle is git: what git apply makes of a checkpoint and the diff must be the workspace.
func TestDiffAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is needed as the oracle; build.sh installs it")
	}
	for n := range treetest.Sequences(6) {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(n), 5))
			root := t.TempDir()
			w := open(t, root, Options{})
			scribble(t, r, root)
			from := save(t, w)
			copied := filepath.Join(t.TempDir(), "copy")
			if out, err := exec.Command("cp", "-a", root, copied).CombinedOutput(); err != nil {
				t.Fatal(err, string(out))
			}
			scribble(t, r, root)
			diffs, err := w.Diff(context.Background(), from.ID, DiffOptions{MaxBytes: 10 << 20})
			if err != nil {
				t.Fatal(err)
			}
			var patch strings.Builder
			for _, d := range diffs {
				patch.WriteString(d.Patch)
			}
			if patch.Len() > 0 {
				cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
				cmd.Dir, cmd.Stdin = copied, strings.NewReader(patch.String())
				cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(copied))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s\n%s", err, out, patch.String())
				}
			}
			treetest.Same(t, "patched", filesOf(treetest.Photo(t, root)), filesOf(treetest.Photo(t, copied)))
		})
	}
}

// filesOf leaves directories out, which a patch does not know.
func filesOf(all map[string]string) map[string]string {
	for name, what := range all {
		if strings.HasPrefix(what, "d") {
			delete(all, name)
		}
	}
	return all
}

func scribble(t *testing.T, r *rand.Rand, root string) {
	t.Helper()
	names := []string{"a", "with blank", "new\nline", "\xffbytes", "d/e", "d/f", "q\"uote", "tab\there", "ü"}
	for _, name := range names {
		path := filepath.Join(root, name)
		switch r.IntN(6) {
		case 0:
			os.Remove(path)
		case 1:
			os.Remove(path)
			_ = os.MkdirAll(filepath.Dir(path), 0o755)
			_ = os.Symlink("to/"+strconv.Itoa(r.IntN(9)), path)
		case 2:
			if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
				_ = os.Chmod(path, 0o755)
			}
		default:
			var b strings.Builder
			for range r.IntN(60) {
				b.WriteString("line " + strconv.Itoa(r.IntN(8)) + "\n")
			}
			if r.IntN(3) == 0 {
				b.WriteString("without an end")
			}
			os.Remove(path)
			write(t, path, b.String())
		}
	}
}

func TestDiffKinds(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	write(t, path("binary"), "a\x00b")
	write(t, path("mode"), "x")
	write(t, path("type"), "x")
	write(t, path("gone"), "x\n")
	w := open(t, root, Options{})
	from := save(t, w)
	write(t, path("binary"), "a\x00c")
	_ = os.Chmod(path("mode"), 0o600)
	os.Remove(path("type"))
	write(t, path("type/inner"), "y\n")
	os.Remove(path("gone"))
	diffs, err := w.Diff(context.Background(), from.ID, DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, d := range diffs {
		got += d.Path + ":" + d.Change
		if d.Binary {
			got += ":binary"
		}
		got += " "
	}
	if got != "binary:modified:binary gone:deleted mode:mode type:type type/inner:added " {
		t.Error(got)
	}
	only, err := w.Diff(context.Background(), from.ID, DiffOptions{Paths: []string{"type"}, MaxBytes: 1})
	if err != nil || len(only) != 2 || !only[0].Truncated || only[0].Patch != "" {
		t.Errorf("%+v, %v", only, err)
	}
}
