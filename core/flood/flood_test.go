package flood

import (
	"bytes"
	"strings"
	"testing"
)

// slow says the same, line by line.
func slow(p []byte) (n int) {
	line := bytes.IndexByte(p, '\n') + 1
	if line == 0 {
		return 0
	}
	for bytes.HasPrefix(p[n:], p[:line]) {
		n += line
	}
	return n
}

func TestRun(t *testing.T) {
	for _, text := range []string{"", "y", "\n", "\n\n\n", "y\n", "y\ny", "y\ny\n", "y\ny\nn\n", "ab\nab\nab\nab\nab\nac\n", "ab\nabab\nab\n",
		strings.Repeat("y\n", 1000), strings.Repeat("a line\n", 777) + "a lime\n" + strings.Repeat("a line\n", 5)} {
		if got, want := Run([]byte(text)), slow([]byte(text)); got != want {
			t.Errorf("Run(%.40q) = %d, not %d", text, got, want)
		}
	}
}

func FuzzRun(f *testing.F) {
	f.Add([]byte("y\ny\nn"), uint16(9))
	f.Fuzz(func(t *testing.T, p []byte, times uint16) {
		p = append(bytes.Repeat(p[:len(p)/2], int(times%50)), p...)
		if got, want := Run(p), slow(p); got != want {
			t.Errorf("Run(%q) = %d, not %d", p, got, want)
		}
	})
}

func TestRepeats(t *testing.T) {
	for text, want := range map[string][2]int{
		"": {}, "a": {}, "a\n": {}, "a\nb\n": {}, "a\nb\nb": {}, "a\nb\nb\n": {4, 6}, "\n\n\n\nx": {2, 4}, "rest\nab\nab\nab\nac\n": {8, 14},
	} {
		if from, to := Repeats([]byte(text)); from != want[0] || to != want[1] {
			t.Errorf("Repeats(%q) = %d, %d, not %v", text, from, to, want)
		}
	}
}

func TestWholeLines(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 0, "\n": 1, "a\nb": 2, "a\nb\n": 4} {
		if got := WholeLines([]byte(text)); got != want {
			t.Errorf("WholeLines(%q) = %d, not %d", text, got, want)
		}
	}
}
