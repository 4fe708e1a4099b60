package redact

import (
	"strings"
	"testing"
)

// A prompt is shown and stays in the stream; the beginning of a secret is never shown.
func TestPeek(t *testing.T) {
	r := mustNew(t, Options{})
	s := r.Stream()
	s.Write(nil, []byte("line\n"))
	for range 2 {
		if out := s.Peek(nil, []byte("Password: ")); string(out) != "Password: " {
			t.Errorf("%q", out)
		}
	}
	if out := s.Flush(s.Write(nil, []byte("Password: \nend"))); string(out) != "Password: \nend" {
		t.Errorf("the stream lost text: %q", out)
	}
	for _, c := range loadCases(t, "testdata/secrets.jsonl") {
		s := r.Stream()
		var shown []byte
		begin := 0
		for i := range len(c.Text) {
			shown = append(s.Peek(append(shown, ' '), []byte(c.Text[begin:i])), '|')
			if c.Text[i] == '\n' {
				s.Write(nil, []byte(c.Text[begin:i+1]))
				begin = i + 1
			}
		}
		for _, x := range c.Secrets {
			if strings.Contains(string(shown), x) && c.Transform == "" {
				t.Errorf("%s (%s): peeking at every byte shows %q", c.ID, c.Kind, x)
			}
		}
	}
}
