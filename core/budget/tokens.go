package budget

// The kinds of byte that a tokenizer keeps apart.
const (
	kindOther = iota
	kindLower
	kindUpper
	kindDigit
	kindSpace
	kindPunct
	kindHigh
)

var kinds = func() (k [256]uint8) {
	for i := range k {
		switch b := byte(i); {
		case b >= 'a' && b <= 'z':
			k[i] = kindLower
		case b >= 'A' && b <= 'Z':
			k[i] = kindUpper
		case b >= '0' && b <= '9':
			k[i] = kindDigit
		case b == ' ':
			k[i] = kindSpace
		case b > ' ' && b < 0x7f:
			k[i] = kindPunct
		case b >= 0x80:
			k[i] = kindHigh
		}
	}
	return k
}()

// EstimateTokens returns about how many tokens a language model's tokenizer makes of text, rather too many than too
// few: four letters, two digits, one mark of punctuation or four equal ones, one line end, eight spaces, or two bytes
// beyond ASCII are a token, and a token never spans two of these nor a change of case.
//
// The estimate of a part is never above that of the whole, and that of two parts together never above their sum.
func EstimateTokens(text []byte) int {
	const unit = 8
	sum := 0
	for i := 0; i < len(text); {
		k := kinds[text[i]]
		j := i + 1
		switch k {
		case kindPunct:
			for j < len(text) && text[j] == text[i] {
				j++
			}
		case kindLower, kindUpper, kindDigit:
			for j < len(text) && kinds[text[j]] == k {
				j++
			}
		}
		n := j - i
		switch k {
		case kindLower, kindUpper, kindPunct:
			sum += (n + 3) / 4 * unit
		case kindDigit:
			sum += (n + 1) / 2 * unit
		case kindSpace:
			sum += unit / 8
		case kindHigh:
			sum += unit / 2
		default:
			sum += unit
		}
		i = j
	}
	return (sum + unit - 1) / unit
}
