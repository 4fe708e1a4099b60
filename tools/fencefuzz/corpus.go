package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/execkit/execkit/core/policy"
)

// A corpusCase is a command of the case files with its policy.
type corpusCase struct {
	allow  []string
	texts  []string // earlier commands and the command
	policy *policy.Policy
}

// A corpus is what commands are made from.
type corpus struct {
	cases    []corpusCase
	policies []corpusCase // with texts empty: what made-up commands are judged by
	words    []string     // every word of the cases
}

// mixed are policies for commands that are made up, with programs whose options can do much.
var mixed = [][]string{
	{"ls", "cat", "echo", "grep", "sort", "head", "find", "xargs", "printf", "test", "["},
	{"git status", "git log", "git diff", "git show", "git branch", "git stash list", "cat", "echo"},
	{"sed", "awk", "cut", "tr", "uniq", "tee", "wc", "tail", "cat"},
	{"tar", "find", "env", "timeout", "nice", "stat", "diff", "cmp", "xxd", "date"},
	{"echo", "read", "export", "unset", "set", "printf", "cd", "pwd", "test", "[", "true", "declare", "local", "getopts", "mapfile", "cat"},
	{"env ls", "xargs ls", "timeout 5 ls", "sh -c ls", "nice -n 5 cat", "ls", "cat"},
	{"jq", "base64", "openssl x509", "file", "strings", "rev", "column", "paste", "comm", "nl", "seq", "sleep", "date", "hostname", "uname", "id -u"},
}

func readCorpus() (*corpus, error) {
	c := &corpus{}
	dir := os.Getenv("EXECKIT_CASES")
	if dir == "" {
		dir = "core/policy/testdata"
	}
	loaded := map[string]*policy.Policy{}
	seen := map[string]bool{}
	for _, name := range []string{"policy-bypass", "policy-benign"} {
		files, _ := filepath.Glob(filepath.Join(dir, name+"*.jsonl"))
		if len(files) == 0 {
			return nil, fmt.Errorf("no %s in %s; set EXECKIT_CASES", name, dir)
		}
		f, err := os.Open(files[0])
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var one struct {
				Allow, Setup []string
				Command      string
			}
			if json.Unmarshal(lines.Bytes(), &one) != nil || one.Command == "" || len(one.Command) > 2000 {
				continue
			}
			p, err := load(loaded, one.Allow)
			if err != nil {
				return nil, err
			}
			c.cases = append(c.cases, corpusCase{one.Allow, append(one.Setup, one.Command), p})
			for _, text := range append(one.Setup, one.Command) {
				for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }) {
					if !seen[w] && len(w) < 60 {
						seen[w] = true
						c.words = append(c.words, w)
					}
				}
			}
		}
		f.Close()
	}
	for _, allow := range mixed {
		p, err := load(loaded, allow)
		if err != nil {
			return nil, err
		}
		c.policies = append(c.policies, corpusCase{allow: allow, policy: p})
	}
	return c, nil
}

func load(loaded map[string]*policy.Policy, allow []string) (*policy.Policy, error) {
	key := strings.Join(allow, "\x00")
	if p := loaded[key]; p != nil {
		return p, nil
	}
	raw, err := json.Marshal(map[string]any{"default": "deny", "allow": allow, "intercept": "off"})
	if err != nil {
		return nil, err
	}
	p, err := policy.Load(raw)
	loaded[key] = p
	return p, err
}
