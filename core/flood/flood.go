// Package flood recognises output that repeats itself, line after line, so that what reads it need look at each such line
// only once.
package flood

import "bytes"

// Worth is the size from which on it is worth to ask whether text repeats itself, where that is not known to be likely.
const Worth = 4 << 10

// Run returns how many bytes at the start of p repeat its first line, the line itself included: a multiple of its length,
// and 0 where p holds no end of a line.
func Run(p []byte) int {
	line := bytes.IndexByte(p, '\n') + 1
	n := line
	// What is known to repeat is compared as a whole with what follows, twice as much each time.
	for line > 0 && n <= len(p)-n && bytes.Equal(p[n:n+n], p[:n]) {
		n += n
	}
	for step := n; step >= line && step > 0; step /= 2 {
		for n <= len(p)-step && bytes.Equal(p[n:n+step], p[:step]) {
			n += step
		}
	}
	return n
}

// Repeats returns where in p lines begin and end that only repeat the line before them, which p holds whole; to is 0 where
// there are none. What comes before from is the rest of a line, and that line.
func Repeats(p []byte) (from, to int) {
	rest := bytes.IndexByte(p, '\n') + 1
	line := bytes.IndexByte(p[rest:], '\n') + 1
	run := Run(p[rest:])
	if rest == 0 || run == line {
		return 0, 0
	}
	return rest + line, rest + run
}

// WholeLines returns the length of the lines of p that are whole, which is where an unfinished one begins. In one endless
// line bytes.LastIndexByte would look at each byte by itself.
func WholeLines(p []byte) int {
	if bytes.IndexByte(p, '\n') < 0 {
		return 0
	}
	return bytes.LastIndexByte(p, '\n') + 1
}
