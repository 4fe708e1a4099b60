// Package mcpserver serves the JSON API as MCP tools. It is the only importer of the MCP SDK.
//
// A command that was blocked, timed out or failed is a tool result that the model reads; a protocol error is only for
// a malformed call. What an operator decides comes from the environment, never from a tool's argument.
package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// Settings are the operator's.
type Settings struct {
	// ExecTimeout is the longest deadline of a command, and the default one; 0 leaves both to the core.
	ExecTimeout time.Duration
	// MaxSessions bounds the open sessions; 0 for no bound.
	MaxSessions int
	// SessionTTL closes a session this long after it was opened; 0 for never.
	SessionTTL time.Duration
}

// SettingsFrom reads EXECKIT_MCP_EXEC_TIMEOUT and EXECKIT_MCP_SESSION_TTL (seconds) and EXECKIT_MCP_MAX_SESSIONS.
func SettingsFrom(getenv func(string) string) (Settings, error) {
	var s Settings
	for _, setting := range []struct {
		name string
		set  func(n int)
	}{
		{"EXECKIT_MCP_EXEC_TIMEOUT", func(n int) { s.ExecTimeout = time.Duration(n) * time.Second }},
		{"EXECKIT_MCP_MAX_SESSIONS", func(n int) { s.MaxSessions = n }},
		{"EXECKIT_MCP_SESSION_TTL", func(n int) { s.SessionTTL = time.Duration(n) * time.Second }},
	} {
		text := getenv(setting.name)
		if text == "" {
			continue
		}
		// A setting that is not understood must stop the server: the operator meant a limit.
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 || n > 1<<30 {
			return s, errdefs.New(errdefs.InvalidArgument, "%s is %s, not a whole number above 0", setting.name, errdefs.Quote(text))
		}
		setting.set(n)
	}
	return s, nil
}

type server struct {
	api      *rpc.Server
	settings Settings
	mu       sync.Mutex
	open     map[string]*time.Timer
}

// Serve answers one client on transport until it disconnects or ctx ends, then closes every session.
func Serve(ctx context.Context, settings Settings, transport mcp.Transport) error {
	s := &server{api: rpc.NewServer(), settings: settings, open: make(map[string]*time.Timer)}
	defer s.api.Close()
	m := mcp.NewServer(&mcp.Implementation{Name: "execkit", Version: execkit.Version}, &mcp.ServerOptions{
		Instructions: "Open a session with session_create, run commands in it with session_exec: directory, variables and functions last. Close it with session_destroy.",
	})
	for _, t := range tools {
		m.AddTool(t.describe(), s.handler(t))
	}
	return m.Run(ctx, transport)
}

// Stdio is the transport over the process's own standard streams.
func Stdio() mcp.Transport { return &mcp.StdioTransport{} }

func (s *server) handler(t tool) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		stop := progress(ctx, req)
		defer stop()
		result, err := t.call(s, ctx, req.Params.Arguments)
		if err != nil {
			return failed(err), nil
		}
		text, err := wire.Encode(result)
		if err != nil {
			return failed(fmt.Errorf("encoding the result: %w", err)), nil
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}, StructuredContent: json.RawMessage(text)}, nil
	}
}

func failed(err error) *mcp.CallToolResult {
	text, encodeErr := wire.Encode(map[string]any{"error": errdefs.From(err)})
	if encodeErr != nil {
		text = []byte(err.Error())
	}
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}}
}

// progressEvery is the pause between progress notifications: often enough that a client with a timeout of a minute
// sees life, seldom enough not to be noise.
const progressEvery = 5 * time.Second

// progress notifies a client that asked for it while a call runs, until the function that it returns is called.
func progress(ctx context.Context, req *mcp.CallToolRequest) (stop func()) {
	token := req.Params.GetProgressToken()
	if token == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for n := 1.0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: n, Message: "the command is running"})
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// do calls the JSON API.
func (s *server) do(ctx context.Context, method string, params any) (any, error) {
	body, err := wire.Encode(params)
	if err != nil {
		return nil, err
	}
	return s.api.Do(ctx, method, body)
}

func (s *server) register(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var timer *time.Timer
	if s.settings.SessionTTL > 0 {
		timer = time.AfterFunc(s.settings.SessionTTL, func() { _, _ = s.destroy(context.Background(), id) })
	}
	s.open[id] = timer
}

func (s *server) destroy(ctx context.Context, id string) (any, error) {
	s.mu.Lock()
	if timer := s.open[id]; timer != nil {
		timer.Stop()
	}
	delete(s.open, id)
	s.mu.Unlock()
	return s.do(ctx, "session.destroy", wire.SessionRef{SessionID: id})
}
