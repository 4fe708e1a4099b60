package remote

import (
	"fmt"
	"strings"

	"github.com/execkit/execkit/core/engine"
)

// boot is the program that every shell on a target starts as. It holds nothing that a login shell of any kind would
// read as its own, and takes the rest from its input: not its arguments, which every user of the machine can read.
var boot = []string{"sh", "-c", `IFS= read -r ek_l && eval "$ek_l"`}

// halves returns a nonce's digits in two parts, so that what is sent does not hold it: a program that gives back its
// own input would be taken for a shell.
func halves(nonce uint64) string {
	digits := prefixOf(nonce)
	return digits[:8] + ` ` + digits[8:]
}

// caught are signals that a command may send to its parent. They are caught and not ignored, which the shell below
// would inherit.
const caught = "HUP INT QUIT TERM USR1 USR2 ALRM PIPE"

// notOurs are variables of the login that would change how the session's shell starts or behaves.
const notOurs = "ENV BASH_ENV PROMPT_COMMAND PS1 TIMEFORMAT POSIXLY_CORRECT OLDPWD"

// supervise is the line that makes the program a session's supervisor. It tells about itself, with the nonce hello,
// runs the first of the shells that is there, and tells with the nonce exit how that ended. What bash prints about its
// child tells a shell that a signal ended from one that exited with 128+n. The tag is in the shell's environment from
// the start, so that the shell itself is found by it.
func supervise(shells []string, tag string, hello, exit uint64) string {
	var find strings.Builder
	for _, shell := range shells {
		fmt.Fprintf(&find, `ek_try %s %s||`, engine.Quote(shell), appletOf(shell))
	}
	return `ek_tell() { printf "%s%s$1\n" $2; }; ` +
		`ek_try() { ek_s=$(command -v "$1" 2>/dev/null) && ek_v=$("$ek_s" $2 -c 'if [ "$BASH_VERSION" ]; then echo "v$BASH_VERSION"; else echo "v$(echo -e)"; fi' 2>/dev/null </dev/null) && ek_a=$2; }; ` +
		`unset ` + notOurs + `; export ` + tagName + `=` + tag + `; trap : ` + caught + `; ek_a= ek_v=; ` +
		find.String() + `ek_s=; ek_n=no; kill -0 -$$ 2>/dev/null && ek_n=yes; ` +
		`ek_tell 000 "` + halves(hello) + `"; echo "$$"; echo "$ek_n"; echo "$ek_v"; echo "$ek_s"; ` +
		`ek_tell 000 "` + halves(hello) + `"; ek_tell 000 "` + halves(hello) + `"; [ "$ek_s" ] || exit 127; ` +
		`exec 3>&1 4>&2; case $ek_v in v|v-e) ek_o=-i;; v[1-3].*|v4.[0-3]*) ek_o="--posix ` + (*bashDialect)(nil).arguments() + `";; *) ek_o="` + (*bashDialect)(nil).arguments() + `";; esac; ` +
		`ek_m=$("$ek_s" $ek_a -c 'trap : ` + caught + `;"$@" >/dev/null 2>/dev/null 8>&3 9>&4 3>&- 4>&-;exit $?' sh "$ek_s" $ek_a $ek_o 2>&1); ek_r=$?; ` +
		`[ "$ek_m" ] && [ $ek_r -gt 128 ] && ek_r=$((ek_r+256)); ` +
		`ek_r=$(printf %03d $ek_r); ek_tell $ek_r "` + halves(exit) + `" >&4; ek_tell $ek_r "` + halves(exit) + `"` + "\n"
}

// appletOf is the argument that makes a program a shell, "" where it is one.
func appletOf(shell string) string {
	if shell == "busybox" || strings.HasSuffix(shell, "/busybox") {
		return "sh"
	}
	return ""
}

// signalled is what the supervisor adds to a status that a signal made.
const signalled = 256

// Greeting is what a supervisor or steward tells about itself.
type greeting struct {
	pid     int
	leader  bool // of its process group
	version string
	shell   string
}

func readGreeting(text string) (g greeting, ok bool) {
	lines := strings.SplitN(strings.TrimSuffix(text, "\n"), "\n", 4)
	if len(lines) < 4 || !strings.HasPrefix(lines[2], "v") && lines[2] != "" {
		return g, false
	}
	if _, err := fmt.Sscanf(lines[0], "%d", &g.pid); err != nil || g.pid < 1 {
		return g, false
	}
	g.leader, g.version, g.shell = lines[1] == "yes", strings.TrimPrefix(lines[2], "v"), lines[3]
	return g, true
}

// stewardFunctions are what the steward can do, in nothing but builtins. /proc is read where it is there.
//
// ek_all prints "pid state ppid pgrp session" of every process; a name may hold newlines and parentheses. ek_kill ends
// every process of a session or group, if it is given one, or the one of that number, which a login shell may have put
// into its own group; and every one that has the tag of ek_tag in its environment, whatever became of its parents. It says
// "gone", "left" or "unseen", the last where only the group could be reached.
const stewardFunctions = `ek_stat() { ek_b=; while IFS= read -r ek_p; do ek_b="$ek_b $ek_p"; done 2>/dev/null <"$1"; set -- ${ek_b##*)}; [ "$4" ] && echo "$ek_q $1 $2 $3 $4"; }; ` +
	`ek_all() { for ek_d in /proc/[0-9]*; do ek_q=${ek_d#/proc/}; ek_stat "$ek_d/stat"; done; }; ` +
	`ek_mine() { [ "$1" ] && ek_all | while read -r ek_q ek_s ek_b ek_p ek_d; do case $ek_s in [ZX]) continue;; esac; case " $ek_p $ek_d " in *" $1 "*) echo "$ek_q";; esac; done; ek_tagged; }; ` +
	`ek_tagged() { [ "$ek_tag" ] || return; if command -v grep >/dev/null 2>&1; then grep -ls "$ek_tag" /proc/[0-9]*/environ 2>/dev/null; else ek_read; fi | ` +
	`while IFS= read -r ek_d; do ek_d=${ek_d#/proc/}; echo "${ek_d%/environ}"; done; }; ` +
	`ek_read() { for ek_d in /proc/[0-9]*/environ; do while IFS= read -r ek_p; do case $ek_p in *"$ek_tag"*) echo "$ek_d"; break;; esac; done 2>/dev/null <"$ek_d"; done; }; ` +
	`ek_kill() { [ "$1" ] && { kill -KILL "-$1"; kill -KILL "$1"; } 2>/dev/null; if ! [ -r /proc/self/stat ]; then kill -0 "-$1" 2>/dev/null && echo left || echo unseen; return; fi; ` +
	`for ek_t in 1 2 3 4 5 6 7 8 9; do ek_m=$(ek_mine "$1"); [ "$ek_m" ] || { echo gone; return; }; kill -KILL $ek_m 2>/dev/null; done; echo left; }; ` +
	`ek_name() { { tr "\000\n" "  " </proc/"$1"/cmdline || { IFS= read -r ek_l </proc/"$1"/comm && echo "$ek_l"; }; } 2>/dev/null; }; ` +
	`ek_find() { ek_l=$ek_path:; while [ "$ek_l" ]; do ek_d=${ek_l%%:*}; ek_l=${ek_l#*:}; case $ek_d in /*) [ -f "$ek_d/$1" ] && [ -x "$ek_d/$1" ] && { echo "$ek_d/$1"; return; };; esac; done; }; `

// havePipes sets ek_n to yes where the program's streams are pipes that can be opened again through /proc: /proc is there,
// and the pipes are not another user's.
const havePipes = `[ -p /proc/$$/fd/0 ] && [ -p /proc/$$/fd/1 ] && [ -p /proc/$$/fd/2 ] && ` +
	`(: </proc/$$/fd/0 >/proc/$$/fd/1 3>/proc/$$/fd/2) 2>/dev/null && ek_n=yes; `

// serve is the line that makes the program a steward. It tells in the place of a leader whether it has pipes. When its input ends it kills
// what it still has in ek_g, groups with the tags of their shells, and ends what it has in ek_c.
func serve(hello uint64) string {
	return `ek_tell() { printf "%s%s000\n" $1; }; ek_g= ek_c= ek_tag=; trap "" HUP INT QUIT TERM USR1 USR2 ALRM PIPE; ` + stewardFunctions +
		`ek_n=no; ` + havePipes + `ek_tell "` + halves(hello) + `"; echo "$$"; echo "$ek_n"; echo v; echo steward; ek_tell "` + halves(hello) + `"; ` +
		`while IFS= read -r ek_l; do eval "$ek_l"; done; for ek_i in $ek_g; do ek_tag=` + tagName + `=${ek_i#*:}; ek_kill "${ek_i%%:*}" >/dev/null; done; for ek_i in $ek_c; do kill -TERM "-$ek_i" 2>/dev/null; done` + "\n"
}
