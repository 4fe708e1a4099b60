package clean

import (
	"bytes"
	"strings"
	"testing"
)

func run(in []byte, size int) []byte {
	c := New()
	var out []byte
	for len(in) > 0 {
		n := min(size, len(in))
		out = c.Write(out, in[:n])
		in = in[n:]
	}
	return c.Flush(out)
}

var long = strings.Repeat("x", MaxLine+1)

var cases = []struct{ name, in, want string }{
	{"plain", "abc\n\tdef", "abc\n\tdef"},
	{"nul", "a\x00b", "a\x00b"},
	{"colour", "\x1b[1;31mred\x1b[0m\n", "red\n"},
	{"osc bel", "\x1b]0;title\x07text", "text"},
	{"osc st", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"},
	{"dcs", "a\x1bPq#0\x1b\\b", "ab"},
	{"apc pm sos", "a\x1b_x\x1b\\b\x1b^x\x1b\\c\x1bXx\x1b\\d", "abcd"},
	{"c1", "a\u009b31mb\u009dtitle\u009cc\u0085d", "abcd"},
	{"raw c1 bytes", "a\x9b31m\xff\xc2", "a\x9b31m\xff\xc2"},
	{"utf-8", "café 日本 😀 °\n", "café 日本 😀 °\n"},
	{"charset", "\x1b(Ba\x1b)0b\x1b#8c", "abc"},
	{"two-char", "\x1b7a\x1b8b\x1b=c\x1bMd", "abcd"},
	{"escape before escape", "\x1b\x1b[mx", "x"},
	{"unterminated osc", "a\x1b]0;kept\nmore\n", "a0;kept\nmore\n"},
	{"oversized osc", "\x1b]" + long[:MaxString+1] + "\x07z", long[:MaxString+1] + "z"},
	{"osc broken by csi", "\x1b]0;kept\x1b[31mred", "0;keptred"},
	{"unterminated csi", "a\x1b[31", "a31"},
	{"csi broken by text", "a\x1b[3é", "a3é"},
	{"crlf", "a\r\nb\r\r\n", "a\nb\n"},
	{"progress", "10%\r20%\r100%\n", "100%\n"},
	{"progress unfinished", "10%\r20%\r", "20%"},
	{"shorter state", "downloading\rdone\n", "done\n"},
	{"erase line", "10%\r\x1b[K\n", "\n"},
	{"erase rest", "abc\x1b[Kd", "abcd"},
	{"erase whole", "abc\x1b[2Kd", "d"},
	{"column one", "10%\x1b[1G20%\x1b[G30%", "30%"},
	{"backspace", "-\b\\\b|\bdone", "done"},
	{"overstrike", "N\bNA\bA", "NA"},
	{"backspace rune", "é\be", "e"},
	{"backspace at start", "a\n\bb", "a\nb"},
	{"controls", "a\x07b\x0bc\x0cd\x7fe", "abcde"},
	{"no control put together", "\xc2\x1b[m\x9b31mx", "x"},
	{"no control by backspace", "\xc2X\b\x9bx", "\x9bx"},
	{"long line", long + "y\bz\rnew\rlast\n", long + "yz\nlast\n"},
	{"long line crlf", long + "\r\n", long + "\n"},
}

func TestClean(t *testing.T) {
	for _, c := range cases {
		for _, size := range []int{1, 2, 3, 7, 1 << 20} {
			if got := string(run([]byte(c.in), size)); got != c.want {
				t.Errorf("%s, chunks of %d: got %.80q, want %.80q", c.name, size, got, c.want)
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.in), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = max(1, size&0xff)
		whole := run(in, len(in)+1)
		if got := run(in, size); !bytes.Equal(got, whole) {
			t.Fatalf("chunks of %d: got %q, want %q", size, got, whole)
		}
		if again := run(whole, len(whole)+1); !bytes.Equal(again, whole) {
			t.Fatalf("not idempotent: %q became %q", whole, again)
		}
	})
}

// Lines that repeat are taken as one, whatever state they find the stream in; the text comes out as byte by byte.
func TestRepeatedLines(t *testing.T) {
	for _, before := range []string{"", "half ", "bar\r", "ab\b", "\x1b[", "\x1b]title", "\xc2", "first\n"} {
		for _, line := range []string{"y", "", "a line of a build", "\x1b[32mok\x1b[0m", "10%\r20%", "a\bb", "é漢\xc2", "\x1b]", "\x00\t"} {
			in := []byte(before + strings.Repeat(line+"\n", 8<<10/(len(line)+1)) + "the end")
			if got, want := run(in, len(in)), run(in, 1); !bytes.Equal(got, want) {
				t.Errorf("%q, then %q: %d bytes, not the %d of byte by byte", before, line, len(got), len(want))
			}
		}
	}
}

func TestLongLineMemory(t *testing.T) {
	c := New()
	chunk := bytes.Repeat([]byte("z"), 32<<10)
	var dst []byte
	total := 0
	for range 1000 {
		dst = c.Write(dst[:0], chunk)
		total += len(dst)
	}
	total += len(c.Flush(nil))
	if total != 1000*len(chunk) {
		t.Errorf("got %d bytes, want %d", total, 1000*len(chunk))
	}
	if cap(c.line) > 2*MaxLine {
		t.Errorf("the line buffer grew to %d bytes", cap(c.line))
	}
}

func BenchmarkClean(b *testing.B) {
	inputs := map[string][]byte{
		"lines":    bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog and goes on for a while\n"), 1000),
		"line":     bytes.Repeat([]byte("z"), 64<<10),
		"controls": bytes.Repeat([]byte("x\x1b[m"), 16<<10), // an endless line of them
		"colour":   bytes.Repeat([]byte("\x1b[32mok\x1b[0m test number one hundred passed in 3 ms\n"), 1000),
	}
	for name, in := range inputs {
		b.Run(name, func(b *testing.B) {
			c := New()
			var dst []byte
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				dst = c.Write(dst[:0], in)
			}
		})
	}
}
