package cli

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// replayMark is what stands in the place of a secret; a command that holds one is not what ran.
const replayMark = "[REDACTED"

func replayCommand() command {
	return command{
		name: "replay", args: " LOG", summary: "Show a session of an audit log step by step, or run it again",
		examples: []string{
			"execkit replay audit.jsonl --session s_abc",
			"execkit replay audit.jsonl --run --policy fence.yaml --cwd /tmp/copy   # again, in a new session, under a policy",
		},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			var f sessionFlags
			f.bind(fs)
			session := fs.String("session", "", "the session, `ID`; needed where the log has several")
			run := fs.Bool("run", false, "run the commands again in a new session, each judged by the policy as if it were new")
			keepGoing := fs.Bool("keep-going", false, "with --run: go on after a step that came out differently")
			return func(a *app, args []string) (int, error) {
				words, err := interleaved(fs, "replay", args)
				if err != nil {
					return 0, err
				}
				if len(words) != 1 {
					return 0, errdefs.New(errdefs.InvalidArgument, "replay: give one log").WithHint("execkit replay LOG --session ID")
				}
				steps, err := readSteps(words[0], *session, *run)
				if err != nil {
					return 0, err
				}
				if *run {
					return rerun(a, &f, steps, *keepGoing)
				}
				return showSteps(a, steps), nil
			}
		},
	}
}

// A step is one command of a session with what was asked, refused and came of it.
type step struct {
	Intent  *audit.Record   `json:"intent,omitempty"`
	Outcome *audit.Record   `json:"outcome,omitempty"`
	Others  []*audit.Record `json:"others,omitempty"`
}

// readSteps reads the steps of one session. A damaged log is shown up to the damage, but never run.
func readSteps(path, session string, run bool) ([]step, error) {
	var all []*audit.Record
	filter := audit.Filter{Session: session, Limit: 10_000}
	for {
		s, err := audit.Query(path, filter)
		if err != nil {
			return nil, err
		}
		if s.Bad != nil && run {
			return nil, errdefs.New(errdefs.AuditFailed, "the log is damaged at record %d: %s", s.Bad.Seq, s.Bad.Message).
				WithHint("what a damaged log says is not run; without --run it is shown")
		}
		all = append(all, s.Records...)
		if !s.More {
			break
		}
		filter.FromSeq = s.NextSeq
	}
	var sessions []string
	for _, r := range all {
		if r.Session != "" && !slices.Contains(sessions, r.Session) {
			sessions = append(sessions, r.Session)
		}
	}
	switch {
	case len(sessions) == 0:
		return nil, errdefs.New(errdefs.InvalidArgument, "replay: the log has no such session").WithHint("execkit audit query LOG --kind open lists them")
	case len(sessions) > 1:
		return nil, errdefs.New(errdefs.InvalidArgument, "replay: the log has %d sessions", len(sessions)).
			WithHint("choose one with --session: %s", strings.Join(sessions[:min(len(sessions), 5)], ", "))
	}
	return stepsOf(all), nil
}

func stepsOf(records []*audit.Record) []step {
	var steps []step
	byExec := make(map[string]int)
	for _, r := range records {
		at, known := byExec[r.Exec]
		switch {
		case r.Session == "":
		case r.Kind == audit.Intent:
			byExec[r.Exec] = len(steps)
			steps = append(steps, step{Intent: r})
		case r.Exec != "" && known && r.Kind == audit.Outcome:
			steps[at].Outcome = r
		case r.Exec != "" && known:
			steps[at].Others = append(steps[at].Others, r)
		default:
			steps = append(steps, step{Others: []*audit.Record{r}})
		}
	}
	return steps
}

func showSteps(a *app, steps []step) int {
	if a.json {
		a.ok(map[string]any{"steps": steps})
		return exitOK
	}
	for _, s := range steps {
		if s.Intent != nil {
			printRecord(a.stdout, s.Intent)
		}
		for _, r := range s.Others {
			printRecord(a.stdout, r)
		}
		switch {
		case s.Outcome != nil:
			printRecord(a.stdout, s.Outcome)
		case s.Intent != nil:
			fmt.Fprintln(a.stdout, "       no outcome is recorded: it was running when the log ends, or the process died")
		}
	}
	return exitOK
}

// A repeat is what a step came to when it was run again.
type repeat struct {
	Seq     int64            `json:"seq"`
	Command string           `json:"command"`
	Then    *int             `json:"exit_code_then"`
	Now     *wire.ExecResult `json:"now,omitempty"`
	Error   *errdefs.Error   `json:"error,omitempty"`
	Same    bool             `json:"same"`
}

// rerun runs the commands of a session in a new one. What is not whole in the log keeps all of it from running, since a
// session with a step left out is another one.
func rerun(a *app, f *sessionFlags, steps []step, keepGoing bool) (int, error) {
	for _, s := range steps {
		if err := repeatable(s); err != nil {
			return 0, err
		}
	}
	server := rpc.NewServer()
	defer server.Close()
	session, err := f.openSession(a, server)
	if err != nil {
		return 0, err
	}
	places := newPlaces(steps, session.Cwd)
	status := exitOK
	var done []repeat
	for _, s := range steps {
		if s.Intent == nil {
			places.passed(s)
			continue
		}
		r := runStep(a, server, session.SessionID, s, places.own(s.Intent))
		places.passed(s)
		done = append(done, r)
		if !a.json {
			printRepeat(a, r)
		}
		if r.Error != nil && r.Error.Code == errdefs.Cancelled {
			return 0, r.Error
		}
		if !r.Same {
			if status = exitDamaged; !keepGoing {
				break
			}
		}
	}
	if a.json {
		a.ok(map[string]any{"steps": done, "same": status == exitOK})
	}
	return status, nil
}

// repeatable refuses a step whose record does not hold all that ran.
func repeatable(s step) error {
	refuse := func(seq int64, why string) error {
		return errdefs.New(errdefs.InvalidArgument, "replay: record %d cannot be run again: %s", seq, why).
			WithHint("without --run the session is shown")
	}
	for _, r := range s.Others {
		if r.Kind == audit.Input {
			return refuse(r.Seq, "input was written to the running command")
		}
	}
	r := s.Intent
	switch {
	case r == nil:
		return nil
	case r.CommandBytes > 0:
		return refuse(r.Seq, "the command was too long to be recorded whole")
	case strings.Contains(r.Command, replayMark), strings.Contains(r.Stdin, replayMark), strings.Contains(r.Cwd, replayMark),
		strings.Contains(strings.Join(r.Env, " "), replayMark):
		return refuse(r.Seq, "a secret was hidden in it")
	case r.StdinBytes != len(r.Stdin):
		return refuse(r.Seq, "its input was too long, or no text, and is not recorded whole")
	}
	return nil
}

// places follows where the recorded session stood, to tell a command that had a directory of its own.
type places struct {
	first string // where it opened
	at    string
	now   string // where the new session opened
}

func newPlaces(steps []step, now string) *places {
	p := &places{now: now}
	for _, s := range steps {
		for _, r := range s.Others {
			if r.Kind == audit.Open && p.first == "" {
				p.first, p.at = r.Cwd, r.Cwd
			}
		}
	}
	return p
}

// passed notes where a step left the session.
func (p *places) passed(s step) {
	if s.Outcome != nil && s.Outcome.Cwd != "" {
		p.at = s.Outcome.Cwd
	}
}

// own returns the directory that a command had for itself, or "". One below the directory in which the session opened is taken
// below the new session's: a copy is repeated in the copy.
func (p *places) own(r *audit.Record) string {
	if r.Cwd == "" || r.Cwd == p.at || p.at == "" {
		return ""
	}
	if below, err := filepath.Rel(p.first, r.Cwd); err == nil && filepath.IsLocal(below) {
		return filepath.Join(p.now, below)
	}
	return r.Cwd
}

func runStep(a *app, server *rpc.Server, id string, s step, cwd string) repeat {
	r := repeat{Seq: s.Intent.Seq, Command: s.Intent.Command}
	request := wire.Exec{SessionID: id, Command: s.Intent.Command, TimeoutMS: &s.Intent.TimeoutMS, Cwd: cwd}
	if s.Intent.StdinBytes > 0 {
		request.Stdin = &s.Intent.Stdin
	}
	for _, entry := range s.Intent.Env {
		if request.Env == nil {
			request.Env = make(map[string]*string)
		}
		name, value, set := strings.Cut(entry, "=")
		request.Env[name] = nil
		if set {
			request.Env[name] = &value
		}
	}
	if s.Outcome != nil {
		r.Then = s.Outcome.ExitCode
	}
	result, err := execute(a, server, request)
	if err != nil {
		r.Error = errdefs.From(err)
		return r
	}
	r.Now = result
	r.Same = s.Outcome != nil && result.ExitCode != nil && r.Then != nil && *result.ExitCode == *r.Then
	return r
}

func printRepeat(a *app, r repeat) {
	fmt.Fprintf(a.stdout, "%6d $ %s\n", r.Seq, plain(r.Command))
	code := func(status *int) string {
		if status == nil {
			return "?"
		}
		return fmt.Sprint(*status)
	}
	switch {
	case r.Error != nil:
		fmt.Fprintf(a.stdout, "       did not run: %s\n", plain(r.Error.Message))
	case r.Same:
		fmt.Fprintf(a.stdout, "       exit %s, as before\n", code(r.Now.ExitCode))
	default:
		fmt.Fprintf(a.stdout, "       exit %s, before it was %s\n", code(r.Now.ExitCode), code(r.Then))
	}
	if r.Now != nil && r.Now.Encoding == "utf-8" {
		for _, line := range outputLines(&audit.Record{Stdout: r.Now.Stdout, Stderr: r.Now.Stderr}) {
			fmt.Fprintln(a.stdout, line)
		}
	}
}
