package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// A rotated file is called PATH.NUMBER after its first record, with this many digits so that names sort.
const rotatedDigits = 12

func rotatedName(path string, seq int64) string {
	return fmt.Sprintf("%s.%0*d", path, rotatedDigits, seq)
}

// rotatedFiles lists the rotated files of a log, oldest first.
func rotatedFiles(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		suffix, ok := strings.CutPrefix(entry.Name(), filepath.Base(path)+".")
		if ok && len(suffix) == rotatedDigits && strings.Trim(suffix, "0123456789") == "" {
			files = append(files, filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

// begin opens the log for the first time.
func (w *Writer) begin() error {
	w.chain = newChain()
	if err := w.follow(); err != nil {
		return err
	}
	if err := w.acquire(); err != nil {
		return err
	}
	defer w.release()
	return w.retain()
}

// follow opens the file that the path names now, which another writer may have begun, and reads where it ends. A new
// file continues the last rotated one; without any it begins a log.
func (w *Writer) follow() error {
	for range 100 {
		f, err := w.o.open(w.o.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND)
		if err != nil {
			return err
		}
		if err := f.Lock(w.o.LockTimeout); err != nil {
			_ = f.Close()
			return w.failed("locking", err)
		}
		same, size, err := f.Is(w.o.Path)
		if err != nil || !same {
			_ = f.Close()
			if err != nil {
				return w.failed("reading", err)
			}
			continue
		}
		if w.file != nil {
			_ = w.file.Close()
		}
		w.file = f
		err = w.settle(size)
		_ = f.Unlock()
		return err
	}
	return w.failed("opening", errors.New("the file at the path keeps changing"))
}

// settle finds the end of the chain in a file just opened. The caller holds the lock.
func (w *Writer) settle(size int64) error {
	known := w.chain
	w.size = 0
	c := newChain()
	c.file = w.o.Path
	rotated, err := rotatedFiles(w.o.Path)
	if err != nil {
		return w.failed("reading", err)
	}
	if len(rotated) > 0 {
		// The end of the newest rotated file is what this one has to continue.
		last := rotated[len(rotated)-1]
		before, _, err := endOfFile(last)
		if err != nil {
			return w.failed("reading", err)
		}
		if before.settle(); before.damage != nil {
			return before.damage.asError()
		}
		c.seq, c.hash, c.id, c.lastMS, c.records = before.seq, before.hash, before.id, before.lastMS, 1
	}
	if w.began, err = c.readEnd(w.file, size); err != nil {
		return w.failed("reading", err)
	}
	if c.damage == nil && c.gap != nil && c.gap.Kind != Torn {
		c.settle()
	}
	switch {
	case c.damage != nil && c.damage.Line == 1 && len(rotated) == 0:
		return errdefs.New(errdefs.AuditFailed, "%s is not an audit log that this version can continue: %s", errdefs.Quote(w.o.Path), c.damage.Message).
			WithHint("it is left as it is; give the path of a new file").WithDetail("path", w.o.Path)
	case c.damage != nil:
		return c.damage.asError()
	case known.id != "" && (known.id != c.id && c.id != "" || c.seq < known.seq):
		return errdefs.New(errdefs.AuditFailed, "the audit log %s was taken away while it was in use", errdefs.Quote(w.o.Path)).
			WithHint("another file stands in its place; keep both and name a new one")
	case known.id != "" && c.id == "":
		return errdefs.New(errdefs.AuditFailed, "the audit log %s was removed while it was in use", errdefs.Quote(w.o.Path)).
			WithHint("the empty file in its place is not used; name a new one")
	}
	w.chain = c
	return w.continueFile(c, size)
}

// endOfFile reads where a file ends.
func endOfFile(path string) (c *chain, began int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	c = newChain()
	c.file = path
	began, err = c.readEnd(f, info.Size())
	return c, began, err
}

// endSize is how much of the end of a file is read to find where its chain ends, so that opening a long log is cheap.
// What stands before is for Verify to check.
const endSize = 1 << 20

// readEnd follows the chain at the end of a file and returns the time of its first record, 0 where it has none.
func (c *chain) readEnd(f io.ReaderAt, size int64) (began int64, err error) {
	begin := *c
	first := begin
	first.each = func(_ []byte, l *line) bool { began = l.timeMS; return false }
	if err := first.feed(io.NewSectionReader(f, 0, size)); err != nil {
		return 0, err
	}
	if size > endSize && first.records > begin.records {
		end := *newChain()
		end.file, end.id, end.first = begin.file, first.id, false
		skip, err := lineAfter(f, size-endSize)
		if err != nil {
			return 0, err
		}
		end.offset = skip
		if err := end.feed(io.NewSectionReader(f, skip, size-skip)); err != nil {
			return 0, err
		}
		if end.records > 0 {
			*c = end
			return began, nil
		}
	}
	return began, c.feed(io.NewSectionReader(f, 0, size))
}

// lineAfter returns where the first line begins after an offset.
func lineAfter(f io.ReaderAt, offset int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.ReadAt(buf, offset)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return offset + int64(i) + 1, nil
		}
		if offset += int64(n); err != nil {
			if err == io.EOF {
				err = nil
			}
			return offset, err
		}
	}
}

// continueFile seals a torn tail or begins an empty file.
func (w *Writer) continueFile(c *chain, size int64) error {
	if c.gap != nil && w.began == 0 {
		if err := w.tornStart(size); err != nil {
			return err
		}
		w.began = w.o.now().UnixMilli()
	}
	// Not before: a file that is no log is somebody else's, and stays as it is.
	if err := w.file.Protect(); err != nil {
		return err
	}
	if c.gap != nil {
		torn, sum := c.gapSize, c.gapHash
		c.gap = nil
		return w.seal(size, torn, sum)
	}
	w.size = size
	if size > 0 {
		return nil
	}
	if w.head != nil && c.seq == 0 {
		// Without a log a head says that there was one.
		if head, _, err := w.head.read(); err != nil {
			return w.failed("reading the head of", err)
		} else if head != nil && head.Count > 0 {
			return w.headError(fmt.Sprintf("counts %d records and the log is gone", head.Count))
		}
	}
	kind := Rotate
	if c.id == "" {
		kind, c.id = Log, newLogID()
	}
	w.began = w.o.now().UnixMilli()
	if err := w.write(&Record{Kind: kind, Data: map[string]any{"format": Format, "id": c.id}}); err != nil || !w.o.Fsync {
		return err
	}
	return w.syncDirectory()
}

// tornStart refuses a file without a whole record unless it is the beginning of the first one, or the zeros that a
// loss of power leaves.
func (w *Writer) tornStart(size int64) error {
	text := make([]byte, min(size, 4096))
	if _, err := w.file.ReadAt(text, 0); err != nil && err != io.EOF {
		return w.failed("reading", err)
	}
	begin := fmt.Appendf(nil, `{"seq":%d,"prev":"%s","kind":"`, w.chain.seq+1, w.chain.hash)
	n := min(len(text), len(begin))
	if bytes.Equal(text[:n], begin[:n]) || len(bytes.Trim(text, "\x00")) == 0 {
		return nil
	}
	return errdefs.New(errdefs.AuditFailed, "%s is not an audit log that this version can continue", errdefs.Quote(w.o.Path)).
		WithHint("it is left as it is; give the path of a new file").WithDetail("path", w.o.Path)
}

// syncDirectory has the name of a new file on the disk.
func (w *Writer) syncDirectory() error {
	dir, err := os.Open(filepath.Dir(w.o.Path))
	if err != nil {
		return w.failed("syncing", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return w.failed("syncing", err)
	}
	return nil
}

// rotateIfDue starts the next file where this one is too large or too old. The caller holds the lock.
func (w *Writer) rotateIfDue() error {
	old := w.o.RetentionDays > 0 && w.began > 0 && w.o.now().Sub(time.UnixMilli(w.began)) > day
	if !old && (w.o.RotateBytes < 0 || w.size < w.o.RotateBytes) {
		return nil
	}
	return w.rotate()
}

func (w *Writer) rotate() error {
	first, err := firstSeq(w.o.Path)
	if err != nil {
		return w.failed("rotating", err)
	}
	to := rotatedName(w.o.Path, first)
	if _, err := os.Lstat(to); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return w.failed("rotating", fmt.Errorf("%s is in the way", errdefs.Quote(to)))
	}
	if err := os.Rename(w.o.Path, to); err != nil {
		return w.failed("rotating", err)
	}
	// Others wait for the lock of the old file; follow locks the new one before they see it.
	_ = w.file.Unlock()
	if err := w.follow(); err != nil {
		return err
	}
	if err := w.acquire(); err != nil {
		return err
	}
	return w.retain()
}

// retain deletes rotated files that are older than the log is kept, after a record that says so.
func (w *Writer) retain() error {
	if w.o.RetentionDays == 0 {
		return nil
	}
	files, err := rotatedFiles(w.o.Path)
	if err != nil {
		return w.failed("reading", err)
	}
	limit := w.o.now().Add(-time.Duration(w.o.RetentionDays) * day).UnixMilli()
	gone, through := 0, newChain()
	for _, file := range files {
		c, _, err := endOfFile(file)
		if err != nil {
			return w.failed("reading", err)
		}
		if c.settle(); c.damage != nil || c.lastMS >= limit {
			break // what is damaged is evidence
		}
		gone, through = gone+1, c
	}
	if gone == 0 {
		return nil
	}
	if err := w.write(&Record{Kind: Retention, Data: map[string]any{"through": through.seq, "hash": through.hash, "days": w.o.RetentionDays, "files": gone}}); err != nil {
		return err
	}
	if w.o.Fsync {
		if err := w.file.Sync(); err != nil {
			return w.failed("syncing", err)
		}
	}
	for _, file := range files[:gone] {
		if err := os.Remove(file); err != nil {
			return w.failed("removing old files of", err)
		}
	}
	return nil
}

// readFile feeds one file, up to a size or, where that is negative, to its end.
func (c *chain) readFile(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	c.nextFile(path)
	if size >= 0 {
		return c.feed(io.LimitReader(f, size))
	}
	return c.feed(f)
}

// firstSeq returns the number of the first good record of a file.
func firstSeq(path string) (int64, error) {
	c := newChain()
	c.each = func([]byte, *line) bool { return false }
	if err := c.readFile(path, -1); err != nil {
		return 0, err
	}
	if c.records == 0 {
		return 0, errors.New("the file has no record")
	}
	return c.seq, nil
}

// hashAt returns the hash of one record of the log, or "" where it is not there.
func hashAt(path string, seq int64) (string, error) {
	found := ""
	if seq == 0 {
		return zeroHash, nil
	}
	files := logFiles(path)
	_, err := scan(files, -1, func(_ []byte, l *line) bool {
		if l.seq == seq {
			found = string(l.hash)
		}
		return l.seq < seq
	})
	return found, err
}
