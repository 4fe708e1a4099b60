package command

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

type mode int

const (
	modeArg     mode = iota // an argument: globs and tilde are expanded
	modeAssign              // an assigned value or a here-string: tilde only
	modeRedir               // the target of a redirection
	modePattern             // a pattern of case, [[ == ]] or ${x#…}
)

const maxBraces = 256

// expand visits a word after brace expansion and emits its results as words of their own: bash and the parser expand
// braces at different times, and t{ouch,est} must be judged as what it becomes.
func (b *builder) expand(w *syntax.Word, m mode) []Word {
	sp := spanOf(w)
	if !syntax.SplitBraces(w) {
		return []Word{b.word(w, m)}
	}
	for _, p := range w.Parts {
		if l, ok := p.(*syntax.Lit); ok && strings.ContainsAny(l.Value, `\`) {
			b.issue(w, "braces mixed with escapes")
		}
	}
	alts, ok := braces(w.Parts)
	if !ok {
		b.issue(nil, "a brace expansion that is too large or unusual")
		return []Word{{Reason: "a brace expansion", Span: sp}}
	}
	var ws []Word
	for i, parts := range alts {
		if i > 0 {
			b.put(" ")
		}
		for _, p := range parts {
			if _, lit := p.(*syntax.Lit); !lit {
				if _, q := p.(*syntax.SglQuoted); !q {
					// Each alternative would run its substitution again.
					b.issue(nil, "a brace expansion around an expansion")
				}
			}
		}
		one := b.word(&syntax.Word{Parts: parts}, m)
		one.Span = sp
		ws = append(ws, one)
	}
	return ws
}

// braces returns the alternatives of a split word, or false beyond the limits.
func braces(parts []syntax.WordPart) ([][]syntax.WordPart, bool) {
	alts := [][]syntax.WordPart{nil}
	for _, p := range parts {
		var opts [][]syntax.WordPart
		br, ok := p.(*syntax.BraceExp)
		switch {
		case !ok:
			opts = [][]syntax.WordPart{{p}}
		case br.Sequence:
			seq, ok := sequence(br.Elems)
			if !ok {
				return nil, false
			}
			for _, v := range seq {
				opts = append(opts, []syntax.WordPart{&syntax.Lit{Value: v}})
			}
		default:
			for _, el := range br.Elems {
				sub, ok := braces(el.Parts)
				if !ok {
					return nil, false
				}
				opts = append(opts, sub...)
			}
		}
		if len(alts)*len(opts) > maxBraces {
			return nil, false
		}
		var next [][]syntax.WordPart
		for _, a := range alts {
			for _, o := range opts {
				next = append(next, append(append([]syntax.WordPart{}, a...), o...))
			}
		}
		alts = next
	}
	return alts, true
}

// sequence expands {from..to} and {from..to..step} as bash does (Brace Expansion in its manual).
func sequence(elems []*syntax.Word) ([]string, bool) {
	if len(elems) != 2 && len(elems) != 3 {
		return nil, false
	}
	from, to, step := elems[0].Lit(), elems[1].Lit(), 1
	if len(elems) == 3 {
		lit := elems[2].Lit()
		if !isInt(lit) || len(lit) > 7 {
			return nil, false
		}
		step = max(atoi(strings.TrimPrefix(lit, "-")), 1) // bash takes the sign that leads to the end, and 0 for 1
	}
	if len(from) == 1 && len(to) == 1 && letter(from[0]) && letter(to[0]) && from[0]&0x20 == to[0]&0x20 {
		return steps(int(from[0]), int(to[0]), step, func(n int) string { return string(rune(n)) })
	}
	width := 0
	for _, end := range []string{from, to} {
		digits := strings.TrimPrefix(end, "-")
		if strings.Trim(digits, "0123456789") != "" || digits == "" || len(digits) > 7 {
			return nil, false
		}
		if len(digits) > 1 && digits[0] == '0' {
			width = max(len(from), len(to))
		}
	}
	return steps(atoi(from), atoi(to), step, func(n int) string { return fmt.Sprintf("%0*d", width, n) })
}

func steps(from, to, step int, text func(int) string) (out []string, ok bool) {
	if (max(from, to)-min(from, to))/step > maxBraces {
		return nil, false
	}
	if from > to {
		for n := from; n >= to; n -= step {
			out = append(out, text(n))
		}
		return out, true
	}
	for n := from; n <= to; n += step {
		out = append(out, text(n))
	}
	return out, true
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// wordBuilder gathers a run of static text, to be quoted in one go.
type wordBuilder struct {
	b     *builder
	w     *Word
	val   strings.Builder
	run   strings.Builder
	wrote bool
}

func (x *wordBuilder) static(s string, quoted bool) {
	x.val.WriteString(s)
	x.run.WriteString(s)
	if n := len(x.w.Parts); n > 0 && x.w.Parts[n-1].Param == "" && !x.w.Parts[n-1].Subst && x.w.Parts[n-1].Quoted == quoted && len(x.w.Parts[n-1].Lit) < 256 {
		x.w.Parts[n-1].Lit += s
		return
	}
	x.w.Parts = append(x.w.Parts, Part{Lit: s, Quoted: quoted})
}

func (x *wordBuilder) flush() {
	if x.run.Len() > 0 {
		if s := x.run.String(); plain(s) {
			x.b.put(s)
		} else {
			x.b.put(Quote(s))
		}
		x.run.Reset()
		x.wrote = true
	}
}

// raw writes shell text that is not to be quoted.
func (x *wordBuilder) raw(s string) {
	x.flush()
	x.b.put(s)
	x.wrote = true
}

func (x *wordBuilder) unknown(reason string) {
	if x.w.Reason == "" {
		x.w.Reason, x.w.Prefix = reason, x.val.String()
	}
	x.w.Static = false
}

func (b *builder) word(w *syntax.Word, m mode) Word {
	if b.words++; b.words > b.lim.MaxWords {
		b.limit("words")
	}
	res := Word{Static: true, Quoted: true, Span: spanOf(w)}
	x := &wordBuilder{b: b, w: &res}
	for i, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.lit(x, p.Value, m, i == 0, i == len(w.Parts)-1)
		case *syntax.SglQuoted:
			b.sgl(x, p)
		case *syntax.DblQuoted:
			b.dbl(x, p)
		default:
			x.unknown("an expansion")
			x.flush()
			if m == modeArg {
				if pe, ok := p.(*syntax.ParamExp); !ok || !pe.Length {
					res.Quoted = false
				}
			}
			b.dynamic(p, &res, false, false)
			x.wrote = true
		}
	}
	x.flush()
	if !x.wrote {
		b.put("''")
	}
	res.Value = x.val.String()
	return res
}

func (b *builder) sgl(x *wordBuilder, p *syntax.SglQuoted) {
	b.quoted = append(b.quoted, spanOf(p))
	v := p.Value
	if p.Dollar {
		dec, ok := ansiC(v)
		if !ok {
			b.issue(p, "an escape in $'…' that shells read differently")
			x.unknown("an unusual escape")
		}
		v = dec
	}
	if v == "" {
		x.raw("''")
	}
	x.static(v, true)
}

func (b *builder) dbl(x *wordBuilder, p *syntax.DblQuoted) {
	b.quoted = append(b.quoted, spanOf(p))
	if p.Dollar {
		b.issue(p, `a translated string $"…"`)
	}
	if len(p.Parts) == 0 {
		x.raw("''")
		x.static("", true)
	}
	for _, q := range p.Parts {
		if l, ok := q.(*syntax.Lit); ok {
			x.static(unescapeDouble(l.Value, true), true)
			continue
		}
		x.unknown("an expansion")
		x.flush()
		b.dynamic(q, x.w, true, false)
		x.wrote = true
	}
}

// lit visits unquoted literal text: escapes, globs and a leading tilde.
func (b *builder) lit(x *wordBuilder, s string, m mode, first, last bool) {
	i := 0
	if first && strings.HasPrefix(s, "~") && m != modePattern {
		if s == "~" && last || strings.HasPrefix(s, "~/") {
			x.unknown("the home directory")
			x.w.Prefix = "~"
			x.raw("~")
			x.w.Parts = append(x.w.Parts, Part{Param: "HOME", Quoted: true})
			if i = 1; len(s) > 1 {
				x.raw("/") // a quoted slash would stop the expansion
				x.val.WriteByte('/')
				x.w.Parts = append(x.w.Parts, Part{Lit: "/", Quoted: true})
				i = 2
			}
		} else {
			// ~+ and ~user become paths that only the shell knows.
			x.unknown("a tilde expansion")
			b.s.issues = append(b.s.issues, Issue{"a tilde expansion other than ~/", x.w.Span})
		}
	}
	if m == modeAssign && strings.Contains(s, ":~") {
		b.s.issues = append(b.s.issues, Issue{"a tilde expansion inside a value", x.w.Span})
	}
	closing := strings.LastIndexByte(s, ']') // looked up once, so that many open brackets cost nothing
	for i < len(s) {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] != '\n' {
				j := i + 1
				for j < len(s) && s[j] >= 0x80 && s[j] < 0xc0 {
					j++
				}
				x.static(s[i:j], true)
				i = j
				continue
			}
			i++
			continue
		case (c == '*' || c == '?') && m != modeAssign:
			b.glob(x, s[i:i+1])
			i++
			continue
		case c == '[' && m != modeAssign && i < closing:
			if end := bracket(s[i:]); end > 0 {
				b.glob(x, s[i:i+end])
				i += end
				continue
			} else if end < 0 {
				b.s.issues = append(b.s.issues, Issue{"an unusual bracket pattern", x.w.Span})
			}
		}
		j := i + 1
		for j < len(s) && strings.IndexByte(`\*?[`, s[j]) < 0 {
			j++
		}
		x.static(s[i:j], false)
		i = j
	}
}

func (b *builder) glob(x *wordBuilder, pat string) {
	x.unknown("a file name pattern")
	x.w.Glob = true
	x.raw(pat)
	x.val.WriteString(pat)
	x.w.Parts = append(x.w.Parts, Part{Lit: pat})
}

// bracket returns the length of a bracket pattern at the start of s, -1 if it is one that is not emitted unquoted.
func bracket(s string) int {
	end := strings.IndexByte(s[1:min(len(s), 66)], ']')
	if end < 0 {
		return -1
	}
	end++
	if end == 1 {
		return -1
	}
	for _, c := range []byte(s[1:end]) {
		if !(letter(c) || c >= '0' && c <= '9' || strings.IndexByte("_.^!- ,:", c) >= 0) || c == ' ' {
			return -1
		}
	}
	return end + 1
}
