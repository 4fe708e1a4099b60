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
	sum := 0
	walkTokens(text, func(_, cost, context int) bool {
		if context >= 0 {
			cost = int(tokenTable[context])
		}
		sum += cost
		return true
	})
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
	sum, at := 0, len(text)
	walkTokens(text, func(i, cost, context int) bool {
		if context >= 0 {
			cost = int(tokenTable[context])
		}
		if sum += cost; int64(tokensOf(sum)) > limit {
			at = i
			return false
		}
		return true
	})
	return at
}

// tokenSuffix returns where a suffix of text of about limit tokens begins; it may be one token too many.
func tokenSuffix(text []byte, limit int64) int {
	total, sum, at := 0, 0, len(text)
	walkTokens(text, func(_, cost, context int) bool {
		if context >= 0 {
			cost = int(tokenTable[context])
		}
		total += cost
		return true
	})
	walkTokens(text, func(i, cost, context int) bool {
		if int64(tokensOf(total-sum)) <= limit {
			at = i
			return false
		}
		if context >= 0 {
			cost = int(tokenTable[context])
		}
		sum += cost
		return true
	})
	return at
}

// TokenContexts calls each for every byte of text whose cost is looked up in the table, with the index there. It is for
// the program that fits the table.
func TokenContexts(text []byte, each func(i, context int)) {
	walkTokens(text, func(i, _, context int) bool {
		if context >= 0 {
			each(i, context)
		}
		return true
	})
}

// walkTokens goes through text in steps and calls each with the position of the step and its cost, or with the context
// that the cost depends on, which is negative where it depends on none, until each returns false.
func walkTokens(text []byte, each func(i, cost, context int) bool) {
	var c walk
	var last rune
	for i := 0; i < len(text); {
		b := text[i]
		k := kinds[b]
		end, cost, context := i+1, 0, -1
		before := last
		last = 0
		switch {
		case k == kindHigh:
			r, size := utf8.DecodeRune(text[i:])
			end, cost, last = i+size, runeCost(r, size, before), r
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
			context = c.next(k, b)
		}
		if !each(i, cost, context) {
			return
		}
		if context < 0 {
			c.push(k, b)
			if end-i > 1 {
				c.push(k, b)
			}
		}
		i = end
	}
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
	kinds         int  // the last three kinds
	first, second byte // the last two letters of a word, 1 to 26, or 0
	upper         bool // the last one was a capital
}

// next returns the context of a byte of kind k and takes it as read. Within a word of one case, or of one capital and
// small letters, it is the last three letters; elsewhere the last four kinds.
func (c *walk) next(k uint8, b byte) int {
	context := letterContexts + c.kinds*numKinds + int(k)
	if k <= kindUpper && c.second > 0 && (k == kindLower || c.upper) {
		context = (int(c.first)*27+int(c.second))*27 + int(letter(b))
	}
	c.push(k, b)
	return context
}

func (c *walk) push(k uint8, b byte) {
	c.kinds = (c.kinds*numKinds + int(k)) % (numKinds * numKinds * numKinds)
	if k > kindUpper {
		c.first, c.second, c.upper = 0, 0, false
		return
	}
	c.first, c.second = c.second, letter(b)
	if k == kindUpper && !c.upper {
		c.first = 0
	}
	c.upper = k == kindUpper
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
