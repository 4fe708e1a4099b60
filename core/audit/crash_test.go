package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// A failingFile lets so many writes of its opener through and then fails, as a process that died or a disk that filled
// up would.
type failingFile struct {
	file
	budget *int
	err    error
	// part, if set, is written of the first write that fails.
	part int
}

func failing(budget *int, err error) opener {
	return func(path string, flags int) (file, error) {
		f, real := openFile(path, flags)
		if real != nil {
			return nil, real
		}
		return &failingFile{file: f, budget: budget, err: err}, nil
	}
}

func (f *failingFile) spend() bool {
	switch {
	case *f.budget < 0:
		return true
	case *f.budget == 0:
		return false
	}
	*f.budget--
	return true
}

func (f *failingFile) Write(p []byte) (int, error) {
	if !f.spend() {
		n, _ := f.file.Write(p[:min(f.part, len(p))])
		return n, f.err
	}
	return f.file.Write(p)
}

func (f *failingFile) WriteAt(p []byte, at int64) (int, error) {
	if !f.spend() {
		return 0, f.err
	}
	return f.file.WriteAt(p, at)
}

// A disk that fills up in the middle of a record, at every byte of it.
func TestDiskFullInsideARecord(t *testing.T) {
	dir := t.TempDir()
	path, head := filepath.Join(dir, "log"), filepath.Join(dir, "head")
	budget := -1
	var failer *failingFile
	o := Options{Path: path, HeadPath: head, open: func(name string, flags int) (file, error) {
		f, err := openFile(name, flags)
		if err != nil || name != path {
			return f, err
		}
		failer = &failingFile{file: f, budget: &budget, err: syscall.ENOSPC}
		return failer, nil
	}}
	w := openLog(t, o)
	add(t, w, "one")
	size := int(w.size)
	for part := 0; part < size; part += 13 {
		failer.part, budget = part, 0
		_, err := w.Append(&Record{Kind: Intent, Command: strings.Repeat("two", 200)})
		if code(err) != errdefs.AuditFailed || !strings.Contains(err.Error(), "disk is full") {
			t.Fatalf("%d bytes: %v", part, err)
		}
		budget = -1
		add(t, w, "three")
		mustBeWhole(t, path, VerifyOptions{HeadPath: head})
	}
	r := mustBeWhole(t, path, VerifyOptions{HeadPath: head})
	if len(r.Recovered) < size/13-2 {
		t.Fatalf("%d torn tails were sealed", len(r.Recovered))
	}
}

// A real full disk: a tmpfs of 64 KiB, where the test may mount one.
func TestRealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Logf("no tmpfs can be mounted here (%v); /dev/full stands in", err)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		if _, err := full.Write([]byte{0}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		return
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path := filepath.Join(dir, "log")
	w := openLog(t, Options{Path: path})
	acknowledged := int64(0)
	var failed error
	for failed == nil {
		var seq int64
		if seq, failed = w.Append(&Record{Kind: Intent, Command: strings.Repeat("x", 1000)}); failed == nil {
			acknowledged = seq
		}
		if acknowledged > 1000 {
			t.Fatal("the disk does not fill up")
		}
	}
	if code(failed) != errdefs.AuditFailed || !strings.Contains(failed.Error(), "disk is full") {
		t.Fatal(failed)
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=256k"); err != nil {
		t.Fatal(err)
	}
	add(t, w, "on")
	if r := mustBeWhole(t, path, VerifyOptions{}); r.Records <= acknowledged {
		t.Fatalf("%d records, %d were acknowledged", r.Records, acknowledged)
	}
	w.Close()
}

// TestMain is also the child process of the tests below.
func TestMain(m *testing.M) {
	if path := os.Getenv("AUDIT_TEST_LOG"); path != "" {
		os.Exit(child(path))
	}
	os.Exit(m.Run())
}

// child appends until it is killed, and prints the number of every record that was acknowledged.
func child(path string) int {
	w, err := OpenLog(Options{Path: path, HeadPath: os.Getenv("AUDIT_TEST_HEAD"), RotateBytes: 256 << 10, LockTimeout: 5 * time.Minute})
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	size, _ := strconv.Atoi(os.Getenv("AUDIT_TEST_SIZE"))
	count, _ := strconv.Atoi(os.Getenv("AUDIT_TEST_COUNT"))
	for i := 0; count == 0 || i < count; i++ {
		seq, err := w.Append(&Record{Kind: Intent, Command: strings.Repeat("x", size+i%5000)})
		if err != nil {
			fmt.Println("failed", err)
			return 1
		}
		fmt.Println(seq)
	}
	return 0
}

// writers starts processes that append to one log. The numbers that they acknowledge go to acknowledged.
type writers struct {
	t        *testing.T
	cmds     []*exec.Cmd
	finished sync.WaitGroup
	mu       sync.Mutex
	seqs     map[int64]bool
	failures []string
}

func startWriters(t *testing.T, n int, env ...string) *writers {
	t.Helper()
	ws := &writers{t: t, seqs: make(map[int64]bool)}
	for range n {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ws.cmds = append(ws.cmds, cmd)
		ws.finished.Go(func() { ws.read(out) })
	}
	return ws
}

func (ws *writers) read(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // a line without its end was not acknowledged
		}
		seq, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		ws.mu.Lock()
		if err != nil {
			ws.failures = append(ws.failures, line)
		} else if ws.seqs[seq] {
			ws.failures = append(ws.failures, "twice: "+line)
		}
		ws.seqs[seq] = true
		ws.mu.Unlock()
	}
}

func (ws *writers) count() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.seqs)
}

func (ws *writers) kill() {
	for _, cmd := range ws.cmds {
		_ = cmd.Process.Kill()
	}
	ws.finished.Wait()
	for _, cmd := range ws.cmds {
		_ = cmd.Wait()
	}
}

// present fails unless every acknowledged record is in the log.
func (ws *writers) present(path string) {
	ws.t.Helper()
	var found atomic.Int64
	if _, err := scan(logFiles(path), -1, func(_ []byte, l *line) bool {
		if ws.seqs[l.seq] {
			found.Add(1)
		}
		return true
	}); err != nil {
		ws.t.Fatal(err)
	}
	if len(ws.failures) > 0 {
		ws.t.Fatalf("%d failures, the first: %s", len(ws.failures), ws.failures[0])
	}
	if int(found.Load()) != len(ws.seqs) {
		ws.t.Fatalf("%d records were acknowledged, %d of them are there", len(ws.seqs), found.Load())
	}
}

func TestEightProcesses(t *testing.T) {
	dir := t.TempDir()
	path, head := filepath.Join(dir, "log"), filepath.Join(dir, "head")
	ws := startWriters(t, 8, "AUDIT_TEST_LOG="+path, "AUDIT_TEST_HEAD="+head, "AUDIT_TEST_COUNT=100")
	ws.finished.Wait()
	ws.kill()
	ws.present(path)
	if r := mustBeWhole(t, path, VerifyOptions{HeadPath: head}); len(ws.seqs) != 800 || len(r.Recovered) != 0 {
		t.Fatalf("%d records, %+v", len(ws.seqs), r)
	}
}

func TestEightWritersOfOneProcess(t *testing.T) {
	dir := t.TempDir()
	path, head := filepath.Join(dir, "log"), filepath.Join(dir, "head")
	var wait sync.WaitGroup
	for range 8 {
		w := openLog(t, Options{Path: path, HeadPath: head, RotateBytes: 20_000, LockTimeout: time.Minute})
		wait.Go(func() {
			for range 50 {
				if _, err := w.Append(&Record{Kind: Intent, Command: "true"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if r := mustBeWhole(t, path, VerifyOptions{HeadPath: head}); r.Records < 401 {
		t.Fatalf("%+v", r)
	}
}

// Killing eight writers at random moments loses nothing that was acknowledged. EXECKIT_AUDIT_KILLS=300 is the bar.
func TestKilledWriters(t *testing.T) {
	kills := 5
	if n, err := strconv.Atoi(os.Getenv("EXECKIT_AUDIT_KILLS")); err == nil {
		kills = n
	}
	sealed, total := 0, 0
	for i := range kills {
		dir := t.TempDir()
		path, head := filepath.Join(dir, "log"), filepath.Join(dir, "head")
		ws := startWriters(t, 8, "AUDIT_TEST_LOG="+path, "AUDIT_TEST_HEAD="+head, "AUDIT_TEST_SIZE="+strconv.Itoa(1<<(i%16)))
		deadline := time.Now().Add(time.Minute)
		for ws.count() < 20 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(50_000)) * time.Microsecond)
		ws.kill()
		if r := verify(t, path, VerifyOptions{HeadPath: head}); !r.OK && r.Bad.Kind != Torn {
			t.Fatalf("after kill %d: %+v", i+1, r.Bad)
		}
		w := openLog(t, Options{Path: path, HeadPath: head})
		add(t, w, "after the kill")
		w.Close()
		r := mustBeWhole(t, path, VerifyOptions{HeadPath: head})
		ws.present(path)
		sealed, total = sealed+len(r.Recovered), total+len(ws.seqs)
	}
	t.Logf("%d kills of 8 writers: every log verifies, all %d acknowledged records are there, %d torn tails were sealed", kills, total, sealed)
}

// Somebody who holds the lock and does not give it back stops the log, and the error says so.
func TestLockIsHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w := openLog(t, Options{Path: path, LockTimeout: 10 * time.Millisecond})
	other, err := openFile(path, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Lock(time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(&Record{Kind: Intent}); code(err) != errdefs.AuditFailed || !strings.Contains(err.Error(), "lock") {
		t.Fatal(err)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	add(t, w, "on")
	mustBeWhole(t, path, VerifyOptions{})
}
