package intercept

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/command"
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// prefixes are programs that start the command that follows them: the options that take a value, and the number of
// words of their own before it.
var prefixes = map[string]struct {
	vals string
	skip int
}{
	"env": {"-u -C -S --unset --chdir", 0}, "sudo": {"-u -g -h -p -C -r -t -T -U -D -R --user --group --host --chdir", 0}, "doas": {"-u -C", 0},
	"command": {}, "builtin": {}, "exec": {"-a", 0}, "nohup": {}, "time": {"-f -o", 0}, "nice": {"-n", 0}, "ionice": {"-c -n -p", 0},
	"timeout": {"-s -k --signal --kill-after", 1}, "stdbuf": {"-i -o -e", 0}, "setsid": {}, "chrt": {"", 1}, "taskset": {"", 1}, "flock": {"-w -E", 1},
	"xargs": {"-I -n -P -L -d -s -a -E --max-args --max-procs --delimiter --replace", 0}, "parallel": {"-j -S --jobs", 0}, "watch": {"-n --interval", 0}, "busybox": {}, "toybox": {},
	"chroot": {"", 1}, "unshare": {}, "nsenter": {"-t --target", 0}, "strace": {"-e -o -p -s", 0}, "ltrace": {"-e -o", 0}, "setarch": {"", 0}, "runuser": {"-u -g", 0}, "systemd-run": {"-p -u --unit", 0},
	"unbuffer": {}, "chronic": {}, "pkexec": {}, "gosu": {"", 1}, "proot": {}, "catchsegv": {}, "caffeinate": {}, "eatmydata": {}, "fakeroot": {}, "rlwrap": {}, "linux32": {}, "linux64": {}, "coproc": {}, "trap": {},
	"script": {"", 1}, "spawn": {}, "npx": {"-p --package", 0}, "pnpx": {}, "bunx": {}, "uvx": {"--from --with", 0}, "dotenv": {"-f -e", 0}, "systemd-nspawn": {"-D -M -u -i --bind", 0}, "firejail": {}, "valgrind": {}, "pdsh": {"-w -x -u -l", 0}, "sshpass": {"-p -f -e", 0}, "numactl": {"-N -m -C -p -i", 0},
	"setpriv": {"--reuid --regid --groups", 0}, "prlimit": {"-p --pid", 0}, "xvfb-run": {"-s -n -e", 0}, "dbus-run-session": {}, "entr": {}, "screen": {"-S -t -e -s -T -c -L", 0}, "watchexec": {"-e -w -i", 0}, "proxychains": {"-f", 0}, "torsocks": {},
}

// behind are programs that start the command that follows these words of theirs, or a -- after them, and the number of words
// between.
var behind = map[string]struct {
	subs string
	skip int
}{
	"bundle": {"exec", 0}, "poetry": {"run", 0}, "pipenv": {"run", 0}, "uv": {"run", 0}, "pdm": {"run", 0}, "hatch": {"run", 0}, "rye": {"run", 0}, "pnpm": {"exec dlx", 0}, "yarn": {"exec dlx", 0},
	"npm": {"exec x", 0}, "heroku": {"run", 0}, "rbenv": {"exec", 0}, "pyenv": {"exec", 0}, "mise": {"exec x", 0}, "asdf": {"exec", 0}, "direnv": {"exec", 1}, "aws-vault": {"exec", 1}, "doppler": {"run", 0},
	"op": {"run", 0}, "chamber": {"exec", 1}, "lxc": {"exec", 1}, "incus": {"exec", 1}, "multipass": {"exec", 1}, "ip": {"exec", 1}, "conda": {"run", 0}, "mamba": {"run", 0}, "nix": {"-c --command", 0}, "railway": {"run", 0}, "perf": {"stat record trace", 0}, "machinectl": {"shell", 1},
	"cgexec": {"-g", 1}, "mosh": {"--", 0},
}

// sentenceTakers give each argument that holds several words to a shell.
var sentenceTakers = set("hyperfine tmux screen pssh parallel-ssh entr watchexec nodemon concurrently")

var shells = set("sh bash dash zsh ksh mksh ash rbash fish")

// Inner returns the commands that a command starts through its arguments, one level deep, those of its [texts] too.
func Inner(words []command.Word) [][]command.Word {
	all := started(words)
	for _, t := range texts(words) {
		sc, err := parse(t)
		if err != nil {
			continue
		}
		for _, c := range sc.Commands() {
			if len(c.Words) > 0 {
				all = append(all, c.Words)
			}
		}
	}
	return all
}

// texts returns what a command hands to a shell through its arguments.
func texts(words []command.Word) []string {
	if len(words) < 2 || !words[0].Static {
		return nil
	}
	name := plainName(words[0].Value)
	switch name {
	case "ssh", "autossh", "rsh":
		if text := join(remote(words)); text != "" {
			return []string{text}
		}
		return nil
	case "git":
		return gitTexts(words)
	case "psql", "mysql", "mariadb", "sqlite3":
		return clientTexts(words)
	case "eval":
		return []string{join(words[1:])}
	case "trap":
		if words[1].Static {
			return []string{words[1].Value}
		}
	case "env":
		return splitStrings(words)
	case "awk", "gawk", "mawk", "nawk":
		return awkTexts(words)
	case "parallel", "watch":
		p := prefixes[name]
		if rest := skipOptions(words[1:], p.vals, p.skip); len(rest) > 0 && rest[0].Static && strings.Contains(rest[0].Value, " ") {
			return []string{join(rest)}
		}
	}
	if flags := textFlags[name]; flags != "" {
		return afterFlag(words, flags)
	}
	if sentenceTakers[name] {
		return sentences(words[1:])
	}
	switch s, ok := shellScript(words); {
	case ok && shells[name]:
		return []string{s}
	case interpreters[name] && !shells[name]:
		var all []string
		sources, _ := argSources(values(words[1:]))
		for _, src := range sources {
			all = append(all, codeTexts(src)...)
		}
		return all
	}
	return nil
}

// textFlags are the options of programs that give their value to a shell.
var textFlags = map[string]string{"su": "-c --command", "runuser": "-c --command", "script": "-c --command", "flock": "-c --command", "sg": "-c", "vagrant": "-c --command",
	"fly": "-C --command", "flyctl": "-C --command", "gcloud": "--command", "nix-shell": "--run --command", "az": "--scripts"}

// remote returns what ssh runs on the other host. It reads options behind the host as well.
func remote(words []command.Word) []command.Word {
	const vals = "-p -l -i -o -F -J -b -c -e -m -D -L -R -W -S -I -E -Q -B"
	return skipOptions(skipOptions(words[1:], vals, 1), vals, 0)
}

// readsShell reports whether a command without a text of its own runs a shell that reads one from its input.
func readsShell(words []command.Word) bool {
	name := path.Base(words[0].Value)
	switch name {
	case "at", "batch", "ssh", "su":
		return true
	case "chroot":
		return len(started(words)) == 0
	case "sudo", "doas":
		for _, w := range words[1:] {
			if w.Value == "-i" || w.Value == "-s" || w.Value == "--login" || w.Value == "--shell" {
				return len(started(words)) == 0
			}
		}
	}
	return shells[name]
}

// gitTexts returns what git hands to a shell: git submodule foreach, git rebase --exec, aliases with an exclamation mark.
func gitTexts(words []command.Word) (all []string) {
	for i := 1; i < len(words); i++ {
		before, v := words[i-1].Value, words[i].Value
		switch {
		case v == "foreach" && before == "submodule" || v == "run" && before == "bisect":
			return []string{join(skipOptions(words[i+1:], "", 0))}
		case before == "-x" || before == "--exec":
			all = append(all, v)
		case before == "-c" && strings.HasPrefix(v, "alias."):
			if _, text, ok := strings.Cut(v, "=!"); ok {
				all = append(all, text)
			}
		}
	}
	return all
}

// clientTexts returns what the clients of databases hand to a shell: \! of psql and mysql, .shell of sqlite3.
func clientTexts(words []command.Word) (all []string) {
	for _, w := range words[1:] {
		for _, m := range clientShell.FindAllStringSubmatch(w.Value, 20) {
			all = append(all, m[1])
		}
	}
	return all
}

var clientShell = regexp.MustCompile(`(?m)(?:\\!|^\s*(?:\.shell|\.system|system))\s+(.*)`)

// splitStrings returns the text after env -S.
func splitStrings(words []command.Word) []string {
	for i, w := range words[1:] {
		v := w.Value
		switch {
		case !w.Static:
		case (v == "-S" || v == "--split-string" || envCluster.MatchString(v)) && i+2 < len(words):
			return []string{join(words[i+2:])}
		case strings.HasPrefix(v, "--split-string="):
			return []string{v[15:]}
		case strings.HasPrefix(v, "-S"):
			return []string{v[2:]}
		}
	}
	return nil
}

var envCluster = regexp.MustCompile(`^-[i0v]+S$`)

// sentences returns the arguments that hold several words, which programs like tmux and hyperfine give to a shell.
func sentences(words []command.Word) (all []string) {
	for _, w := range words {
		if w.Static && strings.Contains(strings.TrimSpace(w.Value), " ") {
			all = append(all, w.Value)
		}
	}
	return all
}

// started returns the commands that stand as words of their own among a command's arguments.
func started(words []command.Word) [][]command.Word {
	if len(words) < 2 || !words[0].Static {
		return nil
	}
	name := plainName(words[0].Value)
	switch name {
	case "find", "fd":
		return findInner(words)
	case "docker", "podman", "nerdctl", "kubectl", "oc", "crictl", "docker-compose", "podman-compose", "ctr":
		return containerInner(words)
	case "python", "python3":
		if words[1].Value == "-m" && len(words) > 2 {
			return [][]command.Word{words[2:]}
		}
	case "start-stop-daemon":
		return daemon(words)
	case "bwrap":
		return bubble(words)
	}
	if b, ok := behind[name]; ok {
		return behindWord(words, b.subs, b.skip)
	}
	if _, ok := prefixes[name]; !ok || len(texts(words)) > 0 && name != "script" || name == "trap" {
		return nil
	}
	if rest := behindPrefix(words, name); len(rest) > 0 {
		return [][]command.Word{rest}
	}
	return nil
}

// behindWord returns the command behind one of the subcommands in subs, or behind a -- after it.
func behindWord(words []command.Word, subs string, skip int) [][]command.Word {
	is := set(subs)
	for i := 1; i < len(words); i++ {
		if !is[words[i].Value] {
			continue
		}
		const vals = "-n -c -a --app -e -o"
		if rest := skipOptions(skipOptions(words[i+1:], vals, skip), vals, 0); len(rest) > 0 {
			return [][]command.Word{rest}
		}
		return nil
	}
	return nil
}

// daemon returns what start-stop-daemon --exec PROGRAM -- ARGS starts.
func daemon(words []command.Word) [][]command.Word {
	var program, args []command.Word
	for i := 1; i < len(words); i++ {
		switch before, v := words[i-1].Value, words[i].Value; {
		case before == "--exec" || before == "-x" || before == "--startas" || before == "-a":
			program = words[i : i+1]
		case v == "--":
			args, i = words[i+1:], len(words)
		}
	}
	if program == nil {
		return nil
	}
	return [][]command.Word{append(append([]command.Word{}, program...), args...)}
}

// bubble returns what bwrap starts behind its options, of which some take two values.
func bubble(words []command.Word) [][]command.Word {
	for i := 1; i < len(words); i++ {
		v := words[i].Value
		switch {
		case v == "--":
			return [][]command.Word{words[i+1:]}
		case !strings.HasPrefix(v, "-"):
			return [][]command.Word{words[i:]}
		case strings.Contains(v, "bind") || v == "--symlink" || v == "--setenv" || v == "--file":
			i += 2
		case !strings.HasPrefix(v, "--unshare") && !strings.HasPrefix(v, "--share") && v != "--die-with-parent" && v != "--new-session" && v != "--clearenv" && v != "--as-pid-1":
			i++
		}
	}
	return nil
}

// behindPrefix returns the words behind a program that starts the command that follows it, and behind the variables that
// it sets.
func behindPrefix(words []command.Word, name string) []command.Word {
	p := prefixes[name]
	rest := skipOptions(words[1:], p.vals, p.skip)
	for len(rest) > 0 && rest[0].Static && assignment(rest[0].Value) {
		rest = rest[1:]
	}
	return rest
}

// startsEach reports whether xargs or parallel starts one of the programs, be it through sudo and its kin.
func (c *call) startsEach(programs ...string) bool {
	words := wordsOf(append([]string{c.name}, c.args...))
	for range maxDepth {
		name := plainName(words[0].Value)
		if slices.Contains(programs, name) {
			return true
		}
		if _, ok := prefixes[name]; !ok {
			return false
		}
		if words = behindPrefix(words, name); len(words) == 0 {
			return false
		}
	}
	return false
}

func assignment(s string) bool {
	i := strings.IndexByte(s, '=')
	return i > 0 && !strings.ContainsAny(s[:i], "/-. ")
}

// skipOptions drops leading options, those in vals with their value, and then n words.
func skipOptions(words []command.Word, vals string, n int) []command.Word {
	takes := set(vals)
	for len(words) > 0 {
		v := words[0].Value
		if words[0].Static && v == "--" {
			words = words[1:]
			break
		}
		if !words[0].Static || !strings.HasPrefix(v, "-") || v == "-" {
			break
		}
		// In -Hu NAME the last letter takes the value; in -uNAME the first has it.
		cluster := len(v) > 2 && v[1] != '-' && !takes[v[:2]] && takes["-"+v[len(v)-1:]]
		if (takes[v] || cluster) && len(words) > 1 {
			words = words[1:]
		}
		words = words[1:]
	}
	return words[min(n, len(words)):]
}

func join(words []command.Word) string { return strings.Join(values(words), " ") }

func values(words []command.Word) []string {
	vs := make([]string, len(words))
	for i, w := range words {
		vs[i] = w.Value
	}
	return vs
}

// parse reads a command text that is handed to a shell. What is not known in it stays so, and does not keep the rest from
// being read: rm -rf $x destroys whatever x is.
func parse(s string) (*command.Script, error) {
	return command.Parse(strings.ReplaceAll(s, unknown, "${__unknown}"), command.Limits{})
}

// afterFlag returns the value of one of the flags, behind it, behind = or at the end of a cluster like -qc.
func afterFlag(words []command.Word, flags string) []string {
	is := set(flags)
	for i, w := range words {
		name, val, joined := strings.Cut(w.Value, "=")
		cluster := len(w.Value) > 2 && len(w.Value) < 5 && w.Value[0] == '-' && w.Value[1] != '-' && is["-"+w.Value[len(w.Value)-1:]]
		switch {
		case i == 0 || !w.Static:
		case joined && is[name]:
			return []string{val}
		case (is[w.Value] || cluster) && i+1 < len(words):
			rest := words[i+1:]
			if rest[0].Value == "--" && len(rest) > 1 {
				rest = rest[1:]
			}
			return []string{rest[0].Value}
		}
	}
	return nil
}

// shellScript returns the text after -c of a shell, with its clusters like -lc.
func shellScript(words []command.Word) (string, bool) {
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static || !strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "+") {
			return "", false
		}
		if v := w.Value; !strings.HasPrefix(v, "--") && v[0] == '-' && strings.Contains(v, "c") && i+1 < len(words) {
			return words[i+1].Value, true
		}
		if v := w.Value; v == "-O" || v == "+O" || v == "-o" || v == "+o" || v == "--rcfile" || v == "--init-file" {
			i++
		}
	}
	return "", false
}

func findInner(words []command.Word) (all [][]command.Word) {
	for i := 1; i < len(words); i++ {
		switch words[i].Value {
		case "-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch":
			end := i + 1
			for end < len(words) && words[end].Value != ";" && words[end].Value != "+" {
				end++
			}
			if end > i+1 {
				all = append(all, words[i+1:end])
			}
			i = end
		}
	}
	return all
}

func containerInner(words []command.Word) [][]command.Word {
	rest := words[1:]
	for i, w := range rest {
		if !w.Static {
			continue
		}
		if w.Value == "exec" || w.Value == "run" || w.Value == "debug" || w.Value == "rsh" {
			rest = rest[i+1:]
			for j, v := range rest {
				if name := path.Base(words[0].Value); (name == "kubectl" || name == "oc") && v.Static && v.Value == "--" {
					if j+1 < len(rest) {
						return [][]command.Word{rest[j+1:]}
					}
					return nil
				}
			}
			inner := skipOptions(rest, "-e --env -u --user -w --workdir -v --volume --name --network -p --publish --mount --entrypoint -n --namespace -c --container -l --label", 1)
			if len(inner) > 0 {
				return [][]command.Word{inner}
			}
			return nil
		}
	}
	return nil
}
