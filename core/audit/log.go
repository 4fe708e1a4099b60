package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// Options say where a log is and how it is kept. Path or Dir is required.
type Options struct {
	// Path is the file; it is made with mode 0600 where there is none. Dir, in its place, is a directory in which each
	// session has a file of its own, SESSION-MILLISECONDS.jsonl.
	Path, Dir string
	// HeadPath is a second file for the head, best on another machine's disk or under another user.
	HeadPath string
	// SignKey is the path of an Ed25519 private key of OpenSSH without a passphrase; HEAD.sig is then a signature of the
	// head file that ssh-keygen -Y verify checks, with the namespace execkit-audit. Or it is a secret key of minisign, also
	// without a passphrase; then HEAD.minisig is one that minisign -V checks, with that word as the trusted comment.
	SignKey string
	// Fsync has every record but an outcome on the disk before the append returns.
	Fsync bool
	// RotateBytes starts a next file beyond this size; 64 MiB when 0, never when negative.
	RotateBytes int64
	// RetentionDays deletes rotated files whose last record is older; 0 keeps all. It also starts a next file daily.
	RetentionDays int
	// Anchor, if set, is called with every new head before the append returns, one call at a time; its error fails the
	// append. HeadCommand is a program with arguments that gets the head on standard input, Syslog sends it to syslog, and
	// Publish to wherever it likes, within ten seconds; these run aside, one at a time, with the newest head, at most once a
	// second and when the log is closed. Their error fails the next append, which tries once more.
	Anchor      func(Head) error
	HeadCommand []string
	Syslog      bool
	Publish     func(context.Context, Publication) error
	// LockTimeout is how long an append waits for other writers; ten seconds when 0.
	LockTimeout time.Duration

	open opener // the tests' own
	now  func() time.Time
}

const (
	defaultRotateBytes = 64 << 20
	defaultLockTimeout = 10 * time.Second
	// day is how old a file may be before the next one starts, where files are deleted by age.
	day = 24 * time.Hour
)

// A Writer appends to a log. Its methods may be called concurrently; other Writers of the same file, in this process
// or another, take turns with it.
type Writer struct {
	o    Options
	key  signer
	mu   sync.Mutex // guards what follows
	file file
	head *headFile
	// chain is where the log ended when this Writer last held the lock, size the bytes up to there.
	chain *chain
	size  int64
	began int64 // time of the first record of the file
	buf   []byte
	pub   *publisher
	done  bool
}

// OpenLog opens a log for appending, and makes it where there is none. A file that is no audit log, is damaged, or does
// not reach its head is refused and left as it is.
func OpenLog(o Options) (*Writer, error) {
	if err := o.prepare(); err != nil {
		return nil, err
	}
	w := &Writer{o: o}
	var err error
	if o.SignKey != "" {
		if w.key, err = readKey(o.SignKey); err != nil {
			return nil, err
		}
	}
	if o.HeadPath != "" {
		if w.head, err = openHead(o.HeadPath, w.key, o.open); err != nil {
			return nil, err
		}
	}
	if err := w.begin(); err != nil {
		w.closeFiles()
		return nil, err
	}
	if len(o.HeadCommand) > 0 || o.Syslog || o.Publish != nil {
		w.pub = newPublisher(&w.o, w.key)
		w.pub.publish(w.currentHead())
	}
	return w, nil
}

func (o *Options) prepare() error {
	bad := func(format string, args ...any) *errdefs.Error {
		return errdefs.New(errdefs.InvalidArgument, "audit: "+format, args...).WithDetail("field", "audit")
	}
	switch {
	case o.Path == "":
		return bad("no path is given").WithHint("give the path of a file, which is made where there is none")
	case strings.ContainsRune(o.Path+o.HeadPath+o.SignKey, 0):
		return bad("a path holds a NUL byte")
	case o.SignKey != "" && o.HeadPath == "" && len(o.HeadCommand) == 0 && o.Publish == nil:
		return bad("sign_key has nothing to sign").WithHint("give head_path too; the signature is written beside it")
	case o.RetentionDays < 0:
		return bad("retention_days: %d is out of range", o.RetentionDays).WithHint("give a number of days, or 0 to keep everything")
	}
	for _, path := range []*string{&o.Path, &o.HeadPath} {
		if *path == "" {
			continue
		}
		full, err := filepath.Abs(*path)
		if err != nil {
			return bad("%v", err)
		}
		*path = full
	}
	if o.HeadPath != "" && slices.Contains([]string{o.Path, o.Path + nextSuffix, o.Path + sigSuffix, o.Path + minisigSuffix}, o.HeadPath) ||
		slices.Contains([]string{o.HeadPath + nextSuffix, o.HeadPath + sigSuffix, o.HeadPath + minisigSuffix}, o.Path) {
		return bad("head_path and path name the same file").WithHint("keep the head in another place, best on another disk")
	}
	if o.RotateBytes == 0 {
		o.RotateBytes = defaultRotateBytes
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = defaultLockTimeout
	}
	if o.open == nil {
		o.open = openFile
	}
	if o.now == nil {
		o.now = time.Now
	}
	return nil
}

// Append writes one record and returns its number. Seq, Prev, Hash and TimeMS of r are filled in. After an error what
// it stands for must not happen; the record may be in the log, whole or as a torn tail that the next append seals.
func (w *Writer) Append(r *Record) (int64, error) {
	if !slices.Contains(kinds, r.Kind) {
		return 0, errdefs.New(errdefs.Internal, "audit: the kind %s is not a caller's", errdefs.Quote(string(r.Kind)))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return 0, w.failed("writing", os.ErrClosed)
	}
	if w.pub != nil {
		if err := w.pub.failure(); err != nil {
			return 0, w.failed(publishing, err)
		}
	}
	if err := w.acquire(); err != nil {
		return 0, err
	}
	defer w.release()
	if err := w.rotateIfDue(); err != nil {
		return 0, err
	}
	if err := w.write(r); err != nil {
		return 0, err
	}
	if w.o.Fsync && r.Kind != Outcome && r.Kind != Approval {
		if err := w.file.Sync(); err != nil {
			return 0, w.failed("syncing", err)
		}
	}
	return r.Seq, nil
}

// Head returns where the log ended when this Writer last wrote.
func (w *Writer) Head() Head {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.currentHead()
}

// Path returns the absolute path of the log.
func (w *Writer) Path() string { return w.o.Path }

func (w *Writer) currentHead() Head {
	return Head{Format: Format, Log: w.chain.id, Count: w.chain.seq, Hash: w.chain.hash, TimeMS: w.chain.lastMS}
}

// Close publishes the head for the last time and closes the files. It may be called twice.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.done {
		w.mu.Unlock()
		return nil
	}
	w.done = true
	pub, head := w.pub, w.currentHead()
	w.closeFiles()
	w.mu.Unlock()
	if pub != nil {
		if err := pub.close(head); err != nil {
			return w.failed(publishing, err)
		}
	}
	return nil
}

func (w *Writer) closeFiles() {
	if w.file != nil {
		_ = w.file.Close()
	}
	if w.head != nil {
		w.head.close()
	}
}

func (w *Writer) release() { _ = w.file.Unlock() }

const publishing = "publishing the head of"

// failed is the error of a log that cannot be written.
func (w *Writer) failed(doing string, err error) *errdefs.Error {
	hint, why := "mend the log's file or name another; with on_failure \"continue\" commands run without a record", err.Error()
	if e := (*errdefs.Error)(nil); errors.As(err, &e) {
		if e.Code == errdefs.AuditFailed {
			return e
		}
		hint, why = e.Hint, e.Message
	}
	switch {
	case doing == publishing:
		hint = "commands run again when the head arrives where it is kept; with on_failure \"continue\" they run without"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "the disk is full; free some space, and the log goes on by itself"
	case errors.Is(err, syscall.EROFS):
		hint = "the file system is read-only; name a path that can be written"
	case errors.Is(err, errLocked):
		hint = "end the process that holds it; lslocks shows it"
	}
	return errdefs.New(errdefs.AuditFailed, "%s the audit log %s failed: %s", doing, errdefs.Quote(w.o.Path), why).
		WithHint("%s", hint).WithDetail("path", w.o.Path).WithCause(err)
}

// acquire takes the lock of the file that the path names now and catches up with other writers.
func (w *Writer) acquire() error {
	for range 100 {
		if err := w.file.Lock(w.o.LockTimeout); err != nil {
			return w.failed("locking", err)
		}
		same, size, err := w.file.Is(w.o.Path)
		switch {
		case err != nil:
			w.release()
			return w.failed("reading", err)
		case !same:
			// Rotated by another writer, or taken away.
			w.release()
			if err := w.follow(); err != nil {
				return err
			}
			continue
		case size < w.size:
			w.release()
			return errdefs.New(errdefs.AuditFailed, "the audit log %s is shorter than when it was last written", errdefs.Quote(w.o.Path)).
				WithHint("somebody cut it; keep the file as it is and name another")
		}
		if err = w.catchUp(size); err == nil {
			err = w.checkHead()
		}
		if err != nil {
			w.release()
		}
		return err
	}
	return w.failed("opening", errors.New("the file at the path keeps changing"))
}

// catchUp reads what other writers appended and seals a torn tail.
func (w *Writer) catchUp(size int64) error {
	if size == w.size {
		return nil
	}
	c := *w.chain
	c.offset = w.size
	if err := c.feed(io.NewSectionReader(w.file, w.size, size-w.size)); err != nil {
		return w.failed("reading", err)
	}
	if c.damage != nil || c.gap != nil && c.gap.Kind != Torn {
		c.settle()
		return c.damage.asError()
	}
	w.chain = &c
	if c.gap == nil {
		w.size = size
		return nil
	}
	torn, sum := c.gapSize, c.gapHash
	c.gap = nil
	return w.seal(size, torn, sum)
}

// tornEnd ends a torn line. A line end alone would make a record of one that lacks nothing else.
const tornEnd = "~\n"

// seal ends a torn line and says what it was. A head that counts more than what stands before it was cut off by
// somebody, not by a crash.
func (w *Writer) seal(size, torn int64, sum hash.Hash) error {
	_, _ = sum.Write([]byte(tornEnd))
	w.size = size
	data := map[string]any{"format": Format, "torn_bytes": torn + int64(len(tornEnd)), "torn_sha256": hex.EncodeToString(sum.Sum(nil))}
	if w.head != nil {
		behind, err := w.behind()
		if err != nil {
			return err
		}
		if behind > 0 {
			data["unanchored"] = behind
		}
	}
	if w.chain.id == "" {
		w.chain.id = newLogID()
	}
	data["id"] = w.chain.id
	return w.writeAfter([]byte(tornEnd), &Record{Kind: Recovery, Data: data})
}

func newLogID() string { return "l_" + strings.ToLower(rand.Text()) }

// write appends one record; the caller holds the lock and has caught up.
func (w *Writer) write(r *Record) error { return w.writeAfter(nil, r) }

func (w *Writer) writeAfter(before []byte, r *Record) error {
	r.TimeMS = w.o.now().UnixMilli()
	seq := w.chain.seq + 1
	buf, hash, err := appendLine(append(w.buf[:0], before...), seq, w.chain.hash, r)
	w.buf = buf
	if err != nil {
		return w.failed("writing", err)
	}
	head := Head{Format: Format, Log: w.chain.id, Count: seq, Hash: hash, TimeMS: r.TimeMS}
	var headText []byte
	if w.head != nil {
		headText = head.line()
		if err := w.head.announce(headText); err != nil {
			return w.failed("writing the head of", err)
		}
	}
	n, err := w.file.Write(buf)
	if err == nil && n < len(buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return w.failed("writing", err)
	}
	w.size += int64(len(buf))
	w.chain.seq, w.chain.hash, w.chain.lastMS = seq, hash, r.TimeMS
	w.chain.records++
	w.chain.first = false
	r.Seq = seq
	if w.head != nil {
		if err := w.head.confirm(head, headText); err != nil {
			return w.failed("writing the head of", err)
		}
	}
	if w.o.Anchor != nil {
		if err := w.o.Anchor(head); err != nil {
			return w.failed(publishing, err)
		}
	}
	if w.pub != nil {
		w.pub.publish(head)
	}
	return nil
}

// checkHead compares the head file with the end of the log. Records that were written without it are noted in a
// recovery record, and the head is set anew.
func (w *Writer) checkHead() error {
	if w.head == nil || w.head.last != nil && w.head.same() && w.headMatches() {
		return nil
	}
	behind, err := w.behind()
	if err != nil || w.headMatches() {
		return err
	}
	if behind == 0 {
		end := w.currentHead()
		if err := w.head.confirm(end, end.line()); err != nil {
			return w.failed("writing the head of", err)
		}
		return nil
	}
	return w.write(&Record{Kind: Recovery, Data: map[string]any{"format": Format, "id": w.chain.id, "unanchored": behind}})
}

// behind reads the head file and returns how many records of the log it does not cover. A record that was announced
// is covered: a crash came between it and the head. It is an error if the log does not reach the head.
func (w *Writer) behind() (int64, error) {
	head, next, err := w.head.read()
	if err != nil {
		return 0, w.failed("reading the head of", err)
	}
	end := w.currentHead()
	is := func(h *Head) bool { return h != nil && h.Count == end.Count && h.Hash == end.Hash }
	switch {
	case is(head), is(next) && (head == nil || head.Count == end.Count-1):
		return 0, nil
	case head == nil:
		return end.Count, nil
	case head.Log != "" && end.Log != "" && head.Log != end.Log:
		return 0, w.headError("belongs to another log")
	case head.Count > end.Count:
		return 0, w.headError(fmt.Sprintf("counts %d records and the log has %d: records are gone", head.Count, end.Count))
	}
	hash, err := hashAt(w.o.Path, head.Count)
	if err != nil {
		return 0, w.failed("reading", err)
	}
	if hash != head.Hash {
		return 0, w.headError(fmt.Sprintf("names another record %d than the log has", head.Count))
	}
	return end.Count - head.Count, nil
}

func (w *Writer) headMatches() bool {
	h := w.head.known
	return h != nil && h.Count == w.chain.seq && h.Hash == w.chain.hash
}

func (w *Writer) headError(what string) error {
	return errdefs.New(errdefs.AuditFailed, "the audit head %s %s", errdefs.Quote(w.o.HeadPath), what).
		WithHint("execkit audit verify shows more; keep both files as they are and name others")
}
