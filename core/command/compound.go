package command

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// compound visits everything that is not a simple command.
func (b *builder) compound(st *syntax.Stmt) []int {
	var outs []int
	redirCmd := -1
	if st.Cmd == nil || len(st.Redirs) > 0 {
		// The redirections of a loop or group are judged as a command of their own without words.
		redirCmd = b.newCommand(st)
	}
	switch c := st.Cmd.(type) {
	case nil:
		if len(st.Redirs) == 0 {
			b.issue(st, "an empty statement")
		}
	case *syntax.Block:
		b.put("{")
		b.nl()
		b.comments(c.Last)
		outs = b.stmts(c.Stmts)
		b.put("}")
	case *syntax.Subshell:
		b.put("( ")
		b.comments(c.Last)
		outs = b.stmts(c.Stmts)
		b.put(")")
	case *syntax.BinaryCmd:
		outs = b.binary(c)
	case *syntax.IfClause:
		outs = b.ifClause(c)
	case *syntax.WhileClause:
		b.comments(c.CondLast)
		b.comments(c.DoLast)
		if c.Until {
			b.put("until ")
		} else {
			b.put("while ")
		}
		outs = b.stmts(c.Cond)
		b.put("do ")
		outs = append(outs, b.stmts(c.Do)...)
		b.put("done")
	case *syntax.ForClause:
		outs = b.forClause(c)
	case *syntax.CaseClause:
		outs = b.caseClause(c)
	case *syntax.FuncDecl:
		if b.depth != 1 || st.Background || st.Negated {
			// if false; then touch() { ls; }; fi; touch x - the call would reach the program.
			b.issue(c, "a function that may not come to be defined")
		}
		b.funcDecl(c)
	case *syntax.TestClause:
		b.put("[[ ")
		b.test(c.X)
		b.put(" ]]")
	case *syntax.ArithmCmd:
		if c.Unsigned {
			b.issue(c, "unsigned arithmetic")
		}
		b.put("((")
		b.arith(c.X)
		b.put("))")
	case *syntax.TimeClause:
		b.put("time ")
		if c.PosixFormat {
			b.put("-p ")
		}
		if c.Stmt != nil {
			outs = b.stmt(c.Stmt)
		}
	case *syntax.LetClause:
		b.issue(c, "let evaluates text")
		for _, e := range c.Exprs {
			b.arithWords(e)
		}
	case *syntax.CoprocClause:
		b.issue(c, "a co-process")
		if c.Stmt != nil {
			outs = b.stmt(c.Stmt)
		}
	default:
		b.issue(st, "a construct that is not known")
		b.generic(st.Cmd)
	}
	if redirCmd >= 0 {
		b.redirs(st, redirCmd)
		if st.Cmd == nil {
			return []int{redirCmd}
		}
		outs = append(outs, redirCmd)
	}
	return outs
}

func (b *builder) generic(n syntax.Node) {
	if n == nil {
		return
	}
	syntax.Walk(n, func(n syntax.Node) bool {
		if s, ok := n.(*syntax.Stmt); ok {
			b.stmt(s)
			return false
		}
		return b.err == nil
	})
}

func (b *builder) binary(c *syntax.BinaryCmd) []int {
	left := b.stmt(c.X)
	b.put(" " + c.Op.String() + " ")
	at := len(b.s.commands)
	if _, ok := c.Y.Cmd.(*syntax.TimeClause); ok && (c.Op == syntax.Pipe || c.Op == syntax.PipeAll) {
		// After a pipe, time is a program to bash and a keyword to the parser.
		b.issue(c.Y, "time inside a pipeline")
	}
	if c.Y.Negated && (c.Op == syntax.Pipe || c.Op == syntax.PipeAll) {
		b.issue(c.Y, "a negation inside a pipeline")
	}
	right := b.stmt(c.Y)
	switch c.Op {
	case syntax.AndStmt, syntax.OrStmt:
		return append(left, right...)
	case syntax.Pipe, syntax.PipeAll:
		// Every command of the right side may read what the left side writes, and what that was made from. The list
		// is bounded, because a long pipeline would make it grow with the square of its length.
		up := append([]int{}, left...)
		for _, l := range left {
			up = append(up, b.s.commands[l].Feeds...)
		}
		up = up[:min(len(up), 32)]
		if _, ok := c.Y.Cmd.(*syntax.CallExpr); ok && at < len(b.s.commands) && c.Op == syntax.Pipe {
			b.s.commands[at].Stages = stages([]*syntax.Stmt{c.X})
		}
		for i := at; i < len(b.s.commands); i++ {
			b.s.commands[i].Feeds = append(b.s.commands[i].Feeds, up...)
		}
		return right
	}
	b.issue(c, "the operator %s", c.Op)
	return right
}

func (b *builder) ifClause(c *syntax.IfClause) (outs []int) {
	for word := "if "; c != nil; c = c.Else {
		b.comments(c.CondLast)
		b.comments(c.ThenLast)
		b.comments(c.Last)
		if len(c.Cond) == 0 {
			b.put("else ")
			outs = append(outs, b.stmts(c.Then)...)
			break
		}
		b.put(word)
		outs = append(outs, b.stmts(c.Cond)...)
		b.put("then ")
		outs = append(outs, b.stmts(c.Then)...)
		word = "elif "
	}
	b.put("fi")
	return outs
}

func (b *builder) forClause(c *syntax.ForClause) []int {
	b.comments(c.DoLast)
	if c.Select {
		b.issue(c, "select reads answers from the input")
	}
	switch l := c.Loop.(type) {
	case *syntax.WordIter:
		i := b.newCommand(l)
		b.put("for " + l.Name.Value)
		if l.InPos.IsValid() {
			b.put(" in")
			for _, w := range l.Items {
				b.put(" ")
				for _, v := range b.expand(w, modeArg) {
					b.s.commands[i].Assigns = append(b.s.commands[i].Assigns,
						Assign{Name: l.Name.Value, Value: v, Int: v.Static && isInt(v.Value), Span: spanOf(l)})
				}
			}
		}
		if len(b.s.commands[i].Assigns) == 0 {
			b.s.commands[i].Assigns = []Assign{{Name: l.Name.Value, Value: Word{Reason: "the arguments of the shell"}, Span: spanOf(l)}}
		}
		b.nl()
	case *syntax.CStyleLoop:
		b.put("for ((")
		b.arith(l.Init)
		b.put(";")
		b.arith(l.Cond)
		b.put(";")
		b.arith(l.Post)
		b.put("))")
		b.nl()
	default:
		b.issue(c, "a loop that is not known")
	}
	b.put("do ")
	outs := b.stmts(c.Do)
	b.put("done")
	return outs
}

func (b *builder) caseClause(c *syntax.CaseClause) (outs []int) {
	b.comments(c.Last)
	b.put("case ")
	b.word(c.Word, modeAssign)
	b.put(" in")
	b.nl()
	for _, it := range c.Items {
		b.comments(it.Comments)
		b.comments(it.Last)
		b.put("(")
		for n, p := range it.Patterns {
			if n > 0 {
				b.put(" | ")
			}
			b.word(p, modePattern)
		}
		b.put(") ")
		outs = append(outs, b.stmts(it.Stmts)...)
		if it.Op != syntax.Break {
			b.issue(it, "a case branch that falls through")
		}
		b.put(";;")
		b.nl()
	}
	b.put("esac")
	return outs
}

func (b *builder) funcDecl(c *syntax.FuncDecl) {
	name := ""
	if c.Name != nil {
		name = c.Name.Value
	}
	if !isName(name) || len(c.Names) > 0 {
		b.issue(c, "a function with an unusual name")
	}
	if b.s.funcs == nil {
		b.s.funcs = map[string]int{}
	}
	if _, again := b.s.funcs[name]; again {
		b.issue(c, "a function that is defined twice")
	}
	b.s.funcs[name] = 1 << 30 // not before the end of its body
	outer := b.fn
	b.fn = name
	b.put(name + "() ")
	switch c.Body.Cmd.(type) {
	case *syntax.Block, *syntax.Subshell:
	default:
		b.issue(c, "a function whose body is not a group")
	}
	b.stmt(c.Body)
	b.s.funcs[name] = len(b.s.commands)
	b.fn = outer
}

// test visits [[ … ]]. Its integer operators and -v evaluate their operands as arithmetic.
func (b *builder) test(e syntax.TestExpr) {
	if !b.enter() {
		return
	}
	defer func() { b.depth-- }()
	switch e := e.(type) {
	case *syntax.Word:
		b.word(e, modeAssign)
	case *syntax.ParenTest:
		b.put("( ")
		b.test(e.X)
		b.put(" )")
	case *syntax.UnaryTest:
		switch e.Op {
		case syntax.TsVarSet, syntax.TsRefVar:
			b.issue(e, "a test of a name that is evaluated")
		}
		b.put(e.Op.String() + " ")
		b.test(e.X)
	case *syntax.BinaryTest:
		b.binaryTest(e)
	default:
		b.issue(e, "a test that is not known")
	}
}

func (b *builder) binaryTest(e *syntax.BinaryTest) {
	m := modeAssign
	switch e.Op {
	case syntax.AndTest, syntax.OrTest:
		b.test(e.X)
		b.put(" " + e.Op.String() + " ")
		b.test(e.Y)
		return
	case syntax.TsMatch, syntax.TsMatchShort, syntax.TsNoMatch:
		m = modePattern
	case syntax.TsReMatch:
		y, ok := e.Y.(*syntax.Word)
		if !ok || !plainRegex(y.Lit()) {
			b.issue(e, "a regular expression that is not plain")
			b.generic(e)
			return
		}
		b.test(e.X)
		b.put(" =~ " + y.Lit())
		return
	case syntax.TsBefore, syntax.TsAfter, syntax.TsNewer, syntax.TsOlder, syntax.TsDevIno:
	case syntax.TsEql, syntax.TsNeq, syntax.TsLeq, syntax.TsGeq, syntax.TsLss, syntax.TsGtr:
		b.operand(e.X)
		b.put(" " + e.Op.String() + " ")
		b.operand(e.Y)
		return
	default:
		b.issue(e, "the test operator %s", e.Op)
	}
	b.test(e.X)
	b.put(" " + e.Op.String() + " ")
	if y, ok := e.Y.(*syntax.Word); ok {
		b.word(y, m)
	} else {
		b.issue(e, "a test that is not known")
	}
}

// operand is a side of -eq and its kin: an integer, $#, $? or a name that the policy knows to hold an integer.
func (b *builder) operand(e syntax.TestExpr) {
	w, ok := e.(*syntax.Word)
	if !ok {
		b.issue(e, "a test that is not known")
		return
	}
	parts := w.Parts
	if len(parts) == 1 {
		if d, ok := parts[0].(*syntax.DblQuoted); ok && !d.Dollar {
			parts = d.Parts
		}
	}
	b.arith(&syntax.Word{Parts: parts})
}

// plainRegex reports whether both shells and the parser take a regular expression as one word with no meaning beyond it:
// no quotes, blanks or expansions, and parentheses that close.
func plainRegex(s string) bool {
	open := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		last := i == len(s)-1
		switch {
		case letter(c) || c >= '0' && c <= '9' || strings.IndexByte("_.^*+?-:,=@%/[]{}", c) >= 0:
		case c == '$' && (last || s[i+1] == ')' || s[i+1] == '|'):
		case c == '|' && open > 0:
		case c == '(':
			open++
		case c == ')' && open > 0:
			open--
		case c == '\\' && !last && strings.IndexByte(".^*+?-/$[]{}()|", s[i+1]) >= 0:
			i++
		default:
			return false
		}
	}
	return s != "" && open == 0
}
