package screen

import (
	"image/color"
	"strings"
	"sync"
	"time"

	"github.com/hinshun/vt10x"
)

// A Screen is one terminal's screen. Its methods may be called concurrently.
type Screen struct {
	mu     sync.Mutex
	term   vt10x.Terminal
	filter filter
	title  string
	reply  func(text string)
	// Answers are bounded in number: a file full of questions must not fill the terminal's input.
	answers int
	since   time.Time
}

// maxAnswers is how many questions are answered in one second.
const maxAnswers = 32

// New returns an empty screen. reply gets the answers to what the program asks the terminal, from within Write; it must
// not block.
func New(rows, cols int, reply func(text string)) *Screen {
	s := &Screen{reply: reply}
	s.filter.s = s
	s.term = vt10x.New(vt10x.WithSize(cols, rows))
	return s
}

// Write implements io.Writer; it never fails.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		// A defect of the emulator must not end the host; the screen starts anew.
		if recover() != nil {
			cols, rows := s.term.Size()
			s.term = vt10x.New(vt10x.WithSize(cols, rows))
			s.filter = filter{s: s}
		}
	}()
	s.filter.write(p)
	return len(p), nil
}

// Resize changes the size. What does not fit is lost.
func (s *Screen) Resize(rows, cols int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.term.Resize(cols, rows)
}

func (s *Screen) answer(text string) {
	if now := time.Now(); now.Sub(s.since) > time.Second {
		s.since, s.answers = now, 0
	}
	if s.answers++; s.answers <= maxAnswers && s.reply != nil {
		s.reply(text)
	}
}

// ApplicationCursor reports whether the program asked for the other form of the arrow keys (DECCKM).
func (s *Screen) ApplicationCursor() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term.Mode()&vt10x.ModeAppCursor != 0
}

// A Cell is one place of the screen. A wide character is followed by a cell with Char 0.
type Cell struct {
	Char                        rune
	Foreground, Background      color.RGBA
	Bold, Underline, wrapsAfter bool
}

// An Image is what a screen shows at one moment.
type Image struct {
	Rows, Cols int
	Cells      [][]Cell
	// Row and Col are the cursor's place, counted from 0.
	Row, Col      int
	CursorVisible bool
	Title         string
	// Alternate says that a full-screen program has taken the screen over.
	Alternate bool
}

// The emulator's bits of a cell's mode, which it does not export.
const (
	modeUnderline = 1 << 1
	modeBold      = 1 << 2
	modeWrap      = 1 << 6
)

// Image returns what the screen shows now.
func (s *Screen) Image() *Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	cols, rows := s.term.Size()
	at := s.term.Cursor()
	m := &Image{Rows: rows, Cols: cols, Row: at.Y, Col: at.X, CursorVisible: s.term.CursorVisible(), Title: s.title,
		Alternate: s.term.Mode()&vt10x.ModeAltScreen != 0, Cells: make([][]Cell, rows)}
	for y := range rows {
		m.Cells[y] = make([]Cell, cols)
		for x := range cols {
			g := s.term.Cell(x, y)
			c := Cell{Char: g.Char, Foreground: rgba(g.FG, true), Background: rgba(g.BG, false),
				Bold: g.Mode&modeBold != 0, Underline: g.Mode&modeUnderline != 0, wrapsAfter: g.Mode&modeWrap != 0}
			if c.Char == filler {
				c.Char = 0
			}
			m.Cells[y][x] = c
		}
	}
	return m
}

// Lines returns the text, one string a row, without the blanks at the end of each.
func (m *Image) Lines() []string {
	lines := make([]string, m.Rows)
	for y, row := range m.Cells {
		lines[y] = strings.TrimRight(textOf(row), " ")
	}
	return lines
}

func textOf(row []Cell) string {
	var b strings.Builder
	for _, c := range row {
		if c.Char != 0 {
			b.WriteRune(c.Char)
		}
	}
	return b.String()
}

// Redact hides what the function changes. Rows that the terminal wrapped are one text to it, so that a secret does not
// escape by the width of the screen. The marks take the place of what they hide, cell by cell.
func (m *Image) Redact(hide func(text string) string) {
	for first := 0; first < m.Rows; {
		last := first
		for last < m.Rows-1 && m.Cells[last][m.Cols-1].wrapsAfter {
			last++
		}
		var cells []*Cell
		for y := first; y <= last; y++ {
			for x := range m.Cells[y] {
				if m.Cells[y][x].Char != 0 {
					cells = append(cells, &m.Cells[y][x])
				}
			}
		}
		redactCells(cells, hide)
		first = last + 1
	}
	m.Title = hide(m.Title)
}

func redactCells(cells []*Cell, hide func(string) string) {
	text := make([]rune, len(cells))
	for i, c := range cells {
		text[i] = c.Char
	}
	shown := []rune(strings.TrimRight(hide(strings.TrimRight(string(text), " ")), " "))
	if string(shown) == strings.TrimRight(string(text), " ") {
		return
	}
	// What both have in common at the start and the end stays where it is; everything between is the mark's.
	end := len([]rune(strings.TrimRight(string(text), " ")))
	head := 0
	for head < min(len(shown), end) && shown[head] == text[head] {
		head++
	}
	tail := 0
	for tail < min(len(shown), end)-head && shown[len(shown)-1-tail] == text[end-1-tail] {
		tail++
	}
	mark := shown[head : len(shown)-tail]
	for i := head; i < end-tail; i++ {
		cells[i].Char = ' '
		if i-head < len(mark) {
			cells[i].Char = mark[i-head]
		}
	}
}
