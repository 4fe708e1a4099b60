package budget

import (
	_ "embed" // for the table
	"unicode/utf8"
)

// tokenTable holds, for each context, how likely a token of text begins at a byte there, in 1/255: first the
// contexts of letters within a word, then those of kinds of byte. bench/output/tokens/fit makes it.
//
//go:embed tokens.bin
var tokenTable string

const (
	letterContexts = 27 * 27 * 27
	kindContexts   = numKinds * numKinds * numKinds * numKinds
)

// The kinds of byte whose sequence tells where tokens begin.
const (
	kindLower = iota
	kindUpper
	kindDigit
	kindSpace
	kindTab
	kindEnd
	kindJoin
	kindQuote
	kindBracket
	kindStop
	kindMark
	kindHigh
	kindControl
	numKinds
)

var kinds = func() (k [256]uint8) {
	for i := range k {
		k[i] = kindOf(byte(i))
	}
	return k
}()

func kindOf(b byte) uint8 {
	switch {
	case b >= 'a' && b <= 'z':
		return kindLower
	case b >= 'A' && b <= 'Z':
		return kindUpper
	case b >= '0' && b <= '9':
		return kindDigit
	case b >= 0x80:
		return kindHigh
	}
	switch b {
	case ' ':
		return kindSpace
	case '\t':
		return kindTab
	case '\n', '\r':
		return kindEnd
	case '_', '-', '/', '\\', '@':
		return kindJoin
	case '"', '\'', '`':
		return kindQuote
	case '(', ')', '[', ']', '{', '}', '<', '>':
		return kindBracket
	case '.', ',', ';', ':':
		return kindStop
	}
	if b < ' ' || b == 0x7f {
		return kindControl
	}
	return kindMark
}

const tokenUnit = 255

// tokenMargin, in percent, covers the texts that are cut into more pieces than what the table was fitted to, such as
// tables of constants.
const tokenMargin = 9

// EstimateTokens returns about how many tokens a language model's tokenizer makes of text, rather too many than too
// few. Numbers, spaces and rules (=====) follow the grammar that the tokenizers share; of the rest it adds, byte by byte,
// how likely a token begins there after the three bytes before, as fitted to two public tokenizers (o200k and cl100k).
// Runes beyond ASCII cost what their script costs.
func EstimateTokens(text []byte) int {
	var w walk
	sum := 0
	for i := 0; i < len(text); {
		if w.second > 0 {
			end, cost := w.word(text, i)
			if sum += cost; end == len(text) {
				break
			}
			i = end
		}
		end, cost := w.step(text, i)
		sum += cost
		i = end
	}
	return tokensOf(sum)
}

// tokensOf rounds a sum of costs.
func tokensOf(sum int) int {
	if sum == 0 {
		return 0
	}
	return max(1, (sum*(100+tokenMargin)/100+tokenUnit/2)/tokenUnit)
}

// tokenPrefix returns the length of a prefix of text of at most limit tokens, nearly the longest.
func tokenPrefix(text []byte, limit int64) int {
	var w walk
	for i, sum := 0, 0; i < len(text); {
		end, cost := w.step(text, i)
		if sum += cost; int64(tokensOf(sum)) > limit {
			return i
		}
		i = end
	}
	return len(text)
}

// tokenSuffix returns where a suffix of text of about limit tokens begins; it may be one token too many.
func tokenSuffix(text []byte, limit int64) int {
	var w walk
	total := 0
	for i := 0; i < len(text); {
		end, cost := w.step(text, i)
		total += cost
		i = end
	}
	w = walk{}
	for i := 0; i < len(text); {
		if int64(tokensOf(total)) <= limit {
			return i
		}
		end, cost := w.step(text, i)
		total -= cost
		i = end
	}
	return len(text)
}

// TokenContexts calls each for every byte of text whose cost is looked up in the table, with the index there. It is for
// the program that fits the table.
func TokenContexts(text []byte, each func(i, context int)) {
	var w walk
	for i := 0; i < len(text); {
		end, _, context := w.look(text, i)
		if context >= 0 {
			each(i, context)
		}
		i = end
	}
}

// step reads what begins at i and returns where it ends and what it costs.
func (w *walk) step(text []byte, i int) (end, cost int) {
	end, cost, context := w.look(text, i)
	if context >= 0 {
		cost = int(tokenTable[context])
	}
	return end, cost
}

// word does the steps of the small letters that go on a word at i, if any: most of a text.
func (w *walk) word(text []byte, i int) (end, cost int) {
	first, second := w.first, w.second
	for end = i; end < len(text) && text[end] >= 'a' && text[end] <= 'z'; end++ {
		third := letter(text[end])
		cost += int(tokenTable[(int(first)*27+int(second))*27+int(third)])
		first, second = second, third
	}
	for range min(end-i, 3) {
		w.push(kindLower, text[i])
	}
	w.first, w.second = first, second
	return end, cost
}

// look reads what begins at i and returns where it ends and its cost, or the context that the cost depends on, which is
// negative where it depends on none.
func (w *walk) look(text []byte, i int) (end, cost, context int) {
	b := text[i]
	k := kinds[b]
	end, context = i+1, -1
	before := w.rune
	w.rune = 0
	switch {
	case k == kindHigh:
		r, size := utf8.DecodeRune(text[i:])
		end, cost, w.rune = i+size, runeCost(r, size, before), r
	case k == kindDigit:
		for end < len(text) && kinds[text[end]] == kindDigit {
			end++
		}
		// Both tokenizers cut a number into groups of three from its left.
		cost = (end - i + 2) / 3 * tokenUnit
	case k == kindSpace:
		for end < len(text) && text[end] == ' ' {
			end++
		}
		cost = spaceCost(text[end:], end-i)
	case rules[b] && i+3 < len(text) && text[i+1] == b && text[i+2] == b && text[i+3] == b:
		for end < len(text) && text[end] == b {
			end++
		}
		cost = (1 + (end-i)/16) * tokenUnit
	default:
		return end, 0, w.next(k, b)
	}
	w.push(k, b)
	if end-i > 1 {
		w.push(k, b)
	}
	return end, cost, context
}

// rules are the bytes that are repeated to draw a line; a run of them is few tokens.
var rules = [256]bool{'=': true, '-': true, '*': true, '.': true, '#': true, '_': true, '~': true, '+': true, '/': true}

// spaceCost is what n spaces before rest cost. The last one goes with the word or mark that follows, all of them with a
// line end, and none with a number.
func spaceCost(rest []byte, n int) int {
	cost := (n - 1) / 64 * tokenUnit
	switch {
	case len(rest) == 0:
		return cost + tokenUnit
	case kinds[rest[0]] == kindEnd:
		return cost
	case kinds[rest[0]] == kindDigit:
		cost += tokenUnit
	}
	if n > 1 {
		cost += tokenUnit
	}
	return cost
}

// TokenTableSize is how many contexts there are.
const TokenTableSize = letterContexts + kindContexts

// A walk remembers the bytes before the next one.
type walk struct {
	k1, k2, k3    uint8 // the last three kinds
	first, second byte  // the last two letters of a word, 1 to 26, or 0
	upper         bool  // the last one was a capital
	rune          rune  // the last one, if it is beyond ASCII
}

// next returns the context of a byte of kind k and takes it as read. Within a word of one case, or of one capital and
// small letters, it is the last three letters; elsewhere the last four kinds.
func (w *walk) next(k uint8, b byte) int {
	context := letterContexts + ((int(w.k1)*numKinds+int(w.k2))*numKinds+int(w.k3))*numKinds + int(k)
	if k <= kindUpper && w.second > 0 && (k == kindLower || w.upper) {
		context = (int(w.first)*27+int(w.second))*27 + int(letter(b))
	}
	w.push(k, b)
	return context
}

func (w *walk) push(k uint8, b byte) {
	w.k1, w.k2, w.k3 = w.k2, w.k3, k
	if k > kindUpper {
		w.first, w.second, w.upper = 0, 0, false
		return
	}
	w.first, w.second = w.second, letter(b)
	if k == kindUpper && !w.upper {
		w.first = 0
	}
	w.upper = k == kindUpper
}

func letter(b byte) byte { return (b | 0x20) - 'a' + 1 }

// runeCost is what a rune of size bytes costs, by script; last is the rune before.
func runeCost(r rune, size int, last rune) int {
	if r == last && r >= 0x2000 && r < 0x2e80 {
		return tokenUnit / 3 // rules and boxes
	}
	for _, s := range scripts {
		if r < s.below {
			return s.cost
		}
	}
	return tokenUnit * size
}

// scripts are ranges of runes in order, with the cost of one rune. Where the two tokenizers differ it is the dearer one.
var scripts = []struct {
	below rune
	cost  int
}{
	{0x0300, tokenUnit * 95 / 100},  // Latin
	{0x0530, tokenUnit / 2},         // Greek, Cyrillic
	{0x0780, tokenUnit},             // Armenian, Hebrew, Arabic
	{0x0e00, tokenUnit * 2},         // the scripts of India
	{0x0e80, tokenUnit * 13 / 10},   // Thai
	{0x1000, tokenUnit * 3},         //
	{0x2000, tokenUnit * 3},         //
	{0x2070, tokenUnit},             // punctuation
	{0x2500, tokenUnit * 5 / 2},     // symbols
	{0x2600, tokenUnit},             // boxes
	{0x3000, tokenUnit * 5 / 2},     // symbols
	{0x3100, tokenUnit * 92 / 100},  // Kana
	{0x4e00, tokenUnit * 5 / 2},     // rare Han
	{0xa000, tokenUnit * 136 / 100}, // Han
	{0xac00, tokenUnit * 3},         //
	{0xd7b0, tokenUnit * 107 / 100}, // Hangul
	{0xfe00, tokenUnit * 3},         //
	{0xfff0, tokenUnit},             // full-width forms
	{0x10000, tokenUnit * 2},        //
}
