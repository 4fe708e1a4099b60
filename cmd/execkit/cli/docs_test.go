package cli

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

var (
	shellBlock  = regexp.MustCompile("(?ms)^```(?:sh|console)\n(.*?)^```")
	inlineShell = regexp.MustCompile("`(execkit [^`]*)`")
)

// documented returns the command lines in the documentation and in the help that call execkit, each with its place.
func documented(t *testing.T) map[string]string {
	lines := make(map[string]string)
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, "../../../README.md", "../../../bindings/python/README.md", "../../../bindings/node/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.SplitSeq(block[1], "\n") {
				lines[strings.TrimPrefix(line, "$ ")] = page
			}
		}
		for _, inline := range inlineShell.FindAllStringSubmatch(string(text), -1) {
			if line := inline[1]; !strings.ContainsAny(line, "…,") {
				lines[line] = page
			}
		}
	}
	for _, c := range commands() {
		for _, line := range c.examples {
			if !strings.HasPrefix(line, " ") {
				lines[line] = "help " + c.name
			}
		}
	}
	return lines
}

// calls returns the arguments of every call of execkit in a line of shell.
func calls(t *testing.T, line string) [][]string {
	file, err := syntax.NewParser().Parse(strings.NewReader(line), "")
	if err != nil {
		t.Errorf("%q is no shell: %v", line, err)
		return nil
	}
	var found [][]string
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 || call.Args[0].Lit() != "execkit" {
			return true
		}
		var args []string
		for _, word := range call.Args[1:] {
			args = append(args, strings.Trim(line[word.Pos().Offset():word.End().Offset()], `'"`))
		}
		found = append(found, args)
		return true
	})
	return found
}

func TestDocumentedCommandLines(t *testing.T) {
	checked := 0
	for line, place := range documented(t) {
		if !strings.Contains(line, "execkit") {
			continue
		}
		for _, args := range calls(t, line) {
			checked++
			if len(args) == 0 || args[0] == "CLIENT" {
				continue
			}
			c, err := find(args[0])
			if err != nil {
				t.Errorf("%s: %q: %v", place, line, err)
				continue
			}
			fs := newFlagSet(c.name)
			fs.Bool("json", false, "")
			c.bind(fs)
			if err := parseAll(fs, args[1:]); err != nil {
				t.Errorf("%s: %q: %v", place, line, err)
			}
			if len(c.words) > 0 && fs.NArg() == 0 && len(args) > 1 && !slices.Contains(c.words, strings.ToLower(args[1])) && args[1] != "CLIENT" && !strings.HasPrefix(args[1], "-") {
				t.Errorf("%s: %q: %q is none of %v", place, line, args[1], c.words)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// parseAll parses the flags before --, wherever they stand among the arguments.
func parseAll(fs *flag.FlagSet, args []string) error {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return err
		}
		if args = fs.Args(); len(args) > 0 {
			args = args[1:]
		}
	}
	return nil
}
