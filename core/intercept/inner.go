package intercept

import (
	"path"
	"regexp"
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
}

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
	name := path.Base(words[0].Value)
	switch name {
	case "ssh":
		return []string{join(skipOptions(words[1:], "-p -l -i -o -F -J -b -c -e -m -D -L -R -W -S -I -E -Q -B", 1))}
	case "su", "script":
		return afterFlag(words, "-c", "-qc", "--command")
	case "eval":
		return []string{join(words[1:])}
	case "trap":
		if words[1].Static {
			return []string{words[1].Value}
		}
	case "env":
		for i, w := range words[1:] {
			if w.Static && (w.Value == "-S" || w.Value == "--split-string") && i+2 < len(words) {
				return []string{join(words[i+2:])}
			}
		}
	case "awk", "gawk", "mawk", "nawk":
		return awkTexts(words)
	case "parallel", "watch":
		p := prefixes[name]
		if rest := skipOptions(words[1:], p.vals, p.skip); len(rest) > 0 && rest[0].Static && strings.Contains(rest[0].Value, " ") {
			return []string{join(rest)}
		}
	}
	switch s, ok := shellScript(words); {
	case !ok:
	case shells[name]:
		return []string{s}
	case interpreters[name]:
		return codeTexts(s)
	}
	return nil
}

// codeTexts returns the strings of a program that starts commands.
func codeTexts(code string) (all []string) {
	if !startsCommands.MatchString(code) {
		return nil
	}
	for _, m := range literal.FindAllStringSubmatch(code, 50) {
		if t := m[1] + m[2] + m[3]; strings.Contains(t, " ") {
			all = append(all, strings.NewReplacer(`\"`, `"`, `\'`, `'`).Replace(t))
		}
	}
	return all
}

var (
	startsCommands = regexp.MustCompile("(system|popen|subprocess|exec|execSync|spawn|shell_exec|passthru|check_call|check_output|Command)\\b|`|%x")
	literal        = regexp.MustCompile("\"((?:[^\"\\\\]|\\\\.)*)\"|'((?:[^'\\\\]|\\\\.)*)'|`([^`]*)`")
)

// started returns the commands that stand as words of their own among a command's arguments.
func started(words []command.Word) [][]command.Word {
	if len(words) < 2 || !words[0].Static {
		return nil
	}
	name := path.Base(words[0].Value)
	switch name {
	case "find", "fd":
		return findInner(words)
	case "docker", "podman", "nerdctl", "kubectl", "oc", "crictl":
		return containerInner(words)
	}
	if _, ok := prefixes[name]; !ok || len(texts(words)) > 0 || name == "trap" {
		return nil
	}
	if rest := behindPrefix(words, name); len(rest) > 0 {
		return [][]command.Word{rest}
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
		if takes[v] && len(words) > 1 {
			words = words[1:]
		}
		words = words[1:]
	}
	return words[min(n, len(words)):]
}

func join(words []command.Word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Value)
	}
	return b.String()
}

// parse reads a command text that is handed to a shell. What is not known in it stays so, and does not keep the rest from
// being read: rm -rf $x destroys whatever x is.
func parse(s string) (*command.Script, error) {
	return command.Parse(strings.ReplaceAll(s, unknown, "${__unknown}"), command.Limits{})
}

func afterFlag(words []command.Word, flags ...string) []string {
	for i, w := range words[:len(words)-1] {
		for _, f := range flags {
			if w.Static && w.Value == f {
				return []string{words[i+1].Value}
			}
		}
	}
	return nil
}

// shellScript returns the text after -c, with its clusters like -lc; of other interpreters also after -e and -r.
func shellScript(words []command.Word) (string, bool) {
	letters := "c"
	if !shells[path.Base(words[0].Value)] {
		letters = "ceEr"
	}
	for i, w := range words[1:] {
		if !w.Static || !strings.HasPrefix(w.Value, "-") {
			return "", false
		}
		if !strings.HasPrefix(w.Value, "--") && strings.ContainsAny(w.Value, letters) && i+2 < len(words) {
			return words[i+2].Value, true
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
		if w.Value == "exec" || w.Value == "run" || w.Value == "debug" {
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

func awkTexts(words []command.Word) (all []string) {
	for _, w := range words[1:] {
		v := w.Value
		for {
			i := strings.Index(v, "system(\"")
			if i < 0 {
				break
			}
			v = v[i+8:]
			if j := strings.IndexByte(v, '"'); j >= 0 {
				all = append(all, v[:j])
				v = v[j:]
			}
		}
	}
	return all
}
