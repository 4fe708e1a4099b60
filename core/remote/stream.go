package remote

import (
	"bytes"
	"io"
	"strconv"
	"sync"
)

// nonceDigits is what a nonce has before the last three digits, and markSize a whole mark: a status and a newline
// follow.
const (
	nonceDigits = 16
	markSize    = nonceDigits + 4
)

// prefixOf returns the digits of a nonce that every mark begins with.
func prefixOf(nonce uint64) string { return strconv.FormatUint(nonce/1000, 10) }

// A mark is one occurrence of a nonce in a stream.
type mark struct {
	stream *stream
	prefix string
	value  string // three characters
	// index counts the marks of a report from 1; text is what lies before it, for all but the first.
	index int
	text  []byte
	// ended is set on the last mark, which is the end of the stream; err is then why, nil for an end of file.
	ended bool
	err   error
}

// maxCollected bounds what a target can make the host hold; a kernel limits an environment to less.
const maxCollected = 16 << 20

// A stream separates marks from output. Its goroutine reads for as long as the stream lives.
type stream struct {
	// tell gets every mark, in order. It must not block for long.
	tell func(mark)

	mu       sync.Mutex
	sink     io.Writer // gets output; nil discards it
	prefixes []string  // what is searched for
	sections int       // how many marks a report has: 1 where nothing but the mark is told
	held     []byte    // may be the beginning of a mark, or is a report that is not whole
	within   string    // the prefix of the report that is being collected, or ""
	index    int       // how many of its marks came
}

// expect adds a nonce to search for. Output from now on goes to sink.
func (s *stream) expect(nonce uint64) {
	s.mu.Lock()
	s.prefixes = append(s.prefixes, prefixOf(nonce))
	s.mu.Unlock()
}

// forget ends the search for nonces but the first, which is the supervisor's.
func (s *stream) forget() {
	s.mu.Lock()
	s.prefixes = s.prefixes[:min(1, len(s.prefixes))]
	s.within, s.index = "", 0
	s.mu.Unlock()
}

func (s *stream) setSections(n int) {
	s.mu.Lock()
	s.sections = n
	s.mu.Unlock()
}

// setSink says where output goes; nil discards it. When it returns, the sink before is not in use any more.
func (s *stream) setSink(w io.Writer) {
	s.mu.Lock()
	s.sink = w
	s.mu.Unlock()
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// read reads r to its end.
func (s *stream) read(r io.Reader) {
	buf := buffers.Get().(*[]byte)
	// A reader that can write by itself (io.WriterTo) saves a goroutine between the connection and this stream.
	_, err := io.CopyBuffer(feeder{s}, r, *buf)
	buffers.Put(buf)
	s.flush()
	s.tell(mark{stream: s, ended: true, err: err})
}

// A feeder is a stream as a writer.
type feeder struct{ s *stream }

func (f feeder) Write(p []byte) (int, error) {
	for _, m := range f.s.feed(p) {
		f.s.tell(m)
	}
	return len(p), nil
}

// flush passes on what was held back; nothing follows that could make a mark of it.
func (s *stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.within == "" {
		s.emit(s.held)
	}
	s.held = nil
}

// feed takes the next bytes of the stream and returns the marks that they complete.
func (s *stream) feed(p []byte) (marks []mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := p
	if len(s.held) > 0 {
		s.held = append(s.held, p...)
		data = s.held
	}
	searched := 0
	if s.within != "" {
		// What was searched already need not be searched again, or a long report would cost its square.
		searched = max(0, len(data)-len(p)-markSize)
	}
	for {
		start, end, prefix := s.next(data, searched)
		if end == 0 { // there is none, or it is not whole
			s.keep(data, start)
			return marks
		}
		if s.within != "" && prefix != s.within {
			// The line was abandoned in its report.
			s.within, s.index = "", 0
			data, searched = data[start:], 0
			continue
		}
		m := mark{stream: s, prefix: prefix, value: string(data[start+nonceDigits : end-1])}
		if s.within != "" {
			m.text = bytes.Clone(data[:start])
		} else {
			s.emit(data[:start])
		}
		if m.value != commandStarts && prefix != s.prefixes[0] {
			s.index++
			m.index, s.within = s.index, prefix
			if s.index == s.sections || endsReport(m.value) {
				s.within, s.index = "", 0
			}
		}
		marks = append(marks, m)
		data, searched = data[end:], 0
	}
}

// commandStarts is the value of a mark that says that the shell has read the line.
const commandStarts = "run"

// reportEnds is the value of a mark that is the last of a report, and of one that is not a status.
const reportEnds = "end"

// notBegun is the value of the last mark of a report on a command that the shell did not begin.
const notBegun = "not"

// endsReport says whether a mark of this value is the last of its report, whatever its place.
func endsReport(value string) bool { return value == reportEnds || value == notBegun }

// nothingNew is the value of stderr's mark where the command was a brief one and no report follows its status.
const nothingNew = "eql"

// next finds the first mark at or after from: its start and its end, which is 0 for one that is not whole. Without one
// start is where a mark may begin, or len(data).
func (s *stream) next(data []byte, from int) (start, end int, prefix string) {
	start = len(data)
	for _, p := range s.prefixes {
		for at := from; ; {
			i := bytes.Index(data[at:], []byte(p))
			if i < 0 {
				break
			}
			i += at
			if i >= start {
				break
			}
			if len(data) < i+markSize {
				start, end, prefix = i, 0, p
				break
			}
			if data[i+markSize-1] == '\n' {
				start, end, prefix = i, i+markSize, p
				break
			}
			at = i + 1 // the digits without a mark around them
		}
	}
	if prefix == "" {
		for _, p := range s.prefixes {
			start = min(start, len(data)-partial(data[from:], p))
		}
	}
	return start, end, prefix
}

// partial returns how long a suffix of data is that p may begin with.
func partial(data []byte, p string) int {
	for n := min(len(p)-1, len(data)); n > 0; n-- {
		if string(data[len(data)-n:]) == p[:n] {
			return n
		}
	}
	return 0
}

// keep passes on the output before start and holds back the rest; a report is held back whole.
func (s *stream) keep(data []byte, start int) {
	if s.within != "" {
		start = 0
		if len(data) > maxCollected {
			data = data[len(data)-markSize:]
		}
	}
	s.emit(data[:start])
	if len(s.held) > 0 && len(data) > start && &s.held[0] == &data[0] && start == 0 {
		return
	}
	s.held = append([]byte(nil), data[start:]...)
}

func (s *stream) emit(p []byte) {
	if s.sink != nil && len(p) > 0 {
		_, _ = s.sink.Write(p)
	}
}
