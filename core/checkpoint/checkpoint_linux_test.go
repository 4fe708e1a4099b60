package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/checkpoint/treetest"
	"github.com/execkit/execkit/core/errdefs"
)

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

func restore(t testing.TB, w *Workspace, id string, o RestoreOptions) *Restored {
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

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func save(t testing.TB, w *Workspace) *Record {
	t.Helper()
	r, err := w.Save(context.Background(), "", false)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// command runs fn as a command of a session would.
func command(t testing.TB, w *Workspace, fn func()) int {
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

func wantCode(t *testing.T, err error, code errdefs.Code, words string) {
	t.Helper()
	if !errors.Is(err, errdefs.Sentinel(code)) || !strings.Contains(err.Error(), words) {
		t.Fatalf("got %v, want %s with %q", err, code, words)
	}
}

func TestOutsideChangesAreConflicts(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	for _, name := range []string{"both", "theirs", "ours", "gone"} {
		write(t, path(name), "old")
	}
	w := open(t, root, Options{})
	r := save(t, w)
	command(t, w, func() {
		write(t, path("ours"), "command")
		write(t, path("both"), "command")
		write(t, path("made/by/command"), "x")
	})
	write(t, path("both"), "outside")
	write(t, path("theirs"), "outside")
	write(t, path("made/by/them"), "outside")
	os.Remove(path("gone"))
	got := restore(t, w, r.ID, RestoreOptions{})
	if content(t, path("ours")) != "old" || content(t, path("both")) != "outside" || content(t, path("theirs")) != "outside" {
		t.Error("a file is not what it should be")
	}
	if _, err := os.Lstat(path("made/by/command")); err == nil {
		t.Error("what the command made is still there")
	}
	if content(t, path("made/by/them")) != "outside" {
		t.Error("what was made from outside is gone")
	}
	var conflicts []string
	for _, n := range got.Conflicts {
		conflicts = append(conflicts, n.Path)
	}
	if !slices.Equal(conflicts, []string{"both", "gone", "theirs"}) {
		t.Errorf("conflicts %q", got.Conflicts)
	}
	restore(t, w, r.ID, RestoreOptions{Overwrite: true})
	for _, name := range []string{"both", "theirs", "ours", "gone"} {
		if content(t, path(name)) != "old" {
			t.Errorf("%s was not restored", name)
		}
	}
	if content(t, path("made/by/them")) != "outside" {
		t.Error("overwriting removed what was made from outside")
	}
	restore(t, w, got.Saved.ID, RestoreOptions{})
	if content(t, path("both")) != "outside" || content(t, path("ours")) != "command" {
		t.Error("the restore was not taken back")
	}
}

func TestBranchesStay(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "f")
	w := open(t, root, Options{})
	first := save(t, w)
	command(t, w, func() { write(t, file, "one") })
	one := save(t, w)
	restore(t, w, first.ID, RestoreOptions{})
	command(t, w, func() { write(t, file, "two") })
	two := save(t, w)
	restore(t, w, one.ID, RestoreOptions{})
	if content(t, file) != "one" {
		t.Error("the other branch is gone")
	}
	restore(t, w, two.ID, RestoreOptions{})
	if content(t, file) != "two" {
		t.Error("the branch cannot be gone back to")
	}
	all, head, err := w.List(context.Background())
	if err != nil || head != two.ID {
		t.Fatalf("head %s, %v", head, err)
	}
	for _, r := range all {
		if r.ID == one.ID && r.Parent == "" {
			t.Error("a checkpoint lost its parent")
		}
	}
}

func TestAutomaticCheckpoints(t *testing.T) {
	root := t.TempDir()
	w := open(t, root, Options{})
	if n := command(t, w, func() {}); n != 0 {
		t.Errorf("%d changes of a command that changed nothing", n)
	}
	all, _, _ := w.List(context.Background())
	if len(all) != 0 {
		t.Errorf("a command that changed nothing left %v", all)
	}
	if n := command(t, w, func() { write(t, filepath.Join(root, "f"), "x") }); n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
	all, head, _ := w.List(context.Background())
	if len(all) != 1 || !all[0].Auto || all[0].Changed != 1 || all[0].ID != head {
		t.Fatalf("got %+v", all)
	}
	restore(t, w, all[0].ID, RestoreOptions{})
	if len(treetest.Photo(t, root)) != 0 {
		t.Error("the command was not taken back")
	}
}

// A process that dies while its command runs leaves a mark, by which the change is still known as the command's.
func TestCrashDuringCommand(t *testing.T) {
	root, store := t.TempDir(), t.TempDir()
	w := open(t, root, Options{Store: store})
	r := save(t, w)
	m, err := w.Begin(context.Background(), "c", false, false)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "half"), "x")
	m.file.Close() // what the kernel does at the end of a process
	again := open(t, root, Options{Store: store})
	restore(t, again, r.ID, RestoreOptions{})
	if len(treetest.Photo(t, root)) != 0 {
		t.Error("the change of the command that nobody saw the end of was kept")
	}
	write(t, filepath.Join(root, "later"), "x")
	if got := restore(t, again, r.ID, RestoreOptions{}); len(got.Kept) != 1 {
		t.Errorf("kept %v, want the file from outside", got.Kept)
	}
}

func TestWorkspaceItselfRemoved(t *testing.T) {
	root := filepath.Join(t.TempDir(), "ws")
	write(t, filepath.Join(root, "d/f"), "x")
	w := open(t, root, Options{})
	r := save(t, w)
	command(t, w, func() { os.RemoveAll(root) })
	restore(t, w, r.ID, RestoreOptions{})
	if content(t, filepath.Join(root, "d/f")) != "x" {
		t.Error("not restored")
	}
}

// The workspace's own name becomes a link: nothing may be written where it leads.
func TestWorkspaceBecomesLink(t *testing.T) {
	dir := t.TempDir()
	root, away := filepath.Join(dir, "up", "ws"), filepath.Join(dir, "away")
	write(t, filepath.Join(root, "f"), "x")
	write(t, filepath.Join(away, "ws/g"), "x")
	w := open(t, root, Options{})
	r := save(t, w)
	for _, victim := range []string{"up/ws", "up"} {
		os.Rename(filepath.Join(dir, victim), filepath.Join(dir, "moved"))
		os.Symlink(filepath.Join(dir, strings.Replace(victim, "up", "away", 1)), filepath.Join(dir, victim))
		_, err := w.Restore(context.Background(), r.ID, RestoreOptions{Overwrite: true})
		wantCode(t, err, errdefs.Unavailable, "no longer a directory on its old path")
		if _, err := os.Lstat(filepath.Join(away, "ws/f")); err == nil {
			t.Fatal("written behind the link")
		}
		os.Remove(filepath.Join(dir, victim))
		os.Rename(filepath.Join(dir, "moved"), filepath.Join(dir, victim))
	}
}

// A directory is swapped for a link to outside, again and again, while checkpoints are restored.
func TestSwapRace(t *testing.T) {
	root, away := t.TempDir(), t.TempDir()
	inner := filepath.Join(root, "d")
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(inner, name), "old")
	}
	write(t, filepath.Join(away, "a"), "precious")
	far := treetest.Photo(t, away)
	w := open(t, root, Options{})
	r := save(t, w)
	command(t, w, func() {
		for _, name := range []string{"a", "b", "c", "new"} {
			write(t, filepath.Join(inner, name), "changed")
		}
	})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		link := filepath.Join(root, "link")
		_ = os.Symlink(away, link)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, link, unix.AT_FDCWD, inner, unix.RENAME_EXCHANGE)
			}
		}
	}()
	for range 40 {
		if _, err := w.Restore(context.Background(), r.ID, RestoreOptions{Overwrite: true}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	treetest.Same(t, "outside", far, treetest.Photo(t, away))
}

func TestWhatIsNotSaved(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	write(t, path("big"), strings.Repeat("x", 5000))
	write(t, path("keep.log"), "log")
	write(t, path("build/out"), "out")
	write(t, path("src/.git/HEAD"), "ref: refs/heads/main\n")
	if err := unix.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := open(t, root, Options{MaxFileBytes: 4999, Ignore: []string{"*.log", "/build/"}})
	r := save(t, w)
	if r.Files != 1 || r.Unsaved != 2 {
		t.Errorf("%d files and %d unsaved, want 1 and 2", r.Files, r.Unsaved)
	}
	command(t, w, func() { os.RemoveAll(path("src")); write(t, path("build/out"), "new"); os.Remove(path("pipe")) })
	restore(t, w, r.ID, RestoreOptions{})
	if content(t, path("src/.git/HEAD")) != "ref: refs/heads/main\n" || content(t, path("build/out")) != "new" || len(content(t, path("big"))) != 5000 {
		t.Error("something is not as it should be")
	}
}

func TestSparseFile(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(8 << 30); err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt([]byte("island"), 5<<30)
	f.Close()
	w := open(t, root, Options{MaxFileBytes: 16 << 30})
	begin := time.Now()
	r := save(t, w)
	command(t, w, func() { os.Remove(path) })
	restore(t, w, r.ID, RestoreOptions{})
	t.Logf("8 GiB with holes in %v", time.Since(begin))
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Size != 8<<30 || st.Blocks > 8192 {
		t.Errorf("size %d in %d blocks, %v", st.Size, st.Blocks, err)
	}
	buf := make([]byte, 6)
	if f, err = os.Open(path); err == nil {
		_, _ = f.ReadAt(buf, 5<<30)
		f.Close()
	}
	if string(buf) != "island" {
		t.Errorf("%q", buf)
	}
}

func TestStoreLimit(t *testing.T) {
	root := t.TempDir()
	w := open(t, root, Options{MaxBytes: 100_000})
	noise := func(n int) string {
		cmd := exec.Command("head", "-c", "40000", "/dev/urandom")
		b, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	for range 10 {
		// The older automatic checkpoints give way.
		command(t, w, func() { write(t, filepath.Join(root, "f"), noise(40000)) })
	}
	save(t, w)
	for i := range 10 {
		write(t, filepath.Join(root, "g"+string(rune('a'+i))), noise(20000))
	}
	_, err := w.Save(context.Background(), "", false)
	wantCode(t, err, errdefs.LimitExceeded, "more than 100000 bytes")
	_, err = w.Begin(context.Background(), "x", true, false)
	wantCode(t, err, errdefs.LimitExceeded, "delete checkpoints")
	few := open(t, root, Options{MaxFiles: 3})
	_, err = few.Save(context.Background(), "", false)
	wantCode(t, err, errdefs.LimitExceeded, "more than 3 files")
}

func TestDelete(t *testing.T) {
	root := t.TempDir()
	w := open(t, root, Options{})
	size := func() (n int64) {
		_ = filepath.Walk(filepath.Join(w.store.dir, "packs"), func(_ string, info os.FileInfo, _ error) error { n += info.Size(); return nil })
		return n
	}
	first := save(t, w)
	command(t, w, func() { write(t, filepath.Join(root, "f"), strings.Repeat("0123456789", 100000)+time.Now().String()) })
	second := save(t, w)
	full := size()
	command(t, w, func() { os.Remove(filepath.Join(root, "f")) })
	third := save(t, w)
	if err := w.Delete(context.Background(), second.ID); err != nil {
		t.Fatal(err)
	}
	all, _, _ := w.List(context.Background())
	for _, r := range all {
		if r.Auto {
			if err := w.Delete(context.Background(), r.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if now := size(); now >= full {
		t.Errorf("%d bytes before, %d after", full, now)
	}
	_, err := w.Restore(context.Background(), second.ID, RestoreOptions{})
	wantCode(t, err, errdefs.CheckpointNotFound, "no checkpoint")
	all, _, _ = w.List(context.Background())
	if len(all) != 2 || all[1].ID != third.ID || all[1].Parent != first.ID {
		t.Errorf("left: %+v", all)
	}
	restore(t, w, first.ID, RestoreOptions{})
}

func TestBadWorkspaces(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	write(t, filepath.Join(home, "file"), "")
	foreign := t.TempDir()
	write(t, filepath.Join(foreign, "photo.jpg"), "")
	for _, c := range []struct {
		o     Options
		words string
	}{
		{Options{Root: "/"}, "allow_wide"},
		{Options{Root: home}, "allow_wide"},
		{Options{Root: filepath.Dir(home)}, "allow_wide"},
		{Options{Root: "/root"}, "allow_wide"},
		{Options{Root: filepath.Join(home, "missing")}, "directory that exists"},
		{Options{Root: filepath.Join(home, "file")}, "not a directory"},
		{Options{Root: "relative"}, "not an absolute path"},
		{Options{Root: foreign, Store: foreign}, "not a store"},
		{Options{Root: foreign, MaxBytes: -1}, "negative"},
		{Options{Root: foreign, Paths: []string{"../x"}}, "not inside the workspace"},
		{Options{Root: foreign, Ignore: []string{"/"}}, "matches nothing"},
	} {
		_, err := Open(c.o)
		wantCode(t, err, errdefs.InvalidArgument, c.words)
	}
	w, err := Open(Options{Root: home, Wide: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	// The store lies in the workspace, and is not part of it.
	if r := save(t, w); r.Files != 1 {
		t.Errorf("%d files, want 1", r.Files)
	}
}

func TestDamagedStore(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(root, "f"), strings.Repeat("text ", 1000))
	w := open(t, root, Options{Store: dir})
	r := save(t, w)
	w.Close()
	packs, _ := filepath.Glob(filepath.Join(dir, "packs", "*"))
	for _, at := range []int64{20, -10, -60} {
		b, err := os.ReadFile(packs[0])
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(b)
		bad[(at+int64(len(b)))%int64(len(b))] ^= 1
		if err := os.WriteFile(packs[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, "f"), "now")
		again := open(t, root, Options{Store: dir})
		result, err := again.Restore(context.Background(), r.ID, RestoreOptions{Overwrite: true})
		if err == nil && len(result.Failed) == 0 {
			t.Errorf("byte %d: restored from a damaged pack", at)
		}
		if content(t, filepath.Join(root, "f")) != "now" {
			t.Errorf("byte %d: the workspace was harmed", at)
		}
		if err := os.WriteFile(packs[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "state"), []byte(`{"format":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, root, Options{Store: dir})
	_, err := again.Save(context.Background(), "", false)
	wantCode(t, err, errdefs.Unavailable, "newer execkit")
}

// Saving must not alter anything, not even a time.
func TestSavingAltersNothing(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a/b", "c"} {
		write(t, filepath.Join(root, name), name)
	}
	stats := func() (all []Entry) {
		l, _ := Local(root, "")
		_ = l.Scan(context.Background(), func(string, bool) bool { return false }, func(e Entry) error { all = append(all, e); return nil })
		sortEntries(all)
		return all
	}
	before := stats()
	w := open(t, root, Options{})
	save(t, w)
	command(t, w, func() {})
	if after := stats(); len(changedPaths(before, after)) > 0 || !slices.EqualFunc(before, after, func(a, b Entry) bool { return a.Stat == b.Stat }) {
		t.Error("saving left a trace")
	}
}

func TestPreviewWritesNothing(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "f"), "old")
	w := open(t, root, Options{})
	r := save(t, w)
	command(t, w, func() { write(t, filepath.Join(root, "f"), "new") })
	store, tree := treetest.Photo(t, w.store.dir), treetest.Photo(t, root)
	plan, err := w.Preview(context.Background(), r.ID, RestoreOptions{})
	if err != nil || len(plan.Steps) != 1 || plan.Steps[0] != (Step{"f", "replace", File}) {
		t.Fatalf("%+v, %v", plan, err)
	}
	treetest.Same(t, "store", store, treetest.Photo(t, w.store.dir))
	treetest.Same(t, "workspace", tree, treetest.Photo(t, root))
	write(t, filepath.Join(root, "f"), "newer")
	_, err = w.Restore(context.Background(), r.ID, RestoreOptions{Overwrite: true, Digest: plan.Digest})
	wantCode(t, err, errdefs.Blocked, "changed after the restore was approved")
	if content(t, filepath.Join(root, "f")) != "newer" {
		t.Error("restored what nobody agreed to")
	}
}

// An id is a name of a file of the store, and comes from an agent.
func TestHostileID(t *testing.T) {
	w := open(t, t.TempDir(), Options{})
	for _, id := range []string{"", "../state", "c_../../state", "c_\x00", "c_" + strings.Repeat("a", 5000), "/etc/passwd"} {
		_, err := w.Preview(context.Background(), id, RestoreOptions{})
		if err == nil {
			t.Errorf("%q was found", id)
		}
		if err := w.Delete(context.Background(), id); err == nil {
			t.Errorf("%q was deleted", id)
		}
	}
}
