package main

import "testing"

// The bar: of at least 40 failing runs of 2,000 to 50,000 lines, 95 % of what matters is kept within 2,000 tokens, and
// no budget is exceeded by the count of a real tokenizer.
func TestBar(t *testing.T) {
	runs, err := load("testdata/runs.tar.bz2")
	if err != nil {
		t.Fatal(err)
	}
	count, err := realCounter()
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) < 40 {
		t.Errorf("%d runs", len(runs))
	}
	for _, r := range runs {
		if _, lost := found(string(r.text), r.Want); len(lost) > 0 || len(r.Want) == 0 {
			t.Errorf("%s: the output itself lacks %q", r.name, lost)
		}
	}
	s := measure(runs, 2000, count)
	if s.over > 0 || s.kept*100 < s.wanted*95 || s.plain >= s.kept {
		t.Errorf("%+v", s)
	}
	for _, tokens := range []int64{150, 600, 8000} {
		if s := measure(runs, tokens, count); s.over > 0 {
			t.Errorf("%d runs exceed %d tokens", s.over, tokens)
		}
	}
}
