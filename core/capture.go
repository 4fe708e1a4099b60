package execkit

import (
	"slices"
	"unicode/utf8"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/clean"
	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/semantic"
	"github.com/execkit/execkit/core/wire"
)

// A capture takes one stream of a command through clean, redact and budget. Its memory is bounded whatever arrives.
//
// From the first chunk that is not UTF-8 on, the stream is taken for binary and no longer cleaned, so that its bytes
// come out as they were; what was text before that stays cleaned.
type capture struct {
	cleaner *clean.Cleaner
	hide    *redact.Stream
	kept    *budget.Keeper
	spool   *budget.Spool
	utf8    utf8Check
	meter   *meter // counts what comes, and says when it is enough
	any     bool
	raw     bool // nothing is cleaned
	// emit, if set, gets the redacted text as it comes, cut between runes. It must not keep it.
	emit func(p []byte)
	// read, if set, reads the redacted text for what it tells.
	read           *semantic.Scanner
	cleaned, shown []byte // buffers
	held           []byte
}

func newCapture(o budget.Options, r *redact.Redactor, raw bool) *capture {
	spool := budget.NewSpool()
	return &capture{cleaner: clean.New(), hide: r.Stream(), kept: budget.NewKeeper(o, spool), spool: spool, raw: raw}
}

// Write implements io.Writer; it never fails.
func (c *capture) Write(p []byte) (int, error) {
	n := len(p)
	if c.meter != nil {
		if p = c.meter.output(p); len(p) == 0 {
			return n, nil
		}
	}
	c.any = true
	c.utf8.write(p)
	if !c.raw && c.utf8.broken {
		c.show(c.hide.Write(c.shown[:0], c.cleaner.Flush(c.cleaned[:0])))
		c.raw = true
	}
	if c.raw {
		c.show(c.hide.Write(c.shown[:0], p))
	} else {
		c.cleaned = c.cleaner.Write(c.cleaned[:0], p)
		c.show(c.hide.Write(c.shown[:0], c.cleaned))
	}
	return n, nil
}

// show passes redacted text on.
func (c *capture) show(p []byte) {
	c.kept.Write(p)
	if c.emit != nil {
		c.emitWhole(p)
	}
	if c.readable() {
		c.read.Write(p)
	}
	c.shown = p
}

// emitWhole emits p but for a rune that its end cuts.
func (c *capture) emitWhole(p []byte) {
	if len(c.held) > 0 {
		p = slices.Concat(c.held, p)
	}
	cut := len(p) - partialRune(p)
	c.emit(p[:cut])
	c.held = append(c.held[:0], p[cut:]...)
}

// finish ends the stream.
func (c *capture) finish() {
	c.show(c.hide.Flush(c.hide.Write(c.shown[:0], c.cleaner.Flush(c.cleaned[:0]))))
	if c.emit != nil && len(c.held) > 0 {
		c.emit(c.held)
	}
	if c.readable() {
		c.read.Close()
	}
}

// isText reports whether every byte so far was part of valid UTF-8.
func (c *capture) isText() bool { return c.utf8.valid() }

// output returns the stream for a result, in base64 where the result as a whole is binary.
func (c *capture) output(binary bool) (text string, report *wire.BudgetReport, truncated bool) {
	if !c.any {
		return "", nil, false
	}
	if binary {
		return c.kept.FinishBinary()
	}
	kept, report, truncated := c.kept.Finish()
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
