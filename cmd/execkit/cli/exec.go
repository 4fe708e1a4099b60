package cli

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// sessionFlags are the flags of the commands that open a session.
type sessionFlags struct {
	transport, cwd string
	timeout        float64
}

func (f *sessionFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&f.transport, "transport", "local", "the target, a `URL`")
	fs.StringVar(&f.cwd, "cwd", "", "the first `DIR`ectory")
	fs.Float64Var(&f.timeout, "timeout", 30, "`SECONDS` that a command may take, 0 for no limit")
}

func (f *sessionFlags) request() (map[string]any, error) {
	// Beyond a year the conversion below could overflow; NaN fails both comparisons.
	if !(f.timeout >= 0 && f.timeout <= 365*24*3600) {
		return nil, errdefs.New(errdefs.InvalidArgument, "--timeout %v is out of range", f.timeout).
			WithHint("give seconds, or 0 for no limit")
	}
	// Rounded up, since 0 would mean no limit at all.
	return map[string]any{"transport": f.transport, "cwd": f.cwd, "timeout_ms": int64(math.Ceil(f.timeout * 1000))}, nil
}

// open makes a session and returns its id.
func (f *sessionFlags) open(a *app, server *rpc.Server) (string, error) {
	request, err := f.request()
	if err != nil {
		return "", err
	}
	params, err := wire.Encode(request)
	if err != nil {
		return "", err
	}
	result, err := server.Do(a.ctx, "session.create", params)
	if err != nil {
		return "", err
	}
	info, ok := result.(wire.SessionInfo)
	if !ok {
		return "", errdefs.New(errdefs.Internal, "session.create returned %T", result)
	}
	return info.SessionID, nil
}

// execute runs one command in a session.
func execute(a *app, server *rpc.Server, request wire.Exec) (*wire.ExecResult, error) {
	params, err := wire.Encode(request)
	if err != nil {
		return nil, err
	}
	result, err := server.Do(a.ctx, "session.exec", params)
	if err != nil {
		return nil, err
	}
	r, ok := result.(*wire.ExecResult)
	if !ok {
		return nil, errdefs.New(errdefs.Internal, "session.exec returned %T", result)
	}
	return r, nil
}

func execCommand() command {
	return command{
		name: "exec", args: " -- COMMAND", summary: "Run one command and pass its output and exit status on",
		examples: []string{
			"execkit exec -- 'cd /tmp && ls | wc -l'      # one argument is shell text",
			"execkit exec -- grep -r 'two words' .         # several are one program and its arguments",
			"execkit exec --stdin -- sort <names.txt",
			"execkit exec --timeout 5 --json -- make test",
		},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			var f sessionFlags
			f.bind(fs)
			stdin := fs.Bool("stdin", false, "feed standard input to the command, which otherwise sees end of file")
			return func(a *app, args []string) (int, error) { return runExec(a, &f, *stdin, args) }
		},
	}
}

func runExec(a *app, f *sessionFlags, withStdin bool, args []string) (int, error) {
	if len(args) == 0 {
		return 0, errdefs.New(errdefs.InvalidArgument, "exec: no command").WithHint("execkit exec -- 'ls -l'")
	}
	server := rpc.NewServer()
	defer server.Close()
	id, err := f.open(a, server)
	if err != nil {
		return 0, err
	}
	request := wire.Exec{SessionID: id, Command: commandText(args)}
	if withStdin {
		data, err := io.ReadAll(a.stdin)
		if err != nil {
			return 0, errdefs.New(errdefs.InvalidArgument, "reading standard input: %v", err)
		}
		text := base64.StdEncoding.EncodeToString(data)
		request.StdinB64 = &text
	}
	r, err := execute(a, server, request)
	if err != nil {
		return 0, err
	}
	if a.json {
		a.ok(r)
	} else if err := a.printResult(r); err != nil {
		return 0, err
	}
	return exitStatus(r), nil
}

// commandText makes shell text of the arguments: one is taken as it is, several are quoted, so that they reach the
// program as the caller's own shell split them.
func commandText(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = engine.Quote(arg)
	}
	return strings.Join(quoted, " ")
}

func exitStatus(r *wire.ExecResult) int {
	if r.ExitCode == nil {
		return exitFailure
	}
	return *r.ExitCode
}

// printResult writes the two streams, and what a person should know about them as messages.
func (a *app) printResult(r *wire.ExecResult) error {
	for _, s := range []struct {
		to   io.Writer
		text string
	}{{a.stdout, r.Stdout}, {a.stderr, r.Stderr}} {
		data := []byte(s.text)
		if r.Encoding == "base64" {
			var err error
			if data, err = base64.StdEncoding.DecodeString(s.text); err != nil {
				return fmt.Errorf("decoding the output: %w", err)
			}
		}
		if _, err := s.to.Write(data); err != nil {
			return errdefs.New(errdefs.Unavailable, "writing the output: %v", err).WithOutcome(errdefs.Ran)
		}
	}
	if r.TimedOut {
		fmt.Fprintf(a.stderr, "execkit: timed out after %d ms\n", r.DurationMS)
	}
	if r.Truncated {
		fmt.Fprintln(a.stderr, "execkit: the output was shortened")
	}
	return nil
}
