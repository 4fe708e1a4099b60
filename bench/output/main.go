// Output measures how much of what matters in failing builds and test runs a budget keeps.
//
// Usage: output [-tokens N] [-show NAME] FOLDER
//
// The folder holds NAME.log and NAME.json as runs/generate.py writes them. For each the table gives how many of the
// texts that matter are in the shortened output by meaning, and in its head and tail of the same budget, and the tokens
// of both by the dearer of two real tokenizers. It exits 1 where a budget was exceeded or less than 95 % was kept.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiktoken-go/tokenizer"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/wire"
)

type run struct {
	Command string
	Want    []string
}

func main() {
	tokens := flag.Int64("tokens", 2000, "max_tokens")
	show := flag.String("show", "", "print the shortened output of this run")
	flag.Parse()
	paths, _ := filepath.Glob(filepath.Join(flag.Arg(0), "*.log"))
	if len(paths) == 0 {
		fmt.Fprintln(os.Stderr, "no runs; make them with runs/generate.py")
		os.Exit(2)
	}
	count := realCounter()
	fmt.Printf("| %-24s | %6s | %8s | %-14s | %6s | %-14s | %6s |\n|---|---|---|---|---|---|---|\n", "run", "lines", "bytes", "kept", "tokens", "head and tail", "tokens")
	var wanted, kept, plain, over, whole int
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		var r run
		about, err := os.ReadFile(strings.TrimSuffix(path, "log") + "json")
		if err == nil {
			err = json.Unmarshal(about, &r)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".log")
		auto := shorten(text, &wire.Budget{MaxTokens: *tokens})
		cut := shorten(text, &wire.Budget{MaxTokens: *tokens, Compress: "off"})
		if name == *show {
			fmt.Println(auto)
		}
		a, missing := found(auto, r.Want)
		b, _ := found(cut, r.Want)
		na, nb := count(auto), count(cut)
		wanted, kept, plain = wanted+len(r.Want), kept+a, plain+b
		if a == len(r.Want) {
			whole++
		}
		if int64(max(na, nb)) > *tokens {
			over++
		}
		fmt.Printf("| %-24s | %6d | %8d | %2d of %2d %s | %6d | %2d of %2d | %6d |\n", name, strings.Count(string(text), "\n"), len(text), a, len(r.Want), missing, na, b, len(r.Want), nb)
	}
	fmt.Printf("\n%d runs, %d of them whole; kept %d of %d (%.1f %%), head and tail %d (%.1f %%); over the budget: %d\n", len(paths), whole, kept, wanted,
		100*float64(kept)/float64(wanted), plain, 100*float64(plain)/float64(wanted), over)
	if over > 0 || kept*100 < wanted*95 {
		os.Exit(1)
	}
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

func found(text string, want []string) (n int, missing []string) {
	for _, w := range want {
		if strings.Contains(text, w) {
			n++
		} else {
			missing = append(missing, w)
		}
	}
	return n, missing
}

// realCounter counts tokens by o200k and cl100k, whichever gives more.
func realCounter() func(string) int {
	var codecs []tokenizer.Codec
	for _, name := range []tokenizer.Encoding{tokenizer.O200kBase, tokenizer.Cl100kBase} {
		c, err := tokenizer.Get(name)
		if err != nil {
			panic(err)
		}
		codecs = append(codecs, c)
	}
	return func(text string) int {
		most := 0
		for _, c := range codecs {
			if n, err := c.Count(text); err == nil {
				most = max(most, n)
			}
		}
		return most
	}
}
