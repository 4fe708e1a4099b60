package budget

import (
	"regexp"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

const (
	// DefaultMaxChars caps a stream when the caller sets no max_chars: 64 Ki characters, some 16,000 tokens.
	DefaultMaxChars = 64 << 10
	// AllMaxChars takes its place when the caller asks for mode "all" and sets no cap: 16 Mi characters, what one
	// result can still carry.
	AllMaxChars = 16 << 20
	// MaxContext is the largest grep context in lines.
	MaxContext = 1000
	// largestCap keeps the arithmetic on caps far from overflow.
	largestCap = 1 << 40
)

// The keep modes: all and head_tail keep both ends of a stream that is too long, head and tail one end.
const (
	ModeAll      = "all"
	ModeHead     = "head"
	ModeTail     = "tail"
	ModeHeadTail = "head_tail"
)

// ModeCompress is what a report says of a stream that was folded by meaning.
const ModeCompress = "compress"

// Options is a checked budget. Make one with [FromWire]; it may be shared by goroutines.
type Options struct {
	// MaxTokens and MaxLines are 0 for no cap; MaxChars always caps.
	MaxTokens, MaxChars, MaxLines int64
	Mode                          string
	// Head and Tail are how many lines are kept of each end; both 0 is as many as the caps allow.
	Head, Tail int64
	// Grep keeps the lines that match, with Context lines around each; nil for all lines.
	Grep    *regexp.Regexp
	Context int64
	// Stream is the stream the budget is for: "both", "stdout" or "stderr".
	Stream string
	// Compress says that a stream that is too long is folded by meaning, see core/compress, instead of cut.
	Compress bool
}

// Default is the budget of a caller who sets none: head and tail within [DefaultMaxChars].
func Default() Options {
	return Options{MaxChars: DefaultMaxChars, Mode: ModeHeadTail, Stream: "both"}
}

// FromWire checks b and fills in the defaults; nil gives [Default]. Numbers below zero, unknown names and a pattern
// that RE2 does not take give invalid_argument.
func FromWire(b *wire.Budget) (Options, error) {
	o := Default()
	if b == nil {
		return o, nil
	}
	keep := b.Keep
	if keep == nil {
		keep = &wire.BudgetKeep{}
	}
	grep := b.Grep
	if grep == nil {
		grep = &wire.BudgetGrep{}
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"max_tokens", b.MaxTokens}, {"max_chars", b.MaxChars}, {"max_lines", b.MaxLines},
		{"keep.n", keep.N}, {"keep.head", keep.Head}, {"keep.tail", keep.Tail}, {"grep.context", grep.Context},
	} {
		if f.value < 0 {
			return Options{}, invalid(f.name, "is %d, below zero", f.value).WithHint("leave it out or give 0 for the default")
		}
	}
	if err := o.setKeep(keep); err != nil {
		return Options{}, err
	}
	o.MaxTokens, o.MaxLines = min(b.MaxTokens, largestCap), min(b.MaxLines, largestCap)
	switch {
	case b.MaxChars > 0:
		o.MaxChars = min(b.MaxChars, largestCap)
	case keep.Mode == ModeAll && b.MaxTokens == 0 && b.MaxLines == 0:
		o.MaxChars = AllMaxChars
	}
	if b.Grep != nil {
		re, err := regexp.Compile(grep.Pattern)
		if err != nil {
			return Options{}, invalid("grep.pattern", "is not a valid pattern: %s", errdefs.Quote(err.Error())).
				WithHint("patterns use RE2 syntax, without lookaround and backreferences; escape special characters with \\").
				WithCause(err)
		}
		if grep.Context > MaxContext {
			return Options{}, invalid("grep.context", "is %d, above %d", grep.Context, MaxContext).WithHint("ask for fewer lines")
		}
		o.Grep, o.Context = re, grep.Context
	}
	switch b.Stream {
	case "":
	case "both", "stdout", "stderr":
		o.Stream = b.Stream
	default:
		return Options{}, invalid("stream", "has the unknown value %s", errdefs.Quote(b.Stream)).
			WithHint(`use "both", "stdout" or "stderr"`)
	}
	switch b.Compress {
	case "", "auto":
		// Who says which lines to keep gets those.
		o.Compress = (b.Compress != "" || b.MaxTokens > 0) && (keep.Mode == "" || keep.Mode == ModeAll) && keep.N+keep.Head+keep.Tail == 0
	case "off":
	default:
		return Options{}, invalid("compress", "has the unknown value %s", errdefs.Quote(b.Compress)).
			WithHint(`use "auto" or "off"`)
	}
	return o, nil
}

// setKeep reads the mode and its line counts: n is the lines of the one end, or of both ends together.
func (o *Options) setKeep(k *wire.BudgetKeep) error {
	switch k.Mode {
	case "":
		switch {
		case k.Head > 0 && k.Tail == 0:
			o.Mode = ModeHead
		case k.Tail > 0 && k.Head == 0:
			o.Mode = ModeTail
		}
	case ModeAll, ModeHead, ModeTail, ModeHeadTail:
		o.Mode = k.Mode
	default:
		return invalid("keep.mode", "has the unknown value %s", errdefs.Quote(k.Mode)).
			WithHint(`use "all", "head", "tail" or "head_tail"`)
	}
	switch o.Mode {
	case ModeHead:
		o.Head = first(k.Head, k.N)
	case ModeTail:
		o.Tail = first(k.Tail, k.N)
	case ModeHeadTail:
		o.Head, o.Tail = k.Head, k.Tail
		if o.Head == 0 && o.Tail == 0 {
			o.Head, o.Tail = k.N-k.N/2, k.N/2
		}
	}
	o.Head, o.Tail = min(o.Head, largestCap), min(o.Tail, largestCap)
	return nil
}

func first(a, b int64) int64 {
	if a > 0 {
		return a
	}
	return b
}

func invalid(field, format string, args ...any) *errdefs.Error {
	return errdefs.New(errdefs.InvalidArgument, "budget."+field+" "+format, args...).WithDetail("field", "budget."+field)
}
