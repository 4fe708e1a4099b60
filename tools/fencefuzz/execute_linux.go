package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/execkit/execkit/core/enforce"
	"github.com/execkit/execkit/core/policy"
)

// searchPath is where the commands find their programs.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// batch is how many commands run between two looks at the files.
const batch = 100

// An executor runs candidates in a scratch directory and looks at what they did.
type executor struct {
	top     string
	shell   *tracedShell
	granted map[*policy.Policy]*enforce.Confinement
	before  string
	since   []candidate // since the files were looked at
	finds   []candidate
}

// execute runs what comes from candidates.
func execute(candidates <-chan candidate, most int, counts *counters) (finds []candidate, err error) {
	top, err := os.MkdirTemp("", "fencefuzz-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(top)
	e := &executor{top: top, granted: map[*policy.Policy]*enforce.Confinement{}}
	if err := e.reset(); err != nil {
		return nil, err
	}
	defer func() { e.shell.close() }()
	for c := range candidates {
		if most > 0 && counts.ran >= most || c.policy.Needs().Any != "" {
			continue // what starts any program by its nature proves nothing
		}
		counts.ran++
		if err := e.one(c); err != nil {
			return nil, err
		}
		if counts.ran%5000 == 0 {
			fmt.Printf("  %d judged, %d run, %d finds\n", counts.judged.Load(), counts.ran, len(e.finds))
		}
	}
	return e.finds, e.look()
}

// one runs a candidate and notes what it started.
func (e *executor) one(c candidate) error {
	writes := c.policy.Needs().Writes != ""
	if writes && len(e.since) > 0 {
		if err := e.look(); err != nil {
			return err
		}
	}
	started, ended := e.shell.run(strings.Join(c.emitted, "\n"))
	e.since = append(e.since, c)
	if bad := e.forbidden(c, started); bad != "" {
		// A process that an earlier command left in the background may have been the one.
		if err := e.confirm(bad); err != nil {
			return err
		}
	}
	if writes {
		// What a program is for it may do; the next one starts from the same files again.
		e.since = nil
		if after, err := e.state(); err != nil || after != e.before {
			return errors.Join(err, e.reset())
		}
	}
	if !ended {
		if err := e.restart(); err != nil {
			return err
		}
	}
	if len(e.since) >= batch {
		return e.look()
	}
	return nil
}

// forbidden names the first program that the policy does not grant.
func (e *executor) forbidden(c candidate, started []string) string {
	granted := e.granted[c.policy]
	if granted == nil {
		rules := enforce.Rules{Shell: "/bin/bash"}
		for _, name := range c.policy.Needs().Programs {
			if file := find(name, filepath.Join(e.top, "work")); file != "" {
				rules.Programs = append(rules.Programs, file)
			}
		}
		var err error
		if granted, err = enforce.New(rules); err != nil {
			return err.Error()
		}
		e.granted[c.policy] = granted
	}
	for _, file := range started {
		// As words of the grammar true and false need no entry; behind a launcher they are these programs.
		if name := filepath.Base(file); !granted.Executable(file) && name != "true" && name != "false" {
			return file
		}
	}
	return ""
}

func find(name, dir string) string {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name
	}
	for _, d := range filepath.SplitList(searchPath) {
		if info, err := os.Stat(filepath.Join(d, name)); err == nil && info.Mode()&0o111 != 0 {
			return filepath.Join(d, name)
		}
	}
	return ""
}

// look compares the files with what they were, and finds the command that changed them.
func (e *executor) look() error {
	after, err := e.state()
	if err != nil {
		return err
	}
	if after == e.before {
		e.since = nil
		return nil
	}
	return e.confirm("a file changed")
}

// confirm runs what ran since the files were looked at again, one by one in fresh worlds.
func (e *executor) confirm(what string) error {
	suspects := e.since
	e.since = nil
	found := false
	for _, c := range suspects {
		if err := e.reset(); err != nil {
			return err
		}
		started, _ := e.shell.run(strings.Join(c.emitted, "\n"))
		after, err := e.state()
		if err != nil {
			return err
		}
		c.what = e.forbidden(c, started)
		if after != e.before && c.policy.Needs().Writes == "" {
			c.what += " changed: " + firstDifference(e.before, after)
		}
		if c.what != "" {
			e.finds, found = append(e.finds, c), true
			fmt.Printf("FIND %s\n  allow %q\n  text  %q\n", c.what, c.allow, c.texts)
		}
	}
	if !found {
		fmt.Printf("  seen once and not again: %s, after %d commands\n", what, len(suspects))
	}
	return e.reset()
}

func firstDifference(before, after string) string {
	old := strings.Split(before, "\n")
	for _, line := range strings.Split(after, "\n") {
		if !contains(old, line) {
			return line
		}
	}
	return "something is gone"
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// reset makes the world anew, and a shell in it.
func (e *executor) reset() error {
	if e.shell != nil {
		e.shell.close()
	}
	for _, dir := range []string{"work", "home", "tmp", "outside"} {
		if err := os.RemoveAll(filepath.Join(e.top, dir)); err != nil {
			return err
		}
	}
	cmd := exec.Command("bash", "-c", world)
	cmd.Dir = e.top
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var err error
	if e.before, err = e.state(); err != nil {
		return err
	}
	return e.restart()
}

func (e *executor) restart() (err error) {
	if e.shell != nil {
		e.shell.close()
	}
	e.shell, err = startTraced(e.top)
	return err
}

const world = `set -e; mkdir -p work/sub home tmp outside; cd work
printf 'data\nid\na b\n' >notes.txt; echo old >victim.txt; echo 1 >a.txt; echo 2 >b.txt; printf '{"a":1}\n' >data.json
printf '#!/bin/sh\ntouch pwned\n' >evil; chmod +x evil; cp evil sub/ls; tar cf x.tar a.txt; echo out >../outside/file
export GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
git init -q -b main . && git -c user.name=a -c user.email=a@example.com add notes.txt a.txt && git -c user.name=a -c user.email=a@example.com commit -qm one; echo x >>a.txt`

// state is every file with what it holds. Git's own is left out but for what it would run, and so
// are temporary files and npm's log.
func (e *executor) state() (string, error) {
	cmd := exec.Command("find", "work", "home", "outside", "(", "-path", "work/.git", "-o", "-path", "home/.npm", ")", "-prune", "-o", "-type", "f", "-size", "-64k", "-exec", "cksum", "{}", "+", "-o", "-printf", "%p %y %s\n")
	cmd.Dir = e.top
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("the world cannot be read: %w", err)
	}
	config, err := os.ReadFile(filepath.Join(e.top, "work/.git/config"))
	hooks, _ := filepath.Glob(filepath.Join(e.top, "work/.git/hooks/*"))
	return string(out) + string(config) + strings.Join(hooks, "\n"), err
}

func appendFinds(file string, finds []candidate) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, c := range finds {
		line, err := json.Marshal(map[string]any{"allow": c.allow, "texts": c.texts, "what": c.what})
		if err != nil {
			return err
		}
		if _, err := f.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// patience is how long a command may take.
const patience = 3 * time.Second
