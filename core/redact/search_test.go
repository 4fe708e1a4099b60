package redact

import (
	"bytes"
	"math/rand"
	"strings"
	"testing"
)

// TestGrams holds the filter to the shift table it stands in front of: it may skip no word, wherever that stands.
func TestGrams(t *testing.T) {
	s := builtin().search
	same := func(b []byte, from int) {
		t.Helper()
		if got, want := s.next(b, from), s.walk(b, from, len(b)); got != want {
			t.Fatalf("next(%q, %d) = %d, want %d", b, from, got, want)
		}
	}
	for _, w := range s.words {
		for _, w := range []string{w, strings.ToUpper(w)} {
			for at := range 2 * gramReach {
				for _, fill := range []byte{'~', 0xff} {
					b := bytes.Repeat([]byte{fill}, gramsFrom+at+len(w)+gramReach)
					copy(b[gramsFrom+at:], w)
					same(b, 0)
					same(b, at)
					same(b[:gramsFrom+at+len(w)], 1)
					b = bytes.Repeat([]byte{fill}, 4*gramsFrom)
					copy(b[at:], w)
					same(b, at)
					same(b, at+1)
				}
			}
		}
	}
	rnd := rand.New(rand.NewSource(1))
	for range 2000 {
		var b []byte
		for len(b) < 3*gramsFrom {
			w := s.words[rnd.Intn(len(s.words))]
			b = append(b, w[:1+rnd.Intn(len(w))]...) // mostly cut off
			b = append(b, make([]byte, rnd.Intn(40))...)
		}
		for from := 0; from < len(b); from += 1 + rnd.Intn(9) {
			same(b, from)
		}
	}
}
