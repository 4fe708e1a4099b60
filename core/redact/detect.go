package redact

import (
	"bytes"
	"encoding/base64"
	"sync"
)

// A span is a part of the text to be replaced by a mark.
type span struct {
	s, e int
	kind string
}

// maxName bounds a name; longer runs of name bytes are not names.
const maxName = 80

// keyword is what the search found: token formats that have it, the special contexts it opens, or part of a name.
type keyword struct {
	formats []int
	context contextFunc
	name    bool
}

// A ruleset is what all redactors share: it is built once, when it is first needed, and then read only.
type ruleset struct {
	search   *searcher
	keywords []keyword // by index of the search's words
	patterns []pattern // by index of formats
}

var builtin = sync.OnceValue(buildRules)

func buildRules() *ruleset {
	rs := &ruleset{patterns: make([]pattern, len(formats))}
	at := make(map[string]int)
	var words []string
	get := func(w string) *keyword {
		i, ok := at[w]
		if !ok {
			i = len(words)
			at[w] = i
			words = append(words, w)
			rs.keywords = append(rs.keywords, keyword{})
		}
		return &rs.keywords[i]
	}
	for i, f := range formats {
		p, err := compile(f.Pattern)
		if err != nil {
			panic("redact: format " + f.Kind + ": " + err.Error())
		}
		rs.patterns[i] = p
		k := get(f.Key)
		k.formats = append(k.formats, i)
	}
	for _, c := range contexts {
		for _, w := range c.keys {
			get(w).context = c.find
		}
	}
	for _, w := range nameKeys {
		get(w).name = true
	}
	rs.search = newSearcher(words, 3, true)
	rs.search.grams = newGrams(words)
	return rs
}

// lineState is what one line leaves for the next.
type lineState struct {
	// pending: the line before named a secret whose value stands on this one.
	pending     class
	pendingKind string
	// netrc counts down the lines after a machine or login line.
	netrc int
	// secret: 1 behind "kind: Secret", 2 in its data block.
	secret int
	// block: inside a private key block; see pem.go.
	block pemState
}

// A scanner finds the secrets of one line.
type scanner struct {
	rs *ruleset
	r  *Redactor
	b  []byte
	st *lineState
	// nameEnd is the end of the last name, so that a name with several keywords is judged once.
	nameEnd int
	names   map[string]nameClass
	// budget bounds the bytes that are looked at more than once, so that adversarial text stays linear.
	budget int
	urlEnd int
	// insert says whether the line holds an INSERT statement: 0 not known, 1 no, 2 yes.
	insertSeen int
	out        []span
	// open is where a token begins that reaches the end of the text and may go on behind it, or -1; openAt is its pattern.
	open    int
	openPat pattern
}

func (sc *scanner) add(s, e int, kind string) int {
	if s >= e || sc.r.off[kind] || sc.r.allowed(sc.b[s:e]) {
		return -1
	}
	sc.out = append(sc.out, span{s, e, kind})
	return e
}

// scan finds everything in sc.b. With tokensOnly it looks for token formats alone.
func (sc *scanner) scan(tokensOnly bool) {
	b, se := sc.b, sc.rs.search
	sc.nameEnd, sc.open, sc.urlEnd = 0, -1, 0
	sc.budget = 1<<14 + 16*len(b)
	for p := se.next(b, 0); p >= 0; {
		end := -1
		h := se.hash(b[p:])
		for _, wi := range se.bucket[h] {
			w := se.words[wi]
			if len(b)-p < len(w) || !se.equal(b[p:p+len(w)], w) {
				continue
			}
			k := &sc.rs.keywords[wi]
			for _, fi := range k.formats {
				end = max(end, sc.format(fi, p))
			}
			if k.context != nil && !tokensOnly {
				end = max(end, k.context(sc, p))
			}
			if k.name && !tokensOnly && p >= sc.nameEnd {
				end = max(end, sc.name(p, p+len(w)))
			}
		}
		p = se.next(b, max(p+1, end))
	}
	if !tokensOnly {
		sc.discord()
	}
}

// spend takes n from the budget and reports whether any is left.
func (sc *scanner) spend(n int) bool {
	sc.budget -= n
	return sc.budget > 0
}

// format tries one token format whose keyword stands at p and returns the end of the token, or -1.
func (sc *scanner) format(fi, p int) int {
	f, pat, b := &formats[fi], sc.rs.patterns[fi], sc.b
	s := p - int(f.How>>8)
	if f.How&afterDigits != 0 {
		for s = p; s > 0 && p-s < 10 && isDigit(b[s-1]); s-- {
		}
	}
	if f.How&aroundWord != 0 {
		for s = p; s > 0 && p-s < 200 && pat[0].has(b[s-1]); s-- {
		}
	}
	if s < 0 || isAlnum(f.Pattern[0]) && !sc.boundary(s) {
		return -1
	}
	n, open := pat.match(b[s:])
	if open && sc.open < 0 {
		sc.open, sc.openPat = s, pat
	}
	if n < 0 {
		return -1
	}
	e := s + n
	if f.How&whole != 0 && e < len(b) && isWord(b[e]) {
		return -1
	}
	if f.How&inBase64 != 0 && (e < len(b) && (b[e] == '+' || b[e] == '/' || b[e] == '=') || s > 0 && (b[s-1] == '+' || b[s-1] == '/') || s == 0 && e == len(b) && (n == 76 || n == 64 && !bytes.ContainsAny(b[s:e], "-_"))) {
		return -1
	}
	if len(f.Key) < 5 && inDigest(b, s) {
		return -1
	}
	body := s
	if f.How>>8 == 0 && f.How&aroundWord == 0 {
		body = p + len(f.Key)
	}
	if !tokenLike(b[body:e], f.How) {
		return -1
	}
	if f.How&privatePEM != 0 && !privateBase64(b[s:e]) {
		return -1
	}
	if f.How&inURL != 0 {
		for s > 0 && p-s < 80 && (isWord(b[s-1]) || b[s-1] == '.' || b[s-1] == '-' || b[s-1] == '/' || b[s-1] == ':') {
			s--
		}
	}
	return sc.add(s, e, f.Kind)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// boundary reports whether a token may begin at s: not in the middle of a word, except after an escape such as \n.
func (sc *scanner) boundary(s int) bool {
	b := sc.b
	if s == 0 || !isAlnum(b[s-1]) {
		return true
	}
	if s >= 2 && b[s-2] == '\\' && (b[s-1] == 'n' || b[s-1] == 't' || b[s-1] == 'r') {
		return true
	}
	return s >= 3 && b[s-3] == '%' // URL-encoded separator
}

// tokenLike tells a token from an example such as xxxx or your-key-here: body needs letters and digits and must not
// be made of words.
func tokenLike(body []byte, h how) bool {
	var seen [256]bool
	distinct, digit, upper, lower := 0, false, false, false
	for _, c := range body {
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		digit = digit || isDigit(c)
		upper = upper || isUpper(c)
		lower = lower || isLower(c)
	}
	if distinct < 5 || bytes.Contains(body, []byte("EXAMPLE")) || bytes.Contains(body, []byte("xxxxxx")) || bytes.Contains(body, []byte("XXXXXX")) {
		return false
	}
	return digit && (upper || lower || h&anyMix != 0 || distinct > 8) || upper && lower || h&anyMix != 0
}

// discord finds Discord bot tokens: three parts divided by dots, the middle one of six bytes, the first the base64
// form of a number. They have no prefix to search for.
func (sc *scanner) discord() {
	b := sc.b
	for p := 0; ; p++ {
		i := bytes.IndexByte(b[p:], '.')
		if i < 0 {
			return
		}
		if p += i; p+7 >= len(b) || b[p+7] != '.' || p < 18 {
			continue
		}
		s := p
		for s > 0 && p-s < 30 && (isWord(b[s-1]) || b[s-1] == '-') {
			s--
		}
		e := p + 8
		for e < len(b) && (isWord(b[e]) || b[e] == '-') {
			e++
		}
		if n := p - s; n < 18 || n > 28 || e-p-8 < 25 || b[s] < 'M' || b[s] > 'O' || !random(string(b[s:p])) {
			continue
		}
		if end := sc.add(s, e, "discord-bot-token"); end > 0 {
			p = end - 1
		}
	}
}

// privateBase64 reports that the base64 text at the start of b is that of a private key block.
func privateBase64(b []byte) bool {
	head := make([]byte, 0, 48)
	head, err := base64.StdEncoding.AppendDecode(head, b[:min(len(b), 60)/4*4])
	return err == nil && bytes.Contains(head, []byte("PRIVATE"))
}
