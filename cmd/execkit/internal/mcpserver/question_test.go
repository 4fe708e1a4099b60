package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
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

func TestAnUnknownHostKeyIsElicited(t *testing.T) {
	d := newDoor(t)
	d.target["password"] = d.account.Password
	fingerprint := d.server.Fingerprint("ed25519")
	for _, version := range []string{"2025-06-18", "2025-11-25", roundTrips} {
		for _, c := range []struct {
			what, action string
			answer       any // of the content, nil for none
			err          error
			code         string // "" for a session
		}{
			{what: "yes", action: "accept", answer: "yes"},
			{what: "the fingerprint", action: "accept", answer: fingerprint},
			{what: "another fingerprint", action: "accept", answer: fingerprint + "x", code: "host_key_unknown"},
			{what: "declined", action: "decline", answer: "yes", code: "host_key_unknown"},
			{what: "of another type", action: "accept", answer: 1, code: "host_key_unknown"},
			{what: "without content", action: "accept", code: "host_key_unknown"},
			{what: "no window", err: errors.New("no window"), code: "host_key_unknown"},
		} {
			t.Run(version+" "+c.what, func(t *testing.T) {
				known := filepath.Join(t.TempDir(), "known_hosts")
				if err := os.WriteFile(known, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				settings := Settings{SSH: SSHSettings{KnownHosts: []string{known}, AskHostKey: true}}
				var asked atomic.Int32
				client := askingUnder(t, settings, version, func(p *mcp.ElicitParams) (*mcp.ElicitResult, error) {
					asked.Add(1)
					if !strings.Contains(p.Message, fingerprint) {
						t.Errorf("%q", p.Message)
					}
					content := map[string]any{}
					if c.answer != nil {
						content["answer"] = c.answer
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
				if result.IsError != (c.code != "") || !strings.Contains(text, c.code) || asked.Load() != 1 {
					t.Fatalf("%s after %d questions", text, asked.Load())
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
				if r, failed := call(t, context.Background(), client, "session_exec", map[string]any{"session_id": info.SessionID, "command": "echo far"}); failed || r["stdout"] != "far\n" {
					t.Errorf("%v", r)
				}
			})
		}
	}
}

// The protocol forbids to ask for a password in a form.
func TestNoSecretIsElicited(t *testing.T) {
	d := newDoor(t)
	for _, version := range []string{"2025-06-18", roundTrips} {
		client := askingUnder(t, d.settings, version, func(p *mcp.ElicitParams) (*mcp.ElicitResult, error) {
			t.Errorf("%s: %q", version, p.Message)
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"answer": d.account.Password}}, nil
		})
		r, failed := call(t, context.Background(), client, "session_create", d.target)
		if !failed || r["error"].(map[string]any)["code"] != "unauthenticated" {
			t.Errorf("%s: %v", version, r)
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
