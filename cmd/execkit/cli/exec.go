package cli

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/telemetry"
	"github.com/execkit/execkit/core/wire"
)

// sessionFlags are the flags of the commands that open a session.
type sessionFlags struct {
	transport, cwd, policy string
	audit, auditHead       string
	timeout                float64
	workspace              wire.Workspace
	quotas                 map[string]int64
}

func (f *sessionFlags) bind(fs *flag.FlagSet) {
	f.bindRecord(fs)
	fs.StringVar(&f.transport, "transport", "local", "the target, a `URL`: local, sandbox, ssh://[user@]host[:port], docker://container, k8s://namespace/pod")
	fs.StringVar(&f.workspace.Path, "workspace", "", "save the files of this `DIR` before each command that may write; see execkit checkpoint")
	fs.Func("quota", "what the commands may use in all, `NAME=N`; more than once: commands, output_bytes, wall_ms, cpu_ms, memory_bytes, processes, file_bytes", f.quota)
	fs.Float64Var(&f.timeout, "timeout", 30, "how many `SECONDS` a command may take, 0 for no limit")
}

// quota reads one quota; the core knows the names.
func (f *sessionFlags) quota(text string) error {
	name, value, _ := strings.Cut(text, "=")
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return errors.New("give NAME=N, such as commands=100")
	}
	if f.quotas == nil {
		f.quotas = make(map[string]int64)
	}
	f.quotas[name] = n
	return nil
}

// bindRecord binds what a session without a command has too.
func (f *sessionFlags) bindRecord(fs *flag.FlagSet) {
	fs.StringVar(&f.cwd, "cwd", "", "the first directory, `DIR`")
	fs.StringVar(&f.policy, "policy", "", "a policy `FILE`, JSON or YAML")
	fs.StringVar(&f.audit, "audit", "", "record the session in this audit log, `FILE`, or as the option audit says, in JSON")
	fs.StringVar(&f.auditHead, "audit-head", "", "keep the head of the audit log in this `FILE`")
}

func (f *sessionFlags) request() (map[string]any, error) {
	// Beyond a year the conversion below could overflow; NaN fails both comparisons.
	if !(f.timeout >= 0 && f.timeout <= 365*24*3600) {
		return nil, errdefs.New(errdefs.InvalidArgument, "--timeout %v is out of range", f.timeout).
			WithHint("give seconds, or 0 for no limit")
	}
	// Rounded up, since 0 would mean no limit at all.
	request := map[string]any{"ask": true, "transport": f.transport, "cwd": f.cwd, "timeout_ms": int64(math.Ceil(f.timeout * 1000))}
	// As other command lines have it, the trace of whoever started this one.
	if place := os.Getenv("TRACEPARENT"); place != "" {
		if _, err := telemetry.ParseTraceparent(place); err == nil {
			request["traceparent"] = place
		}
	}
	if f.audit != "" || f.auditHead != "" {
		o, err := wire.ParseAudit(f.audit)
		if err != nil {
			return nil, errdefs.From(err).WithDetail("field", "audit")
		}
		if f.auditHead != "" {
			o.HeadPath = f.auditHead
		}
		request["audit"] = o
	}
	if f.quotas != nil {
		request["quotas"] = f.quotas
	}
	if f.workspace.Path != "" {
		request["workspace"] = f.workspace
	}
	if f.policy != "" {
		object, err := execkit.PolicyObject(f.policy)
		if err != nil {
			return nil, err
		}
		request["policy"] = object
	}
	return request, nil
}

// open makes a session and returns its id.
func (f *sessionFlags) open(a *app, server *rpc.Server) (string, error) {
	info, err := f.openSession(a, server)
	return info.SessionID, err
}

func (f *sessionFlags) openSession(a *app, server *rpc.Server) (info wire.SessionInfo, err error) {
	request, err := f.request()
	if err != nil {
		return info, err
	}
	params, err := wire.Encode(request)
	if err != nil {
		return info, err
	}
	result, err := server.Do(execkit.WithAsker(a.ctx, a.answer), "session.create", params)
	if err != nil {
		return info, unanswered(err)
	}
	info, ok := result.(wire.SessionInfo)
	if !ok {
		return info, errdefs.New(errdefs.Internal, "session.create returned %T", result)
	}
	return info, nil
}

// execute runs one command in a session, and asks at the terminal where the policy wants a person.
func execute(a *app, server *rpc.Server, request wire.Exec) (*wire.ExecResult, error) {
	r, err := server.Exec(execkit.WithAsker(a.ctx, a.answer), &request, a.ask)
	if err != nil {
		return nil, unanswered(unasked(err))
	}
	return r, nil
}

// unasked says so where an error came of having no terminal to ask at.
func unasked(err error) error {
	e := errdefs.From(err)
	if !errors.Is(err, errNoTerminal) || e.Code != errdefs.Blocked {
		return err
	}
	e.Code, e.Message = errdefs.ApprovalRequired, "the command needs a person's approval and there is no terminal to ask at"
	if reason, ok := e.Details["reason"].(string); ok {
		e.Message += ": " + reason
	}
	return e.WithHint("run execkit at a terminal, or allow the command in a policy file (--policy)").WithCause(nil)
}

// unanswered says so where a server asked and there was no terminal to answer at.
func unanswered(err error) error {
	e := errdefs.From(err)
	if !errors.Is(err, errNoTerminal) || e.Code == errdefs.ApprovalRequired {
		return err
	}
	return e.WithHint("run execkit at a terminal, where the server's question can be answered, or use a key or an agent")
}

func execCommand() command {
	return command{
		name: "exec", args: " -- COMMAND", summary: "Run one command and pass its output and exit status on",
		examples: []string{
			"execkit exec -- 'cd /tmp && ls | wc -l'",
			"execkit exec --cwd /srv -- git status   # words are joined, as ssh does",
			"execkit exec -- sort <names.txt         # input that is not a terminal is passed on",
			"execkit exec --timeout 5 --json -- make test",
			"execkit exec --max-tokens 2000 -- npm test   # what matters of a long output",
			"execkit exec --grep 'error|warning' --context 2 -- make",
			"execkit exec --tty --transport ssh://deploy@prod-1 -- top   # at your terminal",
		},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			var f sessionFlags
			var b budgetFlags
			f.bind(fs)
			b.bind(fs)
			tty := fs.Bool("tty", false, "run it on a terminal of its own that is shown at yours, for editors, REPLs and whatever asks; no limit of time without --timeout")
			return func(a *app, args []string) (int, error) {
				if len(args) == 0 {
					return 0, errdefs.New(errdefs.InvalidArgument, "exec: no command").WithHint("execkit exec -- 'ls -l'")
				}
				if !*tty {
					return runExec(a, &f, b.budget(), args)
				}
				if b.budget() != nil {
					return 0, errdefs.New(errdefs.InvalidArgument, "exec: a terminal is shown as it is and cannot be shortened").
						WithHint("leave --tty out, or the flags that shorten output")
				}
				if !wasGiven(fs, "timeout") {
					f.timeout = 0
				}
				return runOnTerminal(a, &f, args)
			}
		},
	}
}

func runExec(a *app, f *sessionFlags, budget *wire.Budget, args []string) (int, error) {
	input, err := readInput(a)
	if err != nil {
		return 0, err
	}
	server := rpc.NewServer()
	defer server.Close()
	id, err := f.open(a, server)
	if err != nil {
		return 0, err
	}
	// Several arguments are one line of shell text, as ssh has it.
	request := wire.Exec{SessionID: id, Command: strings.Join(args, " ")}
	request.Budget = budget
	if !a.json && budget == nil {
		// A person or a pipe wants the bytes as they came and all of them; only redaction applies.
		request.Raw, request.Budget = true, &wire.Budget{Keep: &wire.BudgetKeep{Mode: "all"}}
	}
	if len(input) > 0 {
		text := base64.StdEncoding.EncodeToString(input)
		request.StdinB64 = &text
	}
	r, err := execute(a, server, request)
	if err != nil {
		// What an interrupted command had written is data as much as that of one that ended.
		if partial, ok := errdefs.From(err).Details["result"].(*wire.ExecResult); ok && !a.json {
			err = errors.Join(a.printResult(partial), err)
		}
		return 0, err
	}
	if a.json {
		a.ok(r)
	} else if err := a.printResult(r); err != nil {
		return 0, err
	}
	return exitStatus(r), nil
}

// readInput returns what the command is to read: nothing at a terminal, where waiting for input would look like a
// hang. The read runs aside because an interrupt cannot end it.
func readInput(a *app) ([]byte, error) {
	if a.stdin == nil || isTerminal(a.stdin) {
		return nil, nil
	}
	type input struct {
		data []byte
		err  error
	}
	read := make(chan input, 1)
	go func() {
		data, err := io.ReadAll(a.stdin)
		read <- input{data, err}
	}()
	select {
	case <-a.ctx.Done():
		return nil, errdefs.New(errdefs.Cancelled, "interrupted while reading standard input").WithCause(a.ctx.Err())
	case in := <-read:
		if in.err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "reading standard input: %v", in.err)
		}
		return in.data, nil
	}
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
	a.tellTimeout(r)
	if r.Truncated {
		fmt.Fprintln(a.stderr, "execkit: the output was shortened"+kept(r))
	}
	return nil
}

func (a *app) tellTimeout(r *wire.ExecResult) {
	if r.TimedOut {
		fmt.Fprintf(a.stderr, "execkit: stopped at its deadline after %d ms\n", r.DurationMS)
	}
}
