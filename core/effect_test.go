package execkit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	execkit "github.com/execkit/execkit/core"
)

// ownEffects are more ways in which what a directory or a home holds turns an allowed program into another one. With the
// text alone none of them can be refused; the effect must be absent all the same.
var ownEffects = []policyCase{
	{ID: "filter", Allow: []string{"git status"}, World: []string{gitWorld, "git config filter.x.clean 'touch pwned; cat'; echo '* filter=x' >.gitattributes; touch t"}, Command: "git status"},
	{ID: "textconv", Allow: []string{"git diff"}, World: []string{gitWorld, "git config diff.x.textconv 'touch pwned; cat'; echo '* diff=x' >.gitattributes"}, Command: "git diff"},
	{ID: "include", Allow: []string{"git status"}, World: []string{gitWorld, "printf '[core]\\n\\tfsmonitor = touch pwned; :\\n' >inc; git config include.path ../inc"}, Command: "git status"},
	{ID: "gpg", Allow: []string{"git log"}, World: []string{gitWorld, "git config log.showSignature true; git config gpg.program ./evil"}, Command: "git log"},
	{ID: "post-checkout", Allow: []string{"git checkout"}, World: []string{gitWorld, "git branch other; cp evil .git/hooks/post-checkout"}, Command: "git checkout other"},
	{ID: "credential", Allow: []string{"git fetch"}, World: []string{gitWorld, "git config credential.helper '!touch pwned'; git config http.proxy http://127.0.0.1:1"}, Command: "git fetch https://127.0.0.1:1/x"},
	{ID: "upload-pack", Allow: []string{"git fetch"}, World: []string{gitWorld, "git init -q ../other; git remote add o $PWD/../other; git config remote.o.uploadpack 'touch pwned; git-upload-pack'"}, Command: "git fetch o"},
	{ID: "alias", Allow: []string{"git st"}, World: []string{gitWorld, "git config alias.st '!touch pwned'"}, Command: "git st"},
	{ID: "merge-driver", Allow: []string{"git show"}, World: []string{gitWorld, "git config core.pager 'touch pwned; cat'; git config pager.show true"}, Command: "git show"},
	{ID: "editor", Allow: []string{"git commit"}, World: []string{gitWorld, "git config core.editor 'touch pwned'; git add t"}, Command: "git commit"},
	{ID: "pre-commit", Allow: []string{"git commit"}, World: []string{gitWorld, "cp evil .git/hooks/pre-commit; git add t"}, Command: "git commit -m x"},
	{ID: "makefile-file", Allow: []string{"make -n"}, World: []string{"printf 'X := $(file >pwned,x)\\nall:\\n\\techo hi\\n' >Makefile"}, Command: "make -n"},
	{ID: "makefile-plus", Allow: []string{"make -n"}, World: []string{"printf 'all:\\n\\t+touch pwned\\n' >Makefile"}, Command: "make -n"},
	{ID: "makefile-remake", Allow: []string{"make -n"}, World: []string{"printf 'include x.mk\\nall:\\n\\techo\\nx.mk:\\n\\ttouch pwned x.mk\\n' >Makefile"}, Command: "make -n"},
	{ID: "wgetrc", Allow: []string{"wget -q -O -"}, World: []string{"printf 'output_document = pwned\\n' >~/.wgetrc"}, Command: "wget -q -O - http://127.0.0.1:1/"},
	{ID: "curlrc-trace", Allow: []string{"curl"}, World: []string{"printf 'trace = pwned\\n' >~/.curlrc"}, Command: "curl -s file://$PWD/notes.txt"},
	{ID: "sqliterc", Allow: []string{"sqlite3 -readonly"}, World: []string{"printf '.shell touch pwned\\n.output pwned\\n' >~/.sqliterc"}, Command: "sqlite3 -readonly x.db .tables"},
	{ID: "ssh-config", Allow: []string{"ssh -V", "ssh h uptime"}, World: []string{"mkdir -p ~/.ssh; printf 'Host *\\n\\tProxyCommand touch pwned\\n' >~/.ssh/config"}, Command: "ssh h uptime"},
	{ID: "kubeconfig", Allow: []string{"kubectl get"}, World: []string{"mkdir -p ~/.kube; printf 'apiVersion: v1\\nkind: Config\\ncurrent-context: c\\ncontexts: [{name: c, context: {cluster: c, user: u}}]\\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]\\nusers: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [pwned], interactiveMode: Never}}}]\\n' >~/.kube/config"}, Command: "kubectl get pods"},
	{ID: "docker-cred", Allow: []string{"docker ps", "docker pull"}, World: []string{"mkdir -p ~/.docker ~/bin; printf '{\"credsStore\":\"x\"}' >~/.docker/config.json; printf '#!/bin/sh\\n/usr/bin/touch pwned\\n' >~/bin/docker-credential-x; chmod +x ~/bin/*"}, Command: "docker pull x"},
	{ID: "symlink-program", Allow: []string{"ls"}, World: []string{"mkdir -p ~/bin; ln -s /usr/bin/touch ~/bin/ls"}, Command: "ls pwned"},
	{ID: "interpreter-script", Allow: []string{"cat"}, World: []string{"mkdir -p ~/bin; printf '#!/usr/bin/env python3\\nopen(\"pwned\",\"w\")\\n' >~/bin/cat; chmod +x ~/bin/cat"}, Command: "cat notes.txt"},
	{ID: "compiled", Allow: []string{"ls"}, World: []string{"mkdir -p ~/bin; printf 'int main(){return !__builtin_fopen;}' >/dev/null; cp /usr/bin/touch ~/bin/ls"}, Command: "ls pwned"},
	{ID: "tar-glob", Allow: []string{"tar -tf"}, World: []string{"touch -- '--checkpoint=1' '--checkpoint-action=exec=touch pwned' a; tar cf x.tar a"}, Command: "tar -tf x.tar *"},
	{ID: "sort-glob", Allow: []string{"sort"}, World: []string{"touch -- '-opwned' a"}, Command: "sort *"},
	{ID: "npmrc-shell", Allow: []string{"npm ls"}, World: []string{"echo '{}' >package.json; printf 'script-shell=./evil\\nlogs-dir=.\\nnode-options=--require ./evil.js\\n' >.npmrc; echo 'require(\"fs\").writeFileSync(\"pwned\",\"\")' >evil.js"}, Command: "npm ls"},
	{ID: "npm-link", Allow: []string{"ls"}, World: []string{"ln -s pwned out"}, Command: "ls -l >out"},
	{ID: "python-site", Allow: []string{"python3 --version", "pip list"}, World: []string{"d=$(python3 -c 'import site;print(site.getusersitepackages())'); mkdir -p $d; echo 'open(\"pwned\",\"w\")' >$d/usercustomize.py; echo 'import os; os.system(\"touch pwned\")' >$d/x.pth"}, Command: "pip list"},
	{ID: "lessopen", Allow: []string{"man"}, World: []string{"printf '#!/bin/sh\\ntouch pwned\\n' >~/.manpath; mkdir -p ~/.config; printf 'define pager touch pwned\\n' >~/.manpath"}, Command: "man ls"},
	{ID: "gdbinit", Allow: []string{"gdb --version"}, World: []string{"mkdir -p ~/.config/gdb; echo 'shell touch pwned' >~/.gdbinit; echo 'shell touch pwned' >.gdbinit; echo 'shell touch pwned' >~/.gdbearlyinit"}, Command: "gdb --version"},
	{ID: "ripgreprc", Allow: []string{"rg"}, World: []string{"printf -- '--pre=./evil\\n' >.ripgreprc; printf '#!/bin/sh\\ntouch pwned\\n' >evil; chmod +x evil"}, Command: "rg data"},
	{ID: "python-module", Allow: []string{"python3 -m json.tool"}, World: []string{"mkdir json; echo 'open(\"pwned\",\"w\")' >json/__init__.py; cp json/__init__.py json/tool.py; echo '{}' >x.json"}, Command: "python3 -m json.tool x.json"},
	{ID: "post-commit", Allow: []string{"git commit -m"}, World: []string{gitWorld, "cp evil .git/hooks/post-commit; cp evil .git/hooks/commit-msg; git add t"}, Command: "git commit -m x"},
	{ID: "cargo-config", Allow: []string{"cargo tree"}, World: []string{"mkdir -p .cargo src; printf '[build]\nrustc-wrapper = \"./evil\"\nrustc = \"./evil\"\n' >.cargo/config.toml; printf '#!/bin/sh\ntouch pwned\n' >evil; chmod +x evil; printf '[package]\nname = \"x\"\nversion = \"0.1.0\"\n' >Cargo.toml; touch src/lib.rs"}, Command: "cargo tree"},
	{ID: "go-env", Allow: []string{"go env"}, World: []string{"mkdir -p ~/.config/go; printf 'GOFLAGS=-toolexec=./evil\\nGOTOOLCHAIN=path\\n' >~/.config/go/env; printf 'module x\\ngo 9.99\\n' >go.mod; mkdir -p ~/bin; printf '#!/bin/sh\\n/usr/bin/touch pwned\\n' >~/bin/go9.99; chmod +x ~/bin/*"}, Command: "go env GOPATH"},
}

const gitWorld = `git init -q . ; git config user.email a@example.com; git config user.name a; echo d > t; git add t; git commit -qm t; echo e >> t; printf '#!/bin/sh\ntouch pwned\n' > evil; chmod +x evil`

func TestEffects(t *testing.T) {
	needKernel(t)
	effects, allowed := 0, 0
	cases := append(policyCases(t, "policy-bypass"), ownEffects...)
	n := 0
	for _, c := range cases {
		if c.Level != "effect" && c.Level != "" {
			continue
		}
		n++
		t.Run(c.ID, func(t *testing.T) {
			ran, effect := runEffect(t, c)
			if effect {
				effects++
				t.Errorf("the effect of %s happened", c.Command)
			}
			if ran {
				allowed++
			}
		})
	}
	t.Logf("%d cases, %d let through by the parser, %d effects", n, allowed, effects)
}

// runEffect runs a case in a directory of its own, and says whether its command ran and whether the effect is there.
func runEffect(t *testing.T, c policyCase) (ran, effect bool) {
	top := t.TempDir()
	dir, home := filepath.Join(top, "work"), filepath.Join(top, "home")
	for _, d := range []string{filepath.Join(dir, "sub"), home} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"notes.txt": "data\n", "victim.txt": "old\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + filepath.Join(home, "bin") + ":" + os.Getenv("PATH"), "HOME=" + home, "LANG=C.UTF-8"}
	shell := func(script string) error {
		cmd := osexec.Command("bash", "-c", script)
		cmd.Dir, cmd.Env = dir, append([]string{"PATH=" + os.Getenv("PATH")}, env[1:]...)
		return cmd.Run()
	}
	for _, line := range c.World {
		_ = shell(line)
	}
	before := listing(t, dir)
	raw, err := json.Marshal(map[string]any{"default": "deny", "allow": c.Allow, "deny": append([]string{}, c.Deny...), "intercept": "off", "enforce": "require"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := execkit.LoadPolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := execkit.Open(context.Background(), "local", execkit.Config{Cwd: dir, Policy: p, BaseEnv: env})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, command := range append(append([]string{}, c.Setup...), c.Command) {
		r, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
		ran = err == nil
		if testing.Verbose() {
			t.Logf("%s: %v %+v", command, err, r)
		}
	}
	if c.Verify != "" && shell(c.Verify) == nil {
		return ran, true
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		return ran, true
	}
	after := listing(t, dir)
	return ran, !bytes.Equal(before, after) && c.Level == "effect"
}

// listing is every file of a tree with its size, without what git keeps for itself.
func listing(t *testing.T, dir string) []byte {
	t.Helper()
	out, err := osexec.Command("find", dir, "-name", ".git", "-prune", "-o", "-printf", "%p %s\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
