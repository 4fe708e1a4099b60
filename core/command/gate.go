package command

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits bound the work on one command. A text beyond any of them is an error, never a partial answer: a cap that
// fails open is the classic hole. The zero value of a field stands for its default.
type Limits struct {
	MaxBytes    int `json:"max_bytes"`
	MaxDepth    int `json:"max_depth"`
	MaxCommands int `json:"max_commands"`
	MaxWords    int `json:"max_words"`
}

// DefaultLimits holds far more than people and agents write, and little enough to be judged in a few milliseconds.
var DefaultLimits = Limits{MaxBytes: 32 << 10, MaxDepth: 40, MaxCommands: 400, MaxWords: 3000}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	for _, f := range [][2]*int{{&l.MaxBytes, &d.MaxBytes}, {&l.MaxDepth, &d.MaxDepth}, {&l.MaxCommands, &d.MaxCommands}, {&l.MaxWords, &d.MaxWords}} {
		if *f[0] <= 0 {
			*f[0] = *f[1]
		}
	}
	return l
}

// maxOpenParens bounds what the recursive parser has to hold; nested parentheses also make it try arithmetic first.
const maxOpenParens = 64

// maxOpenBraces does the same for groups and ${…}; balanced JSON of any length stays below it.
const maxOpenBraces = 100

// maxWideCost bounds words outside ASCII: the parser's time for one grows with the square of its length.
const maxWideCost = 2_000_000

// maxNots bounds "! ! ! …", which nests without a closing word.
const maxNots = 300

// maxBlocks bounds if, while and their kin that are not closed; texts in other languages hold such words as well.
const maxBlocks = 400

// maxHeredocs bounds << operators before parsing: the parser rescans its pending documents at every line.
const maxHeredocs = 128

// An Error says why a text was not taken at all.
type Error struct {
	// Kind is "gate" (bytes), "limit", "syntax" or "unsupported".
	Kind   string
	Reason string
	Span   Span
	// Line and Column are set for syntax errors, counted from 1.
	Line, Column int
}

func (e *Error) Error() string { return e.Reason }

// Span is a half-open byte range of the text.
type Span struct{ Start, End int }

// gate refuses bytes on which parsers and terminals disagree. It returns the offsets of characters that are only
// harmless inside quotes; the walk checks them.
func gate(text string, lim Limits) (hidden, conts []int, err *Error) {
	if len(text) > lim.MaxBytes {
		return nil, nil, &Error{Kind: "limit", Reason: fmt.Sprintf("the command is longer than %d bytes", lim.MaxBytes), Span: Span{0, lim.MaxBytes}}
	}
	open, docs, braces, nots, brackets := 0, 0, 0, 0, 0
	run, wide, cost, blocks := 0, false, 0, 0
	for i := 0; i < len(text); {
		c := text[i]
		if c == ' ' || c == '\n' || c == '\t' {
			switch text[i-run : i] {
			case "if", "while", "until", "for", "select", "case":
				if blocks++; blocks > maxBlocks {
					return nil, nil, &Error{Kind: "limit", Reason: "blocks are nested too deep", Span: Span{i, i + 1}}
				}
			case "fi", "done", "esac", "fi;", "done;", "esac;":
				blocks = max(blocks-1, 0)
			}
			run, wide = 0, false
		} else if run++; wide || c >= utf8.RuneSelf {
			if wide = true; cost+run > maxWideCost {
				return nil, nil, &Error{Kind: "limit", Reason: "too much text outside ASCII without a space", Span: Span{i, i + 1}}
			}
			cost += run
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(text[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				// Shells in other locales see another character here, such as one that eats the next backslash.
				return nil, nil, bad(i, 1, "a byte that is not valid UTF-8")
			case deceptive(r):
				return nil, nil, bad(i, n, fmt.Sprintf("the invisible or direction-changing character U+%04X", r))
			case !unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Mn, r):
				hidden = append(hidden, i)
			}
			run += n - 1
			i += n
			continue
		}
		switch {
		case c == '\t' || c == '\n':
		case c < ' ' || c == 0x7f:
			// CR hides text on a terminal and is data to bash; NUL ends strings in one place and not in another.
			return nil, nil, bad(i, 1, fmt.Sprintf("the control byte 0x%02x", c))
		case c == '(':
			if open++; open > maxOpenParens {
				return nil, nil, &Error{Kind: "limit", Reason: "parentheses are nested too deep", Span: Span{i, i + 1}}
			}
		case c == ')':
			if open > 0 {
				open--
			}
		case c == '!' && i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\t'):
			if nots++; nots > maxNots {
				return nil, nil, &Error{Kind: "limit", Reason: "too many negations", Span: Span{i, i + 1}}
			}
		case c == '[':
			if brackets++; brackets > maxOpenBraces {
				return nil, nil, &Error{Kind: "limit", Reason: "brackets are nested too deep", Span: Span{i, i + 1}}
			}
		case c == ']':
			if brackets > 0 {
				brackets--
			}
		case c == '{':
			if braces++; braces > maxOpenBraces {
				return nil, nil, &Error{Kind: "limit", Reason: "braces are nested too deep", Span: Span{i, i + 1}}
			}
		case c == '}':
			if braces > 0 {
				braces--
			}
		case c == '<' && i+1 < len(text) && text[i+1] == '<':
			if docs++; docs > maxHeredocs {
				return nil, nil, &Error{Kind: "limit", Reason: "too many here-documents", Span: Span{i, i + 1}}
			}
		case c == '\\' && i+1 < len(text) && text[i+1] == '\n':
			// "$\<newline>(cmd)" is a substitution to bash and two literals to the parser.
			if i > 0 && text[i-1] != ' ' && text[i-1] != '\t' {
				return nil, nil, bad(i, 2, "a line continuation inside a word")
			}
			conts = append(conts, i)
		case c == '\\' && i+1 == len(text):
			return nil, nil, bad(i, 1, "a backslash at the end of the text")
		}
		i++
	}
	if len(conts) > 256 {
		return nil, nil, &Error{Kind: "limit", Reason: "too many line continuations", Span: Span{conts[0], conts[0] + 2}}
	}
	return hidden, conts, nil
}

func bad(at, n int, what string) *Error {
	return &Error{Kind: "gate", Reason: "the command holds " + what, Span: Span{at, at + n}}
}

// deceptive reports characters that have no honest place in a command even when quoted: they reorder or hide what a
// person who approves it sees.
func deceptive(r rune) bool {
	switch {
	case r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029,
		r >= 0xe0000 && r <= 0xe0fff, r == 0xfeff, r == 0x200e, r == 0x200f, r == 0x061c, r == 0x180e:
		return true
	}
	return false
}
