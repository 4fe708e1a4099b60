package redact

import (
	"bytes"
	"sort"

	"github.com/execkit/execkit/core/flood"
)

// prefilter finds the next place of a run of whole lines that needs a look; all before it is ordinary text. Each
// searched-for thing remembers where it stands next, so every byte is searched once.
type prefilter struct {
	s  *Stream
	b  []byte
	at [7]int // one past the next position of each, or 0 for not searched yet
}

func (f *prefilter) next(pos int) int {
	best := -1
	for k := range f.at {
		if f.at[k] != -1 && (f.at[k] == 0 || f.at[k]-1 < pos) {
			f.at[k] = f.find(k, pos) + 1
			if f.at[k] == 0 {
				f.at[k] = -1
			}
		}
		if f.at[k] > 0 && (best < 0 || f.at[k]-1 < best) {
			best = f.at[k] - 1
		}
	}
	return best
}

// lines returns the start of the line at or after pos that needs a look, or the end of the text.
func (f *prefilter) lines(pos int) int {
	next := f.next(pos)
	if next < 0 {
		return len(f.b)
	}
	return pos + flood.WholeLines(f.b[pos:next])
}

// cut takes the first n bytes off the text.
func (f *prefilter) cut(n int) {
	for k, at := range f.at {
		if at > n {
			f.at[k] = at - n
		} else if at > 0 {
			f.at[k] = 0
		}
	}
}

var continuation = []byte("\\\n")

func (f *prefilter) find(k, pos int) int {
	b := f.b
	i := -1
	switch k {
	case 0:
		return f.s.rs.search.next(b, pos)
	case 1:
		i = bytes.IndexByte(b[pos:], 0x1b)
	case 2:
		i = bytes.IndexByte(b[pos:], 8)
	case 3:
		for p := pos; ; p++ {
			n := bytes.IndexByte(b[p:], '\\')
			if n < 0 {
				return -1
			}
			if p += n; bytes.HasPrefix(b[p:], zeroU) || bytes.HasPrefix(b[p:], continuation) {
				return p
			}
		}
	case 4:
		for p := pos; ; p++ {
			n := bytes.IndexByte(b[p:], '%')
			if n < 0 {
				return -1
			}
			if p += n; p+2 < len(b) {
				if c, ok := hexByte(b[p+1], b[p+2]); ok && c >= 0x20 && c < 0x7f {
					return p
				}
			}
		}
	case 5:
		for p := pos; ; p++ {
			n := bytes.IndexByte(b[p:], '.')
			if n < 0 {
				return -1
			}
			if p += n; p+7 < len(b) && b[p+7] == '.' && p >= 18 && isWord(b[p-1]) && isWord(b[p-17]) {
				return p
			}
			for p+1 < len(b) && b[p+1] == '.' {
				p++ // a leader, or the text column of a dump
			}
		}
	case 6:
		return f.s.r.nextCustom(b, pos)
	}
	if i >= 0 {
		i += pos
	}
	return i
}

// group returns the end of the lines that must be decided together with the first, which ends at n: those that a
// backslash joins, and those over which a token is wrapped. wait says that a line is missing for the decision.
func (s *Stream) group(b []byte, n int, final bool) (end int, wait bool) {
	if n >= MaxHold/2 {
		return 0, false
	}
	// The limit counts from the start of the line, so that it does not depend on how much has arrived.
	near := b[:min(len(b), MaxHold/2)]
	first := bytes.TrimSuffix(b[:n], []byte("\r"))
	if len(first) > 0 && first[len(first)-1] == '\\' {
		end = n
		for k := 0; k < maxWrap && end+1 < len(near)+1; k++ {
			m := bytes.IndexByte(near[end+1:], '\n')
			if m < 0 {
				if final && len(b) == len(near) {
					return len(b), false
				}
				return 0, len(b) < MaxHold/2 && !final
			}
			end += 1 + m
			if t := bytes.TrimSuffix(b[:end], []byte("\r")); t[len(t)-1] != '\\' {
				break
			}
		}
		return end, false
	}
	if len(first) < 16 || !tokenByte(first[len(first)-1]) || s.st.block.on {
		return 0, false
	}
	text := first
	if bytes.IndexByte(first, 0x1b) >= 0 {
		s.v.strip(first)
		text = s.v.b
	}
	begin, complete := s.openToken(text)
	if begin < 0 {
		return 0, false
	}
	end = n
	for k := 0; k < maxWrap && end+1 < len(near)+1; k++ {
		m := bytes.IndexByte(near[end+1:], '\n')
		if m < 0 {
			if !final || len(b) > len(near) {
				return 0, len(b) < MaxHold/2
			}
			m = len(b) - end - 1
		}
		next := bytes.TrimSuffix(b[end+1:end+1+m], []byte("\r"))
		if len(next) == 0 || len(next) > len(first) || !allToken(next) || complete && len(next) < len(first) && wordy(string(next)) {
			break
		}
		end += 1 + m
		if len(next) < len(first) || end >= len(b) {
			break
		}
	}
	if end == n {
		return 0, false
	}
	return end, false
}

// openToken returns where the token begins that reaches the end of text, or -1, and whether it is complete there.
func (s *Stream) openToken(text []byte) (begin int, complete bool) {
	sc := s.scannerOf(text, &s.scratch)
	sc.scan(true)
	for _, sp := range sc.out {
		if sp.e == len(text) {
			return sp.s, true
		}
	}
	return sc.open, false
}

func tokenByte(c byte) bool {
	return isWord(c) || c == '-' || c == '.' || c == '+' || c == '/' || c == '=' || c == '~'
}

func allToken(b []byte) bool {
	for _, c := range b {
		if !tokenByte(c) {
			return false
		}
	}
	return true
}

// line appends one line, or a group of them, redacted, leaving out its first sent bytes, which are out already.
func (s *Stream) line(dst, line []byte, sent int, ended bool) []byte {
	s.dropEnd = false
	if s.swallow {
		for sent < len(line) && tokenByte(line[sent]) {
			sent++
		}
		s.swallow = false
	}
	if a, e, begin, ok := s.st.block.block(line); ok {
		if a == e || s.r.off["private-key"] {
			return append(dst, line[sent:]...)
		}
		if begin || !s.st.block.marked {
			s.st.block.marked = true
			s.spans = append(s.spans[:0], span{a, e, "private-key"})
			return s.emit(dst, line, sent, len(line))
		}
		s.dropEnd = true
		return dst
	}
	s.find(line)
	return s.emit(dst, line, sent, len(line))
}

// find collects the spans of a line in s.spans, in order and without overlap.
func (s *Stream) find(line []byte) {
	s.spans = s.spans[:0]
	st := s.st
	pending, kind := st.pending, st.pendingKind
	s.st.pending, s.st.pendingKind = notSecret, ""
	if s.st.netrc > 0 {
		s.st.netrc--
	}
	s.scanView(line, nil, false)
	if pending != notSecret {
		s.pendingValue(line, pending, kind)
	}
	after := s.st
	if nl := bytes.IndexByte(line, '\n'); nl >= 0 {
		cont := nl > 0 && (line[nl-1] == '\\' || line[nl-1] == '\r' && nl > 1 && line[nl-2] == '\\')
		s.v.join(line, cont)
		s.scanView(line, &s.v, !cont)
	}
	s.decoded(line, 0)
	if bytes.IndexByte(line, '\n') >= 0 {
		// The joined text hides where a token ends with its line.
		base := 0
		for _, l := range bytes.SplitAfter(line, []byte("\n")) {
			s.decoded(bytes.TrimRight(l, "\r\n"), base)
			base += len(l)
		}
	}
	if len(s.spans) > 1 {
		sort.SliceStable(s.spans, func(i, j int) bool { return s.spans[i].s < s.spans[j].s })
		out := s.spans[:1]
		for _, sp := range s.spans[1:] {
			if l := &out[len(out)-1]; sp.s < l.e {
				l.e = max(l.e, sp.e)
			} else {
				out = append(out, sp)
			}
		}
		s.spans = out
	}
	after.pending, after.pendingKind = s.st.pending, s.st.pendingKind
	s.st = after
}

// decoded scans the views of a part of a line, which begins at base, without terminal sequences and without encoding.
func (s *Stream) decoded(part []byte, base int) {
	from := len(s.spans)
	if bytes.IndexByte(part, 0x1b) >= 0 || bytes.IndexByte(part, 8) >= 0 {
		s.v.strip(part)
		s.scanView(part, &s.v, false)
	}
	if encoded(part) && s.v.decode(part) {
		s.scanView(part, &s.v, false)
	}
	for i := range s.spans[from:] {
		s.spans[from+i].s += base
		s.spans[from+i].e += base
	}
}

// scannerOf returns the stream's scanner, made ready for b.
func (s *Stream) scannerOf(b []byte, st *lineState) *scanner {
	if s.names == nil { // most streams never have a line that needs a look
		s.names = make(map[string]nameClass)
	}
	s.sc = scanner{rs: s.rs, r: s.r, b: b, st: st, out: s.sc.out[:0], names: s.names}
	return &s.sc
}

// scanView scans a view of line, or the line itself when v is nil, and adds what it finds to s.spans.
func (s *Stream) scanView(line []byte, v *view, tokensOnly bool) {
	b := line
	if v != nil {
		b = v.b
	}
	sc := s.scannerOf(b, &s.st)
	s.r.exact(sc)
	if v == nil && bytes.IndexByte(b, '\n') >= 0 {
		// A group of lines: names and contexts belong to one line each.
		base := 0
		for _, l := range bytes.SplitAfter(b, []byte("\n")) {
			sub := scanner{rs: s.rs, r: s.r, b: bytes.TrimRight(l, "\r\n"), st: &s.st, names: s.names}
			sub.scan(false)
			for _, sp := range sub.out {
				sc.out = append(sc.out, span{sp.s + base, sp.e + base, sp.kind})
			}
			base += len(l)
		}
	} else {
		if v == nil && s.st.secret > 0 {
			sc.secretData()
		}
		sc.scan(tokensOnly)
		s.r.custom(sc)
	}
	for _, sp := range sc.out {
		if v != nil {
			sp = v.back(sp, line)
		}
		s.spans = append(s.spans, sp)
	}
}

// pendingValue redacts the value on the line after the one that named it.
func (s *Stream) pendingValue(line []byte, c class, kind string) {
	sc := s.scannerOf(line, &s.st)
	i := 0
	for i < len(line) && (isSpace(line[i]) || line[i] == '-' || line[i] == '"') {
		i++
	}
	if i < len(line) && line[i] == '<' {
		if gt := bytes.IndexByte(line[i:], '>'); gt > 0 {
			sc.element(i+gt+1, kind, c)
		}
	} else if i+6 < len(line) && bytes.EqualFold(line[i:i+5], []byte("value")) {
		i += 5
		for i < len(line) && (line[i] == '"' || isSpace(line[i])) {
			i++
		}
		if i < len(line) && (line[i] == ':' || line[i] == '=') {
			for i++; i < len(line) && isSpace(line[i]); i++ {
			}
			if i < len(line) {
				sc.valueAt(i, value{data: true}, kind, c)
			}
		}
	}
	s.spans = append(s.spans, sc.out...)
}

// emit appends line[sent:end] with its spans replaced by marks.
func (s *Stream) emit(dst, line []byte, sent, end int) []byte {
	at := sent
	for _, sp := range s.spans {
		if s.idle && sp.s < sent && sp.e > sent {
			sp.s = sent // Idle let out its beginning before it was known
		}
		if sp.s < sent || sp.s >= end {
			continue // out already, or to be decided again
		}
		dst = append(dst, line[at:sp.s]...)
		dst = s.mark(dst, sp.kind)
		dst = kept(dst, line[sp.s:sp.e])
		at = sp.e
	}
	if at < end {
		dst = append(dst, line[at:end]...)
	}
	return dst
}

func (s *Stream) mark(dst []byte, kind string) []byte {
	if s.counts == nil {
		s.counts = make(map[string]int)
	}
	s.counts[kind]++
	if !s.r.labels {
		return append(dst, "[REDACTED]"...)
	}
	dst = append(dst, "[REDACTED:"...)
	dst = append(dst, kind...)
	return append(dst, ']')
}

// window decides the first part of a line that is longer than MaxHold and returns the new start of the buffer.
func (s *Stream) window(dst []byte, pos int) ([]byte, int) {
	w := s.buf[pos : pos+MaxHold]
	sent := max(s.sent-pos, 0)
	if s.swallow {
		for sent < len(w) && tokenByte(w[sent]) {
			sent++
		}
		if s.swallow = sent == len(w); s.swallow {
			s.sent = pos + sent
			return dst, s.sent - leftContext
		}
	}
	saved := s.st
	s.find(w)
	s.st = saved
	cut := MaxHold - overlap
	for _, sp := range s.spans {
		if sp.s < cut && sp.e > cut {
			cut = sp.e
		}
	}
	s.swallow = cut == len(w)
	if cut > sent {
		dst = s.emit(dst, w, sent, cut)
		s.sent = pos + cut
	}
	return dst, max(pos+cut, s.sent) - leftContext
}

// quotedOutput begins the commands of which [scanner.piped] redacts the argument.
var quotedOutput = [][]byte{[]byte("echo '"), []byte(`echo "`), []byte("printf '"), []byte(`printf "`)}

// Idle appends what can be let out of an unfinished line when nothing more came for a while: a prompt, a progress bar.
// What might be the beginning of a secret stays until more comes or the stream ends.
func (s *Stream) Idle(dst []byte) []byte {
	if len(s.buf) == 0 || s.st.block.on || s.swallow || bytes.IndexByte(s.buf, '\n') >= 0 {
		return dst
	}
	line := s.buf
	saved := s.st
	s.find(line)
	s.st = saved
	cut := len(line)
	if c := line[cut-1]; !isSpace(c) && c != ':' && c != '?' && c != '>' || bytes.Contains(line[max(0, bytes.LastIndexByte(line, ' ')):], []byte("://")) {
		for cut > s.sent && !isSpace(line[cut-1]) {
			cut--
		}
	}
	if esc := bytes.LastIndexByte(line, 0x1b); esc >= 0 && esc < cut && esc+escape(line[esc:]) >= len(line)-1 {
		cut = esc
	}
	if i := bytes.Index(line, pemBegin); i >= 0 {
		cut = min(cut, i) // of a key block only the whole line tells
	}
	for _, w := range quotedOutput {
		if i := bytes.Index(line, w); i >= 0 {
			cut = min(cut, i) // whether it is a password tells only the command behind the pipe
		}
	}
	for _, sp := range s.spans {
		if sp.e >= cut {
			cut = min(cut, sp.s)
		}
	}
	if cut <= s.sent {
		return dst
	}
	dst = s.emit(dst, line, s.sent, cut)
	s.sent, s.idle = cut, true
	return dst
}
