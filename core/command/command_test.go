package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// oracle commands are run in bash as written and as emitted; everything that can be seen must be the same.
var oracle = []string{
	`echo a b  c`, `echo "a $HOME b"`, `X=1; echo $X "${X}" ${#X} ${X:-y} ${Y:-dflt}`, `printf '%s\n' "$(echo hi)" 'it'\''s'`,
	`echo a\ b a#b 'x"y' "q'\"\$r"`, `echo $'a\tb\x41\101\u00e9'`, `ls *.txt; ls [a-n]*.txt; echo *.none`, `echo {a,b}{1..3} {c..a} pre{x,y}post`,
	"cat <<'EOF'\nliteral $HOME $(ls) `ls`\nEOF", "cat <<EOF\nhome $HOME $(echo in) \\$x \\\\ 'q' \"d\"\nEOF", "cat <<-EOF\n\ta\n\t b\n\tEOF",
	"cat <<A | grep b\na\nb\nA", "cat <<A; cat <<B\n1\nA\n2\nB", `for i in 1 2 3; do echo "run $i"; done`, `for f in *.txt; do wc -l "$f"; done`,
	`i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done`, `if [ -f notes.txt ]; then echo y; elif false; then echo z; else echo n; fi`,
	`case abc in a*) echo one;; b|c) echo two;; *) echo three;; esac`, `case x in [a-c]) echo r;; x) echo "x;";; esac`,
	`{ echo b; echo a; } | sort`, `(cd sub; pwd | wc -l); ls`, `! true; echo $?`, `true && echo y || echo n`, `ls nosuch 2>/dev/null; echo $?`,
	`f() { echo "hi $1"; }; f bob`, `sum=0; for i in 1 2 3; do sum=$((sum + i)); done; echo $sum`, `for ((i=0; i<3; i++)); do echo $i; done`,
	`x=abcdef; echo ${x:0:2} ${x:3} ${x%f} ${x##a} ${x/b/B} ${x^^}`, `[[ abc == a* ]] && echo m; [[ abc == "a*" ]] || echo lit; [[ -n $HOME && ! -z x ]] && echo ok`,
	`[[ abc =~ ^a.c$ ]] && echo re`, `n=5; [[ $n -gt 3 ]] && echo gt`, `echo a >/dev/null; echo b 2>&1 | cat; echo c >&2`, `echo out > new.txt; cat new.txt`,
	`A=(1 "2 3" 4); echo "${A[@]}" ${A[1]} ${#A[@]}`, `a="x  y"; echo $a; echo "$a"; set -- $a; echo $#`, `echo ~/x ~ "~"`, `cat <<< "here $HOME"`,
	`echo ""; printf '[%s]' '' "" a''; echo`, "echo one \\\n  two", "ls # comment ; echo no", `echo "a;b && c | d"`, `X='a b' printenv X`, `export Q="v w"; printenv Q`,
	`printf '%s|' "$@"; echo`, "sort <notes.txt | while read -r a b; do echo \"$b $a\"; done", `time -p true 2>/dev/null; echo t`, `echo $((1+2*3)) $(( (4-1) % 2 ))`,
	`diff <(echo a) <(echo a) && echo same`, "echo \"multi\nline\"", `echo a & wait; echo b`, `echo if then fi`, `until true; do echo x; done; echo $?`,
	`cat "$(ls | head -1)"`, `echo "naïve 日本 🚀"`, `echo [ab] x] [`, "echo `echo back`", `y=$(echo a; echo b); echo "$y"`, `echo "$(echo "in $(echo deep)")"`,
	"{\n  echo a\n  echo b\n} | sort", "if true\nthen\n  cat <<X\nbody\nX\nfi", `set -e; false || true; echo fine`, `echo "a\nb" 'c\nd' "\a \$"`, `exit 3`,
}

func runBash(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	_ = os.Mkdir(filepath.Join(dir, "sub"), 0o755)
	for name, text := range map[string]string{"notes.txt": "data one\nx y\n", "b.txt": "b\n", "z.txt": "z\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "--norc", "--noprofile", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/home/me", "LC_ALL=C.UTF-8"}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	res := out.String() + "\x00" + errs.String() + "\x00" + cmd.ProcessState.String()
	_ = filepath.Walk(dir, func(p string, i os.FileInfo, _ error) error {
		if i != nil && i.Mode().IsRegular() {
			text, _ := os.ReadFile(p)
			res += "\x00" + strings.TrimPrefix(p, dir) + "=" + string(text)
		}
		return nil
	})
	return res
}

func TestEmitMeansTheSameInBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash on this machine")
	}
	for _, text := range oracle {
		s, err := Parse(text, Limits{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if len(s.Issues()) > 0 {
			t.Errorf("%q: %v", text, s.Issues())
			continue
		}
		want, got := runBash(t, text), runBash(t, s.Emit())
		if want != got {
			t.Errorf("%q\nemitted %q\nwant %q\ngot  %q", text, s.Emit(), want, got)
		}
		again, err := Parse(s.Emit(), Limits{})
		if err != nil || len(again.Issues()) > 0 {
			t.Errorf("%q: the emitted script does not pass again: %v %+v\n%s", text, err, again, s.Emit())
		} else if again.Emit() != s.Emit() && !strings.Contains(text, "<<") {
			t.Errorf("%q: emitting is not stable:\n%s\n%s", text, s.Emit(), again.Emit())
		}
	}
}

// What is emitted does in bash what the text does.
func TestEmittedMeansTheSame(t *testing.T) {
	const setup = "x=a.b.c; n=7; arr=(p q r); unset none; "
	for _, text := range []string{
		`echo {1..10..2} {10..1..3} {01..03} {-01..02} {1..003} {a..i..3} {5..1..-2} {1..3..0} x{0..2}y`,
		`echo "${x/a/b}" "${x/#a/b}" "${x/%c/b}" "${x//./-}" "${x/#./z}"`,
		`echo "${!arr[@]}" ${!arr[*]} "${arr[@]:1:2}" "${#arr[@]}"`,
		`echo "${x@Q}" "${x@U}" "${x@u}" "${none:-$x}" ${none:-$n.txt} "${none-${x}}"`,
		`echo "${none:+$x}" "${x:+$n}"`,
		`echo $((2**10)) $((16#ff)) $((010)) $((0x1f + n))`,
		`echo before; echo "${none:?not set}"; echo after`,
		`for v in 12 a1 v1.2 1.2 'a b'; do [[ $v =~ ^[0-9]+$ ]] && echo "$v number"; [[ $v =~ ^v?[0-9]+\.[0-9]+$ ]] && echo "$v version"; [[ $v =~ ^(a|b)[[:digit:]]{1,2}$ ]] && echo "${BASH_REMATCH[1]}"; done`,
		`[[ a.b =~ a\.b ]] && echo dot; [[ axb =~ a\.b ]] || echo none; [[ /usr/bin =~ ^/usr/(bin|lib)$ ]] && echo path`,
	} {
		s, err := Parse(text, Limits{})
		if err != nil || len(s.Issues()) > 0 {
			t.Errorf("%q: %v %v", text, err, s.Issues())
			continue
		}
		want, _ := exec.Command("bash", "-c", setup+text).Output()
		got, _ := exec.Command("bash", "-c", setup+s.Emit()).Output()
		if !bytes.Equal(got, want) {
			t.Errorf("%q gives %q, emitted as %q it gives %q", text, want, s.Emit(), got)
		}
	}
}
