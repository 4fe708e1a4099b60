package redact

import (
	"fmt"
	"strconv"
	"strings"
)

// A pattern is a compiled token format. Its notation is the part of regular expressions that needs no backtracking:
// literal bytes, classes such as [A-Za-z0-9_-], \w \d, and {m}, {m,}, {m,n}, ? behind either. Each item takes all it can.
type pattern []item

type item struct {
	set      [4]uint64
	min, max int
}

const unbounded = 1 << 30

func (it *item) has(c byte) bool { return it.set[c>>6]&(1<<(c&63)) != 0 }
func (it *item) add(c byte)      { it.set[c>>6] |= 1 << (c & 63) }

func (it *item) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		it.add(byte(c))
	}
}

// compile reads the notation. A built-in format that does not compile is a defect that the tests catch, so the error
// names the format only.
func compile(src string) (pattern, error) {
	var out pattern
	for i := 0; i < len(src); {
		it := item{min: 1, max: 1}
		switch c := src[i]; c {
		case '[':
			end := strings.IndexByte(src[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("class without end in %q", src)
			}
			body := src[i+1 : i+end]
			for j := 0; j < len(body); j++ {
				switch {
				case body[j] == '\\' && j+1 < len(body):
					j++
					it.class(body[j])
				case j+2 < len(body) && body[j+1] == '-':
					it.addRange(body[j], body[j+2])
					j += 2
				default:
					it.add(body[j])
				}
			}
			i += end + 1
		case '\\':
			if i+1 == len(src) {
				return nil, fmt.Errorf("backslash at the end of %q", src)
			}
			it.class(src[i+1])
			i += 2
		default:
			it.add(c)
			i++
		}
		if i < len(src) && src[i] == '?' {
			it.min = 0
			i++
		} else if i < len(src) && src[i] == '{' {
			end := strings.IndexByte(src[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("count without end in %q", src)
			}
			lo, hi, comma := strings.Cut(src[i+1:i+end], ",")
			n, err := strconv.Atoi(lo)
			if err != nil {
				return nil, fmt.Errorf("bad count in %q", src)
			}
			it.min, it.max = n, n
			if comma {
				if it.max = unbounded; hi != "" {
					if it.max, err = strconv.Atoi(hi); err != nil {
						return nil, fmt.Errorf("bad count in %q", src)
					}
				}
			}
			i += end + 1
		}
		out = append(out, it)
	}
	return out, nil
}

// class adds \w (letters, digits and underscore), \d, or the byte itself.
func (it *item) class(c byte) {
	switch c {
	case 'w':
		it.addRange('0', '9')
		it.addRange('A', 'Z')
		it.addRange('a', 'z')
		it.add('_')
	case 'd':
		it.addRange('0', '9')
	default:
		it.add(c)
	}
}

// match returns how many bytes of b the pattern takes from the start, or -1. open reports that b ended before the
// pattern could fail: with more bytes it might match, or match more.
func (p pattern) match(b []byte) (n int, open bool) {
	i := 0
	for k := range p {
		it := &p[k]
		c := 0
		for c < it.max && i < len(b) && it.has(b[i]) {
			i++
			c++
		}
		if c < it.min {
			return -1, i == len(b)
		}
		if i == len(b) && c < it.max {
			open = true
		}
	}
	return i, open
}
