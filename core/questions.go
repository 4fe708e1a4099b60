package execkit

import (
	"context"
	"sync"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// questions are those of one running command that were asked as events, so an identifier of another command is unknown
// here. The command asks one at a time; those that are over are kept to tell a second answer from a wrong one.
type questions struct {
	mu      sync.Mutex
	over    map[string]string // how each ended; "" while it is open
	open    chan Approval     // takes the one answer to the open question
	expires time.Time         // of the open question
}

const noLongerOpen = "it is no longer open: it expired, or the command was stopped"

// ask is the Approver of a command that asks by event.
func (r *Running) ask(ctx context.Context, a ApprovalRequest) (Approval, error) {
	answer := make(chan Approval, 1)
	q := &r.questions
	q.mu.Lock()
	if q.over == nil {
		q.over = make(map[string]string)
	}
	q.over[a.ID], q.open, q.expires = "", answer, a.Expires
	q.mu.Unlock()
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
	r.push(Event{Type: "approval_required", Fields: fields})
	select {
	case given := <-answer:
		return given, nil
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.over[a.ID] == "" {
			q.over[a.ID] = noLongerOpen
		}
		return Approval{}, ctx.Err()
	}
}

// Answer answers the approval_required event with this identifier. Each is answered once.
func (r *Running) Answer(approvalID string, a Approval) error {
	q := &r.questions
	q.mu.Lock()
	defer q.mu.Unlock()
	over, ok := q.over[approvalID]
	switch {
	case !ok:
		over = "this command did not ask it"
	case over != "":
	case !time.Now().Before(q.expires):
		over = noLongerOpen
	default:
		q.over[approvalID] = "it was answered before"
		q.open <- a
		return nil
	}
	return errdefs.New(errdefs.InvalidArgument, "approval %s cannot be answered: %s", errdefs.Quote(approvalID), over).
		WithHint("answer the approval_id of the newest approval_required event of this exec_id, once").
		WithDetail("field", "approval_id")
}
