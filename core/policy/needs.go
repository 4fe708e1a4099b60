package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// Needs are what the granted commands need of a kernel that confines them. A string that names an entry says
// why something wide is needed; it is empty where nothing needs it.
type Needs struct {
	// Programs are names or paths that have to be executed.
	Programs []string
	// Any names the entry whose program starts programs that cannot be known beforehand.
	Any string
	// Writes names the entry whose program writes files by its nature, Network the one that needs the network.
	Writes, Network string
	// Caches are directories below the home directory that such programs keep.
	Caches []string
}

// Network is the policy's own word on the network.
type Network struct {
	// Auto leaves it to what the granted programs need. Otherwise All opens it, Ports opens those of TCP, and without
	// either it is closed.
	Auto, All bool
	Ports     []uint16
}

// runners start what a project's files name. The value lists the first arguments under which they do not.
var runners = table(`
	make -n --dry-run --just-print --recon -q --question -p --print-data-base --version
	gmake -n --dry-run --just-print --recon -q --question --version
	ninja -n -t --version; cmake --version --help; meson introspect --version; bazel version info query; just --list --version
	npm ls list la ll view info show outdated -v --version version config root prefix bin explain why fund search ping whoami
	yarn list info why -v --version; pnpm ls list why outdated -v --version; npx; bun --version
	cargo tree metadata search -V --version version; rustc -V --version; go version env help; tox; nox; pytest --version; py.test
	mvn -v --version; gradle --version; gradlew; ant -version; sbt; rake -T; bundle list show; pre-commit; ansible-playbook; vagrant
	terraform version fmt; tofu version; composer show; dotnet --info --list-sdks --version; gcc --version -v; cc; g++ --version; clang --version
	pip list show freeze check --version; pip3 list show freeze check --version; uv; poetry show; tsc -v --version; eslint; jest; mocha; vitest
	prove; mypy; ruff; black; flake8; pylint`)

// writers write files by their nature. The value lists the subcommands that do; with none every use does.
var writers = table(`
	touch; mkdir; rmdir; rm; cp; mv; ln; install; truncate; mktemp; mkfifo; dd; patch; unzip; gzip; gunzip; bzip2; xz; zstd; zip; split; csplit; wget; rsync; scp
	sqlite3 -cmd; shred; chmod; chown; chgrp; unlink; link; sponge
	git add am apply bisect branch bundle checkout cherry-pick clean clone commit config fetch gc init maintenance merge mv notes pull push rebase reset restore
	  revert rm stash submodule switch tag update-index update-ref worktree
	tar -x -xf -xzf -xjf -xJf -xvf -xzvf xf xzf xvf xzvf -c -cf -czf -cjf -cJf -cvf -czvf cf czf cvf czvf --extract --create`)

// connectors need the network. The value lists the subcommands that do; with none every use does.
var connectors = table(`
	curl; wget; ssh; scp; sftp; rsync; ping; ping6; dig; host; nslookup; whois; traceroute; tracepath; mtr; nc; ncat; netcat; telnet; ftp; http; https
	kubectl; helm; oc; aws; gcloud; az; gh; glab; doctl; psql; pg_dump; mysql; mysqldump; redis-cli; mongosh; vault; consul; nomad; ntpdate
	git clone fetch pull push ls-remote remote submodule; openssl s_client
	apt update; npm view info show outdated search ping; cargo search; pip list`)

// companions are programs that a program starts as parts of itself, besides what the kernel's part knows.
var companions = table(`
	zcat gzip; zgrep grep gzip sed; zdiff gzip diff cmp; zless gzip; bzcat bzip2; xzcat xz; egrep grep; fgrep grep; xargs echo; watch sh
	tar gzip bzip2 xz zstd sh; rsync ssh; scp ssh; sftp ssh; git ssh; yq jq; cargo rustc; man preconv tbl nroff groff troff grotty col locale gzip cat sh; pip3 python3; pip python3; gunzip gzip`)

// caches are what programs keep below the home directory.
var caches = table(`
	go .cache/go-build go; cargo .cargo; npm .npm .cache; npx .npm .cache; yarn .cache .yarn; pnpm .cache .local/share/pnpm; mvn .m2; gradle .gradle; pip .cache/pip
	pytest .cache; make .cache .npm .cargo go; terraform .terraform.d; uv .cache; poetry .cache`)

// table reads "name word…" records, separated by semicolons or by lines; an indented line goes on.
func table(text string) map[string]map[string]bool {
	t := map[string]map[string]bool{}
	text = strings.ReplaceAll(text, "\n\t  ", " ")
	for record := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		if words := strings.Fields(record); len(words) > 0 {
			t[words[0]] = set(strings.Join(words[1:], " "))
		}
	}
	return t
}

// Needs tells what the entries of allow and ask need.
func (p *Policy) Needs() Needs {
	var n Needs
	programs := map[string]bool{}
	for _, list := range []index{p.allow, p.ask} {
		for _, entries := range list {
			for _, e := range entries {
				n.entry(p, e.id, e.words, programs)
			}
		}
	}
	for name := range programs {
		n.Programs = append(n.Programs, name)
	}
	slices.Sort(n.Programs)
	slices.Sort(n.Caches)
	n.Caches = slices.Compact(n.Caches)
	return n
}

func (n *Needs) entry(p *Policy, id string, words []string, programs map[string]bool) {
	programs[words[0]] = true
	base := canonical(words[0])
	for name := range companions[base] {
		programs[name] = true
	}
	if first := operation(base, words); base == "git" && first < len(words) && (words[first] == "bisect" || words[first] == "submodule") {
		// Shell scripts until git 2.40, with what they use.
		for _, name := range []string{"sh", "sed", "basename", "uname", "cat", "gettext", "envsubst"} {
			programs[name] = true
		}
	}
	if l, ok := launchers[base]; ok && len(words) > 1 {
		if at, why := l.inner(p, staticWords(words), len(words), false); why == "" && at > 0 && at < len(words) {
			n.entry(p, id, words[at:], programs)
		}
	}
	// The first of the smallest entries is named, so that the answer does not change from one session to the next.
	mark := func(field *string) {
		if *field == "" || len(id) < len(*field) || len(id) == len(*field) && id < *field {
			*field = id
		}
	}
	name, first, second := base, "", ""
	if at := operation(base, words); at < len(words) {
		if first = words[at]; at+1 < len(words) {
			second = words[at+1]
		}
	}
	if harmless, ok := runners[name]; ok && !harmless[first] {
		mark(&n.Any)
		mark(&n.Writes)
		mark(&n.Network)
		for c := range caches[name] {
			n.Caches = append(n.Caches, c)
		}
	}
	if interpreters[name] && len(words) > 1 && !informs[words[1]] && !(words[1] == "-m" && quietModules[second]) && !(name == "awk" || strings.HasSuffix(name, "awk")) {
		mark(&n.Any)
		mark(&n.Writes)
		mark(&n.Network)
	}
	if subs, ok := writers[name]; ok && (len(subs) == 0 || first == "" || subs[first]) && !(name == "git" && lists[second]) {
		mark(&n.Writes)
	}
	if subs, ok := connectors[name]; ok && (len(subs) == 0 || first == "" || subs[first]) {
		mark(&n.Network)
	}
}

// quietModules are modules of Python that only read and print.
var quietModules = set("json.tool platform site sysconfig calendar base64 zipfile tarfile tokenize ast dis this inspect compileall py_compile timeit gzip")

var informs = set("-V -v --version --help -h")

// lists are the words after a subcommand of git with which it only tells.
var lists = set("list show status log -a -r -v -vv -l --list --get --get-all --get-regexp --show-current --contains --merged --no-merged")

// operation is where an entry says what the program does: at its subcommand where it has some.
func operation(name string, words []string) int {
	if name != "git" {
		return 1
	}
	for i := 1; i < len(words); i++ {
		switch {
		case globalValues[name][words[i]]:
			i++
		case !strings.HasPrefix(words[i], "-"):
			return i
		}
	}
	return len(words)
}

func staticWords(words []string) []command.Word {
	static := make([]command.Word, len(words))
	for i, w := range words {
		static[i] = command.Word{Static: true, Value: w}
	}
	return static
}

// loadNetwork reads the key network: "auto", true, false, or a list of TCP ports.
func (p *Policy) loadNetwork(raw json.RawMessage) error {
	p.network = Network{Auto: true}
	text := strings.TrimSpace(string(raw))
	switch text {
	case "", "null", `"auto"`:
		return nil
	case "true", "false":
		p.network = Network{All: text == "true"}
		return nil
	}
	var ports []int
	if err := json.Unmarshal(raw, &ports); err != nil {
		return invalid("network", `must be "auto", true, false or a list of TCP ports`)
	}
	p.network = Network{Ports: []uint16{}}
	for i, port := range ports {
		if port < 1 || port > 65535 {
			return invalid(fmt.Sprintf("network[%d]", i), "is no TCP port: %d", port)
		}
		p.network.Ports = append(p.network.Ports, uint16(port))
	}
	return nil
}

// Network returns what the policy says of the network.
func (p *Policy) Network() Network { return p.network }

// WriteSet reports whether the policy lists the trees that may be written, be it none.
func (p *Policy) WriteSet() bool { return p.writeSet }

// Denies reports whether what no entry matches is denied.
func (p *Policy) Denies() bool { return p.def == Deny }
