package rpc

import (
	"context"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// defaultWait is how long a method waits for what may never come (an event, the end of a job) when the request does not say.
const defaultWait = 30 * time.Second

// execStart starts a command that outlives the call: it ends by itself, at its deadline, by exec.stop or with its
// session.
func (s *Server) execStart(ctx context.Context, r *wire.Exec) (any, error) {
	if r.YieldMS != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "yield_ms: exec.start returns at once").WithHint("leave it out, or use session.exec").WithDetail("field", "yield_ms")
	}
	const open = "open"
	if r.Stdin != nil && *r.Stdin == open {
		r.Stdin, r.StdinOpen = nil, true
	}
	session, o, err := s.execOptions(r)
	if err != nil {
		return nil, err
	}
	running, err := session.Start(context.Background(), r.Command, o)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		// Nobody would take the reply of a cancelled call, and so nobody could stop the command.
		running.Stop()
		_, _ = running.Wait(context.Background())
		return nil, errdefs.New(errdefs.Cancelled, "the call was cancelled while the command started; it was stopped").WithOutcome(errdefs.Unknown)
	}
	s.mu.Lock()
	s.running[running.ID()] = running
	s.mu.Unlock()
	return wire.ExecStarted{ExecID: running.ID()}, nil
}

// Running returns the command that exec.start began or session.exec left running, or nil.
func (s *Server) Running(id string) *execkit.Running {
	running, _ := s.runningCommand(id)
	return running
}

func (s *Server) runningCommand(id string) (*execkit.Running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if running, ok := s.running[id]; ok {
		return running, nil
	}
	// A command that session.exec left running is not among them.
	for _, session := range s.sessions {
		if running := session.RunningCommand(id); running != nil {
			return running, nil
		}
	}
	return nil, errdefs.New(errdefs.InvalidArgument, "no running command %s", quoteID(id)).
		WithHint("the id is gone once exec.events has returned done")
}

// startedCommand is runningCommand for what may come when a command's events were read to the end: input, signals and looks
// at its screen are told that it has ended, or show what it left.
func (s *Server) startedCommand(id string) (*execkit.Running, error) {
	running, err := s.runningCommand(id)
	if err == nil {
		return running, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.sessions {
		if running := session.Command(id); running != nil {
			return running, nil
		}
	}
	return nil, err
}

func (s *Server) execEvents(ctx context.Context, r *wire.ExecEvents) (any, error) {
	running, err := s.runningCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	ctx, cancel, err := waitFor(ctx, r.TimeoutMS)
	if err != nil {
		return nil, err
	}
	defer cancel()
	events, done := running.Events(ctx, r.MaxBytes)
	if done {
		s.mu.Lock()
		delete(s.running, r.ExecID)
		s.mu.Unlock()
	}
	if events == nil {
		events = []wire.Event{}
	}
	return wire.ExecEventsResult{Events: events, Done: done}, nil
}

func (s *Server) execStop(_ context.Context, r *wire.ExecRef) (any, error) {
	running, err := s.runningCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	running.Stop()
	return struct{}{}, nil
}

func (s *Server) execApprove(_ context.Context, r *wire.ExecApprove) (any, error) {
	running, err := s.runningCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	if r.RememberMS < 0 || r.RememberMS > maxTimeoutMS {
		return nil, errdefs.New(errdefs.InvalidArgument, "remember_ms: %d is out of range", r.RememberMS).WithDetail("field", "remember_ms")
	}
	answer := execkit.Approval{Approve: r.Approve, Who: r.Who, Remember: time.Duration(r.RememberMS) * time.Millisecond}
	if r.Command != nil {
		// Without text an edit would stand for the command as it was, which the person did not want.
		if answer.Command = *r.Command; answer.Command == "" {
			return nil, errdefs.New(errdefs.InvalidArgument, "command: the edited command is empty").
				WithHint("leave command out to approve as it is, or give approve false").WithDetail("field", "command")
		}
	}
	return struct{}{}, running.Answer(r.ApprovalID, answer)
}
