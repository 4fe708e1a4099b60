package clean

import (
	"encoding/binary"
	"math/bits"
)

const (
	low7 = 0x7f7f7f7f7f7f7f7f
	high = 0x8080808080808080
	ones = 0x0101010101010101
)

// equal sets the high bit of every byte of x that is b. It is exact: no carry leaves a byte.
func equal(x uint64, b byte) uint64 {
	z := x ^ (ones * uint64(b))
	return ^((z&low7 + low7) | z) & high
}

// special returns the index of the first byte of p that is not plain text, or len(p). Bytes from 0x80 on are plain
// except 0xC2, which may begin a C1 control.
func special(p []byte) int {
	i := 0
	for ; i+8 <= len(p); i += 8 {
		if i+16 <= len(p) && (unusual(load(p[i:]))|unusual(load(p[i+8:])))&high == 0 {
			i += 8
			continue
		}
		x := load(p[i:])
		m := unusual(x)&^x&high | equal(x, 0xC2)
		if m == 0 {
			continue
		}
		// Newlines are the usual hit, so the exceptions are worked out only here.
		m &^= equal(x, '\n') | equal(x, '\t') | equal(x, 0)
		if m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(p); i++ {
		if !plain(p[i]) {
			return i
		}
	}
	return len(p)
}

func load(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

// unusual sets the high bit of every byte of x outside of 0x20 to 0x7e.
func unusual(x uint64) uint64 {
	y := x & low7
	// y+0x60 reaches the high bit from 0x20 on, y+1 only for 0x7f.
	return ^(y + 0x60*ones) | (y + ones) | x
}

func plain(b byte) bool {
	return b >= 0x20 && b != 0x7f && b != 0xC2 || b == '\n' || b == '\t' || b == 0
}
