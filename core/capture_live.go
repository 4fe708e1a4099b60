package execkit

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/flood"
	"github.com/execkit/execkit/core/wire"
)

// peekAfter is how long a line has to stand unfinished to be shown as an event: short beside the 10 ms in which a
// reader expects the first byte, and long beside the pause between two writes of one line.
const peekAfter = 5 * time.Millisecond

// A liveCapture is a capture that is read while it is written: its events also show an unfinished line, such as a
// prompt, without which the result would be any different.
type liveCapture struct {
	mu sync.Mutex
	*capture
	out      func(p []byte)
	peeked   []byte // the beginning of the unfinished line that events have shown already
	timer    *time.Timer
	ended    bool
	reported int64  // how far since has read
	last     []byte // the end of what was shown, for a prompt
}

// maxPrompt bounds what is kept of the line in which a prompt may be.
const maxPrompt = 500

func newLiveCapture(c *capture, out func(p []byte)) *liveCapture {
	l := &liveCapture{capture: c, out: out}
	c.emit = l.emitRest
	l.timer = time.AfterFunc(time.Hour, l.peek)
	l.timer.Stop()
	return l
}

// Write implements io.Writer; it never fails. It waits while readers of events have to catch up.
func (l *liveCapture) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.capture.Write(p)
	if !l.ended {
		l.timer.Reset(peekAfter)
	}
	return n, err
}

// emitRest passes on what events have not shown yet. A line that was taken back (a carriage return) is shown anew.
func (l *liveCapture) emitRest(p []byte) {
	if len(p) == 0 {
		return
	}
	if n := min(len(p), len(l.peeked)); bytes.Equal(p[:n], l.peeked[:n]) {
		p, l.peeked = p[n:], l.peeked[n:]
	} else {
		p = append([]byte("\n"), p...)
		l.peeked = nil
	}
	l.pass(p)
}

func (l *liveCapture) pass(p []byte) {
	if len(p) == 0 {
		return
	}
	line := p[flood.WholeLines(p[:len(p)-1]):]
	if len(line) < len(p) || bytes.HasSuffix(l.last, []byte("\n")) {
		l.last = l.last[:0]
	}
	l.last = append(l.last, line[max(0, len(line)-maxPrompt):]...)
	l.last = slices.Delete(l.last, 0, max(0, len(l.last)-maxPrompt))
	if l.out != nil {
		l.out(p)
	}
}

// peek shows the unfinished line.
func (l *liveCapture) peek() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.capture.raw {
		return
	}
	text := l.hide.Peek(nil, l.cleaner.Peek(nil))
	text = text[:len(text)-partialRune(text)]
	switch {
	case len(text) == 0 || len(l.held) > 0:
	case bytes.HasPrefix(text, l.peeked):
		rest := text[len(l.peeked):]
		l.peeked = text
		l.pass(rest)
	case bytes.HasPrefix(l.peeked, text):
	default:
		l.peeked = text
		l.pass(append([]byte("\n"), text...))
	}
}

func (l *liveCapture) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Stop()
	if !l.ended {
		l.ended = true
		l.capture.finish()
	}
}

// prompt returns the end of what was shown: the line that stands unfinished, or the last one.
func (l *liveCapture) prompt() string {
	l.peek()
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimRight(l.last, "\n"))
}

// unfinished reports whether the last line has no end.
func (l *liveCapture) unfinished() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.last) > 0 && l.last[len(l.last)-1] != '\n'
}

// since returns what came after the last call, within a budget of its own. An unfinished line is shown each time.
func (l *liveCapture) since(o budget.Options) (text string, report *wire.BudgetReport, truncated bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.any {
		return "", nil, false
	}
	kept := budget.NewKeeper(o, budget.NewSpool())
	for {
		c := l.spool.ReadAt(l.reported, budget.MaxReadBytes)
		kept.Write(c.Text)
		if l.reported = c.NextOffset; c.EOF {
			break
		}
	}
	kept.Write(l.hide.Peek(nil, l.cleaner.Peek(nil)))
	out, report, truncated := kept.Finish()
	return string(out), report, truncated
}
