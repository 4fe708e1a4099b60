package semantic

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// readers are programs that show what is already there. A summary in their output is an old one.
var readers = strings.Fields("cat head tail less more most grep egrep fgrep zgrep rg ag ack sed awk gawk cut sort uniq wc tr find ls tree stat file diff cmp comm " +
	"echo printf jq yq man info cd pwd export set true : test [ strings xxd hexdump od tac nl column fold zcat bat journalctl dmesg history curl wget paste")

// logSubcommands make readers of programs that otherwise do things.
var logSubcommands = map[string][]string{
	"git": {"log", "show", "diff", "blame", "grep", "status"}, "docker": {"logs"}, "kubectl": {"logs", "describe", "get"}, "podman": {"logs"}, "gh": {"run", "pr", "issue"},
}

// wrappers run the program that follows them.
var wrappers = []string{"sudo", "env", "time", "nice", "nohup", "exec", "command", "stdbuf", "ionice", "npx", "bunx"}

// OnlyReads reports whether a command does no more than show what is already there, so that what its output says of
// tests and builds is no news. It looks at words and not at the shell's grammar; in doubt it says no.
func OnlyReads(command string) bool {
	found := false
	for _, part := range parts(command) {
		words := program(part)
		if len(words) == 0 {
			continue
		}
		found = true
		if slices.Contains(readers, words[0]) || len(words) > 1 && slices.Contains(logSubcommands[words[0]], words[1]) {
			continue
		}
		return false
	}
	return found
}

// parts cuts a command at what separates simple commands.
func parts(command string) []string {
	return strings.FieldsFunc(command, func(r rune) bool { return strings.ContainsRune(";|&\n(){}", r) })
}

// program returns the words of a simple command from the name of its program on, without assignments and wrappers.
func program(part string) []string {
	words := strings.Fields(part)
	for len(words) > 0 {
		w := words[0]
		name, _, assignment := strings.Cut(w, "=")
		switch {
		case assignment && name != "" && !strings.ContainsAny(name, "-/."), slices.Contains(wrappers, path.Base(w)), w == "!", w == "then", w == "do", w == "if", w == "else":
			words = words[1:]
		case path.Base(w) == "timeout" && len(words) > 2:
			words = words[2:]
		default:
			return append([]string{path.Base(w)}, words[1:]...)
		}
	}
	return nil
}

// meanings are what programs mean by their exit codes, where that is more than "failed".
var meanings = map[string]map[int]string{
	"pytest":           {1: "tests failed", 2: "interrupted, or tests could not be collected", 3: "internal error", 4: "wrong usage", 5: "no tests were collected"},
	"grep":             {1: "no line matched", 2: "a file could not be read or the pattern is wrong"},
	"rg":               {1: "no line matched", 2: "error"},
	"diff":             {1: "the files differ", 2: "a file could not be read"},
	"cmp":              {1: "the files differ"},
	"curl":             {3: "malformed URL", 6: "host name not resolved", 7: "could not connect", 18: "partial transfer", 22: "HTTP error status", 23: "could not write", 26: "could not read a file", 28: "timed out", 35: "TLS handshake failed", 47: "too many redirects", 52: "empty reply", 56: "connection reset", 60: "certificate not trusted"},
	"wget":             {4: "network failure", 5: "certificate not trusted", 6: "authentication failed", 8: "server error status"},
	"ssh":              {255: "no connection, or refused authentication"},
	"rsync":            {11: "file error", 12: "protocol error", 23: "some files were not transferred", 24: "some files vanished", 30: "timed out"},
	"git":              {1: "refused, conflicts or differences", 128: "fatal error", 129: "wrong usage"},
	"make":             {1: "a target is out of date", 2: "a recipe failed"},
	"cargo":            {101: "build or tests failed"},
	"go":               {1: "build, vet or tests failed", 2: "wrong usage"},
	"terraform":        {1: "error", 2: "the plan has changes"},
	"eslint":           {1: "rule violations", 2: "configuration or internal error"},
	"tsc":              {1: "type errors; nothing was written", 2: "type errors; files were written"},
	"mypy":             {1: "type errors", 2: "could not run"},
	"ctest":            {8: "tests failed"},
	"apt-get":          {100: "error; see the lines that begin with E:"},
	"apt":              {100: "error; see the lines that begin with E:"},
	"systemctl":        {1: "failed", 3: "the unit is not active", 4: "no such unit", 5: "unit could not be loaded"},
	"docker":           {125: "the daemon refused", 126: "the command in the container cannot be executed", 127: "no such command in the container"},
	"tar":              {1: "some files changed or differ", 2: "fatal error"},
	"test":             {1: "the condition is false", 2: "wrong expression"},
	"[":                {1: "the condition is false", 2: "wrong expression"},
	"find":             {1: "some files could not be processed"},
	"ls":               {1: "some entries could not be read", 2: "no such file, or not readable"},
	"jq":               {1: "the last output was false or null", 2: "wrong usage", 3: "the program is not valid", 4: "no output", 5: "the input is not valid JSON"},
	"npm":              {1: "the script or the installation failed", 254: "no package.json or no such script"},
	"pip":              {1: "installation failed", 2: "wrong usage", 23: "no match found"},
	"mvn":              {1: "build or tests failed"},
	"gradle":           {1: "build or tests failed"},
	"ansible-playbook": {2: "a task failed", 4: "a host was unreachable"},
}

// aliases are other names of programs in meanings.
var aliases = map[string]string{"egrep": "grep", "fgrep": "grep", "gmake": "make", "pip3": "pip", "gradlew": "gradle", "mvnw": "mvn", "py.test": "pytest", "scp": "ssh"}

// anywhere are the codes that the shell itself gives.
var anywhere = map[int]string{
	126: "the file is not executable", 127: "no such command", 130: "interrupted (SIGINT)", 131: "SIGQUIT", 132: "illegal instruction (SIGILL)", 134: "aborted (SIGABRT)",
	135: "bus error (SIGBUS)", 136: "arithmetic error (SIGFPE)", 137: "killed (SIGKILL), often for memory", 139: "segmentation fault (SIGSEGV)",
	141: "the reader of a pipe went away (SIGPIPE)", 143: "terminated (SIGTERM)", 152: "the limit of CPU time (SIGXCPU)", 153: "the limit of file size (SIGXFSZ)",
}

// Meaning says what a command's exit code means, or "" where that is not known. The code is that of the last program,
// as the words tell it.
func Meaning(command string, exit int) string {
	list := parts(command)
	if len(list) > 0 {
		words := program(list[len(list)-1])
		for len(words) > 0 {
			name := words[0]
			if other, ok := aliases[name]; ok {
				name = other
			}
			if m, ok := meanings[name][exit]; ok {
				return name + ": " + m
			}
			// python -m pytest
			if !strings.HasPrefix(name, "python") || len(words) < 3 || words[1] != "-m" {
				break
			}
			words = words[2:]
		}
	}
	if m, ok := anywhere[exit]; ok {
		return m
	}
	return ""
}

// Likely says where a failure comes from, by the events of its output: the tests that failed, or the first error.
// Its text is the output's own, so whoever shows it has to quote it.
func Likely(events []Event) string {
	for _, e := range events {
		failed, _ := e.Fields["failed"].(int)
		names, _ := e.Fields["names"].([]string)
		if e.Kind != TestsFinished || failed == 0 || len(names) == 0 {
			continue
		}
		text := names[0]
		if more := max(failed, len(names)) - 1; more > 0 {
			text += " and " + strconv.Itoa(more) + " more"
		}
		return text
	}
	for _, e := range events {
		if e.Kind != Error {
			continue
		}
		text, _ := e.Fields["message"].(string)
		if file, ok := e.Fields["file"].(string); ok {
			if line, ok := e.Fields["line"].(int); ok {
				file += ":" + strconv.Itoa(line)
			}
			text = file + ": " + text
		}
		return text
	}
	return ""
}
