package execkit

import (
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
)

// A trace is the span of one session or command with those of its stages. A nil one tells nothing.
type trace struct {
	sink telemetry.Sink
	span telemetry.Span
}

// startTrace begins the span of a command: below the caller's where there is one, else below the session's.
func (s *Session) startTrace(traceparent string) (*trace, error) {
	parent, err := telemetry.ParseTraceparent(traceparent)
	if err != nil || s.config.Telemetry == nil {
		return nil, err
	}
	if !parent.Valid() {
		parent = s.trace.span.Context
	}
	return newTrace(s, "execkit.exec", parent), nil
}

func newTrace(s *Session, name string, parent telemetry.Context) *trace {
	t := &trace{sink: s.config.Telemetry, span: telemetry.Span{Name: name, Start: time.Now(), Context: telemetry.Root()}}
	if parent.Valid() {
		t.span.Context, t.span.Parent = parent.Child(), parent.Span
	}
	t.set("execkit.session.id", s.id)
	if s.config.Label != "" {
		t.set("execkit.session.label", redactText(s.redact, s.config.Label))
	}
	return t
}

func (t *trace) set(name string, value any) {
	t.span.Attributes = append(t.span.Attributes, telemetry.Attribute{Name: name, Value: value})
}

// stage begins the span of a stage and returns what ends it.
func (t *trace) stage(name string) (end func()) {
	if t == nil {
		return func() {}
	}
	one := telemetry.Span{Name: name, Context: t.span.Context.Child(), Parent: t.span.Context.Span, Start: time.Now()}
	return func() {
		one.End = time.Now()
		t.sink.Span(one)
	}
}

// end sends the span itself.
func (t *trace) end(code errdefs.Code) {
	if t == nil {
		return
	}
	t.span.End, t.span.Error = time.Now(), string(code)
	t.sink.Span(t.span)
}

// refused tells of a command that did not run.
func (t *trace) refused(err error) {
	if t == nil {
		return
	}
	code := errdefs.From(err).Code
	t.sink.Count("execkit.commands", "{command}", 1, telemetry.Attribute{Name: "outcome", Value: string(code)})
	if source, ok := errdefs.From(err).Details["source"].(string); ok {
		t.set("execkit.blocked_by", source)
		t.sink.Count("execkit.blocks", "{command}", 1, telemetry.Attribute{Name: "source", Value: source})
	}
	t.end(code)
}

// finished tells of a command that ran.
func (t *trace) finished(r *Result, err error) {
	if t == nil {
		return
	}
	outcome, code := "ok", errdefs.Code("")
	switch {
	case err != nil:
		code = errdefs.From(err).Code
		outcome = string(code)
	case r == nil:
	case r.TimedOut:
		outcome = "timed_out"
	case r.ExitCode == nil || *r.ExitCode != 0:
		outcome = "failed"
	}
	if r != nil {
		t.result(r)
	}
	t.sink.Count("execkit.commands", "{command}", 1, telemetry.Attribute{Name: "outcome", Value: outcome})
	t.sink.Observe("execkit.command.duration", "s", time.Since(t.span.Start).Seconds())
	t.end(code)
}

func (t *trace) result(r *Result) {
	if r.ExitCode != nil {
		t.set("execkit.exit_code", int64(*r.ExitCode))
	}
	if r.Decision != nil {
		t.set("execkit.decision", r.Decision.Decision)
	}
	if r.AuditSeq != nil {
		t.set("execkit.audit_seq", *r.AuditSeq)
	}
	t.set("execkit.timed_out", r.TimedOut)
	for stream, b := range r.Budget {
		if b != nil {
			t.sink.Count("execkit.output", "By", b.BytesTotal, telemetry.Attribute{Name: "stream", Value: stream})
		}
	}
	hidden := int64(0)
	for _, one := range r.Redactions {
		hidden += int64(one.Count)
	}
	if hidden > 0 {
		t.set("execkit.redactions", hidden)
		t.sink.Count("execkit.redactions", "{secret}", hidden)
	}
}
