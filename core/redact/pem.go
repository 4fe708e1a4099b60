package redact

import "bytes"

// pemState follows a private key block over its lines, so that none of them has to be kept.
type pemState struct {
	on bool
	// lines counts the lines of the body; width is the length of the longest, and a shorter one ends the body.
	lines, width int
	// left is how many lines of a PuTTY private section remain.
	left int
	// done: the body is complete, only the END line may follow.
	done bool
	// marked: the block has its one mark; a mark per line would tell how long the key is.
	marked bool
}

var (
	pemBegin = []byte("-----BEGIN ")
	pemEnd   = []byte("-----END ")
	puttyKey = []byte("Private-Lines: ")
)

// lineStartChars may stand before each line of a block: diffs, quotations, comments, indentation.
const lineStartChars = " \t-+><|#*\"',;/"

// block looks at line as part of a private key block. It returns the part to redact, begin being set on the first
// line of a block, or ok false when the line is not part of one.
func (st *pemState) block(line []byte) (s, e int, begin, ok bool) {
	if st.on {
		s, e, ok = st.inside(line)
		if ok {
			return s, e, false, true
		}
		*st = pemState{}
	}
	if i := bytes.Index(line, puttyKey); i == 0 {
		n := 0
		for _, c := range bytes.TrimSpace(line[len(puttyKey):]) {
			if !isDigit(c) || n > 1000 {
				return 0, 0, false, false
			}
			n = n*10 + int(c-'0')
		}
		*st = pemState{on: true, left: n}
		return 0, 0, false, false
	}
	i := bytes.Index(line, pemBegin)
	if i < 0 {
		return 0, 0, false, false
	}
	rest := line[i+len(pemBegin):]
	k := bytes.Index(rest, []byte("-----"))
	if k < 0 || !bytes.Contains(rest[:k], []byte("PRIVATE")) || k > 60 {
		return 0, 0, false, false
	}
	body := i + len(pemBegin) + k + 5
	if end := bytes.Index(line[body:], pemEnd); end >= 0 {
		if end < 20 { // BEGIN and END named side by side, in prose or in code
			return 0, 0, false, false
		}
		e = body + end + len(pemEnd)
		if t := bytes.Index(line[e:], []byte("-----")); t >= 0 {
			e += t + 5
		}
		return i, e, true, true
	}
	e = body
	for e < len(line) && (base64Byte(line[e]) || line[e] == '\\' || line[e] == ' ' || line[e] == ':' || line[e] == '-' || line[e] == ',') {
		e++
	}
	if e-body >= 40 {
		// The whole block on one line, its end cut off.
		return i, e, true, true
	}
	if len(bytes.TrimSpace(line[body:])) > 0 && !bytes.HasPrefix(bytes.TrimSpace(line[body:]), []byte("\\n")) {
		return 0, 0, false, false // text goes on: this line speaks about the marker
	}
	*st = pemState{on: true}
	// The marker itself stays until a body follows: it is no secret, and files that only name it stay whole.
	return 0, 0, false, false
}

// inside judges a line behind the BEGIN marker.
func (st *pemState) inside(line []byte) (s, e int, ok bool) {
	for s < len(line) && bytes.IndexByte([]byte(lineStartChars), line[s]) >= 0 {
		s++
	}
	e = len(line)
	for e > s && (isSpace(line[e-1]) || bytes.IndexByte([]byte("\"',;\\"), line[e-1]) >= 0) {
		e--
	}
	// Only a prefix stands before the text; a body line may itself begin with these two.
	for s > 0 && (line[s-1] == '+' || line[s-1] == '/') {
		s--
	}
	text := line[s:e]
	if st.left > 0 {
		st.left--
		st.on = st.left > 0
		return s, e, len(text) > 0
	}
	if len(text) > 2 && bytes.HasSuffix(text, []byte("\\n")) {
		text = text[:len(text)-2]
	}
	switch {
	case len(text) == 0:
		return s, s, st.lines < 8 || !st.done
	case bytes.HasPrefix(text, []byte("END ")) && bytes.Contains(text, []byte("-----")):
		st.on = false
		return s, s, true
	case bytes.IndexByte(text, ':') > 0 && st.lines < 6:
		st.lines++
		return s, s, true // Proc-Type, DEK-Info, Version: not secret
	case bytes.HasPrefix(text, []byte("[REDACTED")):
		return s, s, true
	}
	if st.done && !(text[0] == '=' && len(text) == 5) {
		return 0, 0, false
	}
	for _, c := range text {
		if !base64Byte(c) {
			return 0, 0, false
		}
	}
	st.lines++
	if len(text) < st.width || text[len(text)-1] == '=' && len(text) != 64 && len(text) != 76 {
		// PGP has a checksum line that begins with = behind the last line.
		st.done = true
	}
	st.width = max(st.width, len(text))
	return s, e, true
}

func base64Byte(c byte) bool { return isAlnum(c) || c == '+' || c == '/' || c == '=' || c == '_' }
