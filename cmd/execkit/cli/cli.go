package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// The exit statuses of execkit itself; every other one is the target's.
const (
	exitOK          = 0
	exitFailure     = 125
	exitBlocked     = 126
	exitInterrupted = 130
)

// app is one call of [Main].
type app struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	// terminal opens the terminal of the person, whatever the standard streams are.
	terminal func() (io.ReadWriteCloser, error)
	// json makes the result and an error one JSON envelope on stdout.
	json bool
}

// A command is one subcommand. bind declares its flags and returns what to do with the arguments that are left, so
// that help and completion know the flags without running anything.
type command struct {
	name, args, summary string
	examples            []string
	// words are the values of the first argument, for completion.
	words []string
	bind  func(fs *flag.FlagSet) func(a *app, args []string) (int, error)
}

func commands() []command {
	return []command{
		execCommand(), shellCommand(), policyCommand(), redactCommand(), auditCommand(), checkpointCommand(), replayCommand(), watchCommand(), rpcCommand(), mcpCommand(), doctorCommand(), setupCommand(), completionCommand(), versionCommand(),
	}
}

// Main runs the command line and returns the exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return run(&app{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, terminal: openTerminal}, args)
}

func run(a *app, args []string) int {
	// A mistake before the flags are parsed is reported in JSON too when the caller asked for that.
	a.json = asksForJSON(args)
	for len(args) > 0 && (args[0] == "--json" || args[0] == "-json") {
		args = args[1:]
	}
	if len(args) == 0 {
		help(a.stderr)
		return exitFailure
	}
	name := args[0]
	switch name {
	case "help", "-h", "--help", "-help":
		return a.helpCommand(args[1:])
	case "--version", "-v":
		name = "version"
	}
	c, err := find(name)
	if err != nil {
		return a.fail(err)
	}
	fs := newFlagSet(c.name)
	fs.BoolVar(&a.json, "json", a.json, "print one JSON envelope, also for an error")
	do := c.bind(fs)
	if err := fs.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usage(a.stdout, c)
			return exitOK
		}
		return a.fail(flagError(fs, c.name, err))
	}
	status, err := do(a, fs.Args())
	if err != nil {
		return a.fail(err)
	}
	return status
}

func asksForJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--json" || arg == "-json" {
			return true
		}
	}
	return false
}

func newFlagSet(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	// The package would print its own text; errors are worded and routed by fail.
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

func find(name string) (command, error) {
	all := commands()
	names := make([]string, 0, len(all)+1)
	for _, c := range all {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	e := errdefs.New(errdefs.InvalidArgument, "unknown command %s", errdefs.Quote(name)).WithHint("execkit help lists the commands")
	if near := wire.Nearest(name, append(names, "help")); near != "" {
		e.WithHint("did you mean %q?", near)
	}
	return command{}, e
}

var noNumber = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([a-z-]+): parse error$`)

// flagError rewords an error of the flag package and names the flag that was probably meant.
func flagError(fs *flag.FlagSet, name string, err error) error {
	const undefined = "flag provided but not defined: -"
	wrong, ok := strings.CutPrefix(err.Error(), undefined)
	if bad := noNumber.FindStringSubmatch(err.Error()); bad != nil {
		return errdefs.New(errdefs.InvalidArgument, "%s: --%s is %s, which is no number", name, bad[2], bad[1]).WithHint("execkit help %s shows the flags", name)
	}
	if !ok {
		return errdefs.New(errdefs.InvalidArgument, "%s: %v", name, err).WithHint("execkit help %s shows the flags", name)
	}
	wrong = strings.TrimLeft(wrong, "-")
	e := errdefs.New(errdefs.InvalidArgument, "%s: unknown flag %s", name, errdefs.Quote("--"+wrong)).
		WithHint("execkit help %s shows the flags", name)
	if near := wire.Nearest(wrong, flagNames(fs)); near != "" {
		e.WithHint("did you mean \"--%s\"?", near)
	}
	return e
}

func flagNames(fs *flag.FlagSet) []string {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return names
}

// fail reports err and returns its exit status.
func (a *app) fail(err error) int {
	e := errdefs.From(err)
	if a.json {
		fmt.Fprintf(a.stdout, "%s\n", rpc.Failure(e))
	} else {
		fmt.Fprintln(a.stderr, e.Error())
	}
	return statusOf(e.Code)
}

func statusOf(code errdefs.Code) int {
	switch code {
	case errdefs.Blocked, errdefs.ApprovalRequired:
		return exitBlocked
	case errdefs.Cancelled:
		return exitInterrupted
	}
	return exitFailure
}

// ok prints a result as an envelope.
func (a *app) ok(result any) {
	body, err := wire.Encode(struct {
		OK     bool `json:"ok"`
		Result any  `json:"result"`
	}{true, result})
	if err != nil {
		body = rpc.Failure(fmt.Errorf("encoding the result: %w", err))
	}
	fmt.Fprintf(a.stdout, "%s\n", body)
}

func noArguments(name string, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return errdefs.New(errdefs.InvalidArgument, "%s takes no argument, not %s", name, errdefs.Quote(args[0])).
		WithHint("execkit help %s shows the usage", name)
}

func (a *app) helpCommand(args []string) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		help(a.stdout)
		return exitOK
	}
	c, err := find(args[0])
	if err != nil {
		return a.fail(err)
	}
	usage(a.stdout, c)
	return exitOK
}

func help(w io.Writer) {
	fmt.Fprint(w, "execkit runs shell commands in live sessions, for agents and people.\n\nUsage: execkit COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
Examples:
  execkit exec -- 'cd /tmp && ls | wc -l'
  execkit exec --timeout 5 --json -- make test
  execkit setup claude --write ~/.claude.json

Data goes to stdout, messages to stderr. Exit status: the target's; 124 timeout, 125 execkit failed, 126 blocked,
130 interrupted. execkit help COMMAND shows the flags of one.
`)
}

func usage(w io.Writer, c command) {
	fmt.Fprintf(w, "Usage: execkit %s [flags]%s\n\n%s.\n\nFlags:\n", c.name, c.args, c.summary)
	fs := newFlagSet(c.name)
	fs.Bool("json", false, "print one JSON envelope, also for an error")
	c.bind(fs)
	fs.VisitAll(func(f *flag.Flag) {
		kind, text := flag.UnquoteUsage(f)
		if !slices.Contains([]string{"", "0", "false", "[]"}, f.DefValue) {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace("--"+f.Name+" "+kind), text)
	})
	if len(c.examples) > 0 {
		fmt.Fprintf(w, "\nExamples:\n  %s\n", strings.Join(c.examples, "\n  "))
	}
}
