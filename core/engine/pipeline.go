package engine

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// pipeStatusTail is appended to a command that ends in a pipeline: bash forgets PIPESTATUS when eval returns. What then
// gives back the command's own status is a special builtin, which no function stands in for in POSIX mode: return in a
// script that is sourced, and elsewhere exit, in a shell of its own.
const (
	pipeStatusTail = "\n" + `__ek_p="$?,${PIPESTATUS[@]}" POSIXLY_CORRECT=1` + "\n"
	returnStatus   = `\return ${__ek_p%%,*}`
	exitWithStatus = `(\exit ${__ek_p%%,*})`
)

// wantsPipeStatus says whether pipeStatusTail can follow command: it surely parses, ends in a pipeline, and nothing in
// it could swallow the tail (a here-document, a comment) or show it (a DEBUG trap, set -x).
func wantsPipeStatus(command string) bool {
	if !strings.Contains(command, "|") {
		return false
	}
	for _, risk := range []string{"<<", "#", "trap", "set ", "shopt", "\\\n"} {
		if strings.Contains(command, risk) {
			return false
		}
	}
	if strings.HasSuffix(command, `\`) {
		return false
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil || len(file.Stmts) == 0 {
		return false
	}
	last := file.Stmts[len(file.Stmts)-1]
	binary, ok := last.Cmd.(*syntax.BinaryCmd)
	return ok && !last.Background && (binary.Op == syntax.Pipe || binary.Op == syntax.PipeAll)
}

// parsePipeStatus reads "status,first second …".
func parsePipeStatus(text string) []int {
	_, list, _ := strings.Cut(text, ",")
	var statuses []int
	for _, field := range strings.Fields(list) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil
		}
		statuses = append(statuses, n)
	}
	if len(statuses) < 2 {
		return nil
	}
	return statuses
}
