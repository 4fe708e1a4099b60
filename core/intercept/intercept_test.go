package intercept

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/command"
)

func hits(t *testing.T, text, id string) bool {
	t.Helper()
	sc, err := command.Parse(text, command.Limits{})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for _, h := range Match(sc, Facts{}) {
		if h.ID == id || id == "" {
			return true
		}
	}
	return false
}

func TestEveryRuleHoldsItsExamples(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.ID == "" || r.Reason == "" {
			t.Errorf("rule %q: the id is not unique or a text is missing", r.ID)
		}
		seen[r.ID] = true
		for _, x := range r.Hits {
			if !hits(t, x, r.ID) {
				t.Errorf("%s does not match %q", r.ID, x)
			}
		}
		for _, x := range r.Passes {
			if hits(t, x, r.ID) {
				t.Errorf("%s matches %q", r.ID, x)
			}
		}
	}
}

func TestFactsOfEarlierCommandsCount(t *testing.T) {
	sc, _ := command.Parse("$CMD /srv; cleanup x", command.Limits{})
	got := Match(sc, Facts{Values: map[string]string{"CMD": "rm -rf"}})
	if len(got) != 1 || got[0].ID != "rm-recursive" {
		t.Errorf("a variable: %v", got)
	}
	sc, _ = command.Parse("cleanup /srv", command.Limits{})
	if got := Match(sc, Facts{Functions: map[string][]string{"cleanup": {`cleanup() { rm -rf "$1"; }`}}}); len(got) == 0 {
		t.Error("a function of an earlier command was not followed")
	}
}

// TestWaysToRun holds that a command is the same danger however it is started, and that harmless ones stay harmless.
func TestWaysToRun(t *testing.T) {
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	around := func(before, after string) func(string) string {
		return func(c string) string { return before + c + after }
	}
	within := func(before, after string) func(string) string {
		return func(c string) string { return before + quoted(c) + after }
	}
	anything := map[string]func(string) string{
		"bash -c": within("bash -c ", ""), "sudo sh -ec": within("sudo sh -ec ", ""), "eval": within("eval ", ""), "ssh": within("ssh host ", ""),
		"su -c": within("su - app -c ", ""), "trap": within("trap ", " EXIT"), "watch": within("watch -n 5 ", ""), "twice": func(c string) string { return "bash -c " + quoted("sh -c "+quoted(c)) },
		"here-document": around("bash <<'EOF'\n", "\nEOF"), "here-string": within("bash <<< ", ""), "printf": within(`printf '%s\n' `, " | sh"), "at": within("printf %s ", " | at now"),
		"subshell": around("( ", "\n)"), "if": around("if true; then\n", "\nfi"), "loop": around("for i in 1 2; do\n", "\ndone"), "substitution": around("x=$(\n", "\n)"),
		"cat": around("cat <<'EOF' | bash\n", "\nEOF"), "ssh here-document": around("ssh host <<'EOF'\n", "\nEOF"), "ssh bash": around("ssh -p 22 host -- sudo bash -s <<'EOF'\n", "\nEOF"), "sudo -i": within("sudo -i <<< ", ""),
		"written": around("cat > a.sh <<'EOF'\n", "\nEOF\nbash a.sh"), "printed to a file": within("printf '%s\\n' ", " > a; chmod +x a; ./a"), "tee": within("printf '%s' ", " | tee a.sh; sudo sh ./a.sh"), "flock": within("flock /tmp/l -c ", ""), "runuser": within("runuser -l app -c ", ""),
		"env -S": within("env -S ", ""), "submodule": within("git submodule foreach ", ""), "sg": within("sg docker -c ", ""), "exec text": within("docker exec -i c sh <<< ", ""), "psql": func(c string) string { return `psql -c ` + quoted(`\! `+c) },
		"function": around("f() {\n", "\n}; f"), "list": around("cd /srv && ", ""), "background": around("{ ", "\n} &"), "case": around("case x in x)\n", "\n;; esac"),
	}
	simple := map[string]func(string) string{
		"sudo": around("sudo -n ", ""), "env": around("env A=1 ", ""), "assignment": around("A=1 ", ""), "timeout": around("timeout -k 5 10s ", ""), "nice": around("nice -n 5 ", ""),
		"command": around("command ", ""), "exec": around("exec ", ""), "backslash": around(`\`, ""), "docker exec": around("docker exec c ", ""), "kubectl exec": around("kubectl exec -it p -- ", ""),
		"strace": around("strace -f ", ""), "busybox": around("busybox ", ""), "setsid": around("setsid ", ""), "chroot": around("chroot /mnt ", ""), "xargs": around("xargs -a f ", ""),
		"tmux": within("tmux send-keys -t 0 ", " Enter"), "hyperfine": within("hyperfine -w 3 ", ""), "compose": around("docker compose -f a.yml exec -T web ", ""), "docker-compose": around("docker-compose exec web ", ""), "bundle": around("bundle exec ", ""), "npx": around("npx ", ""), "poetry": around("poetry run ", ""), "netns": around("ip netns exec blue ", ""),
		"bwrap": around("bwrap --dev-bind / / ", ""), "sudo -Hu": around("sudo -Hu app ", ""), "aws-vault": around("aws-vault exec prod -- ", ""), "python -m": around("python3.11 -m ", ""), "script": around("script -q /dev/null ", ""), "array": around("c=(", `); "${c[@]}"`), "set": around("set -- ", `; "$@"`),
	}
	isSimple := regexp.MustCompile("^[a-z][a-z0-9._-]* [^;|&<>()`#\n]*$")
	for _, r := range Rules() {
		for want, examples := range map[bool][]string{true: r.Hits, false: r.Passes} {
			for _, x := range examples {
				ways := maps.Clone(anything)
				if isSimple.MatchString(x) {
					maps.Copy(ways, simple)
				}
				for name, way := range ways {
					if got := hits(t, way(x), r.ID); got != want {
						t.Errorf("%s by %s: %q matches: %v", r.ID, name, way(x), got)
					}
				}
			}
		}
	}
}
