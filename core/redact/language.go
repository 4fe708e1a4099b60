package redact

// neighbours says how well a letter follows another in what people write, as 4 plus a measure of how much oftener than in
// random letters it does: a row for each first letter, a column for each second. It was counted in the words and
// abbreviations of the sources and documentation of a Linux system.
const neighbours = "" +
	"04551240402656040656331120" + // a
	"63426220631721520553600130" + // b
	"61326116405531720436320120" + // c
	"53258211710422521452421220" + // d
	"42563330200446132765132420" + // e
	"52345610700533630444500030" + // f
	"42317134600435630653410011" + // g
	"70137200601332620535400020" + // h
	"43544440000547630356030203" + // i
	"70237210500030631072602000" + // j
	"51338232600324321264403010" + // k
	"61247220701601620144420050" + // l
	"74237100601341660142400010" + // m
	"51556460403213510167330010" + // n
	"33541330202557350654444100" + // o
	"61326213403521640645411020" + // p
	"32232001300421002450900002" + // q
	"61337230602343620455321030" + // r
	"41417115602322441257501130" + // s
	"61327205700321530654301140" + // t
	"45434430500557250666000200" + // u
	"62428211600331452333011100" + // v
	"72236215601325630641202100" + // w
	"53536402500232360257210420" + // x
	"32314220400456481365112112" + // y
	"61309102500334400320000024" // z

// gibberish reports at least twelve letters and digits, of which the letters follow each other as in no language: random
// ones, with few exceptions. A digit that stands among letters counts against a text too, the capital of a new word for
// neither.
func gibberish(v string) bool {
	const digitAmongLetters = 6
	letters, digits, score := 0, 0, 0
	for i := range len(v) {
		switch {
		case isAlpha(v[i]):
			letters++
			if i > 0 && isAlpha(v[i-1]) && !(isUpper(v[i]) && isLower(v[i-1])) {
				score += int(neighbours[int(fold[v[i-1]]-'a')*26+int(fold[v[i]]-'a')]-'0') - 4
			}
		case isDigit(v[i]):
			digits++
			if i > 0 && isAlpha(v[i-1]) && i+1 < len(v) && isAlpha(v[i+1]) {
				score -= digitAmongLetters
			}
		}
	}
	return letters >= 9 && letters+digits >= 12 && score < (letters-12)/4
}
