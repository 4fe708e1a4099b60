package main

import (
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/policy"
)

type counters struct {
	judged, allowed, different atomic.Int64
	ran                        int
}

// A candidate is what was allowed and has to be run.
type candidate struct {
	corpusCase
	emitted []string
	scripts []*command.Script
	what    string // of a find
}

var (
	hashSeed = maphash.MakeSeed()
	ranMu    sync.Mutex
	ranTexts = map[uint64]bool{}
)

func generate(c *corpus, seed uint64, n int, counts *counters, out chan<- candidate) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), corpus: c}
	for range n {
		one := g.candidate()
		counts.judged.Add(1)
		if !judge(&one) {
			continue
		}
		counts.allowed.Add(1)
		key := maphash.String(hashSeed, strings.Join(one.allow, "\x00")+"\x01"+strings.Join(one.emitted, "\x00"))
		ranMu.Lock()
		known := ranTexts[key]
		ranTexts[key] = true
		ranMu.Unlock()
		if !known {
			counts.different.Add(1)
			out <- one
		}
	}
}

// judge decides on the commands one after the other, as a session does.
func judge(c *candidate) bool {
	s := c.policy.NewSession()
	for _, text := range c.texts {
		d, script := s.CheckScript(text)
		if d.Decision != policy.Allow || script == nil {
			return false
		}
		s.Observe(text)
		c.scripts = append(c.scripts, script)
		c.emitted = append(c.emitted, script.Emit())
	}
	return true
}

type generator struct {
	*rand.Rand
	corpus *corpus
	depth  int
}

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// candidate makes up the next command, or two or three that follow each other in one session.
func (g *generator) candidate() candidate {
	if g.IntN(3) > 0 {
		base := pick(g, g.corpus.cases)
		one := base
		one.texts = append([]string(nil), base.texts...)
		if g.IntN(4) == 0 {
			one.allow, one.policy = g.policy()
		}
		for range 1 + g.IntN(3) {
			k := g.IntN(len(one.texts))
			one.texts[k] = g.mutate(one.texts[k], one.allow)
		}
		return candidate{corpusCase: one}
	}
	one := corpusCase{}
	one.allow, one.policy = g.policy()
	for range 1 + g.IntN(3)/2 {
		g.depth = 0
		one.texts = append(one.texts, g.list(one.allow))
	}
	return candidate{corpusCase: one}
}

func (g *generator) policy() ([]string, *policy.Policy) {
	p := pick(g, g.corpus.policies)
	return p.allow, p.policy
}

// forbidden are what a hole would run or write.
var forbidden = []string{"id", "touch pwned", "rm victim.txt", "/usr/bin/id", "sh -c id", "python3 -c 1", "perl -e 1", "mv notes.txt x", "bash -c id", "./evil", "env id"}

var separators = []string{";", "\n", "&", "&&", "||", "|", "|&", " ; ", "\n\n", ";;", "\\\n", "# ", "'", "\"", "`", "$(", ")", "(", "{ ", "}", "<", ">", ">>", "<<E\n", "<<<", ">|", "&>", "<(", ">(", "\t", "\r", "\v", "\x00", "\\", "$", "${", "$((", "$'", "!", "[[ ", "]]", "*", "?", "~", "=", "\u00a0", "\u200b", "é", "\xff"}

func (g *generator) mutate(text string, allow []string) string {
	at := func() int { return g.IntN(len(text) + 1) }
	switch g.IntN(16) {
	case 0:
		i := at()
		return text[:i] + pick(g, separators) + text[i:]
	case 1:
		i := at()
		return text[:i] + pick(g, separators) + pick(g, forbidden) + pick(g, separators) + text[i:]
	case 2: // one character less
		if i := at(); i < len(text) {
			return text[:i] + text[i+1:]
		}
	case 3: // a part again
		i, j := at(), at()
		if i > j {
			i, j = j, i
		}
		return text[:j] + text[i:j] + text[j:]
	case 4, 5: // another word
		words := strings.SplitAfter(text, " ")
		k := g.IntN(len(words))
		words[k] = g.word(allow) + " "
		return strings.Join(words, "")
	case 6: // one word more
		words := strings.SplitAfter(text, " ")
		k := g.IntN(len(words) + 1)
		return strings.Join(words[:k], "") + g.word(allow) + " " + strings.Join(words[k:], "")
	case 7:
		return text + pick(g, separators) + pick(g, pick(g, g.corpus.cases).texts)
	case 8:
		return pick(g, pick(g, g.corpus.cases).texts) + pick(g, separators) + text
	case 9: // spliced with another
		other := pick(g, pick(g, g.corpus.cases).texts)
		return text[:at()] + other[g.IntN(len(other)+1):]
	case 10: // in a construct
		return strings.Replace(pick(g, frames), "%", text, 1)
	case 11: // a granted program in place of the first word
		_, rest, _ := strings.Cut(text, " ")
		return pick(g, allow) + " " + rest
	case 12: // one word quoted in another way
		words := strings.Split(text, " ")
		k := g.IntN(len(words))
		words[k] = g.quote(words[k])
		return strings.Join(words, " ")
	case 13: // the forbidden command in place of a word
		words := strings.Split(text, " ")
		words[g.IntN(len(words))] = pick(g, forbidden)
		return strings.Join(words, " ")
	case 14:
		return g.assignment() + " " + text
	}
	i := at()
	return text[:i] + g.word(allow) + text[i:]
}

// frames put a command into a position.
var frames = []string{"( % )", "{ %; }", "if %; then ls; fi", "for x in a b; do %; done", "while read -r l; do %; done <notes.txt", "case x in x) % ;; esac", "f() { %; }; f", "echo \"$(%)\"", "echo `%`",
	"cat <<E\n$(%)\nE", "cat <<'E'\n%\nE", "! %", "time %", "% &", "% | cat", "cat | %", "[[ -n $(%) ]]", "x=$(%); echo $x", "echo ${x:-$(%)}", "eval '%'", "sh -c '%'", "env %", "xargs %", "find . -exec % \\;", "trap '%' EXIT", "alias ls='%'", "ls() { %; }"}

func (g *generator) quote(w string) string {
	switch g.IntN(5) {
	case 0:
		return "'" + w + "'"
	case 1:
		return "\"" + w + "\""
	case 2:
		if len(w) > 1 {
			i := 1 + g.IntN(len(w)-1)
			return w[:i] + "\\" + w[i:]
		}
	case 3:
		if len(w) > 1 {
			i := 1 + g.IntN(len(w)-1)
			return w[:i] + "''" + w[i:]
		}
	}
	return "$'" + w + "'"
}
