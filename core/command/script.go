package command

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// A Script is a parsed text.
type Script struct {
	text     string
	commands []Command
	issues   []Issue
	// funcs holds for each function the index of the first command after its definition.
	funcs map[string]int
	out   string
	names []nameAt
	arith []ArithName
	// arithSubsts are the substitutions in arithmetic, whose output must be an integer.
	arithSubsts []Word
	// arithSets are names that arithmetic assigns, always an integer.
	arithSets []string
}

// nameAt is where the emitted script holds the name of a command.
type nameAt struct{ start, end, cmd int }

// An Issue is a construct that cannot be vetted before it runs.
type Issue struct {
	Reason string
	Span   Span
}

// A Command is one simple command, a declaration (export and its kin), or a redirection without a command.
type Command struct {
	Words   []Word
	Assigns []Assign
	Redirs  []Redirect
	Span    Span
	// Feeds are the commands whose output is this one's input through a pipe.
	Feeds []int
	// Stages is how many commands write what this one reads, where they are one pipeline of simple commands; else 0.
	Stages int
	// Func is the name of the function that this command is part of, if any.
	Func string
	// Background is set for a command that the shell does not wait for.
	Background bool
}

// A Word is one argument after brace expansion.
type Word struct {
	// Static words are known before they run; Value is then exactly what the program gets.
	Static bool
	Value  string
	// Prefix is the known beginning of a word that is not static.
	Prefix string
	// Reason says why a word is not static.
	Reason string
	// Parts are the pieces in order, for rules that follow variables.
	Parts []Part
	// Substs are the commands inside the word's substitutions, outermost first.
	Substs []int
	// Glob words become the names of files.
	Glob bool
	// Quoted dynamic words stay one word; others are split.
	Quoted bool
	Span   Span
}

// A Part is a literal or, when Param is set, the value of a variable; Subst marks a command substitution.
type Part struct {
	Lit    string
	Param  string
	Subst  bool
	Quoted bool
	// Stages is how many commands a substitution holds that is one pipeline of simple commands; else 0. A word's Substs hold
	// more where there are substitutions inside.
	Stages int
	// All is set for every element of an array, ${NAME[@]}.
	All bool
	// Else is what stands for a variable that is not set, ${NAME:-text}, where that text is known.
	Else string
}

// An Assign is NAME=value before a command, alone, or as an argument of a declaration.
type Assign struct {
	Name  string
	Value Word
	// Elems are the elements of an array, NAME=(…).
	Elems []Word
	// Int: the value is an integer whatever happens, so that arithmetic on the name evaluates no text.
	Int, Append, Array, Naked, Index bool
	// Declared by export, declare and their kin.
	Declared bool
	Span     Span
}

// A Redirect is one redirection.
type Redirect struct {
	Op     string
	FD     string
	Target Word
	// Doc is the text of a here-document or here-string; its Static field says whether it is known.
	Doc  *Word
	Span Span
}

// Commands lists every simple command in every nested position, in the order of the text.
func (s *Script) Commands() []Command { return s.commands }

// Issues lists what cannot be vetted; a fence denies a script that has any.
func (s *Script) Issues() []Issue { return s.issues }

// Defines reports whether command number cmd, if it is called name, is a function of the script: one that is defined
// before it without any condition. Before its definition the same name is a program.
func (s *Script) Defines(name string, cmd int) bool {
	at, ok := s.funcs[name]
	return ok && (cmd >= at || cmd < len(s.commands) && s.commands[cmd].Func == name)
}

// Functions returns the names of the functions that the script defines.
func (s *Script) Functions() []string {
	var names []string
	for n := range s.funcs {
		names = append(names, n)
	}
	return names
}

// Emit returns the script written anew from the vetted tree, or "" if it has issues.
func (s *Script) Emit() string { return s.EmitWith(nil) }

// EmitWith is Emit with the name of each command passed through resolve, which may pin it to a path that was looked
// up when the session started.
func (s *Script) EmitWith(resolve func(name string) string) string {
	if len(s.issues) > 0 {
		return ""
	}
	if resolve == nil {
		return s.out
	}
	var out []byte
	last := 0
	for _, n := range s.names {
		out = append(out, s.out[last:n.start]...)
		name := s.commands[n.cmd].Words[0].Value
		if !s.Defines(name, n.cmd) {
			name = resolve(name)
		}
		out = append(out, Quote(name)...)
		last = n.end
	}
	return string(append(out, s.out[last:]...))
}

var parsers = sync.Pool{New: func() any { return syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)) }}

// Parse gates, parses and walks a text. The error is an [*Error].
func Parse(text string, lim Limits) (s *Script, err error) {
	lim = lim.withDefaults()
	hidden, conts, gerr := gate(text, lim)
	if gerr != nil {
		return nil, gerr
	}
	defer func() {
		// A parser that panics on hostile input must not take the host process with it, and must not let it through.
		if r := recover(); r != nil {
			s, err = nil, &Error{Kind: "unsupported", Reason: fmt.Sprintf("the parser failed on the command: %v", r)}
		}
	}()
	p := parsers.Get().(*syntax.Parser)
	file, perr := p.Parse(newReader(text), "")
	if perr != nil {
		return nil, syntaxError(perr)
	}
	parsers.Put(p)
	b := &builder{lim: lim, s: &Script{text: text}, hidden: hidden, conts: conts}
	b.file(file)
	if b.err != nil {
		return nil, b.err
	}
	b.s.out = b.out.String()
	return b.s, nil
}

// Incomplete reports whether more text could make a whole command of text: a quote, a block or a here-document is open.
func Incomplete(text string) bool {
	if _, _, err := gate(text, Limits{}.withDefaults()); err != nil {
		return false
	}
	_, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(newReader(text), "")
	return err != nil && syntax.IsIncomplete(err)
}

// Unread begins the reason of every syntax error. The shell may read what this parser does not.
const Unread = "execkit cannot read the command as shell: "

func syntaxError(err error) *Error {
	e, what := &Error{Kind: "syntax"}, err.Error()
	var pe syntax.ParseError
	var le syntax.LangError
	switch {
	case errors.As(err, &pe):
		what = pe.Text
		e.Line, e.Column, e.Span = place(pe.Pos)
	case errors.As(err, &le):
		if _, after, ok := strings.Cut(what, ": "); ok {
			what = after // the place is told in the same way as for the others
		}
		e.Line, e.Column, e.Span = place(le.Pos)
	}
	e.Reason = Unread + what
	if e.Line > 0 {
		e.Reason += fmt.Sprintf(" (line %d, column %d)", e.Line, e.Column)
	}
	return e
}

func place(p syntax.Pos) (line, column int, at Span) {
	return int(p.Line()), int(p.Col()), Span{int(p.Offset()), int(p.Offset())}
}

// Rewording says how to write what the shell reads and this parser does not, given the reason of its error.
func Rewording(reason string) string {
	for _, one := range []struct{ part, how string }{
		{"must be followed by names or assignments", "give the function another name than a builtin's"},
		{"`(` must be followed by an expression", "give the function another name than a builtin's"},
		{"arithmetic", "put a space between two opening parentheses that are no arithmetic, and quote the subscript of an associative array"},
		{"negate a command multiple times", "write one ! or none"},
		{"`!` ", "write false in place of a ! that stands alone"},
		{"unclosed here-document", "end the here-document with its word alone on a line"},
		{"heredoc words", "end the here-document with a word without an expansion"},
		{"parameter expansion operator", "change the case with ${x^^} or ${x,,}"},
		{"`function` must be followed by a name", "name the function with letters, digits and _"},
	} {
		if strings.Contains(reason, one.part) {
			return one.how
		}
	}
	return "write it another way, or put it into a file and run that"
}

// An ArithName is a variable that is evaluated as arithmetic; safe only while it holds an integer.
type ArithName struct {
	Name string
	Span Span
}

func (s *Script) arithNames(name string, sp Span) { s.arith = append(s.arith, ArithName{name, sp}) }

// ArithNames lists the variables that the script evaluates as arithmetic.
func (s *Script) ArithNames() []ArithName { return s.arith }

// ArithSubsts returns the substitutions in arithmetic. Bash evaluates what they print, so it must be an integer.
func (s *Script) ArithSubsts() []Word { return s.arithSubsts }

// ArithSets lists the names that the script assigns inside arithmetic.
func (s *Script) ArithSets() []string { return s.arithSets }
