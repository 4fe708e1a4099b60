package execkit

import (
	"encoding/base64"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

func (s *Session) result(j *job, out engine.Outcome) *Result {
	j.finishCaptures()
	stdout, stderr := j.stdout, j.stderr
	if j.live != nil && j.live.screen != nil {
		stdout = j.tty // a terminal has one stream
	}
	r := &Result{
		Command: redactText(s.redact, j.asked), Encoding: "utf-8", DurationMS: out.Duration.Milliseconds(), TimedOut: out.TimedOut,
		ShellExited: out.Exited, StopConfirmed: out.StopConfirmed, PipeStatus: out.PipeStatus,
	}
	if j.detached {
		r.Cwd = redactText(s.redact, out.Cwd)
	} else {
		r.EnvDelta = s.settle(out)
		r.Cwd = s.shownCwd()
	}
	if r.EnvDelta != nil {
		learnEnv(s.redact, r.EnvDelta.Set)
		redactDelta(s.redact, r.EnvDelta)
	}
	r.Redactions = mergeCounts(stdout.hide.Counts(), stderr.hide.Counts())
	binary := j.raw || !stdout.isText() || !stderr.isText()
	if binary {
		r.Encoding = "base64"
	}
	s.fill(r, "stdout", stdout, &r.Stdout, binary)
	s.fill(r, "stderr", stderr, &r.Stderr, binary)
	switch {
	case out.TimedOut:
		r.ExitCode = new(int)
		*r.ExitCode = exitTimedOut
	case out.Known:
		r.ExitCode = &out.Status
	}
	if out.Signal > 0 && !out.TimedOut {
		r.Signal = unix.SignalName(unix.Signal(out.Signal))
	}
	r.Jobs = j.leftBehind(out)
	if !j.detached {
		r.Hint = s.hintFor(r)
	}
	return r
}

func (s *Session) fill(r *Result, stream string, c *capture, text *string, binary bool) {
	kept, report, truncated := c.output(binary)
	*text = kept
	if report == nil {
		return
	}
	if r.Budget == nil {
		r.Budget = make(map[string]*wire.BudgetReport)
	}
	if truncated {
		r.Truncated = true
		report.OutputID = s.outputs.add(c.spool)
	}
	r.Budget[stream] = report
}

func (s *Session) hintFor(r *Result) string {
	s.mu.Lock()
	hint := s.hint
	s.hint = ""
	last := s.closed || s.config.CloseOnExit && r.ShellExited
	r.Reconnected, s.reconnected = s.reconnected, false
	s.mu.Unlock()
	switch {
	case hint != "":
	case last && r.ShellExited:
		hint = "the shell has ended and the session with it; open a new session to go on"
	case r.TimedOut && r.ShellExited:
		hint = "the command ignored every signal; the next command gets a fresh shell with directory and exported environment restored"
	case r.TimedOut:
		hint = "the command was stopped at its deadline; give it a longer one, or run it in the background"
	case r.ShellExited && r.ExitCode == nil:
		hint = "the shell no longer reported; the next command gets a fresh one with directory and exported environment restored"
	case r.ShellExited:
		hint = "the command ended the shell; the next command gets a fresh one with directory and exported environment restored"
	}
	return hint
}

// ReadOutput pages through output that a budget left out. id is the OutputID of a result's BudgetReport, offset counts
// bytes and line counts lines from 1 (0 to go by offset); limit is in the same unit, 0 for the default. The newest
// eight truncated streams of a session are kept.
func (s *Session) ReadOutput(id string, offset, line, limit int64) (*wire.OutputReadResult, error) {
	s.meter.touch()
	spool, ok := s.outputs.get(id)
	if !ok {
		return nil, errdefs.New(errdefs.InvalidArgument, "no output %s", errdefs.Quote(id)).
			WithHint("a session keeps the newest %d truncated streams, up to %d MiB; run the command again, its output to a file", keptSpools, keptBytes>>20)
	}
	return readSpool(spool, offset, line, limit), nil
}

// readSpool reads by line where one is given, else by offset.
func readSpool(spool *budget.Spool, offset, line, limit int64) *wire.OutputReadResult {
	var c budget.Chunk
	if line > 0 {
		c = spool.ReadLines(line, limit)
	} else {
		c = spool.ReadAt(offset, limit)
	}
	r := &wire.OutputReadResult{
		Text: string(c.Text), Encoding: "utf-8", Offset: c.Offset, NextOffset: c.NextOffset,
		BytesTotal: c.BytesTotal, LinesTotal: c.LinesTotal, Skipped: c.Skipped, EOF: c.EOF,
	}
	if !utf8.Valid(c.Text) {
		r.Text, r.Encoding = base64.StdEncoding.EncodeToString(c.Text), "base64"
	}
	return r
}
