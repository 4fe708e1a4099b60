package redact

// fold maps a byte to its lower-case ASCII form; keywords are compared folded.
var fold = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i) + 32
		}
	}
	return
}()

// A searcher finds any of a fixed set of strings, by the shift table of Wu and Manber over two-byte blocks: most
// positions of ordinary text are skipped without being compared. It is immutable and safe for concurrent use.
type searcher struct {
	m      int // the first m bytes of every string take part in the table
	folded bool
	shift  [1 << 16]uint8
	bucket map[uint32][]int32 // by hash of the first m bytes
	// bloom answers most lookups of the map without touching it.
	bloom [1 << 9]uint64
	words []string
	grams *grams // a faster filter for long text, or nil
}

// newSearcher builds the table for words that are all at least m bytes long, m being at least 2.
func newSearcher(words []string, m int, folded bool) *searcher {
	s := &searcher{m: m, folded: folded, words: words, bucket: make(map[uint32][]int32, len(words))}
	for i := range s.shift {
		s.shift[i] = uint8(m - 1)
	}
	for i, w := range words {
		h := s.hash([]byte(w))
		s.bucket[h] = append(s.bucket[h], int32(i))
		s.bloom[h>>6&511] |= 1 << (h & 63)
		for j := 0; j+1 < m; j++ {
			s.setShift(w[j], w[j+1], uint8(m-2-j))
		}
	}
	return s
}

func (s *searcher) setShift(a, b byte, n uint8) {
	as, bs := []byte{a}, []byte{b}
	if s.folded {
		as, bs = bothCases(a), bothCases(b)
	}
	for _, x := range as {
		for _, y := range bs {
			if p := &s.shift[int(x)|int(y)<<8]; n < *p {
				*p = n
			}
		}
	}
}

func bothCases(b byte) []byte {
	if 'a' <= b && b <= 'z' {
		return []byte{b, b - 32}
	}
	return []byte{b}
}

func (s *searcher) hash(b []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range b[:s.m] {
		if s.folded {
			c = fold[c]
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return h ^ h>>15
}

// next returns the first position at or after from where one of the words begins, or -1.
func (s *searcher) next(b []byte, from int) int {
	if s.grams == nil || len(b)-from < gramsFrom {
		return s.walk(b, from, len(b))
	}
	// Where words stand close together the filter only costs.
	near := from + gramsFrom/4
	if p := s.walk(b, from, near); p >= 0 {
		return p
	}
	return s.walk(b, s.grams.skip(s, b, near), len(b))
}

// walk returns the first position in [from,to) where one of the words begins, or -1, by the shift table alone.
func (s *searcher) walk(b []byte, from, to int) int {
	m := s.m
	for i, end := from+m-1, min(to+m-1, len(b)); i < end; {
		if n := s.shift[int(b[i-1])|int(b[i])<<8]; n != 0 {
			i += int(n)
			continue
		}
		p := i - m + 1
		h := s.hash(b[p:])
		if s.bloom[h>>6&511]&(1<<(h&63)) != 0 && s.at(b, p, h) >= 0 {
			return p
		}
		i++
	}
	return -1
}

// at returns the index of the longest word that begins at p, or -1.
func (s *searcher) at(b []byte, p int, h uint32) int {
	best := -1
	for _, i := range s.bucket[h] {
		w := s.words[i]
		if len(b)-p >= len(w) && s.equal(b[p:p+len(w)], w) && (best < 0 || len(w) > len(s.words[best])) {
			best = int(i)
		}
	}
	return best
}

func (s *searcher) equal(b []byte, w string) bool {
	if !s.folded {
		return string(b) == w
	}
	for i := range w {
		if fold[b[i]] != w[i] {
			return false
		}
	}
	return true
}
