package audit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// Every published head vouches for the log, in whatever text it stands: a beginning that was written anew is seen even where
// a later writer published the head of what it found.
func TestPublishedHeads(t *testing.T) {
	dir := t.TempDir()
	log, other, found := filepath.Join(dir, "log"), filepath.Join(dir, "other"), filepath.Join(dir, "heads")
	heads := func(path string, n int) (list []string) {
		w := openLog(t, Options{Path: path, Anchor: func(h Head) error { list = append(list, strings.TrimSpace(string(h.line()))); return nil }})
		for range n {
			add(t, w, "true")
		}
		w.Close()
		return list
	}
	mine, theirs := heads(log, 5), heads(other, 9)
	whole := readAll(t, log)
	text := func(parts ...string) string {
		overwriteWith(t, found, strings.Join(parts, "\n"))
		return found
	}
	escaped := func(head string) string { return fmt.Sprintf(`{"body":{"stringValue":%q},"attributes":[]}`, head+"\n") }
	syslog := "<85>Nov 28 16:55:36 execkit[7]: audit head " + mine[3]
	padding := strings.Repeat("x", 1<<20-len(mine[2])-2*maxHeadText/3) // a head across two reads
	for name, c := range map[string]struct {
		log, heads string
		kind       string
		count      int
	}{
		"as they are":         {whole, strings.Join(mine, "\n"), "", 6},
		"a collector's":       {whole, escaped(mine[1]) + escaped(mine[4]) + escaped(theirs[8]), "", 2},
		"escaped twice":       {whole, escaped(escaped(mine[1])), "", 1},
		"syslog's":            {whole, syslog + "\n" + syslog, "", 1},
		"a long file":         {whole, padding + escaped(mine[2]) + padding + padding + escaped(mine[2]) + mine[5], "", 2},
		"cut":                 {whole[:strings.LastIndex(strings.TrimSpace(whole), "\n")+1], escaped(mine[5]), Truncated, 0},
		"of another log":      {whole, strings.Join(theirs, "\n"), Replaced, 0},
		"another log's place": {readAll(t, other), strings.Join(mine, "\n"), Replaced, 0},
		"one that is not its": {whole, mine[0] + strings.Replace(mine[2], `"count":3`, `"count":2`, 1) + mine[5], Replaced, 0},
	} {
		overwriteWith(t, log, c.log)
		r, err := Verify(log, VerifyOptions{HeadsPath: text(c.heads)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if kind := kindOf(r); kind != c.kind || r.Heads != c.count || r.Anchored != (c.kind == "") {
			t.Errorf("%s: %q, %+v", name, kind, r)
		}
	}
	overwriteWith(t, log, whole)
	if r := mustBeWhole(t, log, VerifyOptions{HeadsPath: text(mine[:3]...)}); r.AfterHead != 3 {
		t.Errorf("%+v", r)
	}
	for name, path := range map[string]string{
		"none": filepath.Join(dir, "none"), "a directory": dir, "no head": log, "of a later version": text(strings.Replace(mine[1], `"format":1`, `"format":7`, 1)),
	} {
		if r, err := Verify(log, VerifyOptions{HeadsPath: path}); code(err) != errdefs.InvalidArgument {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func kindOf(r *Report) string {
	if r.Bad == nil {
		return ""
	}
	return r.Bad.Kind
}

// What was signed goes along, and a receiver that hangs costs half of the time at most where commands go on.
func TestPublish(t *testing.T) {
	var got []Publication
	var refuse atomic.Bool
	w := openLog(t, Options{Path: filepath.Join(t.TempDir(), "log"), SignKey: newKey(t, t.TempDir()), Publish: func(ctx context.Context, p Publication) error {
		if until, ok := ctx.Deadline(); !ok || time.Until(until) > publishTimeout {
			t.Error("no end is set")
		}
		got = append(got, p)
		if refuse.Load() {
			return errors.New("not today")
		}
		return nil
	}})
	add(t, w, "one")
	refuse.Store(true)
	if err := w.Close(); code(err) != errdefs.AuditFailed || !strings.Contains(err.Error(), "not today") {
		t.Errorf("%v", err)
	}
	last := got[len(got)-1]
	if head, err := ParseHead(last.Text); err != nil || head != last.Head || head.Count != 2 {
		t.Errorf("%+v, %v", last, err)
	}
	if !strings.Contains(string(last.Signature), "SSH SIGNATURE") {
		t.Errorf("%q", last.Signature)
	}

	p := &publisher{o: &Options{}, err: errors.New("it hung"), next: time.Now().Add(time.Hour), head: &Head{}}
	if p.failure() == nil {
		t.Error("it was tried again at once")
	}
	if p.next = time.Now(); p.failure() != nil {
		t.Error("it was not tried again")
	}
}

// What a syslog daemon receives proves the log.
func TestSyslog(t *testing.T) {
	dir := t.TempDir()
	daemon, err := net.ListenPacket("unixgram", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	sockets := syslogSockets
	defer func() { syslogSockets = sockets }()
	syslogSockets = []string{filepath.Join(dir, "none"), filepath.Join(dir, "socket")}
	path, received := filepath.Join(dir, "log"), filepath.Join(dir, "received")
	w := openLog(t, Options{Path: path, Syslog: true})
	add(t, w, "one")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for message := make([]byte, 4096); !strings.Contains(all.String(), `"count":2`); {
		n, _, err := daemon.ReadFrom(message)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(message[:n]), "<85>") {
			t.Errorf("%q", message[:n])
		}
		all.Write(append(message[:n:n], '\n'))
	}
	overwriteWith(t, received, all.String())
	if r := mustBeWhole(t, path, VerifyOptions{HeadsPath: received}); r.AfterHead != 0 {
		t.Errorf("%+v", r)
	}
	syslogSockets = syslogSockets[:1]
	if w, err = OpenLog(Options{Path: path, Syslog: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); code(err) != errdefs.AuditFailed {
		t.Errorf("no daemon, and %v", err)
	}
}
