package budget

import (
	"bytes"
	"regexp"
)

const (
	// grepLine is how many bytes of a line are searched; the rest of a longer line goes where its beginning went.
	grepLine = 64 << 10
	// grepHeld bounds the lines before a match in bytes, whatever the context asks for.
	grepHeld = 1 << 20
)

// A grep passes on the lines that match and those around them.
type grep struct {
	re      *regexp.Regexp
	context int
	line    []byte
	// rest says that line was decided before its end came, and passing how.
	rest, passing bool
	before        [][]byte
	held          int
	after         int
}

func (g *grep) write(p []byte, pass func([]byte)) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n') + 1
		ended := end > 0
		if !ended {
			end = len(p)
		}
		part := p[:end]
		p = p[end:]
		if !g.rest {
			n := min(len(part), grepLine-len(g.line))
			g.line = append(g.line, part[:n]...)
			part = part[n:]
			if ended && len(part) == 0 || len(g.line) == grepLine {
				g.decide(pass)
				g.rest = true
			}
		}
		if g.passing && g.rest {
			pass(part)
		}
		if ended {
			g.rest = false
		}
	}
}

// flush decides the unfinished last line.
func (g *grep) flush(pass func([]byte)) {
	if !g.rest && len(g.line) > 0 {
		g.decide(pass)
	}
}

func (g *grep) decide(pass func([]byte)) {
	line := g.line
	g.line = g.line[:0]
	matched := g.re.Match(bytes.TrimSuffix(line, newline))
	g.passing = matched || g.after > 0
	switch {
	case matched:
		for _, b := range g.before {
			pass(b)
		}
		g.before, g.held, g.after = g.before[:0], 0, g.context
		pass(line)
	case g.after > 0:
		g.after--
		pass(line)
	case g.context > 0:
		g.hold(line)
	}
}

// hold keeps a line for a match that may follow. A line that was cut is not shown in part, so it clears what is held.
func (g *grep) hold(line []byte) {
	if line[len(line)-1] != '\n' {
		g.before, g.held = g.before[:0], 0
		return
	}
	g.before, g.held = append(g.before, bytes.Clone(line)), g.held+len(line)
	for len(g.before) > g.context || g.held > grepHeld {
		g.held -= len(g.before[0])
		g.before = g.before[1:]
	}
}
