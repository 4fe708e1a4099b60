package execkit

import (
	"context"
	"fmt"
	"sync"

	"github.com/execkit/execkit/core/errdefs"
)

// An Opening is the work of opening a session for a caller that is asked in between: it goes on from question to
// question. Its methods may be called concurrently, Next by one caller at a time.
type Opening[T any] struct {
	id      string
	cancel  context.CancelFunc
	asked   chan Question
	answers mailbox[secretAnswer]
	done    chan struct{}
	result  T // with err, written before done is closed
	err     error

	mu     sync.Mutex
	unread bool // a question ended without an answer
}

// BeginOpening starts open, whose context asks through the Opening. drop gets what was opened for nobody: after Cancel,
// or when a question had ended without an answer and nobody came for the result.
func BeginOpening[T any](open func(context.Context) (T, error), drop func(T)) *Opening[T] {
	ctx, cancel := context.WithCancel(context.Background())
	o := &Opening[T]{id: newID("o"), cancel: cancel, asked: make(chan Question, 1), done: make(chan struct{})}
	go func() {
		defer cancel()
		o.result, o.err = o.run(WithAsker(ctx, o.ask), open)
		o.mu.Lock()
		if o.err == nil && (ctx.Err() != nil || o.unread) {
			drop(o.result)
			o.err = errdefs.New(errdefs.Cancelled, "the session opened when nobody waited for it any more, and was closed")
		}
		o.mu.Unlock()
		close(o.done)
	}()
	return o
}

func (o *Opening[T]) run(ctx context.Context, open func(context.Context) (T, error)) (result T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic while a session opened: %v", v)
		}
	}()
	return open(ctx)
}

func (o *Opening[T]) ask(ctx context.Context, q Question) (string, error) {
	given, err := o.answers.wait(ctx, q.ID, q.Expires, func() { o.asked <- q })
	if err != nil {
		o.mu.Lock()
		o.unread = true
		o.mu.Unlock()
		return "", err
	}
	return given.text()
}

// ID returns the identifier of the opening, random and never used again.
func (o *Opening[T]) ID() string { return o.id }

// Next waits for the next question or for the end, and returns the question's fields, or nil and what the opening came
// to. The end of ctx cancels the opening.
func (o *Opening[T]) Next(ctx context.Context) (question map[string]any, _ T, _ error) {
	select {
	case q := <-o.asked:
		var none T
		return q.fields(), none, nil
	case <-ctx.Done():
		o.Cancel()
	case <-o.done:
	}
	return nil, o.result, o.err
}

// Answer answers the open question; nil refuses to answer. An answer that comes after the question's end is dropped.
func (o *Opening[T]) Answer(questionID string, answer *string) error {
	why := o.answers.answer(questionID, secretAnswer{answer})
	if why == noLongerOpen {
		return nil // Next tells what became of it
	}
	return notAsked(questionID, why)
}

// Cancel ends the opening and waits until it has.
func (o *Opening[T]) Cancel() {
	o.cancel()
	<-o.done
}

// Done is closed when the opening has ended.
func (o *Opening[T]) Done() <-chan struct{} { return o.done }
