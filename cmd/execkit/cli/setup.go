package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

// agents says, for each agent, where its MCP servers are configured and how.
var agents = []struct{ name, file, text string }{
	{"claude", ".mcp.json", `{"mcpServers":{"execkit":{"command":"execkit","args":["mcp"]}}}`},
	{"cursor", ".cursor/mcp.json", `{"mcpServers":{"execkit":{"command":"execkit","args":["mcp"]}}}`},
	{"gemini", ".gemini/settings.json", `{"mcpServers":{"execkit":{"command":"execkit","args":["mcp"]}}}`},
	{"codex", "~/.codex/config.toml", "[mcp_servers.execkit]\ncommand = \"execkit\"\nargs = [\"mcp\"]"},
	{"vscode", ".vscode/mcp.json", `{"servers":{"execkit":{"type":"stdio","command":"execkit","args":["mcp"]}}}`},
	{"windsurf", "~/.codeium/windsurf/mcp_config.json", `{"mcpServers":{"execkit":{"command":"execkit","args":["mcp"]}}}`},
}

func runSetup(_ context.Context, e *env, args []string) int {
	var names []string
	for _, a := range agents {
		names = append(names, a.name)
		if len(args) == 1 && args[0] == a.name {
			fmt.Fprintf(e.stderr, "Add this to %s:\n", a.file)
			fmt.Fprintln(e.stdout, a.text)
			return 0
		}
	}
	fmt.Fprintf(e.stderr, "execkit: setup needs the name of an agent: %s\n", strings.Join(names, ", "))
	if len(args) == 1 {
		if near := wire.Nearest(args[0], names); near != "" {
			fmt.Fprintf(e.stderr, "Did you mean %q?\n", near)
		}
	}
	return exitUsage
}

// runDoctor checks what a local session needs, by looking and by opening one.
func runDoctor(ctx context.Context, e *env, _ []string) int {
	status := 0
	check := func(name, fix string, err error) {
		if err == nil {
			fmt.Fprintf(e.stdout, "ok    %s\n", name)
			return
		}
		status = 1
		fmt.Fprintf(e.stdout, "FAIL  %s: %v\n      %s\n", name, err, fix)
	}
	fmt.Fprintf(e.stdout, "execkit %s\n", execkit.Version)
	_, err := exec.LookPath("bash")
	check("bash", "install bash", err)
	_, err = os.ReadFile("/proc/self/syscall")
	check("/proc/PID/syscall", "mount /proc, and allow this process to trace its children (kernel.yama.ptrace_scope at most 1)", err)
	_, err = os.Stat("/dev/ptmx")
	check("terminals", "mount /dev/pts", err)
	session, err := execkit.Open(ctx, "local", execkit.Config{})
	check("a local session", "see the failures above", err)
	if err == nil {
		_ = session.Close()
	}
	return status
}

func runCompletion(_ context.Context, e *env, args []string) int {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	list := strings.Join(names, " ")
	shell := ""
	if len(args) == 1 {
		shell = args[0]
	}
	switch shell {
	case "bash":
		fmt.Fprintf(e.stdout, "complete -W %q execkit\n", list)
	case "zsh":
		fmt.Fprintf(e.stdout, "#compdef execkit\ncompadd %s\n", list)
	case "fish":
		fmt.Fprintf(e.stdout, "complete -c execkit -f -n __fish_use_subcommand -a %q\n", list)
	default:
		fmt.Fprintln(e.stderr, "execkit: completion needs bash, zsh or fish, for example: source <(execkit completion bash)")
		return exitUsage
	}
	return 0
}
