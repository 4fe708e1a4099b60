// Fit makes core/budget/tokens.bin from texts: for each context of a byte, how often a token of o200k or cl100k begins
// there, whichever is the more frequent. Usage: fit OUT FILE…
package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/execkit/execkit/core/budget"
	"github.com/tiktoken-go/tokenizer"
)

// part bounds what is read of one file, so that no single one decides.
const part = 24 << 10

func main() {
	var codecs []tokenizer.Codec
	for _, name := range []tokenizer.Encoding{tokenizer.O200kBase, tokenizer.Cl100kBase} {
		c, err := tokenizer.Get(name)
		if err != nil {
			panic(err)
		}
		codecs = append(codecs, c)
	}
	seen := make([]float64, budget.TokenTableSize)
	begins := [2][]float64{make([]float64, budget.TokenTableSize), make([]float64, budget.TokenTableSize)}
	blocks := map[rune]*[3]float64{}
	for _, text := range texts(os.Args[2:]) {
		budget.TokenContexts(text, func(_, context int) { seen[context]++ })
		for k, codec := range codecs {
			starts := tokenStarts(codec, text)
			budget.TokenContexts(text, func(i, context int) { begins[k][context] += starts[i] })
			for i := 0; i < len(text); {
				r, size := utf8.DecodeRune(text[i:])
				if size > 1 {
					b := blocks[r>>7]
					if b == nil {
						b = new([3]float64)
						blocks[r>>7] = b
					}
					for _, s := range starts[i : i+size] {
						b[k] += s
					}
					b[2]++
				}
				i += size
			}
		}
	}
	table := make([]byte, budget.TokenTableSize)
	for i := range table {
		// A context that was rarely seen is taken for a token of its own in part.
		rate := math.Max(begins[0][i], begins[1][i])
		table[i] = byte(math.Min(255, math.Round(255*(rate+1.2)/(seen[i]+2))))
	}
	if err := os.WriteFile(os.Args[1], table, 0o666); err != nil {
		panic(err)
	}
	for b, n := range blocks {
		if n[2] > 200 {
			fmt.Printf("%06x n=%7.0f o200k %.2f cl100k %.2f\n", b<<7, n[2]/2, n[0]*2/n[2], n[1]*2/n[2])
		}
	}
}

// tokenStarts says how many tokens begin at each byte. A token that begins with spaces counts at what follows them.
func tokenStarts(codec tokenizer.Codec, text []byte) []float64 {
	starts := make([]float64, len(text)+1)
	_, tokens, err := codec.Encode(string(text))
	if err != nil {
		panic(err)
	}
	at := 0
	for _, token := range tokens {
		starts[at+len(token)-len(strings.TrimLeft(token[:len(token)-1], " "))-1]++
		at += len(token)
	}
	return starts
}

func texts(paths []string) [][]byte {
	rng := rand.New(rand.NewSource(1))
	var all [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		if len(text) > part {
			at := rng.Intn(len(text) - part)
			text = text[at : at+part]
		}
		if utf8.Valid(text) || utf8.ValidString(trim(text)) {
			all = append(all, []byte(trim(text)))
		}
	}
	for range 40 {
		random := make([]byte, 6000)
		rng.Read(random)
		all = append(all, []byte(base64.StdEncoding.EncodeToString(random)), []byte(hex.EncodeToString(random[:3000])))
	}
	return all
}

// trim takes off the parts of runes at both ends.
func trim(p []byte) string {
	for len(p) > 0 && !utf8.RuneStart(p[0]) {
		p = p[1:]
	}
	for i := 1; i < 4 && i <= len(p); i++ {
		if utf8.RuneStart(p[len(p)-i]) && !utf8.FullRune(p[len(p)-i:]) {
			p = p[:len(p)-i]
		}
	}
	return string(p)
}
