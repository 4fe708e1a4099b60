package execkit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/telemetry"
)

// A memorySink keeps what it is told.
type memorySink struct {
	mu     sync.Mutex
	spans  []telemetry.Span
	counts map[string]int64
	text   strings.Builder
}

func (m *memorySink) Span(s telemetry.Span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spans = append(m.spans, s)
	fmt.Fprintf(&m.text, "%+v", s)
}

func (m *memorySink) Count(name, _ string, n int64, attributes ...telemetry.Attribute) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = make(map[string]int64)
	}
	for _, a := range attributes {
		name += fmt.Sprint(" ", a.Value)
	}
	m.counts[name] += n
}

func (m *memorySink) Observe(name, unit string, _ float64, attributes ...telemetry.Attribute) {
	m.Count(name, unit, 1, attributes...)
}

func TestTraces(t *testing.T) {
	const place = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	m := &memorySink{}
	s := open(t, execkit.Config{Telemetry: m, Traceparent: place, Label: "agent", Approve: func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
		return execkit.Approval{}, nil
	}})
	exec(t, s, "echo very private output")
	exec(t, s, "PASSWORD=hunter2-horse-battery env; false")
	if _, err := s.Exec(context.Background(), "rm -rf private", execkit.ExecOptions{}); !errors.Is(err, execkit.ErrBlocked) {
		t.Fatal(err)
	}
	other := strings.Replace(place, "0af7", "1af7", 1)
	if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{Traceparent: other}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Exec(context.Background(), "true", execkit.ExecOptions{Traceparent: "x"}); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	byName := make(map[string]int)
	var session telemetry.Span
	for _, span := range m.spans {
		byName[span.Name]++
		if span.Name == "execkit.session" {
			session = span
		}
		if span.End.Before(span.Start) || !span.Context.Valid() {
			t.Errorf("%+v", span)
		}
	}
	if byName["execkit.session"] != 1 || byName["execkit.exec"] != 4 || byName["execkit.policy"] != 4 || byName["execkit.run"] != 3 || byName["execkit.approval"] != 1 {
		t.Errorf("%v", byName)
	}
	below := 0
	for _, span := range m.spans {
		if span.Name != "execkit.exec" {
			continue
		}
		switch {
		case span.Context.Trace == session.Context.Trace && span.Parent == session.Context.Span:
			below++
		case span.Context.Trace[0] != 0x1a:
			t.Errorf("%+v", span)
		}
	}
	if below != 3 || fmt.Sprintf("%x", session.Parent) != "b7ad6b7169203331" {
		t.Errorf("%d commands stand below the session %+v", below, session)
	}
	for _, private := range []string{"private", "hunter2", "echo", "PASSWORD"} {
		if strings.Contains(m.text.String(), private) {
			t.Errorf("%q is in an attribute", private)
		}
	}
	for name, want := range map[string]int64{
		"execkit.commands ok": 2, "execkit.commands failed": 1, "execkit.commands blocked": 1, "execkit.blocks approver": 1, "execkit.command.duration": 3, "execkit.sessions local": 1,
	} {
		if m.counts[name] != want {
			t.Errorf("%s is %d, want %d: %v", name, m.counts[name], want, m.counts)
		}
	}
	if m.counts["execkit.output stdout"] < 20 || m.counts["execkit.redactions"] < 1 {
		t.Errorf("%v", m.counts)
	}
}
