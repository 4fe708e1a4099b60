package intercept

import (
	"path"
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// Facts are what earlier commands of the session set.
type Facts struct {
	Values    map[string]string
	Functions map[string][]string
}

// A Hit is a rule that matched.
type Hit struct {
	ID, Reason string
	Span       command.Span
}

// unknown stands in values for what is not known before the command runs.
const unknown = "\x00"

// A call is one command as rules see it.
type call struct {
	name  string
	args  []string
	cmd   *command.Command
	feeds []feed   // the commands whose output it reads
	docs  []string // here-documents and here-strings
}

// A feed is a command whose output another one reads.
type feed struct {
	args []string
	docs []string
}

type matcher struct {
	hits  []Hit
	seen  map[string]bool
	vars  map[string]string
	lists map[string][]string
	files map[string]string // what earlier commands wrote, by the last element of the path
	facts Facts
	depth int
	work  int
}

const (
	maxDepth = 6
	maxWork  = 3000
)

// Match returns the rules that a script hits, each once.
func Match(sc *command.Script, facts Facts) []Hit {
	m := &matcher{vars: map[string]string{}, lists: map[string][]string{}, files: map[string]string{}, facts: facts}
	for k, v := range facts.Values {
		m.vars[k] = v
	}
	m.script(sc, nil, nil)
	return m.hits
}

func (m *matcher) hit(id, reason string, sp command.Span) {
	if m.seen[id] {
		return
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	m.seen[id] = true
	m.hits = append(m.hits, Hit{id, reason, sp})
}

// script goes through the commands of a text. at is the place in the outer text when the text was found inside it, and
// outer the command whose input its commands share.
func (m *matcher) script(sc *command.Script, at *command.Span, outer *call) {
	if m.depth++; m.depth > maxDepth {
		m.hit("hidden-command", "commands hold each other deeper than can be followed", command.Span{})
		return
	}
	defer func() { m.depth-- }()
	cmds := sc.Commands()
	argvs := make([][]string, len(cmds))
	for i := range cmds {
		m.assigns(&cmds[i], at)
		argvs[i] = m.resolve(cmds[i].Words)
		m.fills(argvs[i], docs(&cmds[i]))
	}
	m.forkBomb(sc)
	downloads := map[string]bool{}
	for i := range cmds {
		cmd := &cmds[i]
		sp := cmd.Span
		if at != nil {
			sp = *at
		}
		m.redirects(cmd, argvs[i], sp)
		if len(argvs[i]) == 0 {
			continue
		}
		// A name that is made by another command while it runs, with arguments: what it destroys nobody can say.
		if len(cmd.Words) > 1 && !cmd.Words[0].Static && len(cmd.Words[0].Substs) > 0 {
			m.hit("hidden-command", "the name of a command is made while it runs", sp)
		}
		c := call{args: argvs[i], cmd: cmd, docs: docs(cmd)}
		for _, f := range cmd.Feeds {
			c.feeds = append(c.feeds, feed{argvs[f], docs(&cmds[f])})
		}
		if outer != nil && len(c.feeds) == 0 && len(c.docs) == 0 {
			c.feeds, c.docs = outer.feeds, outer.docs
		}
		for _, w := range cmd.Words {
			for _, k := range w.Substs {
				c.feeds = append(c.feeds, feed{argvs[k], docs(&cmds[k])})
			}
		}
		m.call(c, sp, 0)
		m.wrote(&c)
		m.downloaded(cmd, argvs[i], downloads, sp)
		for _, body := range m.facts.Functions[argvs[i][0]] {
			if fs, err := command.Parse(body, command.Limits{}); err == nil && m.depth < 3 {
				m.script(fs, &sp, nil)
			}
		}
	}
}

// docs returns the here-documents and here-strings of a command.
func docs(cmd *command.Command) (all []string) {
	for _, r := range cmd.Redirs {
		if r.Doc != nil {
			all = append(all, r.Doc.Value)
		}
	}
	return all
}

// resolve turns words into values: variables that are known are put in and split as the shell would.
func (m *matcher) resolve(words []command.Word) []string {
	var out []string
	for _, w := range words {
		if w.Static {
			out = append(out, w.Value)
			continue
		}
		if len(w.Parts) == 1 {
			if list := m.elements(w.Parts[0]); len(list) > 0 {
				out = append(out, list...)
				continue
			}
		}
		var b strings.Builder
		split := false
		for _, p := range w.Parts {
			list := m.elements(p)
			switch {
			case p.Subst || p.Param == "((":
				b.WriteString(unknown)
			case len(list) > 0:
				b.WriteString(strings.Join(list, " "))
				split = true
			case p.Param != "":
				v, ok := m.vars[p.Param]
				switch {
				case ok:
				case p.Param == "HOME":
					v = "~"
				case p.Else != "":
					v = p.Else
				default:
					v = unknown
				}
				b.WriteString(v)
				split = split || !p.Quoted
			default:
				b.WriteString(p.Lit)
			}
		}
		if split {
			out = append(out, strings.Fields(b.String())...)
		} else {
			out = append(out, b.String())
		}
	}
	return out
}

// elements returns the values that ${NAME[@]} and $@ are known to stand for.
func (m *matcher) elements(p command.Part) []string {
	if p.All || p.Param == "@" || p.Param == "*" {
		return m.lists[strings.TrimPrefix(p.Param, "${")]
	}
	return nil
}

func wordsOf(args []string) []command.Word {
	ws := make([]command.Word, len(args))
	for i, a := range args {
		ws[i] = command.Word{Static: true, Value: a}
	}
	return ws
}

// call applies the rules to one argv and to what it starts.
func (m *matcher) call(c call, sp command.Span, depth int) {
	if m.work++; m.work > maxWork || depth > maxDepth {
		m.hit("hidden-command", "commands hold each other deeper than can be followed", sp)
		return
	}
	if len(c.args) == 0 {
		return
	}
	full := c.args
	c.name, c.args = plainName(full[0]), full[1:]
	m.rules(&c, sp)
	words := wordsOf(full)
	handed := texts(words)
	for _, t := range handed {
		m.text(c.substituted(t), sp, &c)
	}
	for _, inner := range started(words) {
		args := m.resolve(inner)
		if c.name == "xargs" && len(args) > 0 && hitsWhatItIsGiven[plainName(args[0])] {
			args = append(args, unknown) // what xargs reads
		}
		m.call(call{args: args, cmd: c.cmd, feeds: c.feeds, docs: c.docs}, sp, depth+1)
	}
	if len(handed) == 0 && readsShell(words) {
		for _, t := range c.inputs() {
			m.text(t, sp, nil)
		}
	}
	if interpreters[c.name] && !shells[c.name] {
		if _, reads := argSources(c.args); reads {
			for _, src := range c.inputs() {
				for _, t := range codeTexts(src) {
					m.text(t, sp, nil)
				}
			}
		}
	}
	m.runsFile(&c, full[0], sp, depth+1)
}

// hitsWhatItIsGiven are programs whose last arguments say what they end or delete.
var hitsWhatItIsGiven = set("kill redis-cli valkey-cli")

// rules applies every rule to one command.
func (m *matcher) rules(c *call, sp command.Span) {
	if len(c.args) == 1 && (c.args[0] == "--help" || c.args[0] == "--version" || c.args[0] == "-h") {
		return
	}
	names := []string{c.name}
	if strings.ContainsAny(c.name, "*?[") && len(c.name) < 64 {
		names = namesLike(c.name)
	}
	for _, c.name = range names {
		for i := range rules {
			r := &rules[i]
			if r.match != nil && (r.names == nil || r.names[c.name] || r.family != "" && strings.HasPrefix(c.name, r.family)) && !m.seen[r.ID] && r.match(c) {
				m.hit(r.ID, r.Reason, sp)
			}
		}
	}
}

// namesLike returns the names that a rule has and a file name pattern matches: /bin/r? is rm.
func namesLike(pattern string) (names []string) {
	seen := map[string]bool{}
	for i := range rules {
		for n := range rules[i].names {
			if ok, _ := path.Match(pattern, n); ok && !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names
}

// version ends the names of some programs: python3.11, pip3.12.
var version = regexp.MustCompile(`^(python|pip|perl|ruby|php|lua|node)([0-9]?)[0-9.-]*$`)

// plainName is the name of a program without its directory and its minor version.
func plainName(program string) string {
	return version.ReplaceAllString(path.Base(program), "$1$2")
}

// text goes through a text that is handed to a shell by c, whose input the shell has.
func (m *matcher) text(t string, sp command.Span, c *call) {
	if sc, err := parse(t); err == nil {
		m.script(sc, &sp, c)
	}
}

// forkBomb is a function that starts itself in the background or in a pipe.
func (m *matcher) forkBomb(sc *command.Script) {
	for _, c := range sc.Commands() {
		if c.Func != "" && len(c.Words) > 0 && c.Words[0].Static && c.Words[0].Value == c.Func && (c.Background || len(c.Feeds) > 0) {
			m.hit("fork-bomb", "a function that starts copies of itself without end", c.Span)
		}
	}
}

var systemTrees = []string{"/etc/", "/boot/", "/usr/", "/bin/", "/sbin/", "/lib/", "/var/log/", "/var/lib/", "/proc/sys", "/sys/"}

func (m *matcher) redirects(c *command.Command, args []string, sp command.Span) {
	for _, r := range c.Redirs {
		vals := m.resolve([]command.Word{r.Target})
		if r.Doc != nil || r.Op == "dup" || len(vals) == 0 || r.Op == "<" {
			continue
		}
		t := vals[0]
		if strings.HasPrefix(t, "/dev/tcp/") || strings.HasPrefix(t, "/dev/udp/") {
			m.hit("reverse-shell", "connects a shell to the network", sp)
		}
		if why := sensitiveTarget(t); why != "" {
			m.hit("overwrite", why, sp)
		}
		if (len(args) == 0 && len(c.Assigns) == 0 || printsNothing(args)) && (r.Op == ">" || r.Op == ">|" || r.Op == "&>") && !strings.HasPrefix(t, "/dev/") {
			m.hit("truncate", "empties a file", sp)
		}
		if endless(args) && t != "/dev/null" {
			m.hit("fill-disk", "writes without end", sp)
		}
	}
}

// printsNothing reports whether a command that does nothing else prints nothing either.
func printsNothing(args []string) bool {
	if len(args) == 0 {
		return false
	}
	text := strings.Join(args[1:], "")
	switch args[0] {
	case ":", "true":
		return text == ""
	case "echo", "printf":
		return text == "" || args[0] == "echo" && text == "-n"
	}
	return args[0] == "cat" && len(args) == 2 && text == "/dev/null"
}

// sensitiveTarget says why overwriting a path is destructive.
func sensitiveTarget(t string) string {
	if t == "/proc/sysrq-trigger" {
		return "controls the kernel directly"
	}
	if device(t) {
		return "overwrites a disk"
	}
	for _, d := range systemTrees {
		if strings.HasPrefix(t, d) {
			return "overwrites a file of the system"
		}
	}
	for _, d := range []string{".ssh/", ".gnupg/", ".aws/", ".git/hooks/"} {
		if strings.Contains(t, "/"+d) || strings.HasPrefix(t, d) {
			return holdsAccess
		}
	}
	for _, f := range []string{".bashrc", ".profile", ".bash_profile", ".zshrc", ".bash_history", ".zsh_history", ".kube/config", ".netrc", ".git/config"} {
		if strings.HasSuffix(t, "/"+f) || t == f {
			return holdsAccess
		}
	}
	return ""
}

const holdsAccess = "overwrites a file that holds access or is run at login"

func device(t string) bool {
	for _, d := range []string{"/dev/sd", "/dev/nvme", "/dev/vd", "/dev/hd", "/dev/xvd", "/dev/mmcblk", "/dev/dm-", "/dev/mapper/", "/dev/md", "/dev/loop", "/dev/disk", "/dev/mem", "/dev/kmem", "/dev/rdisk", "/dev/zd"} {
		if strings.HasPrefix(t, d) {
			return true
		}
	}
	return false
}
