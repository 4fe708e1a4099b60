package execkit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// A Question is what a server, or a locked key, wants to know of a person while a session connects. Its answer is a
// secret, unless Kind is "host_key".
type Question struct {
	transport.Question
	// ID names this one question; it is random and answered once.
	ID      string
	Expires time.Time
}

// An Asker answers a question. An error, a panic, or not answering before ctx ends leaves it without an answer, and
// the connection then fails with [ErrUnauthenticated] if it needs one. One that ignores the end of ctx is left behind in
// its goroutine.
type Asker func(ctx context.Context, q Question) (string, error)

type askerKey struct{}

// WithAsker returns a context for the calls that may connect (Open, RestoreSnapshot, Exec, Start): what is asked within
// them is put to ask, and not to Config.Ask. The Config needs an Ask all the same, [AskCaller] if there is no other.
func WithAsker(ctx context.Context, ask Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, ask)
}

// AskerOf returns what WithAsker put into ctx, or nil.
func AskerOf(ctx context.Context) Asker {
	ask, _ := ctx.Value(askerKey{}).(Asker)
	return ask
}

// AskCaller is the Config.Ask of a session that asks the asker of each call's context. A call without one has nobody to
// ask.
func AskCaller(context.Context, transport.Question) (string, error) {
	return "", errors.New("this call cannot ask anyone")
}

// askedBy makes what a transport asks through out of the configured asker, or nil. It holds the answer to its deadline,
// keeps an asker that hangs or panics away from the session, and has the answer hidden from then on.
func (s *Session) askedBy(configured transport.Asker) transport.Asker {
	if configured == nil {
		return nil
	}
	return func(ctx context.Context, asked transport.Question) (string, error) {
		ask := AskerOf(ctx)
		if ask == nil {
			ask = func(ctx context.Context, q Question) (string, error) { return configured(ctx, q.Question) }
		}
		timeout := s.config.approvalTimeout()
		q := Question{Question: asked, ID: newID("q"), Expires: time.Now().Add(timeout)}
		answer, err := apart(ctx, s, q.Expires, func(ctx context.Context) (string, error) { return ask(ctx, q) })
		switch {
		case s.ended.Err() != nil:
			return "", errors.New("the session was closed")
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return "", fmt.Errorf("nobody answered within %v", timeout)
		case err != nil:
			// Its text may quote what was typed.
			return "", &unanswered{err}
		}
		if asked.Kind != "host_key" {
			s.redact.Learn(answer)
		}
		return answer, nil
	}
}

// unanswered is the failure of an asker. Its text is not told, since it may quote what was typed.
type unanswered struct{ cause error }

func (*unanswered) Error() string   { return "the question was not answered" }
func (u *unanswered) Unwrap() error { return u.cause }

// apart calls what may hang or panic in a goroutine of its own, until the deadline, ctx or the session ends.
func apart[T any](ctx context.Context, s *Session, deadline time.Time, call func(context.Context) (T, error)) (none T, _ error) {
	type reply struct {
		value T
		err   error
	}
	replies := make(chan reply, 1)
	asking, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	go func() {
		var r reply
		defer func() {
			if v := recover(); v != nil {
				r = reply{err: fmt.Errorf("it panicked: %v", v)}
			}
			replies <- r
		}()
		r.value, r.err = call(asking)
	}()
	var r reply
	select {
	case r = <-replies:
	case <-asking.Done():
	case <-s.ended.Done():
	}
	// An answer that comes together with the end of the question is too late.
	if asking.Err() != nil {
		return none, asking.Err()
	}
	return r.value, r.err
}

// secretAnswer is what came for a question; nil is a refusal. It has no text of its own.
type secretAnswer struct{ value *string }

func (a secretAnswer) text() (string, error) {
	if a.value == nil {
		return "", errors.New("there is no answer")
	}
	return *a.value, nil
}

// String keeps an answer out of what is formatted.
func (secretAnswer) String() string { return "[an answer]" }

// GoString is String for %#v.
func (secretAnswer) GoString() string { return "[an answer]" }

func notAsked(id, why string) error {
	if why == "" {
		return nil
	}
	return errdefs.New(errdefs.InvalidArgument, "question %s cannot be answered: %s", errdefs.Quote(id), why).
		WithHint("answer the question_id of the newest question, once").WithDetail("field", "question_id")
}

// fields is a question as the JSON API has it.
func (q Question) fields() map[string]any {
	return map[string]any{"question_id": q.ID, "kind": q.Kind, "target": q.Target, "text": q.Text, "echo": q.Echo,
		"expires_ms": max(time.Until(q.Expires).Milliseconds(), 0)}
}
