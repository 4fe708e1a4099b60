package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
	"github.com/execkit/execkit/core/wire"
)

// a door is a server that wants a password, and what a client says to it.
type door struct {
	server   *sshtest.Server
	account  sshtest.Account
	settings Settings
	target   map[string]any
}

func newDoor(t *testing.T) door {
	d := door{server: sshtest.Start(t, sshtest.Options{Config: "PasswordAuthentication yes\nLoginGraceTime 600"}), account: sshtest.NewAccount(t, "bash")}
	d.settings.SSH.KnownHosts = []string{d.server.KnownHosts()}
	d.target = map[string]any{"transport": "ssh", "host": "127.0.0.1", "port": d.server.Port, "user": d.account.Name}
	return d
}

func TestAServersQuestionIsElicited(t *testing.T) {
	d := newDoor(t)
	for _, version := range []string{"2025-06-18", "2025-11-25", roundTrips} {
		for _, c := range []struct {
			what, action string
			answers      []any // of the content, one after the other
			err          error
			code         string // "" for a session
		}{
			{what: "the password", action: "accept", answers: []any{d.account.Password}},
			{what: "mistyped first", action: "accept", answers: []any{"mistyped", d.account.Password}},
			{what: "declined", action: "decline", answers: []any{d.account.Password}, code: "unauthenticated"},
			{what: "of another type", action: "accept", answers: []any{8675309}, code: "unauthenticated"},
			{what: "without content", action: "accept", answers: []any{nil}, code: "unauthenticated"},
			{what: "no window", err: errors.New("no window"), answers: []any{nil}, code: "unauthenticated"},
		} {
			t.Run(version+" "+c.what, func(t *testing.T) {
				var mu sync.Mutex
				asked := 0
				client := askingUnder(t, d.settings, version, func(p *mcp.ElicitParams) (*mcp.ElicitResult, error) {
					mu.Lock()
					defer mu.Unlock()
					if !strings.Contains(p.Message, d.account.Name) {
						t.Errorf("%q", p.Message)
					}
					answer := c.answers[min(asked, len(c.answers)-1)]
					asked++
					content := map[string]any{}
					if answer != nil {
						content["answer"] = answer
					}
					return &mcp.ElicitResult{Action: c.action, Content: content}, c.err
				})
				result, err := client.CallTool(context.Background(), &mcp.CallToolParams{Name: "session_create", Arguments: d.target})
				if err != nil {
					if c.code == "" || version != roundTrips { // the client itself refuses, and does not come back
						t.Fatal(err)
					}
					return
				}
				text := result.Content[0].(*mcp.TextContent).Text
				if strings.Contains(text, d.account.Password) || strings.Contains(text, "8675309") {
					t.Errorf("an answer got out: %s", text)
				}
				if result.IsError != (c.code != "") || !strings.Contains(text, c.code) {
					t.Fatalf("%s", text)
				}
				if c.code != "" {
					return
				}
				var info struct {
					SessionID string `json:"session_id"`
				}
				if err := json.Unmarshal([]byte(text), &info); err != nil {
					t.Fatal(err)
				}
				r, failed := call(t, context.Background(), client, "session_exec", map[string]any{"session_id": info.SessionID, "command": "echo far; echo " + d.account.Password[:9] + "''" + d.account.Password[9:]})
				if failed || r["stdout"] != "far\n[REDACTED]\n" || asked != len(c.answers) {
					t.Errorf("%v after %d questions", r["stdout"], asked)
				}
			})
		}
	}
}

func TestAServerAsksAndNobodyCan(t *testing.T) {
	d := newDoor(t)
	client := connect(t, d.settings)
	r, failed := call(t, context.Background(), client, "session_create", d.target)
	if !failed || r["error"].(map[string]any)["code"] != "unauthenticated" {
		t.Errorf("%v", r)
	}
	// No argument of a call answers.
	for _, name := range []string{"ask", "answer", "question_id"} {
		arguments := map[string]any{name: "yes"}
		for key, value := range d.target {
			arguments[key] = value
		}
		if r, failed := call(t, context.Background(), client, "session_create", arguments); !failed || r["error"].(map[string]any)["code"] != "invalid_argument" {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// An answer is for the call that was asked about, once.
func TestAnswersToAServerAreBound(t *testing.T) {
	d := newDoor(t)
	s := &server{api: rpc.NewServer(), asked: make(map[string]question)}
	defer s.api.Close()
	yes := mcp.InputResponseMap{answerKey: &mcp.ElicitResult{Action: "accept", Content: map[string]any{"answer": d.account.Password}}}
	// ask begins a session and returns the state of its question.
	ask := func() string {
		t.Helper()
		result, err := s.do(t.Context(), "session.create", map[string]any{"ask": true, "transport": "ssh",
			"ssh": map[string]any{"config": false, "agent": false, "host": "127.0.0.1", "port": d.server.Port, "user": d.account.Name, "known_hosts": d.settings.SSH.KnownHosts}})
		asked, ok := result.(wire.Asked)
		if !ok {
			t.Fatalf("%v %v", result, err)
		}
		return s.remember(question{digest: "mine", expires: time.Now().Add(time.Minute), opening: asked.OpeningID, id: asked.Question["question_id"].(string)})
	}
	good := ask()
	for _, c := range []struct {
		what, state, digest string
		answers             mcp.InputResponseMap
		code                errdefs.Code // "" for a session
	}{
		{"guessed", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "mine", yes, errdefs.InvalidArgument},
		{"of an approval", s.remember(question{digest: "mine", expires: time.Now().Add(time.Minute)}), "mine", yes, errdefs.InvalidArgument},
		{"with other arguments", ask(), "other", yes, errdefs.InvalidArgument},
		{"without an answer", ask(), "mine", nil, errdefs.Unauthenticated},
		{"under another name", ask(), "mine", mcp.InputResponseMap{approvalKey: yes[answerKey]}, errdefs.Unauthenticated},
		{"as it should be", good, "mine", yes, ""},
		{"again", good, "mine", yes, errdefs.InvalidArgument},
	} {
		req := &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{RequestState: c.state, InputResponses: c.answers}}
		result, err := s.goOn(t.Context(), req, c.digest)
		info, opened := result.(wire.SessionInfo)
		if c.code == "" && !opened || c.code != "" && (err == nil || errdefs.From(err).Code != c.code) {
			t.Errorf("%s: %+v %v", c.what, info, err)
		}
	}
}
