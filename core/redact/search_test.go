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

// Values of any length are found wherever they stand, whatever the length of the others.
func TestValuesOfAnyLength(t *testing.T) {
	letters := "Qz7Rk2Wm9Tx4Vb6Nh3Jc8Ld5Pf1Gs0"
	for _, lengths := range [][]int{{6}, {7, 300}, {64}, {65, 63}, {500}, {6, 64, 65, 500}} {
		r, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		var values []string
		for i, n := range lengths {
			values = append(values, strings.Repeat(letters[i:], 20)[:n])
			r.Learn(values[i])
		}
		for _, v := range values {
			for at := range 70 {
				line := strings.Repeat("-", at) + v + " end\n"
				if shown, _ := r.Text(line); strings.Contains(shown, v) || !strings.HasSuffix(shown, " end\n") {
					t.Fatalf("values of %d: one of %d at %d is shown: %q", lengths, len(v), at, shown)
				}
			}
		}
	}
}
