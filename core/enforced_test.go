package execkit_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

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

var volatile = regexp.MustCompile(`\b(lsblk|ps|free|uptime|netstat|time|df|du|date|openssl|curl|docker|kubectl|journalctl|systemctl|go (test|build|list)|npm|cargo|pytest|make|terraform|pip|aws|helm|dig|env|fetch|wait)\b`)

// slow need the network, build something, or need a capability that a confined session gives up; the whole case files are
// run with them.
var slow = regexp.MustCompile(`\b(go|pip|npm|cargo|aws|terraform|pytest|docker|kubectl|helm|curl|nft|iptables)\b`)

// The answer of an opened session says what holds and why, and what of the policy is probably not meant.
func TestEnforcementIsTold(t *testing.T) {
	needKernel(t)
	dir := t.TempDir()
	told := func(allow []string, more map[string]any) map[string]any {
		return fencedWith(t, dir, allow, more).Info().Enforcement
	}
	for _, tt := range []struct {
		allow []string
		more  map[string]any
		want  map[string]any
	}{
		{[]string{"ls"}, nil, map[string]any{"kernel": true, "requested": "auto", "seccomp": true, "no_new_privs": true, "network": false, "write": []string{}}},
		{[]string{"ls"}, map[string]any{"enforce": "require"}, map[string]any{"kernel": true, "requested": "require"}},
		{[]string{"ls"}, map[string]any{"enforce": "off"}, map[string]any{"kernel": false, "reason": `the policy says enforce "off"`}},
		{[]string{"ls"}, map[string]any{"default": "ask"}, map[string]any{"kernel": false, "reason": "the policy does not deny by default"}},
		{[]string{"ls"}, map[string]any{"write": []string{"."}, "network": []int{443}}, map[string]any{"network": []uint16{443}, "write": []string{dir}}},
		{[]string{"ls", "touch"}, nil, map[string]any{"write": []string{dir}, "because": map[string]string{"write": "allow[1]"}}},
		{[]string{"curl", "ls"}, nil, map[string]any{"network": true, "because": map[string]string{"network": "allow[0]"}}},
		{[]string{"curl", "ls"}, map[string]any{"network": false}, map[string]any{"network": false}},
		{[]string{"make test"}, nil, map[string]any{"programs": "any", "network": true, "write": []string{dir}}},
		{[]string{"touch"}, map[string]any{"write": []string{"/nonexistent"}}, map[string]any{"kernel": true, "missing": []string{"write /nonexistent: it does not exist"}}},
	} {
		got := told(tt.allow, tt.more)
		for key, value := range tt.want {
			if a, b := toJSON(t, got[key]), toJSON(t, value); a != b {
				t.Errorf("%v %v: %s is %s, want %s", tt.allow, tt.more, key, a, b)
			}
		}
	}
	warnings := fencedWith(t, dir, []string{"ls", "no-such-program-here status"}, nil).Info().Warnings
	if len(warnings) != 1 || warnings[0] != `"no-such-program-here" is granted and names no program on PATH` {
		t.Errorf("%q", warnings)
	}
	var many []string
	for i := range 10000 {
		many = append(many, "no-such-program-"+strconv.Itoa(i))
	}
	begin := time.Now()
	s := fencedWith(t, dir, append(many, "echo"), nil)
	if n := len(s.Info().Warnings); n == 0 || n > 60 {
		t.Errorf("%d warnings", n)
	}
	if took := time.Since(begin); took > 2*time.Minute {
		t.Errorf("opening took %v", took)
	}
}

func toJSON(t *testing.T, v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Only the ports of the policy can be connected to.
func TestPorts(t *testing.T) {
	needKernel(t)
	if enforce.Probe().Landlock < 4 {
		t.Skip("no ports before Landlock 4")
	}
	listen := func() (string, net.Listener) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		_, port, _ := net.SplitHostPort(l.Addr().String())
		return port, l
	}
	granted, _ := listen()
	other, _ := listen()
	number, _ := strconv.Atoi(granted)
	script := filepath.Join(t.TempDir(), "connect.sh")
	// A script may be granted as a whole; what it does is the kernel's to judge.
	if err := os.WriteFile(script, []byte("#!/bin/bash\nfor p in \"$@\"; do (exec 3<>/dev/tcp/127.0.0.1/$p) 2>/dev/null && echo $p; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		network any
		want    string
	}{{true, granted + "\n" + other + "\n"}, {[]int{number}, granted + "\n"}, {[]int{}, ""}, {false, ""}} {
		s := fencedWith(t, t.TempDir(), []string{script}, map[string]any{"network": tt.network, "enforce": "require"})
		if r := exec(t, s, script+" "+granted+" "+other); r.Stdout != tt.want {
			t.Errorf("network %v: %q, want %q (%s)", tt.network, r.Stdout, tt.want, r.Stderr)
		}
	}
}

// A kernel's part belongs to one policy; a second one only takes away.
func TestNarrowedEnforcement(t *testing.T) {
	needKernel(t)
	dir := t.TempDir()
	load := func(text string) *execkit.Policy {
		p, err := execkit.LoadPolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, tt := range []struct{ operator, agent, programs, write, network string }{
		{`{"default":"deny","allow":["ls","cat"]}`, `{"default":"deny","allow":["cat","sort"],"enforce":"off"}`, `["/usr/bin/cat"]`, `[]`, `false`},
		{`{"default":"deny","allow":["cat","curl"],"write":["."]}`, `{"default":"deny","allow":["cat"],"write":["sub","/etc"],"network":[1]}`, `["/usr/bin/cat"]`, `["` + dir + `/sub"]`, `[1]`},
		{`{"default":"deny","allow":["cat"]}`, `{"default":"deny","allow":["cat","make test"]}`, `["/usr/bin/cat"]`, `[]`, `false`},
		{`{"default":"deny","allow":["cat"]}`, `{"default":"allow","network":true}`, `["/usr/bin/cat"]`, `[]`, `false`},
	} {
		if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
			t.Fatal(err)
		}
		s, err := execkit.Open(context.Background(), "local", execkit.Config{Policy: load(tt.operator), Narrow: load(tt.agent), Cwd: dir, BaseEnv: []string{"PATH=/usr/bin:/bin"}})
		if err != nil {
			t.Fatal(err)
		}
		e := s.Info().Enforcement
		if got := toJSON(t, []any{e["kernel"], e["programs"], e["write"], e["network"]}); got != "[true,"+tt.programs+","+tt.write+","+tt.network+"]" {
			t.Errorf("%s narrowed by %s: %s", tt.operator, tt.agent, got)
		}
		s.Close()
	}
}

// Temporary files go to the session's own directory, which ends with it.
func TestTemporaryFiles(t *testing.T) {
	needKernel(t)
	s := fencedWith(t, t.TempDir(), []string{"mktemp", "sort", "seq", "head", "tail", "cat", "echo"}, map[string]any{"write": []string{}})
	temp, _ := s.Info().Enforcement["temp"].(string)
	r := exec(t, s, "f=$(mktemp); echo $f; seq 300000 | sort -S 100k -n | tail -1")
	if !strings.HasPrefix(r.Stdout, temp+"/") || !strings.HasSuffix(r.Stdout, "\n300000\n") || r.Stderr != "" {
		t.Errorf("%+v", r)
	}
	if r := exec(t, s, "cat <<E | tail -c 2\n"+strings.Repeat("x", 20000)+"\nE\n"); r.Stdout != "x\n" {
		t.Errorf("%+v", r)
	}
	s.Close()
	if _, err := os.Stat(temp); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", temp, err)
	}
}

func BenchmarkOpenEnforced(b *testing.B) {
	for _, mode := range []string{"off", "auto"} {
		b.Run(mode, func(b *testing.B) {
			for b.Loop() {
				p, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["ls","cat","grep","git status","systemctl status","docker ps"],"enforce":"` + mode + `"}`))
				if err != nil {
					b.Fatal(err)
				}
				s, err := execkit.Open(context.Background(), "local", execkit.Config{Policy: p})
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}
