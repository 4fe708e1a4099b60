package mcpserver

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// answerKey names the one question of a server in the result of a call.
const answerKey = "answer"

// hostKeyQuestion is the kind of the one question that is put to the client's user. The protocol forbids servers to ask for
// passwords and other secrets in a form (MCP 2025-06-18 and later, Elicitation); those have to be options.
const hostKeyQuestion = "host_key"

var errNoAnswer = errors.New("the user gave no answer")

var errSecret = errors.New("a secret is not asked for over MCP")

// withAsker has the client ask its user what a server asks within a call, where the protocol lets it ask at once.
func withAsker(ctx context.Context, req *mcp.CallToolRequest) context.Context {
	if !canAsk(req) || !asksAtOnce(req) {
		return ctx
	}
	return execkit.WithAsker(ctx, func(ctx context.Context, q execkit.Question) (string, error) {
		if q.Kind != hostKeyQuestion {
			return "", errSecret
		}
		answer, err := req.Session.Elicit(ctx, questionForm(q.Text))
		if err != nil {
			return "", err
		}
		if said := answerOf(answer); said != nil {
			return *said, nil
		}
		return "", errNoAnswer
	})
}

// asksAtOnce says that a server may ask in the middle of a call.
func asksAtOnce(req *mcp.CallToolRequest) bool {
	p := req.Session.InitializeParams()
	return p != nil && p.ProtocolVersion < roundTrips
}

// openSession makes session.create, or goes on with one that had asked where the call brings an answer.
func (s *server) openSession(ctx context.Context, req *mcp.CallToolRequest, r wire.SessionCreate) (any, error) {
	// The answer is for the very same call.
	digest := fmt.Sprintf("%x", sha256.Sum256(req.Params.Arguments))
	var result any
	var err error
	if req.Params.RequestState == "" {
		r.Ask = canAsk(req)
		result, err = s.do(withAsker(ctx, req), "session.create", r)
	} else {
		result, err = s.goOn(ctx, req, digest)
	}
	for {
		asked, ok := result.(wire.Asked)
		if err != nil || !ok {
			return result, err
		}
		id, _ := asked.Question["question_id"].(string)
		if asked.Question["kind"] != hostKeyQuestion {
			// The session is told that there is no answer.
			result, err = s.do(ctx, "session.answer", wire.SessionAnswer{OpeningID: asked.OpeningID, QuestionID: id})
			continue
		}
		text, _ := asked.Question["text"].(string)
		left, _ := asked.Question["expires_ms"].(int64)
		q := question{digest: digest, expires: time.Now().Add(time.Duration(left) * time.Millisecond), opening: asked.OpeningID, id: id}
		return nil, &inputRequired{key: answerKey, form: questionForm(text), state: s.remember(q)}
	}
}

// unanswered says what an agent can do where a server wanted an answer that only a person has.
func unanswered(err error) error {
	var e *errdefs.Error
	if !errors.As(err, &e) || e.Code != errdefs.Unauthenticated || e.Details["unanswered"] != true {
		return err
	}
	return e.WithHint("over MCP nobody is asked for a secret: give key_path or password, or have the operator put a key into an agent; a server that wants a one-time code besides cannot be reached this way")
}

// goOn gives the user's answer to the opening that asked.
func (s *server) goOn(ctx context.Context, req *mcp.CallToolRequest, digest string) (any, error) {
	q, known := s.recall(req.Params.RequestState)
	if !known || q.opening == "" {
		return nil, errdefs.New(errdefs.InvalidArgument, "the answer is to no open question; it was used before, or is unknown").
			WithHint("call session_create again, without an answer")
	}
	r := wire.SessionAnswer{OpeningID: q.opening, QuestionID: q.id}
	if q.digest != digest {
		r.Cancel = true
		_, _ = s.do(ctx, "session.answer", r)
		return nil, errdefs.New(errdefs.InvalidArgument, "the answer is for a call with other arguments").WithHint("call session_create again, without an answer")
	}
	answer, _ := req.Params.InputResponses[answerKey].(*mcp.ElicitResult)
	r.Answer = answerOf(answer)
	return s.do(ctx, "session.answer", r)
}

// answerOf is what the user typed, or nil where there is no answer.
func answerOf(answer *mcp.ElicitResult) *string {
	if answer == nil || answer.Action != "accept" {
		return nil
	}
	text, ok := answer.Content["answer"].(string)
	if !ok {
		return nil
	}
	return &text
}

// questionForm asks for one line of text. The question is made visible already.
func questionForm(text string) *mcp.ElicitParams {
	return &mcp.ElicitParams{Mode: "form", Message: "A server asks, while a session opens on it:\n\n" + text,
		RequestedSchema: json.RawMessage(`{"type":"object","properties":{"answer":{"type":"string","title":"yes, or the fingerprint"}},"required":["answer"]}`)}
}
