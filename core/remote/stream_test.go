package remote

import (
	"bytes"
	"strings"
	"testing"
)

const (
	exitNonce = 1111222233334444000
	runNonce  = 5555666677778888000
)

type collected struct {
	out   bytes.Buffer
	marks []mark
}

func feedAll(data []byte, cut func(i int) bool) collected {
	var c collected
	s := &stream{sections: reportSections, sink: &c.out}
	s.expect(exitNonce)
	s.expect(runNonce)
	begin := 0
	for i := 1; i <= len(data); i++ {
		if i == len(data) || cut(i) {
			c.marks = append(c.marks, s.feed(data[begin:i])...)
			begin = i
		}
	}
	s.flush()
	return c
}

func TestStream(t *testing.T) {
	mark := prefixOf(runNonce)
	whole := "output" + mark + "007\nexport A='b'\n" + mark + "007\n/dir\n" + mark + "007\n"
	for _, tt := range []struct {
		name, in, out string
		marks         int
		texts         string
	}{
		{name: "report", in: whole, out: "output", marks: 3, texts: "|export A='b'\n|/dir\n"},
		{name: "digits alone", in: mark + "007x" + mark[:9], out: mark + "007x" + mark[:9]},
		{name: "start", in: mark + "run\nout" + whole, out: "outoutput", marks: 4, texts: "||export A='b'\n|/dir\n"},
		{name: "exit", in: "a" + prefixOf(exitNonce) + "003\nb", out: "ab", marks: 1},
		{name: "exit in a report", in: "a" + mark + "000\nexport" + prefixOf(exitNonce) + "003\n", out: "a", marks: 2, texts: "|"},
		{name: "short report", in: "a" + mark + "007\nexport A='b'\n" + mark + "end\nb", out: "ab", marks: 2, texts: "|export A='b'\n"},
		{name: "digits in the output before", in: mark[:15] + whole, out: mark[:15] + "output", marks: 3, texts: "|export A='b'\n|/dir\n"},
	} {
		for step := 1; step < 30; step++ {
			c := feedAll([]byte(tt.in), func(i int) bool { return i%step == 0 })
			texts := ""
			for i, m := range c.marks {
				if i > 0 {
					texts += "|"
				}
				texts += string(m.text)
			}
			if c.out.String() != tt.out || len(c.marks) != tt.marks || texts != tt.texts {
				t.Errorf("%s in steps of %d: %q, %d marks, %q", tt.name, step, c.out.String(), len(c.marks), texts)
			}
		}
	}
}

// However a stream is cut into reads, output and marks are the same, and nothing is lost or made up.
func FuzzStream(f *testing.F) {
	f.Add([]byte("a<>007\nexport A=b\n<>007\n/x\n<>007\nrest"), uint8(3))
	f.Add([]byte("a<>007\nexport A=b\n<>end\nrest"), uint8(2))
	f.Add([]byte("<>run\n<<>>000\n[]137\n<>"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		// The fuzzer cannot guess a nonce, so it writes <> and [] for them.
		text := []byte(strings.NewReplacer("<>", prefixOf(runNonce), "[]", prefixOf(exitNonce), "<", prefixOf(runNonce)[:7]).Replace(string(data)))
		one := feedAll(text, func(int) bool { return false })
		many := feedAll(text, func(i int) bool { return i%(int(step)+1) == 0 })
		if one.out.String() != many.out.String() || len(one.marks) != len(many.marks) {
			t.Fatalf("%q: %q and %q, %d and %d marks", text, one.out.String(), many.out.String(), len(one.marks), len(many.marks))
		}
		size := one.out.Len()
		for i, m := range one.marks {
			if !bytes.Equal(m.text, many.marks[i].text) || m.value != many.marks[i].value {
				t.Fatalf("mark %d: %q and %q", i, m.text, many.marks[i].text)
			}
			size += markSize + len(m.text)
		}
		if size > len(text) {
			t.Fatalf("%d bytes came of %d", size, len(text))
		}
	})
}

// A report that never ends is held in bounded memory.
func TestEndlessReport(t *testing.T) {
	s := &stream{sections: reportSections}
	s.expect(exitNonce)
	s.expect(runNonce)
	s.feed([]byte(prefixOf(runNonce) + "000\n"))
	chunk := bytes.Repeat([]byte("export A=b\n"), 10000)
	for range 400 {
		s.feed(chunk)
	}
	if len(s.held) > 2*maxCollected {
		t.Fatalf("%d bytes are held", len(s.held))
	}
}

func TestMayLeaveJobs(t *testing.T) {
	for text, want := range map[string]bool{
		"sleep 1 &": true, "a & b": true, "a &\n": true, "(a&)": true,
		"a && b": false, "a 2>&1": false, "a &>f": false, "a |& b": false, "a >&2 && b": false, "a <&3": false, "a &>>f": false,
		"a && b & c": true, "a 2>&1 &": true,
	} {
		if got := mayLeaveJobs(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
