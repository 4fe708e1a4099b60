package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/intercept"
	"github.com/execkit/execkit/core/wire"
)

// The decisions, from the mildest to the strictest.
const (
	Allow = "allow"
	Ask   = "ask"
	Deny  = "deny"
)

func rank(d string) int {
	switch d {
	case Deny:
		return 2
	case Ask:
		return 1
	}
	return 0
}

// Stricter reports whether decision a is stricter than b.
func Stricter(a, b string) bool { return rank(a) > rank(b) }

// A Policy is loaded once and read-only afterwards; it may be used by many goroutines.
type Policy struct {
	def      string
	allow    index
	ask      index
	deny     index
	patterns []*regexp.Regexp
	icept    string
	iceptOff map[string]bool
	write    []string
	writeSet bool
	envDeny  []*regexp.Regexp
	limits   command.Limits
	network  Network
	// Enforce and Interactive are for the session that the policy guards.
	Enforce     string
	Interactive bool
	warnings    []string
	// digest is the SHA-256 of the object that the policy was made from.
	digest string
}

// An entry is one rule of allow, ask or deny.
type entry struct {
	id       string
	words    []string
	argsDeny []string
	reason   string
}

// index finds the entries of a program without looking at the others, so that 10,000 of them cost nothing.
type index map[string][]*entry

type entryJSON struct {
	Program    string   `json:"program"`
	ArgsPrefix []string `json:"args_prefix"`
	ArgsDeny   []string `json:"args_deny"`
	Reason     string   `json:"reason"`
	Match      []string `json:"match"`
	NotMatch   []string `json:"not_match"`
}

type policyJSON struct {
	Default      string            `json:"default"`
	Allow        []json.RawMessage `json:"allow"`
	Ask          []json.RawMessage `json:"ask"`
	Deny         []json.RawMessage `json:"deny"`
	DenyPatterns []string          `json:"deny_patterns"`
	Intercept    json.RawMessage   `json:"intercept"`
	Write        *[]string         `json:"write"`
	Env          *struct {
		Deny []string `json:"deny"`
	} `json:"env"`
	Network     json.RawMessage `json:"network"`
	Interactive bool            `json:"interactive"`
	Enforce     string          `json:"enforce"`
	Limits      *command.Limits `json:"limits"`
}

const (
	maxEntries  = 20000
	maxPatterns = 1000
)

// Load reads a policy object. No policy, null or an empty object means {"default":"allow","intercept":"ask"}. An
// unknown key, a value that is not one of its choices, a bad pattern or an example that is judged otherwise is an
// invalid_argument error that names the place.
func Load(raw json.RawMessage) (*Policy, error) {
	p := &Policy{def: Allow, icept: Ask, Enforce: "auto", network: Network{Auto: true}, allow: index{}, ask: index{}, deny: index{}}
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		text = "null"
	}
	sum := sha256.Sum256([]byte(text))
	if p.digest = hex.EncodeToString(sum[:]); text == "null" {
		return p, nil
	}
	var j policyJSON
	if err := wire.Decode(raw, &j); err != nil {
		return nil, at("policy", err)
	}
	var err error
	if p.def, err = choice("default", j.Default, Allow, Allow, Ask, Deny); err != nil {
		return nil, err
	}
	if j.Default == "" && len(j.Allow) > 0 {
		// A list of what is allowed says nothing under default allow; whoever wrote it meant the rest to be denied.
		p.def = Deny
		p.warnings = append(p.warnings, `default: "allow" entries without a default; taken as default "deny"`)
	}
	if p.Enforce, err = choice("enforce", j.Enforce, "auto", "auto", "require", "off"); err != nil {
		return nil, err
	}
	if err := p.loadNetwork(j.Network); err != nil {
		return nil, err
	}
	if p.Enforce == "require" && p.def != Deny {
		return nil, invalid("enforce", `"require" needs default "deny": only then is it known what may run`)
	}
	p.Interactive = j.Interactive
	if err := p.loadIntercept(j.Intercept); err != nil {
		return nil, err
	}
	if len(j.Allow)+len(j.Ask)+len(j.Deny) > maxEntries || len(j.DenyPatterns) > maxPatterns {
		return nil, invalid("policy", "has more than %d entries or %d patterns", maxEntries, maxPatterns)
	}
	var examples []example
	for _, l := range []struct {
		name string
		raw  []json.RawMessage
		to   index
	}{{Allow, j.Allow, p.allow}, {Ask, j.Ask, p.ask}, {Deny, j.Deny, p.deny}} {
		for i, r := range l.raw {
			e, ex, err := loadEntry(fmt.Sprintf("%s[%d]", l.name, i), r)
			if err != nil {
				return nil, err
			}
			for _, have := range l.to[e.words[0]] {
				if strings.Join(have.words, "\x00") == strings.Join(e.words, "\x00") && len(have.argsDeny)+len(e.argsDeny) == 0 {
					p.warnings = append(p.warnings, e.id+": the same as "+have.id)
					break
				}
			}
			l.to[e.words[0]] = append(l.to[e.words[0]], e)
			for k := range ex {
				ex[k].e, ex[k].list = e, l.name
			}
			examples = append(examples, ex...)
		}
	}
	if p.patterns, err = compile("deny_patterns", j.DenyPatterns); err != nil {
		return nil, err
	}
	if j.Env != nil {
		if p.envDeny, err = compile("env.deny", j.Env.Deny); err != nil {
			return nil, err
		}
	}
	if err := p.loadWrite(j.Write); err != nil {
		return nil, err
	}
	if j.Limits != nil {
		p.limits = *j.Limits
		if p.limits.MaxBytes > 1<<20 || p.limits.MaxDepth > 200 || p.limits.MaxCommands > 10000 || p.limits.MaxWords > 100000 {
			return nil, invalid("limits", "is beyond max_bytes 1048576, max_depth 200, max_commands 10000, max_words 100000")
		}
		if p.limits.MaxBytes < 0 || p.limits.MaxDepth < 0 || p.limits.MaxCommands < 0 || p.limits.MaxWords < 0 {
			return nil, invalid("limits", "holds a negative number")
		}
	}
	p.warn()
	for _, ex := range examples {
		if err := p.verify(ex); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Digest names the policy: the SHA-256 of the object that it was made from, in hexadecimal.
func (p *Policy) Digest() string { return p.digest }

// Warnings lists what is probably not meant, for doctor and policy check.
func (p *Policy) Warnings() []string { return p.warnings }

// Fence reports whether the policy denies or asks by default, so that the shell must run the emitted script.
func (p *Policy) Fence() bool { return p.def != Allow }

// Judges reports whether any command can be refused or asked about, so that it has to be understood before it runs.
func (p *Policy) Judges() bool { return p.Fence() || p.icept != "off" || p.Refuses() || len(p.ask) > 0 }

// Refuses reports whether the policy holds anything but allowances and the intercept.
func (p *Policy) Refuses() bool {
	return p.def == Deny || len(p.deny) > 0 || len(p.patterns) > 0 || len(p.envDeny) > 0
}

// Limits are the bounds for the parser.
func (p *Policy) Limits() command.Limits { return p.limits }

// Programs returns the first words of the allow entries, which a session pins to files.
func (p *Policy) Programs() []string {
	names := make([]string, 0, len(p.allow))
	for n := range p.allow {
		names = append(names, n)
	}
	return names
}

// WritePaths returns the trees that redirections may write to.
func (p *Policy) WritePaths() []string { return append([]string(nil), p.write...) }

func invalid(place, format string, args ...any) error {
	return errdefs.New(errdefs.InvalidArgument, "%s %s", place, fmt.Sprintf(format, args...)).WithDetail("field", place)
}

func at(place string, err error) error {
	e := errdefs.From(err)
	e.Message = place + ": " + e.Message
	return e
}

func choice(place, v, def string, known ...string) (string, error) {
	if v == "" {
		return def, nil
	}
	for _, k := range known {
		if v == k {
			return v, nil
		}
	}
	return "", invalid(place, "must be one of %s, not %s", strings.Join(known, ", "), errdefs.Quote(v))
}

func (p *Policy) loadIntercept(raw json.RawMessage) error {
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return nil
	}
	mode := ""
	if text[0] == '"' {
		if err := json.Unmarshal(raw, &mode); err != nil {
			return invalid("intercept", "is not a string")
		}
	} else {
		var o struct {
			Mode string   `json:"mode"`
			Off  []string `json:"off"`
		}
		if err := wire.Decode(raw, &o); err != nil {
			return at("intercept", err)
		}
		p.iceptOff = map[string]bool{}
		for i, id := range o.Off {
			if !intercept.Known(id) {
				return invalid(fmt.Sprintf("intercept.off[%d]", i), "names no rule: %s", errdefs.Quote(id))
			}
			p.iceptOff[id] = true
		}
		mode = o.Mode
	}
	var err error
	p.icept, err = choice("intercept", mode, Ask, Ask, Deny, "off")
	return err
}

func compile(place string, list []string) ([]*regexp.Regexp, error) {
	var res []*regexp.Regexp
	for i, s := range list {
		if len(s) > 4096 || s == "" {
			return nil, invalid(fmt.Sprintf("%s[%d]", place, i), "must hold 1 to 4096 bytes")
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, invalid(fmt.Sprintf("%s[%d]", place, i), "is not a valid pattern: %v", err)
		}
		res = append(res, re)
	}
	return res, nil
}

type example struct {
	place, text string
	want        bool
	e           *entry
	list        string
}

func loadEntry(place string, raw json.RawMessage) (*entry, []example, error) {
	e := &entry{id: place}
	text := strings.TrimSpace(string(raw))
	if text != "" && text[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, nil, invalid(place, "is not a valid string")
		}
		words, err := splitEntry(s)
		if err != nil {
			return nil, nil, invalid(place, "%v", err)
		}
		e.words = words
		return e, nil, nil
	}
	var j entryJSON
	if err := wire.Decode(raw, &j); err != nil {
		return nil, nil, at(place, err)
	}
	if j.Program == "" {
		return nil, nil, invalid(place, "has no program")
	}
	words, err := splitEntry(j.Program)
	if err != nil {
		return nil, nil, invalid(place+".program", "%v", err)
	}
	e.words = append(words, j.ArgsPrefix...)
	e.argsDeny, e.reason = j.ArgsDeny, j.Reason
	var ex []example
	for i, t := range j.Match {
		ex = append(ex, example{place: fmt.Sprintf("%s.match[%d]", place, i), text: t, want: true})
	}
	for i, t := range j.NotMatch {
		ex = append(ex, example{place: fmt.Sprintf("%s.not_match[%d]", place, i), text: t})
	}
	return e, ex, nil
}

// splitEntry reads an entry as words, with quotes and backslashes as a shell would; nothing in it is expanded.
func splitEntry(s string) ([]string, error) {
	var words []string
	var b strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c < ' ' && c != '\t' || c == 0x7f:
			return nil, fmt.Errorf("holds a control byte: %s", errdefs.Quote(s))
		case c == ' ' || c == '\t':
			if in {
				words, in = append(words, b.String()), false
				b.Reset()
			}
		case c == '\'' || c == '"':
			end := strings.IndexByte(s[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("holds an open quote: %s", errdefs.Quote(s))
			}
			b.WriteString(s[i+1 : i+1+end])
			i, in = i+1+end, true
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
			in = true
		default:
			b.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, b.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, fmt.Errorf("names no program: %s", errdefs.Quote(s))
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("is not valid UTF-8: %s", errdefs.Quote(s))
	}
	return words, nil
}
