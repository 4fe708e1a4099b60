package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// MinValue is the length of the shortest value that is registered. Shorter ones would hide text that has nothing to do
// with them.
const MinValue = 6

// maxForms bounds how many values one redactor keeps, counted in forms; the oldest stay.
const maxForms = 1 << 16

// A valueSet is the exact values at one time. The search over them is built when it is first needed, so that learning
// a whole environment costs one table.
type valueSet struct {
	words []string
	once  sync.Once
	s     *searcher
}

func (v *valueSet) find() *searcher {
	v.once.Do(func() { v.s = newSearcher(v.words, shortest(v.words), false) })
	return v.s
}

// shortest returns the length of the shortest of the words, which is how far the search can skip; far enough is enough.
func shortest(words []string) int {
	n := 64
	for _, w := range words {
		n = min(n, len(w))
	}
	return n
}

// Learn registers a value to redact wherever it appears from now on, as it is and in its encoded forms. It reports
// whether the value was long enough; see [MinValue]. The lines of a value of several lines are registered each.
func (r *Redactor) Learn(value string) bool { return registrable(value) && r.learn(value) }

// LearnCommand registers the secrets that stand in the text of a command, in assignments, flags and elsewhere, because
// what the command prints shows them without the name that told them. Plain words are not registered: they would hide
// unrelated text.
func (r *Redactor) LearnCommand(text string) {
	if r.disabled {
		return
	}
	var found []string
	st := r.streamForText()
	defer r.done(st)
	for line := range strings.SplitSeq(text, "\n") {
		st.find([]byte(line))
		for _, sp := range st.spans {
			v := strings.Trim(line[sp.s:sp.e], "\"'`; \t\r")
			if len(v) >= 8 && !strings.ContainsAny(v, "$`") && (!wordy(v) || strings.ContainsAny(v, "0123456789")) {
				found = append(found, v)
			}
		}
	}
	if len(found) > 0 {
		r.learn(found...)
	}
}

func registrable(v string) bool {
	for _, l := range strings.FieldsFunc(v, isLineEnd) {
		if len(strings.TrimSpace(l)) >= MinValue {
			return true
		}
	}
	return false
}

func isLineEnd(c rune) bool { return c == '\n' || c == '\r' }

func tooShort(n int) string {
	return fmt.Sprintf("redact: %d of the values are shorter than %d bytes and are not redacted", n, MinValue)
}

func (r *Redactor) learn(values ...string) bool {
	var add []string
	for _, v := range values {
		add = append(add, forms(v)...)
	}
	for {
		old := r.values.Load()
		var words []string
		if old != nil {
			words = old.words
		}
		have := make(map[string]bool, len(words))
		for _, w := range words {
			have[w] = true
		}
		next := slices.Clip(words)
		for _, w := range add {
			if len(w) >= MinValue && !have[w] && !r.allow[w] && len(next) < maxForms {
				have[w] = true
				next = append(next, w)
			}
		}
		if len(next) == len(words) {
			return true
		}
		if r.values.CompareAndSwap(old, &valueSet{words: next}) {
			return true
		}
	}
}

// forms returns the ways in which v can be written.
func forms(v string) []string {
	lines := strings.FieldsFunc(v, isLineEnd)
	out := []string{}
	for _, l := range append([]string{v}, lines...) {
		if l = strings.TrimSpace(l); len(l) < MinValue || strings.IndexFunc(l, isLineEnd) >= 0 && len(lines) > 1 && l != strings.TrimSpace(v) {
			continue
		}
		if strings.IndexFunc(l, isLineEnd) < 0 {
			out = append(out, l)
			out = append(out, shellForms(l)...)
		}
		out = append(out, url.QueryEscape(l), url.PathEscape(l), lowerEscapes(url.QueryEscape(l)), lowerEscapes(url.PathEscape(l)), strictEscape(l))
		if j, err := json.Marshal(l); err == nil {
			out = append(out, string(j[1:len(j)-1]))
		}
		var plain strings.Builder
		enc := json.NewEncoder(&plain)
		enc.SetEscapeHTML(false)
		if enc.Encode(l) == nil {
			s := strings.TrimSuffix(plain.String(), "\n")
			s = s[1 : len(s)-1]
			// Once more escaped, as JSON inside a JSON string.
			out = append(out, s, strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`), strings.ReplaceAll(s, "/", `\/`))
		}
		out = append(out, hex.EncodeToString([]byte(l)), strings.ToUpper(hex.EncodeToString([]byte(l))))
		out = append(out, base64Forms(l)...)
		out = append(out, base64Forms(l+"\n")...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// base64Forms returns what of v's base64 text does not depend on what stands around v, for each of the three
// alignments, in both alphabets.
func base64Forms(v string) []string {
	var out []string
	out = append(out, base64.StdEncoding.EncodeToString([]byte(v)), base64.URLEncoding.EncodeToString([]byte(v)))
	if len(v) < 9 {
		return out
	}
	for shift := range 3 {
		b := append(make([]byte, shift), v...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			s := enc.EncodeToString(b)
			from := (shift*8 + 5) / 6
			to := len(b) * 8 / 6
			if to-from >= 12 {
				out = append(out, s[from:to])
			}
		}
	}
	return out
}

func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			b[i+1], b[i+2] = fold[b[i+1]], fold[b[i+2]]
		}
	}
	return string(b)
}

// strictEscape encodes everything but letters and digits, as some encoders do.
func strictEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isWord(c) || c == '-' || c == '.' || c == '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// shellForms returns v as shells quote it: inside single quotes, inside double quotes, and with backslashes.
func shellForms(v string) []string {
	single := strings.ReplaceAll(v, `'`, `'\''`)
	double := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(v)
	var bare strings.Builder
	for i := range len(v) {
		if c := v[i]; c < 0x80 && !isWord(c) && !strings.ContainsRune("%+-./:=@", rune(c)) {
			bare.WriteByte('\\')
		}
		bare.WriteByte(v[i])
	}
	ansi := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\t", `\t`).Replace(v)
	return []string{single, strings.ReplaceAll(v, `'`, `'"'"'`), double, bare.String(), ansi}
}

// exact adds all registered values in the text of sc.
func (r *Redactor) exact(sc *scanner) {
	v := r.values.Load()
	if v == nil {
		return
	}
	s := v.find()
	for p := s.next(sc.b, 0); p >= 0; {
		i := s.at(sc.b, p, s.hash(sc.b[p:]))
		end := sc.add(p, p+len(s.words[i]), "value")
		p = s.next(sc.b, max(p+1, end))
	}
}
