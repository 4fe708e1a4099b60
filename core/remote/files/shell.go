package files

import (
	"fmt"
	"strings"
)

// What the clerk knows. Everything is POSIX but for what is tried out first: stat and readlink (else ls tells), find
// -printf, dd iflag=fullblock or head -c (else contents come as octal text), and mv -T.
//
// # How it stays where it is
//
// ek_in goes to a directory and asks the kernel, through a program that is not the shell, where it has arrived; only the very
// path that was meant, free of links, is accepted. From there everything is a single name of the working directory,
// which stays the same directory whatever takes its name. A file is read through one descriptor, whose path
// /proc tells; without /proc, what it was before and after is compared. It is written beside, under a name that
// nobody can guess, and renamed. The mv -T of busybox takes a link to a directory for one and refuses, and that of coreutils
// refuses to put a link where the file is to which it leads; there, and where there is no -T, what is in its place is removed
// before.
//
// A signal that comes while the shell is about to leave runs ek_bye itself: an exit inside the EXIT trap skips the rest of it.
//
// The results of ek_e are statuses: 0, or one of those below.
const (
	statusGone       = 40 // there is no such directory
	statusMoved      = 41 // another directory than was meant
	statusClosed     = 42 // it cannot be read
	statusSwapped    = 43 // the descriptor is another file's
	statusWrite      = 44 // it cannot be written
	statusShort      = 45
	statusOwner      = 46
	statusChanged    = 47 // not what was expected
	statusRename     = 48
	statusLinks      = 50 // the file has other names
	statusLost       = 51 // the clerk ended, since it cannot know what of its input is content
	statusUnverified = 10 // read, but only what it was before and after tells whether it was the one
)

// findFormat is what ek_scan prints of an entry, after a letter for its kind.
const findFormat = `%m %U %G %s %D %i %n %T@ %C@ %p\0%l\0`

// statFormat is the same of one name. %y and %z have the parts of a second.
const statFormat = `%f %u %g %s %d %i %h %Y %Z %y|%z|%n`

// library is the text of the functions. Newlines become spaces.
var library = strings.NewReplacer("\n", " ", "\t", "", "STATFORMAT", statFormat, "FINDFORMAT", findFormat, "HUNDRED", hundred()).Replace(`
unset -f cat cd chmod chown date dd echo env find head kill id ln ls mkdir mv printf pwd read readlink rm rmdir stat sync tr 2>/dev/null;
PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/run/current-system/sw/bin; export PATH; TZ=UTC0; export TZ;
ek_w=$(printf "\n."); ek_w=${ek_w%.}; ek_t= ek_back= ek_dir= ek_sync=;
ek_bye() { trap "" HUP INT TERM PIPE; [ "$ek_t" ] && rm -f -- "./$ek_t"; ek_t=; ek_wd; };
trap ek_bye EXIT; trap "ek_bye; exit 1" HUP INT TERM PIPE;
ek_uid=$(id -u 2>/dev/null) || ek_uid=x;
ek_stat=ls; [ "$(stat -c "%a %F" / 2>/dev/null)" ] && ek_stat=stat;
ek_link=ls; command -v readlink >/dev/null 2>&1 && ek_link=readlink;
ek_find=; [ "$(find / -prune -printf x 2>/dev/null)" = x ] && ek_find=yes;
ek_T=; case $(mv -fT /nonexistent/a /nonexistent/b 2>&1) in *ption*|*sage*|*"ot found"*);; *) ek_T=-T;; esac;
ek_how=text;
[ "$(printf "abcdef\n" | { dd bs=3 count=1 iflag=fullblock 2>/dev/null; echo :; read -r ek_x; echo "$ek_x"; })" = "abc:${ek_w}def" ] && ek_how=dd;
[ $ek_how = text ] && [ "$(printf "abcdef\n" | { head -c 3 2>/dev/null; echo :; read -r ek_x; echo "$ek_x"; })" = "abc:${ek_w}def" ] && ek_how=head;
ek_v() { ek_x=$(printf "$1."); ek_x=${ek_x%.}; };
ek_here() { ek_x=$(env pwd -P 2>/dev/null; echo .); [ "$ek_x" = "$1$ek_w." ]; };
ek_in() { ek_dir=$1; cd / && cd -P -- "$1" 2>/dev/null || { [ -d "$1" ] && return 42; return 40; }; ek_here "$1" || return 41; };
ek_call() { ek_in "$2"; ek_x=$?; ek_q=$1; shift 2; "$ek_q" "$ek_x" "$@"; };
ek_mode() { ek_m=0;
	case $1 in -*) ek_m=32768;; d*) ek_m=16384;; l*) ek_m=40960;; p*) ek_m=4096;; s*) ek_m=49152;; c*) ek_m=8192;; b*) ek_m=24576;; esac;
	ek_b=256; set -- "${1#?}"; for ek_p in 1 2 3 4 5 6 7 8 9; do ek_s=$ek_p${1%"${1#?}"}; set -- "${1#?}";
	case $ek_s in ?-|3[ST]|6[ST]|9[ST]) ;; *) ek_m=$((ek_m+ek_b));; esac;
	case $ek_s in 3[sS]) ek_m=$((ek_m+2048));; 6[sS]) ek_m=$((ek_m+1024));; 9[tT]) ek_m=$((ek_m+512));; esac; ek_b=$((ek_b/2)); done; };
ek_ls1() { ls -dlin "./$1" 2>/dev/null | { IFS=" " read -r ek_i ek_j ek_h ek_u ek_g ek_z ek_r || exit 0; ek_o=${ek_r%% ./*}; ek_mode "$ek_j";
	case $ek_z in *,) ek_z=0;; esac; printf "%x %s %s %s 0 %s %s 0 0 %s||%s\n" $ek_m "$ek_u" "$ek_g" "$ek_z" "$ek_i" "$ek_h" "$ek_o" "$1"; }; };
ek_st() { if [ $ek_stat = ls ]; then for ek_q; do ek_ls1 "$ek_q"; done; return; fi;
	while [ $# -ge 100 ]; do stat -c "STATFORMAT" -- HUNDRED 2>/dev/null; shift 100; done;
	[ $# -gt 0 ] && stat -c "STATFORMAT" -- "$@" 2>/dev/null; };
ek_rl() { if [ $ek_link = readlink ]; then readlink -n -- "./$1"; else ek_x=$(ls -ld "./$1" 2>/dev/null; echo .); ek_x=${ek_x#*" ./$1 -> "}; printf "%s" "${ek_x%"$ek_w".}"; fi; ek_e $?; };
ek_ls() { [ -r . ] && [ -x . ] || ls . >/dev/null 2>&1 || { ek_e 42; ek_e 42; return; }; set -- * .[!.]* ..?*; printf "%s\000" "$@"; ek_e 0; ek_st "$@"; ek_e 0; };
ek_self() { [ "$1" = 0 ] && ek_st .; ek_e 0; ek_e "$1"; };
ek_stat1() { if [ "$1" = 0 ]; then ek_st "$2"; ek_e 0; if [ -L "./$2" ]; then ek_rl "$2"; else ek_e 0; fi; else ek_e "$1"; ek_e "$1"; fi; };
ek_links() { ek_z=$1; shift; for ek_y; do if [ "$ek_z" = 0 ]; then ek_rl "$ek_y"; else ek_e "$ek_z"; fi; done; };
ek_mkroot() { [ "$1" = 0 ] && (umask 022; mkdir -- "./$2") 2>/dev/null; ek_e $?; };
ek_list() { ek_in "$1"; ek_x=$?; if [ $ek_x = 0 ]; then ek_ls; else ek_e $ek_x; ek_e $ek_x; fi; };
ek_scan() { ek_in "$1"; ek_x=$?; [ $ek_x = 0 ] || { ek_e $ek_x; return; };
	find . -xdev -mindepth 1 \( -type d \( ! -readable -o ! -executable \) -prune -printf "uFINDFORMAT" -o -printf "%yFINDFORMAT" \) 2>/dev/null; ek_e $?; };
ek_now() { if [ "$1" = - ]; then ! [ -e "./$2" ] && ! [ -L "./$2" ]; return; fi;
	if [ $ek_stat = ls ]; then ek_x=$(ek_ls1 "$2") && set -- "$1" $ek_x && ek_x="$2 $6 $7 $5 x"; else ek_x=$(stat -c "%f %d %i %s %Y %y" -- "./$2" 2>/dev/null); fi;
	case $ek_x in $1) return 0;; esac; return 1; };
ek_plain() { for ek_q; do [ -f "./$ek_q" ] && ! [ -L "./$ek_q" ] || return 1; done; };
ek_group() { if [ "$1" = 0 ]; then shift; ek_plain "$@" && { ek_st "$@"; ek_e 0; cat -- "$@" 2>/dev/null; ek_e 0; ek_st "$@"; ek_e 0; return; }; fi; ek_e 43; ek_e 43; ek_e 43; };
ek_one() { if [ "$1" != 0 ]; then ek_e "$1"; ek_e "$1"; ek_e "$1"; return; fi;
	ek_st "$2"; ek_e 0; ek_x=43; ek_plain "$2" && { { ek_fd "$2" <&5; ek_x=$?; } 5<"./$2"; } 2>/dev/null || { [ $ek_x != 43 ] || { ek_x=43; [ -r "./$2" ] || ek_x=42; }; }; ek_e $ek_x; ek_st "$2"; ek_e 0; };
ek_fd() { ek_x=; [ $ek_link = readlink ] && ek_x=$(readlink -n /proc/self/fd/5 2>/dev/null; echo .);
	case $ek_x in ""|.) cat <&5 && return 10; return 42;; "${ek_dir%/}/$1.") cat <&5 && return 0; return 42;; esac; return 43; };
ek_recv() { case $ek_how in dd) dd bs="$1" count=1 iflag=fullblock 2>/dev/null;; *) head -c "$1";; esac; };
ek_missing() { for ek_q in cat chmod env ls mkdir mv pwd rm rmdir; do command -v "$ek_q" >/dev/null 2>&1 || { echo "$ek_q"; return; }; done; };
ek_lost() { ek_bye; ek_e 51; exit 1; };
ek_wr() { ek_back=; [ -w . ] || { ek_back=$(stat -c %a . 2>/dev/null) && chmod u+rwx . 2>/dev/null || ek_back=; }; };
ek_wd() { [ "$ek_back" ] && chmod "$ek_back" .; ek_back=; };
ek_begin() { ek_ok=$1; ek_name=$2; [ "$ek_ok" = 0 ] || return; ek_wr; ek_t=$3; (set -C; : >"./$ek_t") 2>/dev/null || { ek_t=; ek_ok=44; }; };
ek_data() { if [ "$ek_ok" = 0 ]; then ek_recv "$1" >>"./$ek_t" || ek_lost; else ek_recv "$1" >/dev/null || ek_lost; fi 2>/dev/null; };
ek_text() { [ "$ek_ok" = 0 ] || return; printf "$1" >>"./$ek_t" || ek_ok=44; };
ek_hole() { [ "$ek_ok" = 0 ] || return; dd if=/dev/null of="./$ek_t" bs=1 seek="$1" 2>/dev/null && return; ek_size;
	head -c $(($1-ek_x)) /dev/zero >>"./$ek_t" 2>/dev/null && return; ek_size;
	ek_z=$(($1-ek_x)); while [ $ek_z -ge 512 ]; do printf "%0512d" 0 | tr 0 "\000" >>"./$ek_t" || ek_ok=44; ek_z=$((ek_z-512)); done; while [ $ek_z -gt 0 ]; do printf "\000" >>"./$ek_t" || ek_ok=44; ek_z=$((ek_z-1)); done; };
ek_size() { ek_q=$(ek_st "$ek_t"); ek_q=${ek_q#* * * }; ek_x=${ek_q%% *}; };
ek_owner() { [ "$ek_uid" = 0 ] && [ "$1" ] || return 0; chown -h "$1" "./$2" 2>/dev/null; };
ek_mv() { mv -f $ek_T -- "./$ek_t" "./$ek_name" 2>/dev/null; };
ek_put() { ek_here "$ek_dir" || { ek_ok=41; return; }; ek_now "$1" "$ek_name" || { ek_ok=47; return; };
	if [ "$2" ]; then ln -- "./$ek_t" "./$ek_name" 2>/dev/null || { ek_ok=48; ek_now - "$ek_name" || ek_ok=47; return; };
	else if ! [ "$ek_T" ]; then if [ -L "./$ek_name" ]; then rm -f -- "./$ek_name"; elif [ -d "./$ek_name" ]; then ek_ok=47; return; fi; fi;
	ek_mv || { { [ -L "./$ek_name" ] || [ -L "./$ek_t" ]; } && rm -f -- "./$ek_name" && ek_mv; } || { ek_ok=48; return; }; fi;
	if [ "$2" ]; then rm -f -- "./$ek_t"; fi;
	if [ -e "./$ek_name/$ek_t" ] || [ -L "./$ek_name/$ek_t" ]; then rm -f -- "./$ek_name/$ek_t"; ek_ok=47; fi; ek_t=; ek_here "$ek_dir" || ek_ok=41; };
ek_done() { [ "$ek_ok" = 0 ] || { [ "$ek_t" ] && rm -f -- "./$ek_t"; }; ek_t=; [ "$ek_ok" = 40 ] || ek_wd; ek_e "$ek_ok"; };
ek_finish() { if [ "$ek_ok" = 0 ]; then ek_size; [ "$ek_x" = "$1" ] || ek_ok=45; fi;
	if [ "$ek_ok" = 0 ]; then ek_owner "$3" "$ek_t" || ek_ok=46; fi; if [ "$ek_ok" = 0 ]; then chmod "$2" "./$ek_t" 2>/dev/null || ek_ok=46; fi;
	if [ "$ek_ok" = 0 ] && [ "$6" ]; then ek_flush "$ek_t" || ek_ok=44; fi;
	if [ "$ek_ok" = 0 ]; then ek_put "$4" "$5"; fi; ek_done; };
ek_flush() { [ "$ek_sync" ] || case $(sync --help 2>&1) in *FILE*) ek_sync=yes;; *) ek_sync=no;; esac; [ $ek_sync = no ] || sync -- "./$1" 2>/dev/null; };
ek_sym() { ek_ok=$1; ek_name=$2; if [ "$ek_ok" = 0 ]; then ek_wr; ek_t=$3; ln -s -- "$4" "./$ek_t" 2>/dev/null || { ek_t=; ek_ok=44; }; fi;
	if [ "$ek_ok" = 0 ]; then ek_owner "$5" "$ek_t" || ek_ok=46; fi; if [ "$ek_ok" = 0 ]; then ek_put "$6" ""; fi; ek_done; };
ek_rm() { ek_ok=$1; if [ "$ek_ok" = 0 ]; then ek_wr; if ! ek_now "$3" "$2"; then ek_ok=47; elif [ "$4" ]; then rmdir -- "./$2" 2>/dev/null || ek_ok=44; else rm -f -- "./$2" 2>/dev/null || ek_ok=44; fi; fi; ek_done; };
ek_mk() { ek_ok=$1; if [ "$ek_ok" = 0 ]; then ek_wr; if ! ek_now - "$2"; then ek_ok=47; else mkdir -- "./$2" 2>/dev/null && ek_owner "$3" "$2" || ek_ok=44; fi; fi; ek_done; };
ek_ch() { ek_ok=$1; if [ "$ek_ok" = 0 ]; then if ! ek_now "$5" "$2"; then ek_ok=47; elif [ "$6" ]; then ek_chdir "$@"; else ek_chfile "$@"; fi; fi; ek_done; };
ek_chfile() { ek_q=$(ek_st "$2"); ek_q=${ek_q#* * * * * * }; [ "${ek_q%% *}" -le 1 ] || { ek_ok=50; return; };
	ek_owner "$4" "$2" && chmod "$3" "./$2" 2>/dev/null || { ek_ok=46; return; }; [ -f "./$2" ] && ! [ -L "./$2" ] || ek_ok=47; };
ek_chdir() { ek_owner "$4" "$2" || { ek_ok=46; return; };
	if cd -P "./$2" 2>/dev/null; then if ek_here "${ek_dir%/}/$2"; then chmod "$3" . 2>/dev/null || ek_ok=46; else ek_ok=47; fi;
	else [ -L "./$2" ] && { ek_ok=47; return; }; chmod "$3" "./$2" 2>/dev/null || ek_ok=46; fi; };
ek_real() { ek_j=0; ek_p=$1;
	while :; do case $ek_p in */*) ek_q=${ek_p%/*};; *) ek_q=.;; esac; ek_b=${ek_p##*/};
	cd -P -- "${ek_q:-/}" 2>/dev/null || return 40; ek_x=$(env pwd -P 2>/dev/null; echo .); ek_q=${ek_x%"$ek_w".}; ek_q=${ek_q%/};
	case $ek_b in ""|.|..) cd -P "./$ek_b" 2>/dev/null || return 40; ek_x=$(env pwd -P 2>/dev/null; echo .); ek_x=${ek_x%"$ek_w".}; printf "%s" "$ek_x"; return 0;; esac;
	if ! [ -L "./$ek_b" ]; then printf "%s/%s" "$ek_q" "$ek_b"; [ -e "./$ek_b" ]; return; fi;
	ek_j=$((ek_j+1)); [ $ek_j -le 40 ] || return 44; ek_p=$(ek_n=; ek_e() { :; }; ek_rl "$ek_b"; echo .); ek_p=${ek_p%"$ek_w"}; ek_p=${ek_p%.}; case $ek_p in /*) ;; *) ek_p="./$ek_p";; esac; done; };
`)

// hundred are the first hundred arguments of a function.
func hundred() string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, `"${%d}" `, i+1)
	}
	return b.String()
}

// words returns the text of words that stand for any bytes but NUL, and what has to be evaluated before.
func words(list ...string) (before, text string) {
	var pre, b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		if plain(s) {
			b.WriteString("'" + strings.ReplaceAll(s, "'", `'\''`) + "'")
			continue
		}
		fmt.Fprintf(&pre, "ek_v '%s'; ek_a%d=$ek_x; ", octal([]byte(s)), i)
		fmt.Fprintf(&b, `"$ek_a%d"`, i)
	}
	return pre.String(), b.String()
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// call returns the line that calls a function.
func call(function string, arguments ...string) string {
	before, text := words(arguments...)
	return before + function + " " + text
}

// in returns the line that calls a function in a directory: its first argument tells whether that was entered.
func in(dir, function string, arguments ...string) string {
	before, text := words(append([]string{dir}, arguments...)...)
	return before + "ek_call " + function + " " + text
}

// octal returns bytes as printf takes them in its first argument.
func octal(p []byte) string {
	var b strings.Builder
	for _, c := range p {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/' || c == '.' || c == '_' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String()
}
