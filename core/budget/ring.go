package budget

import "slices"

// A ring holds the last max bytes written to it. It grows as they arrive.
type ring struct {
	buf   []byte
	start int
	max   int
}

// extend is append to a buffer that may grow to many megabytes: it doubles, where append would copy it five times over.
func extend(buf, p []byte) []byte {
	if need := len(buf) + len(p); need > cap(buf) {
		buf = slices.Grow(buf, max(len(p), len(buf)))
	}
	return append(buf, p...)
}

func (r *ring) write(p []byte) {
	if len(p) >= r.max {
		r.buf, r.start = append(r.buf[:0], p[len(p)-r.max:]...), 0
		return
	}
	if room := r.max - len(r.buf); room > 0 {
		n := min(room, len(p))
		r.buf = extend(r.buf, p[:n])
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(r.buf[r.start:], p)
		p = p[n:]
		r.start += n
		if r.start == len(r.buf) {
			r.start = 0
		}
	}
}

// parts returns the content in order, as two slices of the ring's own memory.
func (r *ring) parts() (a, b []byte) { return r.buf[r.start:], r.buf[:r.start] }

// from appends to dst the content from position i on, at most n bytes.
func (r *ring) from(dst []byte, i, n int) []byte {
	a, b := r.parts()
	if i < len(a) {
		a = a[i:min(len(a), i+n)]
		dst, n, i = append(dst, a...), n-len(a), 0
	} else {
		i -= len(a)
	}
	b = b[i:]
	return append(dst, b[:min(len(b), n)]...)
}
