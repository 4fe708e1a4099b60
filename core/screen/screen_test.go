package screen

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"time"
)

func show(rows, cols int, text string) *Image {
	s := New(rows, cols, nil)
	_, _ = s.Write([]byte(text))
	return s.Image()
}

func TestScreen(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"text", "ab\r\ncd", "ab\ncd"},
		{"no carriage return", "ab\ncd", "ab\n  cd"},
		{"wrap", "abcdefghijkl", "abcdefghij\nkl"},
		{"cursor", "\x1b[2;3Hx\x1b[Hy", "y\n  x"},
		{"empty parameter", "\x1b[2;3H\x1b[;5Hx", "    x"},
		{"count of 0", "ab\x1b[0Dx", "ax"},
		{"erase", "abc\x1b[2D\x1b[K", "a"},
		{"insertion mode", "ab\x1b[D\x1b[4hx\x1b[4l", "axb"},
		{"repeat", "a\x1b[3bb", "aaaab"},
		{"lines", "\x1b(0lqk\x1b(B", "┌─┐"},
		{"wide", "日本x", "日本x"},
		{"wide at the edge", "123456789日", "123456789\n日"},
		{"combining", "e\u0301x", "ex"},
		{"reset", "abc\x1bcx", "x"},
		{"scroll region", "1\r\n2\r\n3\x1b[1;2r\x1b[2;1H\nx", "2\nx\n3"},
		{"newer sequences", "\x1b[>4;2m\x1b[>1u\x1b[=1;1u\x1b[2 qab\x1b[?2026$p", "ab"},
		{"colon colours", "\x1b[38:2:1:2:3max", "ax"},
		{"title", "\x1b]0;name\x07a\x1bPq#0~\x1b\\b\x1b_x\x1b\\c", "abc"},
		{"alternate", "out\x1b[?1049h\x1b[Hin", "in"},
		{"back", "out\x1b[?1049h\x1b[Hin\x1b[?1049l", "out"},
		{"cancelled sequence", "\x1b[12\x18a\x1b]0;x\x1ab", "ab"},
		{"split rune is whole", "ä", "ä"},
		{"invalid", "a\xffb", "a\ufffdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 100} {
				s := New(4, 10, nil)
				for rest := []byte(c.text); len(rest) > 0; {
					n := min(size, len(rest))
					_, _ = s.Write(rest[:n])
					rest = rest[n:]
				}
				if got := strings.TrimRight(strings.Join(s.Image().Lines(), "\n"), "\n"); got != c.want {
					t.Errorf("in pieces of %d: %q, want %q", size, got, c.want)
				}
			}
		})
	}
}

// Only answers that the program cannot choose are given, and not without bound.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"position", "\x1b[3;5H\x1b[6n", "\x1b[3;5R"},
		{"status", "\x1b[5n", "\x1b[0n"},
		{"identity", "\x1b[c\x1b[0c\x1bZ", identity + identity + identity},
		{"title", "\x1b]0;rm -rf /\r\x07\x1b[21t\x1b[20t", ""},
		{"setting", "\x1bP$qm\x1b\\", ""},
		{"capability", "\x1bP+q544e\x1b\\", ""},
		{"clipboard", "\x1b]52;c;?\x07\x1b]52;c;cm0gLXJm\x07", ""},
		{"colour", "\x1b]4;1;?\x07\x1b]10;?\x07\x1b]11;?\x07", ""},
		{"answerback", "\x05", ""},
		{"mode", "\x1b[?2026$p\x1b[>0q\x1b[>c", ""},
	} {
		var got strings.Builder
		s := New(10, 20, func(text string) { got.WriteString(text) })
		_, _ = s.Write([]byte(c.text))
		if got.String() != c.want {
			t.Errorf("%s: %q", c.name, got.String())
		}
	}
	n := 0
	s := New(10, 20, func(string) { n++ })
	_, _ = s.Write([]byte(strings.Repeat("\x1b[6n", 100000)))
	if n > 4*maxAnswers {
		t.Errorf("%d answers", n)
	}
}

// Numbers of a billion, and everything that the emulator would keep or choke on, cost no more than other text.
func TestHostileSequences(t *testing.T) {
	for _, text := range []string{
		"\x1b[999999999999I", "\x1b[2147483647@", "\x1b[-5P", "\x1b[-5@", "\x1b[99999999999999999999P", "\x1b[999999999b", "\x1b[999999999L", "\x1b[0;0r\x1b[99;1r\n",
		"\x1b[" + strings.Repeat("1;", 100000) + "m", "\x1b]0;" + strings.Repeat("x", 1<<20) + "\x07", "\x1b]4;16777215;#fff\x07", "\x1b#8", "\x1b[?1049h\x1b[?1049h\x1b[?1049l",
		"\x1b[3g\t\t\t", "\x1b[4h日日日日日日", "\x1b[6;1000H日",
	} {
		begin := time.Now()
		s := New(24, 80, nil)
		for range 20 {
			_, _ = s.Write([]byte(text))
		}
		s.Resize(3, 2)
		_, _ = s.Write([]byte(text))
		s.Resize(100, 100)
		_, _ = s.Write([]byte("\x1b[H\x1b[2Jstill here"))
		if got := s.Image().Lines()[0]; got != "still here" {
			t.Errorf("%.20q: %q", text, got)
		}
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("%.20q took %v", text, d)
		}
	}
}

func TestRedact(t *testing.T) {
	hide := func(s string) string { return strings.ReplaceAll(s, "SECRETVALUE", "[REDACTED]") }
	for _, c := range []struct{ text, want string }{
		{"a SECRETVALUE b", "a [REDACTED]  b"},
		{"12345678901234567SECRETVALUE", "12345678901234567[RE\nDACTED]"},
		{"\x1b[1;5HSEC\x1b[1;8HRETVALUE\x1b[1;1Hx", "x   [REDACTED]"},
		{"nothing", "nothing"},
	} {
		m := show(3, 20, c.text)
		m.Redact(hide)
		if got := strings.TrimRight(strings.Join(m.Lines(), "\n"), "\n"); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	m := show(2, 20, "\x1b]0;SECRETVALUE\x07")
	if m.Redact(hide); m.Title != "[REDACTED]" {
		t.Errorf("title %q", m.Title)
	}
}

func TestPNG(t *testing.T) {
	m := show(5, 30, "plain \x1b[31mred\x1b[0m \x1b[7mreverse\x1b[0m \x1b[4mline\x1b[0m\r\n日本 ┌─┐")
	data, err := m.PNG()
	if err != nil {
		t.Fatal(err)
	}
	p, err := png.Decode(bytes.NewReader(data))
	if err != nil || p.Bounds().Dx() != 30*cellWidth || p.Bounds().Dy() != 5*cellHeight {
		t.Fatalf("%v %v", p.Bounds(), err)
	}
	red := 0
	for x := range p.Bounds().Dx() {
		for y := range cellHeight {
			if r, g, _, _ := p.At(x, y).RGBA(); r > 0xa000 && g < 0x2000 {
				red++
			}
		}
	}
	if red == 0 {
		t.Error("nothing is red")
	}
}

func FuzzScreen(f *testing.F) {
	for _, seed := range []string{"a\x1b[6n", "\x1b[2;3r\x1bM\x1bD", "\x1b[?1049h日\x1b[5P", "\x1b]2;t\x1b\\", "\x1b[4h\x1b[10b"} {
		f.Add([]byte(seed), 5, 7)
	}
	f.Fuzz(func(t *testing.T, text []byte, rows, cols int) {
		rows, cols = 1+abs(rows)%40, 1+abs(cols)%40
		s := New(rows, cols, func(string) {})
		_, _ = s.Write(text)
		s.Resize(cols, rows)
		_, _ = s.Write(text)
		m := s.Image()
		m.Redact(func(text string) string { return strings.ReplaceAll(text, "a", "bb") })
		if len(m.Lines()) != cols || m.Row >= cols || m.Col >= rows {
			t.Errorf("%d lines, cursor %d,%d", len(m.Lines()), m.Row, m.Col)
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }
