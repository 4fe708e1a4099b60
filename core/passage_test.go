package execkit

import (
	"strings"
	"testing"

	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/screen"
)

const passageSecret = "AKIAQ3EGRIPZ7WNLX5TD"

// through runs pieces through a passage; between two of them nothing comes for a while.
func through(t *testing.T, pieces ...string) (out string, s *screen.Screen) {
	t.Helper()
	r, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s = screen.New(10, 60, nil)
	var b strings.Builder
	p := newPassage(s, r, func(text []byte) { b.Write(text) })
	for _, piece := range pieces {
		_, _ = p.Write([]byte(piece))
		p.pause()
	}
	p.finish()
	return b.String(), s
}

func TestPassage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		pieces []string
		want   string
	}{
		{"text and colours pass as they came", []string{"\x1b[31mred\x1b[m\r\n$ "}, "\x1b[31mred\x1b[m\r\n$ "},
		{"what is typed shows at once", []string{"$ ", "l", "s", "\b \b", "\r\n"}, "$ ls\b \b\r\n"},
		{"titles, the clipboard and device strings do not", []string{"a\x1b]0;title\x07b\x1b]52;c;eA==\x1b\\c\x1bPq\x1b\\d\xc2\x9d0;t\xc2\x9ce\r\n"}, "abcde\r\n"},
		{"questions are answered once", []string{"a\x1b[6n\x1b[c\x1b[>c\x1b[?2026$p\x1b[>q\x1b[?4m\x1b[?u\x1b[18tb\x1bZ\r\n"}, "ab\r\n"},
		{"a sequence that is cut passes whole", []string{"a\x1b[3", "1mb\r\n"}, "a\x1b[31mb\r\n"},
		{"a rune that is cut passes whole", []string{"\xc3", "\xa9\r\n"}, "é\r\n"},
		{"an unfinished sequence is dropped at the end", []string{"a\x1b[3"}, "a"},
		{"NEL in one character", []string{"a\xc2\x85b\r\n"}, "a\x1bEb\r\n"},
		{"the other screen", []string{"a\x1b[?1049h\x1b[2;3Hb", "\x1b[?1049lc\r\n"}, "a\x1b[?1049h\x1b[2;3Hb\x1b[?1049lc\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := through(t, tt.pieces...); got != tt.want {
				t.Errorf("%q\nwant %q", got, tt.want)
			}
		})
	}
}

// Whatever splits the secret, it does not pass, and what stands beside it does.
func TestPassageHidesSecrets(t *testing.T) {
	half := len(passageSecret) / 2
	a, b := passageSecret[:half], passageSecret[half:]
	for name, pieces := range map[string][]string{
		"in a line":                   {"before\r\nkey " + passageSecret + " more\r\nafter\r\n"},
		"in two pieces":               {"before\r\nkey " + a, b + " more\r\nafter\r\n"},
		"byte by byte":                strings.Split("before\nkey "+passageSecret+" more\nafter\n", ""),
		"under colours":               {"before\r\nkey \x1b[1m" + a + "\x1b[31m" + b + "\x1b[m more\r\nafter\r\n"},
		"around a title":              {"before\r\nkey " + a + "\x1b]0;t\x07" + b + " more\r\nafter\r\n"},
		"in a title":                  {"before\r\n\x1b]0;" + passageSecret + "\x07 more\r\nafter\r\n"},
		"without an end":              {"before\r\nafter key " + passageSecret},
		"on the other screen":         {"before\r\n\x1b[?1049h\x1b[H\x1b[2Jkey " + passageSecret + " more\x1b[5;1Hafter"},
		"in pieces on the other":      {"before\r\n\x1b[?1049h\x1b[3;1Hmore\x1b[5;1Hafter\x1b[2;1Hkey \x1b[1m" + a + "\x1b[0m" + b},
		"before the other screen":     {"before\r\nkey " + passageSecret + "\x1b[?1049hafter more"},
		"after the other screen":      {"before\x1b[?1049h\x1b[Hafter\x1b[?1049lkey " + passageSecret + " more\r\n"},
		"before the end of the other": {"before\x1b[?1049h\x1b[Hafter " + passageSecret + " more\x1b[?1049l"},
		"in a long line":              {"before after more " + strings.Repeat("word ", 200_000) + passageSecret + strings.Repeat(" word", 100_000) + "\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			out, _ := through(t, pieces...)
			shown := screen.New(10, 60, nil)
			_, _ = shown.Write([]byte(out))
			if strings.Contains(out, passageSecret) || strings.Contains(strings.Join(shown.Image().Lines(), ""), passageSecret) {
				t.Errorf("passed: %.2000q", out)
			}
			for _, word := range []string{"before", "after"} {
				if !strings.Contains(out, word) {
					t.Errorf("%s is lost: %.2000q", word, out)
				}
			}
		})
	}
}

// The other terminal shows what the screen does, whatever is drawn.
func TestPassageShowsTheSame(t *testing.T) {
	drawn := "\x1b[?1049h\x1b[2J\x1b[1;31mone\x1b[0m\x1b[3;10H世界\x1b[4m under\x1b[m\x1b[48;5;130m brown \x1b[m\x1b[10;60Hx"
	for _, hidden := range []string{"", "\x1b[7;2Hkey " + passageSecret} {
		out, s := through(t, drawn+hidden+"\x1b[5;5H")
		m := s.Image()
		r, _ := redact.New(redact.Options{})
		m.Redact(func(text string) string { return redactText(r, text) })
		other := screen.New(10, 60, nil)
		_, _ = other.Write([]byte(out))
		got := other.Image()
		for y := range m.Cells {
			for x, c := range m.Cells[y] {
				if d := got.Cells[y][x]; max(c.Char, ' ') != max(d.Char, ' ') || c.Foreground != d.Foreground || c.Background != d.Background || c.Bold != d.Bold || c.Underline != d.Underline {
					t.Errorf("at %d,%d: %+v, want %+v", y, x, d, c)
				}
			}
		}
		if got.Row != m.Row || got.Col != m.Col || got.Alternate != m.Alternate {
			t.Errorf("%q gives the cursor %d,%d, want %d,%d", out, got.Row, got.Col, m.Row, m.Col)
		}
	}
}

func FuzzPassage(f *testing.F) {
	f.Add("a\x1b[1mb\x1b[?1049hc\x1b]0;t\x07", 3)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		cut = max(0, min(cut, len(text)))
		out, _ := through(t, text[:cut], text[cut:])
		if strings.Contains(out, "\x1b]") || strings.Contains(out, "\x1b[c") {
			t.Errorf("%q gives %q", text, out)
		}
	})
}

func TestRawTerminalEvents(t *testing.T) {
	s, err := Open(t.Context(), "local", Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Start(t.Context(), `printf '\033[31mred\033[m\nkey %s\n' AKIAQ3EGRIPZ7""WNLX5TD; printf '\033]0;title\007prompt> '; read -r x; exit 3`,
		ExecOptions{Raw: true, TTY: &TTY{Rows: 10, Cols: 60}})
	if err != nil {
		t.Fatal(err)
	}
	var out string
	for e := range r.All(t.Context()) {
		if e.Type == "tty" {
			out += e.Data
		}
		if e.Type == "waiting_for_input" {
			if err := r.Write(t.Context(), []byte("word\n"), WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := "\x1b[31mred\x1b[m\r\n\x1b[mkey [REDACTED]\r\nprompt> word\r\n"; out != want {
		t.Errorf("%q\nwant %q", out, want)
	}
}
