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
			return c, openError(file, err)
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
			return openError(last, err)
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
	var size int64
	err := still(path, func(list []string, n int64) (err error) {
		files, size = list, n
		h, err = headsOf(&o)
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := make(map[int64]string, len(h.candidates))
	want := make(map[int64]bool, len(h.candidates))
	for _, h := range h.candidates {
		want[h.Count] = true
	}
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
	r.Anchored = r.OK && len(h.candidates) > 0
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

// heads are what a log is compared with.
type heads struct {
	candidates []Head
	live       bool // a head file: the log must end at one of the candidates
	signed     bool
	damage     *Damage
}

func headsOf(o *VerifyOptions) (*heads, error) {
	h := &heads{}
	if o.Head != nil {
		if err := o.Head.check(); err != nil {
			return nil, err
		}
		h.candidates = []Head{*o.Head}
		if o.PublicKey != "" {
			return nil, errdefs.New(errdefs.InvalidArgument, "a head given by value has no signature to check").
				WithHint("give the path of the head file")
		}
		return h, nil
	}
	if o.HeadPath == "" {
		if o.PublicKey != "" {
			return nil, errdefs.New(errdefs.InvalidArgument, "a public key is given without a head").WithHint("give the path of the head file")
		}
		return h, nil
	}
	head, next, err := ReadHeadFile(o.HeadPath)
	if err != nil {
		var e *errdefs.Error
		if errors.As(err, &e) && !errors.Is(err, fs.ErrNotExist) {
			if _, statErr := os.Stat(o.HeadPath); statErr == nil {
				h.damage = &Damage{File: o.HeadPath, Kind: BadHead, Message: e.Message}
				return h, nil
			}
		}
		return nil, err
	}
	h.live, h.candidates = true, []Head{head}
	if next != nil && next.Count == head.Count+1 {
		h.candidates = append(h.candidates, *next)
	}
	if o.PublicKey != "" {
		h.damage, err = h.checkSignature(o)
	}
	return h, err
}

// compare says how the end of the log differs from the head, or nil.
func (h *heads) compare(r *Report, seen map[int64]string) *Damage {
	if h.damage != nil || len(h.candidates) == 0 {
		return h.damage
	}
	end := r.Head
	for _, one := range h.candidates {
		if h.live && one.Count == end.Count && one.Hash == end.Hash {
			return nil
		}
	}
	head := h.candidates[0]
	hash := seen[head.Count]
	if head.Count == 0 {
		hash = zeroHash
	}
	switch {
	case head.Log != "" && r.Log != "" && head.Log != r.Log:
		return &Damage{Seq: 1, Kind: Replaced, Message: "the head belongs to another log"}
	case head.Count > end.Count:
		return &Damage{Seq: end.Count + 1, Kind: Truncated,
			Message: fmt.Sprintf("the log ends at record %d and the head counts %d: %d records are gone", end.Count, head.Count, head.Count-end.Count)}
	case hash == "" && head.Count < r.First:
		return &Damage{Seq: head.Count, Kind: Replaced,
			Message: fmt.Sprintf("the head names record %d and the log is kept from record %d on", head.Count, r.First)}
	case hash != head.Hash:
		return &Damage{Seq: head.Count, Kind: Replaced,
			Message: fmt.Sprintf("record %d is not the one that the head names: the log was written anew", head.Count)}
	case h.live:
		return &Damage{Seq: head.Count + 1, Kind: Unanchored,
			Message: fmt.Sprintf("%d records follow the head that the writers keep: appended by somebody else, or after a loss of power", end.Count-head.Count)}
	}
	r.AfterHead = end.Count - head.Count
	return nil
}
