package redact

import (
	"bytes"
	"sort"

	"github.com/execkit/execkit/core/flood"
	"github.com/execkit/execkit/core/wire"
)

const (
	// MaxHold is the most that a stream holds back of one line or of one wrapped token.
	MaxHold = 64 << 10
	// overlap is how much of a window of a longer line is decided again with what follows it.
	overlap = 8 << 10
	// leftContext is how much decided text stays in view of the rest of its line.
	leftContext = 512
	// piece is how much of its input a stream works on at a time.
	piece = 32 << 10
	// maxWrap bounds the lines over which one token can be wrapped.
	maxWrap = 32
)

// A Stream redacts one stream of text. It is not safe for concurrent use; make one for each of stdout and stderr.
type Stream struct {
	r   *Redactor
	rs  *ruleset
	st  lineState
	buf []byte // the line that is not decided yet, and all lines a wrapped token needs
	// sent is how much of buf is out already, of an overlong line or by Idle.
	sent int
	idle bool // sent was moved by Idle
	// swallow: a secret longer than a window goes on until a byte that cannot be part of it.
	swallow bool
	sc      scanner
	spans   []span
	dropEnd bool // the line was swallowed with its end
	v       view
	names   map[string]nameClass
	scratch lineState
	counts  map[string]int
}

// Stream returns a new stream with the rules and values of r. Values that r learns later count from the next Write.
func (r *Redactor) Stream() *Stream {
	return &Stream{r: r, rs: builtin()}
}

// Write appends to dst what of the stream so far is decided, and returns it. It keeps no reference to p.
func (s *Stream) Write(dst, p []byte) []byte {
	if s.r.disabled {
		return append(dst, p...)
	}
	if len(p) >= flood.Worth {
		from, to := flood.Repeats(p)
		dst = s.write(dst, p[:from])
		if s.nothingIn(p[from:to]) {
			dst = append(dst, p[from:to]...)
			from = to
		}
		p = p[from:]
	}
	return s.write(dst, p)
}

// nothingIn reports whether copies of a line that was just written need no look.
func (s *Stream) nothingIn(copies []byte) bool {
	const reach = 512 // more than the filter looks around a position
	line := bytes.IndexByte(copies, '\n') + 1
	if line == 0 || len(s.buf) > 0 || !s.betweenLines(0) {
		return false
	}
	pf := prefilter{s: s, b: copies[:min(len(copies), (1+reach/line)*line)]}
	return pf.next(0) < 0
}

func (s *Stream) write(dst, p []byte) []byte {
	for len(p) > 0 {
		// Work in pieces of whole lines, so that the buffer stays small and each pass over a piece finds it in the cache.
		n := min(len(p), piece)
		if end := flood.WholeLines(p[:n]); n < len(p) && end > 0 {
			n = end
		}
		pf := prefilter{s: s}
		if len(s.buf) == 0 && s.betweenLines(0) {
			// Whole lines in which there is nothing to look at need not be buffered.
			pf.b = p[:flood.WholeLines(p[:n])]
			plain := pf.lines(0)
			dst = append(dst, p[:plain]...)
			p, n = p[plain:], n-plain
			pf.cut(plain)
		}
		s.buf = append(s.buf, p[:n]...)
		p = p[n:]
		dst = s.process(dst, &pf, false)
	}
	return dst
}

// betweenLines reports that the line at pos of the buffer begins anew: nothing before it bears on it.
func (s *Stream) betweenLines(pos int) bool {
	return s.sent <= pos && !s.swallow && s.st == (lineState{})
}

// Flush ends the stream: it appends what was held back, redacted, and makes the stream ready for another.
func (s *Stream) Flush(dst []byte) []byte {
	dst = s.process(dst, &prefilter{s: s}, true)
	s.buf, s.sent, s.idle, s.swallow, s.st = s.buf[:0], 0, false, false, lineState{}
	return dst
}

// Counts returns the number of marks of each kind so far, by name.
func (s *Stream) Counts() []wire.Redaction {
	var out []wire.Redaction
	for k, n := range s.counts {
		out = append(out, wire.Redaction{Kind: k, Count: n})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Kind < out[j].Kind })
	return out
}

// process decides all lines of the buffer that can be decided and moves the rest to its front. pf is a filter of the
// buffer's whole lines, as far as it knows them.
func (s *Stream) process(dst []byte, pf *prefilter, final bool) []byte {
	buf := s.buf
	pos := 0
	last := flood.WholeLines(buf)
	pf.b = buf[:last]
	for pos < len(buf) {
		if pos < last && s.betweenLines(pos) {
			// Skip to the line of the next thing to look at.
			next := pf.lines(pos)
			if next > pos {
				dst = append(dst, buf[pos:next]...)
				pos = next
				continue
			}
		}
		n := bytes.IndexByte(buf[pos:min(len(buf), pos+MaxHold)], '\n')
		switch {
		case n >= 0:
			end := pos + n
			group, wait := s.group(buf[pos:], n, final)
			if wait {
				n = -1
				break
			}
			if group > 0 {
				end = pos + group
			}
			dst = s.line(dst, buf[pos:end], max(s.sent-pos, 0), true)
			if end < len(buf) {
				if !s.dropEnd {
					dst = append(dst, '\n')
				}
				end++
			}
			pos = end
			s.sent, s.idle = pos, false
			continue
		case len(buf)-pos >= MaxHold:
			dst, pos = s.window(dst, pos)
			continue
		case final:
			dst = s.line(dst, buf[pos:], max(s.sent-pos, 0), false)
			pos = len(buf)
			s.sent = pos
			continue
		}
		break
	}
	rest := copy(s.buf, buf[pos:])
	s.buf = s.buf[:rest]
	s.sent = max(s.sent-pos, 0)
	if cap(s.buf) > 16*MaxHold {
		s.buf = append([]byte(nil), s.buf...)
	}
	return dst
}
