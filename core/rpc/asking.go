package rpc

import (
	"context"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// openingKept is how long the end of an opening is kept for a caller who comes late.
const openingKept = time.Minute

// opens runs what opens a session. With asks, it returns with the first question of the server, if there is one; a Go
// caller whose ctx has an asker is asked through that instead.
func (s *Server) opens(ctx context.Context, asks bool, open func(context.Context) (any, error)) (any, error) {
	if !asks || execkit.AskerOf(ctx) != nil {
		return open(ctx)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errdefs.New(errdefs.Cancelled, "the server is closed")
	}
	o := execkit.BeginOpening(open, s.drop)
	s.openings[o.ID()] = o
	s.mu.Unlock()
	return s.next(ctx, o)
}

// next waits for the next question or the end of an opening.
func (s *Server) next(ctx context.Context, o *execkit.Opening[any]) (any, error) {
	question, result, err := o.Next(ctx)
	if question != nil {
		// A person may never come back. What is left then is what the end came to.
		go func() {
			<-o.Done()
			time.AfterFunc(openingKept, func() { s.forget(o.ID()) })
		}()
		return wire.Asked{OpeningID: o.ID(), Question: question}, nil
	}
	s.forget(o.ID())
	return result, err
}

func (s *Server) forget(opening string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.openings, opening)
}

// drop closes a session that was opened for nobody.
func (s *Server) drop(result any) {
	var id string
	switch opened := result.(type) {
	case wire.SessionInfo:
		id = opened.SessionID
	case *wire.SnapshotRestored:
		id = opened.SessionID
	}
	_, _ = s.sessionDestroy(context.Background(), &wire.SessionRef{SessionID: id})
}

func (s *Server) sessionAnswer(ctx context.Context, r *wire.SessionAnswer) (any, error) {
	s.mu.Lock()
	o, ok := s.openings[r.OpeningID]
	s.mu.Unlock()
	if !ok {
		return nil, errdefs.New(errdefs.InvalidArgument, "no session is opening under this opening_id").
			WithHint("its end was told already; open a new one with session.create").WithDetail("field", "opening_id")
	}
	if r.Cancel {
		o.Cancel()
		s.forget(r.OpeningID)
		return nil, errdefs.New(errdefs.Cancelled, "the opening of the session was cancelled")
	}
	if err := o.Answer(r.QuestionID, r.Answer); err != nil {
		return nil, err
	}
	return s.next(ctx, o)
}

func (s *Server) execAnswer(_ context.Context, r *wire.ExecAnswer) (any, error) {
	running, err := s.runningCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	return struct{}{}, running.AnswerQuestion(r.QuestionID, r.Answer)
}
