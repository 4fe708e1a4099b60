//lint:file-ignore SA1019 Log notifications are deprecated from 2026-07-28 on, and what the clients of today have.

package mcpserver

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

const (
	// outputEvery is the least pause between two notifications of one call: a person sees no difference, and a command
	// that writes line by line does not flood its client.
	outputEvery = 100 * time.Millisecond
	// maxOutputPiece and maxOutputTold bound the output of one notification, and of all of one call; the result has its
	// own budget.
	maxOutputPiece = 32 << 10
	maxOutputTold  = 256 << 10
)

// setsLevel remembers the level that the client set for log notifications.
func (s *server) setsLevel(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, req)
		if p, ok := req.GetParams().(*mcp.SetLoggingLevelParams); ok && err == nil {
			s.mu.Lock()
			s.level = string(p.Level)
			s.mu.Unlock()
		}
		return result, err
	}
}

// wantsOutput reports whether the client asked for log notifications of the level that output has. Newer clients say so
// with each call.
func (s *server) wantsOutput(req *mcp.CallToolRequest) bool {
	level, given := req.Params.Meta[mcp.MetaKeyLogLevel].(string)
	if !given {
		s.mu.Lock()
		level = s.level
		s.mu.Unlock()
	}
	return level == "debug" || level == outputLevel
}

const outputLevel = "info"

// exec runs a command, and tells a client that wants it what the command writes.
func (s *server) exec(ctx context.Context, req *mcp.CallToolRequest, r *wire.Exec, approve execkit.Approver) (any, error) {
	if r.YieldMS != nil {
		stop := func() {}
		defer func() { stop() }()
		return s.api.ExecYield(ctx, r, approve, func(running *execkit.Running) { stop = s.follow(ctx, req, running) })
	}
	if r.StdinOpen || r.TTY != nil || !s.wantsOutput(req) {
		return s.api.Exec(ctx, r, approve)
	}
	running, err := s.api.Start(ctx, r, approve)
	if err != nil {
		return nil, err
	}
	t := teller{ctx: ctx, to: req.Session, base: told{SessionID: r.SessionID}}
	t.tell(context.Background(), running)
	running.Forget()
	return running.Wait(context.Background())
}

// follow tells a client that wants it what a command writes that may go on as a job: until its end, or, since the protocol
// has a notification belong to a call from roundTrips on, until stop is called; the next call about the job goes on then.
func (s *server) follow(ctx context.Context, req *mcp.CallToolRequest, running *execkit.Running) (stop func()) {
	if running == nil || !s.wantsOutput(req) || !s.takeUp(running.ID()) {
		return func() {}
	}
	t := teller{ctx: context.WithoutCancel(ctx), to: req.Session, base: told{SessionID: running.SessionID(), JobID: running.ID()}}
	tell := func(reading context.Context) {
		defer s.layDown(running.ID())
		t.tell(reading, running)
	}
	if asksAtOnce(req) {
		go tell(context.Background())
		return func() {}
	}
	reading, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); tell(reading) }()
	return func() { cancel(); <-ended }
}

// takeUp reports whether nobody tells of a command yet, and has it known that somebody does, until layDown.
func (s *server) takeUp(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[id] {
		return false
	}
	s.told[id] = true
	return true
}

func (s *server) layDown(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.told, id)
}

// following is a tool whose call may tell what a job writes meanwhile.
func following(call func(*server, context.Context, *mcp.CallToolRequest) (any, error)) func(*server, context.Context, *mcp.CallToolRequest) (any, error) {
	return func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
		var about struct {
			JobID string `json:"job_id"`
		}
		_ = json.Unmarshal(req.Params.Arguments, &about) // the call itself says what is wrong with them
		defer s.follow(ctx, req, s.api.Running(about.JobID))()
		return call(s, ctx, req)
	}
}

// A told is the data of one notification.
type told struct {
	SessionID string `json:"session_id"`
	JobID     string `json:"job_id,omitempty"` // of a command that may go on as a job
	Stream    string `json:"stream,omitempty"`
	Text      string `json:"text,omitempty"`
	Encoding  string `json:"encoding,omitempty"`  // "base64" where the text is not UTF-8
	Truncated bool   `json:"truncated,omitempty"` // no more comes
}

// A teller notifies a client of what one command writes.
type teller struct {
	ctx     context.Context
	to      *mcp.ServerSession
	base    told // what every notification has
	pieces  []told
	waiting int // bytes of pieces
	sent    int
}

// tell returns when the command or reading has ended.
func (t *teller) tell(reading context.Context, running *execkit.Running) {
	for next := time.Now(); ; {
		ctx, cancel := reading, func() {}
		if len(t.pieces) > 0 {
			ctx, cancel = context.WithDeadline(ctx, next)
		}
		over := reading.Err() != nil // before the last look, so that nothing from before is left out
		events, done := running.Events(ctx, 0)
		cancel()
		for _, e := range events {
			t.add(e)
		}
		done = done || over
		if len(t.pieces) > 0 && (done || t.waiting >= maxOutputPiece || !time.Now().Before(next)) {
			t.flush()
			next = time.Now().Add(outputEvery)
		}
		if done {
			return
		}
	}
}

func (t *teller) add(e execkit.Event) {
	if e.Type != "stdout" && e.Type != "stderr" && e.Type != "tty" || t.sent >= maxOutputTold {
		return
	}
	t.waiting += len(e.Data)
	if last := len(t.pieces) - 1; last >= 0 && t.pieces[last].Stream == e.Type && t.pieces[last].Encoding == "" && e.Encoding == "" {
		t.pieces[last].Text += e.Data
		return
	}
	p := t.base
	p.Stream, p.Text, p.Encoding = e.Type, e.Data, e.Encoding
	t.pieces = append(t.pieces, p)
}

func (t *teller) flush() {
	for _, p := range t.pieces {
		for p.Text != "" && t.sent < maxOutputTold {
			one := p
			one.Text = upTo(p.Text, min(maxOutputPiece, maxOutputTold-t.sent))
			p.Text = p.Text[len(one.Text):]
			t.sent += max(len(one.Text), 1)
			if one.Text != "" {
				t.log(one)
			}
		}
		if p.Text != "" {
			over := t.base
			over.Truncated = true
			t.log(over)
			break
		}
	}
	t.pieces, t.waiting = t.pieces[:0], 0
}

func (t *teller) log(data told) {
	_ = t.to.Log(t.ctx, &mcp.LoggingMessageParams{Logger: "session_exec", Level: outputLevel, Data: data})
}

// upTo cuts text between runes, and base64 between its groups of four.
func upTo(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n -= n % 4; n > 0 && !utf8.RuneStart(text[n]); n-- {
	}
	return text[:n]
}
