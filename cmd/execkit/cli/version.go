package cli

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	execkit "github.com/execkit/execkit/core"
)

func versionCommand() command {
	return command{
		name: "version", summary: "Print the version",
		examples: []string{"execkit version --json"},
		bind: func(*flag.FlagSet) func(*app, []string) (int, error) {
			return func(a *app, args []string) (int, error) {
				if err := noArguments("version", args); err != nil {
					return 0, err
				}
				if a.json {
					a.ok(versions())
				} else {
					fmt.Fprintf(a.stdout, "execkit %s %s/%s %s\n", execkit.Version, runtime.GOOS, runtime.GOARCH, runtime.Version())
				}
				return exitOK, nil
			}
		},
	}
}

func versions() map[string]any {
	return map[string]any{"version": execkit.Version, "abi": execkit.ABIVersion, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
}

// isTerminal reports whether stream is a character device, which is close enough for a prompt.
func isTerminal(stream io.Reader) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
