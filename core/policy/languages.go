package policy

import (
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// The functions here judge arguments that are programs of their own or that need more than a table.

// findArgs refuses words that could be an action. A glob becomes file names, and a file may be called -delete. What -exec
// starts must be granted as well.
func findArgs(c *check, words []command.Word, granted int) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case !w.Static && !safePrefix(w) && !c.noOption(w):
			return "an argument of find that is not known could be an action"
		case w.Static && strings.HasPrefix(w.Value, "-files0-from"):
			return "find -files0-from takes its arguments from a file"
		case w.Static && w.Value == "-exec" && i >= granted:
			end, why := c.findExec(words, i+1)
			if why != "" {
				return why
			}
			i = end
		}
	}
	return ""
}

// findExec judges the command after -exec and returns where it ends. {} becomes the paths of files, which begin with a
// starting point of the search: with no dash, and with no NAME= that make would take for a variable unless one is named so.
func (c *check) findExec(words []command.Word, at int) (end int, why string) {
	var inner []command.Word
	first := pathPrefix(words[1:])
	for end = at; end < len(words); end++ {
		w := words[end]
		if w.Static && (w.Value == ";" || w.Value == "+" && end > at && words[end-1].Value == "{}") {
			if len(inner) == 0 {
				break
			}
			_, d, why := c.grant(inner, nil)
			if d != Allow {
				return end, orElse(why, "what find -exec starts is not granted")
			}
			return end, ""
		}
		if !w.Static {
			return end, "what find -exec starts is not known"
		}
		inner = append(inner, placeholder(w, "{}", first))
	}
	return end, "find -exec without an end"
}

// placeholder returns the word that a launcher puts text in the place of mark into; the text begins with first, "" if
// that is not known.
func placeholder(w command.Word, mark, first string) command.Word {
	before, _, found := strings.Cut(w.Value, mark)
	if !found || mark == "" {
		return w
	}
	return command.Word{Reason: "a name from elsewhere", Prefix: before + first, Parts: []command.Part{{Lit: before + first, Quoted: true}, {Subst: true, Quoted: true}}, Quoted: true, Span: w.Span}
}

func curlArgs(_ *check, words []command.Word, granted int) string {
	for i, w := range words {
		if w.Static && i >= granted && (strings.Contains(w.Value, "%output{") || strings.Contains(w.Value, "%{output") || strings.HasPrefix(w.Value, "-w@")) {
			return "the output format of curl may write a file"
		}
		if !w.Static || i < granted {
			continue
		}
		// -sSw FORMAT, -sSwFORMAT or --write-out FORMAT, of which curl takes every beginning.
		cluster, format, found := strings.Cut(w.Value, "w")
		option := strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "--") && found && !strings.Contains(cluster, " ")
		if option && strings.HasPrefix(format, "@") || (option && format == "" || longMatches(w.Value, "write-out")) && i+1 < len(words) && (!words[i+1].Static || strings.HasPrefix(words[i+1].Value, "@")) {
			return "the output format of curl is not known"
		}
	}
	return ""
}

// wgetArgs: wget writes a file unless it is told to write to its output. The option that says so must be no other option's value.
func wgetArgs(_ *check, words []command.Word, granted int) string {
	const vals = "oaBtOTwQPUlADRIXei"
	for i := 1; i < len(words); i++ {
		v := words[i].Value
		if !words[i].Static || !strings.HasPrefix(v, "-") {
			continue
		}
		if has("--spider --version --help", v) || strings.HasPrefix(v, "--output-document") {
			return ""
		}
		if strings.HasPrefix(v, "--") {
			if i++; strings.Contains(v, "=") || has(wgetFlags, v) {
				i--
			}
			continue
		}
		if at := strings.IndexAny(v, vals); at > 0 && v[at] == 'O' {
			return ""
		} else if at == len(v)-1 {
			i++
		}
	}
	if granted > 1 {
		return ""
	}
	return "wget writes a file"
}

// wgetFlags are the long options before the deciding one that take no value. The word after any other may be its value.
const wgetFlags = "--quiet --no-verbose --verbose --server-response --no-check-certificate --content-on-error --no-cache --no-hsts --no-config --no-proxy --inet4-only --inet6-only --https-only --continue --debug --show-progress --no-cookies"

// copyArgs: the last operand of rsync and scp is written to.
func copyArgs(c *check, words []command.Word, granted int) string {
	last := words[len(words)-1]
	if !last.Static {
		return "the target of " + words[0].Value + " is not known"
	}
	for _, w := range words[1:] {
		if w.Static && strings.HasPrefix(w.Value, "ssh:") {
			return "a remote shell"
		}
	}
	if onAnotherHost(last.Value) || len(words) <= granted || canonical(words[0].Value) == "rsync" && onlyShows(words) {
		return ""
	}
	return c.p.writeReason(last.Value, c.s.cd || c.changesDir())
}

// onAnotherHost reports whether a file is HOST:PATH: behind a slash a colon is part of a local name.
func onAnotherHost(file string) bool {
	host, _, remote := strings.Cut(file, ":")
	return remote && !strings.Contains(host, "/")
}

// rsyncFlags are clusters of options of rsync that take no value.
var rsyncFlags = regexp.MustCompile(`^-[0468acdghiklmnopqrstuvxyzADEHIKLNOPRSUWX]+$`)

const rsyncWords = "--archive --verbose --stats --progress --itemize-changes --recursive --checksum --human-readable --compress --update"

// onlyShows reports whether rsync has -n, which is no other option's value and which nothing takes back.
func onlyShows(words []command.Word) bool {
	shows := false
	for i, w := range words[1:] {
		v, before := w.Value, words[i].Value
		switch {
		case !w.Static:
		case strings.HasPrefix(v, "--no-"):
			return false
		case has("--dry-run --list-only", v) || rsyncFlags.MatchString(v) && strings.Contains(v, "n"):
			shows = shows || i == 0 || !strings.HasPrefix(before, "-") || rsyncFlags.MatchString(before) || has(rsyncWords, before)
		}
	}
	return shows
}

// sshArgs: ssh is a launcher on another host; what it runs there must be granted as well.
func sshArgs(c *check, words []command.Word, granted int) string {
	const vals = "bceilmpPQB"
	if joined(words[1:]) == "-V" {
		return ""
	}
	i := 1
	for i < len(words) && words[i].Static && strings.HasPrefix(words[i].Value, "-") {
		if v := words[i].Value; strings.IndexAny(v, vals) == len(v)-1 {
			i++
		}
		i++
	}
	if i >= len(words) {
		return "ssh without a host"
	}
	if i++; i >= len(words) {
		if granted > 1 {
			return ""
		}
		return "ssh without a command opens a shell on the other host"
	}
	var parts []string
	for _, w := range words[i:] {
		if !w.Static {
			return "what ssh runs is not known"
		}
		parts = append(parts, w.Value)
	}
	sc, err := command.Parse(strings.Join(parts, " "), c.p.limits)
	if err != nil || len(sc.Issues()) > 0 || len(sc.Commands()) != 1 || len(sc.Commands()[0].Redirs) > 0 || len(sc.ArithSubsts()) > 0 || len(sc.Commands()[0].Assigns) > 0 || len(sc.Commands()[0].Words) == 0 {
		return "what ssh runs cannot be vetted"
	}
	// ssh joins its words with blanks for the other shell, so the words after what the entry grants must stay words there.
	if i < granted {
		if inner := sc.Commands()[0].Words; len(inner) != len(parts) {
			return "what ssh runs is not the words that it is given"
		}
		return ""
	}
	defer func(was bool) { c.cleared = was }(c.cleared)
	c.cleared = true
	if _, d, why := c.grant(sc.Commands()[0].Words, nil); d != Allow {
		return orElse(why, "what ssh runs is not granted")
	}
	return ""
}

// makeArgs: assignments on the command line choose programs (SHELL=, CC=), and an entry that names a target grants no
// other one.
func makeArgs(c *check, words []command.Word, granted int) string {
	targeted := false
	for i := 1; i < granted; i++ {
		targeted = targeted || !strings.HasPrefix(words[i].Value, "-") && !has("-C -f -I -j -l", words[i-1].Value)
	}
	for i := max(granted, 1); i < len(words); i++ {
		w := words[i]
		jobs := has("-j -l", words[i-1].Value) && w.Static && strings.Trim(w.Value, "0123456789") == ""
		switch {
		case c.numbers(w):
		case !w.Static:
			return "an argument of make that is not known may set a variable, which may be a command"
		case strings.HasPrefix(w.Value, "-"):
		case strings.Contains(w.Value, "="):
			return "a variable of make may be a command"
		case targeted && !jobs:
			return "another target of make than the entry names"
		}
	}
	return ""
}

// ipArgs admits what reads: ip takes every beginning of its verbs, so flu is flush.
func ipArgs(_ *check, words []command.Word, granted int) string {
	if len(words) < 2 || granted > 1 {
		return ""
	}
	if w := words[1]; !w.Static || !has("show list lst ls get help sh", w.Value) {
		return "a verb of ip that is not known to read"
	}
	return ""
}

// dateArgs refuses an operand that is no format: it sets the clock. -I takes no word after it.
func dateArgs(_ *check, words []command.Word, _ int) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		v := w.Value
		switch {
		case !w.Static && !strings.HasPrefix(w.Prefix, "+") && !strings.HasPrefix(w.Prefix, "-"):
			return "date with an argument that is not known could set the clock"
		case !w.Static || v == "" || v[0] == '+' || v == "--":
		case strings.HasPrefix(v, "--"):
			if !strings.Contains(v, "=") && hasLong("date reference file", v) {
				i++
			}
		case v[0] == '-':
			if at := strings.IndexAny(v, "drfI"); at == len(v)-1 && v[at] != 'I' {
				i++
			}
		default:
			return "date with this argument sets the clock"
		}
	}
	return ""
}

func everyOperandWritten(c *check, words []command.Word, granted int) string {
	ended := false
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			return "the file that " + words[0].Value + " writes is not known"
		}
		if !ended && w.Value == "--" {
			ended = true
			continue
		}
		if i < granted || !ended && strings.HasPrefix(w.Value, "-") && w.Value != "-" {
			continue
		}
		if why := c.p.writeReason(w.Value, c.s.cd || c.changesDir()); why != "" {
			return why
		}
	}
	return ""
}

// xxdArgs counts what follows the first operand as a file to write, whatever it looks like: xxd reads no options there.
func xxdArgs(_ *check, words []command.Word, granted int) string {
	for i := 1; i < len(words); i++ {
		v := words[i].Value
		switch {
		case !words[i].Static || v == "-" || !strings.HasPrefix(v, "-"):
			if i+1 < len(words) && i+1 >= granted {
				return "xxd would write to " + show(words[i+1:i+2])
			}
			return ""
		case len(v) == 2 && strings.IndexByte("cglosnR", v[1]) >= 0:
			i++
		}
	}
	return ""
}

// gitEditor refuses what asks for a message in an editor, where the session's setting that there is none does not arrive:
// an editor takes what comes on its input for commands.
func gitEditor(c *check, words []command.Word, granted int) string {
	if !c.cleared {
		return ""
	}
	edits := ""
	for _, w := range words[1:] {
		switch v := w.Value; {
		case !w.Static:
		case edits == "" && !strings.HasPrefix(v, "-") && has("commit merge revert tag notes rebase cherry-pick am pull", v):
			edits = v
		case edits != "" && (has("-m -am -F -l --list --no-edit --ff-only --message --file", v) || strings.HasPrefix(v, "--message=") || strings.HasPrefix(v, "--file=")):
			return ""
		}
	}
	if edits == "" {
		return ""
	}
	return "git " + edits + " may start an editor here; give it -m or --no-edit"
}

// pytestArgs looks for -p everywhere: pytest loads plugins before it reads its options, and takes no -- and no value of another
// option for anything else.
func pytestArgs(c *check, words []command.Word, granted int) string {
	const refused = "the option -p of pytest loads a module"
	for i := max(granted, 1); i < len(words); i++ {
		w := words[i]
		switch {
		case w.Static:
			if strings.HasPrefix(w.Value, "-p") && profiles["pytest"].harmless(words, i) == 0 {
				return refused
			}
		case len(w.Parts) == 1 && plainName(w.Parts[0].Param):
			if c.kind(w.Parts[0].Param)&mayDash != 0 {
				return refused
			}
		case !safePrefix(w) && !strings.HasPrefix(w.Prefix, "--"):
			return refused
		}
	}
	return ""
}
