package budget

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/execkit/execkit/core/compress"
	"github.com/execkit/execkit/core/wire"
)

var newline = []byte{'\n'}

// A Keeper keeps what a budget allows of one stream. It must not be used by two goroutines at once.
type Keeper struct {
	o     Options
	spool *Spool
	grep  *grep

	bytes, lines int64 // of the whole stream; lines are line ends
	last         byte
	kept         window
	fold         *compress.Folder // nil where nothing is folded
	slack        int64            // tokens that the parts have to leave free
}

// A window is the ends of the stream that remains after grep.
type window struct {
	head         []byte
	headMax      int
	tail         ring
	bytes, lines int64
	last         byte
}

// NewKeeper returns a Keeper at the start of a stream. All that is written goes to spool too; nil is for no spool, and
// then the marker does not point to output.read. o must come from [FromWire] or [Default].
func NewKeeper(o Options, spool *Spool) *Keeper {
	k := &Keeper{o: o, spool: spool}
	// A rune has four bytes at most, so this many bytes always hold max_chars of them.
	size := int(o.MaxChars*utf8.UTFMax) + utf8.UTFMax
	if o.Mode != ModeTail {
		k.kept.headMax = size
	}
	if o.Mode != ModeHead {
		k.kept.tail.max = size
	}
	if o.Compress {
		k.fold = compress.NewFolder()
	}
	if o.Grep != nil {
		k.grep = &grep{re: o.Grep, context: int(o.Context)}
	}
	return k
}

// Write adds p to the stream; p is not kept.
func (k *Keeper) Write(p []byte) {
	if len(p) == 0 {
		return
	}
	if k.spool != nil {
		k.spool.Write(p)
	}
	n := int64(bytes.Count(p, newline))
	k.bytes, k.lines, k.last = k.bytes+int64(len(p)), k.lines+n, p[len(p)-1]
	if k.grep == nil {
		k.show(p, n)
		return
	}
	k.grep.write(p, k.pass)
}

func (k *Keeper) pass(p []byte) { k.show(p, int64(bytes.Count(p, newline))) }

func (k *Keeper) show(p []byte, lines int64) {
	k.kept.write(p, lines)
	if k.fold != nil {
		k.fold.Write(p)
	}
}

func (w *window) write(p []byte, lines int64) {
	if len(p) == 0 {
		return
	}
	w.bytes, w.lines, w.last = w.bytes+int64(len(p)), w.lines+lines, p[len(p)-1]
	n := min(len(p), w.headMax-len(w.head))
	w.head = extend(w.head, p[:n])
	if n < len(p) && w.tail.max > 0 {
		w.tail.write(p[n:])
	}
}

// Finish ends the stream. It returns the text to show, its figures, and whether anything was left out. Lines and bytes
// kept are those of the stream, without the marker; a line that is shown in part is kept, TokensKept estimates the
// text as returned.
func (k *Keeper) Finish() (text []byte, report *wire.BudgetReport, truncated bool) {
	if k.grep != nil {
		k.grep.flush(k.pass)
	}
	if k.fold != nil && !k.allFits() {
		o := &k.o
		shown := k.fold.Finish(compress.Limits{Chars: o.MaxChars, Tokens: o.MaxTokens, Lines: o.MaxLines}, EstimateTokens, k.where())
		if len(shown.Text) > 0 {
			report = k.report(shown.Text, shown.Lines, shown.Bytes)
			report.Mode = ModeCompress
			return shown.Text, report, true
		}
	}
	text, lines, kept := k.compose()
	for max := k.o.MaxTokens; max > 0; {
		// What the ends of the parts cost beside the marker shows only in the whole.
		over := int64(EstimateTokens(text)) - max
		if over <= 0 {
			break
		}
		k.slack += over
		text, lines, kept = k.compose()
	}
	return text, k.report(text, lines, kept), kept < k.bytes
}

// report returns the figures of a text that shows so many lines and bytes of the stream.
func (k *Keeper) report(text []byte, lines, kept int64) *wire.BudgetReport {
	return &wire.BudgetReport{
		LinesTotal: total(k.lines, k.bytes, k.last), LinesKept: lines, BytesTotal: k.bytes, BytesKept: kept,
		TokensKept: int64(EstimateTokens(text)), Mode: k.o.Mode,
	}
}

// compose returns the text to show, and how many lines and bytes of the stream it shows.
func (k *Keeper) compose() (text []byte, lines, kept int64) {
	head, tail := k.choose()
	w := &k.kept
	gap := w.bytes - int64(len(head)+len(tail))
	lines = lineCount(head) + lineCount(tail)
	if len(head) > 0 && len(tail) > 0 && head[len(head)-1] != '\n' &&
		w.lines == int64(bytes.Count(head, newline)+bytes.Count(tail, newline)) {
		lines-- // both are parts of one line
	}
	text = head
	if gap > 0 && k.roomy() {
		marker := k.marker(total(w.lines, w.bytes, w.last)-lines, gap)
		text = make([]byte, 0, len(head)+len(tail)+len(marker)+2)
		text = append(text, head...)
		if len(head) > 0 && head[len(head)-1] != '\n' {
			text = append(text, '\n')
		}
		text = append(text, marker...)
		text = append(append(text, '\n'), tail...)
	} else if len(tail) > 0 {
		text = append(bytes.Clone(head), tail...)
	}
	return text, lines, int64(len(head) + len(tail))
}

// caps returns what may be shown in all.
func (k *Keeper) caps() limits {
	tokens := unlimited(k.o.MaxTokens)
	if k.slack > 0 {
		tokens = max(0, tokens-k.slack)
	}
	return limits{unlimited(k.o.MaxChars), tokens, unlimited(k.o.MaxLines)}
}

// FinishBinary ends a stream that is not text. It returns what is kept of it in base64, which the caps hold for: the
// beginning, or in mode tail the end, without a marker, since nothing could tell it from data.
func (k *Keeper) FinishBinary() (text string, report *wire.BudgetReport, truncated bool) {
	if k.grep != nil {
		k.grep.flush(k.pass)
	}
	a, b := k.kept.tail.parts()
	kept := k.kept.head
	if whole := int64(len(kept)+len(a)+len(b)) == k.kept.bytes; whole || k.o.Mode == ModeTail {
		kept = slices.Concat(kept, a, b)
	}
	for room := int64(len(kept)); ; {
		part := kept[:room]
		if k.o.Mode == ModeTail {
			part = kept[int64(len(kept))-room:]
		}
		text = base64.StdEncoding.EncodeToString(part)
		tokens := int64(EstimateTokens([]byte(text)))
		if int64(len(text)) <= k.o.MaxChars && tokens <= unlimited(k.o.MaxTokens) {
			return text, k.report([]byte(text), lineCount(part), room), room < k.bytes
		}
		// Both figures grow evenly with the data, so this comes close at once.
		next := min(room-1, k.o.MaxChars/4*3)
		if limit := k.o.MaxTokens; limit > 0 && tokens > limit {
			next = min(next, int64(float64(room)*float64(limit)/float64(tokens)))
		}
		room = next
	}
}

// choose returns the first and the last part to show; together they are the whole where it fits.
func (k *Keeper) choose() (head, tail []byte) {
	w, o := &k.kept, &k.o
	a, b := w.tail.parts()
	tail = append(append(make([]byte, 0, len(w.tail.buf)), a...), b...)
	whole := w.bytes == int64(len(w.head)+len(tail))
	if whole {
		all := append(w.head[:len(w.head):len(w.head)], tail...)
		if k.fits(all) {
			return all, nil
		}
		head, tail = all, all
	} else {
		head = w.head
	}
	left := k.caps()
	useHead, useTail := o.Mode != ModeTail, o.Mode != ModeHead
	if o.Mode == ModeHeadTail && o.Head+o.Tail > 0 {
		useHead, useTail = o.Head > 0, o.Tail > 0
	}
	if k.roomy() {
		left = left.less(k.reserve())
	} else if useHead {
		// Two ends with no marker between them would read as if they belonged together.
		useTail = false
	}
	headLines, tailLines := unlimited(o.Head), unlimited(o.Tail)
	if !useTail {
		return head[:prefix(head, left.lined(headLines))], nil
	}
	if !useHead {
		return nil, tail[suffix(tail, left.lined(tailLines)):]
	}
	// Each end gets half; what one does not use goes to the other.
	first := head[:prefix(head, left.half().lined(headLines))]
	if whole {
		tail = tail[len(first):]
	}
	tail = tail[suffix(tail, left.less(cost(first)).lined(tailLines)):]
	if whole {
		head = head[:len(head)-len(tail)]
	}
	if n := prefix(head, left.less(cost(tail)).lined(headLines)); n > len(first) {
		first = head[:n]
	}
	return first, tail
}

// allFits reports whether the stream that remains after grep is held whole and may be shown.
func (k *Keeper) allFits() bool {
	w := &k.kept
	a, b := w.tail.parts()
	return w.bytes == int64(len(w.head)+len(a)+len(b)) && k.fits(slices.Concat(w.head, a, b))
}

// fits reports whether the whole stream may be shown.
func (k *Keeper) fits(all []byte) bool {
	o := &k.o
	if o.MaxTokens > 0 && int64(len(all)) > 64*o.MaxTokens {
		return false // a token is never more than 64 bytes, those of a run of spaces
	}
	left, lines := k.caps(), lineCount(all)
	if lines > left.lines || o.Head+o.Tail > 0 && lines > o.Head+o.Tail || int64(utf8.RuneCount(all)) > left.chars {
		return false
	}
	return withinTokens(all, left.tokens)
}

// reserve is the most that the marker and the line ends around it can cost: no figure in it is above the totals.
func (k *Keeper) reserve() limits {
	w := &k.kept
	c := cost(k.marker(total(w.lines, w.bytes, w.last), w.bytes))
	return limits{c.chars + 2, c.tokens + 2, c.lines}
}

// roomy reports whether the caps leave room for something beside the marker.
func (k *Keeper) roomy() bool {
	left := k.caps().less(k.reserve())
	return left.chars > 0 && left.tokens > 0 && left.lines > 0
}

func (k *Keeper) marker(lines, n int64) []byte {
	return fmt.Appendf(nil, "… %d lines (%d bytes) left out%s …", lines, n, k.where())
}

// where says where what is left out can be read.
func (k *Keeper) where() string {
	if k.spool == nil {
		return ""
	}
	return "; output.read has them"
}

func unlimited(n int64) int64 {
	if n == 0 {
		return math.MaxInt64
	}
	return n
}

func total(lines, n int64, last byte) int64 {
	if n > 0 && last != '\n' {
		lines++
	}
	return lines
}

func lineCount(p []byte) int64 {
	if len(p) == 0 {
		return 0
	}
	return total(int64(bytes.Count(p, newline)), 1, p[len(p)-1])
}

// limits is an amount of text in each of the three units.
type limits struct{ chars, tokens, lines int64 }

func cost(p []byte) limits {
	return limits{int64(utf8.RuneCount(p)), int64(EstimateTokens(p)), lineCount(p)}
}

// withinTokens reports whether p is at most limit tokens; it counts only where that is in doubt.
func withinTokens(p []byte, limit int64) bool {
	return limit >= 2*int64(len(p)) || int64(EstimateTokens(p)) <= limit // no byte is more than two tokens
}

func (l limits) less(m limits) limits {
	return limits{max(0, l.chars-m.chars), max(0, l.tokens-m.tokens), max(0, l.lines-m.lines)}
}

func (l limits) half() limits {
	return limits{(l.chars + 1) / 2, (l.tokens + 1) / 2, (l.lines + 1) / 2}
}

func (l limits) lined(n int64) limits {
	l.lines = min(l.lines, n)
	return l
}

// prefix returns how long a prefix of p is within l, cut after a line end unless that costs more than half of it.
func prefix(p []byte, l limits) int {
	n := lineEnd(p, min(l.lines, int64(len(p))))
	at := 0
	for chars := int64(0); at < n && chars < l.chars; chars++ {
		_, size := utf8.DecodeRune(p[at:n])
		at += size
	}
	if l.tokens < 2*int64(at) { // no byte is more than two tokens
		at = tokenPrefix(p[:at], l.tokens)
	}
	if at == len(p) {
		return at
	}
	if i := bytes.LastIndexByte(p[:at], '\n') + 1; i > at/2 {
		return i
	}
	return at
}

// suffix returns where the longest suffix of p within l begins, cut at a line start unless that costs more than half.
func suffix(p []byte, l limits) int {
	if len(p) == 0 || l.lines == 0 {
		return len(p)
	}
	low := 0
	end := len(p)
	if p[end-1] == '\n' {
		end--
	}
	for n := int64(0); n < l.lines; n++ {
		i := bytes.LastIndexByte(p[:end], '\n')
		low = i + 1
		if i < 0 {
			break
		}
		end = i
	}
	at := len(p)
	for chars := int64(0); at > low && chars < l.chars; chars++ {
		_, size := utf8.DecodeLastRune(p[low:at])
		at -= size
	}
	if l.tokens < 2*int64(len(p)-at) {
		at += tokenSuffix(p[at:], l.tokens)
	}
	if at > low {
		if i := bytes.IndexByte(p[at:], '\n'); i >= 0 && p[at-1] != '\n' && i+1 < (len(p)-at)/2 {
			return at + i + 1
		}
	}
	return at
}
