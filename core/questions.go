package execkit

import (
	"context"
	"sync"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// A mailbox takes the answers to questions that were told as events. One question is open at a time; those that are over
// are kept to tell a second answer from a wrong one. The zero value is ready; its methods may be called concurrently.
type mailbox[Answer any] struct {
	mu      sync.Mutex
	over    map[string]string // how each ended; "" while it is open
	open    chan Answer       // takes the one answer to the open question
	expires time.Time         // of the open question
}

const noLongerOpen = "it is no longer open: it expired, or what asked it was stopped"

// wait opens a question, tells of it and waits for its answer until ctx ends.
func (m *mailbox[Answer]) wait(ctx context.Context, id string, expires time.Time, tell func()) (none Answer, _ error) {
	answer := make(chan Answer, 1)
	m.mu.Lock()
	if m.over == nil {
		m.over = make(map[string]string)
	}
	m.over[id], m.open, m.expires = "", answer, expires
	m.mu.Unlock()
	tell()
	select {
	case given := <-answer:
		return given, nil
	case <-ctx.Done():
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.over[id] == "" {
			m.over[id] = noLongerOpen
		}
		return none, ctx.Err()
	}
}

// answer gives the answer to a question; it returns "" or why there is no such question to answer.
func (m *mailbox[Answer]) answer(id string, a Answer) (why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	over, ok := m.over[id]
	switch {
	case !ok:
		return "whom it is given to did not ask it"
	case over != "":
		return over
	case !time.Now().Before(m.expires):
		return noLongerOpen
	}
	m.over[id] = "it was answered before"
	m.open <- a
	return ""
}

// ask is the Approver of a command that asks by event.
func (r *Running) ask(ctx context.Context, a ApprovalRequest) (Approval, error) {
	fields := map[string]any{
		"approval_id": a.ID, "session_id": a.SessionID, "target": a.Target, "cwd": a.Cwd,
		"command": a.Command, "text": a.Text, "commands": a.Commands, "rules": a.Decision.Rules, "reason": a.Decision.Reason, "severe": a.Severe,
		"digest": a.Digest, "expires_ms": max(time.Until(a.Expires).Milliseconds(), 0),
	}
	if len(a.Env) > 0 {
		fields["env"] = a.Env
	}
	if a.Stdin != "" {
		fields["stdin"] = a.Stdin
	}
	return r.approvals.wait(ctx, a.ID, a.Expires, func() { r.push(Event{Type: "approval_required", Fields: fields}) })
}

// Answer answers the approval_required event with this identifier. Each is answered once.
func (r *Running) Answer(approvalID string, a Approval) error {
	if why := r.approvals.answer(approvalID, a); why != "" {
		return errdefs.New(errdefs.InvalidArgument, "approval %s cannot be answered: %s", errdefs.Quote(approvalID), why).
			WithHint("answer the approval_id of the newest approval_required event of this exec_id, once").
			WithDetail("field", "approval_id")
	}
	return nil
}

// wonder is the asker of a command whose questions are events.
func (r *Running) wonder(ctx context.Context, q Question) (string, error) {
	given, err := r.answers.wait(ctx, q.ID, q.Expires, func() { r.push(Event{Type: "question", Fields: q.fields()}) })
	if err != nil {
		return "", err
	}
	return given.text()
}

// AnswerQuestion answers the question event with this identifier; nil refuses to answer. Each is answered once.
func (r *Running) AnswerQuestion(questionID string, answer *string) error {
	return notAsked(questionID, r.answers.answer(questionID, secretAnswer{answer}))
}
