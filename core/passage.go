package execkit

import (
	"bytes"
	"sync"
	"time"

	"github.com/execkit/execkit/core/clean"
	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/screen"
)

// A passage carries what a program writes to its terminal to another terminal, as a program needs it: with its control
// sequences. What holds a secret does not pass: on the ordinary screen the redacted line takes its place, on that of a
// full-screen program the redacted screen.
type passage struct {
	mu        sync.Mutex
	screen    *screen.Screen
	redact    *redact.Redactor
	out       func(p []byte)
	sequences screen.Sequences
	cleaner   *clean.Cleaner
	hide      *redact.Stream

	// The part of the stream that is not settled yet: as it came, cleaned, and redacted. Of raw the first sent bytes are
	// passed on.
	raw, text, shown []byte
	sent             int
	lost             bool // raw was too much to keep
	timer            *time.Timer
	armed, ended     bool
}

// maxPassage bounds what a passage keeps of a line, or of a burst of a full-screen program.
const maxPassage = 256 << 10

func newPassage(s *screen.Screen, r *redact.Redactor, out func(p []byte)) *passage {
	p := &passage{screen: s, redact: r, out: out, cleaner: clean.New(), hide: r.Stream()}
	p.timer = time.AfterFunc(time.Hour, p.pause)
	p.timer.Stop()
	return p
}

// Write implements io.Writer; it never fails. It waits while readers of events have to catch up.
func (p *passage) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		full := p.sequences.Alternate
		piece, change, rest := p.sequences.Next(nil, b)
		read := len(b) - len(rest)
		if change != nil {
			read-- // the byte that ends the one screen, which has to be looked at before
		}
		_, _ = p.screen.Write(b[:read])
		p.take(piece, full)
		if change != nil {
			p.flush(full)
			_, _ = p.screen.Write(b[read : read+1])
			p.raw, p.sequences.Modes = append(p.raw, change...), append(p.sequences.Modes, change...)
		}
		b = rest
	}
	if !p.armed && !p.ended && p.sent < len(p.raw) {
		p.armed = true
		p.timer.Reset(peekAfter)
	}
	return n, nil
}

// take adds a piece; full says that it is of a full-screen program.
func (p *passage) take(piece []byte, full bool) {
	if full {
		if p.raw = append(p.raw, piece...); len(p.raw) > maxPassage {
			p.showScreen()
		}
		return
	}
	// By lines, so that the lines beside one with a secret pass as they came.
	for line := range bytes.Lines(piece) {
		p.raw = append(p.raw, line...)
		cleaned := p.cleaner.Write(nil, line)
		p.text, p.shown = append(p.text, cleaned...), p.hide.Write(p.shown, cleaned)
		p.settle()
	}
	if len(p.raw) > maxPassage {
		p.lost = p.lost || p.sent < len(p.raw)
		p.raw, p.sent = p.raw[:0], 0
	}
}

// settle passes the whole lines on that are decided.
func (p *passage) settle() {
	if len(p.text) == 0 || p.hide.Held() > 0 {
		return
	}
	end := len(p.raw) // of a line that is too long to be held, all is out
	if bytes.HasSuffix(p.text, []byte("\n")) {
		end = bytes.LastIndexByte(p.raw, '\n') + 1
	}
	p.pass(end)
}

// pass passes on what stands for the first end bytes, as they came if nothing in them is hidden.
func (p *passage) pass(end int) {
	switch {
	case !p.lost && bytes.Equal(p.text, p.shown):
		if p.sent < end {
			p.out(p.raw[p.sent:end])
		}
	default:
		var b []byte
		if p.sent > 0 {
			b = append(b, "\r\x1b[K"...) // the beginning of the line is there already
		}
		b = append(append(b, "\x1b[m"...), bytes.ReplaceAll(p.shown, []byte("\n"), []byte("\r\n"))...)
		p.out(append(b, p.sequences.Modes...))
	}
	p.sequences.Modes = p.sequences.Modes[:0]
	p.raw, p.sent = append(p.raw[:0], p.raw[end:]...), max(p.sent-end, 0)
	p.text, p.shown, p.lost = p.text[:0], p.shown[:0], false
}

// pause passes on what stands there when nothing more came for a moment: an unfinished line unless a secret may be in
// it, or what a full-screen program has drawn.
func (p *passage) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	switch {
	case p.ended:
	case p.sequences.Alternate:
		p.showScreen()
	case len(p.text) == 0 && !p.lost && p.hide.Held() == 0:
		line := p.cleaner.Peek(nil)
		end := len(p.raw) - partialRune(p.raw)
		if p.sent < end && bytes.Equal(line, p.hide.Peek(nil, line)) {
			p.out(p.raw[p.sent:end])
			p.sent = end
		}
	}
}

// showScreen passes on what a full-screen program has drawn, or the redacted screen where that shows a secret.
func (p *passage) showScreen() {
	end := len(p.raw) - partialRune(p.raw)
	if end == 0 {
		return
	}
	hidden := false
	m := p.screen.Image()
	m.Redact(func(text string) string {
		shown := redactText(p.redact, text)
		hidden = hidden || shown != text
		return shown
	})
	if hidden {
		p.out(append(p.sequences.Modes, m.Paint()...))
	} else {
		p.out(p.raw[:end])
	}
	p.sequences.Modes = p.sequences.Modes[:0]
	p.raw = append(p.raw[:0], p.raw[end:]...)
}

// flush passes everything on, where one kind of screen ends.
func (p *passage) flush(full bool) {
	if full {
		p.showScreen()
		p.raw = p.raw[:0]
		return
	}
	rest := p.cleaner.Flush(nil)
	p.text = append(p.text, rest...)
	p.shown = p.hide.Flush(p.hide.Write(p.shown, rest))
	p.pass(len(p.raw))
}

// finish ends the passage.
func (p *passage) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
	if !p.ended {
		p.ended = true
		p.flush(p.sequences.Alternate)
	}
}
