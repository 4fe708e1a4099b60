package policy

import (
	"path"
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// shellNames are variables that bash itself reads, or that turn an assignment into an evaluation (SECONDS is
// arithmetic). Assigning one changes what later commands mean, exported or not.
var shellNames = set(`PATH IFS ENV PS0 PS1 PS2 PS3 PS4 CDPATH SHELLOPTS GLOBIGNORE FIGNORE MAIL MAILPATH MAILCHECK INPUTRC
	HOME PWD OLDPWD TMPDIR EDITOR VISUAL PAGER BROWSER FCEDIT EXECIGNORE POSIXLY_CORRECT LINENO RANDOM SRANDOM SECONDS
	OPTIND OPTARG UID EUID PPID GROUPS DIRSTACK FUNCNAME FUNCNEST HOSTFILE TIMEFORMAT TMOUT IGNOREEOF COPROC MAPFILE
	HISTFILE HISTCONTROL HISTIGNORE HISTSIZE HISTFILESIZE HISTCMD HISTTIMEFORMAT histchars SHELL TERM TERMINFO
	TERMCAP INSIDE_EMACS EPOCHSECONDS EPOCHREALTIME CHILD_MAX EMACS LOCPATH NLSPATH GCONV_PATH TEXTDOMAIN TEXTDOMAINDIR _`)

// toolPrefixes begin the variables of loaders and of programs that take commands, files or endpoints from them. A
// plain assignment is refused as well, because it changes a variable that is already exported.
var toolPrefixes = []string{"BASH", "LD_", "DYLD_", "PROMPT_", "COMP_", "READLINE_", "EXECKIT", "GIT_", "SSH_", "GPG", "GNUPG",
	"PYTHON", "PERL", "RUBY", "NODE_", "NPM_", "YARN_", "JAVA_", "JDK_", "_JAVA", "MAVEN_", "GRADLE_", "CARGO", "RUST", "GOROOT",
	"GOPATH", "GOFLAGS", "GOPROXY", "GOENV", "GOTOOL", "GOCACHE", "CGO_", "DOCKER_", "BUILDKIT", "BUILDX", "COMPOSE_", "KUBE", "HELM_", "SYSTEMD_", "LESS",
	"MAN", "TAPE", "DEBUGINFOD", "AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "TF_", "CURL_", "WGET", "TAR_", "RSYNC_", "RIPGREP_", "OPENSSL", "SSL_", "PG",
	"MYSQL", "REDISCLI", "PIP_", "VIRTUAL_", "PYTEST", "MAKE", "GNUMAKE", "CC", "CXX", "LUA_", "PHP", "R_", "JULIA_", "DOTNET_", "NUGET",
	"XDG_", "DBUS_", "QT_", "GTK_", "GIO_", "WINE", "SUDO_", "ANSIBLE_", "VAULT_", "CONSUL_", "NOMAD_", "BAT_", "FZF_", "GLIBC_", "MALLOC_",
	"RES_", "RESOLV_", "HOSTALIASES", "LOCALDOMAIN", "NIS_", "PERF_", "GDB", "VIM", "EXINIT", "MORE", "GREP_", "GZIP", "XZ_", "ZSTD_", "BZIP"}

// exportTails end the names of variables that programs take commands, files or options from. They matter only for
// variables that programs see.
var exportTails = []string{"PATH", "HOME", "PAGER", "EDITOR", "OPTS", "OPTIONS", "OPT", "OPTION", "CONFIG", "CONF", "CFG", "PRELOAD", "CMD",
	"COMMAND", "SHELL", "WRAPPER", "DIFF", "EXEC", "FLAGS", "INIT", "STARTUP", "RC", "LIB", "LIBS", "LIBRARY", "HOOK", "HOOKS",
	"BROWSER", "ASKPASS", "LINKER", "RUNNER", "PLUGIN", "PLUGINS", "MODULE", "MODULES", "LOADER", "ENGINE", "ENGINES", "PROXY", "HOST",
	"DIR", "ROOT", "PROGRAM", "COMPILER", "LD", "AS", "AR", "CPP", "OPEN", "CLOSE", "PROFILE", "ENDPOINT", "SERVER", "SOCKET", "PREFIX",
	"ARGS", "FILE", "BIN", "TOOL", "SCRIPT", "URL", "INCLUDE", "SERVICE", "VIEWER", "FORMATTER", "AGENT"}

// assignReason says why a variable may not be assigned, or "". exported is set for what programs will see.
func (p *Policy) assignReason(name string, exported bool) string {
	for _, re := range p.envDeny {
		if re.MatchString(name) {
			return "the policy refuses the variable " + name
		}
	}
	if harmlessNames[name] {
		return ""
	}
	if shellNames[name] {
		return name + " changes how the shell or every program works"
	}
	upper := strings.ToUpper(name)
	for _, pre := range toolPrefixes {
		if strings.HasPrefix(upper, pre) {
			return name + " may make a program run something else"
		}
	}
	if strings.HasSuffix(upper, "PAGER") || strings.HasSuffix(upper, "EDITOR") || strings.HasSuffix(upper, "_PRELOAD") {
		return name + " may make a program run something else"
	}
	if exported {
		for _, t := range exportTails {
			if strings.HasSuffix(upper, t) && (len(upper) == len(t) || upper[len(upper)-len(t)-1] == '_' || len(t) > 3) {
				return name + " may make a program run something else"
			}
		}
	}
	return ""
}

// harmlessNames begin or end like the others and only say how much a program prints, or which of its own modes it takes.
var harmlessNames = set(`NODE_ENV CGO_ENABLED RUST_LOG RUST_BACKTRACE PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONHASHSEED GIT_TERMINAL_PROMPT
	DOCKER_BUILDKIT CARGO_TERM_COLOR PIP_NO_INPUT PIP_DISABLE_PIP_VERSION_CHECK TF_IN_AUTOMATION TF_INPUT`)

// harmlessValues are values that may stand before one command in a variable that is refused otherwise.
var harmlessValues = map[string]*regexp.Regexp{
	"PAGER": noPager, "GIT_PAGER": noPager, "AWS_PAGER": noPager, "SYSTEMD_PAGER": noPager, "MANPAGER": noPager,
	"TERM":        regexp.MustCompile(`^(dumb|linux|vt100|xterm(-256color)?)$`),
	"AWS_REGION":  regexp.MustCompile(`^[a-z]+(-[a-z]+)+-[0-9]$`), // more would end up in the name of the host
	"GOTOOLCHAIN": regexp.MustCompile(`^local$`),
	"GOFLAGS":     regexp.MustCompile(`^-mod=(readonly|vendor)$`),
}

var noPager = regexp.MustCompile(`^(cat)?$`)

// settles reports whether a variable that is refused may stand before a command: its value is harmless, or it is IFS for
// read alone, which splits what it reads by it.
func (p *Policy) settles(a command.Assign, words []command.Word) bool {
	for _, re := range p.envDeny {
		if re.MatchString(a.Name) {
			return false
		}
	}
	if a.Name == "IFS" && words[0].Static && words[0].Value == "read" {
		return a.Value.Static && !a.Append && !a.Array
	}
	values := harmlessValues[strings.Replace(a.Name, "AWS_DEFAULT_", "AWS_", 1)]
	return values != nil && a.Value.Static && !a.Append && !a.Array && values.MatchString(a.Value.Value)
}

// writeReason says why a file may not be written, or "".
func (p *Policy) writeReason(target string, cdUsed bool) string {
	switch target {
	case "/dev/null", "/dev/stdout", "/dev/stderr":
		return ""
	}
	if strings.HasPrefix(target, "/dev/") || strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/") {
		return "writing to " + target + " is never granted"
	}
	for _, el := range strings.Split(target, "/") {
		if el == ".." {
			// A link in the path makes .. lead elsewhere than the text says.
			return "the path leads upwards"
		}
	}
	c := path.Clean(target)
	if !path.IsAbs(c) && cdUsed {
		return "the path is relative and the directory was changed"
	}
	for _, w := range p.write {
		if c == w || w == "/" || strings.HasPrefix(c, w+"/") || w == "." && !path.IsAbs(c) {
			return ""
		}
	}
	return "writing to " + target + " is not granted"
}

// EnvReason returns why a command must not be given the exported variable name, or "".
func (p *Policy) EnvReason(name string) string { return p.assignReason(name, true) }
