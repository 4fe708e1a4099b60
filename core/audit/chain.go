package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"github.com/execkit/execkit/core/errdefs"
)

// The kinds of damage.
const (
	// Torn is an unfinished line at the end: a crash or a full disk, or a cut inside a record.
	Torn = "torn_tail"
	// Malformed is a line that is no record.
	Malformed = "malformed"
	// Changed is a record whose bytes do not have the hash that it states.
	Changed = "changed"
	// Missing says that records before this one are gone.
	Missing = "missing"
	// OutOfOrder is a record that stands where another should: repeated, moved or from another log.
	OutOfOrder = "out_of_order"
	// BrokenLink is a record that continues another one than that before it.
	BrokenLink = "broken_link"
	// MissingStart says that the log begins in the middle and no retention record says why.
	MissingStart = "missing_start"
	// Truncated says that the log ends before its head.
	Truncated = "truncated"
	// Replaced says that the record that the head names is another one: the log was written anew.
	Replaced = "replaced"
	// Unanchored says that records follow the head that the writers of the log keep.
	Unanchored = "unanchored"
	// BadSignature says that the head is not signed by the key given.
	BadSignature = "bad_signature"
	// BadHead says that the head cannot be read.
	BadHead = "bad_head"
	// Foreign says that a file is no audit log, or one of a later version.
	Foreign = "foreign"
)

// Damage names the first bad record.
type Damage struct {
	// Seq is the number that the record has, or should have.
	Seq int64 `json:"seq"`
	// File, Line (from 1) and Offset (in bytes) say where it is.
	File    string `json:"file,omitempty"`
	Line    int64  `json:"line,omitempty"`
	Offset  int64  `json:"offset"`
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// A chain follows the records of a log, line by line. It is the one reader of the writer, of Verify and of Query.
type chain struct {
	seq   int64  // of the last good record
	hash  string // of the last good record
	id    string // of the log
	begin struct {
		seq  int64
		prev string
	}
	lastMS    int64
	clockBack int
	records   int64
	recovered []Recovered
	retained  map[int64]string // through → hash

	file   string
	lineNo int64
	offset int64 // of the next line
	first  bool  // the next line is the first of its file
	// unnamed says that the first line of the file did not fit.
	unnamed bool

	// A line that does not fit opens a gap: a torn tail if a recovery record with its length and hash follows.
	gap     *Damage
	gapSize int64
	gapHash hash.Hash
	damage  *Damage // final

	// each, if set, gets every good record; returning false stops.
	each func(text []byte, l *line) bool
	stop bool
}

// Recovered is a recovery record that was found.
type Recovered struct {
	Seq int64 `json:"seq"`
	// TornBytes is the length of the torn tail that it seals; Unanchored counts the records before it that the head
	// did not cover.
	TornBytes  int64 `json:"torn_bytes,omitempty"`
	Unanchored int64 `json:"unanchored,omitempty"`
}

func newChain() *chain { return &chain{hash: zeroHash, retained: make(map[int64]string), first: true} }

// nextFile starts the next file of the log.
func (c *chain) nextFile(file string) {
	c.settle()
	c.file, c.lineNo, c.offset, c.first = file, 0, 0, true
}

// feed reads lines to the end of r. The last one may lack its line end; it is then a gap.
func (c *chain) feed(r io.Reader) error {
	buf := make([]byte, 256<<10)
	start, end := 0, 0
	for {
		n, err := r.Read(buf[end:])
		end += n
		for !c.done() {
			i := bytes.IndexByte(buf[start:end], '\n')
			if i < 0 {
				break
			}
			c.line(buf[start:start+i], true)
			start += i + 1
		}
		switch {
		case c.done():
			return nil
		case err == io.EOF:
			if start < end {
				c.line(buf[start:end], false)
			}
			return nil
		case err != nil:
			return err
		}
		if start > 0 {
			end = copy(buf, buf[start:end])
			start = 0
		}
		if end == len(buf) {
			if len(buf) > 2*maxRecord {
				// No record is that long; what it is instead need not be held to be named.
				c.line(buf[:end], false)
				end = 0
				continue
			}
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

func (c *chain) done() bool { return c.damage != nil || c.stop }

// line takes one line, ended or not.
func (c *chain) line(text []byte, ended bool) {
	size := int64(len(text))
	if ended {
		size++
	}
	at := c.offset
	c.offset += size
	c.lineNo++
	l, parsed := parseLine(text)
	bad := c.check(&l, parsed, ended)
	if c.first {
		c.first, c.unnamed = false, bad != nil
		if bad == nil && !c.opens(text, &l) {
			return
		}
	}
	if c.gap != nil {
		if bad == nil && string(l.kind) == string(Recovery) && c.seals(text) {
			c.gap = nil
			// Where the torn line was the first of its file, the seal is what names the log.
			if c.unnamed && !c.opens(text, &l) {
				return
			}
			c.take(text, &l)
			return
		}
		if bad == nil {
			c.damage = c.gap
			return
		}
		c.widen(text, ended)
		return
	}
	if bad != nil {
		bad.File, bad.Line, bad.Offset = c.file, c.lineNo, at
		c.gap, c.gapSize, c.gapHash = bad, 0, sha256.New()
		c.widen(text, ended)
		return
	}
	if string(l.kind) == string(Recovery) && !c.notes(text, &l, at) {
		return
	}
	c.take(text, &l)
}

func (c *chain) widen(text []byte, ended bool) {
	c.gapHash.Write(text)
	c.gapSize += int64(len(text))
	if ended {
		c.gapHash.Write([]byte{'\n'})
		c.gapSize++
	}
}

// check says what is wrong with a line, or nil.
func (c *chain) check(l *line, parsed, ended bool) *Damage {
	bad := &Damage{Seq: c.seq + 1}
	switch {
	case !ended:
		bad.Kind = Torn
		bad.Message = "the last line is not finished: a crash, a full disk, or a cut inside the record"
	case !parsed:
		bad.Kind = Malformed
		bad.Message = "the line is not a record of this format"
	case !l.whole():
		bad.Kind = Changed
		bad.Message = fmt.Sprintf("the bytes of record %d do not have the hash that it states", l.seq)
	case c.records == 0 && c.seq == 0 && l.seq > 1 && c.gap == nil:
		// The log begins in the middle; a retention record has to say so.
		c.seq, c.hash = l.seq-1, string(l.prev)
		return nil
	case l.seq > c.seq+1:
		bad.Kind = Missing
		bad.Message = fmt.Sprintf("record %d follows record %d; %d records are gone", l.seq, c.seq, l.seq-c.seq-1)
	case l.seq <= c.seq:
		bad.Kind = OutOfOrder
		bad.Message = fmt.Sprintf("record %d follows record %d: repeated, moved or from another log", l.seq, c.seq)
	case string(l.prev) != c.hash:
		bad.Kind = BrokenLink
		bad.Message = fmt.Sprintf("record %d does not continue record %d: it is from another log or was forged", l.seq, c.seq)
	default:
		return nil
	}
	return bad
}

// preamble is what the first record of a file says in its data.
type preamble struct {
	Data struct {
		Format     int    `json:"format"`
		ID         string `json:"id"`
		TornBytes  int64  `json:"torn_bytes"`
		TornSHA256 string `json:"torn_sha256"`
		Unanchored int64  `json:"unanchored"`
		Through    int64  `json:"through"`
		Hash       string `json:"hash"`
	} `json:"data"`
}

func unmarshal(text []byte, dst any) error { return json.Unmarshal(text, dst) }

// opens checks the first record of a file and reports whether the file can be read on.
func (c *chain) opens(text []byte, l *line) bool {
	var p preamble
	err := unmarshal(text, &p)
	known := string(l.kind) == string(Log) || string(l.kind) == string(Rotate) || string(l.kind) == string(Recovery)
	message := ""
	switch {
	case err != nil || !known || p.Data.ID == "":
		message = "the first record of the file does not name the log: records before it are gone, or the file is no audit log"
	case p.Data.Format > Format:
		message = fmt.Sprintf("the log is of format %d; this version reads up to %d", p.Data.Format, Format)
	case c.id != "" && c.id != p.Data.ID:
		message = "the file belongs to another log"
	default:
		if c.id == "" {
			c.begin.seq, c.begin.prev = l.seq, string(l.prev)
		}
		c.id, c.unnamed = p.Data.ID, false
		return true
	}
	c.damage = &Damage{Seq: l.seq, File: c.file, Line: c.lineNo, Kind: Foreign, Message: message}
	if l.seq > 1 && p.Data.Format <= Format && c.id == "" {
		c.damage.Kind = Missing
	}
	return false
}

// seals takes a recovery record that describes the gap before it, and reports whether it does.
func (c *chain) seals(text []byte) bool {
	var p preamble
	if unmarshal(text, &p) != nil {
		return false
	}
	if p.Data.TornBytes != c.gapSize || p.Data.TornSHA256 != hex.EncodeToString(c.gapHash.Sum(nil)) {
		return false
	}
	c.recovered = append(c.recovered, Recovered{Seq: c.seq + 1, TornBytes: c.gapSize, Unanchored: p.Data.Unanchored})
	return true
}

// notes takes a recovery record that follows no gap: it must not speak of a torn tail, since that would be gone.
func (c *chain) notes(text []byte, l *line, at int64) bool {
	var p preamble
	if unmarshal(text, &p) == nil && p.Data.TornBytes == 0 {
		c.recovered = append(c.recovered, Recovered{Seq: l.seq, Unanchored: p.Data.Unanchored})
		return true
	}
	c.damage = &Damage{Seq: l.seq, File: c.file, Line: c.lineNo, Offset: at, Kind: Missing,
		Message: fmt.Sprintf("record %d seals a torn tail that is no longer there", l.seq)}
	return false
}

// take accepts a good record.
func (c *chain) take(text []byte, l *line) {
	c.seq = l.seq
	// The buffer is used again.
	c.hash = string(l.hash)
	c.records++
	if l.timeMS < c.lastMS {
		c.clockBack++
	}
	c.lastMS = l.timeMS
	if string(l.kind) == string(Retention) {
		var p preamble
		if unmarshal(text, &p) == nil {
			c.retained[p.Data.Through] = p.Data.Hash
		}
	}
	if c.each != nil && !c.each(text, l) {
		c.stop = true
	}
}

// settle makes a gap that nothing sealed final; it is called where a file ends.
func (c *chain) settle() {
	if c.gap != nil && c.damage == nil {
		c.damage = c.gap
	}
}

// asError is the damage as an error of a writer that must not go on.
func (d *Damage) asError() *errdefs.Error {
	return errdefs.New(errdefs.AuditFailed, "the audit log %s is damaged at record %d: %s", errdefs.Quote(d.File), d.Seq, d.Message).
		WithHint("nothing is appended to a damaged log; execkit audit verify shows the damage; keep the file and name another")
}
