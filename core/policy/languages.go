package policy

import (
	"path"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// The functions here judge arguments that are programs of their own or that need more than a table.

// findArgs refuses words that could be an action. A glob becomes file names, and a file may be called -delete.
func findArgs(_ *check, words []command.Word, _ int) string {
	for _, w := range words[1:] {
		if !w.Static && !safePrefix(w) {
			return "an argument of find that is not known could be an action"
		}
		if w.Static && strings.HasPrefix(w.Value, "-files0-from") {
			return "find -files0-from takes its arguments from a file"
		}
	}
	return ""
}

// awkArgs admits a static program without system(), pipes, redirections, getline and dynamic features.
func awkArgs(_ *check, words []command.Word, granted int) string {
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			return "the program of awk is not known"
		}
		switch v := w.Value; {
		case v == "-F" || v == "-v":
			i++
			if i < len(words) && !words[i].Static && !words[i].Quoted {
				return "an argument of awk that is not known could be its program"
			}
			continue
		case strings.HasPrefix(v, "-F") || strings.HasPrefix(v, "-v"):
			continue
		case v == "--":
			continue
		case strings.HasPrefix(v, "-") && len(v) > 1:
			if i < granted {
				continue
			}
			return "the option " + v + " of awk is not granted"
		default:
			for _, rest := range words[i+1:] {
				if !rest.Static && !rest.Quoted && !rest.Glob {
					continue
				}
			}
			return awkProgram(v)
		}
	}
	return ""
}

// awkProgram looks at the program outside strings and regular expressions.
func awkProgram(src string) string {
	var b strings.Builder // the program with strings and patterns blanked
	prev := byte('\n')
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '"':
			for i++; i < len(src) && src[i] != '"'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
			b.WriteString(`""`)
			prev = '"'
			continue
		case c == '#':
			for i < len(src) && src[i] != '\n' {
				i++
			}
			b.WriteByte('\n')
			continue
		case c == '/' && strings.IndexByte("\n(,{};!~&|", prev) >= 0:
			for i++; i < len(src) && src[i] != '/'; i++ {
				if src[i] == '\\' {
					i++
				}
				if i < len(src) && src[i] == '\n' {
					return "a pattern of awk that cannot be read"
				}
			}
			b.WriteString("1")
			prev = '1'
			continue
		}
		b.WriteByte(c)
		if c != ' ' && c != '\t' {
			prev = c
		}
	}
	code := b.String()
	for _, bad := range []string{"system", "getline", "@", "|&", "ENVIRON[", "PROCINFO", "printf >", "close"} {
		if strings.Contains(code, bad) {
			return "the awk program uses " + bad
		}
	}
	if strings.Contains(strings.ReplaceAll(code, "||", ""), "|") {
		return "the awk program starts a command"
	}
	// print > file writes; a comparison stands in a condition or in parentheses.
	for _, stmt := range strings.FieldsFunc(code, func(r rune) bool { return r == ';' || r == '{' || r == '}' || r == '\n' }) {
		if at := strings.Index(stmt, "print"); at >= 0 {
			depth := 0
			for _, r := range stmt[at:] {
				switch r {
				case '(':
					depth++
				case ')':
					depth--
				case '>':
					if depth <= 0 {
						return "the awk program writes to a file"
					}
				}
			}
		}
	}
	return ""
}

// sedArgs admits static scripts of commands that neither write nor execute.
func sedArgs(_ *check, words []command.Word, granted int) string {
	script, seen := "", false
	for i := 1; i < len(words); i++ {
		w := words[i]
		if !w.Static {
			if seen && (safePrefix(w)) {
				continue
			}
			if i == 1 || !seen {
				return "the script of sed is not known"
			}
			return "an argument of sed that is not known could be an option"
		}
		v := w.Value
		switch {
		case strings.HasPrefix(v, "--"):
			name, val, eq := strings.Cut(v, "=")
			switch name {
			case "--quiet", "--silent", "--regexp-extended", "--null-data", "--separate", "--unbuffered", "--posix", "--sandbox", "--debug", "--":
			case "--expression":
				if !eq {
					if i++; i >= len(words) || !words[i].Static {
						return "the script of sed is not known"
					}
					val = words[i].Value
				}
				script, seen = val, true
				if why := sedScript(script); why != "" {
					return why
				}
			default:
				return "the option " + v + " of sed is not granted"
			}
		case strings.HasPrefix(v, "-") && len(v) > 1:
			for k := 1; k < len(v); k++ {
				if v[k] == 'e' {
					val := v[k+1:]
					if val == "" {
						if i++; i >= len(words) || !words[i].Static {
							return "the script of sed is not known"
						}
						val = words[i].Value
					}
					seen = true
					if why := sedScript(val); why != "" {
						return why
					}
					break
				}
				if strings.IndexByte("nErszu", v[k]) < 0 && i >= granted {
					return "the option " + v + " of sed is not granted"
				}
			}
		case !seen:
			seen = true
			if why := sedScript(v); why != "" {
				return why
			}
		}
	}
	return ""
}

// sedScript reads a script command by command; what it does not know is refused.
func sedScript(s string) string {
	const refused = "the sed script holds a command that is not known to be harmless"
	i := 0
	delimited := func(d byte) bool {
		for i < len(s) && s[i] != d {
			if s[i] == '\\' {
				i++
			} else if s[i] == '[' {
				// A delimiter inside a bracket counts as text in some seds only.
				if j := strings.IndexByte(s[i+1:], ']'); j >= 0 && strings.IndexByte(s[i+1:i+1+j], d) >= 0 {
					return false
				}
			}
			i++
		}
		i++
		return i <= len(s)
	}
	for i < len(s) {
		for i < len(s) && strings.IndexByte(" \t\n;{}", s[i]) >= 0 {
			i++
		}
		// addresses
		for i < len(s) {
			switch c := s[i]; {
			case c >= '0' && c <= '9' || strings.IndexByte("$,~+! \t", c) >= 0:
				i++
				continue
			case c == '/':
				i++
				if !delimited('/') {
					return refused
				}
				for i < len(s) && (s[i] == 'I' || s[i] == 'M') {
					i++
				}
				continue
			}
			break
		}
		if i >= len(s) {
			return ""
		}
		switch c := s[i]; c {
		case 'p', 'd', 'D', 'P', 'n', 'N', 'g', 'G', 'h', 'H', 'x', '=', 'z', 'l', '{', '}':
			i++
		case 'q', 'Q':
			for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			}
		case 's', 'y':
			if i+1 >= len(s) {
				return refused
			}
			d := s[i+1]
			if d == '\\' || d == '\n' || d >= 0x80 {
				return refused
			}
			i += 2
			// The pattern, then what replaces it.
			for range 2 {
				if !delimited(d) {
					return refused
				}
			}
			for i < len(s) && (s[i] == 'g' || s[i] == 'p' || s[i] == 'i' || s[i] == 'I' || s[i] == 'm' || s[i] == 'M' || s[i] >= '0' && s[i] <= '9') {
				i++
			}
		default:
			return refused
		}
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
			i++
		}
		if i < len(s) && strings.IndexByte(";\n}", s[i]) < 0 && s[i-1] != '{' {
			return refused
		}
	}
	return ""
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
			case strings.IndexByte("IFg", l) >= 0 && i >= granted:
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
		if w.Static && (w.Value == "-w" || w.Value == "--write-out") && i+1 < len(words) && (!words[i+1].Static || strings.HasPrefix(words[i+1].Value, "@")) {
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

// makeArgs: assignments on the command line choose programs (SHELL=, CC=).
func makeArgs(_ *check, words []command.Word, granted int) string {
	for i := max(granted, 1); i < len(words); i++ {
		if w := words[i]; w.Static && strings.Contains(w.Value, "=") && !strings.HasPrefix(w.Value, "-") {
			return "a variable of make may be a command"
		}
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
		for _, bad := range []string{`\`, "program", "outfile", "dumpfile", "load_extension", "pg_read_file", "lo_export", "writefile", "edit(", "system", "source ", "load_file", "pager ", "tee ", "copy ", "attach ", "vacuum "} {
			if strings.Contains(low, bad) {
				return "the statement for " + base + " holds " + strings.TrimSpace(bad)
			}
		}
		if base == "sqlite3" && strings.HasPrefix(strings.TrimSpace(v), ".") {
			return "a dot command of sqlite3"
		}
		if v == "-c" || v == "-e" || strings.HasPrefix(v, "-c") || strings.HasPrefix(v, "-e") || v == "-l" || v == "--command" || v == "--execute" || strings.HasPrefix(v, "--command=") || strings.HasPrefix(v, "--execute=") || v == "--version" || base == "sqlite3" && i > 0 {
			statement = true
		}
	}
	if !statement {
		return base + " without a statement runs what comes on its input"
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
