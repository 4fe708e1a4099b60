package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// A profile says which arguments turn a granted program into another one. The tables are in profiles.go.
type profile struct {
	// short are letters of options that execute or write, found anywhere in a cluster like -ruo.
	short string
	// vals are letters that take a value, which ends a cluster.
	vals string
	// optional are letters that end a cluster and take no other word.
	optional string
	// long are such long options; abbreviations of them count.
	long string
	// exact are whole arguments.
	exact string
	// starts are beginnings of arguments.
	starts string
	// wshort and wlong name a file to write as their value: allowed for /dev/null and granted paths.
	wshort, wlong string
	// dash programs write to their standard output where that file is "-"; to a shell and to others it is a name.
	dash bool
	// longFine are harmless long options that begin like one of the others.
	longFine string
	// longVals are long options that take the next word, needed where operands are counted; pairs take the next two.
	longVals, pairs string
	// operands is the greatest number of operands, when a later one is written to; 0 means any, -1 none.
	operands int
	// subs judge the words after a subcommand; known lists the subcommands that are no plugin; named must be spelled
	// out by the entry because they start or change other things.
	subs         map[string]*profile
	known, named string
	// reads recognises a use of a named subcommand, or of a program that is refused with a why, that changes nothing.
	reads func(words []command.Word) bool
	// loose programs may take as arguments the names that a program prints.
	loose bool
	// endless programs read options behind -- as well.
	endless bool
	// rest are beginnings of refused arguments behind --, where another program reads options of its own.
	rest string
	// single options stand alone: -fsyntax-only is no cluster that holds -o.
	single bool
	// valued are options with one dash, like -run, that take the next word.
	valued string
	// fine are options that are harmless with these values although they are not with others: OPTION=VALUE or OPTION VALUE.
	fine *regexp.Regexp
	// why refuses every use that the entry does not spell out.
	why  string
	more func(c *check, words []command.Word, granted int) string
}

func has(list, w string) bool {
	for len(list) > 0 {
		var f string
		f, list, _ = strings.Cut(list, " ")
		if f == w {
			return true
		}
	}
	return false
}

func hasLong(list, arg string) bool {
	for len(list) > 0 {
		var f string
		f, list, _ = strings.Cut(list, " ")
		if f != "" && longMatches(arg, f) {
			return true
		}
	}
	return false
}

func (pr *profile) judge(c *check, name string, words []command.Word, granted int) string {
	asked := len(words) == 2 && words[1].Static && has("--version --help", words[1].Value)
	if pr.why != "" && granted < 2 && !asked && !(pr.reads != nil && pr.reads(words[1:])) {
		return name + " " + pr.why
	}
	if pr.more != nil {
		if why := pr.more(c, words, granted); why != "" {
			return why
		}
	}
	return pr.scan(c, name, words, 1, granted)
}

// scan goes through the arguments from word at on. Words below granted are the entry's own and pass.
func (pr *profile) scan(c *check, name string, words []command.Word, at, granted int) string {
	operands, closed, doubtful := 0, false, false
	for i := at; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			if why := pr.unknown(c, name, w, closed && !(doubtful && c.mayBeOption(w))); why != "" {
				return why
			}
			operands++
			if w.Glob {
				operands++ // it may become several names
			}
			if pr.subs != nil || pr.known != "" {
				return pr.dynamicRest(c, name, words, i)
			}
			continue
		}
		v := w.Value
		own := i < granted
		ended := closed && !(doubtful && strings.HasPrefix(v, "-"))
		if n := pr.harmless(words, i); n > 0 && !ended {
			i += n - 1
			continue
		}
		if !own && !ended && (has(pr.exact, v) || startsAny(pr.starts, v)) {
			return "the argument " + v + " of " + name + " is not granted"
		}
		if closed && !own && startsAny(pr.rest, v) {
			return "the argument " + v + " behind the -- of " + name + " is not granted"
		}
		switch {
		case ended || v == "-" || !strings.HasPrefix(v, "-"):
			if pr.subs != nil || pr.known != "" {
				return pr.sub(c, name, words, i, granted)
			}
			operands++
		case v == "--" && !pr.endless:
			closed, doubtful = true, i > at && pr.takesDashes(words[i-1].Value)
		case strings.HasPrefix(v, "--"):
			if hasLong(pr.wlong, v) && !own {
				_, val, has := strings.Cut(v, "=")
				if !has {
					if i++; i >= len(words) || !words[i].Static {
						return "the file that " + v + " writes is not known"
					}
					val = words[i].Value
				}
				if why := pr.writes(c, val); why != "" {
					return "the option " + v + ": " + why
				}
				continue
			}
			if !own && hasLong(pr.long, v) && !has(pr.longFine, longName(v)) {
				return "the option " + v + " of " + name + " is not granted"
			}
			skip := 0
			if !strings.Contains(v, "=") && (has(pr.longVals, v[2:]) || at == 1 && globalValues[name][v]) {
				skip = 1
			}
			if has(pr.pairs, v[2:]) {
				skip = 2
			}
			for ; skip > 0; skip-- {
				if i++; i < len(words) && !oneWord(words[i]) {
					return severalWords(v)
				}
			}
		case has(pr.valued, v[1:]):
			if i++; i < len(words) && !oneWord(words[i]) {
				return severalWords(v)
			}
		default:
			skip, why := pr.cluster(c, name, words, i, own, at == 1)
			if why != "" {
				return why
			}
			if skip {
				if i++; i < len(words) && !oneWord(words[i]) {
					return severalWords(v)
				}
			}
		}
	}
	if pr.operands != 0 && operands > max(pr.operands, 0) && granted < 2 {
		return name + " would write to or change something with this many arguments"
	}
	return ""
}

// harmless returns how many words from i on are an option that is harmless with its value; 0 if it is not known to be.
func (pr *profile) harmless(words []command.Word, i int) int {
	switch v := words[i].Value; {
	case pr.fine == nil:
	case pr.fine.MatchString(v):
		return 1
	case i+1 < len(words) && words[i+1].Static && strings.HasPrefix(v, "-") && pr.fine.MatchString(v+" "+words[i+1].Value):
		return 2
	}
	return 0
}

func severalWords(option string) string {
	return "the value of " + option + " may become several arguments; put it in quotes"
}

// writes says why the file of an option may not be written, or "".
func (pr *profile) writes(c *check, file string) string {
	if pr.dash && file == "-" {
		return ""
	}
	return c.p.writeReason(file, c.s.cd || c.changesDir())
}

// takesDashes reports whether an option may take the -- behind it as its value: git log --author -- --output=x writes x.
func (pr *profile) takesDashes(before string) bool {
	switch {
	case !strings.HasPrefix(before, "-") || before == "-" || strings.Contains(before, "=") || strings.Trim(before[1:], "0123456789") == "":
		return false
	case has(valueless, before):
		return false
	}
	return before[1] == '-' || pr.vals == "" || strings.IndexByte(pr.vals, before[len(before)-1]) >= 0
}

// valueless are options that take no value in any program that has them, seen often before a --.
const valueless = "--oneline --stat --name-only --name-status --numstat --shortstat --cached --staged --follow --quiet --porcelain --short --all --graph --reverse --no-pager --verbose --watch --silent -q -p -s -u -l -v -w -la -i"

// mayBeOption reports whether a word could be an option as far as the text and the commands before it say.
func (c *check) mayBeOption(w command.Word) bool {
	if safePrefix(w) || c.noOption(w) {
		return false
	}
	return !(len(w.Parts) == 1 && plainName(w.Parts[0].Param) && c.kind(w.Parts[0].Param) == 0)
}

// cluster judges an argument like -ruofile and reports whether the next word is its value. Before a subcommand the
// program's global options count, too.
func (pr *profile) cluster(c *check, name string, words []command.Word, i int, own, top bool) (bool, string) {
	v := words[i].Value
	end := len(v)
	if pr.single {
		end = 2
	}
	for k := 1; k < end; k++ {
		l := v[k]
		if strings.IndexByte(pr.wshort, l) >= 0 && !own {
			val, skip := v[k+1:], false
			if val == "" {
				if i+1 >= len(words) || !words[i+1].Static {
					return false, "the file that -" + string(l) + " writes is not known"
				}
				val, skip = words[i+1].Value, true
			}
			if why := pr.writes(c, val); why != "" {
				return false, "the option -" + string(l) + ": " + why
			}
			return skip, ""
		}
		if strings.IndexByte(pr.short, l) >= 0 && !own {
			return false, "the option -" + string(l) + " of " + name + " is not granted"
		}
		if strings.IndexByte(pr.optional, l) >= 0 {
			return false, ""
		}
		if strings.IndexByte(pr.vals, l) >= 0 || top && k == 1 && globalValues[name][v[:2]] {
			return k == len(v)-1, ""
		}
	}
	return false, ""
}

// unknown judges a word that is not static: it must not be able to become one of the refused options.
func (pr *profile) unknown(c *check, name string, w command.Word, ended bool) string {
	if w.Prefix != "" && w.Prefix[0] != '-' && pr.refusesBeginning(w.Prefix) {
		return "an argument of " + name + " that is not known could be one that is not granted; write it out"
	}
	if safePrefix(w) || ended && (w.Quoted || w.Glob || pr.operands == 0) || pr.valueOnly(w) {
		return ""
	}
	if c.numbers(w) && strings.IndexByte(pr.short+pr.wshort, w.Prefix[1]) < 0 {
		return ""
	}
	if pr.loose && c.printsNames(w) || c.noOption(w) && !pr.refusesPlain() {
		return ""
	}
	return "an argument of " + name + " that is not known could be an option that runs or writes something; put -- before it or a fixed beginning"
}

// numbers reports -j$(nproc) and its like: a short option with nothing but a number behind it.
func (c *check) numbers(w command.Word) bool {
	if len(w.Prefix) != 2 || w.Prefix[0] != '-' || len(w.Parts) != 2 || !w.Parts[1].Subst || len(w.Substs) != 1 {
		return false
	}
	inner := &c.sc.Commands()[w.Substs[0]]
	return len(inner.Words) == 1 && inner.Words[0].Static && inner.Words[0].Value == "nproc" && len(inner.Redirs) == 0 && len(inner.Assigns) == 0
}

// longName is the name in --name and --name=value.
func longName(arg string) string {
	name, _, _ := strings.Cut(arg[2:], "=")
	return name
}

// valueOnly reports a word like --author="$USER": only the value of an option is unknown, and the option is none of the
// refused ones. A program with rules of its own may read more into a value.
func (pr *profile) valueOnly(w command.Word) bool {
	prefix := longOption.FindString(w.Prefix)
	if prefix == "" || pr.more != nil || !w.Quoted || startsAny(pr.starts, w.Prefix) {
		return false
	}
	if pr.refusesBeginning(prefix[:len(prefix)-1]) {
		return false
	}
	for _, p := range w.Parts {
		if (p.Param != "" || p.Subst) && !p.Quoted {
			return false // it may become several words
		}
	}
	return !hasLong(pr.wlong, prefix) && (!hasLong(pr.long, prefix) || has(pr.longFine, prefix[2:len(prefix)-1]))
}

// refusesBeginning reports whether a word that begins so could be one of the refused arguments.
func (pr *profile) refusesBeginning(prefix string) bool {
	for _, refused := range strings.Fields(pr.exact + " " + pr.starts) {
		if strings.HasPrefix(refused, prefix) {
			return true
		}
	}
	return startsAny(pr.starts, prefix)
}

// refusesPlain reports whether a refused argument does not begin with a dash.
func (pr *profile) refusesPlain() bool {
	return slices.ContainsFunc(strings.Fields(pr.exact+" "+pr.starts), func(a string) bool { return a[0] != '-' })
}

// longOption is a long option with its value in the same word.
var longOption = regexp.MustCompile(`^--[a-z][a-z-]*=`)

func (pr *profile) dynamicRest(c *check, name string, words []command.Word, i int) string {
	return "the subcommand of " + name + " is not known"
}

func (pr *profile) sub(c *check, name string, words []command.Word, i, granted int) string {
	v := words[i].Value
	if granted <= i && !(pr.reads != nil && pr.reads(words[i:])) {
		if has(pr.named, v) {
			return name + " " + v + " is granted only by an entry that names it"
		}
		if pr.known != "" && !has(pr.known, v) && pr.subs[v] == nil {
			return name + " " + v + " may be a plugin or an alias; only an entry that names it grants it"
		}
	}
	sub := pr.subs[v]
	if sub == nil {
		sub = pr.subs["*"]
	}
	if sub == nil {
		return ""
	}
	if sub.more != nil {
		if why := sub.more(c, words[i:], granted-i); why != "" {
			return why
		}
	}
	return sub.scan(c, name, words, i+1, granted)
}

func startsAny(list, arg string) bool {
	for len(list) > 0 {
		var f string
		f, list, _ = strings.Cut(list, " ")
		if f != "" && strings.HasPrefix(arg, f) {
			return true
		}
	}
	return false
}

// tidy makes every list of the table one line with single spaces, which is what the look-ups split at.
func (pr *profile) tidy() {
	for _, l := range []*string{&pr.long, &pr.exact, &pr.starts, &pr.wlong, &pr.longVals, &pr.pairs, &pr.longFine, &pr.known, &pr.named, &pr.valued, &pr.rest} {
		*l = strings.Join(strings.Fields(*l), " ")
	}
	for _, s := range pr.subs {
		s.tidy()
	}
}
