package semantic

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The groups of recognisers; a line is matched against those of its groups alone.
const (
	onFail = iota
	onPass
	onError
	onTrace
	onListen
	onTest
	onInstall
	onBuild
	onFatal
	onLine
	onPlace // a file and a line, as in main.go:3
	onScript
	onHash
	onMark // begins with a mark such as ✖
	onPercent
	onNumber // begins with a number
	numGroups
)

var groupWords = map[string]uint64{
	"fail": 1 << onFail, "failed": 1 << onFail, "failing": 1 << onFail, "failures": 1 << onFail, "failure": 1 << onFail, "not": 1 << onFail,
	"passed": 1 << onPass, "pass": 1 << onPass, "passing": 1 << onPass, "ok": 1 << onPass, "ran": 1 << onPass,
	"error": 1 << onError, "errors": 1 << onError, "err": 1 << onError,
	"panic": 1 << onTrace, "panicked": 1 << onTrace, "exception": 1 << onTrace, "traceback": 1 << onTrace,
	"listening": 1 << onListen, "running": 1 << onListen, "serving": 1 << onListen, "started": 1 << onListen, "local": 1 << onListen, "server": 1 << onListen,
	"loopback": 1 << onListen, "ready": 1 << onListen, "url": 1 << onListen,
	"tests": 1 << onTest, "test": 1 << onTest, "run": 1 << onTest,
	"installed": 1 << onInstall, "added": 1 << onInstall, "setting": 1 << onInstall,
	"build": 1 << onBuild, "finished": 1 << onBuild, "compiled": 1 << onBuild, "built": 1 << onBuild, "apply": 1 << onBuild, "compile": 1 << onBuild,
	"found": 1 << onBuild, "make": 1 << onBuild, "solve": 1 << onBuild, "exporting": 1 << onBuild, "naming": 1 << onBuild,
	"fatal": 1 << onFatal, "conflict": 1 << onFatal, "unable": 1 << onFatal, "undefined": 1 << onFatal,
	"line": 1 << onLine,
}

// maxWord is the length of the longest of them.
const maxWord = 9

const hashPrime = 16777619

var groupByHash, groupFilter = func() (map[uint32]uint64, [1 << 11]bool) {
	m := make(map[uint32]uint64, len(groupWords))
	var filter [1 << 11]bool
	for w, g := range groupWords {
		h := uint32(2166136261)
		for i := range len(w) {
			h = (h ^ uint32(w[i])) * hashPrime
		}
		m[h] = g
		filter[h>>21] = true
	}
	return m, filter
}()

func isLetter(b byte) bool { b |= 0x20; return b >= 'a' && b <= 'z' }
func isDigit(b byte) bool  { return b >= '0' && b <= '9' }

// endOfLetters returns the index of the first byte at or after i that is no letter, or len(line). It looks at eight bytes
// at a time: what is long is mostly much longer.
func endOfLetters(line []byte, i int) int {
	const ones, low7, high = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	for ; i+8 <= len(line); i += 8 {
		x := binary.LittleEndian.Uint64(line[i:])
		small := (x | 0x20*ones) & low7
		// No carry leaves a byte, so each high bit says of its own byte whether it reaches a limit.
		is := (small + (0x80-'a')*ones) &^ (small + (0x7f-'z')*ones) &^ x & high
		if is != high {
			return i + bits.TrailingZeros64(is^high)/8
		}
	}
	for i < len(line) && isLetter(line[i]) {
		i++
	}
	return i
}

// wanted returns the groups that a line may be of, a bit for each.
func wanted(line []byte) (groups uint64) {
	n := len(line)
	for i := 0; i < n; {
		b := line[i]
		if !isLetter(b) {
			switch {
			case b == '%':
				groups |= 1 << onPercent
			case b == ':' && i+1 < n && isDigit(line[i+1]) && i > 0 && isLetter(line[i-1]):
				groups |= 1 << onPlace
			case b == '(' && i+1 < n && isDigit(line[i+1]) && i > 0 && isLetter(line[i-1]):
				groups |= 1 << onPlace
			}
			i++
			continue
		}
		start := i
		h := uint32(2166136261)
		for ; i < n && i-start <= maxWord && isLetter(line[i]); i++ {
			h = (h ^ uint32(line[i]|0x20)) * hashPrime
		}
		if i-start > maxWord {
			i = endOfLetters(line, i)
		} else if groupFilter[h>>21] {
			groups |= groupByHash[h]
		}
		if i-start > 5 && line[i-1] == 'r' && bytes.HasSuffix(line[start:i], []byte("Error")) || i-start > 9 && line[i-1] == 'n' && bytes.HasSuffix(line[start:i], []byte("Exception")) {
			groups |= 1<<onError | 1<<onTrace
		}
	}
	if n == 0 {
		return 0
	}
	first := line[0]
	if first == ' ' || first == '\t' {
		if t := bytes.TrimLeft(line, " \t"); len(t) > 0 {
			first = t[0]
		}
	}
	switch {
	case first == '#':
		groups |= 1 << onHash
	case first >= 0x80:
		groups |= 1 << onMark
	case first == '[':
		groups |= 1 << onPercent
	case isDigit(first):
		groups |= 1 << onNumber
	}
	switch line[n-1] {
	case 's', 'x', 'e':
		if line[0] > ' ' && bytes.IndexByte(line, ' ') < 0 && bytes.IndexByte(line, '.') >= 0 {
			groups |= 1 << onScript
		}
	}
	return groups
}
