package execkit_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/enforce"
)

// A policyCase is one line of the case files for policies.
type policyCase struct {
	ID       string   `json:"id"`
	Allow    []string `json:"allow"`
	Deny     []string `json:"deny"`
	World    []string `json:"world"`
	Setup    []string `json:"setup"`
	Command  string   `json:"command"`
	Verify   string   `json:"verify"`
	Level    string   `json:"level"`
	Arguable bool     `json:"arguable"`
}

// policyCases reads a case file of the policy's test data, or of the directory that EXECKIT_CASES names.
func policyCases(t testing.TB, name string) []policyCase {
	t.Helper()
	dir := os.Getenv("EXECKIT_CASES")
	if dir == "" {
		dir = "policy/testdata"
	}
	f, err := os.Open(filepath.Join(dir, name+".dev.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		f, err = os.Open(filepath.Join(dir, name+".jsonl"))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []policyCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c policyCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, c)
	}
	return all
}

func needKernel(t testing.TB) {
	t.Helper()
	if k := enforce.Probe(); !k.Enforces() {
		t.Skip("this kernel cannot confine: ", k.Missing)
	}
}

// fencedWith opens a session that denies by default, with more keys of the policy.
func fencedWith(t testing.TB, dir string, allow []string, more map[string]any) *execkit.Session {
	t.Helper()
	object := map[string]any{"default": "deny", "allow": allow, "intercept": "off"}
	for key, value := range more {
		object[key] = value
	}
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	p, err := execkit.LoadPolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, ".home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := execkit.Open(context.Background(), "local", execkit.Config{
		Cwd: dir, Policy: p, Env: map[string]*string{"HOME": &home}, BaseEnv: []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// world fills a directory as the case files describe it.
func world(t testing.TB, dir string) {
	t.Helper()
	for _, d := range []string{"sub", "src", "docs", "dir"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"notes.txt": "data\nTODO b\n# head\n", "victim.txt": "old\n", "a.txt": "1\n2\n", "b.txt": "3\n4\n", "c.txt": "5\n", "main.go": "package main\n\nfunc main() {}\n", "go.mod": "module x\n\ngo 1.21\n",
		"README.md": "readme\n", "data.tsv": "a\tb\nc\td\n", "data.csv": "a,b\nc,d\n", "data.json": `{"items":[{"name":"x","status":"ok"}],"a":{"b":1}}`, "sizes.txt": "3\n10\n2\n",
		"app.log": "x panic\nERROR y\n", "sorted.txt": "a\na\nb\n", "patterns.txt": "main\n", "names.txt": "ab\n", "conf.ini": "; c\nk=v\n", "src/a.go": "package src // TODO\n", "file name.txt": "f\n",
		"image.bin": "\x00\x01\x02", "main.bin": "\x00\x01", "a.bin": "x", "b.bin": "y", "script.sh": "$(whoami)\n", ".env.example": "${HOME}\n", "dir/file0.txt": "0\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// git makes dir a repository with two commits and a change.
func repository(t testing.TB, dir string) {
	t.Helper()
	script := `git init -q -b main . && git config user.email a@example.com && git config user.name a && git add notes.txt main.go README.md && git commit -qm one &&
echo more >>notes.txt && git commit -qam two && git branch feature && echo change >>notes.txt`
	cmd := osexec.Command("sh", "-c", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Ordinary work is the same with the kernel's part as without.
func TestEnforcedBenign(t *testing.T) {
	needKernel(t)
	for _, c := range policyCases(t, "policy-benign") {
		if os.Getenv("EXECKIT_CASES") == "" && slow.MatchString(c.Command) {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			var got [2]*execkit.Result
			dir := t.TempDir()
			world(t, dir)
			if strings.Contains(c.Command, "git") {
				repository(t, dir)
			}
			for i, mode := range []string{"off", "require"} {
				s := fencedWith(t, dir, c.Allow, map[string]any{"enforce": mode, "deny": c.Deny})
				for _, command := range append(c.Setup, c.Command) {
					r, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
					if err != nil {
						t.Fatalf("%s: %v", mode, err)
					}
					got[i] = r
				}
			}
			free, confined := got[0], got[1]
			same := *free.ExitCode == *confined.ExitCode
			// Where the text itself changes from one call to the next (processes, memory, times, addresses), the end counts.
			if !volatile.MatchString(c.Command) {
				same = same && free.Stdout == confined.Stdout && free.Stderr == confined.Stderr
			}
			if !same {
				t.Errorf("%q\nfree: %d %q %q\nconfined: %d %q %q", c.Command, *free.ExitCode, free.Stdout, free.Stderr, *confined.ExitCode, confined.Stdout, confined.Stderr)
			}
		})
	}
}

var volatile = regexp.MustCompile(`\b(ps|free|uptime|netstat|time|df|du|date|openssl|curl|docker|kubectl|journalctl|systemctl|go (test|build|list)|npm|cargo|pytest|make|terraform|pip|aws|helm|dig|env|fetch|wait)\b`)

// slow need the network or build something; they are run with the whole case files.
var slow = regexp.MustCompile(`\b(go|pip|npm|cargo|aws|terraform|pytest|docker|kubectl|helm|curl)\b`)
