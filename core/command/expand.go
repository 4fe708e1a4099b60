package command

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func atoi(s string) int     { n, _ := strconv.Atoi(s); return n }
func special(s string) bool { return len(s) == 1 && strings.Contains("?#@*$!-0123456789", s) }

// dynamic visits a part that is only known when it runs. Text of a here-document is emitted without quotes around it.
func (b *builder) dynamic(p syntax.WordPart, w *Word, quoted, doc bool) {
	w.Static = false
	q := ""
	if quoted && !doc {
		q = `"`
	}
	switch p := p.(type) {
	case *syntax.ParamExp:
		b.param(p, w, quoted, q)
	case *syntax.CmdSubst:
		if p.TempFile || p.ReplyVar {
			b.issue(p, "a substitution that runs in the shell itself")
		}
		if p.Backquotes && strings.Contains(b.text(p), `\`) {
			b.issue(p, "backquotes with escapes")
		}
		b.put(q + "$(")
		w.Substs = append(w.Substs, b.subst(p.Stmts, p.Last)...)
		b.put(")" + q)
		w.Parts = append(w.Parts, Part{Subst: true, Quoted: quoted, Stages: stages(p.Stmts)})
	case *syntax.ProcSubst:
		if p.Op != syntax.CmdIn {
			b.issue(p, "output to a process substitution")
		}
		if len(w.Parts) > 0 || quoted {
			b.issue(p, "a process substitution inside a word")
		}
		b.put("<(")
		w.Substs = append(w.Substs, b.subst(p.Stmts, p.Last)...)
		b.put(")")
		w.Quoted = true
		w.Prefix = "/dev/fd/"
		w.Parts = append(w.Parts, Part{Subst: true, Quoted: true})
	case *syntax.ArithmExp:
		if p.Bracket || p.Unsigned {
			b.issue(p, "the old form of arithmetic")
		}
		b.put("$((")
		b.arith(p.X)
		b.put("))")
		w.Parts = append(w.Parts, Part{Param: "((", Quoted: true})
	case *syntax.ExtGlob:
		b.issue(p, "an extended pattern")
	case *syntax.BraceExp:
		b.issue(nil, "a brace expansion inside a word")
	default:
		b.issue(p, "an expansion that is not known")
	}
}

func (b *builder) text(n syntax.Node) string {
	s := spanOf(n)
	if s.Start < 0 || s.End > len(b.s.text) || s.Start > s.End {
		return ""
	}
	return b.s.text[s.Start:s.End]
}

// subst visits the body of a substitution. Here-documents that wait outside are not read inside.
func (b *builder) subst(stmts []*syntax.Stmt, last []syntax.Comment) []int {
	if !b.enter() {
		return nil
	}
	defer func() { b.depth-- }()
	b.comments(last)
	if len(stmts) == 0 {
		b.issue(nil, "an empty substitution")
	}
	pend := b.pend
	b.pend = nil
	at := len(b.s.commands)
	b.put(" ") // "$((" would start arithmetic
	b.stmts(stmts)
	b.pend = pend
	var all []int
	for i := at; i < len(b.s.commands); i++ {
		all = append(all, i)
	}
	return all
}

// param visits a parameter expansion. Admitted are those that evaluate nothing: ${x@P}, ${!x} and subscripts run
// code that is hidden in data.
func (b *builder) param(p *syntax.ParamExp, w *Word, quoted bool, q string) {
	name := ""
	if p.Param != nil {
		name = p.Param.Value
	}
	part := Part{Param: name, Quoted: quoted}
	switch {
	case p.Length:
		part = Part{Param: "((", Quoted: true}
	case p.Exp != nil || p.Repl != nil || p.Slice != nil || p.Index != nil:
		part.Param = "${" + name // "${HOME:+-delete}" is not the home directory
		part.All = listSubscript(p.Index) && !p.Excl && p.Exp == nil && p.Repl == nil && p.Slice == nil
		if e := p.Exp; e != nil && e.Word != nil && (e.Op == syntax.DefaultUnset || e.Op == syntax.DefaultUnsetOrNull) {
			part.Else = e.Word.Lit()
		}
	}
	if !p.Length && (name == "@" || wordOf(p.Index) == "@") {
		part.Quoted, w.Quoted = false, false // one word for each element, quoted or not
	}
	w.Parts = append(w.Parts, part)
	if !isName(name) && !special(name) {
		if n, err := strconv.Atoi(name); err != nil || n < 0 {
			b.issue(p, "an expansion of a name that is not plain")
		}
	}
	keys := p.Excl && listSubscript(p.Index) && p.Exp == nil && p.Repl == nil && p.Slice == nil && !p.Length // ${!array[@]}
	if p.Excl && !keys || p.Width || p.IsSet || p.Flags != nil || p.NestedParam != nil || p.Names != 0 || len(p.Modifiers) > 0 ||
		p.Split != 0 || p.GlobSubst != 0 || p.RcExpand != 0 {
		b.issue(p, "an indirect expansion")
	}
	b.put(q + "${")
	switch {
	case p.Length:
		b.put("#")
	case keys:
		b.put("!")
	}
	b.put(name)
	if p.Index != nil {
		iw, ok := p.Index.(*syntax.Word)
		if lit := ""; ok {
			if lit = iw.Lit(); lit == "@" || lit == "*" || isInt(lit) && lit[0] != '-' {
				b.put("[" + lit + "]")
			} else {
				ok = false
			}
		}
		if !ok {
			b.issue(p, "an array subscript that is evaluated")
			b.arithWords(p.Index)
		}
	}
	switch {
	case p.Slice != nil:
		for _, e := range []syntax.ArithmExpr{p.Slice.Offset, p.Slice.Length} {
			if e == nil {
				continue
			}
			if n, ok := negative(e); ok {
				b.put(": -" + n) // without the blank it would be a default
				continue
			}
			iw, ok := e.(*syntax.Word)
			if !ok || !isInt(iw.Lit()) || iw.Lit()[0] == '-' {
				b.issue(p, "a slice that is evaluated")
				b.arithWords(e)
				continue
			}
			b.put(":" + iw.Lit())
		}
		if p.Slice.Offset == nil {
			b.issue(p, "a slice without a start")
		}
	case p.Repl != nil:
		b.put("/")
		if p.Repl.All {
			b.put("/")
		}
		b.inner(p, anchored(b, p.Repl.Orig))
		b.put("/")
		if p.Repl.With != nil {
			b.inner(p, p.Repl.With)
		}
	case p.Exp != nil:
		switch op := p.Exp.Op; op {
		case syntax.AlternateUnset, syntax.AlternateUnsetOrNull, syntax.DefaultUnset, syntax.DefaultUnsetOrNull,
			syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
			b.put(op.String())
		case syntax.UpperFirst, syntax.UpperAll, syntax.LowerFirst, syntax.LowerAll, syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
			b.put(op.String())
		case syntax.OtherParamOps:
			// All but P, which runs the value as a prompt, and E and A, whose results are meant to be evaluated.
			if p.Exp.Word == nil || len(p.Exp.Word.Lit()) != 1 || !strings.Contains("QULuak", p.Exp.Word.Lit()) {
				b.issue(p, "the expansion ${…@}")
			}
			b.put("@")
		default:
			b.issue(p, "the expansion ${…%s}", op)
		}
		b.inner(p, p.Exp.Word)
	}
	b.put("}" + q)
}

// negative returns the digits of a negative integer.
func negative(e syntax.ArithmExpr) (string, bool) {
	u, ok := e.(*syntax.UnaryArithm)
	if !ok || u.Op != syntax.Minus || u.Post {
		return "", false
	}
	w, ok := u.X.(*syntax.Word)
	return wordOf(u.X), ok && isInt(w.Lit()) && w.Lit()[0] != '-'
}

// listSubscript reports whether a subscript is @ or *.
func listSubscript(e syntax.ArithmExpr) bool {
	w, ok := e.(*syntax.Word)
	return ok && (w.Lit() == "@" || w.Lit() == "*")
}

// anchored emits the # or % that binds a replaced pattern to an end of the value, and returns the rest of the pattern.
func anchored(b *builder, w *syntax.Word) *syntax.Word {
	if w == nil || len(w.Parts) == 0 {
		return w
	}
	l, ok := w.Parts[0].(*syntax.Lit)
	if !ok || l.Value == "" || l.Value[0] != '#' && l.Value[0] != '%' {
		return w
	}
	b.put(l.Value[:1])
	rest := *l
	rest.Value = l.Value[1:]
	return &syntax.Word{Parts: append([]syntax.WordPart{&rest}, w.Parts[1:]...)}
}

// inner visits the word inside ${…}. Quotes mean different things there to different shells, and bash runs $(…) that
// the parser takes for quoted text; so only characters without any meaning and the values of other variables pass.
func (b *builder) inner(p *syntax.ParamExp, w *syntax.Word) {
	if w == nil {
		return
	}
	for _, part := range w.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			if !plainInside(part.Value) {
				b.issue(p, "a character with a meaning of its own inside ${…}")
				return
			}
			b.put(part.Value)
			continue
		case *syntax.ParamExp:
			if part.Param != nil && isName(part.Param.Value) && part.Exp == nil && part.Repl == nil && part.Slice == nil && part.Index == nil && !part.Excl && !part.Length {
				b.param(part, &Word{}, true, "")
				continue
			}
		}
		b.issue(p, "an expansion or quotes inside ${…}")
		b.quietly(func() { b.word(&syntax.Word{Parts: []syntax.WordPart{part}}, modeAssign) })
	}
}

// wordOf returns the text of a literal subscript, or "".
func wordOf(index syntax.ArithmExpr) string {
	if w, ok := index.(*syntax.Word); ok {
		return w.Lit()
	}
	return ""
}

// plainInside reports whether a text holds only characters that mean nothing inside ${…}.
func plainInside(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(letter(c) || c >= '0' && c <= '9' || strings.IndexByte("_.,:=+-*?/@ ", c) >= 0) {
			return false
		}
	}
	return true
}

// quietly collects the commands of a part whose emitted form is not wanted, because there is an issue already.
func (b *builder) quietly(f func()) { f() }

// arith visits an arithmetic expression of integers, plain names and operators. Whether the names hold integers is for
// the policy to say: bash evaluates what it finds in them.
func (b *builder) arith(e syntax.ArithmExpr) {
	if e == nil || !b.enter() {
		return
	}
	defer func() { b.depth-- }()
	switch e := e.(type) {
	case *syntax.Word:
		if lit := e.Lit(); lit != "" && (isInt(lit) || isConstant(lit) || isName(lit)) {
			if isName(lit) {
				b.s.arithNames(lit, spanOf(e))
			}
			b.put(lit)
			return
		}
		if b.arithSubst(e) {
			return
		}
		if len(e.Parts) == 1 {
			if p, ok := e.Parts[0].(*syntax.ParamExp); ok && p.Param != nil && p.Index == nil && p.Exp == nil && p.Slice == nil && p.Repl == nil && !p.Excl {
				if isName(p.Param.Value) && !p.Length {
					b.s.arithNames(p.Param.Value, spanOf(e))
				} else if !p.Length && !numberParam(p.Param.Value) {
					b.issue(e, "arithmetic on a value that is not known to be a number")
				}
				var w Word
				b.param(p, &w, false, "")
				return
			}
		}
		b.issue(e, "arithmetic that evaluates text")
		b.arithWords(e)
	case *syntax.BinaryArithm:
		if x, ok := e.X.(*syntax.Word); ok && isName(x.Lit()) && strings.HasSuffix(e.Op.String(), "=") {
			switch e.Op {
			case syntax.Eql, syntax.Neq, syntax.Leq, syntax.Geq:
			default:
				b.s.arithSets = append(b.s.arithSets, x.Lit())
			}
		}
		b.arith(e.X)
		b.put(" " + e.Op.String() + " ")
		b.arith(e.Y)
	case *syntax.UnaryArithm:
		if e.Post {
			b.arith(e.X)
			b.put(e.Op.String() + " ")
			return
		}
		b.put(" " + e.Op.String())
		b.arith(e.X)
	case *syntax.ParenArithm:
		b.put("(")
		b.arith(e.X)
		b.put(")")
	default:
		b.issue(e, "arithmetic that is not known")
	}
}

// arithSubst visits a substitution in arithmetic that is one pipeline, of which the policy can tell what it prints.
func (b *builder) arithSubst(e *syntax.Word) bool {
	if len(e.Parts) != 1 {
		return false
	}
	p, ok := e.Parts[0].(*syntax.CmdSubst)
	if !ok || stages(p.Stmts) == 0 {
		return false
	}
	w := Word{Span: spanOf(e)}
	b.dynamic(p, &w, false, true)
	b.s.arithSubsts = append(b.s.arithSubsts, w)
	return true
}

// stages returns how many commands a pipeline of simple commands has, or 0.
func stages(stmts []*syntax.Stmt) int {
	if len(stmts) != 1 {
		return 0
	}
	st := stmts[0]
	if st.Negated || st.Background || st.Coprocess || st.Disown {
		return 0
	}
	switch c := st.Cmd.(type) {
	case *syntax.CallExpr:
		return min(len(c.Args), 1)
	case *syntax.BinaryCmd:
		left, right := stages([]*syntax.Stmt{c.X}), stages([]*syntax.Stmt{c.Y})
		if c.Op == syntax.Pipe && left > 0 && right == 1 && len(st.Redirs) == 0 {
			return left + 1
		}
	}
	return 0
}

// isConstant reports whether lit is a number in another base: 010, 0x1f or 16#1f.
func isConstant(lit string) bool {
	base, digits, ok := strings.Cut(lit, "#")
	if !ok {
		base, digits = "10", strings.TrimPrefix(strings.TrimPrefix(lit, "0x"), "0X")
	}
	if !isInt(base) || base[0] == '-' || len(base) > 2 || digits == "" || len(digits) > 16 || lit[0] < '0' || lit[0] > '9' {
		return false
	}
	for i := 0; i < len(digits); i++ {
		if c := digits[i]; !(letter(c) || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

// arithWords finds the commands inside an expression that is refused anyway.
func (b *builder) arithWords(e syntax.ArithmExpr) {
	if e == nil {
		return
	}
	syntax.Walk(e, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			b.subst(n.Stmts, n.Last)
			return false
		case *syntax.ProcSubst:
			b.subst(n.Stmts, n.Last)
			return false
		}
		return b.err == nil
	})
}
