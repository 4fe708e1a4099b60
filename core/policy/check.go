package policy

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/intercept"
	"github.com/execkit/execkit/core/wire"
)

// check is the work on one command text.
type check struct {
	p    *Policy
	s    *Session
	sc   *command.Script
	text string
	d    wire.Decision
	// deep bounds launchers inside launchers.
	deep int
	// cur is the number of the command that is judged.
	cur int
	// cleared says that the command that is judged does not see the session's environment, which names no editor.
	cleared bool
	// arrays are the variables that may be arrays.
	arrays map[string]bool
	// own is what the commands of the text assign.
	own *Session
}

func newCheck(p *Policy, s *Session, sc *command.Script, text string) *check {
	return &check{p: p, s: s, sc: sc, text: text, d: wire.Decision{Decision: Allow}}
}

const maxRules = 100

// add takes a rule into the answer; the strictest decides, and the first of those gives the reason.
func (c *check) add(id, decision, reason string, sp command.Span) {
	if len(c.d.Rules) < maxRules {
		c.d.Rules = append(c.d.Rules, wire.RuleRef{ID: id, Decision: decision, Reason: reason, Span: &wire.Span{Start: sp.Start, End: sp.End}})
	}
	if rank(decision) > rank(c.d.Decision) || c.d.Reason == "" && decision == c.d.Decision {
		c.d.Decision, c.d.Reason = decision, reason
	}
}

func (s *Session) judge(text string) (wire.Decision, *command.Script) {
	p := s.p
	sc, err := command.Parse(text, p.limits)
	c := newCheck(p, s, sc, text)
	if err != nil {
		var ce *command.Error
		kind, sp := "syntax", command.Span{}
		if errors.As(err, &ce) {
			kind, sp = ce.Kind, ce.Span
		}
		c.add("text."+kind, Deny, err.Error(), sp)
		return c.d, nil
	}
	if p.Fence() {
		c.fence()
	}
	c.lists()
	for i, re := range p.patterns {
		if loc := re.FindStringIndex(text); loc != nil {
			c.add(fmt.Sprintf("deny_patterns[%d]", i), Deny, "a denied pattern matches", command.Span{Start: loc[0], End: loc[1]})
		} else {
			c.patternOnWords(i, re.MatchString)
		}
	}
	if p.icept != "off" {
		for _, h := range intercept.Match(sc, s.facts()) {
			if !p.iceptOff[h.ID] {
				c.add("intercept."+h.ID, p.icept, h.Reason, h.Span)
			}
		}
	}
	return c.d, sc
}

// patternOnWords matches a pattern against the words as programs get them, so that r\m is rm.
func (c *check) patternOnWords(i int, match func(string) bool) {
	for _, cmd := range c.sc.Commands() {
		var vals []string
		for _, w := range cmd.Words {
			vals = append(vals, w.Value)
		}
		if len(vals) > 0 && match(strings.Join(vals, " ")) {
			c.add(fmt.Sprintf("deny_patterns[%d]", i), Deny, "a denied pattern matches", cmd.Span)
			return
		}
	}
}

func (s *Session) facts() intercept.Facts {
	return intercept.Facts{Values: s.values, Functions: s.funcs}
}

// fence judges under default deny or ask: everything must be understood and granted.
func (c *check) fence() {
	sc := c.sc
	if c.s.taint != "" {
		c.add("session", Deny, c.s.taint, command.Span{})
	}
	for _, is := range sc.Issues() {
		c.add("shell.unvetted", Deny, "cannot be vetted: "+is.Reason, is.Span)
	}
	c.gather()
	cmds := sc.Commands()
	for _, a := range sc.ArithNames() {
		if !c.integer(a.Name) {
			// Text in the variable would be evaluated, subscripts and substitutions included.
			c.add("shell.arithmetic", Deny, a.Name+" is not known to hold an integer", a.Span)
		}
	}
	for _, w := range sc.ArithSubsts() {
		if !c.printsNumber(w) {
			c.add("shell.arithmetic", Deny, "arithmetic that evaluates text", w.Span)
		}
	}
	for _, name := range sc.Functions() {
		if why := c.functionReason(name); why != "" {
			c.add("session.function", Deny, why, command.Span{})
		}
	}
	for i := range cmds {
		c.cur = i
		c.command(&cmds[i])
	}
	if len(cmds) == 0 && c.d.Decision == Allow && len(c.d.Rules) == 0 {
		c.d.Reason = "nothing to run"
	}
}

// functionReason refuses functions that take the place of something that is called by name.
func (c *check) functionReason(name string) string {
	switch {
	case command.Builtin(name) || c.p.allow[name] != nil || c.p.ask[name] != nil || c.p.deny[name] != nil:
		return "the function " + name + " would stand for another command"
	case name == "command_not_found_handle" || strings.HasPrefix(name, "_") || launchers[name].flags != "":
		return "a function of the name " + name + " has a meaning of its own"
	}
	return ""
}

// Builtin reports whether bash itself provides the command.
func Builtin(name string) bool { return command.Builtin(name) }

func (c *check) command(cmd *command.Command) {
	for _, a := range cmd.Assigns {
		exported := a.Declared && cmd.Words[0].Value == "export" || !a.Declared && len(cmd.Words) > 0
		if why := c.p.assignReason(a.Name, exported); why != "" && !(exported && !a.Declared && c.p.settles(a, cmd.Words)) {
			c.add("env."+a.Name, Deny, why, a.Span)
		}
	}
	for _, r := range cmd.Redirs {
		c.redirect(r)
	}
	if len(cmd.Words) == 0 {
		return
	}
	id, decision, why := c.grant(cmd.Words, cmd)
	c.add(id, decision, why, cmd.Span)
}

func (c *check) redirect(r command.Redirect) {
	if r.Doc != nil || r.Op == "dup" || strings.HasPrefix(r.Op, "<<") {
		return
	}
	t := r.Target
	if !t.Static {
		if r.Op == "<" && !c.local(t) {
			c.add("shell.unvetted", Deny, "cannot be vetted: which file is read is not known", r.Span)
		}
		return // otherwise an issue of the script already
	}
	if strings.HasPrefix(path.Clean(t.Value), "/dev/tcp") || strings.HasPrefix(path.Clean(t.Value), "/dev/udp") {
		c.add("write", Deny, "a redirection to the network", r.Span)
		return
	}
	if r.Op == "<" {
		return
	}
	if why := c.p.writeReason(t.Value, c.s.cd || c.changesDir()); why != "" {
		c.add("write", c.p.def, why, r.Span)
	}
}

func (c *check) changesDir() bool {
	for _, cmd := range c.sc.Commands() {
		if len(cmd.Words) > 0 && (cmd.Words[0].Value == "cd" || cmd.Words[0].Value == "pushd" || cmd.Words[0].Value == "popd") {
			return true
		}
	}
	return false
}

// grant decides about one argv. The reason is for the reader.
func (c *check) grant(words []command.Word, cmd *command.Command) (id, decision, reason string) {
	if c.deep++; c.deep > 8 {
		return "launcher", Deny, "commands start each other too deep"
	}
	defer func() { c.deep-- }()
	name := words[0]
	if !name.Static {
		return "shell.dynamic", Deny, "the name of the command is not known before it runs: " + name.Reason
	}
	n := name.Value
	if cmd != nil && c.sc.Defines(n, c.cur) {
		return "shell.function", Allow, ""
	}
	if c.s.funcs[n] != nil {
		return "session.function", Deny, "an earlier command defined a function " + n
	}
	if refusedBuiltins[n] {
		return "builtin." + n, Deny, n + " runs or changes what is not in the command's text"
	}
	if rule := builtinRules[n]; rule != nil {
		if why := rule(c, words); why != "" {
			return "builtin." + n, Deny, why
		}
	}
	if freeBuiltins[n] {
		return "shell.grammar", Allow, ""
	}
	if strings.Contains(n, "/") && !path.IsAbs(n) && (c.s.cd || c.changesDir()) {
		return "path", Deny, "a relative path after the directory was changed"
	}
	var refused string
	var from *entry
	best := -1
	plain := withoutGlobals(words)
	for _, list := range []index{c.p.allow, c.p.ask} {
		for _, e := range list[n] {
			judged := plain
			if len(e.words) > 1 && strings.HasPrefix(e.words[1], "-") {
				judged = words // the entry spells out options of its own
			}
			if !e.grants(judged) {
				continue
			}
			if e.refuses(words) {
				from, refused = e, "an argument that "+e.id+" refuses"
				continue
			}
			if len(e.words) > best {
				if why := c.arguments(judged, len(e.words)); why != "" {
					from, refused = e, why
					continue
				}
				best, from = len(e.words), e
			}
		}
	}
	if best < 0 {
		if from != nil {
			return from.id, c.p.def, refused
		}
		return "default", c.p.def, "no entry grants " + show(words)
	}
	if strings.HasPrefix(from.id, Ask) {
		return from.id, Ask, orElse(from.reason, "the policy asks for this")
	}
	return from.id, Allow, from.reason
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// arguments judges what a granted program does with its arguments; the first granted words are the entry's own.
func (c *check) arguments(words []command.Word, granted int) string {
	base := canonical(words[0].Value)
	if base == "command" && len(words) > 1 && words[1].Static && (words[1].Value == "-v" || words[1].Value == "-V") {
		return ""
	}
	if l, ok := launchers[base]; ok {
		return c.launch(l, words, granted)
	}
	if interpreters[base] {
		if len(words) == 2 && words[1].Static && has("--version "+versionFlags[base], words[1].Value) {
			return ""
		}
		if granted < 2 {
			return base + " runs any program it is given; only a full command line can be granted"
		}
		if len(words) > granted && (commandsAnywhere[base] || optionsOnly(words[1:granted])) {
			return base + " would take a program from the arguments that the entry does not spell out"
		}
		return ""
	}
	pr := profiles[base]
	if pr == nil {
		return ""
	}
	return pr.judge(c, base, words, granted)
}

// optionsOnly reports whether an entry names no script: the next argument would be one (python3 -u FILE).
func optionsOnly(words []command.Word) bool {
	for _, w := range words {
		if !strings.HasPrefix(w.Value, "-") {
			return false
		}
	}
	return true
}

func (c *check) launch(l launcher, words []command.Word, granted int) string {
	at, why := l.inner(c.p, words, granted, c.s.cd || c.changesDir())
	if why != "" {
		return why
	}
	if at >= len(words) {
		if l.alone || granted > 1 {
			return ""
		}
		return words[0].Value + " without a command"
	}
	defer func(was bool) { c.cleared = was }(c.cleared)
	c.cleared = c.cleared || clears(words[:at])
	inner := words[at:]
	if len(inner) > 1 && inner[0].Static && has(subcommands[path.Base(words[0].Value)], inner[0].Value) {
		at, inner = at+1, inner[1:] // poetry run PROGRAM
	}
	if mark := replaced(words[:at]); l.dynamic && mark != "" {
		inner = slices.Clone(inner)
		for i := range inner {
			if alone := inner[i].Value == mark; alone {
				inner[i] = c.fromInput(words[:at])
				inner[i].Quoted, inner[i].Parts[0].Quoted = true, true // the whole line
			} else {
				inner[i] = placeholder(inner[i], mark, "")
			}
		}
	}
	if l.dynamic && appends(words[1:at]) {
		inner = append(append([]command.Word{}, inner...), c.fromInput(words[:at]))
	}
	if path.Base(words[0].Value) == "watch" && !watchesDirectly(words[1:at]) {
		// Watch joins the words and gives them to a shell, which reads them anew.
		for i, w := range inner {
			if at+i >= granted && (!w.Static || strings.IndexFunc(w.Value, func(r rune) bool { return !plainRune(r) }) >= 0) {
				return "watch gives its words to a shell; use watch -x"
			}
		}
	}
	if at < granted {
		// The entry itself names the inner program.
		if refusedBuiltins[inner[0].Value] && has("command builtin exec time", words[0].Value) {
			return inner[0].Value + " runs what is not in the command's text"
		}
		return c.arguments(inner, granted-at)
	}
	_, d, why := c.grant(inner, nil)
	if d != Allow {
		return orElse(why, "what it starts is not granted")
	}
	return ""
}

// clears reports whether a launcher takes the session's variables away.
func clears(options []command.Word) bool {
	name := path.Base(options[0].Value)
	if name != "env" {
		return has("sudo doas", name)
	}
	for _, w := range options[1:] {
		v := w.Value
		if len(v) > 2 && strings.HasPrefix("--ignore-environment", v) || strings.HasPrefix(v, "-") && !strings.HasPrefix(v, "--") && strings.Contains(v, "i") {
			return true
		}
	}
	return false
}

// replaced returns what xargs -I replaces by a line of its input; "" where it appends words.
func replaced(options []command.Word) (mark string) {
	for i, w := range options {
		if at := strings.IndexByte(w.Value, 'I'); at > 0 && strings.Trim(w.Value[1:at], "0rtx") == "" && w.Value[0] == '-' {
			if mark = w.Value[at+1:]; mark == "" && i+1 < len(options) {
				mark = options[i+1].Value
			}
		}
	}
	return mark
}

// appends reports whether xargs may add words at the end: with -I it does not, but -n and -L take -I back.
func appends(options []command.Word) bool {
	if replaced(options) == "" {
		return true
	}
	for _, w := range options {
		if strings.HasPrefix(w.Value, "--") || strings.HasPrefix(w.Value, "-") && strings.ContainsAny(w.Value, "nLl") {
			return true
		}
	}
	return false
}

// watchesDirectly reports whether watch starts its command without a shell.
func watchesDirectly(options []command.Word) bool {
	for _, w := range options {
		if w.Value == "--exec" || strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "--") && strings.Contains(w.Value, "x") {
			return true
		}
	}
	return false
}

// plainRune reports whether a shell takes a character as it is.
func plainRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,@%+", r)
}

// maxShown bounds what show returns, in bytes before they are quoted.
const maxShown = 80

// show names a command by its first words. Each is whole or left out: a part of a secret could not be told to be one.
func show(words []command.Word) string {
	var b strings.Builder
	for i, w := range words[:min(len(words), 3)] {
		if i > 0 {
			b.WriteByte(' ')
		}
		if w.Static && b.Len()+len(w.Value) <= maxShown {
			b.WriteString(w.Value)
		} else {
			b.WriteString("…")
		}
	}
	return fmt.Sprintf("%q", b.String())
}

// lists applies the deny and ask entries, which hold whatever the default is.
func (c *check) lists() {
	if len(c.p.deny) == 0 && len(c.p.ask) == 0 {
		return
	}
	for i := range c.sc.Commands() {
		cmd := &c.sc.Commands()[i]
		if len(cmd.Words) > 0 {
			c.listed(cmd.Words, cmd.Span, 0)
		}
	}
}

func (c *check) listed(words []command.Word, sp command.Span, depth int) {
	if len(words) == 0 || depth > 8 {
		return
	}
	if !words[0].Static {
		c.add("shell.dynamic", Deny, "the name of the command is not known, so the entries cannot be applied", sp)
		return
	}
	n := words[0].Value
	for _, l := range []struct {
		idx index
		dec string
	}{{c.p.deny, Deny}, {c.p.ask, Ask}} {
		seen := l.idx[n]
		if b := path.Base(n); b != n {
			seen = append(append([]*entry{}, seen...), l.idx[b]...)
		}
		for _, e := range seen {
			switch e.hits(words) {
			case sure:
				c.add(e.id, l.dec, orElse(e.reason, "the policy's "+l.dec+" entry matches"), sp)
			case maybe:
				c.add(e.id, Deny, "an argument that decides about "+e.id+" is not known", sp)
			}
		}
	}
	for _, inner := range intercept.Inner(words) {
		c.listed(inner, sp, depth+1)
	}
}
