package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"

	"github.com/execkit/execkit/core/errdefs"
)

// heads are what a log is compared with.
type heads struct {
	candidates []Head
	live       bool // a head file: the log must end at one of the candidates
	signed     bool
	damage     *Damage
	published  []Head // in the order of their counts
}

// counts are the numbers of the records that heads name.
func (h *heads) counts() map[int64]bool {
	all := make(map[int64]bool)
	for _, one := range slices.Concat(h.candidates, h.published) {
		all[one.Count] = true
	}
	return all
}

// publishedHead is a head in the text around it: in JSON of a collector or a program its quotes are escaped.
var publishedHead = regexp.MustCompile(`\{\\*"format\\*":([0-9]{1,9}),\\*"log\\*":\\*"(l_[a-z0-9]{1,64})\\*",\\*"count\\*":([0-9]{1,18}),\\*"hash\\*":\\*"([0-9a-f]{64})\\*"`)

// maxHeadText is more than what publishedHead matches.
const maxHeadText = 1024

// readPublished finds the heads in a file, each once. A file without any is refused: a check against nothing would say
// that all is well.
func readPublished(path string) ([]Head, error) {
	bad := func(err any) error {
		return errdefs.New(errdefs.InvalidArgument, "the published audit heads: %v", err).
			WithHint("give the file into which a collector, syslog or the head command wrote, as text").WithDetail("field", "heads")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close()
	found := make(map[Head]bool)
	for buf := make([]byte, 0, 1<<20); !errors.Is(err, io.EOF); {
		var n int
		if n, err = f.Read(buf[len(buf):cap(buf)]); err != nil && !errors.Is(err, io.EOF) {
			return nil, bad(err)
		}
		buf = buf[:len(buf)+n]
		done := max(0, len(buf)-maxHeadText)
		for _, at := range publishedHead.FindAllSubmatchIndex(buf, -1) {
			part := func(i int) string { return string(buf[at[2*i]:at[2*i+1]]) }
			number := func(i int) int64 { n, _ := strconv.ParseInt(part(i), 10, 64); return n } // digits, and few of them
			h := Head{Format: int(number(1)), Log: part(2), Count: number(3), Hash: part(4)}
			if err := h.check(); err != nil {
				return nil, err
			}
			found[h], done = true, max(done, at[1])
		}
		buf = buf[:copy(buf[:cap(buf)], buf[done:])]
	}
	if len(found) == 0 {
		return nil, bad("there is no head in " + errdefs.Quote(path))
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b Head) int { return cmp.Compare(a.Count, b.Count) }), nil
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

// compare says how the log differs from the heads, or nil.
func (h *heads) compare(r *Report, seen map[int64]string) *Damage {
	if h.damage != nil {
		return h.damage
	}
	if len(h.candidates) > 0 {
		if d := h.compareKept(r, seen); d != nil {
			return d
		}
	}
	return h.comparePublished(r, seen)
}

func (h *heads) compareKept(r *Report, seen map[int64]string) *Damage {
	for _, one := range h.candidates {
		if h.live && one.Count == r.Head.Count && one.Hash == r.Head.Hash {
			return nil
		}
	}
	head := h.candidates[0]
	if d := head.differs(r, seen); d != nil {
		return d
	}
	after := r.Head.Count - head.Count
	if h.live {
		return &Damage{Seq: head.Count + 1, Kind: Unanchored,
			Message: fmt.Sprintf("%d records follow the head that the writers keep: appended by somebody else, or after a loss of power", after)}
	}
	r.AfterHead = after
	return nil
}

// comparePublished compares the log with its own among the published heads. Of those that name records which retention
// deleted, the newest alone must not.
func (h *heads) comparePublished(r *Report, seen map[int64]string) *Damage {
	if len(h.published) == 0 {
		return nil
	}
	mine := slices.DeleteFunc(slices.Clone(h.published), func(one Head) bool { return one.Log != r.Log })
	if len(mine) == 0 {
		return &Damage{Seq: 1, Kind: Replaced, Message: fmt.Sprintf("none of the %d published heads belongs to this log", len(h.published))}
	}
	newest := mine[len(mine)-1]
	for _, one := range mine {
		if one.Count < r.First && one.Count < newest.Count {
			continue
		}
		if d := one.differs(r, seen); d != nil {
			return d
		}
	}
	r.Heads, r.AfterHead = len(mine), r.Head.Count-newest.Count
	return nil
}

// differs says why the log does not hold the record that a head names, or nil. seen are the hashes of such records.
func (h *Head) differs(r *Report, seen map[int64]string) *Damage {
	end, hash := r.Head, seen[h.Count]
	if h.Count == 0 {
		hash = zeroHash
	}
	switch {
	case h.Log != "" && r.Log != "" && h.Log != r.Log:
		return &Damage{Seq: 1, Kind: Replaced, Message: "the head belongs to another log"}
	case h.Count > end.Count:
		return &Damage{Seq: end.Count + 1, Kind: Truncated,
			Message: fmt.Sprintf("the log ends at record %d and the head counts %d: %d records are gone", end.Count, h.Count, h.Count-end.Count)}
	case hash == "" && h.Count < r.First:
		return &Damage{Seq: h.Count, Kind: Replaced,
			Message: fmt.Sprintf("the head names record %d and the log is kept from record %d on", h.Count, r.First)}
	case hash != h.Hash:
		return &Damage{Seq: h.Count, Kind: Replaced,
			Message: fmt.Sprintf("record %d is not the one that the head names: the log was written anew", h.Count)}
	}
	return nil
}
