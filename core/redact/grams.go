package redact

import (
	"encoding/binary"
	"math"
)

// grams is a filter in front of the shift table of a searcher, for a fixed set of words and long text. It looks at three
// bytes at every second position, so of each word two overlapping triples are in its table and one of them is met
// whatever the alignment. Its lookups do not depend on each other, and that is what makes it faster than the shift
// table, in which each step waits for the one before.
type grams struct {
	table [1 << gramBits]uint8 // 1 for each hash of a triple
	// entries are the words by the upper bits of the hash, those of bucket k being entries[first[k]:first[k+1]].
	first   [1<<12 + 1]uint16
	entries []gram
	words   []string
	back    int // how far before the triple that was met a word can begin, at most
}

// A gram says that a word begins back bytes before the triple.
type gram struct {
	hash uint32
	word uint16
	back int8
}

const (
	// Of each byte the filter keeps what tells neither small letters from capitals nor ASCII from the rest.
	foldAnd  = 0x7f7f7f7f7f7f7f7f
	foldOr   = 0x2020202020202020
	gramBits = 17
	gramMul  = 0x9E3779B97F4A7C15
	// gramsFrom is the length of text from which on the filter pays.
	gramsFrom = 128
	// gramReach is how many bytes behind a position the filter reads.
	gramReach = 16
	// gramWindow bounds where in a word its triples are chosen.
	gramWindow = 12
)

// gramHash hashes the first three bytes of x into the upper bits.
func gramHash(x uint64) uint64 { return (x << 40) * gramMul }

// common is how often a byte stands in ordinary text, in parts of a thousand; rarer triples make fewer false alarms.
var common = func() (t [256]float64) {
	for i := range t {
		t[i] = 2
	}
	for i, c := range []byte("etaoinsrhldcumfpgwybvkxjqz") {
		t[c] = 80 / float64(i+1)
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = 20
	}
	for _, c := range []byte(` ."-/_:,=()`) {
		t[c] = 20
	}
	t[' '] = 150
	return
}()

func newGrams(words []string) *grams {
	g := &grams{words: words}
	byBucket := make([][]gram, len(g.first)-1)
	put := func(word int, a, b, c byte, back int) {
		h := gramHash((uint64(a)|uint64(b)<<8|uint64(c)<<16)&foldAnd | foldOr)
		g.table[h>>(64-gramBits)] = 1
		byBucket[h>>52] = append(byBucket[h>>52], gram{uint32(h >> 32), uint16(word), int8(back)})
		g.back = max(g.back, back)
	}
	for i, w := range words {
		switch {
		case len(w) > 3:
			best, o := math.Inf(1), 0
			for k := 0; k+4 <= len(w) && k < gramWindow; k++ {
				middle := common[w[k+1]] * common[w[k+2]]
				if f := middle * (common[w[k]] + common[w[k+3]]); f < best {
					best, o = f, k
				}
			}
			put(i, w[o], w[o+1], w[o+2], o)
			put(i, w[o+1], w[o+2], w[o+3], o+1)
		default:
			// A word of three bytes has one triple; the other is made with whatever stands beside it.
			put(i, w[0], w[1], w[2], 0)
			left := common[w[0]]*common[w[1]] < common[w[1]]*common[w[2]]
			for c := byte(0); c < 0x80; c++ {
				if c&0x20 == 0 {
					continue // the filter does not tell it from c|0x20
				}
				if left {
					put(i, c, w[0], w[1], -1)
				} else {
					put(i, w[1], w[2], c, 1)
				}
			}
		}
	}
	for k, e := range byBucket {
		g.entries = append(g.entries, e...)
		g.first[k+1] = uint16(len(g.entries))
	}
	return g
}

// skip returns a position at or after from before which no word begins: near the first word, or near the end of b.
func (g *grams) skip(s *searcher, b []byte, from int) int {
	i := from
	for ; i+gramReach <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])&foldAnd | foldOr
		y := binary.LittleEndian.Uint64(b[i+4:])&foldAnd | foldOr
		h0, h1, h2, h3 := gramHash(x), gramHash(x>>16), gramHash(y), gramHash(y>>16)
		const low = 64 - gramBits
		if g.table[h0>>low]|g.table[h1>>low]|g.table[h2>>low]|g.table[h3>>low] == 0 {
			continue
		}
		if g.met(s, b, i, h0) || g.met(s, b, i+2, h1) || g.met(s, b, i+4, h2) || g.met(s, b, i+6, h3) {
			break
		}
	}
	// Words whose triple stands further on may begin earlier than the one that was met.
	return max(from, i-g.back)
}

// met reports that a word has the triple at i, whose hash is h.
func (g *grams) met(s *searcher, b []byte, i int, h uint64) bool {
	if g.table[h>>(64-gramBits)] == 0 {
		return false
	}
	for _, e := range g.entries[g.first[h>>52]:g.first[h>>52+1]] {
		if e.hash != uint32(h>>32) {
			continue
		}
		w := g.words[e.word]
		if p := i - int(e.back); p >= 0 && len(b)-p >= len(w) && s.equal(b[p:p+len(w)], w) {
			return true
		}
	}
	return false
}
