package intercept

import (
	"path"
	"slices"
	"strings"
)

// A Rule is one kind of destruction.
type Rule struct {
	ID     string
	Reason string
	// Hits and Passes are examples of both kinds.
	Hits, Passes []string

	names  map[string]bool
	family string // a beginning of names, such as mkfs.
	match  func(c *call) bool
}

// Rules returns the built-in rules.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// Known reports whether a rule of that id exists.
func Known(id string) bool {
	for i := range rules {
		if rules[i].ID == id {
			return true
		}
	}
	return false
}

var interpreters = set("sh bash dash zsh ksh mksh ash fish python python2 python3 perl ruby node nodejs php lua deno bun pwsh tclsh Rscript")

// words returns the arguments that are no options.
func (c *call) words() []string {
	ws, _ := c.operands()
	return ws
}

// operands returns the arguments that are no options, and which of them stand behind an option whose value they may be.
func (c *call) operands() (ws []string, behind []bool) {
	for i, a := range c.args {
		if a == "--" || !strings.HasPrefix(a, "-") {
			ws = append(ws, a)
			behind = append(behind, i > 0 && strings.HasPrefix(c.args[i-1], "-") && !strings.Contains(c.args[i-1], "="))
		}
	}
	return ws, behind
}

// flag finds an option by letter, in clusters too, or by its long name.
func (c *call) flag(letters string, longs ...string) bool {
	for _, a := range c.args {
		if a == "--" {
			return false
		}
		if strings.HasPrefix(a, "--") {
			name, _, _ := strings.Cut(a[2:], "=")
			for _, l := range longs {
				if name == l || len(name) > 2 && strings.HasPrefix(l, name) {
					return true
				}
			}
		} else if strings.HasPrefix(a, "-") && strings.ContainsAny(a[1:], letters) && letters != "" {
			return true
		}
	}
	return false
}

func (c *call) has(words ...string) bool {
	for _, a := range c.args {
		for _, w := range words {
			if a == w {
				return true
			}
		}
	}
	return false
}

// sub reports whether the words begin with one of the given sequences. Options may stand anywhere, with their values.
func (c *call) sub(seqs ...string) bool {
	ws, behind := c.operands()
	for _, s := range seqs {
		want := strings.Fields(s)
		k := 0
		for i := 0; i < len(ws) && k < len(want); i++ {
			if ws[i] == want[k] {
				k++
			} else if !behind[i] {
				break
			}
		}
		if k == len(want) {
			return true
		}
	}
	return false
}

func (c *call) dry() bool {
	return c.has("--dry-run", "--dry-run=client", "--dry-run=server", "--what-if", "--dryrun", "--help")
}

func (c *call) contains(subs ...string) bool {
	for _, a := range c.args {
		low := strings.ToLower(a)
		for _, s := range subs {
			if strings.Contains(low, s) {
				return true
			}
		}
	}
	return false
}

// fetchers print what they load.
var fetchers = set("curl wget fetch http https aria2c lynx ftp nc ncat netcat telnet")

// decoders turn data into text that nobody has read.
var decoders = set("base64 base32 xxd openssl uudecode gunzip zcat gzip bzcat xzcat rev tr")

func pipeToShell(c *call) bool {
	if !interpreters[c.name] && c.name != "source" && c.name != "." && c.name != "eval" {
		return false
	}
	if c.cmd == nil {
		return false
	}
	for _, f := range c.feeds {
		if len(f.args) == 0 {
			continue
		}
		n := path.Base(f.args[0])
		if fetchers[n] {
			// curl … | python3 -m json.tool reads data; a script of one's own does too.
			return !c.readsData()
		}
		if decoders[n] && !c.readsData() {
			return true
		}
	}
	return interpreters[c.name] && !shells[c.name] && slices.ContainsFunc(c.sources(), loadsCode)
}

// readsData reports whether an interpreter has its program elsewhere, so that its input is data.
func (c *call) readsData() bool {
	if c.name == "source" || c.name == "." || c.name == "eval" {
		return false
	}
	for i, a := range c.args {
		if strings.Contains(a, unknown) {
			return false
		}
		switch {
		case a == "-" || a == "-s":
			return false
		case a == "-m" || a == "-c" || a == "-e" || a == "-ne" || a == "-pe":
			return i+1 < len(c.args) && !strings.Contains(c.args[i+1], unknown)
		case !strings.HasPrefix(a, "-"):
			return !strings.HasPrefix(a, "/dev/")
		}
	}
	return false
}

func destructiveCode(c *call) bool {
	if !shells[c.name] {
		return slices.ContainsFunc(c.sources(), deletes)
	}
	// The text of a shell is read as such; only one in another language than bash's is searched.
	t, ok := shellScript(wordsOf(append([]string{c.name}, c.args...)))
	if !ok {
		return false
	}
	_, err := parse(t)
	return err != nil && (deletes(t) || strings.Contains(t, "rm -r"))
}

func reverseShell(c *call) bool {
	switch {
	case c.name == "socat":
		return c.contains("exec:", "system:")
	case strings.HasSuffix(c.name, "awk"):
		return slices.ContainsFunc(c.args, givesShell)
	case interpreters[c.name]:
		return !shells[c.name] && slices.ContainsFunc(c.sources(), givesShell)
	}
	fedByShell := slices.ContainsFunc(c.feeds, func(f feed) bool { return len(f.args) > 0 && shells[path.Base(f.args[0])] })
	return fedByShell || (c.name == "nc" || c.name == "ncat" || c.name == "netcat") && c.flag("ec", "exec", "sh-exec")
}

func removal(c *call) bool {
	if c.flag("rR", "recursive") {
		return true
	}
	for _, w := range c.words() {
		if strings.ContainsAny(w, "*?[") || w == "/" || w == "~" || strings.HasPrefix(w, "/etc/") || strings.HasPrefix(w, "/boot/") || strings.HasPrefix(w, "/usr/") || strings.HasPrefix(w, "/var/lib/") || strings.HasPrefix(w, "/var/log/") || device(w) {
			return true
		}
	}
	return false
}

var wideTargets = []string{"/", "/etc", "/usr", "/bin", "/sbin", "/lib", "/var", "/boot", "/home", "/root", "/srv", "/opt", "~", ".", "/*"}
