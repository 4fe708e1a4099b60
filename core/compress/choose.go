package compress

import (
	"bytes"
	"math"
	"slices"
	"sort"
	"strconv"
	"unicode/utf8"
)

// Limits are the caps of what is shown; 0 is none.
type Limits struct{ Chars, Tokens, Lines int64 }

// Shown is the part of a stream that is shown: its text with the markers, and how many lines and bytes of the stream
// are in it.
type Shown struct {
	Text         []byte
	Lines, Bytes int64
}

// markerTokens is about what a marker costs.
const markerTokens = 10

// Finish ends the stream and returns what is shown of it within the limits. count counts the tokens of a text, and
// where is added to the first marker. Nothing is shown where not even one line fits.
func (f *Folder) Finish(l Limits, count func([]byte) int, where string) Shown {
	if f.length > 0 {
		f.endLine(false)
	}
	f.edges()
	c := choice{folder: f, count: count, where: where, limits: l}
	for spare := int64(0); ; {
		shown := c.choose(spare)
		over := c.over(shown.Text)
		if over <= 0 || len(shown.Text) == 0 {
			return shown
		}
		spare += over
	}
}

// edges weighs the lines at both ends and those of a rare form, and takes weight off neighbours of a common form.
func (f *Folder) edges() {
	for i := range f.tail {
		if e := &f.tail[i]; e.length > 0 {
			f.atEdge(e, f.line-1-e.number, 88)
			f.held = append(f.held, *e)
		}
	}
	f.settle()
	for i := range f.held {
		e := &f.held[i]
		if e.number < edgeLines {
			f.atEdge(e, e.number, 60)
		}
		n := f.form(e.shape).count
		if e.weight == weightPlain && n <= 4 {
			e.weight = weightRare - 4*n
		}
		switch {
		case e.near && n > 10*common:
			e.weight -= 40
		case e.near && n > common:
			e.weight -= 25
		}
	}
}

// common is how often a form has to occur for its lines to say little.
const common = 20

// atEdge weighs a line at a distance from an end of the stream.
func (f *Folder) atEdge(e *entry, distance int64, top int) {
	if len(bytes.TrimSpace(e.text)) == 0 || distance > 2 && f.form(e.shape).count > common {
		return
	}
	if w := edge(distance, top); w > e.weight {
		e.weight, e.near = w, false
	}
}

// edge is the weight of the line at a distance from an end.
func edge(distance int64, top int) int {
	return max(top-6*int(distance), 24-int(distance)/2, 0)
}

// A choice of the lines to show.
type choice struct {
	folder *Folder
	count  func([]byte) int
	where  string
	limits Limits
}

// over returns by how many tokens a text is above the limits.
func (c *choice) over(text []byte) int64 {
	l, over := c.limits, int64(0)
	if l.Tokens > 0 {
		over = max(over, int64(c.count(text))-l.Tokens)
	}
	if l.Chars > 0 {
		over = max(over, (int64(utf8.RuneCount(text))-l.Chars+2)/3)
	}
	if l.Lines > 0 {
		lines := int64(bytes.Count(text, []byte{'\n'}))
		if len(text) > 0 && text[len(text)-1] != '\n' {
			lines++
		}
		over = max(over, (lines-l.Lines)*markerTokens)
	}
	return over
}

// choose takes lines by weight until the limits less the spare tokens are used up.
func (c *choice) choose(spare int64) Shown {
	f := c.folder
	// One unit for all three limits, so that one sum decides: tokens, or characters at three a token.
	room := int64(math.MaxInt64)
	if c.limits.Tokens > 0 {
		room = c.limits.Tokens
	}
	if c.limits.Chars > 0 {
		room = min(room, c.limits.Chars/3)
	}
	lines := int64(math.MaxInt64)
	if c.limits.Lines > 0 {
		lines = c.limits.Lines
	}
	used := spare + markerTokens + int64(len(c.where))/4
	longest := max(40, room/8)
	order := make([]int, len(f.held))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := &f.held[order[i]], &f.held[order[j]]
		if a.weight != b.weight {
			return a.weight > b.weight
		}
		if a.weight <= weightRare {
			return min(a.number, f.line-1-a.number) < min(b.number, f.line-1-b.number)
		}
		return false
	})
	chosen := make(map[int64]*shownLine)
	misses := 0
	for _, i := range order {
		e := &f.held[i]
		if e.weight <= weightPlain || misses > 200 {
			break
		}
		line := c.clip(e, longest)
		_, before := chosen[e.number-1]
		_, after := chosen[e.number+1]
		gaps := int64(1)
		if before || e.number == 0 {
			gaps--
		}
		if after || e.number == f.line-1 {
			gaps--
		}
		cost := line.tokens + gaps*markerTokens
		if used+cost > room || int64(len(chosen))+1+max(0, gaps) > lines {
			misses++
			continue
		}
		used += cost
		lines -= gaps
		chosen[e.number] = line
	}
	c.bridge(chosen)
	return c.render(chosen)
}

// bridge adds a line between two chosen ones that costs less than its marker would.
func (c *choice) bridge(chosen map[int64]*shownLine) {
	for i := range c.folder.held {
		e := &c.folder.held[i]
		if chosen[e.number] != nil || chosen[e.number-1] == nil || chosen[e.number+1] == nil {
			continue
		}
		if line := c.clip(e, markerTokens); line.tokens < markerTokens && line.bytes == e.length {
			chosen[e.number] = line
		}
	}
}

// A shownLine is a line as it is shown, without its line end.
type shownLine struct {
	entry  *entry
	text   []byte
	bytes  int64
	tokens int64
}

// clip shortens a line of more than longest tokens in its middle.
func (c *choice) clip(e *entry, longest int64) *shownLine {
	text := e.text
	whole := int64(len(text)) >= e.length-1
	s := &shownLine{entry: e, text: text, bytes: e.length, tokens: int64(c.count(text)) + 1}
	if whole && s.tokens <= longest {
		return s
	}
	size := len(text)
	if s.tokens > longest {
		size = int(int64(size) * longest / s.tokens)
	}
	head, tail := size*2/3, size/3
	if !whole {
		head, tail = size, 0 // the end of the line is not held
	}
	for head > 0 && head < len(text) && !utf8.RuneStart(text[head]) {
		head--
	}
	from := len(text) - tail
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	left := e.length - int64(head+len(text)-from)
	s.text = slices.Concat(text[:head], []byte(" … "+grouped(left)+" bytes … "), text[from:])
	s.bytes = e.length - left
	s.tokens = int64(c.count(s.text)) + 1
	return s
}

// render writes the chosen lines in order, with a marker for each gap.
func (c *choice) render(chosen map[int64]*shownLine) Shown {
	if len(chosen) == 0 {
		return Shown{}
	}
	numbers := make([]int64, 0, len(chosen))
	for n := range chosen {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var s Shown
	next, where := int64(0), c.where
	marker := func(from, to int64) {
		if from < to {
			s.Text = append(s.Text, c.folder.marker(from, to, where)...)
			where = ""
		}
	}
	for _, n := range numbers {
		line := chosen[n]
		if n-next <= 3 && n-next == line.entry.blank {
			s.Text = append(s.Text, bytes.Repeat([]byte{'\n'}, int(n-next))...)
			s.Lines, s.Bytes = s.Lines+n-next, s.Bytes+n-next
		} else {
			marker(next, n)
		}
		s.Text = append(s.Text, line.text...)
		if line.entry.ended {
			s.Text = append(s.Text, '\n')
		}
		s.Lines++
		s.Bytes += line.bytes
		next = n + 1
	}
	marker(next, c.folder.line)
	return s
}

// marker stands for the lines [from, to).
func (f *Folder) marker(from, to int64, where string) string {
	n, what := to-from, " lines"
	switch {
	case n == 1:
		what = " line"
	case n > 2 && f.similar(from, to):
		what = " similar lines"
	}
	return "… " + grouped(n) + what + where + " …\n"
}

// similar reports whether nine of ten of the lines [from, to) are of one form.
func (f *Folder) similar(from, to int64) bool {
	i := sort.Search(len(f.runs), func(i int) bool { return f.runs[i].first+f.runs[i].count > from })
	counts := make(map[uint64]int64)
	for ; i < len(f.runs) && f.runs[i].first < to; i++ {
		r := f.runs[i]
		counts[r.shape] += min(to, r.first+r.count) - max(from, r.first)
	}
	for shape, n := range counts {
		if shape != 0 && n*10 >= (to-from)*9 {
			return true
		}
	}
	return false
}

// grouped writes a number with a comma between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
