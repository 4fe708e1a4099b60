package execkit_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

func put(t *testing.T, s *execkit.Session, path, text string) error {
	t.Helper()
	_, err := s.WriteFile(context.Background(), wire.FileWrite{Path: path, Content: &text})
	return err
}

// bothWays runs a test of file operations on this machine, and on another whose files are these.
func bothWays(t *testing.T, fn func(t *testing.T, open func(c execkit.Config) *execkit.Session)) {
	t.Run("local", func(t *testing.T) {
		fn(t, func(c execkit.Config) *execkit.Session { return session(t, c) })
	})
	t.Run("remote", func(t *testing.T) {
		fn(t, func(c execkit.Config) *execkit.Session {
			s, _ := far(t, c)
			return s
		})
	})
}

func TestFiles(t *testing.T) { bothWays(t, testFiles) }

func testFiles(t *testing.T, open func(c execkit.Config) *execkit.Session) {
	ctx, dir := context.Background(), t.TempDir()
	s := open(execkit.Config{Cwd: dir})
	if err := put(t, s, "a.txt", "one\n"); err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\n"
	w, err := s.WriteFile(ctx, wire.FileWrite{Path: "d/e/run", Content: &text, Mode: "0755", Parents: true, Exclusive: true})
	if err != nil || !w.Created || w.Path != dir+"/d/e/run" {
		t.Fatalf("%+v, %v", w, err)
	}
	if _, err := s.WriteFile(ctx, wire.FileWrite{Path: "d/e/run", Content: &text, Exclusive: true}); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Error(err)
	}
	if err := put(t, s, "d/e/run", "#!/bin/bash\n"); err != nil {
		t.Fatal(err)
	}
	info, err := s.StatFile(ctx, wire.FileRef{Path: "d/e/run"})
	if err != nil || info.Mode != "0755" || info.Kind != "file" || info.Bytes != 12 {
		t.Errorf("%+v, %v", info, err)
	}
	bytes := base64.StdEncoding.EncodeToString([]byte{0xff, 0})
	if _, err := s.WriteFile(ctx, wire.FileWrite{Path: "bin", ContentB64: &bytes}); err != nil {
		t.Fatal(err)
	}
	if c, err := s.ReadFile(ctx, wire.FileRead{Path: "bin"}); err != nil || c.Encoding != "base64" || c.Content != bytes {
		t.Errorf("%+v, %v", c, err)
	}
	mustRun(t, s, "ln -s a.txt link; printf '%s' äöü >utf8; cd d")
	for name, want := range map[string]string{"../a.txt": "one\n", "../link": "one\n", dir + "/d/../a.txt": "one\n"} {
		if c, err := s.ReadFile(ctx, wire.FileRead{Path: name}); err != nil || c.Content != want || !c.EOF {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	whole, offset := "", int64(0)
	for range 10 {
		c, err := s.ReadFile(ctx, wire.FileRead{Path: "../utf8", Offset: offset, Limit: 3})
		if err != nil || c.Encoding != "utf-8" {
			t.Fatalf("%+v, %v", c, err)
		}
		whole += c.Content
		if offset = c.NextOffset; c.EOF {
			break
		}
	}
	if whole != "äöü" {
		t.Errorf("%q", whole)
	}
	list, err := s.ListFiles(ctx, wire.FileRef{Path: ".."})
	names := ""
	for _, e := range list.Entries {
		names += e.Path.Path + ":" + e.Kind + e.Target + " "
	}
	if err != nil || names != "a.txt:file bin:file d:directory link:symbolic linka.txt utf8:file " {
		t.Errorf("%s, %v", names, err)
	}
	for _, path := range []string{"", "missing", "missing/x", ".", "x\x00y", "/proc/self/environ", "/proc/self/fd/0", "/dev/null", "/proc/self/root/etc/passwd"} {
		if _, err := s.ReadFile(ctx, wire.FileRead{Path: path}); !errors.Is(err, execkit.ErrInvalidArgument) {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, path := range []string{"", ".", "/", "d/", "../link", "missing/x", "../a.txt/x", "/dev/full"} {
		if err := put(t, s, path, "x"); err == nil {
			t.Errorf("%q was written", path)
		}
	}
}

func TestReadingIsRedacted(t *testing.T) { bothWays(t, testReadingIsRedacted) }

func testReadingIsRedacted(t *testing.T, open func(c execkit.Config) *execkit.Session) {
	dir := t.TempDir()
	s := open(execkit.Config{Cwd: dir})
	const secret = "AKIAIOSFODNN7EXAMPLQ"
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("A=1\nAWS_ACCESS_KEY_ID="+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for offset := range int64(40) {
		c, err := s.ReadFile(context.Background(), wire.FileRead{Path: ".env", Offset: offset, Limit: 7})
		if err != nil || strings.Contains(c.Content, "AKIA") {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	c, err := s.ReadFile(context.Background(), wire.FileRead{Path: ".env"})
	if err != nil || c.Content != "A=1\nAWS_ACCESS_KEY_ID=[REDACTED]\n" || len(c.Redactions) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	// Read, edited, written back: the secret would be gone.
	if err := put(t, s, ".env", "A=2\nAWS_ACCESS_KEY_ID=[REDACTED]\n"); !errors.Is(err, execkit.ErrInvalidArgument) || !strings.Contains(err.Error(), "destroy") {
		t.Error(err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, ".env")); !strings.Contains(string(b), secret) {
		t.Error("the secret is gone")
	}
}

// What leads out of the granted trees, by the path or by what the path is made of.
func TestFilesStayInTheirTrees(t *testing.T) { bothWays(t, testFilesStayInTheirTrees) }

func testFilesStayInTheirTrees(t *testing.T, open func(c execkit.Config) *execkit.Session) {
	ctx, dir, out := context.Background(), t.TempDir(), t.TempDir()
	for name, text := range map[string]string{dir + "/in/x": "in", dir + "/x": "beside", out + "/x": "out"} {
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Symlink(out, dir+"/in/link")
	_ = os.Symlink("..", dir+"/in/up")
	_ = os.Symlink(out+"/x", dir+"/in/file")
	fence, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["ls","cat","stat"],"write":["./in"],"deny_patterns":["` + out + `"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s := open(execkit.Config{Cwd: dir, Policy: fence})
	if err := put(t, s, "in/new", "x"); err != nil {
		t.Errorf("a granted write: %v", err)
	}
	if err := put(t, s, dir+"/in/new", "y"); err != nil {
		t.Errorf("the same by its absolute path: %v", err)
	}
	for _, path := range []string{"x", "in/../x", dir + "/x", out + "/x", "in/link/x", "in/up/x", "in/file", "in/link/new", "/etc/x", "in/missing/../../x"} {
		if err := put(t, s, path, "owned"); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	for _, path := range []string{out + "/x", "in/link/x", "in/file", "in/up/in/link/x"} {
		if c, err := s.ReadFile(ctx, wire.FileRead{Path: path}); !errors.Is(err, execkit.ErrBlocked) {
			t.Errorf("%s was read: %+v, %v", path, c, err)
		}
	}
	if _, err := s.ListFiles(ctx, wire.FileRef{Path: "in/link"}); !errors.Is(err, execkit.ErrBlocked) {
		t.Error(err)
	}
	if _, err := s.StatFile(ctx, wire.FileRef{Path: "in/link/x"}); !errors.Is(err, execkit.ErrBlocked) {
		t.Error(err)
	}
	for name, want := range map[string]string{dir + "/x": "beside", out + "/x": "out"} {
		if b, _ := os.ReadFile(name); string(b) != want {
			t.Errorf("%s holds %q", name, b)
		}
	}
	none, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["echo"]}`))
	if err != nil {
		t.Fatal(err)
	}
	s = open(execkit.Config{Cwd: dir, Policy: none})
	if _, err := s.ReadFile(ctx, wire.FileRead{Path: "x"}); !errors.Is(err, execkit.ErrBlocked) {
		t.Errorf("read without cat being granted: %v", err)
	}
}

// A directory turns into a link while files are written below it.
func TestFileWriteRace(t *testing.T) { bothWays(t, testFileWriteRace) }

func testFileWriteRace(t *testing.T, open func(c execkit.Config) *execkit.Session) {
	dir, out := t.TempDir(), t.TempDir()
	fence, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["cat"],"write":["."]}`))
	if err != nil {
		t.Fatal(err)
	}
	s := open(execkit.Config{Cwd: dir, Policy: fence})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = os.Mkdir(dir+"/d", 0o755)
				_ = os.RemoveAll(dir + "/d")
				_ = os.Symlink(out, dir+"/d")
				_ = os.Remove(dir + "/d")
			}
		}
	}()
	for range 300 {
		_ = put(t, s, "d/f", "owned")
	}
	close(stop)
	<-stopped
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("written outside: %v", left)
	}
}

func TestFileWriteIsUndone(t *testing.T) {
	s, root := undoable(t, execkit.Config{})
	c, err := s.Checkpoint(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, "made", "x"); err != nil {
		t.Fatal(err)
	}
	putBack(t, s, c.ID)
	if _, err := os.Stat(filepath.Join(root, "made")); err == nil {
		t.Error("it is still there")
	}
}
