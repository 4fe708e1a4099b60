package cli

import (
	"errors"
	"flag"
	"io"
	"os"

	"github.com/execkit/execkit/cmd/execkit/internal/mcpserver"
)

func mcpCommand() command {
	return command{
		name: "mcp", summary: "Serve the Model Context Protocol on standard input and output",
		examples: []string{"execkit mcp", "EXECKIT_MCP_EXEC_TIMEOUT=60 execkit mcp", "execkit setup claude   # how a client starts it"},
		bind: func(*flag.FlagSet) func(*app, []string) (int, error) {
			return func(a *app, args []string) (int, error) {
				if err := noArguments("mcp", args); err != nil {
					return 0, err
				}
				settings, err := mcpserver.SettingsFrom(os.Getenv)
				if err != nil {
					return 0, err
				}
				err = mcpserver.Serve(a.ctx, settings, mcpserver.Stdio(a.stdin, a.stdout))
				// The client's leaving and an interrupt are the two ways in which a server ends well.
				if a.ctx.Err() != nil || errors.Is(err, io.EOF) {
					err = nil
				}
				return exitOK, err
			}
		},
	}
}
