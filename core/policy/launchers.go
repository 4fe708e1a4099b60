package policy

import (
	"strings"

	"github.com/execkit/execkit/core/command"
)

// A launcher runs another command that its arguments hold. Options that it does not list are refused, because they
// may take the next word or run something themselves.
type launcher struct {
	flags   string // short options without a value
	values  string // short options with one
	longs   string // long options, those with a value end in =
	skip    int    // words between the options and the command
	makes   bool   // the skipped word is a file that it makes
	assigns bool   // NAME=value words may come first
	dynamic bool   // words come from elsewhere and are appended (xargs)
	alone   bool   // does something harmless when it is given no command
}

var launchers = map[string]launcher{
	"env":     {flags: "i0v", values: "u", longs: "ignore-environment null debug unset=", assigns: true, alone: true},
	"xargs":   {flags: "0rtx", values: "nLPsdIa", longs: "null arg-file= no-run-if-empty verbose exit max-args= max-lines= max-procs= max-chars= delimiter=", dynamic: true, alone: true},
	"timeout": {flags: "v", values: "sk", longs: "foreground preserve-status verbose signal= kill-after=", skip: 1},
	"nice":    {flags: "0123456789", values: "n", longs: "adjustment=", alone: true},
	"ionice":  {flags: "t", values: "cn", longs: "ignore class= classdata="},
	"chrt":    {flags: "bfior", values: "", longs: "batch fifo idle other rr", skip: 1},
	"nohup":   {},
	"setsid":  {flags: "cfw", longs: "ctty fork wait"},
	"stdbuf":  {values: "ioe", longs: "input= output= error="},
	"taskset": {flags: "", longs: "", skip: 1},
	"setarch": {flags: "vR3", longs: "", skip: 0},
	"time":    {flags: "pv", longs: "portability verbose"},
	"command": {flags: "", longs: ""},
	"builtin": {},
	"sudo":    {flags: "nkK", longs: "non-interactive"},
	"doas":    {flags: "n"},
	"chronic": {}, "unbuffer": {}, "caffeinate": {},
	"watch": {flags: "dtbecgx", values: "n", longs: "differences no-title interval= exec"},
	"flock": {flags: "nsxu", values: "w", longs: "nonblock shared exclusive timeout=", skip: 1, makes: true},
	"exec":  {}, "catchsegv": {}, "eatmydata": {}, "fakeroot": {}, "faketime": {skip: 1}, "strace": {}, "ltrace": {},
	"unshare": {}, "nsenter": {}, "chroot": {skip: 1}, "runuser": {}, "su": {}, "script": {}, "parallel": {}, "rlwrap": {},
	"systemd-run": {}, "systemd-inhibit": {}, "prlimit": {}, "numactl": {}, "setpriv": {}, "firejail": {}, "bwrap": {}, "dbus-run-session": {},
	"busybox": {}, "toybox": {}, "proot": {}, "pkexec": {}, "gosu": {skip: 1}, "tini": {}, "dumb-init": {}, "start-stop-daemon": {}, "run-parts": {}, "entr": {}, "xvfb-run": {}, "cgexec": {}, "chpst": {}, "softlimit": {}, "setuidgid": {skip: 1}, "torsocks": {}, "proxychains": {}, "valgrind": {}, "perf": {}, "i386": {}, "linux32": {}, "linux64": {}, "uclampset": {}, "coresched": {}, "choom": {}, "trickle": {}, "ssh-agent": {}, "git-shell": {}, "hyperfine": {}, "multitime": {}, "ts-node": {}, "npx": {}, "pnpx": {}, "bunx": {}, "uvx": {}, "pipx": {}, "direnv": {}, "aws-vault": {}, "op": {}, "doppler": {}, "dotenv": {}, "foreman": {}, "poetry": {}, "pipenv": {}, "uv": {}, "conda": {}, "bundle": {}, "mise": {}, "asdf": {}, "nix-shell": {}, "nix": {}, "guix": {},
	"aa-exec": {}, "capsh": {}, "cpulimit": {}, "setlock": {skip: 1}, "sg": {}, "grc": {}, "torify": {}, "openvt": {}, "systemd-cat": {}, "systemd-socket-activate": {}, "envdir": {skip: 1}, "s6-setuidgid": {skip: 1}, "xterm": {}, "gnome-terminal": {}, "konsole": {},
	"tmate": {}, "watchexec": {}, "nodemon": {}, "sem": {}, "pee": {}, "ifne": {}, "ccache": {}, "distcc": {}, "bear": {}, "rr": {}, "uftrace": {}, "heaptrack": {}, "gdbserver": {}, "pexec": {}, "ksu": {}, "asciinema": {}, "msgfilter": {}, "sshpass": {}, "rsh": {}, "pdsh": {}, "pssh": {}, "mosh": {}, "autossh": {},
}

// subcommands of launchers come before the program that they start, where an entry names one.
var subcommands = map[string]string{"bundle": "exec", "poetry": "run", "pipenv": "run", "uv": "run", "conda": "run", "mise": "exec x", "asdf": "exec", "doppler": "run", "op": "run"}

// inner returns where the inner command of a launcher begins, or a reason why that cannot be told. At len(args) there
// is none. cdUsed says that a relative path may not be what it seems.
func (l launcher) inner(p *Policy, words []command.Word, granted int, cdUsed bool) (int, string) {
	i := 1
	skip := l.skip
	unsets := func(name string) string {
		if !l.assigns || name == "" {
			return ""
		}
		return p.assignReason(name, false) // what a session sets keeps programs from starting editors and pagers
	}
	for i < len(words) {
		at, w := i, words[i]
		if !w.Static {
			return 0, "what " + words[0].Value + " starts is not known"
		}
		v := w.Value
		switch {
		case v == "--":
			i++
			if i < len(words) && skip == 0 {
				return i, ""
			}
			continue
		case strings.HasPrefix(v, "--"):
			name, val, has := strings.Cut(v[2:], "=")
			longs := " " + l.longs + " "
			switch {
			case strings.Contains(longs, " "+name+" ") && !has:
			case strings.Contains(longs, " "+name+"= "):
				if !has {
					if i++; i < len(words) {
						val = words[i].Value
					}
				}
				if why := unsets(val); why != "" && name == "unset" && i >= granted {
					return 0, why
				}
			case i < granted:
			default:
				return 0, "the option " + v + " of " + words[0].Value + " is not granted"
			}
		case strings.HasPrefix(v, "-") && len(v) > 1:
			for k := 1; k < len(v); k++ {
				if strings.IndexByte(l.values, v[k]) >= 0 {
					val := v[k+1:]
					if k == len(v)-1 {
						if i++; i < len(words) {
							val = words[i].Value
						}
					}
					if why := unsets(val); why != "" && i >= granted {
						return 0, why
					}
					break
				}
				if strings.IndexByte(l.flags, v[k]) < 0 && i >= granted {
					return 0, "the option " + v + " of " + words[0].Value + " is not granted"
				}
			}
		case l.assigns && strings.Contains(v, "="):
			name, _, _ := strings.Cut(v, "=")
			if i >= granted {
				if why := p.assignReason(name, true); why != "" {
					return 0, why
				}
			}
		case skip > 0:
			if l.makes && i >= granted {
				if why := p.writeReason(v, cdUsed); why != "" {
					return 0, why
				}
			}
			skip--
		default:
			return i, ""
		}
		for _, w := range words[at+1 : min(i+1, len(words))] {
			if !oneWord(w) {
				return 0, severalWords(v)
			}
		}
		i++
	}
	return len(words), ""
}
