package redact

import "bytes"

// maxValue bounds a value that no quote or space ends.
const maxValue = MaxHold

func nameByte(c byte) bool { return isWord(c) || c == '-' || c == '.' || c == '$' }

// name judges the name around the keyword at [p,q) and the value beside it; it returns the end of the value, or -1.
func (sc *scanner) name(p, q int) int {
	b := sc.b
	s, e := p, q
	for s > 0 && p-s < maxName && nameByte(b[s-1]) {
		s--
	}
	if b[q-1] == '=' { // keywords such as sig=
		e = q - 1
	}
	for e < len(b) && e-p < maxName && nameByte(b[e]) {
		e++
	}
	sc.nameEnd = e
	// A backslash escape before the name, as in \npassword, is not part of it.
	if s > 0 && b[s-1] == '\\' && s < p && (b[s] == 'n' || b[s] == 't' || b[s] == 'r') {
		s++
	}
	flag := false
	for s < p && (b[s] == '-' || b[s] == '.') {
		flag = flag || b[s] == '-'
		s++
	}
	// cmake -DNAME=, java -Dname=
	if flag && s < p && b[s] == 'D' && e < len(b) && b[e] == '=' {
		s++
	}
	for e > q && (b[e-1] == '-' || b[e-1] == '.') {
		e--
	}
	if s > 1 && b[s-1] == ':' && (b[s-2] == ':' || isDigit(b[s-2]) && e < len(b) && b[e] == ':') {
		return -1 // the last part of a qualified name or of an ARN, not a key
	}
	kind, c := sc.nameOf(b[s:e])
	if c == tokenClass && s > 1 && b[s-1] == ':' && sc.spend(32) && arn(b[:s]) {
		return -1
	}
	if c == notSecret && (bytes.EqualFold(b[s:e], []byte("key")) || bytes.EqualFold(b[s:e], []byte("phrase"))) && s > 0 && b[s-1] == ' ' {
		// "Your secret key is", "Unseal Key 1": the word before says what key it is.
		w := s - 1
		for w > 0 && s-w < 20 && isWord(b[w-1]) {
			w--
		}
		if kind, c = sc.nameOf(append(append(append([]byte(nil), b[w:s-1]...), '_'), b[s:e]...)); c == keyClass {
			c = notSecret
		}
	}
	if c == notSecret {
		return -1
	}
	switch c {
	case headerClass:
		return sc.header(s, e)
	case cookieClass:
		return sc.cookie(e)
	}
	return sc.assignment(s, e, kind, c, flag)
}

// nameOf is the function of that name with a memory, because the same names come again and again.
func (sc *scanner) nameOf(name []byte) (string, class) {
	if n, ok := sc.names[string(name)]; ok {
		return n.kind, n.class
	}
	kind, c := nameOf(name)
	if sc.names != nil && len(sc.names) < 1024 {
		sc.names[string(name)] = nameClass{kind, c}
	}
	return kind, c
}

type nameClass struct {
	kind  string
	class class
}

// assignment finds the value of the name at [s,e).
func (sc *scanner) assignment(s, e int, kind string, c class, flag bool) int {
	b := sc.b
	v := value{data: sc.dataBefore(s)}
	i := e
	quotedName := false
	for i < len(b) && (b[i] == '"' || b[i] == '\'' || b[i] == '\\' || b[i] == '`' || b[i] == ']') {
		quotedName = quotedName || b[i] != '\\'
		i++
	}
	v.data = v.data || quotedName
	gap := i
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	spaced := i > gap
	if i == len(b) {
		sc.pendingName(s, e, quotedName, kind, c)
		return -1
	}
	op := b[i]
	switch {
	case op == '=' && i+1 < len(b) && (b[i+1] == '=' || b[i+1] == '~'):
		return -1
	case op == '=' && i+1 < len(b) && b[i+1] == '>':
		i += 2
	case op == '=':
		i++
		v.tight = !spaced
	case op == ':' && i+1 < len(b) && b[i+1] == ':':
		return -1
	case op == ':' && i+1 < len(b) && b[i+1] == '=':
		i += 2
	case op == ':' && string(b[s:e]) == "PASS" && !quotedName:
		return -1 // how test runners report
	case op == ':':
		i++
		v.tight = i < len(b) && !isSpace(b[i]) && !spaced
	case op == '>' && quotedName && bytes.HasSuffix(b[:s-min(s, 1)], []byte(" value=")):
		return -1 // <option value="pass">: no name
	case op == '>' && (quotedName || s > 0 && b[s-1] == '<' || xmlTag(b, s)):
		return sc.element(i+1, kind, c)
	case op == '<' && bytes.HasPrefix(b[i:], []byte("</")):
		// <key>Password</key><string>...</string>
		if gt := bytes.IndexByte(b[i:min(len(b), i+40)], '>'); gt > 0 {
			j := i + gt + 1
			if j == len(b) {
				sc.st.pending, sc.st.pendingKind = c, kind
				return -1
			}
			for j < len(b) && b[j] == ' ' {
				j++
			}
			if j < len(b) && b[j] == '<' {
				if gt = bytes.IndexByte(b[j:min(len(b), j+40)], '>'); gt > 0 {
					return sc.element(j+gt+1, kind, c)
				}
			}
		}
		return -1
	case quotedName || op == ',' && i+1 == len(b):
		j := sc.valueKey(i)
		if j < 0 && i < len(b) {
			if end := sc.tuple(s, e, i, flag, kind, c); end >= 0 {
				return end
			}
		}
		if j < 0 {
			if len(bytes.TrimRight(b[i:], ", ")) == 0 {
				sc.pendingName(s, e, quotedName, kind, c)
			}
			return -1
		}
		i = j
	case spaced:
		return sc.spaced(s, e, i, kind, c, flag)
	case (op == ',' || op == ')') && c != keyClass:
		return sc.insert(s, kind, c)
	default:
		return -1
	}
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	if i == len(b) {
		return -1
	}
	if op == ':' && bytes.HasPrefix(b[i:], []byte("!!")) { // a YAML tag
		if k := bytes.IndexByte(b[i:min(len(b), i+16)], ' '); k > 0 && i+k+1 < len(b) {
			i += k + 1
		}
	} else if op == ':' && isAlpha(b[i]) || op == ':' && b[i] == '&' {
		if j := typed(b, i); j > 0 {
			i = j
		}
	}
	if !quotedName && s > 0 && (b[i] == '"' || b[i] == '\'') && (b[s-1] == b[i] || flag && s > 2 && (b[s-3] == b[i] || b[s-2] == b[i])) {
		return -1 // "PWD="+dir: the quote ends a string that the name began
	}
	if op == ':' && v.tight && !quotedName && s > 0 && (b[s-1] == '"' || b[s-1] == '\'') {
		// "passwd:gecos": a string of two words is a name of its own.
		if k := bytes.IndexByte(b[i:min(len(b), i+maxJudge)], b[s-1]); k > 0 && wordy(string(b[i:i+k])) && !bytes.ContainsAny(b[i:i+k], "0123456789") {
			return -1
		}
	}
	v.line = op == ':' && len(bytes.TrimLeft(b[:s], " \t\"'-")) == 0
	v.name = b[s:e]
	return sc.valueAt(i, v, kind, c)
}

func xmlTag(b []byte, s int) bool {
	for i := s - 1; i >= 0 && s-i < 40; i-- {
		if b[i] == '<' {
			return true
		}
		if !nameByte(b[i]) && b[i] != ':' {
			return false
		}
	}
	return false
}

// pendingName remembers a secret name that ends its line as the value of a "name" key.
func (sc *scanner) pendingName(s, e int, quoted bool, kind string, c class) {
	head := bytes.TrimRight(sc.b[:s], "\"'` \t")
	if !bytes.HasSuffix(head, []byte(":")) && !bytes.HasSuffix(head, []byte("=")) {
		return
	}
	head = bytes.ToLower(bytes.TrimRight(head, ":= \"'"))
	if bytes.HasSuffix(head, []byte("name")) || bytes.HasSuffix(head, []byte("key")) {
		sc.st.pending, sc.st.pendingKind = c, kind
	}
}

// valueKey reads `, "value": ` or ` value=` at i, as pairs of name and value are written, and returns where the value
// begins.
func (sc *scanner) valueKey(i int) int {
	b := sc.b
	if b[i] == ',' {
		i++
	}
	for i < len(b) && (isSpace(b[i]) || b[i] == '"' || b[i] == '\'' || b[i] == '\\') {
		i++
	}
	if i == len(b) && i > 0 {
		return -1
	}
	if len(b)-i < 6 || !bytes.EqualFold(b[i:i+5], []byte("value")) {
		return -1
	}
	i += 5
	for i < len(b) && (b[i] == '"' || b[i] == '\'' || b[i] == ' ' || b[i] == '\\') {
		i++
	}
	if i < len(b) && (b[i] == ':' || b[i] == '=') {
		return i + 1
	}
	return -1
}

// dataBefore reports that what stands before the name is the beginning of a line, an argument or a pair.
func (sc *scanner) dataBefore(s int) bool {
	b := sc.b
	i := s
	for i > 0 && (b[i-1] == '"' || b[i-1] == '\'' || b[i-1] == '-' || b[i-1] == '\\' || b[i-1] == '<' || b[i-1] == '`') {
		i--
	}
	if i == 0 {
		return true
	}
	switch b[i-1] {
	case '{', '?', '&', ';', '>', '|', '+', ':', '#', '\t', 0, '@', '/', 'D', '[':
		return true
	case ',':
		return i < s
	case ' ':
		// After a space it is data unless the words before are those of a statement.
		head := bytes.TrimRight(b[:i], " ")
		if len(head) == 0 {
			return true
		}
		switch head[len(head)-1] {
		case '(', ',', '=', '!', '.':
			return i < s && head[len(head)-1] != '='
		}
		return true
	case '=':
		return true // Environment=NAME=value
	}
	return false
}

// valueAt finds the end of the value that begins at i and judges it.
func (sc *scanner) valueAt(i int, v value, kind string, c class) int {
	b := sc.b
	// String prefixes of programming languages, and the shell's $'...'.
	if i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\'') && bytes.IndexByte([]byte("bfruBFRU$@L"), b[i]) >= 0 {
		i++
	}
	slashes := 0
	for i+slashes < len(b) && b[i+slashes] == '\\' {
		slashes++
	}
	j := i + slashes
	switch {
	case j < len(b) && (b[j] == '"' || b[j] == '\'' || b[j] == '`'):
		v.s, v.quoted, v.tight = j+1, true, false
		v.e = sc.closing(v.s, b[j], slashes)
	case bytes.HasPrefix(b[i:], []byte("\u201c")) || bytes.HasPrefix(b[i:], []byte("\u2018")):
		v.s, v.quoted = i+3, true
		v.e = bytes.Index(b[v.s:], []byte("\xe2\x80"))
		if v.e >= 0 {
			v.e += v.s
		}
	}
	if v.quoted && v.e < 0 {
		// The string goes on behind the line: what is here is judged as a word.
		v.quoted = false
		i = v.s
	}
	if !v.quoted {
		v.s = i
		// A prefix is enough to judge a long value, and keeps text full of names linear.
		v.e = unquotedEnd(b[:min(len(b), i+2*maxJudge)], i, v)
	}
	if v.e <= v.s {
		return -1
	}
	if c == phraseClass && !v.quoted && v.data && sc.spend(4096) {
		// A phrase goes on to the end of the line.
		rest := bytes.TrimRight(b[i:min(len(b), i+512)], " \t\r")
		if k := bytes.IndexAny(rest, "\"'`<>;&|"); k >= 0 {
			rest = rest[:k]
		}
		if f := bytes.Fields(rest); len(f) > 1 && !codeAfter(b, v.e) && !bytes.ContainsAny(f[0], ",()[]{}=") && !bytes.ContainsAny(rest, "{}") && len(f) <= 24 && (mnemonicLike(string(rest)) || len(f) <= 8 && !sentence(string(rest))) {
			v.e = i + len(bytes.TrimRight(rest, " \t"))
			v.quoted = true
		}
	}
	if !v.quoted {
		if n := sc.groups(v.s); n >= 4 {
			v.e = skipWords(b, v.s, n)
			return sc.add(v.s, v.e, kind)
		}
		v.code = codeAfter(b, v.e)
		for v.e > v.s && (b[v.e-1] == ',' || b[v.e-1] == ';') {
			v.e--
			v.code = v.code || b[v.e] == ',' && !v.data
		}
	}
	if !secretValue(b, v, c) {
		return -1
	}
	if v.e == i+2*maxJudge {
		v.e = unquotedEnd(b, i, v)
	}
	return sc.add(v.s, v.e, kind)
}

// groups counts the words of four base32 digits that begin at i.
func (sc *scanner) groups(i int) int {
	b := sc.b
	if i+9 >= len(b) || b[i+4] != ' ' || b[i+9] != ' ' {
		return 0
	}
	return grouped(bytesFields(b[i:min(len(b), i+200)]))
}

func bytesFields(b []byte) []string {
	var out []string
	for _, f := range bytes.Fields(b) {
		out = append(out, string(f))
	}
	return out
}

func skipWords(b []byte, i, n int) int {
	for ; n > 0; n-- {
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		for i < len(b) && !isSpace(b[i]) {
			i++
		}
	}
	return i
}

// closing is the function of that name; that a quote did not close is remembered for the quotes behind it.
func (sc *scanner) closing(i int, q byte, slashes int) int {
	if !sc.spend(0) {
		return -1
	}
	e := closing(sc.b, i, q, slashes)
	if e < 0 {
		sc.spend(min(len(sc.b)-i, maxValue))
	} else {
		sc.spend(e - i)
	}
	return e
}

// closing returns the position of the quote that ends a string begun before i, or -1. slashes is how many backslashes
// stand before each quote of this string, because it is itself inside a string.
func closing(b []byte, i int, q byte, slashes int) int {
	end := min(len(b), i+maxValue)
	for i < end {
		n := 0
		for i < end && b[i] == '\\' {
			i++
			n++
		}
		if i < end && b[i] == q {
			if n == slashes || n < slashes {
				return i - n
			}
			if slashes == 0 && n%2 == 0 {
				return i
			}
		}
		if i < end && n > 0 && b[i] == q {
			i++
			continue
		}
		if n == 0 || i < end && b[i] != '\\' {
			i++
		}
	}
	return -1
}

// stops are the bytes that can end a value without quotes.
var stops = func() (t [256]bool) {
	for _, c := range []byte(" \t\r\n\x00\v\f\"'`<>&;,)]}\\") {
		t[c] = true
	}
	return
}()

// unquotedEnd returns the end of a value without quotes.
func unquotedEnd(b []byte, i int, v value) int {
	end := min(len(b), i+maxValue)
	j, pairs := i, 0
	for ; j < end; j++ {
		if !stops[b[j]] {
			continue
		}
		switch c := b[j]; {
		case isSpace(c):
			return j
		case c == '"' || c == '\'' || c == '`' || c == '<' || c == '>':
			return j
		case c == '&' || c == ';' || c == ',':
			if pairs++; pairs > 8 || pairAfter(b, j+1) || j+1 == len(b) {
				return j
			}
			if c == ',' && !v.tight {
				return j
			}
		case (c == ')' || c == ']' || c == '}') && !(v.tight && v.data):
			return j
		case c == '\\' && j+1 < end && (b[j+1] == 'n' || b[j+1] == 'r' || b[j+1] == '"'):
			return j
		}
	}
	return j
}

// pairAfter reports that a further name=value begins at i, or nothing more of this value.
func pairAfter(b []byte, i int) bool {
	for i < len(b) && b[i] == ' ' {
		i++
	}
	j := i
	for j < len(b) && j-i < maxName && (nameByte(b[j]) || b[j] == ' ') {
		j++
	}
	return j > i && j < len(b) && (b[j] == '=' || b[j] == ':') || i == len(b) || isSpace(b[i])
}

// codeAfter reports that an expression or an argument list goes on at i.
func codeAfter(b []byte, i int) bool {
	if i < len(b) && (b[i] == ',' || b[i] == ')' || b[i] == ';' || b[i] == ']' || b[i] == '}') {
		return true
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	return i+1 < len(b) && (b[i] == '=' || b[i] == '+' || b[i] == '?' || b[i] == '(' || b[i] == '{' ||
		b[i] == '|' && b[i+1] == '|' || b[i] == '&' && b[i+1] == '&' || b[i] == '!' && b[i+1] == '=')
}

// element reads the text of an XML element that begins at i.
func (sc *scanner) element(i int, kind string, c class) int {
	b := sc.b
	if bytes.HasPrefix(b[i:], []byte("<![CDATA[")) {
		i += len("<![CDATA[")
	}
	end := bytes.IndexByte(b[i:min(len(b), i+maxValue)], '<')
	if k := bytes.Index(b[i:min(len(b), i+maxValue)], []byte("]]>")); k >= 0 && (end < 0 || k < end) {
		end = k
	}
	if end <= 0 {
		return -1
	}
	v := value{s: i, e: i + end, quoted: true, data: true}
	for v.s < v.e && isSpace(b[v.s]) {
		v.s++
	}
	for v.e > v.s && isSpace(b[v.e-1]) {
		v.e--
	}
	if v.s == v.e || !secretValue(b, v, c) {
		return -1
	}
	return sc.add(v.s, v.e, kind)
}
