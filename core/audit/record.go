package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// Format is the version of the file format that this package writes; it reads none above it.
const Format = 1

// A Kind says what a record is about.
type Kind string

// The kinds of records. Log, Rotate, Recovery and Retention are the log's own; a caller cannot append them.
const (
	Log        Kind = "log"       // the first record of a log
	Rotate     Kind = "rotate"    // the first record of the next file of a log
	Recovery   Kind = "recovery"  // seals a torn tail, or says that records before it were not anchored
	Retention  Kind = "retention" // the records up to Data["through"] are deleted
	Open       Kind = "open"
	Intent     Kind = "intent"  // written before a command reaches the shell
	Outcome    Kind = "outcome" // what it came to
	Block      Kind = "block"   // a command that was refused
	Approval   Kind = "approval"
	Input      Kind = "input" // what was written to a running command
	Checkpoint Kind = "checkpoint"
	Restore    Kind = "restore"
	Snapshot   Kind = "snapshot"
	Reconnect  Kind = "reconnect" // a fresh shell or connection in the same session
	File       Kind = "file"      // a file operation that was not a command
	Quota      Kind = "quota"     // a quota of the session was reached
	Close      Kind = "close"
)

// kinds are those that a caller may append.
var kinds = []Kind{Open, Intent, Outcome, Block, Approval, Input, Checkpoint, Restore, Snapshot, Reconnect, File, Quota, Close}

// A Record is one line of the log. Append fills in Seq, Prev, Hash and TimeMS. Every text is redacted before it comes
// here; this package does not look for secrets.
type Record struct {
	Seq  int64  `json:"seq,omitempty"`
	Prev string `json:"prev,omitempty"`
	Kind Kind   `json:"kind"`
	// TimeMS is the writer's clock in milliseconds since 1970. A clock that is set back is recorded as it is.
	TimeMS int64 `json:"time_ms"`
	Source
	// Exec joins the records of one command; Intent is the number of its intent.
	Exec   string `json:"exec,omitempty"`
	Intent int64  `json:"intent,omitempty"`
	// Command is cut at [MaxText] bytes; CommandBytes and CommandSHA256 are then those of the whole text.
	Command       string `json:"command,omitempty"`
	CommandBytes  int    `json:"command_bytes,omitempty"`
	CommandSHA256 string `json:"command_sha256,omitempty"`
	Cwd           string `json:"cwd,omitempty"`
	// Env lists what was set for this command alone; Stdin is the beginning of what it read.
	Env        []string `json:"env,omitempty"`
	Stdin      string   `json:"stdin,omitempty"`
	StdinBytes int      `json:"stdin_bytes,omitempty"`
	TimeoutMS  int64    `json:"timeout_ms,omitempty"`
	// Decision is the policy's; Rules are the identifiers of the rules that matched.
	Decision   string   `json:"decision,omitempty"`
	Rules      []string `json:"rules,omitempty"`
	ApprovedBy string   `json:"approved_by,omitempty"`
	// Code, Source and Reason say why a command was refused.
	Code    string `json:"code,omitempty"`
	Blocker string `json:"source,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Who answered a question, and how; Digest is the hash that the answer is bound to.
	Who    string `json:"who,omitempty"`
	Answer string `json:"answer,omitempty"`
	Digest string `json:"digest,omitempty"`
	// What a command came to. Stdout and Stderr are the beginning of what the caller got.
	ExitCode    *int             `json:"exit_code,omitempty"`
	Signal      string           `json:"signal,omitempty"`
	DurationMS  *int64           `json:"duration_ms,omitempty"`
	TimedOut    bool             `json:"timed_out,omitempty"`
	Cancelled   bool             `json:"cancelled,omitempty"`
	ShellExited bool             `json:"shell_exited,omitempty"`
	Encoding    string           `json:"encoding,omitempty"`
	Stdout      string           `json:"stdout,omitempty"`
	Stderr      string           `json:"stderr,omitempty"`
	StdoutBytes int64            `json:"stdout_bytes,omitempty"`
	StderrBytes int64            `json:"stderr_bytes,omitempty"`
	Redactions  []wire.Redaction `json:"redactions,omitempty"`
	// Data holds what only one kind has.
	Data map[string]any `json:"data,omitempty"`
	Hash string         `json:"hash,omitempty"`
}

// A Source says where a record comes from; it is the same in every record of a session.
type Source struct {
	Session string `json:"session,omitempty"`
	Label   string `json:"label,omitempty"`
	Target  string `json:"target,omitempty"`
	// Policy is the SHA-256 of the policy in force.
	Policy  string `json:"policy,omitempty"`
	Version string `json:"version,omitempty"`
	PID     int    `json:"pid,omitempty"`
}

const (
	// MaxText bounds a command, an input and a reason in a record: enough for any script a person would read.
	MaxText = 64 << 10
	// maxRecord bounds a line, so that a reader's memory is bounded too.
	maxRecord = 4 << 20
	hashLen   = 2 * sha256.Size
)

var (
	seqMark  = []byte(`{"seq":`)
	prevMark = []byte(`,"prev":"`)
	kindMark = []byte(`","kind":"`)
	timeMark = []byte(`","time_ms":`)
	hashMark = []byte(`,"hash":"`)
	lineEnd  = []byte("\"}")
)

// zeroHash stands for the record before the first.
var zeroHash = strings.Repeat("0", hashLen)

// appendLine appends the stored form of r, with its line end, and returns its hash.
func appendLine(buf []byte, seq int64, prev string, r *Record) (line []byte, hash string, err error) {
	r.Seq, r.Prev, r.Hash = 0, "", ""
	body, err := wire.Encode(r)
	if err != nil {
		return buf, "", err
	}
	start := len(buf)
	buf = append(buf, seqMark...)
	buf = strconv.AppendInt(buf, seq, 10)
	buf = append(buf, prevMark...)
	buf = append(buf, prev...)
	buf = append(buf, `",`...)
	buf = append(buf, body[1:len(body)-1]...)
	sum := sha256.Sum256(buf[start:])
	hash = hex.EncodeToString(sum[:])
	buf = append(buf, hashMark...)
	buf = append(buf, hash...)
	buf = append(buf, "\"}\n"...)
	if n := len(buf) - start; n > maxRecord {
		return buf[:start], "", errdefs.New(errdefs.AuditFailed, "a record of %d bytes is too large for the audit log", n).
			WithHint("a record holds at most %d bytes", maxRecord)
	}
	return buf, hash, nil
}

// A line is what the chain needs of one record, cut out of the stored bytes.
type line struct {
	seq        int64
	prev, hash []byte
	kind       []byte
	timeMS     int64
	body       []byte // what the hash is over
}

// parseLine reads one line without its line end. It looks only at what stands in a fixed place, so it is fast, and
// refuses everything that this package would not have written there.
func parseLine(text []byte) (l line, ok bool) {
	rest, ok := bytes.CutPrefix(text, seqMark)
	if !ok {
		return l, false
	}
	if l.seq, rest, ok = digits(rest); !ok || l.seq < 1 {
		return l, false
	}
	if rest, ok = bytes.CutPrefix(rest, prevMark); !ok || len(rest) < hashLen {
		return l, false
	}
	l.prev, rest = rest[:hashLen], rest[hashLen:]
	if rest, ok = bytes.CutPrefix(rest, kindMark); !ok {
		return l, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return l, false
	}
	l.kind, rest = rest[:end], rest[end:]
	if rest, ok = bytes.CutPrefix(rest, timeMark); !ok {
		return l, false
	}
	if l.timeMS, rest, ok = digits(rest); !ok {
		return l, false
	}
	tail := len(hashMark) + hashLen + len(lineEnd)
	if len(rest) < tail {
		return l, false
	}
	cut := len(text) - tail
	l.body = text[:cut]
	after, ok := bytes.CutPrefix(text[cut:], hashMark)
	if !ok || !bytes.HasSuffix(after, lineEnd) {
		return l, false
	}
	l.hash = after[:hashLen]
	return l, true
}

// digits reads a number as it is written: no sign, no leading zero, within an int64.
func digits(text []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for i < len(text) && i < 18 && text[i] >= '0' && text[i] <= '9' {
		n = n*10 + int64(text[i]-'0')
		i++
	}
	return n, text[i:], i > 0 && (text[0] != '0' || i == 1)
}

// whole reports whether the line has the hash that it states.
func (l *line) whole() bool {
	sum := sha256.Sum256(l.body)
	var text [hashLen]byte
	hex.Encode(text[:], sum[:])
	return bytes.Equal(text[:], l.hash)
}

// decode reads a stored line.
func decode(text []byte) (*Record, error) {
	r := new(Record)
	// Fields of a later version of the same format are not an error.
	if err := unmarshal(text, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Sum is the SHA-256 of a text in hexadecimal.
func Sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Cut returns text cut to limit bytes at the border of a rune.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && text[limit]&0xC0 == 0x80 {
		limit--
	}
	return text[:limit]
}
