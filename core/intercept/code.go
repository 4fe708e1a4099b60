package intercept

import (
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// Programs in other languages than the shell's: what an interpreter is given as an argument, reads or is shown in a file.

// sources returns the programs that an interpreter is given: after -c, -e and their kin, or on its input.
func (c *call) sources() []string {
	all, reads := argSources(c.args)
	if reads {
		all = append(all, c.inputs()...)
	}
	return all
}

// argSources returns the programs among the arguments of an interpreter, and whether it reads one from its input.
func argSources(args []string) (all []string, reads bool) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case (codeFlag.MatchString(a) || a == "eval" && i == 0) && i+1 < len(args):
			i++
			all = append(all, args[i])
		case strings.HasPrefix(a, "-") && strings.ContainsAny(a, " ;("):
			all = append(all, a[min(2, len(a)):]) // -c'code' in one word
		case a == "-":
			return all, true
		case !strings.HasPrefix(a, "-"):
			return all, false // a script with arguments of its own
		}
	}
	return all, len(all) == 0
}

var codeFlag = regexp.MustCompile(`^(-[a-zA-Z0-9]{0,5}[ceErp]|--eval|--print|--execute)$`)

// deletes reports whether a program deletes in other ways than by starting a command.
func deletes(code string) bool {
	low := strings.ToLower(code)
	for _, s := range []string{"rmtree", "rm_rf", "rm_r(", "rmsync", "rmdirsync", "unlinksync", "os.remove", "os.unlink", "os.rmdir", "shutil.rm", "fileutils.rm", "fileutils.remove", "remove_dir", "remove_tree", "rimraf",
		"unlink ", "unlink(", "rmdir(", "fs.rm(", "promises.rm(", "removesync", "deno.remove(", "file::path", "delete_tree", "emptydir", "dir.delete", "file.delete", "file.remove("} {
		if strings.Contains(low, s) {
			return true
		}
	}
	return false
}

// givesShell recognises a program that connects a shell to the network.
func givesShell(code string) bool {
	return opensSocket.MatchString(code) && namesShell.MatchString(code) || strings.Contains(code, "/inet/tcp/") && strings.Contains(code, "|&")
}

var (
	opensSocket = regexp.MustCompile(`(?i)socket|TCPSocket|fsockopen|net\.connect|createConnection|/inet/`)
	namesShell  = regexp.MustCompile(`(/bin/|["'])(ba|da|z|k)?sh\b|pty\.spawn|dup2`)
)

// loadsCode recognises a program that runs what it loads from the network.
func loadsCode(code string) bool {
	return fetches.MatchString(code) && evaluates.MatchString(code)
}

var (
	fetches   = regexp.MustCompile(`urlopen|urllib|requests\.get|https?\.get|fetch\(|open-uri|URI\.open|LWP|file_get_contents\(.https?:`)
	evaluates = regexp.MustCompile(`\b(exec|eval|compile|instance_eval)\b`)
)

// codeTexts returns the commands in the strings of a program that starts some: each string, and strings that stand
// beside each other in a list, as in run(["rm", "-rf", path]).
func codeTexts(code string) (all []string) {
	if !startsCommands.MatchString(code) {
		return nil
	}
	var list []string
	end := 0
	flush := func() {
		if len(list) > 1 {
			all = append(all, strings.Join(list, " "))
		}
		list = nil
	}
	for _, at := range literal.FindAllStringSubmatchIndex(code, 50) {
		text := ""
		for g := 2; g < len(at); g += 2 {
			if at[g] >= 0 {
				text += code[at[g]:at[g+1]]
			}
		}
		text = strings.NewReplacer(`\"`, `"`, `\'`, `'`).Replace(text)
		if strings.Contains(text, " ") {
			all = append(all, text)
		}
		if strings.Trim(code[end:at[0]], " \t\n,[(") != "" {
			flush()
		}
		list, end = append(list, text), at[1]
	}
	flush()
	return all
}

var (
	startsCommands = regexp.MustCompile("(system|popen|subprocess|exec|execSync|spawn|spawnSync|execFile|shell_exec|passthru|check_call|check_output|Command)\\b|`|%x")
	literal        = regexp.MustCompile("\"((?:[^\"\\\\]|\\\\.)*)\"|'((?:[^'\\\\]|\\\\.)*)'|`([^`]*)`")
)

// awkTexts returns the strings of an awk program that starts commands.
func awkTexts(words []command.Word) (all []string) {
	for _, w := range words[1:] {
		if !awkStarts.MatchString(w.Value) {
			continue
		}
		for _, m := range literal.FindAllStringSubmatch(w.Value, 20) {
			if strings.Contains(m[1], " ") {
				all = append(all, m[1])
			}
		}
	}
	return all
}

var awkStarts = regexp.MustCompile(`system\s*\(|\|\s*"\s*(/bin/)?(ba|da|z|k)?sh\b|\|\s*getline`)
