package mcpserver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

// roundTrips is the first protocol version that forbids a server to send requests of its own: what it wants to know
// becomes the result of the call, and the client makes the call again with the answer.
const roundTrips = "2026-07-28"

// approvalKey names the one question of such a result.
const approvalKey = "approval"

// maxAsked bounds the questions that clients never came back to.
const maxAsked = 1000

// A question is one that went to the client as the result of a call. Only its digest is kept, not the command: the
// call that brings the answer must be for the very same one.
type question struct {
	digest  string
	expires time.Time
	// opening and id are those of a question that a server asked; see openSession.
	opening, id string
}

// inputRequired is the outcome of a call that first needs the user.
type inputRequired struct {
	key   string
	form  *mcp.ElicitParams
	state string
}

func (*inputRequired) Error() string { return "the user has to be asked" }

// execute runs a command and has the client ask its user where the policy wants a person. A client that cannot ask
// makes it approval_required; nothing in the arguments of a call can approve.
func (s *server) execute(ctx context.Context, req *mcp.CallToolRequest, r *wire.Exec) (any, error) {
	return s.asking(req, func(approve execkit.Approver) (any, error) {
		return s.exec(withAsker(ctx, req), req, r, approve)
	})
}

// asking makes a call with an approver for this client, or none.
func (s *server) asking(req *mcp.CallToolRequest, call func(execkit.Approver) (any, error)) (any, error) {
	if !canAsk(req) {
		return call(nil)
	}
	if asksAtOnce(req) {
		return call(func(ctx context.Context, a execkit.ApprovalRequest) (execkit.Approval, error) {
			answer, err := req.Session.Elicit(ctx, form(a))
			if err != nil {
				return execkit.Approval{}, err
			}
			return approval(answer), nil
		})
	}
	if req.Params.RequestState != "" {
		return call(s.answered(req.Params))
	}
	var wanted *inputRequired
	result, err := call(func(_ context.Context, a execkit.ApprovalRequest) (execkit.Approval, error) {
		// The session is not held while the user thinks; the command is judged again when the answer comes.
		wanted = &inputRequired{key: approvalKey, form: form(a), state: s.remember(question{digest: a.Digest, expires: a.Expires})}
		return execkit.Approval{}, nil
	})
	if err != nil && wanted != nil {
		return nil, wanted
	}
	return result, err
}

func canAsk(req *mcp.CallToolRequest) bool {
	c := req.ClientCapabilities()
	// A client that names no mode is one from before there were two, and shows forms.
	return c != nil && c.Elicitation != nil && (c.Elicitation.Form != nil || c.Elicitation.URL == nil)
}

// answered is the approver of a call that brings the user's answer.
func (s *server) answered(p *mcp.CallToolParamsRaw) execkit.Approver {
	q, known := s.recall(p.RequestState)
	return func(_ context.Context, a execkit.ApprovalRequest) (execkit.Approval, error) {
		switch {
		case !known:
			return execkit.Approval{}, errors.New("the answer is to no open question; it was used before, or is unknown")
		case q.digest != a.Digest:
			return execkit.Approval{}, errors.New("the answer is for another command, directory or session")
		case !time.Now().Before(q.expires):
			return execkit.Approval{}, errors.New("the answer came too late")
		}
		answer, _ := p.InputResponses[approvalKey].(*mcp.ElicitResult)
		return approval(answer), nil
	}
}

// recall returns the question that a state stands for, once.
func (s *server) recall(state string) (q question, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, known = s.asked[state]
	delete(s.asked, state)
	return q, known
}

// remember keeps a question and returns the state that stands for it, which cannot be guessed.
func (s *server) remember(q question) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.asked, func(_ string, q question) bool { return !now.Before(q.expires) })
	state := rand.Text()
	if len(s.asked) < maxAsked {
		s.asked[state] = q
	}
	return state
}

// approval reads an answer: accept is a yes, and everything else a no.
func approval(answer *mcp.ElicitResult) execkit.Approval {
	return execkit.Approval{Approve: answer != nil && answer.Action == "accept", Who: "the user of the MCP client"}
}

// form is the question. The command is one line of visible characters, so that it cannot pass for another part of it.
func form(a execkit.ApprovalRequest) *mcp.ElicitParams {
	var b strings.Builder
	b.WriteString("May this command run? " + a.Decision.Reason + "\n\nCommand: " + a.Command + "\nDirectory: " + a.Cwd + "\nTarget: " + a.Target)
	if len(a.Env) > 0 {
		b.WriteString("\nVariables: " + strings.Join(a.Env, "  "))
	}
	if a.Stdin != "" {
		b.WriteString("\nInput: " + a.Stdin)
	}
	if a.Severe {
		b.WriteString("\n\nWhat it does may not be possible to take back.")
	}
	return &mcp.ElicitParams{Mode: "form", Message: b.String(), RequestedSchema: json.RawMessage(`{"type":"object","properties":{}}`)}
}
