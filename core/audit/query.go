package audit

import (
	"slices"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// A Filter chooses records. Every field that is set must fit.
type Filter struct {
	// Session is the identifier of a session or its beginning, of ten characters or more.
	Session  string   `json:"session,omitempty"`
	Label    string   `json:"label,omitempty"`
	Exec     string   `json:"exec,omitempty"`
	Kinds    []string `json:"kinds,omitempty"`
	Contains string   `json:"contains,omitempty"` // a part of the command
	// FromSeq and ToSeq, SinceMS and UntilMS are inclusive bounds; 0 is none.
	FromSeq int64 `json:"from_seq,omitempty"`
	ToSeq   int64 `json:"to_seq,omitempty"`
	SinceMS int64 `json:"since_ms,omitempty"`
	UntilMS int64 `json:"until_ms,omitempty"`
	// Limit is the most records that are returned: the first ones, or with Last the last ones. 1,000 when 0.
	Limit int  `json:"limit,omitempty"`
	Last  bool `json:"last,omitempty"`
}

// A Selection is what a query found.
type Selection struct {
	Records []*Record `json:"records"`
	// More says that further records fit; NextSeq is where to go on.
	More    bool  `json:"more"`
	NextSeq int64 `json:"next_seq,omitempty"`
	// Bad is the first bad record of what was read, nil where there is none. What follows it is not returned.
	Bad *Damage `json:"first_bad"`
}

const (
	defaultLimit = 1000
	maxLimit     = 100_000
)

// Query returns the records of a log that fit. It follows the chain as it reads, and stops where that breaks.
func Query(path string, f Filter) (*Selection, error) {
	if f.Limit == 0 {
		f.Limit = defaultLimit
	}
	if f.Limit < 0 || f.Limit > maxLimit {
		return nil, errdefs.New(errdefs.InvalidArgument, "limit: %d is out of range", f.Limit).
			WithHint("give 1 to %d", maxLimit).WithDetail("field", "limit")
	}
	all := append([]Kind{Log, Rotate, Recovery, Retention}, kinds...)
	for _, kind := range f.Kinds {
		if !slices.Contains(all, Kind(kind)) {
			return nil, errdefs.New(errdefs.InvalidArgument, "kinds: there is no kind %s", errdefs.Quote(kind)).
				WithHint("the kinds are %s", joinKinds(all)).WithDetail("field", "kinds")
		}
	}
	s := &Selection{Records: []*Record{}}
	var files []string
	var size int64
	err := still(path, func(list []string, n int64) error { files, size = list, n; return nil })
	if err != nil {
		return nil, err
	}
	c, err := scan(files, size, func(text []byte, l *line) bool { return s.take(&f, text, l) })
	if err != nil {
		return nil, err
	}
	s.Bad = c.damage
	return s, nil
}

func joinKinds(list []Kind) string {
	names := make([]string, len(list))
	for i, kind := range list {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// take adds a record that fits, and reports whether to go on.
func (s *Selection) take(f *Filter, text []byte, l *line) bool {
	switch {
	case l.seq < f.FromSeq, l.timeMS < f.SinceMS, len(f.Kinds) > 0 && !slices.Contains(f.Kinds, string(l.kind)):
		return true
	case f.ToSeq > 0 && l.seq > f.ToSeq:
		return false
	case f.UntilMS > 0 && l.timeMS > f.UntilMS:
		return true // clocks may go back
	}
	r, err := decode(text)
	if err != nil || !f.fits(r) {
		return true
	}
	if len(s.Records) == f.Limit {
		s.More = true
		if !f.Last {
			s.NextSeq = r.Seq
			return false
		}
		s.Records = append(s.Records[:0], s.Records[1:]...)
	}
	s.Records = append(s.Records, r)
	return true
}

func (f *Filter) fits(r *Record) bool {
	return (f.Session == "" || IsSession(r.Session, f.Session)) && (f.Label == "" || f.Label == r.Label) &&
		(f.Exec == "" || f.Exec == r.Exec) && (f.Contains == "" || strings.Contains(r.Command, f.Contains))
}

// minSession is how much of an identifier has to be given: what programs print of one that they shorten.
const minSession = 10

// IsSession reports whether an identifier is the one that was given, whole or by its beginning.
func IsSession(id, given string) bool {
	return id == given || len(given) >= minSession && strings.HasPrefix(id, given)
}
