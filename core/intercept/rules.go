package intercept

import "strings"

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
	var ws []string
	for _, a := range c.args {
		if a == "--" || !strings.HasPrefix(a, "-") {
			ws = append(ws, a)
		}
	}
	return ws
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

// sub reports whether the words begin with one of the given sequences, with options anywhere between them.
func (c *call) sub(seqs ...string) bool {
	ws := c.words()
	for _, s := range seqs {
		want := strings.Fields(s)
		for start := 0; start < 3 && start+len(want) <= len(ws); start++ {
			ok := true
			for i, w := range want {
				if ws[start+i] != w {
					ok = false
					break
				}
			}
			// A word before the subcommand is the value of a global option.
			if ok && (start == 0 || c.optionBefore(ws[start-1])) {
				return true
			}
		}
	}
	return false
}

func (c *call) optionBefore(w string) bool {
	for i := 1; i < len(c.args); i++ {
		if c.args[i] == w && strings.HasPrefix(c.args[i-1], "-") {
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
var fetchers = set("curl wget fetch http https aria2c lynx ftp nc ncat netcat")

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
		if len(f) == 0 {
			continue
		}
		n := f[0][strings.LastIndexByte(f[0], '/')+1:]
		if fetchers[n] {
			// curl … | python3 -m json.tool reads data; a script of one's own does too.
			return !c.readsData()
		}
		if decoders[n] && !c.readsData() {
			return true
		}
	}
	return false
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
	if shells[c.name] {
		// The text of a shell is read as such; only one in another language than bash's is searched.
		if t, ok := shellScript(wordsOf(append([]string{c.name}, c.args...))); ok {
			if _, err := parse(t); err == nil {
				return false
			}
		}
	}
	if !c.flag("ecEr", "eval", "exec") && c.name != "python" {
		return false
	}
	return c.contains("rmtree", "rm_rf", "rm_r(", "rmsync", "rmdirsync", "unlinksync", "os.remove", "os.unlink", "shutil.rm", "fileutils.rm", "remove_dir", "rimraf", "unlink ", "unlink(", "rmdir(", "rm -rf", "rm -r", "fs.rm(", "removesync", "file::path", "delete_tree", "emptydir")
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

func sqlDestroys(s string) bool {
	low := " " + strings.ToLower(blankQuotes(s)) + " "
	for _, k := range []string{"drop database", "drop table", "drop schema", "drop column", "drop user", "drop role", "drop index", "drop view", "truncate table", "truncate only", "dropdatabase", ".drop(", "deletemany({})", "remove({})", "flushall", "flushdb", "drop keyspace", "drop owned", "drop tablespace", "drop extension"} {
		if strings.Contains(low, k) {
			return true
		}
	}
	for _, stmt := range strings.Split(low, ";") {
		stmt = strings.TrimSpace(stmt)
		if strings.HasPrefix(stmt, "truncate ") || (strings.HasPrefix(stmt, "delete from ") || strings.HasPrefix(stmt, "update ")) && !strings.Contains(stmt, " where ") {
			return true
		}
	}
	return false
}

// blankQuotes removes string literals of SQL: select 'drop table users' drops nothing.
func blankQuotes(s string) string {
	var b strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		if s[i] == '\'' {
			in = !in
			continue
		}
		if !in {
			b.WriteByte(s[i])
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func database(c *call) bool {
	for _, a := range c.args {
		if sqlDestroys(a) {
			return true
		}
	}
	for _, f := range c.feeds {
		if sqlDestroys(printed(f)) {
			return true
		}
	}
	if c.cmd != nil {
		for _, r := range c.cmd.Redirs {
			if r.Doc != nil && sqlDestroys(r.Doc.Value) {
				return true
			}
		}
	}
	return false
}
