package screen

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

type state uint8

const (
	ground state = iota
	escape
	escapeNext // after ESC and a byte that one more byte follows
	control    // in a CSI sequence
	str        // in a control string
	strEscape
)

const (
	maxSequence = 256
	maxTitle    = 256
	// maxNumber bounds every number of a sequence; no screen is larger.
	maxNumber = 1000
	// filler stands in the second cell of a wide character. It is no character, so no text holds it.
	filler = '\uffff'
)

// A filter turns a stream into what the emulator handles.
type filter struct {
	s       *Screen
	state   state
	kind    rune // of a control string, or the byte before escapeNext
	seq     []byte
	partial []byte // a rune that is not whole yet
	out     []byte
	last    rune
	insert  bool // insertion mode, which the emulator lacks
}

func (f *filter) write(p []byte) {
	if len(f.partial) > 0 {
		p = append(f.partial, p...)
		f.partial = nil
	}
	for len(p) > 0 {
		if !utf8.FullRune(p) {
			f.partial = append([]byte(nil), p...)
			break
		}
		r, n := utf8.DecodeRune(p)
		p = p[n:]
		f.step(r)
	}
	f.flush()
}

// flush hands what is collected to the emulator.
func (f *filter) flush() {
	if len(f.out) > 0 {
		_, _ = f.s.term.Write(f.out)
		f.out = f.out[:0]
	}
}

func (f *filter) step(r rune) {
	if r == 0x18 || r == 0x1a { // CAN and SUB end any sequence
		f.state = ground
		return
	}
	switch f.state {
	case ground:
		f.ground(r)
	case escape:
		f.escape(r)
	case escapeNext:
		f.state = ground
		// Of the character sets the line drawing one matters, and the test pattern.
		if f.kind == '(' && strings.ContainsRune("0B", r) || f.kind == '#' && r == '8' {
			f.out = append(f.out, 0x1b, byte(f.kind), byte(r))
		}
	case control:
		f.control(r)
	case str:
		switch {
		case r == 0x1b:
			f.state = strEscape
		case r == 0x07 && f.kind == ']', r == 0x9c:
			f.string()
		case len(f.seq) < maxTitle*utf8.UTFMax:
			f.seq = utf8.AppendRune(f.seq, r)
		}
	case strEscape:
		if r == '\\' {
			f.string()
		} else {
			f.state = ground
			f.escape(r)
		}
	}
}

func (f *filter) ground(r rune) {
	switch {
	case r == 0x1b:
		f.state = escape
	case r == '\b' || r == '\t' || r == '\n' || r == '\v' || r == '\f' || r == '\r':
		f.out = append(f.out, byte(r))
	case r < 0x20 || r >= 0x7f && r < 0xa0:
	case r == utf8.RuneError || r == filler:
		f.print(utf8.RuneError)
	case Cells(r) == 0:
		// Joined to the character before it on a real screen; a cell holds one.
	default:
		f.print(r)
	}
}

func (f *filter) print(r rune) {
	f.last = r
	wide := Cells(r) == 2
	if f.insert {
		n := "1"
		if wide {
			n = "2"
		}
		f.out = append(f.out, "\x1b["+n+"@"...)
	}
	if wide {
		f.flush()
		if cols, _ := f.s.term.Size(); f.s.term.Cursor().X == cols-1 {
			f.out = append(f.out, ' ') // half a character is not shown: it moves to the next line
		}
		f.out = utf8.AppendRune(f.out, r)
		r = filler
	}
	f.out = utf8.AppendRune(f.out, r)
}

// Cells returns how many places of a line a character takes: none where it joins the one before, or two where it is wide.
func Cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	if r >= 0x1100 {
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			return 2
		}
	}
	return 1
}

func (f *filter) escape(r rune) {
	f.state = ground
	switch {
	case r == '[':
		f.state, f.seq = control, f.seq[:0]
	case strings.ContainsRune("]PX^_k", r):
		f.state, f.kind, f.seq = str, r, f.seq[:0]
	case strings.ContainsRune("()*+-./#% ", r):
		f.state, f.kind = escapeNext, r
	case r == 0x1b:
		f.state = escape
	case r == 'Z':
		f.s.answer(identity)
	case r == 'c':
		f.insert = false
		f.out = append(f.out, "\x1bc\x1b[2J\x1b[H"...) // the emulator clears only a part
	case strings.ContainsRune("DEHM=>78", r):
		f.out = append(f.out, 0x1b, byte(r))
	case r < 0x20:
		f.ground(r)
	}
}

// string ends a control string. A title is the only one that says something about the screen.
func (f *filter) string() {
	f.state = ground
	text := string(f.seq)
	if f.kind != ']' {
		return
	}
	number, title, ok := strings.Cut(text, ";")
	if !ok || number != "0" && number != "2" {
		return
	}
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, title))
	f.s.title = string(runes[:min(len(runes), maxTitle)])
}

func (f *filter) control(r rune) {
	switch {
	case r == 0x1b:
		f.state = escape
	case r < 0x20:
		f.ground(r)
	case r < 0x40:
		if len(f.seq) < maxSequence {
			f.seq = append(f.seq, byte(r))
		}
	case r < 0x7f:
		f.state = ground
		f.sequence(string(f.seq), byte(r))
	default:
		f.state = ground
	}
}

// identity is the answer of a VT102, which is what the emulator is.
const identity = "\x1b[?6c"

// Finals of sequences whose numbers count something, so that none and 0 are 1.
const counting = "@ABCDEFGILMPSTXZ`ade"

func (f *filter) sequence(text string, final byte) {
	private := strings.HasPrefix(text, "?")
	numbers, ok := parameters(strings.TrimPrefix(text, "?"))
	if !ok {
		return // another prefix or an intermediate byte: a sequence for newer terminals
	}
	first := 0
	if len(numbers) > 0 {
		first = numbers[0]
	}
	switch {
	case private:
		if strings.IndexByte("hlJK", final) >= 0 {
			f.send("?", numbers, final)
		}
	case strings.IndexByte(counting, final) >= 0:
		f.send("", []int{min(max(first, 1), maxNumber)}, final)
	case final == 'b':
		for range min(max(first, 1), maxNumber) {
			if f.last != 0 {
				f.print(f.last)
			}
		}
	case final == 'c':
		if first == 0 {
			f.s.answer(identity)
		}
	case final == 'n':
		f.report(first)
	case final == 'r':
		_, rows := f.s.term.Size()
		top, bottom := max(first, 1), rows
		if len(numbers) > 1 && numbers[1] > 0 {
			bottom = numbers[1]
		}
		f.send("", []int{top, bottom}, final)
	case final == 'h' || final == 'l':
		for _, n := range numbers {
			if n == 4 {
				f.insert = final == 'h'
			}
		}
		f.send("", numbers, final)
	case final == 'J' && first > 2:
	case strings.IndexByte("HJKfgmsu", final) >= 0:
		f.send("", numbers, final)
	}
}

func (f *filter) report(what int) {
	switch what {
	case 5:
		f.s.answer("\x1b[0n")
	case 6:
		f.flush()
		at := f.s.term.Cursor()
		f.s.answer("\x1b[" + strconv.Itoa(at.Y+1) + ";" + strconv.Itoa(at.X+1) + "R")
	}
}

func (f *filter) send(prefix string, numbers []int, final byte) {
	f.out = append(f.out, "\x1b["+prefix...)
	for i, n := range numbers {
		if i > 0 {
			f.out = append(f.out, ';')
		}
		f.out = strconv.AppendInt(f.out, int64(n), 10)
	}
	f.out = append(f.out, final)
}

// parameters reads the numbers of a sequence, an absent one as 0. Modes have numbers above every screen's size.
func parameters(text string) (numbers []int, ok bool) {
	if text == "" {
		return nil, true
	}
	for _, field := range strings.Split(strings.ReplaceAll(text, ":", ";"), ";") {
		n := 0
		for _, c := range field {
			if c < '0' || c > '9' {
				return nil, false
			}
			n = min(n*10+int(c-'0'), 9999)
		}
		numbers = append(numbers, n)
	}
	return numbers, true
}
