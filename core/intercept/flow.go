package intercept

import (
	"path"
	"regexp"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// What flows from one command to another: through variables, pipes, here-documents and files.

// assigns notes the values that a command gives to variables, and sees which of them hide what is done.
func (m *matcher) assigns(cmd *command.Command, at *command.Span) {
	for _, a := range cmd.Assigns {
		if a.Array {
			m.lists[a.Name] = m.resolve(a.Elems)
			continue
		}
		if a.Naked || a.Append {
			continue
		}
		value := strings.Join(m.resolve([]command.Word{a.Value}), " ")
		if a.Value.Static {
			m.vars[a.Name] = value
		}
		if hidesHistory(a.Name, value) {
			sp := a.Span
			if at != nil {
				sp = *at
			}
			m.hit("history-audit", "wipes history, logs or the audit trail", sp)
		}
	}
}

// hidesHistory reports whether a variable with this value keeps the shell from writing down what was done.
func hidesHistory(name, value string) bool {
	switch name {
	case "HISTFILE":
		return value == "" || value == "/dev/null"
	case "HISTSIZE", "HISTFILESIZE":
		return value == "" || value == "0"
	case "HISTIGNORE":
		return value == "*"
	}
	return false
}

// fills notes what set, read and printf -v store.
func (m *matcher) fills(args, docs []string) {
	if len(args) < 3 && !(len(args) == 2 && len(docs) > 0) {
		return
	}
	switch {
	case args[0] == "set" && args[1] == "--":
		m.lists["@"], m.lists["*"] = args[2:], args[2:]
		for i, a := range args[2:min(len(args), 11)] {
			m.vars[string(rune('1'+i))] = a
		}
	case args[0] == "read" && len(docs) > 0:
		m.vars[args[len(args)-1]] = strings.TrimSpace(docs[0])
	case args[0] == "printf" && args[1] == "-v":
		m.vars[args[2]] = printed(append([]string{"printf"}, args[3:]...))
	}
}

// inputs returns what is known of what a command reads.
func (c *call) inputs() []string {
	all := append([]string(nil), c.docs...)
	for _, f := range c.feeds {
		if t := f.text(); t != "" {
			all = append(all, t)
		}
	}
	return all
}

// text returns what a command is known to write to its output.
func (f feed) text() string {
	if len(f.args) == 0 {
		return ""
	}
	switch path.Base(f.args[0]) {
	case "cat", "tee", "tac", "sort":
		return strings.Join(f.docs, "\n")
	case "sed", "awk", "gawk", "mawk", "xargs":
		return madeLines(f.args)
	}
	return printed(f.args)
}

// madeLines returns the commands that sed 's/^/rm -rf /', awk '{print "rm -rf " $1}' and xargs echo rm -rf make of what
// they read.
func madeLines(args []string) string {
	name := path.Base(args[0])
	if name == "xargs" {
		if inner := behindPrefix(wordsOf(args), name); len(inner) > 1 && inner[0].Value == "echo" {
			return join(inner[1:])
		}
		return ""
	}
	var lines []string
	for _, a := range args[1:] {
		switch {
		case name != "sed":
			for _, m := range literal.FindAllStringSubmatch(a, 20) {
				lines = append(lines, m[1]+" "+unknown)
			}
		case len(a) > 3 && a[0] == 's':
			if parts := strings.Split(a[2:], a[1:2]); len(parts) > 1 {
				lines = append(lines, strings.ReplaceAll(parts[1], "&", "")+" "+unknown)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// substituted puts what $(echo …) prints into a text that is handed to a shell.
func (c *call) substituted(t string) string {
	for _, f := range c.feeds {
		if p := f.text(); p != "" && strings.Contains(t, unknown) {
			t = strings.Replace(t, unknown, p, 1)
		}
	}
	return t
}

// printed returns what echo or printf prints, and nothing for other commands. Formats other than %s are left as they are.
func printed(argv []string) string {
	if len(argv) < 2 {
		return ""
	}
	args := argv[1:]
	lines := strings.NewReplacer(`\n`, "\n")
	switch argv[0] {
	case "echo":
		for len(args) > 0 && len(args[0]) > 1 && strings.Trim(args[0], "neE") == "-" {
			args = args[1:]
		}
		return lines.Replace(strings.Join(args, " "))
	case "printf":
		if args[0] == "--" && len(args) > 1 {
			args = args[1:]
		}
		parts := strings.Split(strings.ReplaceAll(lines.Replace(args[0]), "%b", "%s"), "%s")
		var b strings.Builder
		for values := args[1:]; ; {
			for i, part := range parts {
				if b.WriteString(part); i < len(parts)-1 && len(values) > 0 {
					b.WriteString(values[0])
					values = values[1:]
				}
			}
			if len(values) == 0 || len(parts) == 1 {
				return b.String()
			}
		}
	}
	return ""
}

// wrote notes what a command is known to write to a file, so that a later one that runs it is seen for what it does.
func (m *matcher) wrote(c *call) {
	argv := append([]string{plainName(c.args[0])}, c.args[1:]...)
	text := feed{argv, c.docs}.text()
	note := func(file string, more bool) {
		if more {
			text = m.files[path.Base(file)] + "\n" + text
		}
		m.files[path.Base(file)] = text
	}
	if argv[0] == "tee" {
		text = strings.Join(c.inputs(), "\n")
		for _, a := range argv[1:] {
			if text != "" && !strings.HasPrefix(a, "-") {
				note(a, false)
			}
		}
	}
	for _, r := range c.cmd.Redirs {
		if text != "" && r.Target.Static && strings.HasPrefix(r.Op, ">") {
			note(r.Target.Value, r.Op == ">>")
		}
	}
}

// runsFile follows a file that an earlier command wrote into the program that runs it.
func (m *matcher) runsFile(c *call, program string, sp command.Span, depth int) {
	if len(m.files) == 0 {
		return
	}
	var run []string
	if strings.Contains(program, "/") {
		run = append(run, path.Base(program))
	}
	if interpreters[c.name] || c.name == "source" || c.name == "." {
		for _, a := range c.args {
			if !strings.HasPrefix(a, "-") {
				run = append(run, path.Base(a))
				break
			}
		}
	}
	for _, file := range run {
		text := m.files[file]
		if text == "" {
			continue
		}
		delete(m.files, file) // a script that starts itself is read once
		name := c.name
		if !interpreters[name] {
			name = shebang(text)
		}
		m.call(call{args: []string{name}, cmd: c.cmd, docs: []string{text}}, sp, depth)
		m.files[file] = text
	}
}

// shebang returns the interpreter that a script names in its first line.
func shebang(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	for _, w := range strings.Fields(strings.TrimPrefix(line, "#!")) {
		if name := plainName(w); strings.HasPrefix(line, "#!") && interpreters[name] {
			return name
		}
	}
	return "sh"
}

// outputOption names the file that curl or wget writes: -o, -Lo, --output.
var outputOption = regexp.MustCompile(`^(-[a-zA-Z]*[oO]|--output|--output-document)$`)

// downloaded notices a file that one command fetches and a later one runs.
func (m *matcher) downloaded(cmd *command.Command, args []string, files map[string]bool, sp command.Span) {
	name := path.Base(args[0])
	switch name {
	case "curl", "wget":
		for _, r := range cmd.Redirs {
			if r.Target.Static && strings.HasPrefix(r.Op, ">") {
				files[path.Base(r.Target.Value)] = true
			}
		}
		for i, a := range args {
			if outputOption.MatchString(a) && i+1 < len(args) {
				files[path.Base(args[i+1])] = true
			}
			if f, ok := strings.CutPrefix(a, "--output="); ok {
				files[path.Base(f)] = true
			}
			if i > 0 && strings.Contains(a, "/") && !strings.HasPrefix(a, "-") {
				files[path.Base(a)] = true
			}
		}
		return
	}
	if len(files) == 0 {
		return
	}
	run := strings.Contains(args[0], "/") && files[name]
	if interpreters[name] || name == "source" || name == "." || name == "sudo" {
		for _, a := range args[1:] {
			run = run || files[path.Base(a)]
		}
	}
	if run {
		m.hit("pipe-to-shell", "runs a program that was just downloaded", sp)
	}
}
