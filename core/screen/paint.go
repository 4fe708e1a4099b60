package screen

import (
	"fmt"
	"image/color"
	"strings"
)

// Paint returns what makes another terminal of the same size show the image: every row, then the cursor.
func (m *Image) Paint() []byte {
	var b strings.Builder
	plain := Cell{Foreground: named[7], Background: named[0]}
	for y, row := range m.Cells {
		fmt.Fprintf(&b, "\x1b[%d;1H\x1b[m", y+1)
		now := plain
		for _, c := range row {
			if c.Char == 0 {
				continue // the second half of a wide character
			}
			if c.Foreground != now.Foreground || c.Background != now.Background || c.Bold != now.Bold || c.Underline != now.Underline {
				b.WriteString(style(c, plain))
				now = c
			}
			b.WriteRune(max(c.Char, ' '))
		}
	}
	cursor := 'l'
	if m.CursorVisible {
		cursor = 'h'
	}
	fmt.Fprintf(&b, "\x1b[m\x1b[%d;%dH\x1b[?25%c", m.Row+1, min(m.Col, m.Cols-1)+1, cursor)
	return []byte(b.String())
}

// style is the sequence for a cell's looks; what is plain stays whatever the other terminal has for that.
func style(c, plain Cell) string {
	text := "\x1b[0"
	if c.Bold {
		text += ";1"
	}
	if c.Underline {
		text += ";4"
	}
	if c.Foreground != plain.Foreground {
		text += ";38" + trueColour(c.Foreground)
	}
	if c.Background != plain.Background {
		text += ";48" + trueColour(c.Background)
	}
	return text + "m"
}

func trueColour(c color.RGBA) string { return fmt.Sprintf(";2;%d;%d;%d", c.R, c.G, c.B) }
