package policy

import (
	"path"
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
		case !w.Static && !safePrefix(w):
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
	first := "./"
	for _, w := range words[1:at] {
		if v := w.Value; w.Static && strings.HasPrefix(v, "-") || v == "(" || v == "!" {
			break
		} else if strings.Contains(v, "=") {
			first = ""
		}
	}
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

// tarArgs: listing reads; every other mode writes, and only where the entry names it or the archive is granted.
func tarArgs(c *check, words []command.Word, granted int) string {
	mode, file, fileKnown := byte(0), "", false
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			continue
		}
		v := w.Value
		if strings.HasPrefix(v, "--") {
			name, val, eq := strings.Cut(v[2:], "=")
			switch {
			case name == "file":
				if !eq && i+1 < len(words) {
					val = words[i+1].Value
				}
				file, fileKnown = val, true
			case len(name) > 1 && i >= granted && (strings.HasPrefix("extract", name) || strings.HasPrefix("get", name)):
				mode = 'x'
			case len(name) > 1 && (strings.HasPrefix("create", name) || strings.HasPrefix("append", name) || strings.HasPrefix("update", name) || strings.HasPrefix("concatenate", name) || strings.HasPrefix("delete", name) || strings.HasPrefix("catenate", name)):
				if i >= granted {
					mode = 'c'
				}
			}
			continue
		}
		if i > 1 && !strings.HasPrefix(v, "-") {
			continue
		}
		letters := strings.TrimPrefix(v, "-")
		if i > 1 && (strings.HasPrefix(words[i-1].Value, "-") && strings.HasSuffix(words[i-1].Value, "f")) {
			continue
		}
		for k := 0; k < len(letters); k++ {
			l := letters[k]
			switch {
			case strings.IndexByte("xcruA", l) >= 0 && i >= granted:
				mode = l
			case strings.IndexByte("IFgT", l) >= 0 && i >= granted:
				return "the option -" + string(l) + " of tar is not granted"
			case l == 'f':
				file, fileKnown = letters[k+1:], true
				if file == "" || v[0] != '-' {
					if i+1 < len(words) {
						file = words[i+1].Value
						fileKnown = words[i+1].Static
					}
				}
			}
			if l == 'f' || l == 'C' || l == 'T' || l == 'X' {
				if v[0] == '-' {
					break
				}
			}
		}
	}
	if strings.Contains(file, ":") {
		return "an archive on another host starts a remote shell"
	}
	switch mode {
	case 0, 't', 'd':
		return ""
	case 'x':
		return "extracting writes files"
	}
	if !fileKnown {
		return "the archive that tar writes is not known"
	}
	if file == "-" {
		return ""
	}
	return c.p.writeReason(file, c.s.cd || c.changesDir())
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

// wgetArgs: wget writes a file unless it is told to write to its output.
func wgetArgs(_ *check, words []command.Word, granted int) string {
	for _, w := range words[1:] {
		if !w.Static {
			continue
		}
		v := w.Value
		if v == "--spider" || strings.HasPrefix(v, "--output-document") || v == "--version" || v == "--help" ||
			strings.HasPrefix(v, "-") && !strings.HasPrefix(v, "--") && strings.Contains(v, "O") {
			return ""
		}
	}
	if granted > 1 {
		return ""
	}
	return "wget writes a file"
}

// copyArgs: the last operand of rsync and scp is written to.
func copyArgs(c *check, words []command.Word, granted int) string {
	last := words[len(words)-1]
	if !last.Static {
		return "the target of " + words[0].Value + " is not known"
	}
	for _, w := range words[1:] {
		if w.Static && (w.Value == "-n" || w.Value == "--dry-run" || w.Value == "--list-only") {
			return ""
		}
		if w.Static && strings.HasPrefix(w.Value, "ssh:") {
			return "a remote shell"
		}
	}
	if strings.Contains(last.Value, ":") || len(words) <= granted {
		return ""
	}
	return c.p.writeReason(last.Value, c.s.cd || c.changesDir())
}

// sshArgs: ssh is a launcher on another host; what it runs there must be granted as well.
func sshArgs(c *check, words []command.Word, granted int) string {
	const vals = "bceilmpQB"
	i := 1
	for i < len(words) && words[i].Static && strings.HasPrefix(words[i].Value, "-") {
		v := words[i].Value
		if len(v) == 2 && strings.IndexByte(vals, v[1]) >= 0 {
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
	if err != nil || len(sc.Issues()) > 0 || len(sc.Commands()) != 1 || len(sc.Commands()[0].Redirs) > 0 || len(sc.Commands()[0].Assigns) > 0 || len(sc.Commands()[0].Words) == 0 {
		return "what ssh runs cannot be vetted"
	}
	// ssh joins its words with blanks for the other shell, so the words after what the entry grants must stay words there.
	if i < granted {
		if inner := sc.Commands()[0].Words; len(inner) != len(parts) {
			return "what ssh runs is not the words that it is given"
		}
		return ""
	}
	if _, d, why := c.grant(sc.Commands()[0].Words, nil); d != Allow {
		return orElse(why, "what ssh runs is not granted")
	}
	return ""
}

// makeArgs: assignments on the command line choose programs (SHELL=, CC=), and an entry that names a target grants no
// other one.
func makeArgs(_ *check, words []command.Word, granted int) string {
	for i := max(granted, 1); i < len(words); i++ {
		w := words[i]
		switch {
		case !w.Static || strings.HasPrefix(w.Value, "-"):
		case strings.Contains(w.Value, "="):
			return "a variable of make may be a command"
		case granted > 1 && words[i-1].Value != "-j" && words[i-1].Value != "-l":
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

func dateArgs(_ *check, words []command.Word, _ int) string {
	for i, w := range words[1:] {
		if w.Static && w.Value != "" && !strings.HasPrefix(w.Value, "-") && !strings.HasPrefix(w.Value, "+") {
			if i > 0 && words[i].Static && (words[i].Value == "-d" || words[i].Value == "--date" || words[i].Value == "-r" || words[i].Value == "-f" || strings.HasSuffix(words[i].Value, "d") && strings.HasPrefix(words[i].Value, "-")) {
				continue
			}
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

// statementCluster is -c of psql and -e of mysql behind options that take no value, as in psql -Atc.
var statementCluster = map[string]*regexp.Regexp{
	"psql":  regexp.MustCompile(`^-[AabeEHnqsStwWxXz01]+[cl]`),
	"mysql": regexp.MustCompile(`^-[ABEHNXnqrstv]+e`), "mariadb": regexp.MustCompile(`^-[ABEHNXnqrstv]+e`),
}

// sqlArgs: database clients have commands of their own that start programs and write files. They must be given their
// statement, because what comes on their input is not judged.
func sqlArgs(_ *check, words []command.Word, granted int) string {
	statement := granted > 1 // what the entry spells out is the operator's
	base := path.Base(words[0].Value)
	for i, w := range words[1:] {
		if i+1 < granted {
			continue
		}
		if !w.Static {
			return "an argument of " + base + " that is not known may hold a command"
		}
		v, low := w.Value, strings.ToLower(w.Value)
		if strings.Contains(v, `\`) {
			return "the statement for " + base + " holds a backslash"
		}
		for _, word := range strings.FieldsFunc(low, func(r rune) bool { return r < 0x80 && !wordByte(byte(r)) }) {
			if sqlActs[word] {
				return "the statement for " + base + " holds " + word
			}
		}
		if base == "sqlite3" && strings.HasPrefix(strings.TrimSpace(v), ".") && !sqliteReads.MatchString(v) {
			return "a dot command of sqlite3 that is not known to read"
		}
		if v == "-c" || v == "-e" || strings.HasPrefix(v, "-c") || strings.HasPrefix(v, "-e") || v == "-l" || statementCluster[base] != nil && statementCluster[base].MatchString(v) || v == "--command" || v == "--execute" || strings.HasPrefix(v, "--command=") || strings.HasPrefix(v, "--execute=") || v == "--version" || base == "sqlite3" && i > 0 {
			statement = true
		}
	}
	if !statement {
		return base + " without a statement runs what comes on its input"
	}
	return ""
}

// sqlActs are words of statements and client commands that write files, start programs or load code.
var sqlActs = set(`program outfile dumpfile load_extension pg_read_file pg_read_binary_file pg_ls_dir lo_export lo_import writefile readfile edit system source
	load_file pager nopager tee notee copy attach vacuum infile xp_cmdshell dblink dblink_exec fts3_tokenizer delimiter do call`)

var sqliteReads = regexp.MustCompile(`^\s*\.(tables|schema|databases|indexes|indices|fullschema|show|headers? (on|off)|mode (csv|column|json|line|list|table|box|markdown|html|quote|tabs))( [A-Za-z0-9_%]+)?\s*$`)

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
