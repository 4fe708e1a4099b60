package policy

import (
	"encoding/json"
	"testing"
)

// attacks are turned away whatever spelling they come in; each names the entry that it abuses.
var attacks = []struct {
	allow []string
	text  string
}{
	{[]string{"ls"}, "command -p touch x"}, {[]string{"ls", "command"}, "command touch x"}, {[]string{"git"}, "git foo"},
	{[]string{"git"}, "git -c core.pager=x log"}, {[]string{"git"}, "git -ccore.pager=x log"}, {[]string{"git log"}, "git log --outpu=x"}, {[]string{"git diff"}, "git diff --no-index --output x a b"},
	{[]string{"git grep"}, "git grep -nOx data"}, {[]string{"git fetch"}, "git fetch 'ext::sh -c touch% x'"}, {[]string{"git fetch"}, "git fetch --upload-pack=./e o"}, {[]string{"git rebase"}, "git rebase -xtouch HEAD"},
	{[]string{"git rebase"}, "git rebase --exec touch HEAD"}, {[]string{"git"}, "git submodule foreach touch x"}, {[]string{"git log"}, "git log $x"},
	{[]string{"find"}, "find . -exec touch x ';'"}, {[]string{"find"}, "find . -okdir touch x ';'"}, {[]string{"find"}, "find $d -name x"}, {[]string{"find"}, "find . -fls x"}, {[]string{"find"}, "find . \"$x\""},
	{[]string{"sed"}, "sed 's/a/b/e' f"}, {[]string{"sed"}, "sed '1e touch x' f"}, {[]string{"sed"}, "sed -n 'w x' f"}, {[]string{"sed"}, "sed 's/a/b/;w x' f"}, {[]string{"sed"}, "sed -i.bak s/a/b/ f"}, {[]string{"sed"}, "sed -f x f"}, {[]string{"sed"}, "sed '/a/{p;w x' f"}, {[]string{"sed"}, "sed 's,a,b,wx' f"}, {[]string{"sed"}, "sed 1r/dev/stdin f"}, {[]string{"sed"}, "sed s/a/b/ --in-place f"}, {[]string{"sed"}, "sed -s --expression='1e x' f"},
	{[]string{"awk"}, `awk '{print | "sh"}' f`}, {[]string{"awk"}, `awk '"date" | getline' f`}, {[]string{"awk"}, `awk '{print>"x"}' f`}, {[]string{"awk"}, `awk '{f="system"; @f("x")}' f`}, {[]string{"awk"}, "awk -f x"}, {[]string{"awk"}, `awk '{printf "a">>$1}' f`}, {[]string{"awk"}, "awk -i inplace 1 f"}, {[]string{"awk"}, "awk $x f"}, {[]string{"awk"}, `awk -e 'BEGIN{system("x")}'`}, {[]string{"awk"}, `awk -v a=1 'BEGIN{system("x")}'`}, {[]string{"awk"}, `awk -F : 'BEGIN{system("x")}'`},
	{[]string{"sort"}, "sort -o x f"}, {[]string{"sort"}, "sort -k1 -ox f"}, {[]string{"sort"}, "sort --compress-prog=x f"}, {[]string{"sort"}, "sort $x"}, {[]string{"sort"}, "sort *"},
	{[]string{"tar"}, "tar xf a.tgz"}, {[]string{"tar"}, "tar -tf a --to-command=x"}, {[]string{"tar"}, "tar -tf a -I ./x"}, {[]string{"tar"}, "tar -cf x f"}, {[]string{"tar"}, "tar --extract -f x"}, {[]string{"tar"}, "tar -tf host:x"}, {[]string{"tar"}, "tar -tf a --checkpoint=1 --checkpoint-act=exec=x"}, {[]string{"tar"}, "tar -t --file=h:x"}, {[]string{"tar -tf"}, "tar -tf a -x"}, {[]string{"tar"}, "tar tf a -F x"},
	{[]string{"curl"}, "curl -sox http://h"}, {[]string{"curl"}, "curl -O http://h"}, {[]string{"curl"}, "curl -K x"}, {[]string{"curl"}, "curl --outp x http://h"}, {[]string{"curl"}, "curl --trace-asc x http://h"}, {[]string{"curl"}, "curl $x"}, {[]string{"curl"}, "curl -w '%output{x}' http://h"}, {[]string{"curl"}, "curl --dump x http://h"},
	{[]string{"wget"}, "wget http://h"}, {[]string{"wget"}, "wget -qO x http://h"}, {[]string{"wget"}, "wget -O- -o x http://h"}, {[]string{"wget"}, "wget --spider -a x http://h"},
	{[]string{"xargs", "ls"}, "ls | xargs touch"}, {[]string{"xargs", "find"}, "ls | xargs find"}, {[]string{"xargs", "sort"}, "ls | xargs sort"}, {[]string{"xargs", "ls"}, "ls | xargs -I{} {}"}, {[]string{"xargs", "ls"}, "xargs -a f touch"}, {[]string{"env", "ls"}, "env LD_PRELOAD=x ls"}, {[]string{"env", "ls"}, "env -S 'touch x'"}, {[]string{"env", "ls"}, "env -C /x ls"}, {[]string{"env", "ls"}, "env PATH=. ls"}, {[]string{"env", "ls"}, "env $x"}, {[]string{"timeout", "ls"}, "timeout 5 sh -c ls"}, {[]string{"timeout", "timeout 5"}, "timeout 5 touch x"}, {[]string{"nice", "ls"}, "nice -n 5 ./ls"}, {[]string{"sudo", "ls"}, "sudo -s ls"}, {[]string{"sudo", "ls"}, "sudo -e ls"}, {[]string{"watch", "ls"}, "watch 'touch x'"}, {[]string{"flock", "ls"}, "flock x -c 'touch x'"}, {[]string{"env LANG=C sort"}, "env LANG=C sort -o x f"}, {[]string{"nice -n 10 du"}, "nice -n 10 dux"}, {[]string{"nohup", "ls"}, "nohup touch x"},
	{[]string{"ssh"}, "ssh -oProxyCommand=x h ls"}, {[]string{"ssh"}, "ssh h touch x"}, {[]string{"ssh", "ls"}, "ssh h 'ls; touch x'"}, {[]string{"ssh", "ls"}, "ssh -F x h ls"}, {[]string{"scp"}, "scp h:x ."}, {[]string{"rsync"}, "rsync -e ./x h:a b"}, {[]string{"rsync"}, "rsync -ae./x a h:b"}, {[]string{"rsync"}, "rsync a b"}, {[]string{"rsync"}, "rsync --rsh=x a h:b"},
	{[]string{"docker"}, "docker run x"}, {[]string{"docker"}, "docker -H x ps"}, {[]string{"docker"}, "docker exec a rm"}, {[]string{"docker"}, "docker foo"}, {[]string{"kubectl"}, "kubectl exec a -- rm"}, {[]string{"kubectl"}, "kubectl foo"}, {[]string{"kubectl get"}, "kubectl get pods --kubeconf x"}, {[]string{"kubectl get"}, "kubectl get $x"}, {[]string{"systemctl"}, "systemctl edit x"}, {[]string{"systemctl status"}, "systemctl status -H h"}, {[]string{"journalctl"}, "journalctl --vacuum-size=1"}, {[]string{"npm"}, "npm exec x"}, {[]string{"npm ls"}, "npm ls --script-shell=x"}, {[]string{"pip list"}, "pip list --log x"}, {[]string{"pip"}, "pip install x"}, {[]string{"make test"}, "make test SHELL=x"}, {[]string{"make"}, "make -f x"}, {[]string{"make test"}, "make test -f x"}, {[]string{"go test"}, "go test -exec=x ./..."}, {[]string{"go build"}, "go build -toolexec x"}, {[]string{"go build"}, "go build -o x"}, {[]string{"go vet"}, "go vet --vettool=x"}, {[]string{"cargo test"}, "cargo test --config x"}, {[]string{"terraform plan"}, "terraform plan -out=x"}, {[]string{"terraform plan"}, "terraform -chdir=x plan"},
	{[]string{"python3"}, "python3 x.py"}, {[]string{"bash"}, "bash -c ls"}, {[]string{"bash"}, "bash x"}, {[]string{"perl"}, "perl -e 1"}, {[]string{"eval"}, "eval ls"}, {[]string{"source"}, "source x"}, {[]string{"."}, ". x"}, {[]string{"exec", "ls"}, "exec ls"}, {[]string{"trap"}, "trap 'x' EXIT"}, {[]string{"let"}, "let a=1"},
	{[]string{"echo"}, "echo ${x@P}"}, {[]string{"echo"}, "echo ${!x}"}, {[]string{"echo"}, "echo $((x))"}, {[]string{"echo", "read"}, "read x; echo $((x))"}, {[]string{"echo"}, "x=1; x=$y; echo $((x))"}, {[]string{"echo"}, "echo ${a[x]}"}, {[]string{"echo"}, "[[ $x -eq 1 ]]"}, {[]string{"[", "echo"}, "[ $a ]  && [ $a $b ]"}, {[]string{"test"}, `test "$a" "$b"`}, {[]string{"printf"}, "printf $x y"}, {[]string{"printf"}, "printf -vPATH x"}, {[]string{"export"}, "export -n PATH=x"}, {[]string{"export"}, "export GIT_X=1"}, {[]string{"export"}, "export $x"}, {[]string{"read"}, "read -r PATH"}, {[]string{"declare"}, "declare -n r=PATH"}, {[]string{"ls"}, "for PATH in .; do ls; done"}, {[]string{"set"}, "set -a"}, {[]string{"set"}, "set -o posix"}, {[]string{"cd", "./x"}, "cd y && ./x"},
	{[]string{"ssh h uptime"}, "ssh h uptime ';' id"}, {[]string{"ssh h uptime"}, "ssh h uptime '$(id)'"}, {[]string{"ssh h uptime"}, "ssh h uptime '>x'"},
	{[]string{"vim -R"}, "vim -R -c ':!id' f"}, {[]string{"vim -R f"}, "vim -R f -c ':!id'"}, {[]string{"python3 -u"}, "python3 -u x.py"},
	{[]string{"cat"}, "cat < /dev/tcp/h/1"}, {[]string{"cat"}, "cat <> x"}, {[]string{"cat"}, "cat >| x"}, {[]string{"cat"}, "cat >&x"}, {[]string{"ls"}, "while true; do ls; done > x"}, {[]string{"ls"}, "coproc ls"}, {[]string{"ls"}, "ls() { ls -l; }; ls"}, {[]string{"tee"}, "ls | tee x"}, {[]string{"tee"}, "tee /dev/null x"}, {[]string{"uniq"}, "uniq a b"}, {[]string{"uniq"}, "uniq -c *"}, {[]string{"date"}, "date -s x"}, {[]string{"date"}, "date 010100002030"}, {[]string{"hostname"}, "hostname x"}, {[]string{"less"}, "less +!x f"}, {[]string{"ip"}, "ip netns exec a x"}, {[]string{"ip addr"}, "ip addr add 1 dev x"}, {[]string{"psql"}, "psql -f x"}, {[]string{"sqlite3"}, "sqlite3 x '.shell y'"}, {[]string{"rg"}, "rg --pre=x y"}, {[]string{"split"}, "split x"}, {[]string{"openssl x509"}, "openssl x509 -in a -out x"}, {[]string{"helm list"}, "helm list --post-renderer x"},
}

func TestAttacksAreDenied(t *testing.T) {
	for _, a := range append(attacks, moreAttacks...) {
		raw, _ := json.Marshal(map[string]any{"default": "deny", "allow": append([]string{"true"}, a.allow...), "intercept": "off"})
		p, err := Load(raw)
		if err != nil {
			t.Fatalf("%v: %v", a.allow, err)
		}
		if d := p.Check(a.text, nil); d.Decision != Deny {
			t.Errorf("allow %v: %q is %s", a.allow, a.text, d.Decision)
		}
	}
}
