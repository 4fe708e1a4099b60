package compress

import (
	"bytes"
	"hash/maphash"
	"sort"
)

const (
	// maxLine is how much of a line is looked at and can be shown.
	maxLine = 4 << 10
	// edgeLines are kept at both ends whatever they say.
	edgeLines = 40
	// maxHeld bounds the lines that are held for the choice, in bytes and in number.
	maxHeld      = 4 << 20
	maxHeldLines = 32 << 10
	// maxShapes and maxRuns bound what is remembered of the forms of lines.
	maxShapes = 16 << 10
	maxRuns   = 16 << 10
	// reach is how many lines after an error are its context, reachBefore how many before it.
	reach       = 26
	reachBefore = 2
)

// note marks what a compiler adds to an error: candidates that failed to match, where it was declared before.
var note = []byte(": note: ")

// A Folder reads one stream. It must not be used by two goroutines at once.
type Folder struct {
	pending []byte // the line that has not ended, at most maxLine of it
	length  int64  // of that line
	seed    maphash.Seed

	line   int64 // lines read
	held   []entry
	bytes  int
	tail   [edgeLines]entry
	before [reachBefore]entry
	title  entry // the last line without an indent
	blank  int64 // empty lines since the last other one
	shapes map[uint64]*form
	others form // what has no room in shapes
	seen   map[uint64]int
	runs   []run

	context  int  // how many lines the last error still reaches
	strength int  // its weight
	library  bool // the line before was a frame of a library
}

// An entry is one line that may be shown. Of a line longer than maxLine, text is the beginning.
type entry struct {
	number int64 // from 0
	text   []byte
	length int64 // in the stream, with its line end
	weight int
	shape  uint64
	ended  bool
	near   bool  // weighs what it does because of a line beside it
	blank  int64 // empty lines directly before
}

// A form counts the lines of one shape, and those of them that told of an error or a warning.
type form struct{ count, telling int }

// A run is a number of lines, one after the other, of one shape; 0 is for mixed ones.
type run struct {
	first, count int64
	shape        uint64
}

// NewFolder returns a Folder at the start of a stream.
func NewFolder() *Folder {
	return &Folder{shapes: make(map[uint64]*form), seen: make(map[uint64]int), seed: maphash.MakeSeed()}
}

// Write adds p to the stream; p is not kept.
func (f *Folder) Write(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			f.add(p)
			return
		}
		if f.length == 0 && end < maxLine {
			f.read(p[:end], int64(end)+1, true)
		} else {
			f.add(p[:end])
			f.endLine(true)
		}
		p = p[end+1:]
	}
}

func (f *Folder) add(p []byte) {
	f.length += int64(len(p))
	f.pending = append(f.pending, p[:min(len(p), maxLine-len(f.pending))]...)
}

func (f *Folder) endLine(ended bool) {
	length := f.length
	if ended {
		length++
	}
	f.read(f.pending, length, ended)
	f.pending, f.length = f.pending[:0], 0
}

// read weighs one line and keeps it where it may be shown.
func (f *Folder) read(line []byte, length int64, ended bool) {
	e := entry{number: f.line, text: line, length: length, ended: ended}
	f.line++
	text := bytes.TrimSpace(line)
	flags := scan(line)
	if flags&flagStrong != 0 && bytes.Contains(line, note) {
		flags &^= flagStrong | flagWeak
	}
	e.shape = shape(line)
	form := f.form(e.shape)
	form.count++
	f.count(e.number, e.shape)
	e.weight = weigh(text, flags)
	if e.weight >= weightWarning {
		e.weight = f.repeated(e.weight, line, form)
	}
	if e.blank = f.blank; len(text) == 0 {
		f.blank++
	} else {
		f.blank = 0
	}
	f.reach(&e, text, flags, form)
	if e.number < edgeLines || e.weight > weightPlain || e.weight == weightPlain && form.count <= 3 {
		f.hold(e)
	}
	f.tail[e.number%edgeLines].set(e)
	f.before[e.number%reachBefore].set(e)
	if len(text) > 0 && byteKinds[line[0]] != byteSpace {
		f.title.set(e)
	}
}

// set makes t a copy of e in memory of its own.
func (t *entry) set(e entry) {
	buf := append(t.text[:0], e.text...)
	*t = e
	t.text = buf
}

func (f *Folder) form(shape uint64) *form {
	if known, ok := f.shapes[shape]; ok {
		return known
	}
	if len(f.shapes) >= maxShapes {
		return &f.others
	}
	created := new(form)
	f.shapes[shape] = created
	return created
}

// count adds a line to the runs. When there is no room for another run, the last one takes all that follows as mixed.
func (f *Folder) count(number int64, shape uint64) {
	last := len(f.runs) - 1
	if last >= 0 && f.runs[last].shape == shape {
		f.runs[last].count++
		return
	}
	if last == maxRuns-1 {
		f.runs[last].count++
		f.runs[last].shape = 0
		return
	}
	f.runs = append(f.runs, run{number, 1, shape})
}

// repeated takes weight off a line of a form that said something before, the more the more often, and much where the
// very same line was there.
func (f *Folder) repeated(weight int, line []byte, form *form) int {
	form.telling++
	step := 4
	switch {
	case weight > weightStrong+4:
		step = 2 // names of tests, each of which matters
	case weight < weightStrong-20:
		step = 12
	}
	for n := form.telling; n > 1; n /= 2 {
		weight -= step
	}
	key := maphash.Bytes(f.seed, bytes.TrimSpace(line))
	times := f.seen[key]
	if times > 0 || len(f.seen) < maxShapes {
		f.seen[key]++
	}
	if times > 0 {
		weight -= 24
	}
	return max(weight, weightPlain)
}

// reach gives the lines around an error their weight.
func (f *Folder) reach(e *entry, text []byte, flags uint8, form *form) {
	place := flags&flagPlace != 0 || bytes.HasPrefix(text, []byte("File \""))
	library := isLibraryFrame(text, flags)
	switch {
	case library:
		e.weight = weightNoise
	case f.library && !place && e.weight <= weightPlain && len(e.text) > 0 && byteKinds[e.text[0]] == byteSpace:
		// The source line under a frame of a library.
		e.weight = weightNoise
	case f.context > 0 && len(text) > 0 && e.weight != weightNoise:
		near := f.strength - 22 - 2*(reach-f.context)
		if place {
			near += 14
		}
		if near > e.weight {
			e.weight, e.near = near, !place
		}
	}
	f.library = library
	if f.context > 0 {
		f.context--
	}
	switch {
	case flags&flagStrong != 0 && e.weight >= weightStrong-30, e.weight >= weightStrong-6:
	case flags&(flagWeak|flagNegation) != 0 && e.weight >= weightWeak-14 && form.count <= 2:
	default:
		return
	}
	f.context, f.strength = reach, e.weight
	for i := int64(reachBefore); i >= 1; i-- {
		if b := &f.before[(e.number-i+reachBefore)%reachBefore]; e.number >= i && b.number == e.number-i {
			f.raise(b, e.weight-30-4*int(i))
		}
	}
	if byteKinds[e.text[0]] == byteSpace && f.title.length > 0 {
		f.raise(&f.title, e.weight-14)
	}
}

// raise gives a line before an error its weight.
func (f *Folder) raise(b *entry, weight int) {
	if len(bytes.TrimSpace(b.text)) == 0 {
		return
	}
	if b.weight == weightNoise {
		weight -= 30
	}
	if b.weight < weight {
		b.weight, b.near = weight, true
		f.hold(*b)
	}
}

// hold keeps a copy of e for the choice.
func (f *Folder) hold(e entry) {
	e.text = bytes.Clone(e.text)
	f.held = append(f.held, e)
	f.bytes += len(e.text) + 64
	if f.bytes > maxHeld || len(f.held) > maxHeldLines {
		f.drop()
	}
}

// drop gives up the lighter half of what is held.
func (f *Folder) drop() {
	f.settle()
	sort.SliceStable(f.held, func(i, j int) bool { return f.held[i].weight > f.held[j].weight })
	keep, bytes := 0, 0
	for keep < len(f.held)/2 && bytes < maxHeld/2 {
		bytes += len(f.held[keep].text) + 64
		keep++
	}
	clear(f.held[keep:])
	f.held, f.bytes = f.held[:keep], bytes
	f.settle()
}

// settle puts what is held in order, each line once with its greatest weight.
func (f *Folder) settle() {
	sort.SliceStable(f.held, func(i, j int) bool {
		a, b := &f.held[i], &f.held[j]
		return a.number < b.number || a.number == b.number && a.weight > b.weight
	})
	kept := f.held[:0]
	for _, e := range f.held {
		if len(kept) == 0 || kept[len(kept)-1].number != e.number {
			kept = append(kept, e)
		}
	}
	clear(f.held[len(kept):])
	f.held = kept
}
