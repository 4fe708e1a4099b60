package main

import "strings"

// The grammar: commands that are well formed more often than mutation leaves them.

const maxDepth = 4

func (g *generator) list(allow []string) string {
	var b strings.Builder
	for i := range 1 + g.IntN(3) {
		if i > 0 {
			b.WriteString(pick(g, []string{"; ", " && ", " || ", "\n", " & ", " | "}))
		}
		b.WriteString(g.command(allow))
	}
	return b.String()
}

func (g *generator) command(allow []string) string {
	if g.depth++; g.depth > maxDepth {
		return g.simple(allow)
	}
	defer func() { g.depth-- }()
	switch g.IntN(22) {
	case 0:
		return "(" + g.list(allow) + ")"
	case 1:
		return "{ " + g.list(allow) + "; }"
	case 2:
		return "if " + g.list(allow) + "; then " + g.list(allow) + "; fi"
	case 3:
		return "for x in " + g.words(allow) + "; do " + g.list(allow) + "; done"
	case 4:
		return "while " + g.simple(allow) + "; do " + g.list(allow) + "; break; done"
	case 5:
		return "case " + g.word(allow) + " in " + g.word(allow) + ") " + g.list(allow) + ";; *) " + g.simple(allow) + ";; esac"
	case 6:
		return "[[ " + g.word(allow) + pick(g, []string{" == ", " -eq ", " =~ ", " < ", " -nt "}) + g.word(allow) + " ]]"
	case 7:
		return "((" + pick(g, []string{"x=1", "x++", "a[0]=1", "x=y", "$x", "1+$(id)"}) + "))"
	case 8:
		return pick(g, []string{"f", "g", "ls", "cat", "cd"}) + "() { " + g.list(allow) + "; }; " + pick(g, []string{"f", "g", "ls"})
	case 9:
		return "! " + g.simple(allow)
	case 10:
		return "cat <<" + pick(g, []string{"E", "'E'", "\"E\"", "\\E", "-E"}) + "\n" + g.words(allow) + "\nE\n"
	}
	return g.simple(allow)
}

func (g *generator) simple(allow []string) string {
	var b strings.Builder
	for g.IntN(8) == 0 {
		b.WriteString(g.assignment() + " ")
	}
	if g.IntN(12) == 0 {
		b.WriteString(pick(g, forbidden))
	} else {
		b.WriteString(pick(g, allow))
	}
	if g.IntN(5) > 0 {
		b.WriteString(" " + g.words(allow))
	}
	if g.IntN(6) == 0 {
		b.WriteString(pick(g, []string{" 2>/dev/null", " >/dev/null", " 2>&1", " >pwned", " >>victim.txt", " <notes.txt", " &>/dev/null", " >&2", " <<<", " 3>pwned", " <>pwned", " >/dev/tcp/127.0.0.1/1"}))
	}
	return b.String()
}

func (g *generator) words(allow []string) string {
	var words []string
	for range 1 + g.IntN(4) {
		words = append(words, g.word(allow))
	}
	return strings.Join(words, " ")
}

// tricks are words that turn programs and shells into something else.
var tricks = []string{"-exec", "-ok", "-execdir", "\\;", "{}", "+", "-delete", "-fprint", "pwned", "-o", "-opwned", "--output=pwned", "-i", "-e", "-n", "-f", "-x", "-w", "--", "-", "-c", "-S", "-s", "-p",
	"--to-command=id", "--checkpoint=1", "--checkpoint-action=exec=id", "-I", "-Iid", "--use-compress-program=id", "--compress-program=id", "-T", "--files0-from=-", "--ext-diff", "--textconv", "--output", "-O", "-Oid", "--open-files-in-pager=id",
	"--exec=id", "-c", "core.pager=id", "alias.x=!id", "--upload-pack=id", "e", "1e", "w pwned", "s/x/id/e", "s/a/b/w pwned", "r notes.txt", "BEGIN{system(\"id\")}", "{print|\"id\"}", "{print>\"pwned\"}", "BEGIN{\"id\"|getline}", "@load", "-vx=1", "{print $1}", "s/a/b/", "1p", "$d",
	"a[$(id)]", "x[$(id)]=1", "$x", "\"$x\"", "${x}", "${x:-id}", "${!x}", "${x@P}", "${x//a/b}", "${#x}", "$((x))", "$((a[0]))", "$(id)", "`id`", "<(id)", ">(id)", "$'id'", "$\"id\"", "~", "~root", "*", "*.txt", "[a-z]*", "{id,ls}", "i{d,d}", "\\id", "i\"\"d",
	"$HOME", "$PWD", "$IFS", "$@", "$*", "$1", "$?", "$$", "$!", "$-", "$0", "$_", "$RANDOM", "notes.txt", "victim.txt", "sub", ".", "..", "/etc/hostname", "/dev/null", "/dev/stdin", "a.txt", "-l", "-la", "-1", "-r", "-rn", "-5", "-v", "--help", "--version", "x", "0", "1", "a b", "'a b'", "\"a b\"", "+x", "=", "==", "-eq", "-v", "-nt", "-a", "!"}

func (g *generator) word(allow []string) string {
	switch g.IntN(12) {
	case 0, 1, 2, 3, 4:
		return pick(g, tricks)
	case 5, 6, 7:
		return pick(g, g.corpus.words)
	case 8:
		return g.quote(pick(g, tricks))
	case 9:
		if g.depth < maxDepth {
			g.depth++
			defer func() { g.depth-- }()
			return pick(g, []string{"$(", "\"$("}) + g.simple(allow) + ")"
		}
	case 10:
		return pick(g, allow)
	}
	return pick(g, tricks) + pick(g, tricks)
}

func (g *generator) assignment() string {
	return pick(g, []string{"x", "y", "FOO", "PATH", "IFS", "LD_PRELOAD", "BASH_ENV", "PAGER", "GIT_PAGER", "GIT_EXTERNAL_DIFF", "TZ", "LANG", "LC_ALL", "PS4", "a[0]", "LESSOPEN", "TAR_OPTIONS", "POSIXLY_CORRECT", "SHELLOPTS", "x+"}) +
		"=" + pick(g, []string{"1", "id", "$(id)", "./evil", ".", "$x", "'a[$(id)]'", "\"a b\"", "$((1+1))", "/tmp", "(a b)", "~", ""})
}
