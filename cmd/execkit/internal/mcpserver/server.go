package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

type server struct {
	api      *rpc.Server
	settings Settings
	mu       sync.Mutex
	asked    map[string]question // by the state that the client hands back
	// open holds the sessions, with a timer each where they expire; opening counts those that are being made.
	open    map[string]*time.Timer
	opening int
	level   string          // of log notifications; empty until the client sets one
	told    map[string]bool // the jobs whose output somebody tells the client
}

// Serve answers one client on transport until it disconnects or ctx ends, then closes every session.
func Serve(ctx context.Context, settings Settings, transport mcp.Transport) error {
	s := &server{api: rpc.NewServer(), settings: settings, open: make(map[string]*time.Timer), asked: make(map[string]question), told: make(map[string]bool)}
	defer s.close()
	m := mcp.NewServer(&mcp.Implementation{Name: "execkit", Version: execkit.Version}, &mcp.ServerOptions{
		Instructions: "Open a session with session_create, run commands in it with session_exec: directory, variables and functions last. Close it with session_destroy.",
	})
	m.AddReceivingMiddleware(s.setsLevel)
	for _, t := range slices.Concat(tools, undoTools, liveTools, policyTools) {
		m.AddTool(t.describe(), s.handler(t))
	}
	return m.Run(ctx, transport)
}

// Stdio is the transport over standard streams, which then carry the protocol and nothing else.
func Stdio(in io.Reader, out io.Writer) mcp.Transport {
	return &mcp.IOTransport{Reader: io.NopCloser(in), Writer: nopCloser{out}}
}

// nopCloser keeps the end of the protocol from closing a stream that belongs to the caller.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func (s *server) close() {
	s.mu.Lock()
	for _, timer := range s.open {
		if timer != nil {
			timer.Stop()
		}
	}
	s.mu.Unlock()
	s.api.Close()
}

func (s *server) handler(t tool) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		stop := progress(ctx, req)
		defer stop()
		result, err := t.call(s, ctx, req)
		if err != nil {
			var wanted *inputRequired
			if errors.As(err, &wanted) {
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{wanted.key: wanted.form}, RequestState: wanted.state}, nil
			}
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

// reserve counts a session before it is open, so that calls at the same time cannot pass the limit together. What it
// returns must be called with the id of the new session, or "" if there is none.
func (s *server) reserve() (settle func(id string), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit := s.settings.MaxSessions; limit > 0 && len(s.open)+s.opening >= limit {
		s.forget()
	}
	if limit := s.settings.MaxSessions; limit > 0 && len(s.open)+s.opening >= limit {
		return nil, errdefs.New(errdefs.LimitExceeded, "the operator allows %d sessions", limit).
			WithHint("close one with session_destroy")
	}
	s.opening++
	return func(id string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opening--
		if id == "" {
			return
		}
		s.open[id] = nil
		if s.settings.SessionTTL > 0 {
			s.open[id] = time.AfterFunc(s.settings.SessionTTL, func() { _, _ = s.destroy(context.Background(), id) })
		}
	}, nil
}

// forget takes the sessions that have closed themselves out of the count; s.mu is held.
func (s *server) forget() {
	result, err := s.do(context.Background(), "session.list", nil)
	if err != nil {
		return
	}
	lives := make(map[string]bool)
	listed, _ := result.(map[string]any)["sessions"].([]wire.SessionInfo)
	for _, info := range listed {
		lives[info.SessionID] = true
	}
	for id, timer := range s.open {
		if lives[id] {
			continue
		}
		if timer != nil {
			timer.Stop()
		}
		delete(s.open, id)
		_, _ = s.do(context.Background(), "session.destroy", wire.SessionRef{SessionID: id})
	}
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
