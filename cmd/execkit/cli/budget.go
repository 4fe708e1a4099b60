package cli

import (
	"flag"
	"fmt"

	"github.com/execkit/execkit/core/wire"
)

// budgetFlags are the flags that shorten what a command wrote. The core checks their values.
type budgetFlags struct {
	b    wire.Budget
	keep wire.BudgetKeep
	grep wire.BudgetGrep
}

func (f *budgetFlags) bind(fs *flag.FlagSet) {
	fs.Int64Var(&f.b.MaxTokens, "max-tokens", 0, "show at most `N` tokens of each stream, by meaning where it has more")
	fs.Int64Var(&f.b.MaxChars, "max-chars", 0, "show at most `N` characters of each stream")
	fs.Int64Var(&f.b.MaxLines, "max-lines", 0, "show at most `N` lines of each stream")
	fs.StringVar(&f.keep.Mode, "keep", "", "what to keep: `MODE` all, head, tail or head_tail")
	fs.Int64Var(&f.keep.Head, "head", 0, "keep the first `N` lines")
	fs.Int64Var(&f.keep.Tail, "tail", 0, "keep the last `N` lines")
	fs.StringVar(&f.grep.Pattern, "grep", "", "show only lines that match `PATTERN`, in RE2 syntax")
	fs.Int64Var(&f.grep.Context, "context", 0, "with --grep, show `N` lines around each match")
	fs.StringVar(&f.b.Compress, "compress", "", "fold by meaning: `HOW`, auto or off")
	fs.StringVar(&f.b.Stream, "stream", "", "the `STREAM` that the budget is for: both, stdout or stderr")
}

// budget returns what was asked for, nil if nothing was.
func (f *budgetFlags) budget() *wire.Budget {
	b := f.b
	if f.keep != (wire.BudgetKeep{}) {
		b.Keep = &f.keep
	}
	if f.grep != (wire.BudgetGrep{}) {
		b.Grep = &f.grep
	}
	if b == (wire.Budget{}) {
		return nil
	}
	return &b
}

// kept says how much of the lines of a result is shown.
func kept(r *wire.ExecResult) string {
	var shown, total int64
	for _, b := range r.Budget {
		shown, total = shown+b.LinesKept, total+b.LinesTotal
	}
	return fmt.Sprintf(": %d of %d lines; execkit rpc, mcp and the libraries can read the rest with output.read", shown, total)
}
