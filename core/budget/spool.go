package budget

import (
	"bytes"
	"sync"
	"unicode/utf8"
)

const (
	// SpoolHead and SpoolTail are how many bytes of the start and the end of a stream a [Spool] holds by default.
	SpoolHead = 256 << 10
	SpoolTail = 16 << 20
	// DefaultReadBytes and DefaultReadLines are the limit of a read that gives none.
	DefaultReadBytes = 64 << 10
	DefaultReadLines = 1000
	// MaxReadBytes bounds every read.
	MaxReadBytes = 1 << 20
)

// A Spool keeps the first and the last bytes of a stream. Its methods may be called from several goroutines at once,
// also while the stream is still being written.
type Spool struct {
	mu    sync.Mutex
	head  []byte
	max   int
	tail  ring
	bytes int64
	lines int64 // line ends
	last  byte
}

// A Chunk is what a read found: Text begins at byte Offset of the stream, and NextOffset is where to go on. Skipped is
// how many bytes directly before Offset were asked for but are no longer held. EOF says that nothing follows yet.
type Chunk struct {
	Text                   []byte
	Offset, NextOffset     int64
	BytesTotal, LinesTotal int64
	Skipped                int64
	EOF                    bool
}

// NewSpool returns an empty Spool of the default size.
func NewSpool() *Spool { return NewSpoolSize(SpoolHead, SpoolTail) }

// NewSpoolSize returns an empty Spool that holds the first head and the last tail bytes; both must be above 0.
func NewSpoolSize(head, tail int) *Spool {
	return &Spool{max: head, tail: ring{max: tail}}
}

// Write adds p to the stream; p is not kept. It never fails and returns len(p).
func (s *Spool) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(p))
	s.lines += int64(bytes.Count(p, newline))
	s.last = p[len(p)-1]
	n := min(len(p), s.max-len(s.head))
	s.head = append(s.head, p[:n]...)
	if n < len(p) {
		s.tail.write(p[n:])
	}
	return len(p), nil
}

// Size returns how many bytes are held.
func (s *Spool) Size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.head) + len(s.tail.buf)
}

// Skipped returns how many bytes in the middle of the stream are no longer held.
func (s *Spool) Skipped() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tailStart() - int64(len(s.head))
}

// ReadAt reads up to limit bytes from byte offset on; 0 is [DefaultReadBytes]. Where the middle is missing it goes on
// after it. An offset below 0 is 0, one past the end gives EOF. The text is cut between runes where it can be.
func (s *Spool) ReadAt(offset, limit int64) Chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit <= 0 {
		limit = DefaultReadBytes
	}
	return s.read(max(0, offset), int(min(limit, MaxReadBytes)))
}

// ReadLines reads up to limit lines from the given one on, counted from 1; 0 is [DefaultReadLines]. A line in the
// missing middle gives the first whole line after it. A read ends at the missing middle, and at [MaxReadBytes].
func (s *Spool) ReadLines(line, limit int64) Chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit <= 0 {
		limit = DefaultReadLines
	}
	offset, asked := s.locate(max(1, line) - 1)
	c := s.read(offset, MaxReadBytes)
	if end := lineEnd(c.Text, limit); end < len(c.Text) {
		c.Text = c.Text[:end]
		c.NextOffset = c.Offset + int64(end)
		c.EOF = false
	}
	c.Skipped = c.Offset - asked
	return c
}

// locate returns the offset of the line after n line ends, and where it would be if nothing were missing before it.
func (s *Spool) locate(n int64) (offset, asked int64) {
	if n > s.lines {
		return s.bytes, s.bytes
	}
	inHead := int64(bytes.Count(s.head, newline))
	if n <= inHead {
		at := int64(lineEnd(s.head, n))
		return at, at
	}
	a, b := s.tail.parts()
	inA := int64(bytes.Count(a, newline))
	before := s.lines - inA - int64(bytes.Count(b, newline))
	start, asked := s.tailStart(), int64(-1)
	if n <= before {
		n, asked = before+1, int64(len(s.head))
	}
	if n -= before; n <= inA {
		offset = start + int64(lineEnd(a, n))
	} else {
		offset = start + int64(len(a)+lineEnd(b, n-inA))
	}
	if asked < 0 {
		asked = offset
	}
	return offset, asked
}

func (s *Spool) tailStart() int64 { return s.bytes - int64(len(s.tail.buf)) }

func (s *Spool) read(offset int64, limit int) Chunk {
	c := Chunk{BytesTotal: s.bytes, LinesTotal: s.lines, Offset: min(offset, s.bytes)}
	if s.bytes > 0 && s.last != '\n' {
		c.LinesTotal++
	}
	head, start := int64(len(s.head)), s.tailStart()
	if c.Offset >= head && c.Offset < start {
		c.Skipped = start - c.Offset
		c.Offset = start
	}
	if c.Offset < head {
		c.Text = append(c.Text, s.head[c.Offset:min(head, c.Offset+int64(limit))]...)
	}
	if at := c.Offset + int64(len(c.Text)); at >= start && len(c.Text) < limit {
		c.Text = s.tail.from(c.Text, int(at-start), limit-len(c.Text))
	}
	if c.Skipped > 0 {
		// The rest of a rune whose beginning is missing is missing too.
		n := continuation(c.Text)
		c.Text, c.Offset, c.Skipped = c.Text[n:], c.Offset+int64(n), c.Skipped+int64(n)
	}
	c.NextOffset = c.Offset + int64(len(c.Text))
	if c.NextOffset < s.bytes {
		if n := len(c.Text) - partialRune(c.Text); n > 0 {
			c.NextOffset -= int64(len(c.Text) - n)
			c.Text = c.Text[:n]
		}
	}
	c.EOF = c.NextOffset == s.bytes
	return c
}

// partialRune returns how many bytes at the end of p begin a rune that p does not finish.
func partialRune(p []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if b := p[len(p)-i]; utf8.RuneStart(b) {
			if !utf8.FullRune(p[len(p)-i:]) {
				return i
			}
			return 0
		}
	}
	return 0
}

// continuation returns how many bytes at the start of p can only go on a rune, at most three.
func continuation(p []byte) int {
	n := 0
	for n < len(p) && n < utf8.UTFMax-1 && !utf8.RuneStart(p[n]) {
		n++
	}
	return n
}

// lineEnd returns the length of the first n lines of p.
func lineEnd(p []byte, n int64) int {
	at := 0
	for ; n > 0; n-- {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return len(p)
		}
		at += i + 1
	}
	return at
}
