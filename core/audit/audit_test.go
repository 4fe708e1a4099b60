package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

func openLog(t testing.TB, o Options) *Writer {
	t.Helper()
	w, err := OpenLog(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func add(t testing.TB, w *Writer, command string) int64 {
	t.Helper()
	seq, err := w.Append(&Record{Kind: Intent, Command: command, Source: Source{Session: "s_1", Label: "agent", Target: "local"}})
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func verify(t testing.TB, path string, o VerifyOptions) *Report {
	t.Helper()
	r, err := Verify(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustBeWhole(t testing.TB, path string, o VerifyOptions) *Report {
	t.Helper()
	r := verify(t, path, o)
	if !r.OK {
		t.Fatalf("first bad %+v", r.Bad)
	}
	return r
}

func code(err error) errdefs.Code {
	var e *errdefs.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

func TestRecordsAreChained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	w := openLog(t, Options{Path: path})
	for i := range 5 {
		if seq := add(t, w, fmt.Sprintf("echo %d \"quoted\" <&> \u2028", i)); seq != int64(i+2) {
			t.Fatalf("record %d has number %d", i, seq)
		}
	}
	r := mustBeWhole(t, path, VerifyOptions{})
	if r.Records != 6 || r.Head != w.Head() {
		t.Fatalf("%+v, want the head %+v", r, w.Head())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	// Every line is JSON of its own, and whatever program makes SHA-256 can follow the chain.
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for stored := range bytes.Lines(text) {
		var record map[string]any
		if err := json.Unmarshal(stored, &record); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("sh", "-c", `printf %s "$1" | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum`, "sh", strings.TrimSuffix(string(stored), "\n")).Output()
		if err != nil || !strings.HasPrefix(string(out), record["hash"].(string)) {
			t.Fatalf("sha256sum says %s %v of %s", out, err, stored)
		}
	}
}

func TestLogGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	for i := range 3 {
		w := openLog(t, Options{Path: path})
		if seq := add(t, w, "true"); seq != int64(i+2) {
			t.Fatalf("number %d", seq)
		}
		w.Close()
		w.Close()
		if _, err := w.Append(&Record{Kind: Close}); code(err) != errdefs.AuditFailed {
			t.Fatalf("a closed log takes a record: %v", err)
		}
	}
	mustBeWhole(t, path, VerifyOptions{})
}

// A long log is opened by its end alone, and that end is checked as strictly.
func TestLongLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	w := openLog(t, Options{Path: path})
	for range 60 {
		add(t, w, strings.Repeat("x", 40_000))
	}
	w.Close()
	w = openLog(t, Options{Path: path})
	if seq := add(t, w, "true"); seq != 62 {
		t.Fatalf("number %d", seq)
	}
	w.Close()
	r := mustBeWhole(t, path, VerifyOptions{})
	flip(t, path, r.Bytes-100_000)
	if _, err := OpenLog(Options{Path: path}); code(err) != errdefs.AuditFailed {
		t.Fatalf("a damaged end is continued: %v", err)
	}
}

func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, at); err != nil {
		t.Fatal(err)
	}
	one[0] ^= 1
	if _, err := f.WriteAt(one, at); err != nil {
		t.Fatal(err)
	}
}

// Whatever stands in the way of a log is named, and left as it was.
func TestBadPlaces(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("target", ""), link); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	future, _, err := appendLine(nil, 1, zeroHash, &Record{Kind: Log, Data: map[string]any{"format": Format + 1, "id": "l_x"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		code       errdefs.Code
		says       string
	}{
		{"nothing", "", errdefs.InvalidArgument, "no path"},
		{"directory", dir, errdefs.InvalidArgument, "directory"},
		{"missing directory", filepath.Join(dir, "no", "log"), errdefs.InvalidArgument, "directory that exists"},
		{"symbolic link", link, errdefs.InvalidArgument, "symbolic link"},
		{"pipe", fifo, errdefs.InvalidArgument, "regular file"},
		{"NUL", "a\x00b", errdefs.InvalidArgument, "NUL"},
		{"foreign text", write("foreign", "hello\nworld\n"), errdefs.AuditFailed, "not an audit log"},
		{"foreign text, no line end", write("short", "hello"), errdefs.AuditFailed, "not an audit log"},
		{"foreign JSON lines", write("json", "{\"seq\":1}\n{\"seq\":2}\n"), errdefs.AuditFailed, "not an audit log"},
		{"future version", write("future", string(future)), errdefs.AuditFailed, "format 2"},
		{"read-only file system", "/proc/audit", errdefs.InvalidArgument, "may be written"},
	} {
		content := func() string {
			info, err := os.Stat(c.path)
			if err != nil || !info.Mode().IsRegular() {
				return ""
			}
			return info.Mode().String() + " " + readAll(t, c.path)
		}
		_ = os.Chmod(c.path, 0o755)
		before := content()
		_, err := OpenLog(Options{Path: c.path})
		if code(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		if after := content(); before != after {
			t.Errorf("%s: the file was changed to %q", c.name, after)
		}
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "none")} {
		if _, err := Verify(path, VerifyOptions{}); code(err) != errdefs.InvalidArgument {
			t.Errorf("verify %s: %v", path, err)
		}
	}
	for _, name := range []string{"foreign", "json", "future", "target"} {
		if r := verify(t, filepath.Join(dir, name), VerifyOptions{}); r.OK || r.Bad == nil {
			t.Errorf("%s is whole: %+v", name, r)
		}
	}
	open := write("open", "")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	openLog(t, Options{Path: open})
	if info, err := os.Stat(open); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
}

// A clock that is set back is no damage, but is told.
func TestClockGoesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	now := time.Now()
	w := openLog(t, Options{Path: path, now: func() time.Time { return now }})
	add(t, w, "one")
	now = now.Add(-time.Hour)
	add(t, w, "two")
	if r := mustBeWhole(t, path, VerifyOptions{}); r.ClockBack != 1 {
		t.Fatalf("%+v", r)
	}
}

func TestTornTail(t *testing.T) {
	for _, cut := range []string{"first record", "last record", "one byte"} {
		t.Run(cut, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			w := openLog(t, Options{Path: path})
			add(t, w, "one")
			keep := w.size - 1
			switch cut {
			case "first record":
				keep = 40
			case "one byte":
				add(t, w, "two")
				keep++
			}
			w.Close()
			if cut == "one byte" {
				keep = int64(strings.LastIndex(strings.TrimSuffix(readAll(t, path), "\n"), "\n")) + 2
			}
			if err := os.Truncate(path, keep); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, path, VerifyOptions{}); r.OK || r.Bad.Kind != Torn {
				t.Fatalf("%+v", r.Bad)
			}
			torn := readAll(t, path)
			w = openLog(t, Options{Path: path})
			add(t, w, "after")
			w.Close()
			r := mustBeWhole(t, path, VerifyOptions{})
			if len(r.Recovered) != 1 || r.Recovered[0].TornBytes == 0 {
				t.Fatalf("%+v", r.Recovered)
			}
			if !strings.HasPrefix(readAll(t, path), torn) {
				t.Fatal("sealing changed what was there")
			}
			// What was sealed cannot be changed or taken away afterwards.
			text := readAll(t, path)
			at := int64(strings.LastIndexByte(torn, '\n')) + 1
			flip(t, path, at)
			if r := verify(t, path, VerifyOptions{}); r.OK {
				t.Fatal("a changed torn tail is not found")
			}
			end := strings.IndexByte(text[at:], '\n') + int(at) + 1
			if err := os.WriteFile(path, []byte(text[:at]+text[end:]), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, path, VerifyOptions{}); r.OK {
				t.Fatal("a torn tail that was taken away is not missed")
			}
		})
	}
}

func readAll(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRotationAndRetention(t *testing.T) {
	dir := t.TempDir()
	path, head := filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "head")
	now := time.Now()
	o := Options{Path: path, HeadPath: head, RotateBytes: 2000, RetentionDays: 3, now: func() time.Time { return now }}
	w, other := openLog(t, o), openLog(t, o)
	for i := range 40 {
		add(t, w, fmt.Sprint("command ", i))
		add(t, other, fmt.Sprint("other ", i))
	}
	r := mustBeWhole(t, path, VerifyOptions{HeadPath: head})
	if len(r.Files) < 5 || r.Records < 80 || r.First != 1 {
		t.Fatalf("%+v", r)
	}
	missing := r.Files[2]
	text := readAll(t, missing)
	if err := os.Remove(missing); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, VerifyOptions{HeadPath: head}); r.OK || r.Bad.Kind != Missing {
		t.Fatalf("a missing file is %+v", r.Bad)
	}
	if err := os.WriteFile(missing, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	first := readAll(t, r.Files[0])
	if err := os.Remove(r.Files[0]); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, VerifyOptions{HeadPath: head}); r.OK || r.Bad.Kind != MissingStart {
		t.Fatalf("a missing beginning is %+v", r.Bad)
	}
	if err := os.WriteFile(r.Files[0], []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	old := r.Files
	now = now.Add(5 * day)
	add(t, w, "days later") // starts a file, since this one is too old, and deletes what is older
	add(t, other, "days later")
	r = mustBeWhole(t, path, VerifyOptions{HeadPath: head})
	if r.First == 1 || len(r.Files) >= len(old) {
		t.Fatalf("nothing was deleted: %+v", r)
	}
	// A log that was rotated but whose next file was not begun goes on where it was.
	w.Close()
	other.Close()
	if err := os.Rename(path, rotatedName(path, r.Head.Count-1)); err != nil {
		t.Fatal(err)
	}
	mustBeWhole(t, path, VerifyOptions{HeadPath: head})
	w = openLog(t, o)
	add(t, w, "on")
	mustBeWhole(t, path, VerifyOptions{HeadPath: head})
}

func TestQuery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	w := openLog(t, Options{Path: path, RotateBytes: 1500})
	status := 3
	for i := range 10 {
		add(t, w, fmt.Sprint("echo ", i))
		if _, err := w.Append(&Record{Kind: Outcome, Command: fmt.Sprint("echo ", i), ExitCode: &status, Source: Source{Session: "s_2"}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		filter Filter
		want   int
		more   bool
	}{
		{"all of a session", Filter{Session: "s_1"}, 10, false},
		{"kind", Filter{Kinds: []string{"outcome"}}, 10, false},
		{"text", Filter{Contains: "echo 7"}, 2, false},
		{"limit", Filter{Limit: 3, Kinds: []string{"intent", "outcome"}}, 3, true},
		{"last", Filter{Limit: 2, Last: true, Kinds: []string{"outcome"}}, 2, true},
		{"bounds", Filter{FromSeq: 2, ToSeq: 4}, 3, false},
		{"label", Filter{Label: "agent"}, 10, false},
		{"past", Filter{UntilMS: 1}, 0, false},
		{"future", Filter{SinceMS: time.Now().Add(time.Hour).UnixMilli()}, 0, false},
	} {
		s, err := Query(path, c.filter)
		if err != nil || len(s.Records) != c.want || s.More != c.more || s.Bad != nil {
			t.Errorf("%s: %d records, %+v %v", c.name, len(s.Records), s, err)
		}
	}
	s, err := Query(path, Filter{Limit: 1, Last: true, Kinds: []string{"outcome"}})
	if err != nil || s.Records[0].Command != "echo 9" || *s.Records[0].ExitCode != 3 {
		t.Errorf("%+v %v", s.Records, err)
	}
	for _, f := range []Filter{{Limit: -1}, {Limit: maxLimit + 1}, {Kinds: []string{"outcme"}}} {
		if _, err := Query(path, f); code(err) != errdefs.InvalidArgument {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestForeignKindsAndLargeRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	w := openLog(t, Options{Path: path})
	for _, r := range []*Record{{Kind: Recovery}, {Kind: "nothing"}, {Kind: Intent, Command: strings.Repeat("x", maxRecord)}} {
		if _, err := w.Append(r); err == nil {
			t.Errorf("%s was taken", r.Kind)
		}
	}
	add(t, w, "true")
	mustBeWhole(t, path, VerifyOptions{})
	if got := Cut("aé", 2); got != "a" {
		t.Errorf("%q", got)
	}
}
