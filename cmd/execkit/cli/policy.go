package cli

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"strings"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

func policyCommand() command {
	return command{
		name: "policy", args: " check|explain -- [COMMAND]", summary: "Judge commands by a policy without running them",
		words: []string{"check", "explain"},
		examples: []string{
			"execkit policy check --policy fence.yaml -- 'git push --force'",
			"execkit policy explain --policy fence.yaml -- 'ls; rm -rf x'   # every rule that matched",
			"execkit policy check --policy fence.yaml <commands.jsonl       # lines of {\"command\":…}, for CI",
		},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			file := fs.String("policy", "", "a policy `FILE`, JSON or YAML; the default policy without it")
			return func(a *app, args []string) (int, error) { return runPolicy(a, fs, *file, args) }
		},
	}
}

func runPolicy(a *app, fs *flag.FlagSet, file string, args []string) (int, error) {
	if len(args) == 0 || args[0] != "check" && args[0] != "explain" {
		return 0, errdefs.New(errdefs.InvalidArgument, "policy: say check or explain").WithHint("execkit policy check --policy FILE -- COMMAND")
	}
	explain := args[0] == "explain"
	// Flags may also follow the word; the flag package stops at the first argument that is none.
	if err := fs.Parse(args[1:]); err != nil {
		return 0, flagError(fs, "policy", err)
	}
	if f := fs.Lookup("policy").Value.String(); f != "" {
		file = f
	}
	var object json.RawMessage
	if file != "" {
		var err error
		if object, err = execkit.PolicyObject(file); err != nil {
			return 0, err
		}
	}
	server := rpc.NewServer()
	defer server.Close()
	if rest := fs.Args(); len(rest) > 0 {
		return judge(a, server, object, strings.Join(rest, " "), nil, explain, true)
	}
	status := exitOK
	lines := bufio.NewScanner(a.stdin)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var line struct {
			Command string   `json:"command"`
			History []string `json:"history"`
		}
		if err := wire.Decode(lines.Bytes(), &line); err != nil {
			e := errdefs.From(err)
			e.Message = fmt.Sprintf("line %d: %s", n, e.Message)
			return 0, e
		}
		one, err := judge(a, server, object, line.Command, line.History, explain, n == 1)
		if err != nil {
			return 0, err
		}
		status = max(status, one)
	}
	return status, lines.Err()
}

// judge prints the verdict on one command; what would not run at once is the status of a blocked command. warn also tells
// what is odd about the policy, which is the same for every command.
func judge(a *app, server *rpc.Server, object json.RawMessage, text string, history []string, explain, warn bool) (int, error) {
	params, err := wire.Encode(map[string]any{"policy": object, "command": text, "history": history})
	if err != nil {
		return 0, err
	}
	result, err := server.Do(a.ctx, "policy.check", params)
	if err != nil {
		return 0, err
	}
	body, err := wire.Encode(result)
	if err != nil {
		return 0, err
	}
	var verdict struct {
		wire.Decision
		Warnings []string `json:"warnings"`
	}
	if err := json.Unmarshal(body, &verdict); err != nil {
		return 0, err
	}
	for _, w := range verdict.Warnings {
		if warn {
			fmt.Fprintf(a.stderr, "warning: %s\n", w)
		}
	}
	switch {
	case a.json:
		a.ok(json.RawMessage(body))
	case verdict.Reason != "":
		fmt.Fprintf(a.stdout, "%s: %s\n", verdict.Decision.Decision, verdict.Reason)
	default:
		fmt.Fprintln(a.stdout, verdict.Decision.Decision)
	}
	if explain && !a.json {
		for _, rule := range verdict.Rules {
			part := ""
			if s := rule.Span; s != nil && s.Start >= 0 && s.End <= len(text) && s.Start < s.End {
				part = " " + errdefs.Quote(text[s.Start:s.End])
			}
			fmt.Fprintf(a.stdout, "  %-5s %s%s %s\n", rule.Decision, rule.ID, part, rule.Reason)
		}
	}
	if verdict.Decision.Decision != "allow" {
		return exitBlocked, nil
	}
	return exitOK, nil
}
