package cli

import (
	"flag"
	"fmt"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

func shellCommand() command {
	return command{
		name: "shell", summary: "Run the lines of standard input in one session, keeping directory and variables",
		examples: []string{"execkit shell --cwd /srv", "printf 'cd /tmp\\npwd\\n' | execkit shell"},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			var f sessionFlags
			f.bind(fs)
			return func(a *app, args []string) (int, error) {
				if err := noArguments("shell", args); err != nil {
					return 0, err
				}
				return runShell(a, &f)
			}
		},
	}
}

// runShell ends with the status of the last command, as a shell that reads a script does.
func runShell(a *app, f *sessionFlags) (int, error) {
	server := rpc.NewServer()
	defer server.Close()
	id, err := f.open(a, server)
	if err != nil {
		return 0, err
	}
	status := exitOK
	wanted := make(chan struct{}, 1)
	lines, failed := readLines(a, wanted)
	for {
		if isTerminal(a.stdin) {
			fmt.Fprint(a.stderr, "execkit> ")
		}
		wanted <- struct{}{}
		var line []byte
		var more bool
		select {
		case <-a.ctx.Done():
			return exitInterrupted, nil
		case line, more = <-lines:
		}
		if !more {
			if err := <-failed; err != nil {
				return 0, errdefs.New(errdefs.Unavailable, "reading standard input: %v", err)
			}
			return status, nil
		}
		r, err := execute(a, server, wire.Exec{SessionID: id, Command: string(line)})
		switch {
		case err != nil && errdefs.From(err).Session == errdefs.Closed:
			return 0, err
		case err != nil:
			// A refused line does not end the loop: the session is still there.
			status = a.fail(err)
			continue
		case a.json:
			a.ok(r)
		default:
			if err := a.printResult(r); err != nil {
				return 0, err
			}
		}
		status = exitStatus(r)
		if r.ShellExited && !r.TimedOut {
			return status, nil
		}
	}
}
