package semantic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func scan(text string, size int) []Event {
	var events []Event
	s := NewScanner(func(e Event) { events = append(events, e) })
	for p := []byte(text); len(p) > 0; {
		n := min(size, len(p))
		s.Write(p[:n])
		p = p[n:]
	}
	s.Close()
	return events
}

func readCases(t *testing.T, name string, each func(line int, data []byte)) {
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte{'\n'}) {
		each(i+1, line)
	}
}

func TestTrueExamples(t *testing.T) {
	covered := map[string]bool{}
	readCases(t, "true.jsonl", func(line int, data []byte) {
		var c struct {
			Tool, Text string
			Want       []map[string]any
		}
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		covered[c.Tool] = true
		for _, size := range []int{1, 7, len(c.Text)} {
			got := scan(c.Text, size)
			if len(got) != len(c.Want) {
				t.Errorf("line %d: %d events, want %d: %v", line, len(got), len(c.Want), got)
				return
			}
			for i, want := range c.Want {
				e := got[i]
				text, _ := json.Marshal(e.Fields)
				var fields map[string]any
				if err := json.Unmarshal(text, &fields); err != nil {
					t.Fatal(err)
				}
				if e.Kind != want["kind"] || fields["source"] != "output" || e.Line < 1 {
					t.Errorf("line %d: %+v, want %v", line, e, want)
				}
				if tool, _ := fields["tool"].(string); tool != c.Tool && i == len(c.Want)-1 && !strings.HasPrefix(c.Tool, tool) && e.Kind != BuildFinished {
					t.Errorf("line %d: tool %q, want %q", line, tool, c.Tool)
				}
				for key, value := range want {
					if key != "kind" && !reflect.DeepEqual(fields[key], value) {
						t.Errorf("line %d: %s is %v, want %v", line, key, fields[key], value)
					}
				}
			}
		}
	})
	for _, tool := range []string{"pytest", "go test", "cargo test", "jest", "vitest", "node:test", "maven", "gradle", "gcc", "tsc", "eslint", "webpack", "vite", "docker", "terraform", "kubectl", "apt", "git", "npm", "pip"} {
		if !covered[tool] {
			t.Errorf("no example of %s", tool)
		}
	}
}

// Wrong is worse than silent: nothing here may be taken for an event.
func TestFalseExamples(t *testing.T) {
	readCases(t, "false.jsonl", func(line int, data []byte) {
		var c struct{ Text string }
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		if got := scan(c.Text, len(c.Text)); len(got) > 0 {
			t.Errorf("line %d: %q gives %+v", line, c.Text, got)
		}
	})
}

// The output is the adversary's: it may not take memory, time or the caller's attention without a bound.
func TestAdversary(t *testing.T) {
	for name, line := range map[string]string{
		"errors": "src/a%d.c:3:5: error: x\n", "names": "FAILED tests/test_a.py::test_%d - x\n", "summaries": "=== %d failed, 1 passed in 1.0s ===\n",
		"servers": "listening on :%d\n", "blocks": "Traceback (most recent call last):\n  File \"a%d.py\", line 3\n", "progress": "[%d/1000] x\n",
		"long": strings.Repeat("error failed panic: 10%% ", 4000) + "%d\n", "bombs": "error: " + strings.Repeat("(a+)+$ ", 80) + "%d\n", "nul": "\x00error: \xff\xfe%d\n",
	} {
		var events []Event
		s := NewScanner(func(e Event) { events = append(events, e) })
		n := 3000
		if name == "long" {
			n = 60
		}
		for i := range n {
			s.Write(fmt.Appendf(nil, line, i))
		}
		s.Close()
		if len(events) > maxEvents || len(s.failed) > maxNames || len(s.places) > maxNames || len(s.seen) > 2*maxEvents || cap(s.pending) > 4*maxLine {
			t.Errorf("%s: %d events, %d names, %d places, %d seen, %d pending", name, len(events), len(s.failed), len(s.places), len(s.seen), cap(s.pending))
		}
		for _, e := range events {
			for key, value := range e.Fields {
				if text, ok := value.(string); ok && len(text) > maxText+len("…") {
					t.Errorf("%s: %s has %d bytes", name, key, len(text))
				}
			}
		}
	}
	s := NewScanner(func(Event) {})
	line := []byte("src/a.c:3:5: error: x\n")
	for s.work = maxWork - 100_000; s.work <= maxWork; {
		s.Write(bytes.Repeat(line, 1000))
	}
	before := s.work
	s.Write(bytes.Repeat(line, 1000))
	if s.work != before {
		t.Errorf("work goes on after %d bytes", before)
	}
}

func FuzzScanner(f *testing.F) {
	readAll := func(name string) {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(5))
	}
	readAll("true.jsonl")
	readAll("false.jsonl")
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		a, b := scan(string(in), len(in)+1), scan(string(in), int(size)+1)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("chunks matter: %v and %v", a, b)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	for name, line := range map[string]string{
		"progress": "[ 12%] Building CXX object src/part_17.o\n", "plain": "the quick brown fox jumps over the lazy dog and goes on for a while\n",
		"log": "2026-03-01T10:00:00.123Z INFO [worker-3] shop.ledger - posted entry 17 of 99 in 3.4 ms for account 12\n", "errors": "src/a.c:3:5: error: 'x' undeclared (first use)\n",
	} {
		b.Run(name, func(b *testing.B) {
			text := bytes.Repeat([]byte(line), 2000)
			s := NewScanner(func(Event) {})
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.work = 0
				s.Write(text)
			}
		})
	}
}

// A word counts for its groups wherever it stands, beside words of any length, and a longer word that holds it does not.
func TestWantedWords(t *testing.T) {
	longest := 0
	for w := range groupWords {
		longest = max(longest, len(w))
	}
	if longest != maxWord {
		t.Errorf("maxWord is %d, and the longest word has %d letters", maxWord, longest)
	}
	for n := 1; n < 40; n++ {
		long := strings.Repeat("xY", n)[:n]
		for w, group := range groupWords {
			for _, line := range []string{w + " " + long, long + " " + w, long + "_" + strings.ToUpper(w) + "." + long} {
				if wanted([]byte(line))&group == 0 {
					t.Fatalf("%q is not recognised", line)
				}
			}
			if got := wanted([]byte(long + w + " " + w + long)); got != 0 {
				t.Fatalf("%q is taken for %q: %b", long+w, w, got)
			}
		}
		for _, line := range []string{long + "Error", long + "Exception: it", "at " + long + "Error"} {
			if wanted([]byte(line))&(1<<onError) == 0 {
				t.Fatalf("%q is not recognised", line)
			}
		}
	}
}

// Lines that repeat are passed over; what they say, and the numbers of the lines after them, are as if they were not.
func TestRepeatedLines(t *testing.T) {
	for _, line := range []string{"y", "a line of a build", "", "=== FAIL: it fails", "main.go:3:1: undefined: x", "--- FAIL: TestA (0.00s)",
		"Traceback (most recent call last):", strings.Repeat("warning: long ", 100)} {
		text := "first\n" + strings.Repeat(line+"\n", 999) + "Listening on http://localhost:8080/\n" + strings.Repeat(line+"\n", 50)
		var apart, whole []Event
		one := NewScanner(func(e Event) { apart = append(apart, e) })
		for line := range strings.Lines(text) {
			one.Write([]byte(line[:len(line)/2]))
			one.Write([]byte(line[len(line)/2:]))
		}
		one.Close()
		all := NewScanner(func(e Event) { whole = append(whole, e) })
		all.Write([]byte(text))
		all.Close()
		if !reflect.DeepEqual(apart, whole) || !slices.ContainsFunc(whole, func(e Event) bool { return e.Kind == ServerListening && e.Line == 1001 }) {
			t.Errorf("%.30q: %v\nline by line: %v", line, whole, apart)
		}
	}
}
