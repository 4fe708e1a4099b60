package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/errdefs"
)

func (p *Policy) loadWrite(list *[]string) error {
	if list == nil {
		return nil
	}
	p.writeSet = true
	for i, w := range *list {
		place := fmt.Sprintf("write[%d]", i)
		if w == "" || strings.ContainsAny(w, "\x00\n") {
			return invalid(place, "is not a path: %s", errdefs.Quote(w))
		}
		if strings.ContainsAny(w, "*?[") {
			return invalid(place, "is a pattern; name a directory, which grants everything below it")
		}
		c := path.Clean(w)
		if c == ".." || strings.HasPrefix(c, "../") {
			return invalid(place, "leads out of the working directory: %s", errdefs.Quote(w))
		}
		p.write = append(p.write, c)
		if c == "/" {
			p.warnings = append(p.warnings, place+": grants writing everywhere")
		}
	}
	return nil
}

// warn collects what is legal and probably not meant.
func (p *Policy) warn() {
	for _, l := range []index{p.allow, p.ask} {
		for name, es := range l {
			for _, e := range es {
				if len(e.words) == 1 && interpreters[canonical(name)] {
					p.warnings = append(p.warnings, fmt.Sprintf("%s: %s runs any program it is given; grant whole command lines such as %q", e.id, name, name+" script arg"))
				}
				if refusedBuiltins[name] {
					p.warnings = append(p.warnings, fmt.Sprintf("%s: %s changes what later commands mean and is refused under a fence", e.id, name))
				}
				for _, d := range p.deny[name] {
					if hasPrefix(e.words, d.words) && len(d.argsDeny) == 0 {
						p.warnings = append(p.warnings, fmt.Sprintf("%s: never holds, %s denies it", e.id, d.id))
					}
				}
			}
		}
	}
	if p.def == Allow && len(p.allow) > 0 {
		p.warnings = append(p.warnings, `allow: entries have no effect under default "allow"`)
	}
}

func hasPrefix(words, prefix []string) bool {
	if len(words) < len(prefix) {
		return false
	}
	for i := range prefix {
		if words[i] != prefix[i] {
			return false
		}
	}
	return true
}

// verify checks an example of an entry: match must be judged by the entry, not_match must not.
func (p *Policy) verify(ex example) error {
	sc, err := command.Parse(ex.text, p.limits)
	if err != nil {
		return invalid(ex.place, "is not a command that can be judged: %v", err)
	}
	got := false
	for _, c := range sc.Commands() {
		switch {
		case len(c.Words) == 0:
		case ex.list == Allow:
			got = got || ex.e.grants(c.Words) && !ex.e.refuses(c.Words)
		default:
			got = got || ex.e.hits(c.Words) != missed
		}
	}
	if got != ex.want {
		verb := "is not matched by"
		if got {
			verb = "is matched by"
		}
		return invalid(ex.place, "%s %s its entry", errdefs.Quote(ex.text), verb)
	}
	return nil
}
