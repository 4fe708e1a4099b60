package clean

import (
	"bytes"
	"unicode/utf8"

	"github.com/execkit/execkit/core/flood"
)

const (
	// MaxLine is how many bytes of an unfinished line are held back so that a carriage return can still replace them.
	// A longer line is passed on as it comes; a carriage return in it then begins a new line.
	MaxLine = 64 << 10
	// MaxString bounds the text of an OSC, DCS, APC, PM or SOS string in bytes. A longer one is taken to be
	// unterminated: only its introducer is removed.
	MaxString = 4 << 10
	// maxSequence bounds the parameters of a CSI or charset sequence in bytes.
	maxSequence = 256
)

type state uint8

const (
	ground       state = iota
	escape             // after ESC
	intermediate       // after ESC and bytes of 0x20..0x2f, as in a charset select
	control            // in a CSI sequence
	str                // in a control string
	strEscape          // after ESC in a control string
)

// A Cleaner cleans one stream. It must not be used by two goroutines at once.
type Cleaner struct {
	state state
	// c2 says that a 0xC2 was read whose next byte decides whether it is text. It survives what is removed between the
	// two, so that a removal cannot put a control character together.
	c2 bool
	// long says that the current line outgrew line and goes straight to the output; broken that a carriage return
	// followed, so that the next text needs a line of its own.
	long, broken bool
	line         []byte
	cursor       int
	// seq is the text of the unfinished sequence, without its introducer.
	seq []byte
}

// New returns a Cleaner at the start of a stream.
func New() *Cleaner { return &Cleaner{} }

// Write appends to dst what is certain after the chunk p and returns it. The unfinished line stays in c; p is not kept.
func (c *Cleaner) Write(dst []byte, p []byte) []byte {
	// Asked once for a chunk: asked again after each control character, a chunk of them would cost its square.
	if len(p) >= flood.Worth {
		from, to := flood.Repeats(p)
		dst = c.write(dst, p[:from])
		if c.allPlain(p[from:to]) {
			dst = c.text(dst, p[from:to])
			from = to
		}
		p = p[from:]
	}
	return c.write(dst, p)
}

// allPlain reports whether copies of one line are text as they stand.
func (c *Cleaner) allPlain(copies []byte) bool {
	line := bytes.IndexByte(copies, '\n') + 1
	return c.state == ground && !c.c2 && special(copies[:line]) == line
}

func (c *Cleaner) write(dst []byte, p []byte) []byte {
	for len(p) > 0 {
		if c.state == ground && !c.c2 {
			n := special(p)
			if n > 0 {
				dst = c.text(dst, p[:n])
				p = p[n:]
				continue
			}
		}
		dst = c.step(dst, p[0])
		p = p[1:]
	}
	return dst
}

// Flush ends the stream: it appends what is held back, the text of an unterminated sequence included, and resets c for
// a new stream.
func (c *Cleaner) Flush(dst []byte) []byte {
	// Replayed text can itself begin a sequence, once.
	for c.state != ground {
		dst = c.abandon(dst)
	}
	dst = c.settle(dst)
	dst = append(dst, c.line...)
	*c = Cleaner{line: c.line[:0], seq: c.seq[:0]}
	return dst
}

// step takes one byte through the parser.
func (c *Cleaner) step(dst []byte, b byte) []byte {
	switch c.state {
	case ground:
		return c.ground(dst, b)
	case escape:
		return c.escape(dst, b)
	case intermediate, control:
		switch {
		case len(c.seq) >= maxSequence:
		case b >= 0x20 && b < 0x30, c.state == control && b >= 0x30 && b < 0x40:
			c.seq = append(c.seq, b)
			return dst
		case b >= 0x30 && b < 0x7f:
			if c.state == control {
				dst = c.csi(dst, b)
			}
			c.state, c.seq = ground, c.seq[:0]
			return dst
		}
		return c.step(c.abandon(dst), b)
	case strEscape:
		if b == '\\' {
			c.state, c.seq = ground, c.seq[:0]
			return dst
		}
		dst = c.step(c.abandon(dst), 0x1b)
		return c.step(dst, b)
	default:
		return c.str(dst, b)
	}
}

func (c *Cleaner) ground(dst []byte, b byte) []byte {
	if c.c2 && b >= 0x80 && b < 0xA0 {
		c.c2 = false
		return c.introduce(dst, b-0x40)
	}
	switch {
	case b == 0xC2:
		dst = c.settle(dst)
		c.c2 = true
	case plain(b):
		dst = c.text(c.settle(dst), []byte{b})
	case b == 0x1b:
		c.state = escape
	case b == '\r':
		dst = c.settle(dst)
		c.home()
	case b == '\b' && !c.long:
		dst = c.settle(dst)
		_, n := utf8.DecodeLastRune(c.line[:c.cursor])
		c.cursor -= n
	}
	return dst
}

func (c *Cleaner) escape(dst []byte, b byte) []byte {
	switch {
	case b >= 0x20 && b < 0x30:
		c.state, c.seq = intermediate, append(c.seq[:0], b)
		return dst
	case b >= 0x30 && b < 0x7f:
		return c.introduce(dst, b)
	}
	c.state = ground
	return c.step(dst, b)
}

// introduce begins the sequence that ESC b stands for; a C1 control is b+0x40.
func (c *Cleaner) introduce(dst []byte, b byte) []byte {
	c.seq = c.seq[:0]
	switch b {
	case '[':
		c.state = control
	case ']', 'P', '_', '^', 'X':
		c.state = str
	default:
		c.state = ground
	}
	return dst
}

// csi does what a finished CSI sequence means for the line; all but erasing it and going to its start mean nothing.
func (c *Cleaner) csi(dst []byte, final byte) []byte {
	arg := string(c.seq)
	switch {
	case final == 'G' && (arg == "" || arg == "0" || arg == "1"):
		dst = c.settle(dst)
		c.home()
	case final == 'K' && !c.long && (arg == "" || arg == "0"):
		dst = c.settle(dst)
		c.line = c.line[:c.cursor]
	case final == 'K' && !c.long && arg == "2":
		dst = c.settle(dst)
		c.line, c.cursor = c.line[:0], 0
	}
	return dst
}

// str takes one byte of a control string. Only a terminator removes the string: anything else that ends it, a new
// sequence included, shows that it was not one, and hiding its text would lose output.
func (c *Cleaner) str(dst []byte, b byte) []byte {
	n := len(c.seq)
	c1 := n > 0 && c.seq[n-1] == 0xC2 && b >= 0x80 && b < 0xA0
	switch {
	case b == 0x07, c1 && b == 0x9C:
		c.state, c.seq = ground, c.seq[:0]
	case b == 0x1b:
		c.state = strEscape
	case c1:
		c.seq = c.seq[:n-1]
		dst = c.step(c.abandon(dst), 0xC2)
		dst = c.step(dst, b)
	case b == 0x18, b == 0x1a:
		dst = c.abandon(dst)
	case n >= MaxString:
		dst = c.step(c.abandon(dst), b)
	default:
		c.seq = append(c.seq, b)
	}
	return dst
}

// abandon gives up the unfinished sequence and cleans the text after its introducer as ordinary text. That text holds
// no introducer of a string, so no byte is replayed more than twice.
func (c *Cleaner) abandon(dst []byte) []byte {
	seq := c.seq
	c.seq, c.state = nil, ground
	for _, b := range seq {
		dst = c.step(dst, b)
	}
	if c.state == ground {
		c.seq = seq[:0]
	}
	return dst
}

// settle makes a held 0xC2 text.
func (c *Cleaner) settle(dst []byte) []byte {
	if !c.c2 {
		return dst
	}
	c.c2 = false
	return c.text(dst, []byte{0xC2})
}

// home moves to the first column.
func (c *Cleaner) home() {
	c.cursor = 0
	c.broken = c.long
}

// text adds plain text: whole lines go to dst, the rest becomes the current line.
func (c *Cleaner) text(dst, p []byte) []byte {
	end := -1
	if first := bytes.IndexByte(p, '\n'); first >= 0 {
		end = first + bytes.LastIndexByte(p[first:], '\n')
		if first > 0 {
			dst = c.overwrite(dst, p[0])
		}
		dst = append(dst, c.line...)
		dst = append(dst, p[:end+1]...)
		c.line, c.cursor, c.long, c.broken = c.line[:0], 0, false, false
	}
	p = p[end+1:]
	if len(p) == 0 {
		return dst
	}
	dst = c.overwrite(dst, p[0])
	if !c.long && len(c.line)+len(p) > MaxLine {
		c.long = true
		dst = append(dst, c.line...)
		c.line, c.cursor = c.line[:0], 0
	}
	if c.long {
		return append(dst, p...)
	}
	c.line = append(c.line, p...)
	c.cursor = len(c.line)
	return dst
}

// overwrite makes room at the cursor for text that begins with b.
func (c *Cleaner) overwrite(dst []byte, b byte) []byte {
	if c.broken {
		dst = append(dst, '\n')
		c.long, c.broken = false, false
	}
	c.line = c.line[:c.cursor]
	// A stray 0xC2 before the cursor must not become a control together with b.
	for n := len(c.line); n > 0 && c.line[n-1] == 0xC2 && b >= 0x80 && b < 0xA0; n-- {
		c.line = c.line[:n-1]
	}
	return dst
}
