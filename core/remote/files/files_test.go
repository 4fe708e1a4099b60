package files_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/checkpoint/treetest"
	"github.com/execkit/execkit/core/remote"
	"github.com/execkit/execkit/core/remote/files"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// A bench is a kind of target.
type bench struct {
	name  string
	shell string
	// tools are the programs that are there; nil for all of this machine.
	tools []string
	// scripts are programs of the test's own, by name.
	scripts map[string]string
}

// sparse says that the target can leave holes: for that it needs dd.
func (b bench) sparse() bool { return b.tools == nil }

var posix = []string{"cat", "chmod", "chown", "env", "id", "ln", "ls", "mkdir", "mv", "pwd", "rm", "rmdir", "tr"}

var benches = []bench{
	{name: "bash", shell: "bash"},
	{name: "dash", shell: "dash"},
	{name: "busybox", shell: "busybox"},
	{name: "stat and head", shell: "bash", tools: append([]string{"stat", "head", "date"}, posix...)},
	{name: "posix alone", shell: "dash", tools: posix},
}

// there makes a target of this machine.
func (b bench) there(t testing.TB) (*files.Target, *transporttest.Local) {
	t.Helper()
	l := &transporttest.Local{Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, Paths: map[string]string{"sh": b.shell}}
	host := remote.NewHost(l)
	target := files.New(func(ctx context.Context, functions string) (*remote.Clerk, error) {
		return host.OpenClerk(ctx, b.place(t, functions))
	})
	t.Cleanup(func() { target.Close(); host.Close(); l.Close() })
	return target, l
}

// place has the functions find the bench's programs alone.
func (b bench) place(t testing.TB, functions string) string {
	const standard = "PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/run/current-system/sw/bin;"
	if !strings.Contains(functions, standard) {
		t.Fatal("the PATH is another")
	}
	dir := t.TempDir()
	if b.shell == "busybox" {
		if out, err := exec.Command("busybox", "--install", "-s", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	} else if b.tools == nil {
		return functions
	}
	for _, tool := range b.tools {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for name, script := range b.scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Replace(functions, standard, "PATH="+dir+";", 1)
}

func everywhere(t *testing.T, fn func(t *testing.T, b bench)) {
	for _, b := range benches {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			fn(t, b)
		})
	}
}

func workspace(t testing.TB, target *files.Target, root string) *checkpoint.Workspace {
	t.Helper()
	w, err := checkpoint.Open(checkpoint.Options{Root: root, Wide: true, Target: "there", Files: target.Workspace(root), Store: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

var hardNames = []string{"new\nline", "ends in one\n", "\xff\xfe", " blank ", "-rf", "ünï", "*", ".[!.]*", "..?*", ".hidden", "...", "'\"\\", "$(id)", "a|b|c", "%s\\n", strings.Repeat("n", 255)}

// hard makes a tree of what is hard to carry.
func hard(t testing.TB, root string, b bench) {
	t.Helper()
	var every []byte
	for i := range 256 {
		every = append(every, byte(i))
	}
	for i, name := range hardNames {
		write(t, filepath.Join(root, name), fmt.Sprintf("%d %s", i, every))
		if i%3 == 0 {
			write(t, filepath.Join(root, "d"+name[:min(len(name), 200)], name), name)
		}
		if err := os.Symlink(name, filepath.Join(root, fmt.Sprintf("link%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "empty"), "")
	write(t, filepath.Join(root, "nuls"), strings.Repeat("\x00", 3000)+"x")
	write(t, filepath.Join(root, ".git/HEAD"), "ref")
	write(t, filepath.Join(root, "large"), strings.Repeat("0123456789abcdef", 17<<10)) // not read with others
	for name, mode := range map[string]uint32{"suid": 0o4755, "secret": 0o600, "readonly": 0o444, "none": 0} {
		write(t, filepath.Join(root, name), name)
		if err := syscall.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "hollow/deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "sticky"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "sticky"), 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if b.sparse() {
		sparse(t, filepath.Join(root, "sparse"))
	}
}

// sparse has data between two holes.
func sparse(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.WriteAt([]byte("data"), 3<<20)
	if err := errors.Join(err, f.Truncate(5<<20)); err != nil {
		t.Fatal(err)
	}
}

func command(t testing.TB, w *checkpoint.Workspace, fn func()) int {
	t.Helper()
	m, err := w.Begin(context.Background(), "a command", true, false)
	if err != nil {
		t.Fatal(err)
	}
	fn()
	n, err := m.End(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Everything that is hard comes back as it was, after it was removed, replaced and mixed up.
func TestSaveAndRestore(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		ctx, root := context.Background(), t.TempDir()
		hard(t, root, b)
		want := treetest.Photo(t, root)
		target, _ := b.there(t)
		w := workspace(t, target, root)
		r, err := w.Save(ctx, "", false)
		if err != nil {
			t.Fatal(err)
		}
		treetest.Same(t, "restored", want, treetest.Photo(t, root))
		if r.Unsaved != 0 {
			t.Errorf("%d are not saved", r.Unsaved)
		}
		command(t, w, func() {
			entries, _ := os.ReadDir(root)
			for i, e := range entries {
				path := filepath.Join(root, e.Name())
				switch i % 4 {
				case 0:
					os.RemoveAll(path)
				case 1:
					os.RemoveAll(path)
					write(t, filepath.Join(path, "inside"), "a directory in its place")
				case 2:
					os.RemoveAll(path)
					write(t, path, "another content")
				}
				if len(e.Name()) < 255 {
					write(t, path+"~", "made")
				}
			}
			os.Chmod(filepath.Join(root, "secret"), 0o666)
		})
		done, err := w.Restore(ctx, r.ID, checkpoint.RestoreOptions{})
		if err != nil || len(done.Failed)+len(done.Conflicts)+len(done.Kept) > 0 {
			t.Fatalf("%+v %+v %+v %v", done.Failed, done.Conflicts, done.Kept, err)
		}
		treetest.Same(t, "restored", want, treetest.Photo(t, root))
		if st := (syscall.Stat_t{}); b.sparse() && (syscall.Stat(filepath.Join(root, "sparse"), &st) != nil || st.Blocks*512 > 2<<20) {
			t.Errorf("the holes are filled: %d blocks", st.Blocks)
		}
	})
}

// A counter counts the files that are read.
type counter struct {
	checkpoint.Files
	read int
}

func (c *counter) Read(ctx context.Context, files []checkpoint.Entry, each func(int, io.Reader, error) error) error {
	c.read += len(files)
	return c.Files.Read(ctx, files, each)
}

func (c *counter) Scanned() time.Time { return c.Files.(checkpoint.Clock).Scanned() }

// What did not change is not read again, once the clock has moved on from its change; a changed file is, even where its
// size and the time of its content are the same.
func TestOnlyWhatChangedIsRead(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		ctx, root := context.Background(), t.TempDir()
		for i := range 20 {
			write(t, filepath.Join(root, fmt.Sprint(i)), "same size")
		}
		target, _ := b.there(t)
		c := &counter{Files: target.Workspace(root)}
		w, err := checkpoint.Open(checkpoint.Options{Root: root, Wide: true, Target: "there", Files: c, Store: filepath.Join(t.TempDir(), "store")})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		again := func() int {
			c.read = 0
			if _, err := w.Save(ctx, "", false); err != nil {
				t.Fatal(err)
			}
			return c.read
		}
		if n := again(); n != 20 {
			t.Fatalf("%d of 20 were read", n)
		}
		if b.name == "posix alone" { // nobody tells when exactly they changed
			if n := again(); n != 20 {
				t.Fatalf("%d of 20 were read", n)
			}
			return
		}
		until(t, "files are read again and again", func() bool { return again() == 0 })
		path := filepath.Join(root, "7")
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, "same-size")
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		if n := again(); n != 1 {
			t.Errorf("%d were read of one that changed", n)
		}
	})
}

// Changes from outside are conflicts, what only others made is kept, and what is too large or ignored is left alone.
func TestOnlyItsOwnIsTakenBack(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		ctx, root := context.Background(), t.TempDir()
		at := func(name string) string { return filepath.Join(root, name) }
		for _, name := range []string{"ours", "both", "build/out", "big"} {
			write(t, at(name), strings.Repeat(name, 100))
		}
		target, _ := b.there(t)
		w, err := checkpoint.Open(checkpoint.Options{
			Root: root, Wide: true, Target: "there", Files: target.Workspace(root), Store: filepath.Join(t.TempDir(), "store"),
			Ignore: []string{"build/"}, MaxFileBytes: 1000,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		write(t, at("big"), strings.Repeat("x", 1001))
		r, err := w.Save(ctx, "", false)
		if err != nil || r.Files != 2 || r.Unsaved != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		command(t, w, func() {
			write(t, at("ours"), "command")
			write(t, at("both"), "command")
			write(t, at("made/here"), "command")
			write(t, at("build/out"), "command")
			write(t, at("big"), "command")
		})
		write(t, at("both"), "outside")
		write(t, at("made/theirs"), "outside")
		plan, err := w.Preview(ctx, r.ID, checkpoint.RestoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		before := treetest.Photo(t, root)
		done, err := w.Restore(ctx, r.ID, checkpoint.RestoreOptions{Digest: plan.Digest})
		if err != nil || len(done.Failed) > 0 {
			t.Fatalf("%+v, %v", done, err)
		}
		if len(done.Conflicts) != 1 || done.Conflicts[0].Path != "both" || len(done.Kept) != 3 { // big, made and what they made in it
			t.Errorf("%+v, %+v", done.Conflicts, done.Kept)
		}
		after := treetest.Photo(t, root)
		for name := range before {
			if same := after[name] == before[name]; same == (name == "ours" || name == "made/here") {
				t.Errorf("%s: %s, and before %s", name, after[name], before[name])
			}
		}
	})
}

// A file that is written is synced beside its place, where sync takes a file; one that cannot be leaves the old one. A sync
// that takes none, which would sync every disk, is not run.
func TestSync(t *testing.T) {
	root := t.TempDir()
	log, path := filepath.Join(root, "log"), filepath.Join(root, "f")
	usage := "[ \"$1\" = --help ] && { echo 'usage: sync FILE'; exit; }\n"
	for name, c := range map[string]struct {
		script string
		synced bool
		fails  bool
	}{
		"takes a file": {usage + `echo "$1 ${2%-*} $(cat "./$2")" >` + log, true, false},
		"takes none":   {"[ \"$1\" = --help ] && exit\necho all >" + log, false, false},
		"fails":        {usage + "exit 1", false, true},
	} {
		b := bench{name: "sync", shell: "dash", tools: posix, scripts: map[string]string{"sync": c.script}}
		write(t, path, "old")
		_ = os.Remove(log)
		target, _ := b.there(t)
		old, err := target.Stat(t.Context(), root, "f")
		if err != nil {
			t.Fatal(err)
		}
		err = target.Write(t.Context(), &files.Write{Dir: root, Name: "f", Content: []byte("new"), Mode: 0o644, Old: &old.State})
		if (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		want := map[bool]string{true: "old", false: "new"}[c.fails]
		if b, _ := os.ReadFile(path); string(b) != want {
			t.Errorf("%s: %q", name, b)
		}
		said, _ := os.ReadFile(log)
		if synced := string(said) == "-- ./.execkit new\n"; synced != c.synced || !synced && len(said) > 0 {
			t.Errorf("%s: %q", name, said)
		}
		if left, _ := filepath.Glob(filepath.Join(root, ".execkit-*")); len(left) > 0 {
			t.Errorf("%s: %q", name, left)
		}
	}
}

// Files and links take each other's places, whatever a link leads to: mv has opinions about some of that.
func TestLinksAndFilesInOnePlace(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		root := t.TempDir()
		path := filepath.Join(root, "a")
		target, _ := b.there(t)
		w := workspace(t, target, root)
		states := []func(){func() { write(t, path, "a file") }}
		for _, to := range []string{"a", "other", "/tmp", "nowhere", "."} {
			states = append(states, func() {
				if err := os.Symlink(to, path); err != nil {
					t.Fatal(err)
				}
			})
		}
		write(t, filepath.Join(root, "other"), "other")
		var ids []string
		var photos []map[string]string
		for _, make := range states {
			command(t, w, func() { _ = os.Remove(path); make() })
			r, err := w.Save(t.Context(), "", false)
			if err != nil {
				t.Fatal(err)
			}
			ids, photos = append(ids, r.ID), append(photos, treetest.Photo(t, root))
		}
		for from := range ids {
			for to := range ids {
				for _, i := range []int{from, to} {
					if r, err := w.Restore(t.Context(), ids[i], checkpoint.RestoreOptions{}); err != nil || len(r.Failed) > 0 {
						t.Fatalf("%d to %d: %+v, %v", from, to, r, err)
					}
					treetest.Same(t, fmt.Sprintf("%d to %d", from, to), photos[i], treetest.Photo(t, root))
				}
			}
		}
	})
}
