package policy

import (
	"path"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// grants reports whether an allow entry covers the leading words: whole words, the name as it is written. A path
// grants only that path and a bare name only the bare name: ./ls is not ls.
func (e *entry) grants(words []command.Word) bool {
	if len(words) < len(e.words) {
		return false
	}
	for i, w := range e.words {
		if !words[i].Static || words[i].Value != w {
			return false
		}
	}
	return true
}

// refuses reports whether the arguments after the entry hold one that the entry's args_deny names. A word that is not
// known could be any of them.
func (e *entry) refuses(words []command.Word) bool {
	if len(e.argsDeny) == 0 {
		return false
	}
	for _, w := range words[min(len(e.words), len(words)):] {
		if !w.Static {
			if safePrefix(w) {
				continue
			}
			return true
		}
		for _, d := range e.argsDeny {
			if w.Value == d || strings.HasPrefix(w.Value, d+"=") || strings.HasPrefix(d, "-") && optionMatches(w.Value, d) {
				return true
			}
		}
	}
	return false
}

// optionMatches finds -f inside -xf and --force in its abbreviation --for.
func optionMatches(arg, opt string) bool {
	if strings.HasPrefix(opt, "--") {
		return longMatches(arg, opt[2:])
	}
	if len(opt) == 2 && len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
		return strings.IndexByte(arg[1:], opt[1]) >= 0
	}
	return len(opt) == 2 && strings.HasPrefix(arg, opt)
}

func longMatches(arg, name string) bool {
	if !strings.HasPrefix(arg, "--") {
		return false
	}
	// getopt_long takes every beginning that only one option has, be it one letter.
	given, _, _ := strings.Cut(arg[2:], "=")
	return given != "" && strings.HasPrefix(name, given)
}

type hit int

const (
	missed hit = iota
	sure
	maybe // a word that decides is not known
)

// hits reports whether a deny or ask entry covers a command. Here the doubt goes the other way: a path counts by its
// base name, and global options before a subcommand do not hide it.
func (e *entry) hits(words []command.Word) hit {
	if len(words) == 0 {
		return missed
	}
	name := words[0]
	if !name.Static {
		return maybe
	}
	if name.Value != e.words[0] && path.Base(name.Value) != e.words[0] {
		return missed
	}
	rest := words[1:]
	if len(e.words) > 1 {
		at, h := subcommand(e.words[0], e.words[1:], rest)
		if h != sure {
			return h
		}
		rest = rest[at:]
	}
	if len(e.argsDeny) == 0 {
		return sure
	}
	if (&entry{argsDeny: e.argsDeny}).refuses(rest) {
		return sure
	}
	return missed
}

// subcommand looks for want in args, skipping options that stand before it. It returns where the words after it begin.
func subcommand(program string, want []string, args []command.Word) (int, hit) {
	globals := globalValues[program]
	k, doubt := 0, false
	for i := 0; i < len(args); i++ {
		w := args[i]
		if k > 0 && strings.HasPrefix(want[k], "-") {
			// A wanted option may stand anywhere after its subcommand.
			for j := i; j < len(args); j++ {
				if !args[j].Static || args[j].Value == want[k] || optionMatches(args[j].Value, want[k]) {
					doubt = doubt || !args[j].Static
					if k++; k == len(want) {
						return j + 1, decide(doubt)
					}
				}
			}
			return 0, missed
		}
		switch {
		case !w.Static:
			if safePrefix(w) && !w.Glob {
				return 0, missed
			}
			return 0, maybe
		case w.Value == want[k]:
			if k++; k == len(want) {
				return i + 1, decide(doubt)
			}
		case strings.HasPrefix(w.Value, "-"):
			if strings.HasPrefix(want[k], "-") && optionMatches(w.Value, want[k]) {
				if k++; k == len(want) {
					return i + 1, sure
				}
				continue
			}
			if globals[w.Value] {
				i++
			} else if globals == nil && !strings.Contains(w.Value, "=") {
				// An unknown program's option may take the next word; look on rather than give up.
				continue
			}
		default:
			if globals == nil && i > 0 && strings.HasPrefix(args[i-1].Value, "-") {
				continue
			}
			return 0, missed
		}
	}
	return 0, missed
}

func decide(doubt bool) hit {
	if doubt {
		return maybe
	}
	return sure
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// globalValues are the options before a subcommand that take the next word.
var globalValues = map[string]map[string]bool{
	"git":        set("-C -c --git-dir --work-tree --namespace --exec-path --config-env --super-prefix"),
	"docker":     set("-H --host -c --context --config -l --log-level --tlscacert --tlscert --tlskey"),
	"podman":     set("-c --connection --url --log-level --root --runroot"),
	"kubectl":    set("-n --namespace --context --kubeconfig --cluster --user -s --server --token --as --as-group --request-timeout -v --cache-dir"),
	"helm":       set("-n --namespace --kube-context --kubeconfig"),
	"systemctl":  set("-H --host -M --machine -t --type -p --property --state -n --lines -o --output --root -s --signal"),
	"journalctl": set("-u --unit"),
	"aws":        set("--profile --region --endpoint-url --output --query"),
	"npm":        set("--prefix -w --workspace"),
	"terraform":  set(""),
	"cargo":      set("--config -C -Z --color"),
	"gcloud":     set("--project --account --zone"),
	"go":         set("-C"),
	"ip":         set("-n -netns -family -f"),
}

// oneWord reports whether a word becomes exactly one argument. The value of an option must: the words after it would be
// options, operands or a command.
func oneWord(w command.Word) bool { return w.Static || w.Quoted && !w.Glob || numeric(w) }

// safePrefix reports whether a word that is not static can still not become an option or more than one word.
func safePrefix(w command.Word) bool {
	if !w.Quoted && !w.Glob {
		return false
	}
	for _, p := range w.Parts {
		if p.Param != "" && !p.Quoted || p.Subst && !p.Quoted {
			return false
		}
	}
	if w.Prefix != "" {
		return w.Prefix[0] != '-'
	}
	if len(w.Parts) > 0 {
		// HOME and PWD cannot be assigned under a fence, and both are absolute. Lengths and arithmetic are numbers.
		switch first := w.Parts[0]; first.Param {
		case "HOME", "PWD", "#", "?":
			return first.Quoted
		}
	}
	return false
}
