package command

import (
	"strings"
	"testing"
)

func TestMannerOf(t *testing.T) {
	for want, texts := range map[Manner][]string{
		Plain: {"true", " true ", ":", "ls -la /tmp", "git status | head -5", "a && b || c; d", "cat <in >out 2>&1", "echo 'a $(b) ; c' \"d; e $HOME\"", "ls *.go ?",
			"grep -rn foo . 2>/dev/null", "/bin/ls $HOME/x~", "test -f x && echo y", "[ -d /tmp ]", "echo a >&2", "make -j4 CC=gcc", "echo \"é\" 'ü'", "echo \"$A \"$B"},
		Orderly: {"cd /tmp", "cd $HOME && ls", "export A=b", "A=1", "A='x y' make", "[ $x = y ]", "test -v a", "[ '-v' a ]", "export PATH=$PATH:/x; ls"},
		Unruly: {"", ";", "a;", "a |", "a &", "a & b", "a &>f", "|a", "a ;; b", "a |& b", "f() { :; }", "f () (x)", "alias ls=x", "trap x EXIT", "eval x", ". f", "source f", "x=$(y)",
			"echo $(x)", "echo `x`", "echo ${x:=1}", "echo $((x=1))", "echo \"$(x)\"", "echo \"`x`\"", "echo \"${x:=1}\"", "echo {a,b}", "echo a\\\nb", "a\nb", "a\x00b", "echo 'a", "echo \"a", "echo \"$A", "echo \"a\\\"b\"",
			"if a", "then", "while true", "! a", "{ a", "(a)", "time a", "coproc a", "$x", "$x a", "*", "'a' b", "\"a\" b", "\\a", "a\\b", "~/a", "x[1]=2", "a+=1", "(( a ))", "[[ a ]]",
			"BASH_ALIASES=x", "PROMPT_COMMAND=x", "export PROMPT_COMMAND=x", "PS1=x", "PS0=x a", "__ek_c=x", "TIMEFORMAT=x", "POSIXLY_CORRECT=1 a", "export -f x", "export -n X", "export 'A=b'", "export $x", "ENV=x sh",
			"set -e", "shopt -s x", "exec a", "enable -n x", "builtin cd", "command x", "exit", "return", "read x", "printf -v PATH x", "printf x", "unset PATH", "declare -x A=1", "typeset a", "local a", "readonly a", "mapfile a", "getopts a b",
			"let a=1", "chdir /", "setvar a b", "wait", "bind x", "hash -p a b", "umask 0", "pushd /", "complete a", "a<<b", "a <<<b", "a <(b)", "a >(b)", "a >|b", "a<>b", "a # b", "a {fd}>b", "a 3>b", "a2>b", "echo a!b", "echo \"a!b\"", "echo $'a'", "echo $\"a\"", ">f", "a >", "a > > b",
			"echo @(a)", "a=(b)", strings.Repeat("a ", 3000)},
	} {
		for _, text := range texts {
			if got := MannerOf(text); got != want {
				t.Errorf("%q: %d, want %d", text, got, want)
			}
		}
	}
}
