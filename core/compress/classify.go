package compress

import (
	"bytes"
)

// The weights of a line. Between them lie those of its neighbours and of repeats.
const (
	weightNoise   = 0
	weightPlain   = 10
	weightRare    = 28
	weightWarning = 46
	weightWeak    = 62
	weightStrong  = 90
	weightFailing = 100
)

// scan returns the flags of a line.
func scan(line []byte) (flags uint8) {
	n := len(line)
	for i := 0; i < n; {
		b := line[i]
		kind := byteKinds[b]
		if kind != byteLetter {
			if kind == byteDigit && i > 1 && flags&flagPlace == 0 {
				if c := line[i-1]; (c == ':' || c == '(' || c == '[') && isFile(bytes.TrimSuffix(line[:i-1], []byte(":"))) {
					flags |= flagPlace
				}
			}
			i++
			continue
		}
		start := i
		h := uint32(2166136261)
		for ; i < n && byteKinds[line[i]] == byteLetter; i++ {
			h = (h ^ uint32(line[i]|0x20)) * hashPrime
		}
		if wordFilter[h>>21] != 0 {
			if f, ok := wordFlags[h]; ok && !partOfName(line, start, i) {
				if f != flagPlace || i+1 < n && line[i] == ' ' && byteKinds[line[i+1]] == byteDigit {
					flags |= f
				}
			}
		}
		if i-start > 5 && (line[i-1] == 'r' || line[i-1] == 'n') && isErrorType(line[start:i]) {
			flags |= flagStrong
		}
	}
	return flags
}

// isErrorType knows the names that languages give to errors: TypeError, IllegalStateException.
func isErrorType(word []byte) bool {
	return bytes.HasSuffix(word, []byte("Error")) || bytes.HasSuffix(word, []byte("Exception"))
}

// partOfName reports whether the word at [start, end) is a piece of a file's, a test's or a package's name.
func partOfName(line []byte, start, end int) bool {
	if start > 0 {
		switch k := byteKinds[line[start-1]]; {
		case k == byteDigit:
			return true
		case k == byteName:
			// A dash, or three bytes of a mark such as ✗, may stand before a word of its own.
			if line[start-1] < 0x80 && !(line[start-1] == '-' && (start == 1 || line[start-2] == '-' || line[start-2] == ' ')) {
				return true
			}
		}
	}
	if end < len(line) {
		switch k := byteKinds[line[end]]; {
		case k == byteDigit:
			return true
		case k == byteName && line[end] < 0x80:
			// A full stop ends a sentence unless a name goes on behind it.
			return end+1 < len(line) && byteKinds[line[end+1]] != byteSpace && line[end+1] != line[end]
		}
	}
	return false
}

// isFile reports whether p ends in a name with an extension: main.go, but not 10.0.0.1.
func isFile(p []byte) bool {
	for i := len(p) - 1; i > 0 && i >= len(p)-8; i-- {
		switch kind := byteKinds[p[i]]; {
		case p[i] == '.':
			return i+1 < len(p) && byteKinds[p[i+1]] == byteLetter
		case kind != byteLetter && kind != byteDigit:
			return false
		}
	}
	return false
}

// weigh returns the weight of a line that has flags; text is the line without the space around it.
func weigh(text []byte, flags uint8) int {
	if len(text) == 0 {
		return weightNoise
	}
	if w, ok := testLine(text, flags); ok {
		return w
	}
	if isPassing(text, flags) || flags&flagStrong == 0 && hasPrefix(&progressByFirst, text) {
		return weightNoise
	}
	switch {
	case flags&flagStrong != 0 && !harmless(text, flags):
		if flags&flagPlace != 0 {
			return weightStrong + 4
		}
		return weightStrong
	case flags&flagNegation != 0 && isMissing(text):
		return weightWeak + 8
	case flags&flagWeak != 0:
		return weightWeak - 14
	case flags&flagWarning != 0:
		return weightWarning
	}
	return weightPlain
}

var (
	failPrefixes = [][]byte{
		[]byte("--- FAIL"), []byte("FAILED "), []byte("FAIL:"), []byte("ERROR:"), []byte("not ok "), []byte("✖ "), []byte("✗ "), []byte("✘ "), []byte("× "),
		[]byte("✕ "), []byte("● "), []byte("FAIL "), []byte("FAIL\t"), []byte("BUILD FAIL"), []byte("✘ [fail]"), []byte("E  "), []byte("CONFLICT "),
		[]byte("❯ "), []byte("Traceback (most recent"), []byte("panic: "), []byte("Caused by:"), []byte("thread '"), []byte("Failing "), []byte("Failed "),
	}
	failSuffixes = [][]byte{[]byte("... FAILED"), []byte("... FAIL"), []byte("... ERROR"), []byte("| FAIL |"), []byte(" <<< FAILURE!"), []byte(" <<< ERROR!")}
	failParts    = [][]byte{[]byte("***Failed"), []byte(" FAILED "), []byte("undefined reference to"), []byte("***Exception"), []byte("***Timeout"), []byte(" -- FAILED")}
)

// testLine knows the lines by which test runners name what failed.
func testLine(text []byte, flags uint8) (weight int, ok bool) {
	switch text[0] {
	case '-', 'F', 'E', 'n', 0xe2, 0xc3, 'B', 'C', 'T', 'p', 't':
		for _, p := range failPrefixes {
			if bytes.HasPrefix(text, p) && !harmless(text, flags) {
				return weightFailing, true
			}
		}
	case '_':
		if len(text) > 6 && bytes.HasPrefix(text, []byte("___")) && bytes.HasSuffix(text, []byte("___")) && bytes.ContainsRune(text, ' ') {
			return weightFailing - 6, true
		}
	case '>':
		if len(text) > 3 && text[1] == ' ' && text[2] == ' ' {
			return weightWeak, true
		}
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if numbered(text) {
			return weightStrong - 6, true
		}
	}
	if flags&flagStrong == 0 {
		return 0, false
	}
	for _, s := range failSuffixes {
		if bytes.HasSuffix(text, s) {
			return weightFailing - 4, true
		}
	}
	for _, s := range failParts {
		if bytes.Contains(text, s) {
			return weightFailing - 6, true
		}
	}
	return 0, false
}

// numbered knows mocha's list of what failed: "12) name".
func numbered(text []byte) bool {
	for i, b := range text {
		if b < '0' || b > '9' {
			return i < 5 && b == ')' && i+2 < len(text) && text[i+1] == ' '
		}
	}
	return false
}

func isPassing(text []byte, flags uint8) bool {
	return hasPrefix(&passingByFirst, text) || flags&flagPassed != 0 && (bytes.HasSuffix(text, []byte("... ok")) || bytes.HasSuffix(text, []byte("| PASS |")) ||
		bytes.Contains(text[:min(len(text), 256)], []byte(" PASSED")))
}

type prefixes [256][][]byte

func hasPrefix(list *prefixes, text []byte) bool {
	for _, p := range list[text[0]] {
		if bytes.HasPrefix(text, p) {
			return true
		}
	}
	return false
}

var passingByFirst, progressByFirst = byFirst(passing), byFirst(progress)

func byFirst(list []string) (m prefixes) {
	for _, p := range list {
		m[p[0]] = append(m[p[0]], []byte(p))
	}
	return m
}

var missing = [][]byte{[]byte("not found"), []byte("no such"), []byte("not ok"), []byte("not exist"), []byte("no match"), []byte("not be "), []byte("not resolve"), []byte("no space"), []byte("not defined"), []byte("not allowed"), []byte("no longer")}

// isMissing knows "not found" and the like.
func isMissing(text []byte) bool {
	lower := bytes.ToLower(text[:min(len(text), 512)])
	for _, m := range missing {
		if bytes.Contains(lower, m) {
			return true
		}
	}
	return false
}

// fine are what follows or precedes a word of error where there was none.
var fine = [][]byte{
	[]byte("0 error"), []byte("no error"), []byte("0 fail"), []byte("no fail"), []byte("errors: 0"), []byte("failures: 0, errors: 0"), []byte("errors=0"),
	[]byte("failed=0"), []byte("failures=0"), []byte("error=null"), []byte("error=nil"), []byte("error=<nil>"), []byte("err=<nil>"), []byte("err=nil"),
	[]byte("\"error\":null"), []byte("\"error\": null"), []byte("error: null"), []byte("error: none"), []byte("failed: 0"), []byte("without error"),
	[]byte("fail 0"), []byte("failed 0"), []byte("0 undefined"), []byte("-werror"), []byte("(0 error"),
}

// bad are what makes a line with one of those tell of an error all the same.
var bad = [][]byte{[]byte("error:"), []byte("failed:"), []byte("fatal"), []byte("failed,"), []byte("failure!"), []byte("error!"), []byte("exception"), []byte("[error]"), []byte("failures: 1")}

// harmless reports whether the words of error in a line say that there was none: "0 errors".
func harmless(text []byte, flags uint8) bool {
	if flags&flagNegation == 0 && bytes.IndexByte(text, '0') < 0 && !bytes.Contains(text, []byte("-W")) {
		return false
	}
	var buf [512]byte
	lower := buf[:min(len(text), len(buf))]
	for i := range lower {
		b := text[i]
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		lower[i] = b
	}
	for _, f := range fine {
		i := bytes.Index(lower, f)
		// "10 errors" is not fine.
		if i < 0 || f[0] == '0' && i > 0 && lower[i-1] >= '0' && lower[i-1] <= '9' {
			continue
		}
		for _, b := range bad {
			if j := bytes.Index(lower, b); j >= 0 && !(j >= i && j < i+len(f)) {
				return false
			}
		}
		return true
	}
	return false
}

// isLibraryFrame reports whether a line is a stack frame outside the caller's own code.
func isLibraryFrame(text []byte, flags uint8) bool {
	if flags&flagPlace == 0 && !bytes.HasPrefix(text, []byte("at ")) && !bytes.HasPrefix(text, []byte("File \"")) && !bytes.HasPrefix(text, []byte("testing.")) {
		return false
	}
	if flags&flagStrong != 0 && !bytes.HasPrefix(text, []byte("at ")) {
		return false
	}
	for _, f := range libraryFrames {
		if bytes.Contains(text, []byte(f)) {
			return true
		}
	}
	return false
}

// shape returns a hash that lines of the same form share: the indent, and of the first three words those that are no
// names or numbers; after a number one word more counts.
func shape(line []byte) uint64 {
	h := uint64(14695981039346656037)
	add := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	i := 0
	for i < len(line) && byteKinds[line[i]] == byteSpace {
		i++
	}
	add(byte(min(i, 12)))
	literals := 1
	for token := 0; token < 4 && i < len(line); token++ {
		start := i
		name := false
		for i < len(line) && byteKinds[line[i]] != byteSpace {
			if k := byteKinds[line[i]]; k == byteDigit || k == byteName && line[i] < 0x80 {
				name = true
			}
			i++
		}
		switch {
		case name:
			add('0')
			if token == 0 {
				literals = 2
			}
		case literals > 0:
			for _, b := range line[start:min(i, start+24)] {
				add(b)
			}
			literals--
		default:
			add('w')
			return h
		}
		for i < len(line) && byteKinds[line[i]] == byteSpace {
			i++
		}
	}
	return h
}
