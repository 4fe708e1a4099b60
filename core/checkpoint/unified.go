package checkpoint

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// contextLines are the unchanged lines around a change.
const contextLines = 3

// maxEdits bounds the search for the shortest script of changes, whose time and memory grow with its square. Texts that
// differ more are shown as replaced between what they have in common at both ends.
const maxEdits = 1500

// A span says that lines [a0,a1) of the old text became [b0,b1) of the new one.
type span struct{ a0, a1, b0, b1 int }

func splitLines(text []byte) [][]byte {
	lines := bytes.SplitAfter(text, []byte{'\n'})
	if n := len(lines) - 1; len(lines[n]) == 0 {
		lines = lines[:n]
	}
	return lines
}

// diffLines returns the changes from a to b, in order and apart from each other.
func diffLines(a, b [][]byte) []span {
	head := 0
	for head < len(a) && head < len(b) && bytes.Equal(a[head], b[head]) {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && bytes.Equal(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	middle := myers(numbered(a[head:len(a)-tail], b[head:len(b)-tail]))
	for i := range middle {
		middle[i].a0 += head
		middle[i].a1 += head
		middle[i].b0 += head
		middle[i].b1 += head
	}
	return middle
}

// numbered gives equal lines equal numbers, so that comparing is cheap.
func numbered(a, b [][]byte) (x, y []int) {
	ids := make(map[string]int)
	number := func(lines [][]byte) []int {
		n := make([]int, len(lines))
		for i, line := range lines {
			id, ok := ids[string(line)]
			if !ok {
				id = len(ids)
				ids[string(line)] = id
			}
			n[i] = id
		}
		return n
	}
	return number(a), number(b)
}

// myers is the greedy algorithm of E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986).
func myers(a, b []int) []span {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	limit := min(len(a)+len(b), maxEdits)
	v := make([]int, 2*limit+3)
	var trace [][]int
	for d := 0; d <= limit; d++ {
		trace = append(trace, append([]int(nil), v[limit+1-d:limit+2+d]...))
		for k := -d; k <= d; k += 2 {
			x := 0
			if k == -d || k != d && v[limit+1+k-1] < v[limit+1+k+1] {
				x = v[limit+1+k+1]
			} else {
				x = v[limit+1+k-1] + 1
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			v[limit+1+k] = x
			if x >= len(a) && x-k >= len(b) {
				return walkBack(trace, len(a), len(b))
			}
		}
	}
	return []span{{0, len(a), 0, len(b)}}
}

// walkBack turns the trace, whose element d holds the diagonals -d to d as they were before step d, into changes.
func walkBack(trace [][]int, x, y int) []span {
	var edits []span // from the end
	for d := len(trace) - 1; d > 0; d-- {
		v := trace[d]
		at := func(k int) int { return v[k+d] }
		k := x - y
		before := k - 1
		if k == -d || k != d && at(k-1) < at(k+1) {
			before = k + 1
		}
		px := at(before)
		py := px - before
		edit := span{px, px + 1, py, py}
		if before == k+1 {
			edit = span{px, px, py, py + 1}
		}
		if n := len(edits) - 1; n >= 0 && edits[n].a0 == edit.a1 && edits[n].b0 == edit.b1 {
			edits[n].a0, edits[n].b0 = edit.a0, edit.b0
		} else {
			edits = append(edits, edit)
		}
		x, y = px, py
	}
	for i, j := 0, len(edits)-1; i < j; i, j = i+1, j-1 {
		edits[i], edits[j] = edits[j], edits[i]
	}
	return edits
}

// hunks writes the changes in unified form.
func hunks(out *strings.Builder, old, fresh []byte) {
	a, b := splitLines(old), splitLines(fresh)
	changes := diffLines(a, b)
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].a0-changes[n-1].a1 <= 2*contextLines {
			n++
		}
		hunk(out, a, b, changes[:n])
		changes = changes[n:]
	}
}

func hunk(out *strings.Builder, a, b [][]byte, changes []span) {
	first, last := changes[0], changes[len(changes)-1]
	lead := min(first.a0, contextLines)
	trail := min(len(a)-last.a1, contextLines)
	fmt.Fprintf(out, "@@ -%s +%s @@\n", lineRange(first.a0-lead, last.a1+trail), lineRange(first.b0-lead, last.b1+trail))
	at := first.a0 - lead
	for _, c := range changes {
		writeLines(out, ' ', a[at:c.a0])
		writeLines(out, '-', a[c.a0:c.a1])
		writeLines(out, '+', b[c.b0:c.b1])
		at = c.a1
	}
	writeLines(out, ' ', a[at:at+trail])
}

func lineRange(from, to int) string {
	switch n := to - from; n {
	case 0:
		return strconv.Itoa(from) + ",0"
	case 1:
		return strconv.Itoa(from + 1)
	default:
		return strconv.Itoa(from+1) + "," + strconv.Itoa(n)
	}
}

func writeLines(out *strings.Builder, sign byte, lines [][]byte) {
	for _, line := range lines {
		out.WriteByte(sign)
		out.Write(line)
		if !bytes.HasSuffix(line, []byte{'\n'}) {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
