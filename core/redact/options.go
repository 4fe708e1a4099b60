package redact

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// A Rule is a rule of the user: a regular expression in RE2 syntax whose first group, or whole match without groups, is
// the secret.
type Rule struct {
	// Name is the kind in counts and labels.
	Name    string `json:"name"`
	Pattern string `json:"pattern"`
	// Match and NotMatch are examples that New checks; the rule must find something in each of the first and nothing in
	// the second.
	Match    []string `json:"match,omitempty"`
	NotMatch []string `json:"not_match,omitempty"`
}

// Options say what to redact. The zero value is the built-in rules with plain marks.
type Options struct {
	// Labels writes the kind into each mark.
	Labels bool `json:"labels,omitempty"`
	// Values are secrets that the caller knows; see [Redactor.Learn].
	Values []string `json:"values,omitempty"`
	Rules  []Rule   `json:"rules,omitempty"`
	// Allow are texts to leave alone: exactly these, as values or tokens.
	Allow []string `json:"allow,omitempty"`
	// Off are kinds that are not redacted, such as "jwt" or "url-credentials".
	Off []string `json:"off,omitempty"`
	// Disabled turns redaction off altogether. It is what false means on the wire.
	Disabled bool `json:"-"`
}

// FromWire reads the redact option of a request: true or nothing for the defaults, false for off, or an object with
// the fields of [Options].
func FromWire(raw json.RawMessage) (Options, error) {
	var o Options
	switch raw = bytes.TrimSpace(raw); string(raw) {
	case "", "null", "true":
		return o, nil
	case "false":
		o.Disabled = true
		return o, nil
	}
	if raw[0] != '{' {
		return o, errdefs.New(errdefs.InvalidArgument, "redact must be true, false or an object").
			WithHint("an object has the fields labels, values, rules, allow and off")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		// The decoder's message names the field, never a value of ours; values may be secrets.
		return Options{}, errdefs.New(errdefs.InvalidArgument, "redact: %s", err.Error()).
			WithHint("the fields are labels, values, rules ({name, pattern, match, not_match}), allow and off")
	}
	return o, nil
}

// A Redactor holds the options and learned values of one session. Its methods are safe for concurrent use.
type Redactor struct {
	labels, disabled bool
	off              map[string]bool
	allow            map[string]bool
	rules            []userRule
	values           atomic.Pointer[valueSet]
	warnings         []string
	texts            sync.Pool // of streams between two texts
}

type userRule struct {
	name    string
	re      *regexp.Regexp
	literal string // a prefix of every match, or ""
}

// ordinary is text in which a rule that finds anything would find it everywhere.
var ordinary = []string{"hello world", "total 48", "2024-05-02T10:11:12Z INFO server started on :8080", "main.go:12: undefined: x", "a", "0"}

// New checks the options and returns a redactor. It compiles nothing but the user's rules.
func New(o Options) (*Redactor, error) {
	r := &Redactor{labels: o.Labels, disabled: o.Disabled, off: make(map[string]bool), allow: make(map[string]bool)}
	for _, k := range o.Off {
		if !slices.Contains(Kinds(), k) && !slices.ContainsFunc(o.Rules, func(u Rule) bool { return u.Name == k }) {
			return nil, errdefs.New(errdefs.InvalidArgument, "redact: off names no kind: %s", errdefs.Quote(k)).
				WithHint("a kind is what a label or a count shows, such as jwt or url-credentials")
		}
		r.off[k] = true
	}
	for _, a := range o.Allow {
		if a == "" {
			return nil, errdefs.New(errdefs.InvalidArgument, "redact: allow holds an empty text")
		}
		r.allow[a] = true
	}
	for _, u := range o.Rules {
		c, err := compileRule(u)
		if err != nil {
			return nil, err
		}
		r.rules = append(r.rules, c)
	}
	var learn []string
	short := 0
	for _, v := range o.Values {
		if !registrable(v) {
			short++
			continue
		}
		learn = append(learn, v)
	}
	if short > 0 {
		r.warnings = append(r.warnings, tooShort(short))
	}
	r.learn(learn...)
	return r, nil
}

// Warnings are notes about options that had no effect. None holds a secret.
func (r *Redactor) Warnings() []string { return r.warnings }

func compileRule(u Rule) (userRule, error) {
	bad := func(format string, args ...any) (userRule, error) {
		return userRule{}, errdefs.New(errdefs.InvalidArgument, "redact: rule %s "+format, append([]any{errdefs.Quote(u.Name)}, args...)...)
	}
	if u.Name == "" || u.Pattern == "" {
		return bad("needs a name and a pattern")
	}
	for _, c := range []byte(u.Name) {
		if !isAlnum(c) && c != '-' && c != '_' && c != '/' && c != '.' {
			return bad("has a name with other bytes than letters, digits and -_./")
		}
	}
	re, err := regexp.Compile(u.Pattern)
	if err != nil {
		return bad("does not compile: %s", err.Error())
	}
	if re.MatchString("") {
		return bad("matches the empty text")
	}
	hits := 0
	for _, s := range ordinary {
		if re.MatchString(s) {
			hits++
		}
	}
	if hits > 2 {
		return bad("matches ordinary text, so it would redact everything")
	}
	for i, m := range u.Match {
		if !re.MatchString(m) {
			return bad("does not match its example %d", i+1)
		}
	}
	for i, m := range u.NotMatch {
		if re.MatchString(m) {
			return bad("matches its counter-example %d", i+1)
		}
	}
	lit, _ := re.LiteralPrefix()
	return userRule{u.Name, re, lit}, nil
}

// Kinds lists the kinds of the built-in rules, sorted.
func Kinds() []string {
	out := []string{"password", "passphrase", "mnemonic", "secret", "token", "api-key", "aws-secret-access-key",
		"private-key", "pre-shared-key", "credential", "authorization", "cookie", "url-credentials", "password-hash",
		"discord-bot-token", "value"}
	for _, f := range formats {
		out = append(out, f.Kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *Redactor) allowed(b []byte) bool { return len(r.allow) > 0 && r.allow[string(b)] }

// custom applies the user's rules to a line.
func (r *Redactor) custom(sc *scanner) {
	for i := range r.rules {
		u := &r.rules[i]
		if u.literal != "" && !bytes.Contains(sc.b, []byte(u.literal)) {
			continue
		}
		for _, m := range u.re.FindAllSubmatchIndex(sc.b, -1) {
			s, e := m[0], m[1]
			if len(m) > 2 && m[2] >= 0 {
				s, e = m[2], m[3]
			}
			sc.add(s, e, u.name)
		}
	}
}

// nextCustom returns where at or after pos a user rule or an exact value needs a look, or -1.
func (r *Redactor) nextCustom(b []byte, pos int) int {
	best := -1
	take := func(i int) {
		if i >= 0 && (best < 0 || i < best) {
			best = i
		}
	}
	if v := r.values.Load(); v != nil {
		take(v.find().next(b, pos))
	}
	for i := range r.rules {
		if m := r.rules[i].re.FindIndex(b[pos:]); m != nil {
			take(pos + m[0])
		}
	}
	return best
}

// Text redacts one text as a whole.
func (r *Redactor) Text(s string) (string, []wire.Redaction) {
	st := r.streamForText()
	defer r.done(st)
	out := st.Flush(st.Write(nil, []byte(s)))
	if string(out) != s {
		s = string(out)
	}
	return s, st.Counts()
}

// streamForText returns a stream for one text, which done gives back.
func (r *Redactor) streamForText() *Stream {
	if st, ok := r.texts.Get().(*Stream); ok {
		return st
	}
	return r.Stream()
}

func (r *Redactor) done(st *Stream) {
	st.counts, st.st = nil, lineState{}
	if cap(st.buf) <= MaxHold {
		r.texts.Put(st)
	}
}
