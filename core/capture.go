package execkit

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/clean"
	"github.com/execkit/execkit/core/wire"
)

// A capture takes one stream of a command through clean and budget. Its memory is bounded whatever arrives.
//
// The bytes are kept twice, cleaned and as they came: output that turns out not to be text is returned as it was, and
// that is known only at the end.
type capture struct {
	cleaner *clean.Cleaner
	text    *budget.Keeper
	raw     *budget.Keeper
	spool   *budget.Spool
	buf     []byte
	utf8    utf8Check
	any     bool
	// emit, if set, gets the cleaned text as it comes, cut between runes.
	emit func(p []byte)
	held []byte
}

func newCapture(o budget.Options) *capture {
	spool := budget.NewSpool()
	return &capture{cleaner: clean.New(), text: budget.NewKeeper(o, spool), raw: budget.NewKeeper(o, nil), spool: spool}
}

// Write implements io.Writer; it never fails.
func (c *capture) Write(p []byte) (int, error) {
	c.any = true
	c.utf8.write(p)
	c.raw.Write(p)
	c.buf = c.cleaner.Write(c.buf[:0], p)
	c.text.Write(c.buf)
	if c.emit != nil {
		c.emitWhole(c.buf)
	}
	return len(p), nil
}

// emitWhole emits p but for a rune that its end cuts.
func (c *capture) emitWhole(p []byte) {
	p = append(c.held, p...)
	cut := len(p) - partialRune(p)
	c.emit(p[:cut])
	c.held = append([]byte(nil), p[cut:]...)
}

// finish ends the stream.
func (c *capture) finish() {
	rest := c.cleaner.Flush(c.buf[:0])
	c.text.Write(rest)
	if c.emit != nil {
		c.emit(append(c.held, rest...))
	}
}

// isText reports whether every byte so far was part of valid UTF-8.
func (c *capture) isText() bool { return c.utf8.valid() }

// output returns the stream for a result: text, or base64 of the bytes as they came.
func (c *capture) output(binary bool) (text string, report *wire.BudgetReport, truncated bool) {
	if !c.any {
		return "", nil, false
	}
	keeper := c.text
	if binary {
		keeper = c.raw
	}
	kept, report, truncated := keeper.Finish()
	if binary {
		return base64.StdEncoding.EncodeToString(kept), report, truncated
	}
	return string(kept), report, truncated
}

// A utf8Check validates a stream whose chunks may split a rune.
type utf8Check struct {
	broken  bool
	pending []byte
}

func (u *utf8Check) write(p []byte) {
	if u.broken {
		return
	}
	if len(u.pending) > 0 {
		n := min(utf8.UTFMax-len(u.pending), len(p))
		head := append(u.pending, p[:n]...)
		if !utf8.FullRune(head) {
			u.pending = head
			return
		}
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && size <= 1 {
			u.broken = true
			return
		}
		p = p[size-len(u.pending):]
		u.pending = nil
	}
	cut := len(p) - partialRune(p)
	u.broken = !utf8.Valid(p[:cut])
	u.pending = append([]byte(nil), p[cut:]...)
}

func (u *utf8Check) valid() bool { return !u.broken && len(u.pending) == 0 }

// partialRune returns how many bytes at the end of p begin a rune that is not whole yet.
func partialRune(p []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if utf8.RuneStart(p[len(p)-i]) {
			if !utf8.FullRune(p[len(p)-i:]) {
				return i
			}
			break
		}
	}
	return 0
}
