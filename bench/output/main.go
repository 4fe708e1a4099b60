// Output measures how much of what matters in failing builds and test runs a budget keeps.
//
// Usage: output [-tokens N] [-show NAME] [RUNS]
//
// RUNS is a folder of NAME.log and NAME.json as runs/generate.py writes them, or a .tar.bz2 of one; testdata/runs.tar.bz2
// without it. For each run the table gives how many of the texts that matter are in the output as it is shortened by
// meaning, and in its head and tail of the same budget, and the tokens of both by the dearer of two real tokenizers. It
// exits 1 where a budget was exceeded or less than 95 % was kept.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tiktoken-go/tokenizer"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/wire"
)

func main() {
	tokens := flag.Int64("tokens", 2000, "max_tokens")
	show := flag.String("show", "", "print the shortened output of this run instead")
	flag.Parse()
	path := "testdata/runs.tar.bz2"
	if flag.NArg() > 0 {
		path = flag.Arg(0)
	}
	runs, err := load(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	count, err := realCounter()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if *show != "" {
		for _, r := range runs {
			if r.name == *show {
				fmt.Print(shorten(r.text, &wire.Budget{MaxTokens: *tokens}))
			}
		}
		return
	}
	if s := measure(runs, *tokens, count); s.over > 0 || s.kept*100 < s.wanted*95 {
		os.Exit(1)
	}
}

// A score sums up a table.
type score struct{ wanted, kept, plain, over, whole int }

func measure(runs []run, tokens int64, count func(string) int) (s score) {
	fmt.Printf("| %-24s | %6s | %8s | %-8s | %6s | %-13s | %6s | %s |\n|---|---|---|---|---|---|---|---|\n", "run", "lines", "bytes", "kept", "tokens", "head and tail", "tokens", "lost")
	var bytes int
	var took time.Duration
	for _, r := range runs {
		begin := cpu()
		auto := shorten(r.text, &wire.Budget{MaxTokens: tokens})
		took, bytes = took+cpu()-begin, bytes+len(r.text)
		cut := shorten(r.text, &wire.Budget{MaxTokens: tokens, Compress: "off"})
		a, lost := found(auto, r.Want)
		b, _ := found(cut, r.Want)
		na, nb := count(auto), count(cut)
		s.wanted, s.kept, s.plain = s.wanted+len(r.Want), s.kept+a, s.plain+b
		if a == len(r.Want) {
			s.whole++
		}
		if int64(max(na, nb)) > tokens {
			s.over++
		}
		fmt.Printf("| %-24s | %6d | %8d | %2d of %2d | %6d | %6s %2d of %2d | %6d | %s |\n", r.name, strings.Count(string(r.text), "\n"), len(r.text), a, len(r.Want), na, "", b, len(r.Want), nb, strings.Join(lost, ", "))
	}
	fmt.Printf("\n%d runs, %d of them whole; kept %d of %d (%.1f %%), head and tail %d (%.1f %%); over the budget: %d; %.0f MB for each second of CPU\n", len(runs), s.whole,
		s.kept, s.wanted, 100*float64(s.kept)/float64(s.wanted), s.plain, 100*float64(s.plain)/float64(s.wanted), s.over, float64(bytes)/1e6/took.Seconds())
	return s
}

// cpu is the processor time that this process has used; a machine that is busy with other things does not change it.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func shorten(text []byte, b *wire.Budget) string {
	o, err := budget.FromWire(b)
	if err != nil {
		panic(err)
	}
	k := budget.NewKeeper(o, budget.NewSpool())
	k.Write(text)
	shown, _, _ := k.Finish()
	return string(shown)
}

func found(text string, want []string) (n int, lost []string) {
	for _, w := range want {
		if strings.Contains(text, w) {
			n++
		} else {
			lost = append(lost, w)
		}
	}
	return n, lost
}

// realCounter counts tokens by o200k and cl100k, whichever gives more.
func realCounter() (func(string) int, error) {
	var codecs []tokenizer.Codec
	for _, name := range []tokenizer.Encoding{tokenizer.O200kBase, tokenizer.Cl100kBase} {
		c, err := tokenizer.Get(name)
		if err != nil {
			return nil, err
		}
		codecs = append(codecs, c)
	}
	return func(text string) int {
		most := 0
		for _, c := range codecs {
			n, err := c.Count(text)
			if err != nil {
				panic(err)
			}
			most = max(most, n)
		}
		return most
	}, nil
}
