package command

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// builder walks the tree once: it collects the commands and writes the script anew in the same visit, so that there is
// no second reading of the tree that could see something else.
type builder struct {
	lim    Limits
	s      *Script
	out    bytes.Buffer
	pend   []pendingDoc
	depth  int
	words  int
	docs   int
	fn     string
	hidden []int
	conts  []int
	// quoted ranges, in which the characters at hidden are data.
	quoted []Span
	err    *Error
}

type pendingDoc struct {
	delim string
	body  *syntax.Word
	raw   bool
	cmd   int
	redir int
}

func (b *builder) put(s string) { b.out.WriteString(s) }

func (b *builder) issue(n syntax.Node, format string, args ...any) {
	if len(b.s.issues) > 200 {
		return // denied already; more would only cost time
	}
	sp := Span{}
	if n != nil {
		sp = spanOf(n)
	}
	b.s.issues = append(b.s.issues, Issue{fmt.Sprintf(format, args...), sp})
}

func spanOf(n syntax.Node) Span {
	defer func() { _ = recover() }() // positions of incomplete nodes panic; a span is only a help for the reader
	return Span{int(n.Pos().Offset()), int(n.End().Offset())}
}

func (b *builder) limit(what string) {
	if b.err == nil {
		b.err = &Error{Kind: "limit", Reason: "the command has too many " + what}
	}
}

func (b *builder) enter() bool {
	if b.depth++; b.depth > b.lim.MaxDepth {
		b.limit("nested constructs")
	}
	return b.err == nil
}

func (b *builder) file(f *syntax.File) {
	b.comments(f.Last)
	b.stmts(f.Stmts)
	for _, at := range b.hidden {
		if !within(at, b.quoted) {
			b.s.issues = append(b.s.issues, Issue{"an invisible or unusual character outside quotes", Span{at, at + 1}})
		}
	}
}

func within(at int, spans []Span) bool {
	for _, s := range spans {
		if at >= s.Start && at < s.End {
			return true
		}
	}
	return false
}

// comments refuses a comment that holds a continuation: bash ends it at the newline, a parser that joins the lines
// first hides the next command in it.
func (b *builder) comments(cs []syntax.Comment) {
	for i := range cs {
		start := int(cs[i].Hash.Offset())
		end := start + 1 + len(cs[i].Text)
		for _, at := range b.conts {
			if at >= start && at <= end {
				b.issue(&cs[i], "a comment that ends in a backslash")
			}
		}
		if strings.HasSuffix(cs[i].Text, `\`) {
			b.issue(&cs[i], "a comment that ends in a backslash")
		}
	}
}

// nl ends a line of the emitted script and writes the here-documents that wait for it.
func (b *builder) nl() {
	b.put("\n")
	docs := b.pend
	b.pend = nil
	for _, d := range docs {
		doc := b.docBody(d)
		b.s.commands[d.cmd].Redirs[d.redir].Doc = doc
		b.put(d.delim + "\n")
	}
}

func (b *builder) stmts(list []*syntax.Stmt) []int {
	var all []int
	for _, st := range list {
		all = append(all, b.stmt(st)...)
		if st.Background {
			b.put(" &")
		}
		b.nl()
	}
	return all
}

// stmt writes one statement without its terminator and returns the commands whose output is the statement's.
func (b *builder) stmt(st *syntax.Stmt) []int {
	if b.err != nil || !b.enter() {
		return nil
	}
	defer func() { b.depth-- }()
	b.comments(st.Comments)
	if st.Coprocess || st.Disown {
		b.issue(st, "a co-process")
	}
	if st.Negated {
		b.put("! ")
	}
	first := len(b.s.commands)
	var outs []int
	if call, ok := st.Cmd.(*syntax.CallExpr); ok {
		outs = b.call(st, call)
	} else if d, ok := st.Cmd.(*syntax.DeclClause); ok {
		outs = b.decl(st, d)
	} else {
		outs = b.compound(st)
	}
	if st.Background {
		for i := first; i < len(b.s.commands); i++ {
			b.s.commands[i].Background = true
		}
	}
	return outs
}

func (b *builder) newCommand(n syntax.Node) int {
	if len(b.s.commands) >= b.lim.MaxCommands {
		b.limit("commands")
	}
	b.s.commands = append(b.s.commands, Command{Span: spanOf(n), Func: b.fn})
	return len(b.s.commands) - 1
}

func (b *builder) call(st *syntax.Stmt, c *syntax.CallExpr) []int {
	i := b.newCommand(c)
	for _, a := range c.Assigns {
		as := b.assign(a, false)
		b.s.commands[i].Assigns = append(b.s.commands[i].Assigns, as)
		b.put(" ")
	}
	for n, w := range c.Args {
		if n > 0 {
			b.put(" ")
		}
		at := b.out.Len()
		ws := b.expand(w, modeArg)
		if n == 0 && len(ws) > 0 && ws[0].Static && len(ws) == 1 {
			// Quoted, a name is neither an alias nor a reserved word.
			name := ws[0].Value
			b.out.Truncate(at)
			b.put(Quote(name))
			b.s.names = append(b.s.names, nameAt{at, b.out.Len(), i})
		}
		b.s.commands[i].Words = append(b.s.commands[i].Words, ws...)
	}
	b.redirs(st, i)
	return []int{i}
}

// decl is export, declare and their kin, whose arguments the shell reads as assignments.
func (b *builder) decl(st *syntax.Stmt, d *syntax.DeclClause) []int {
	i := b.newCommand(d)
	b.put(d.Variant.Value)
	words := []Word{{Static: true, Value: d.Variant.Value, Span: spanOf(d.Variant)}}
	for _, a := range d.Args {
		b.put(" ")
		if a.Name == nil {
			words = append(words, b.expand(a.Value, modeArg)...)
			continue
		}
		as := b.assign(a, true)
		b.s.commands[i].Assigns = append(b.s.commands[i].Assigns, as)
		w := Word{Static: as.Value.Static, Value: as.Name, Span: as.Span}
		if !as.Naked {
			w.Value, w.Prefix = as.Name+"="+as.Value.Value, as.Name+"="+as.Value.Prefix
		} else {
			w.Static = true
		}
		words = append(words, w)
	}
	b.s.commands[i].Words = words
	b.redirs(st, i)
	return []int{i}
}

func (b *builder) assign(a *syntax.Assign, declared bool) Assign {
	as := Assign{Name: a.Name.Value, Append: a.Append, Naked: a.Naked, Declared: declared, Span: spanOf(a)}
	if a.Index != nil {
		// A subscript is evaluated as arithmetic, and that runs $(…) inside data.
		as.Index = true
		b.issue(a, "an array subscript in an assignment")
		b.arithWords(a.Index)
	}
	b.put(as.Name)
	if a.Naked {
		return as
	}
	if a.Append {
		b.put("+")
	}
	b.put("=")
	switch {
	case a.Array != nil:
		as.Array = true
		b.comments(a.Array.Last)
		b.put("(")
		for n, el := range a.Array.Elems {
			b.comments(el.Comments)
			if n > 0 {
				b.put(" ")
			}
			if el.Index != nil {
				b.issue(el, "an array subscript in an assignment")
				b.arithWords(el.Index)
			}
			if el.Value != nil {
				for _, w := range b.expand(el.Value, modeArg) {
					as.Value.Substs = append(as.Value.Substs, w.Substs...)
					as.Elems = append(as.Elems, w)
				}
			}
		}
		b.put(")")
	case a.Value != nil:
		as.Value = b.word(a.Value, modeAssign)
		as.Int = as.Value.Static && isInt(as.Value.Value) || pureArith(a.Value)
	default:
		as.Value = Word{Static: true}
	}
	return as
}

func pureArith(w *syntax.Word) bool {
	if len(w.Parts) != 1 {
		return false
	}
	switch p := w.Parts[0].(type) {
	case *syntax.ArithmExp:
		return true
	case *syntax.ParamExp:
		// ${?:+name} is a name, which arithmetic would evaluate.
		plain := p.Exp == nil && p.Repl == nil && p.Slice == nil && p.Index == nil && !p.Excl
		return p.Length || plain && p.Param != nil && numberParam(p.Param.Value)
	}
	return false
}

// numberParam reports whether a special parameter is always a number.
func numberParam(name string) bool { return name == "#" || name == "?" || name == "!" || name == "$" }

func (b *builder) redirs(st *syntax.Stmt, cmd int) {
	if len(st.Redirs) > 64 {
		b.limit("redirections")
		return
	}
	for _, r := range st.Redirs {
		b.put(" ")
		rd := Redirect{Op: r.Op.String(), Span: spanOf(r)}
		if r.N != nil {
			rd.FD = r.N.Value
			if _, err := strconv.Atoi(rd.FD); err != nil || len(rd.FD) > 3 {
				b.issue(r, "a redirection to a named descriptor")
			}
			b.put(rd.FD)
		}
		switch r.Op {
		case syntax.Hdoc, syntax.DashHdoc:
			b.hdoc(r, cmd, &rd)
			continue
		case syntax.WordHdoc:
			b.put("<<<")
			w := b.word(r.Word, modeAssign)
			rd.Doc = &w
		case syntax.RdrOut, syntax.AppOut, syntax.RdrIn, syntax.RdrInOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll, syntax.DplIn, syntax.DplOut:
			b.put(rd.Op)
			if procSubst(r.Word) {
				b.put(" ") // "<<(" would start a here-document
			}
			rd.Target = b.word(r.Word, modeRedir)
			if r.Op == syntax.DplIn || r.Op == syntax.DplOut {
				if v := rd.Target.Value; rd.Target.Static && (v == "-" || isInt(v) && v[0] != '-' && len(v) < 4) {
					rd.Op = "dup"
				}
			}
			if !rd.Target.Static && !(r.Op == syntax.RdrIn && (procSubst(r.Word) || quotedParam(rd.Target))) {
				b.issue(r, "a redirection whose target is not known")
			}
		default:
			b.issue(r, "the redirection %s", r.Op)
			if r.Word != nil {
				b.word(r.Word, modeRedir)
			}
		}
		b.s.commands[cmd].Redirs = append(b.s.commands[cmd].Redirs, rd)
	}
}

// procSubst reports whether a word is <(…) and nothing else.
func procSubst(w *syntax.Word) bool {
	if w == nil || len(w.Parts) != 1 {
		return false
	}
	p, ok := w.Parts[0].(*syntax.ProcSubst)
	return ok && p.Op == syntax.CmdIn
}

// quotedParam reports whether a word is "$NAME", perhaps with known text around it. Which file that is the policy has to
// know.
func quotedParam(w Word) bool {
	params := 0
	for _, p := range w.Parts {
		switch {
		case p.Subst || !p.Quoted && p.Param != "":
			return false
		case p.Param != "":
			params++
		}
	}
	return params == 1 && w.Quoted && !w.Glob
}

func (b *builder) hdoc(r *syntax.Redirect, cmd int, rd *Redirect) {
	raw := false
	for _, p := range r.Word.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			raw = raw || strings.Contains(p.Value, `\`)
			if strings.ContainsAny(p.Value, "$`") {
				b.issue(r, "a here-document with an unusual delimiter")
			}
		case *syntax.SglQuoted:
			raw = true
			if p.Dollar {
				b.issue(r, "a here-document with an unusual delimiter")
			}
		case *syntax.DblQuoted:
			raw = true
			for _, q := range p.Parts {
				if _, ok := q.(*syntax.Lit); !ok {
					b.issue(r, "a here-document with an unusual delimiter")
				}
			}
		default:
			b.issue(r, "a here-document with an unusual delimiter")
		}
	}
	b.docs++
	delim := "EXECKIT_DOC_" + strconv.Itoa(b.docs)
	for strings.Contains(b.s.text, delim) {
		delim += "_"
	}
	if raw {
		b.put("<<'" + delim + "'")
	} else {
		b.put("<<" + delim)
	}
	b.s.commands[cmd].Redirs = append(b.s.commands[cmd].Redirs, *rd)
	b.pend = append(b.pend, pendingDoc{delim, r.Hdoc, raw, cmd, len(b.s.commands[cmd].Redirs) - 1})
	if r.Op == syntax.DashHdoc && r.Hdoc != nil {
		// The parser leaves the tabs to whoever runs the document; stripping them here keeps <<- out of the script.
		stripTabs(r.Hdoc)
	}
}

func stripTabs(w *syntax.Word) {
	start := true
	for _, p := range w.Parts {
		l, ok := p.(*syntax.Lit)
		if !ok {
			start = false
			continue
		}
		lines := strings.SplitAfter(l.Value, "\n")
		for i, ln := range lines {
			if start || i > 0 {
				lines[i] = strings.TrimLeft(ln, "\t")
			}
		}
		l.Value = strings.Join(lines, "")
		start = strings.HasSuffix(l.Value, "\n")
	}
}

func (b *builder) docBody(d pendingDoc) *Word {
	w := &Word{Static: true, Quoted: true}
	if d.body == nil {
		return w
	}
	b.quoted = append(b.quoted, spanOf(d.body))
	var val strings.Builder
	for _, p := range d.body.Parts {
		if l, ok := p.(*syntax.Lit); ok {
			text := l.Value
			if !d.raw {
				if strings.Contains(text, "\\\n") {
					b.issue(l, "a line continuation in a here-document")
				}
				text = unescapeDouble(text, false)
			}
			val.WriteString(text)
			w.Parts = append(w.Parts, Part{Lit: text, Quoted: true})
			if d.raw {
				b.put(text)
			} else {
				b.put(strings.NewReplacer(`\`, `\\`, "$", `\$`, "`", "\\`").Replace(text))
			}
			continue
		}
		if w.Static {
			w.Static, w.Reason, w.Prefix = false, "an expansion in a here-document", val.String()
		}
		if pe, ok := p.(*syntax.ParamExp); ok && pe.Exp != nil {
			// An open ${U:- swallows the end of the document in one parser and not in the other.
			b.issue(p, "a default value in a here-document")
		}
		b.dynamic(p, w, true, true)
	}
	w.Value = val.String()
	return w
}

// unescapeDouble removes the backslashes that mean something between double quotes.
func unescapeDouble(s string, quote bool) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if n := s[i+1]; n == '$' || n == '`' || n == '\\' || quote && n == '"' {
				i++
			} else if n == '\n' {
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
