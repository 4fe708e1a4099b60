package intercept

import (
	"path"
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
	feeds [][]string // the argvs whose output it reads
}

type matcher struct {
	hits  []Hit
	seen  map[string]bool
	vars  map[string]string
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
	m := &matcher{vars: map[string]string{}, facts: facts}
	for k, v := range facts.Values {
		m.vars[k] = v
	}
	m.script(sc, nil)
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

// script goes through the commands of a text. at is the place in the outer text when the text was found inside it.
func (m *matcher) script(sc *command.Script, at *command.Span) {
	if m.depth++; m.depth > maxDepth {
		m.hit("hidden-command", "commands hold each other deeper than can be followed", command.Span{})
		return
	}
	defer func() { m.depth-- }()
	cmds := sc.Commands()
	argvs := make([][]string, len(cmds))
	for i := range cmds {
		for _, a := range cmds[i].Assigns {
			if a.Value.Static && !a.Append && !a.Naked {
				m.vars[a.Name] = a.Value.Value
			}
		}
		argvs[i] = m.resolve(cmds[i].Words)
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
		c := call{args: argvs[i], cmd: cmd}
		for _, f := range cmd.Feeds {
			c.feeds = append(c.feeds, argvs[f])
		}
		for _, w := range cmd.Words {
			for _, k := range w.Substs {
				c.feeds = append(c.feeds, argvs[k])
			}
		}
		m.call(c, sp, 0)
		m.downloaded(cmd, argvs[i], downloads, sp)
		for _, body := range m.facts.Functions[argvs[i][0]] {
			if fs, err := command.Parse(body, command.Limits{}); err == nil && m.depth < 3 {
				m.script(fs, &sp)
			}
		}
	}
}

// resolve turns words into values: variables that are known are put in and split as the shell would.
func (m *matcher) resolve(words []command.Word) []string {
	var out []string
	for _, w := range words {
		if w.Static {
			out = append(out, w.Value)
			continue
		}
		var b strings.Builder
		split := false
		for _, p := range w.Parts {
			switch {
			case p.Subst || p.Param == "((":
				b.WriteString(unknown)
			case p.Param != "":
				v, ok := m.vars[p.Param]
				if !ok {
					v = unknown
					if p.Param == "HOME" {
						v = "~"
					}
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
	c.name, c.args = path.Base(full[0]), full[1:]
	if !(len(c.args) == 1 && (c.args[0] == "--help" || c.args[0] == "--version" || c.args[0] == "-h")) {
		for i := range rules {
			r := &rules[i]
			if r.match != nil && (r.names == nil || r.names[c.name] || r.family != "" && strings.HasPrefix(c.name, r.family)) && !m.seen[r.ID] && r.match(&c) {
				m.hit(r.ID, r.Reason, sp)
			}
		}
	}
	words := wordsOf(full)
	for _, t := range texts(words) {
		m.text(t, sp)
	}
	for _, inner := range started(words) {
		m.call(call{args: m.resolve(inner), cmd: c.cmd, feeds: c.feeds}, sp, depth+1)
	}
	if (shells[c.name] || c.name == "at" || c.name == "batch") && len(texts(words)) == 0 {
		m.fedShell(c, sp)
	}
}

// text goes through a text that is handed to a shell.
func (m *matcher) text(t string, sp command.Span) {
	if sc, err := parse(t); err == nil {
		m.script(sc, &sp)
	}
}

// fedShell follows the text that a shell reads from a pipe, a here-document or a here-string.
func (m *matcher) fedShell(c call, sp command.Span) {
	if c.cmd == nil {
		return
	}
	for _, r := range c.cmd.Redirs {
		if r.Doc != nil {
			m.text(r.Doc.Value, sp)
		}
	}
	for _, f := range c.feeds {
		m.text(printed(f), sp)
	}
}

// printed returns what echo or printf prints, and nothing for other commands. Formats other than %s are left as they are.
func printed(argv []string) string {
	if len(argv) < 2 {
		return ""
	}
	args := argv[1:]
	lines := strings.NewReplacer(`\n`, "\n")
	switch argv[0] {
	case "echo":
		for len(args) > 0 && len(args[0]) > 1 && strings.Trim(args[0], "neE") == "-" {
			args = args[1:]
		}
		return lines.Replace(strings.Join(args, " "))
	case "printf":
		if args[0] == "--" && len(args) > 1 {
			args = args[1:]
		}
		parts := strings.Split(strings.ReplaceAll(lines.Replace(args[0]), "%b", "%s"), "%s")
		var b strings.Builder
		for values := args[1:]; ; {
			for i, part := range parts {
				if b.WriteString(part); i < len(parts)-1 && len(values) > 0 {
					b.WriteString(values[0])
					values = values[1:]
				}
			}
			if len(values) == 0 || len(parts) == 1 {
				return b.String()
			}
		}
	}
	return ""
}

// downloaded notices a file that one command fetches and a later one runs.
func (m *matcher) downloaded(cmd *command.Command, args []string, files map[string]bool, sp command.Span) {
	name := path.Base(args[0])
	switch name {
	case "curl", "wget":
		for _, r := range cmd.Redirs {
			if r.Target.Static && strings.HasPrefix(r.Op, ">") {
				files[path.Base(r.Target.Value)] = true
			}
		}
		for i, a := range args {
			if (a == "-o" || a == "-O" || a == "--output" || a == "--output-document") && i+1 < len(args) {
				files[path.Base(args[i+1])] = true
			}
			if i > 0 && strings.Contains(a, "/") && !strings.HasPrefix(a, "-") {
				files[path.Base(a)] = true
			}
		}
		return
	}
	if len(files) == 0 {
		return
	}
	run := strings.Contains(args[0], "/") && files[name]
	if interpreters[name] || name == "source" || name == "." || name == "sudo" {
		for _, a := range args[1:] {
			run = run || files[path.Base(a)]
		}
	}
	if run {
		m.hit("pipe-to-shell", "runs a program that was just downloaded", sp)
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
		empties := len(args) == 0 && len(c.Assigns) == 0 || len(args) == 1 && (args[0] == ":" || args[0] == "true" || args[0] == "echo") || len(args) == 2 && args[0] == "cat" && args[1] == "/dev/null" ||
			len(args) > 0 && args[0] == "echo" && strings.Join(args[1:], "") == "" || len(args) == 2 && args[0] == "echo" && args[1] == "-n"
		if empties && (r.Op == ">" || r.Op == ">|" || r.Op == "&>") && !strings.HasPrefix(t, "/dev/") {
			m.hit("truncate", "empties a file", sp)
		}
		if len(args) > 1 && (args[0] == "cat" || args[0] == "dd") && (args[1] == "/dev/zero" || args[1] == "/dev/urandom" || args[1] == "/dev/random") && t != "/dev/null" || len(args) == 1 && args[0] == "yes" && t != "/dev/null" {
			m.hit("fill-disk", "writes without end", sp)
		}
	}
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
	for _, f := range []string{".ssh/", ".bashrc", ".profile", ".bash_profile", ".zshrc", ".bash_history", ".zsh_history", ".gnupg/", ".aws/", ".kube/config", ".netrc", ".git/hooks/", ".git/config"} {
		if strings.Contains(t, "/"+f) || strings.HasPrefix(t, f) {
			return "overwrites a file that holds access or is run at login"
		}
	}
	return ""
}

func device(t string) bool {
	for _, d := range []string{"/dev/sd", "/dev/nvme", "/dev/vd", "/dev/hd", "/dev/xvd", "/dev/mmcblk", "/dev/dm-", "/dev/mapper/", "/dev/md", "/dev/loop", "/dev/disk", "/dev/mem", "/dev/kmem", "/dev/rdisk", "/dev/zd"} {
		if strings.HasPrefix(t, d) {
			return true
		}
	}
	return false
}
