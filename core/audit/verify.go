package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/errdefs"
)

// VerifyOptions say what a log is checked against besides itself.
type VerifyOptions struct {
	// Head is a head that was kept at some time: the log must hold it, and may go on after it.
	Head *Head
	// HeadPath is the head file that the writers of the log keep: the log must end there.
	HeadPath string
	// HeadsPath is a file in which heads were published among other text: what a collector, syslog or a head command
	// wrote. The log must hold every one of its own that is there, and may go on after them.
	HeadsPath string
	// PublicKey is the public key of OpenSSH or minisign, or the path of a file with one or more of them, that must have signed the
	// head file.
	PublicKey string
}

// A Report is what a check found. First is nil where the log is whole.
type Report struct {
	OK      bool  `json:"ok"`
	Records int64 `json:"records"`
	// First and Head are the first record that is there and where the log ends.
	Log   string  `json:"log,omitempty"`
	First int64   `json:"first"`
	Head  Head    `json:"head"`
	Bad   *Damage `json:"first_bad"`
	// Anchored says that a head was given and fits; Signed that its signature does; AfterHead counts the records after
	// a head that was kept earlier.
	Anchored  bool  `json:"anchored"`
	Signed    bool  `json:"signed,omitempty"`
	AfterHead int64 `json:"after_head,omitempty"`
	// Heads counts the heads of this log in a file of published ones.
	Heads int `json:"heads,omitempty"`
	// Files and Bytes are what was read.
	Files []string `json:"files"`
	Bytes int64    `json:"bytes"`
	// Recovered are the places where the log was mended after a crash. ClockBack counts the records whose time is
	// before that of the record before them.
	Recovered []Recovered `json:"recovered,omitempty"`
	ClockBack int         `json:"clock_back,omitempty"`
}

// scan reads the files of a log in order, the last one up to a size (all of it where that is negative). each may stop
// it by returning false.
func scan(files []string, size int64, each func(text []byte, l *line) bool) (*chain, error) {
	c := newChain()
	c.each = each
	for i, file := range files {
		if c.done() {
			break
		}
		limit := int64(-1)
		if i == len(files)-1 {
			limit = size
		}
		if err := c.readFile(file, limit); err != nil {
			return c, openError(file, err, os.O_RDONLY)
		}
	}
	c.settle()
	return c, nil
}

// logFiles lists the files of a log, the path itself last. The path may be missing where a crash came between the
// renaming and the next file.
func logFiles(path string) []string {
	files, _ := rotatedFiles(path)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && len(files) > 0 {
		return files
	}
	return append(files, path)
}

// still runs fn with the files of a log and the size of the last one while no writer is in the middle of a record.
// Writers that hold the lock for too long are not waited for: a reader must not depend on whom it checks.
func still(path string, fn func(files []string, size int64) error) error {
	for range 100 {
		files := logFiles(path)
		last := files[len(files)-1]
		f, err := os.OpenFile(last, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return openError(last, err, os.O_RDONLY)
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = errdefs.New(errdefs.InvalidArgument, "audit: %s is not a regular file", errdefs.Quote(last)).
				WithHint("give the path of the log; in a directory with a log for each session, name one of them")
		}
		if err != nil {
			_ = f.Close()
			return err
		}
		stat, _ := info.Sys().(*syscall.Stat_t)
		held := &osFile{f, uint64(stat.Dev), stat.Ino}
		_ = held.wait(unix.LOCK_SH, defaultLockTimeout)
		same, size, err := held.Is(last)
		if err == nil && !same {
			_ = f.Close()
			continue // rotated meanwhile
		}
		if err == nil {
			err = fn(logFiles(path), size)
		}
		_ = f.Close()
		return err
	}
	return errdefs.New(errdefs.Unavailable, "the files of %s keep changing", errdefs.Quote(path))
}

// Verify reads a log from its first record and says whether it is whole, or which record is the first bad one. An error
// means that it could not be read.
func Verify(path string, o VerifyOptions) (*Report, error) {
	var h *heads
	var files []string
	var published []Head
	var size int64
	var err error
	// Before the size: a head that is published meanwhile may name a later record. And without the lock, since such a file
	// can be long.
	if o.HeadsPath != "" {
		if published, err = readPublished(o.HeadsPath); err != nil {
			return nil, err
		}
	}
	err = still(path, func(list []string, n int64) (err error) {
		files, size = list, n
		h, err = headsOf(&o)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.published = published
	want := h.counts()
	seen := make(map[int64]string, len(want))
	c, err := scan(files, size, func(_ []byte, l *line) bool {
		if want[l.seq] {
			seen[l.seq] = string(l.hash)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	r := &Report{
		Records: c.records, Log: c.id, First: c.begin.seq, Bad: c.damage, Recovered: c.recovered, ClockBack: c.clockBack,
		Head: Head{Format: Format, Log: c.id, Count: c.seq, Hash: c.hash, TimeMS: c.lastMS}, Files: files,
	}
	for _, file := range r.Files {
		if info, err := os.Stat(file); err == nil {
			r.Bytes += info.Size()
		}
	}
	if r.Bad == nil {
		r.Bad = c.wholeStart()
	}
	if r.Bad == nil {
		r.Bad = h.compare(r, seen)
	}
	r.OK = r.Bad == nil
	r.Anchored = r.OK && len(want) > 0
	r.Signed = r.OK && h.signed
	return r, nil
}

// wholeStart checks that a log that begins in the middle says why.
func (c *chain) wholeStart() *Damage {
	switch {
	case c.records == 0:
		return &Damage{Seq: 1, File: c.file, Kind: Truncated, Message: "the file is empty; a log begins with a record that names it"}
	case c.begin.seq > 1 && c.retained[c.begin.seq-1] != c.begin.prev:
		return &Damage{Seq: 1, Kind: MissingStart,
			Message: fmt.Sprintf("the log begins at record %d and no retention record says that those before it were deleted", c.begin.seq)}
	}
	return nil
}
