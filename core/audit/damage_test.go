package audit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A manipulation is what somebody did to a log whose head is kept elsewhere. seq is the record that has to be named,
// 0 where several could be.
type manipulation struct {
	name string
	log  []byte
	seq  int64
}

// Every manipulation of a log is found, given the head. `go test -run Manipulations -v ./core/audit` prints how many.
func TestManipulationsAreFound(t *testing.T) {
	dir := t.TempDir()
	path, head := filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "head")
	o := Options{Path: path, HeadPath: head, SignKey: newKey(t, dir)}
	lines := makeLog(t, o, "mine", 40)
	foreign := makeLog(t, Options{Path: filepath.Join(dir, "other.jsonl")}, "theirs", 40)
	public := o.SignKey + ".pub"
	mustBeWhole(t, path, VerifyOptions{HeadPath: head, PublicKey: public})
	whole := bytes.Join(lines, nil)
	all := slices.Concat(flips(lines), deletions(lines), moves(lines), insertions(lines, foreign), cuts(lines), rewrites(t, lines, foreign))
	kinds := make(map[string]int)
	for _, m := range all {
		if bytes.Equal(m.log, whole) {
			t.Fatalf("%s changes nothing", m.name)
		}
		if err := os.WriteFile(path, m.log, 0o600); err != nil {
			t.Fatal(err)
		}
		r := verify(t, path, VerifyOptions{HeadPath: head, PublicKey: public})
		switch {
		case r.OK:
			t.Errorf("%s is not found", m.name)
		case m.seq != 0 && r.Bad.Seq != m.seq:
			t.Errorf("%s: record %d is named, want %d: %+v", m.name, r.Bad.Seq, m.seq, r.Bad)
		case r.Bad.Message == "" || r.Bad.Kind == "":
			t.Errorf("%s: %+v", m.name, r.Bad)
		default:
			kinds[r.Bad.Kind]++
		}
		if w, err := OpenLog(o); err == nil {
			w.Close()
			// It stays visible: what is inside a log is left to Verify, and what was put at its end is noted. The log
			// itself has one sealed tail.
			if r := verify(t, path, VerifyOptions{HeadPath: head}); r.OK && len(r.Recovered) < 2 {
				t.Errorf("%s: opening the log hides it", m.name)
			}
			restore(t, head, whole, o)
		}
	}
	if len(all) < 500 {
		t.Errorf("only %d manipulations", len(all))
	}
	t.Logf("%d manipulations, all found: %v", len(all), kinds)
}

// restore makes log and head as they were, after a manipulated log was appended to.
func restore(t *testing.T, head string, whole []byte, o Options) {
	t.Helper()
	if err := os.WriteFile(o.Path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", nextSuffix, sigSuffix} {
		if err := os.WriteFile(head+suffix, []byte(readAll(t, head+suffix+".kept")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// makeLog writes a log with a sealed torn tail in the middle and returns its lines.
func makeLog(t *testing.T, o Options, text string, n int) [][]byte {
	t.Helper()
	w := openLog(t, o)
	for i := range n {
		add(t, w, fmt.Sprint(text, " ", i))
		if i == n/2 {
			w.Close()
			f, err := os.OpenFile(o.Path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(`{"seq":9,"pr`); err != nil {
				t.Fatal(err)
			}
			f.Close()
			w = openLog(t, o)
		}
	}
	w.Close()
	if o.HeadPath != "" {
		for _, suffix := range []string{"", nextSuffix, sigSuffix} {
			if err := os.WriteFile(o.HeadPath+suffix+".kept", []byte(readAll(t, o.HeadPath+suffix)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return slices.Collect(bytes.Lines([]byte(readAll(t, o.Path))))
}

// seqOf is the number of the record in a line; that of the next one where the line is a torn tail.
func seqOf(lines [][]byte, i int) int64 {
	for ; ; i++ {
		if l, ok := parseLine(bytes.TrimSuffix(lines[i], []byte{'\n'})); ok {
			return l.seq
		}
	}
}

func joined(parts ...[][]byte) []byte { return bytes.Join(slices.Concat(parts...), nil) }

func flips(lines [][]byte) (list []manipulation) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range lines {
		for range 5 {
			changed := slices.Clone(lines)
			changed[i] = bytes.Clone(lines[i])
			at := random.IntN(len(changed[i]))
			changed[i][at] ^= 1 << random.IntN(8)
			list = append(list, manipulation{fmt.Sprintf("flip in line %d at %d", i+1, at), joined(changed), seqOf(lines, i)})
		}
	}
	return list
}

func deletions(lines [][]byte) (list []manipulation) {
	for i := range lines {
		for _, n := range []int{1, 3} {
			if i+n <= len(lines) {
				list = append(list, manipulation{fmt.Sprintf("delete %d lines from %d", n, i+1), joined(lines[:i], lines[i+n:]), 0})
			}
		}
	}
	return append(list, manipulation{"delete everything", nil, 1})
}

func moves(lines [][]byte) (list []manipulation) {
	for i := range len(lines) - 1 {
		for _, far := range []int{1, 7} {
			if i+far < len(lines) {
				changed := slices.Clone(lines)
				changed[i], changed[i+far] = changed[i+far], changed[i]
				list = append(list, manipulation{fmt.Sprintf("swap lines %d and %d", i+1, i+far+1), joined(changed), 0})
			}
		}
	}
	return list
}

func insertions(lines, foreign [][]byte) (list []manipulation) {
	for i := range len(lines) + 1 {
		add := func(what string, line []byte) {
			list = append(list, manipulation{fmt.Sprintf("insert %s before line %d", what, i+1), joined(lines[:i], [][]byte{line}, lines[i:]), 0})
		}
		add("a repeated record", lines[max(i-1, 0)])
		add("a foreign record", foreign[min(i, len(foreign)-1)])
		add("an empty line", []byte("\n"))
		add("NUL bytes", make([]byte, 100))
	}
	return list
}

func cuts(lines [][]byte) (list []manipulation) {
	for i := range lines {
		seq := seqOf(lines, i)
		list = append(list, manipulation{fmt.Sprintf("truncate before line %d", i+1), joined(lines[:i]), seq})
		for _, at := range []int{1, len(lines[i]) / 2, len(lines[i]) - 1} {
			list = append(list, manipulation{fmt.Sprintf("truncate in line %d at %d", i+1, at), append(joined(lines[:i]), lines[i][:at]...), seq})
		}
	}
	return list
}

// rewrites are by somebody who knows the format and makes every hash anew.
func rewrites(t *testing.T, lines, foreign [][]byte) (list []manipulation) {
	list = append(list,
		manipulation{"replace the whole log", joined(foreign), 0},
		manipulation{"append another log", joined(lines, foreign), 0},
		manipulation{"put another log in front", joined(foreign, lines), 0},
		manipulation{"merge two logs, line by line", func() (text []byte) {
			for i := range lines {
				text = append(append(text, lines[i]...), foreign[i]...)
			}
			return text
		}(), 0},
		manipulation{"end lines with CR LF", bytes.ReplaceAll(joined(lines), []byte("\n"), []byte("\r\n")), 1},
	)
	chained := func(upTo int, change func(i int, r *Record) bool) []byte {
		var text []byte
		seq, prev := int64(0), zeroHash
		for i, stored := range lines[:upTo] {
			r, err := decode(bytes.TrimSuffix(stored, []byte("\n")))
			if err != nil || r.Data["torn_bytes"] != nil {
				continue
			}
			if !change(i, r) {
				continue
			}
			seq++
			text, prev, err = appendLine(text, seq, prev, r)
			if err != nil {
				t.Fatal(err)
			}
		}
		return text
	}
	for i := range lines {
		list = append(list,
			manipulation{fmt.Sprintf("change record %d and make the chain anew", i), chained(len(lines), func(j int, r *Record) bool {
				if i == j {
					r.Command = "innocent"
				}
				return true
			}), 0},
			manipulation{fmt.Sprintf("leave record %d out and make the chain anew", i), chained(len(lines), func(j int, _ *Record) bool { return i != j }), 0})
	}
	// A forged record after the last one, with the right number and hashes, and the same after a cut.
	for _, keep := range []int{len(lines), len(lines) - 1, len(lines) - 5} {
		l, _ := parseLine(bytes.TrimSuffix(lines[keep-1], []byte("\n")))
		text, hash := joined(lines[:keep]), string(l.hash)
		for i := range len(lines) - keep + 1 {
			var err error
			if text, hash, err = appendLine(text, l.seq+1+int64(i), hash, &Record{Kind: Intent, Command: "forged"}); err != nil {
				t.Fatal(err)
			}
			list = append(list, manipulation{fmt.Sprintf("keep %d lines and append %d forged records", keep, i+1), bytes.Clone(text), 0})
		}
	}
	return list
}
