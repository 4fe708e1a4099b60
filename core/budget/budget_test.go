package budget

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

func keep(t testing.TB, b *wire.Budget, in []byte, size int, spool *Spool) (string, *wire.BudgetReport, bool) {
	t.Helper()
	o, err := FromWire(b)
	if err != nil {
		t.Fatal(err)
	}
	k := NewKeeper(o, spool)
	for len(in) > 0 {
		n := min(size, len(in))
		k.Write(in[:n])
		in = in[n:]
	}
	text, report, truncated := k.Finish()
	return string(text), report, truncated
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d\n", i+1)
	}
	return b.String()
}

func TestKeeper(t *testing.T) {
	lines := func(mode string, n, head, tail int64) *wire.Budget {
		return &wire.Budget{Keep: &wire.BudgetKeep{Mode: mode, N: n, Head: head, Tail: tail}}
	}
	for _, c := range []struct {
		name, in, want string
		budget         *wire.Budget
	}{
		{"empty", "", "", nil},
		{"fits", "abc", "abc", nil},
		{"fits exactly", "abc", "abc", &wire.Budget{MaxChars: 3, MaxLines: 1}},
		{"head", numbers(9), "1\n2\n… 7 lines (14 bytes) left out …\n", lines("head", 2, 0, 0)},
		{"tail", numbers(9), "… 7 lines (14 bytes) left out …\n8\n9\n", lines("tail", 2, 0, 0)},
		{"both", numbers(9), "1\n2\n… 6 lines (12 bytes) left out …\n9\n", lines("head_tail", 0, 2, 1)},
		{"both by n", numbers(9), "1\n2\n… 6 lines (12 bytes) left out …\n9\n", lines("", 3, 0, 0)},
		{"enough lines", numbers(3), numbers(3), lines("head_tail", 0, 2, 1)},
		{"no newline at end", "1\n2\n3", "… 2 lines (4 bytes) left out …\n3", lines("tail", 1, 0, 0)},
		{"max lines", numbers(9), "1\n… 7 lines (14 bytes) left out …\n9\n", &wire.Budget{MaxLines: 3}},
		{"one line", numbers(9), "1\n", &wire.Budget{MaxLines: 1}},
		{"no room for a marker", "ééééé", "ééé", &wire.Budget{MaxChars: 3}},
		{"one long line", strings.Repeat("é", 60), strings.Repeat("é", 10) + "\n… 0 lines (80 bytes) left out …\n" +
			strings.Repeat("é", 10), &wire.Budget{MaxChars: 54}},
		{"grep", "a\nb1\nc\nd\nb2", "b1\nb2", &wire.Budget{Grep: &wire.BudgetGrep{Pattern: "^b"}}},
		{"grep context", numbers(9), "4\n5\n6\n", &wire.Budget{Grep: &wire.BudgetGrep{Pattern: "5", Context: 1}}},
	} {
		for _, size := range []int{1, 3, 1000} {
			got, report, truncated := keep(t, c.budget, []byte(c.in), size, nil)
			if got != c.want {
				t.Errorf("%s, chunks of %d: got %q, want %q", c.name, size, got, c.want)
			}
			if truncated != (got != c.in) || report.BytesTotal != int64(len(c.in)) {
				t.Errorf("%s: truncated %v, report %+v", c.name, truncated, report)
			}
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	words := []string{"word ", "é", "日本", "😀", "\n", "\n", "0123456789", "{}();", "\xff", "    ", "CamelCase", strings.Repeat("x", 200)}
	modes := []string{"", "all", "head", "tail", "head_tail"}
	for range 2000 {
		var in []byte
		for range rng.Intn(300) {
			in = append(in, words[rng.Intn(len(words))]...)
		}
		b := &wire.Budget{MaxChars: 1 + rng.Int63n(400), Keep: &wire.BudgetKeep{Mode: modes[rng.Intn(5)]}}
		if rng.Intn(2) == 0 {
			b.MaxLines = 1 + rng.Int63n(12)
		}
		if rng.Intn(2) == 0 {
			b.MaxTokens = 1 + rng.Int63n(100)
		}
		if rng.Intn(2) == 0 {
			b.Keep.N, b.Keep.Head, b.Keep.Tail = rng.Int63n(9), rng.Int63n(9), rng.Int63n(9)
		}
		if rng.Intn(4) == 0 {
			b.Grep = &wire.BudgetGrep{Pattern: "word|日", Context: rng.Int63n(3)}
		}
		spool := NewSpool()
		got, report, truncated := keep(t, b, in, len(in)+1, spool)
		size := 1 + rng.Intn(50)
		other, otherReport, _ := keep(t, b, in, size, NewSpool())
		if other != got || *otherReport != *report {
			t.Fatalf("chunks of %d of %q: got %q, want %q", size, in, other, got)
		}
		if n := int64(utf8.RuneCountInString(got)); n > b.MaxChars {
			t.Fatalf("%+v: %d characters: %q", b, n, got)
		}
		if n := lineCount([]byte(got)); b.MaxLines > 0 && n > b.MaxLines {
			t.Fatalf("%+v: %d lines: %q", b, n, got)
		}
		if n := int64(EstimateTokens([]byte(got))); b.MaxTokens > 0 && n > b.MaxTokens || n != report.TokensKept {
			t.Fatalf("%+v: %d tokens: %q", b, n, got)
		}
		if truncated == (got == string(in)) || report.LinesTotal != lineCount(in) || report.LinesKept > report.LinesTotal ||
			report.BytesKept > report.BytesTotal {
			t.Fatalf("%+v: truncated %v, report %+v", b, truncated, report)
		}
		if !bytes.Contains(in, []byte("\xff")) && !utf8.ValidString(got) {
			t.Fatalf("%+v: cut inside a rune: %q", b, got)
		}
		if i := strings.Index(got, "… "); i >= 0 && b.Grep == nil && report.Mode != ModeCompress {
			var lines, n int64
			if _, err := fmt.Sscanf(got[i:], "… %d lines (%d bytes)", &lines, &n); err != nil ||
				lines != report.LinesTotal-report.LinesKept || n != report.BytesTotal-report.BytesKept {
				t.Fatalf("marker of %q does not match %+v", got, report)
			}
		}
	}
}

func TestBeyondTheWindow(t *testing.T) {
	in := []byte(numbers(500_000))
	got, report, _ := keep(t, nil, in, 4096, NewSpool())
	if n := utf8.RuneCountInString(got); n > DefaultMaxChars || n < DefaultMaxChars-200 {
		t.Errorf("%d characters kept", n)
	}
	if !strings.HasPrefix(got, "1\n2\n") || !strings.HasSuffix(got, "\n500000\n") || report.LinesTotal != 500_000 {
		t.Errorf("report %+v", report)
	}
}

func TestCompress(t *testing.T) {
	in := numbers(3000) + "error: the ledger is gone\n" + numbers(3000)
	for _, c := range []struct {
		budget *wire.Budget
		folded bool
	}{
		{&wire.Budget{MaxTokens: 200}, true}, {&wire.Budget{MaxTokens: 200, Compress: "off"}, false}, {&wire.Budget{MaxChars: 600, Compress: "auto"}, true},
		{&wire.Budget{MaxLines: 12, Compress: "auto"}, true}, {&wire.Budget{MaxChars: 600}, false}, {&wire.Budget{MaxTokens: 200, Keep: &wire.BudgetKeep{Mode: "tail"}}, false},
		{&wire.Budget{MaxTokens: 200, Keep: &wire.BudgetKeep{N: 4}}, false}, {&wire.Budget{MaxTokens: 200, Keep: &wire.BudgetKeep{Mode: "all"}}, true},
		{&wire.Budget{MaxTokens: 20_000_000, MaxChars: 1 << 20}, false}, {&wire.Budget{MaxTokens: 200, Grep: &wire.BudgetGrep{Pattern: "error|9"}}, true},
	} {
		got, report, _ := keep(t, c.budget, []byte(in), 1000, NewSpool())
		if strings.Contains(got, "ledger is gone") != (c.folded || got == in) || (report.Mode == ModeCompress) != c.folded {
			t.Errorf("%+v: %+v:\n%.300s", c.budget, report, got)
		}
		if c.folded && strings.Count(got, "output.read") != 1 {
			t.Errorf("%+v: no way to the rest in\n%.300s", c.budget, got)
		}
	}
}

func TestFromWireRefuses(t *testing.T) {
	for _, b := range []*wire.Budget{
		{MaxChars: -1}, {MaxLines: -1}, {MaxTokens: -1}, {Keep: &wire.BudgetKeep{N: -1}}, {Keep: &wire.BudgetKeep{Mode: "middle"}},
		{Grep: &wire.BudgetGrep{Pattern: "("}}, {Grep: &wire.BudgetGrep{Context: -1}}, {Grep: &wire.BudgetGrep{Context: MaxContext + 1}},
		{Stream: "tty"}, {Compress: "on"},
	} {
		_, err := FromWire(b)
		var e *errdefs.Error
		if !errors.As(err, &e) || e.Code != errdefs.InvalidArgument || e.Hint == "" {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

func TestEstimateTokens(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "a": 1, "function": 1, "123456": 2, "1234567": 3, "a\n": 2, "-------": 1, "\n": 1, "日本語": 4, "a      b": 3, "a 1": 3,
	} {
		if got := EstimateTokens([]byte(in)); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

func TestBinary(t *testing.T) {
	in := make([]byte, 300_000)
	rand.New(rand.NewSource(2)).Read(in)
	for _, b := range []*wire.Budget{
		nil, {MaxTokens: 1}, {MaxTokens: 500}, {MaxChars: 1}, {MaxChars: 1001}, {MaxTokens: 90, MaxChars: 90, MaxLines: 1},
		{MaxTokens: 500, Keep: &wire.BudgetKeep{Mode: "tail"}}, {MaxChars: 1 << 20},
	} {
		o, err := FromWire(b)
		if err != nil {
			t.Fatal(err)
		}
		k := NewKeeper(o, NewSpool())
		k.Write(in[:100])
		k.Write(in[100:])
		text, report, truncated := k.FinishBinary()
		kept, err := base64.StdEncoding.DecodeString(text)
		part := in[:len(kept)]
		if o.Mode == ModeTail {
			part = in[len(in)-len(kept):]
		}
		if err != nil || !bytes.Equal(kept, part) || report.BytesKept != int64(len(kept)) || truncated != (len(kept) < len(in)) {
			t.Errorf("%+v: %v, report %+v, truncated %v", b, err, report, truncated)
		}
		tokens := int64(EstimateTokens([]byte(text)))
		if int64(len(text)) > o.MaxChars || o.MaxTokens > 0 && tokens > o.MaxTokens || tokens != report.TokensKept {
			t.Errorf("%+v: %d characters, %d tokens", b, len(text), tokens)
		}
		if full := o.MaxTokens; full > 100 && tokens < full*9/10 {
			t.Errorf("%+v: only %d tokens are used", b, tokens)
		}
	}
}

func TestSpool(t *testing.T) {
	for _, size := range []int{1, 7, 100, 5000} {
		s := NewSpoolSize(100, 300)
		in := []byte(numbers(1000))
		for p := in; len(p) > 0; {
			n := min(size, len(p))
			s.Write(p[:n])
			p = p[n:]
		}
		missing := int64(len(in) - 400)
		if got := s.Skipped(); got != missing {
			t.Errorf("skipped %d, want %d", got, missing)
		}
		var read, skipped int64
		for at := int64(0); ; {
			c := s.ReadAt(at, 33)
			if !bytes.Equal(c.Text, in[c.Offset:c.NextOffset]) || c.Offset-c.Skipped != at || c.LinesTotal != 1000 {
				t.Fatalf("at %d: %+v", at, c)
			}
			read, skipped, at = read+int64(len(c.Text)), skipped+c.Skipped, c.NextOffset
			if c.EOF {
				break
			}
		}
		if read != 400 || skipped != missing {
			t.Errorf("read %d, skipped %d", read, skipped)
		}
		for line, want := range map[int64]string{1: "1\n2\n", 990: "990\n991\n", 1000: "1000\n", 1001: ""} {
			if c := s.ReadLines(line, 2); string(c.Text) != want || c.Skipped != 0 {
				t.Errorf("line %d: %+v", line, c)
			}
		}
		if c := s.ReadLines(500, 1); c.Skipped != c.Offset-100 || !bytes.Equal(c.Text, in[c.Offset:c.NextOffset]) || in[c.Offset-1] != '\n' {
			t.Errorf("line in the gap: %+v", c)
		}
	}
	s := NewSpool()
	s.Write([]byte("aéb"))
	if c := s.ReadAt(0, 2); string(c.Text) != "a" || c.NextOffset != 1 || c.EOF {
		t.Errorf("cut inside a rune: %+v", c)
	}
	if c := s.ReadAt(99, 2); !c.EOF || c.Offset != 4 {
		t.Errorf("past the end: %+v", c)
	}
}

func BenchmarkKeeper(b *testing.B) {
	chunk := bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog and goes on for a while\n"), 1000)
	k := NewKeeper(Default(), NewSpool())
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		k.Write(chunk)
	}
}

// TestWordSteps holds the short cut through the letters of a word against the single steps.
func TestWordSteps(t *testing.T) {
	const alphabet = "abcdefgz ABYZ019._-=\n\té漢"
	rnd := rand.New(rand.NewSource(1))
	for range 2000 {
		runes := make([]rune, rnd.Intn(40))
		for i := range runes {
			runes[i] = []rune(alphabet)[rnd.Intn(utf8.RuneCountInString(alphabet))]
		}
		text := []byte(string(runes))
		var w walk
		sum := 0
		for i := 0; i < len(text); {
			end, cost := w.step(text, i)
			sum, i = sum+cost, end
		}
		if got := EstimateTokens(text); got != tokensOf(sum) {
			t.Fatalf("%q: %d tokens, %d by single steps", text, got, tokensOf(sum))
		}
	}
}
