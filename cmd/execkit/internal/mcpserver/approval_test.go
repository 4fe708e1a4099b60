package mcpserver

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	execkit "github.com/execkit/execkit/core"
)

// asking connects a client of a protocol version whose user answers with answer.
func asking(t *testing.T, version string, answer func(*mcp.ElicitParams) (*mcp.ElicitResult, error)) *mcp.ClientSession {
	t.Helper()
	return askingUnder(t, Settings{}, version, answer)
}

func askingUnder(t *testing.T, settings Settings, version string, answer func(*mcp.ElicitParams) (*mcp.ElicitResult, error)) *mcp.ClientSession {
	t.Helper()
	here, there := mcp.NewInMemoryTransports()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = Serve(ctx, settings, there) }()
	o := &mcp.ClientOptions{ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) { return answer(r.Params) }}
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, o).Connect(ctx, here, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); cancel(); <-ended })
	if got := client.InitializeResult().ProtocolVersion; got != version {
		t.Fatalf("%s was negotiated, not %s", got, version)
	}
	return client
}

func TestElicitation(t *testing.T) {
	const command = "rm -rf /nonexistent/\u202ex; echo done"
	for _, version := range []string{"2025-06-18", "2025-11-25", roundTrips} {
		for _, tt := range []struct {
			action, code string
			content      map[string]any
			err          error
		}{
			{action: "accept"},
			{action: "accept", content: map[string]any{}},
			{action: "decline", code: "blocked"},
			{action: "cancel", code: "blocked"},
			{action: "decline", content: map[string]any{"approve": true}, code: "blocked"},
			{action: "ACCEPT", code: "blocked"},
			{action: "", code: "blocked"},
			{err: errors.New("no window"), code: "blocked"},
		} {
			var asked atomic.Int32
			var message string
			c := asking(t, version, func(p *mcp.ElicitParams) (*mcp.ElicitResult, error) {
				asked.Add(1)
				message = p.Message
				return &mcp.ElicitResult{Action: tt.action, Content: tt.content}, tt.err
			})
			id := open(t, c)
			result, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: "session_exec", Arguments: map[string]any{"session_id": id, "command": command}})
			if asked.Load() != 1 || !strings.Contains(message, `\u{202e}`) {
				t.Errorf("%s %+v: asked %d times: %q", version, tt, asked.Load(), message)
			}
			switch {
			case err != nil && tt.err != nil: // the client did not come back with an answer, so nothing ran
			case err != nil:
				t.Errorf("%s %+v: %v", version, tt, err)
			default:
				text := result.Content[0].(*mcp.TextContent).Text
				if tt.code == "" && (result.IsError || !strings.Contains(text, `"stdout":"done\n"`) || !strings.Contains(text, `"approved_by"`)) ||
					tt.code != "" && (!result.IsError || !strings.Contains(text, `"code":"`+tt.code+`"`)) {
					t.Errorf("%s %+v: %s", version, tt, text)
				}
			}
			// An answer is used once, and the session is free.
			if r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": id, "command": "echo on"}); failed {
				t.Error(r)
			}
		}
	}
}

func TestNobodyToAsk(t *testing.T) {
	c := connect(t, Settings{})
	id := open(t, c)
	r, failed := call(t, context.Background(), c, "session_exec", map[string]any{"session_id": id, "command": "rm -rf /nonexistent/x"})
	if !failed || r["error"].(map[string]any)["code"] != "approval_required" {
		t.Error(r)
	}
	// No argument of a call stands for a person.
	for _, more := range []string{"approve", "approved", "who", "approval_id"} {
		result, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: "session_exec", Arguments: map[string]any{"session_id": id, "command": "rm -rf /nonexistent/x", more: true}})
		if err == nil && !result.IsError {
			t.Errorf("%s: %+v", more, result)
		}
	}
}

// What comes along with a call without a question, twice, late or for something else approves nothing.
func TestAnswersAreBound(t *testing.T) {
	c := asking(t, roundTrips, func(*mcp.ElicitParams) (*mcp.ElicitResult, error) { return &mcp.ElicitResult{Action: "decline"}, nil })
	id := open(t, c)
	yes := mcp.InputResponseMap{approvalKey: &mcp.ElicitResult{Action: "accept"}}
	for _, guess := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		r, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: "session_exec", InputResponses: yes, RequestState: guess,
			Arguments: map[string]any{"session_id": id, "command": "rm -rf /nonexistent/x"}})
		if err != nil || !r.IsError || !strings.Contains(r.Content[0].(*mcp.TextContent).Text, `"blocked"`) {
			t.Errorf("%q: %+v %v", guess, r, err)
		}
	}
	s := &server{asked: make(map[string]question)}
	later, past := time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
	good := s.remember(question{digest: "d", expires: later})
	// Remembering drops what has expired, so an expired one is put there by hand.
	s.asked["old"] = question{digest: "d", expires: past}
	for _, tt := range []struct {
		name, state, digest string
		answers             mcp.InputResponseMap
		want                bool
	}{
		{"late", "old", "d", yes, false},
		{"of another command", s.remember(question{digest: "e", expires: later}), "d", yes, false},
		{"without an answer", s.remember(question{digest: "d", expires: later}), "d", nil, false},
		{"under another name", s.remember(question{digest: "d", expires: later}), "d", mcp.InputResponseMap{"x": &mcp.ElicitResult{Action: "accept"}}, false},
		//lint:ignore SA1019 a client may still send it, and the server must not take it for an answer
		{"of another kind", s.remember(question{digest: "d", expires: later}), "d", mcp.InputResponseMap{approvalKey: &mcp.ListRootsResult{}}, false},
		{"as it should be", good, "d", yes, true},
		{"again", good, "d", yes, false},
	} {
		approve := s.answered(&mcp.CallToolParamsRaw{RequestState: tt.state, InputResponses: tt.answers})
		got, err := approve(context.Background(), execkit.ApprovalRequest{Digest: tt.digest})
		if tt.want != (err == nil && got.Approve) {
			t.Errorf("%s: %+v %v", tt.name, got, err)
		}
	}
}
