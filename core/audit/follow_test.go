package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := Follow(path)
	defer f.Close()
	poll := func() int {
		t.Helper()
		records, err := f.Poll()
		if err != nil || f.Bad() != nil {
			t.Fatal(err, f.Bad())
		}
		return len(records)
	}
	if n := poll(); n != 0 {
		t.Fatalf("%d records of no log", n)
	}
	w := openLog(t, Options{Path: path, RotateBytes: 1500})
	total := poll()
	for i := range 30 {
		add(t, w, fmt.Sprint("command ", i))
		if i > 20 { // before that, several files behind
			total += poll()
		}
	}
	total += poll()
	if total += poll(); total != int(w.Head().Count) {
		t.Fatalf("%d records of %d", total, w.Head().Count)
	}
	late := Follow(path)
	defer late.Close()
	if records, err := late.Poll(); err != nil || len(records) != total {
		t.Fatalf("%d records, %v", len(records), err)
	}
	// Half a record is not shown until it is whole, and damage ends the following.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(`{"seq":`); err != nil {
		t.Fatal(err)
	}
	if n := poll(); n != 0 {
		t.Fatalf("%d", n)
	}
	if _, err := file.WriteString("nonsense\n"); err != nil {
		t.Fatal(err)
	}
	add2, _, err := appendLine(nil, w.Head().Count+1, w.Head().Hash, &Record{Kind: Intent})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(add2); err != nil {
		t.Fatal(err)
	}
	if records, _ := f.Poll(); len(records) != 0 || f.Bad() == nil || f.Bad().Kind != Malformed {
		t.Fatalf("%+v %+v", records, f.Bad())
	}
}
