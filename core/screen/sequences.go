package screen

import "strings"

// Sequences splits what a program writes to a terminal into what another terminal may be given. Control strings (titles,
// the clipboard, device strings) are left out, and so are questions: the screen answers them, and two answers would be
// one too many. A sequence is passed on when it is whole. It is not safe for concurrent use.
type Sequences struct {
	state state
	c2    bool // a byte that begins a control or a character
	last  byte // of a control string
	seq   []byte
	// Modes collects the sequences that change how the terminal works and not what it shows; whoever paints a screen
	// in place of the text passes them on.
	Modes []byte
	// Alternate says that a full-screen program has taken the terminal over.
	Alternate bool
}

// Next appends to dst what of p may be passed on, up to a change to or from the alternate screen: that is change, nil for
// none, which is not among Modes, and rest is what follows it.
func (s *Sequences) Next(dst, p []byte) (out, change, rest []byte) {
	for i, b := range p {
		before, modes, passed := s.Alternate, len(s.Modes), len(dst)
		if dst = s.step(dst, b); s.Alternate != before {
			s.Modes = s.Modes[:min(modes, len(s.Modes))]
			return dst[:passed], append([]byte(nil), s.seq...), p[i+1:]
		}
	}
	return dst, nil, nil
}

func (s *Sequences) step(dst []byte, b byte) []byte {
	if s.c2 {
		s.c2 = false
		if b >= 0x80 && b < 0xa0 { // a control of one character is ESC and another one
			s.begin()
			return s.escape(dst, b-0x40)
		}
		dst = append(dst, 0xc2)
	}
	if (b == 0x18 || b == 0x1a) && s.state != ground { // CAN and SUB end any sequence
		s.state = ground
		return dst
	}
	switch s.state {
	case escape, escapeNext:
		return s.escape(dst, b)
	case control:
		return s.control(dst, b)
	case str, strEscape:
		s.string(b)
		if s.state == escape {
			return s.escape(dst, b)
		}
		return dst
	}
	switch b {
	case 0x1b:
		s.begin()
	case 0xc2:
		s.c2 = true
	default:
		dst = append(dst, b)
	}
	return dst
}

func (s *Sequences) begin() { s.state, s.seq = escape, append(s.seq[:0], 0x1b) }

func (s *Sequences) escape(dst []byte, b byte) []byte {
	switch {
	case b == 0x1b:
		s.begin()
		return dst
	case b < 0x20:
		s.state = ground
		return append(dst, b)
	case b < 0x30 && len(s.seq) < maxSequence:
		s.state, s.seq = escapeNext, append(s.seq, b)
		return dst
	case s.state == escape && b == '[':
		s.state, s.seq = control, append(s.seq, b)
		return dst
	case s.state == escape && strings.IndexByte("]PX^_k", b) >= 0:
		s.state = str
		return dst
	}
	mode := s.state == escapeNext || strings.IndexByte("=>c", b) >= 0
	s.state = ground
	if b == 'Z' || b == '\\' {
		return dst
	}
	s.seq = append(s.seq, b)
	if b == 'c' {
		s.Alternate = false
	}
	return s.pass(dst, mode)
}

func (s *Sequences) control(dst []byte, b byte) []byte {
	switch {
	case b == 0x1b:
		s.begin()
		return dst
	case b < 0x20:
		return append(dst, b) // takes effect in the middle of a sequence
	case len(s.seq) >= maxSequence:
		s.state = ground
		return dst
	}
	if s.seq = append(s.seq, b); b < 0x40 {
		return dst
	}
	s.state = ground
	text := string(s.seq[2 : len(s.seq)-1])
	// Device attributes and status, parameters, window operations, the terminal's name, a mode's state, keyboard flags.
	if strings.IndexByte("cnxt", b) >= 0 || b == 'q' && strings.HasPrefix(text, ">") || strings.ContainsAny(text, "$*'") && strings.IndexByte("pwyz|", b) >= 0 ||
		(b == 'u' || b == 'm') && strings.HasPrefix(text, "?") {
		return dst
	}
	if numbers, ok := strings.CutPrefix(text, "?"); ok && (b == 'h' || b == 'l') {
		for _, n := range strings.Split(numbers, ";") {
			if n == "47" || n == "1047" || n == "1049" {
				s.Alternate = b == 'h'
			}
		}
	}
	return s.pass(dst, strings.IndexByte("hlmqru", b) >= 0)
}

func (s *Sequences) pass(dst []byte, mode bool) []byte {
	if mode {
		s.Modes = append(s.Modes, s.seq...)
		if len(s.Modes) > maxModes { // what has not mattered for so long is not missed
			s.Modes = append(s.Modes[:0], s.Modes[len(s.Modes)-maxModes/2:]...)
			if i := strings.IndexByte(string(s.Modes), 0x1b); i >= 0 {
				s.Modes = append(s.Modes[:0], s.Modes[i:]...)
			}
		}
	}
	return append(dst, s.seq...)
}

// maxModes bounds the sequences that are kept: one burst of a full-screen program has a few hundred bytes of them.
const maxModes = 64 << 10

// string skips a control string. Where it is broken off by another sequence, the state is escape.
func (s *Sequences) string(b byte) {
	switch {
	case s.state == strEscape && b == '\\', s.state == str && (b == 0x07 || s.last == 0xc2 && b == 0x9c):
		s.state = ground
	case s.state == strEscape:
		s.begin()
	case b == 0x1b:
		s.state = strEscape
	}
	s.last = b
}
