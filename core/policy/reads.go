package policy

import (
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// What changes nothing of what a profile refuses: the functions of profile.reads, each with the subcommand or the arguments
// that it is given.

// reading reports a subcommand of a subcommand that list has: it changes nothing, and the words after it are judged like any.
func reading(words []command.Word, list map[string]string) bool {
	return len(words) > 1 && words[1].Static && has(list[words[0].Value], words[1].Value)
}

// joined returns words with blanks between them, or "" if one is not known.
func joined(words []command.Word) string {
	var list []string
	for _, w := range words {
		if !w.Static {
			return ""
		}
		list = append(list, w.Value)
	}
	return strings.Join(list, " ")
}

// readings returns a function that recognises the uses whose words all match.
func readings(pattern string) func([]command.Word) bool {
	re := regexp.MustCompile("^(" + pattern + ")$")
	return func(words []command.Word) bool { return re.MatchString(joined(words)) }
}

// gitReads recognises git config --get NAME, git config NAME and git config --list, and what other subcommands show.
func gitReads(words []command.Word) bool {
	if reading(words, map[string]string{"submodule": "status summary", "bisect": "log"}) || gitConfigName.MatchString(joined(words)) {
		return true
	}
	const quiet = "--global --system --local --worktree --show-origin --show-scope --name-only -z --null --includes --no-includes --bool --int --path"
	action := false
	if words[0].Value != "config" {
		return false
	}
	for _, w := range words[1:] {
		if !w.Static {
			return false
		}
		switch v := w.Value; {
		case has("--get --get-all --get-regexp --get-urlmatch --list -l", v):
			action = true
		case strings.HasPrefix(v, "-") && !has(quiet, v):
			return false
		}
	}
	return action
}

// gitConfigName asks for one setting.
var gitConfigName = regexp.MustCompile(`^config( --global| --local| --system)?( get)? [a-z0-9]+(\.[A-Za-z0-9_/-]+)+$`)

// dockerReads recognises docker image ls and its kin.
func dockerReads(words []command.Word) bool {
	if reading(words, map[string]string{"compose": "ps logs images top version ls", "buildx": "ls version"}) {
		return true
	}
	return has("image container context", words[0].Value) && len(words) > 1 && words[1].Static && has("ls list inspect history logs top stats port diff show", words[1].Value)
}

// onlyChecks recognises a formatter that says what it would change. Behind other options the deciding one could be the value
// of one of them.
func onlyChecks(words []command.Word) bool {
	for _, w := range words {
		switch {
		case !w.Static:
			return false
		case has("--check --check-only --diff", w.Value):
			return true
		case !has("-q --quiet -v --verbose", w.Value):
			return false
		}
	}
	return false
}

// ghReads recognises gh run view, gh release list and their like, shown in the terminal.
func ghReads(words []command.Word) bool {
	if joined(words) == "auth status" {
		return true
	}
	if len(words) < 2 || !has("run workflow release repo gist cache variable ruleset", words[0].Value) || !words[1].Static || !has("view list ls watch", words[1].Value) {
		return false
	}
	for _, w := range words[2:] {
		if !w.Static && !safePrefix(w) || strings.HasPrefix(w.Value, "--web") || strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "--") && strings.Contains(w.Value, "w") {
			return false // opens a browser
		}
	}
	return true
}

// kubectlReads recognises kubectl config current-context and its kin, which show no secret.
func kubectlReads(words []command.Word) bool {
	return len(words) == 2 && words[0].Value == "config" && words[1].Static && has("current-context get-contexts get-clusters get-users", words[1].Value)
}

// terraformReads recognises terraform state list, which shows names alone, and terraform workspace list.
func terraformReads(words []command.Word) bool {
	return len(words) > 1 && has("state workspace", words[0].Value) && words[1].Static && (words[1].Value == "list" || words[0].Value == "workspace" && words[1].Value == "show")
}

// toStdout recognises a compressor that writes to its standard output, or does nothing but list and test. Every option is
// looked at: one that takes a value could take the deciding one as its own, and of several operations the last counts.
func toStdout(words []command.Word) bool {
	letters := ""
	for _, w := range words {
		switch v := w.Value; {
		case !w.Static:
			if !safePrefix(w) {
				return false
			}
		case v == "--":
			return harmlessLetters(letters)
		case !strings.HasPrefix(v, "-") || v == "-":
		case has("--stdout --to-stdout", v):
			letters += "c"
		case compressorFlags.MatchString(v):
			letters += v[1:]
		default:
			return false
		}
	}
	return harmlessLetters(letters)
}

var compressorFlags = regexp.MustCompile(`^-[cdfklqtv1-9]+$`)

func harmlessLetters(letters string) bool {
	return strings.Contains(letters, "c") || strings.ContainsAny(letters, "lt") && strings.Trim(letters, "ltqv") == ""
}

// unzipLists recognises unzip -l, -v, -t and -Z, which write nothing. A later option could take that back: --l does.
func unzipLists(words []command.Word) bool {
	for _, w := range words[min(1, len(words)):] {
		if w.Static && strings.HasPrefix(w.Value, "-") || !w.Static && !safePrefix(w) {
			return false
		}
	}
	return len(words) > 0 && words[0].Static && has("-l -lq -lv -p -pq -v -t -tq -Z -Z1 -z", words[0].Value)
}

// npmReads recognises npm run, which lists the scripts, and npm config get NAME.
func npmReads(words []command.Word) bool {
	return len(words) == 1 && has("run run-script", words[0].Value) || len(words) < 4 && reading(words, map[string]string{"config": "get list ls"})
}

// pipReads recognises pip config get NAME and what shows the cache.
func pipReads(words []command.Word) bool {
	return reading(words, map[string]string{"config": "get list debug", "cache": "dir info list"})
}

// goReads recognises go mod why and its kin.
func goReads(words []command.Word) bool {
	return reading(words, map[string]string{"mod": "why graph verify"})
}

// ruffReads recognises ruff format --check.
func ruffReads(words []command.Word) bool { return words[0].Value == "format" && onlyChecks(words[1:]) }

// versionFlags print the version of an interpreter and run nothing, where they stand alone.
var versionFlags = map[string]string{"python": "-V -VV", "python3": "-V -VV", "node": "-v", "java": "-version", "php": "-v", "ruby": "-v", "perl": "-v", "lua": "-v"}
