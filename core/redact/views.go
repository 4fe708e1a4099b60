package redact

import "bytes"

// A view is a line as its reader gets to see it: without terminal sequences, joined over line ends, or decoded. at maps
// each of its bytes to the line's.
type view struct {
	b  []byte
	at []int32
}

func (v *view) reset(n int) {
	if cap(v.b) < n {
		v.b, v.at = make([]byte, 0, n+n/2), make([]int32, 0, n+n/2)
	}
	v.b, v.at = v.b[:0], v.at[:0]
}

func (v *view) push(c byte, at int) {
	v.b = append(v.b, c)
	v.at = append(v.at, int32(at))
}

// escape returns the length of the terminal sequence at the start of b: CSI, a string sequence such as OSC, or a short
// one. A sequence that does not end is taken as its introducer only.
func escape(b []byte) int { return escapeTo(b, new(int)) }

// escapeTo is escape for the sequences of one text: dead is how far from the end of b no string sequence ends, so that
// it is not looked for again.
func escapeTo(b []byte, dead *int) int {
	if len(b) < 2 {
		return len(b)
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b) && i < 64; i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return i + 1
			}
			if b[i] < 0x20 {
				break
			}
		}
		return 2
	case ']', 'P', '^', '_', 'X':
		if len(b) <= *dead {
			return 2
		}
		i := 2
		for ; i < len(b) && i < 4096; i++ {
			if b[i] == 7 {
				return i + 1
			}
			if b[i] == 0x1b && i+1 < len(b) && b[i+1] == '\\' {
				return i + 2
			}
		}
		*dead = len(b)
		return 2
	case '(', ')', '#', ' ', '%':
		return min(3, len(b))
	}
	return 2
}

// strip removes terminal sequences and control characters and lets a backspace take back what stands before it.
func (v *view) strip(line []byte) {
	v.reset(len(line))
	dead := 0
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == 0x1b:
			i += escapeTo(line[i:], &dead)
			continue
		case c == 8:
			if n := len(v.b); n > 0 {
				v.b, v.at = v.b[:n-1], v.at[:n-1]
			}
		case c < 0x20 && c != '\t' && c != 0 || c == 0x7f:
		default:
			v.push(c, i)
		}
		i++
	}
}

// join removes line ends, and with continuations the backslash before them.
func (v *view) join(text []byte, continuations bool) {
	v.reset(len(text))
	for i, c := range text {
		if c == '\n' || c == '\r' || continuations && c == '\\' && i+1 < len(text) && (text[i+1] == '\n' || text[i+1] == '\r') {
			continue
		}
		v.push(c, i)
	}
}

// decode undoes JSON's \uXXXX and URL encoding of ASCII. It reports whether there was any.
func (v *view) decode(line []byte) bool {
	v.reset(len(line))
	any := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '%' && i+2 < len(line) {
			if n, ok := hexByte(line[i+1], line[i+2]); ok && n >= 0x20 && n < 0x7f {
				v.push(n, i)
				v.at[len(v.at)-1] = int32(i)
				i += 2
				any = true
				continue
			}
		}
		if c == '\\' && i+5 < len(line) && line[i+1] == 'u' && line[i+2] == '0' && line[i+3] == '0' {
			if n, ok := hexByte(line[i+4], line[i+5]); ok && n >= 0x20 && n < 0x7f {
				v.push(n, i)
				i += 5
				any = true
				continue
			}
		}
		v.push(c, i)
	}
	return any
}

func hexByte(a, b byte) (byte, bool) {
	x, y := hexDigit(a), hexDigit(b)
	return x<<4 | y, x < 16 && y < 16
}

func hexDigit(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// back maps a span of the view to the line that it was made of.
func (v *view) back(sp span, line []byte) span {
	s := int(v.at[sp.s])
	e := len(line)
	if sp.e < len(v.at) {
		// Up to the next visible byte, less what stands between and is not part of an encoded byte.
		e = int(v.at[sp.e-1]) + 1
		if line[e-1] == '%' || line[e-1] == '\\' && e < len(line) && line[e] == 'u' {
			e = int(v.at[sp.e])
		}
	} else if last := int(v.at[sp.e-1]); line[last] != '%' && line[last] != '\\' {
		e = last + 1
	}
	return span{s, e, sp.kind}
}

// kept appends what must stay of a redacted part: line ends with their continuation marks, and terminal sequences.
func kept(dst, part []byte) []byte {
	for i := 0; i < len(part); i++ {
		switch c := part[i]; {
		case c == '\n' || c == '\r':
			dst = append(dst, c)
		case c == '\\' && i+1 < len(part) && (part[i+1] == '\n' || part[i+1] == '\r'):
			dst = append(dst, c)
		case c == 0x1b:
			n := escape(part[i:])
			if part[min(i+1, len(part)-1)] != ']' {
				// A string sequence may hold the secret itself; the others are a few bytes of style.
				dst = append(dst, part[i:i+n]...)
			}
			i += n - 1
		}
	}
	return dst
}

var zeroU = []byte(`\u00`)

// encoded reports that line may hold text in an encoding that decode undoes.
func encoded(line []byte) bool {
	if bytes.Contains(line, zeroU) {
		return true
	}
	for i := 0; ; i++ {
		k := bytes.IndexByte(line[i:], '%')
		if k < 0 {
			return false
		}
		if i += k; i+2 < len(line) {
			if n, ok := hexByte(line[i+1], line[i+2]); ok && n >= 0x20 && n < 0x7f {
				return true
			}
		}
	}
}
