package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sort"
	"sync"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/all"
	"github.com/execkit/execkit/core/wire"
)

// A Server answers the methods of the JSON API.
type Server struct {
	methods    map[string]handler
	transports transport.Registry
	observer   observer

	mu       sync.Mutex
	sessions map[string]*execkit.Session
	ended    endedIDs
	running  map[string]*execkit.Running
	openings map[string]*execkit.Opening[any] // those that have asked something
	closed   bool
}

// A handler decodes its own params and returns the result value, or an error.
type handler func(ctx context.Context, params []byte) (any, error)

// NewServer makes a Server without sessions.
func NewServer() *Server {
	s := &Server{methods: make(map[string]handler), transports: all.Registry(), sessions: make(map[string]*execkit.Session), running: make(map[string]*execkit.Running), openings: make(map[string]*execkit.Opening[any])}
	s.methods["version.get"] = s.versionGet
	s.methods["limits.get"] = method(s.limitsGet)
	s.methods["capabilities.get"] = method(s.capabilitiesGet)
	s.methods["session.create"] = method(s.sessionCreate)
	s.methods["session.answer"] = method(s.sessionAnswer)
	s.methods["session.exec"] = method(s.sessionExec)
	s.methods["session.list"] = method(s.sessionList)
	s.methods["session.destroy"] = method(s.sessionDestroy)
	s.methods["exec.start"] = method(s.execStart)
	s.methods["exec.events"] = method(s.execEvents)
	s.methods["exec.approve"] = method(s.execApprove)
	s.methods["exec.answer"] = method(s.execAnswer)
	s.methods["exec.stop"] = method(s.execStop)
	s.methods["session.interrupt"] = method(s.sessionInterrupt)
	s.methods["exec.write"] = method(s.execWrite)
	s.methods["exec.close_stdin"] = method(s.execCloseStdin)
	s.methods["exec.signal"] = method(s.execSignal)
	s.methods["exec.resize"] = method(s.execResize)
	s.methods["exec.screen"] = method(s.execScreen)
	s.methods["job.list"] = method(s.jobList)
	s.methods["job.output"] = method(s.jobOutput)
	s.methods["job.wait"] = method(s.jobWait)
	s.methods["job.kill"] = method(s.jobKill)
	s.methods["policy.check"] = method(s.policyCheck)
	s.methods["redact.text"] = method(s.redactText)
	s.methods["checkpoint.create"] = method(s.checkpointCreate)
	s.methods["checkpoint.list"] = method(s.checkpointList)
	s.methods["checkpoint.diff"] = method(s.checkpointDiff)
	s.methods["checkpoint.restore"] = method(s.checkpointRestore)
	s.methods["checkpoint.delete"] = method(s.checkpointDelete)
	s.methods["session.state"] = method(s.sessionState)
	s.methods["snapshot.save"] = method(s.snapshotSave)
	s.methods["snapshot.restore"] = method(s.snapshotRestore)
	s.methods["file.read"] = method(s.fileRead)
	s.methods["file.write"] = method(s.fileWrite)
	s.methods["file.list"] = method(s.fileList)
	s.methods["file.stat"] = method(s.fileStat)
	s.methods["audit.verify"] = method(s.auditVerify)
	s.methods["audit.query"] = method(s.auditQuery)
	s.methods["output.read"] = method(s.outputRead)
	return s
}

// method wraps a typed function as a handler; it is the only place where requests are decoded.
func method[Request any](fn func(context.Context, *Request) (any, error)) handler {
	return func(ctx context.Context, params []byte) (any, error) {
		req := new(Request)
		if err := wire.DecodeRequest(params, req); err != nil {
			return nil, err
		}
		return fn(ctx, req)
	}
}

// Methods returns the names of all methods, sorted.
func (s *Server) Methods() []string {
	names := make([]string, 0, len(s.methods))
	for name := range s.methods {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Call runs one method and returns the envelope: {"ok":true,"result":…} or {"ok":false,"error":…}. It never panics and
// never returns nil. Cancelling ctx stops a running command (its session stays usable) and gives the code cancelled.
func (s *Server) Call(ctx context.Context, name string, params []byte) []byte {
	return enclosed(name, func() (any, error) { return s.Do(ctx, name, params) })
}

// maxSoonParams bounds a request that CallSoon judges while its caller waits: a longer command may take milliseconds to parse.
const maxSoonParams = 4 << 10

// CallSoon is Call for a caller that would rather not wait: it waits for a command no longer than the given time, a few
// milliseconds at most, and returns the envelope or what returns it, which must be called once, by any goroutine.
func (s *Server) CallSoon(ctx context.Context, name string, params []byte, within time.Duration) (reply []byte, rest func() []byte) {
	if name != "session.exec" || len(params) > maxSoonParams {
		return nil, func() []byte { return s.Call(ctx, name, params) }
	}
	var await func() (*wire.ExecResult, error)
	reply = enclosed(name, func() (result any, err error) {
		if err := checkRequest(name, params); err != nil {
			return nil, err
		}
		req := new(wire.Exec)
		if err := wire.DecodeRequest(params, req); err != nil {
			return nil, err
		}
		session, o, err := s.execOptions(req)
		if err != nil {
			return nil, err
		}
		result, await, err = session.ExecSoon(ctx, req.Command, o, within)
		return result, err
	})
	if await == nil {
		return reply, nil
	}
	return nil, func() []byte { return enclosed(name, func() (any, error) { return await() }) }
}

// enclosed encodes what fn comes to, a panic too.
func enclosed(name string, fn func() (any, error)) (reply []byte) {
	defer func() {
		if p := recover(); p != nil {
			reply = Failure(errdefs.New(errdefs.Internal, "panic in %s: %v", errdefs.Quote(name), p).
				WithHint("this is a defect of execkit; please report it").
				WithOutcome(errdefs.Unknown).WithDetail("stack", string(debug.Stack())))
		}
	}()
	result, err := fn()
	if err != nil {
		return Failure(err)
	}
	return success(result)
}

// Do runs one method and returns its result value; Go callers such as the MCP server use it to avoid a second encoding.
func (s *Server) Do(ctx context.Context, name string, params []byte) (any, error) {
	if err := checkRequest(name, params); err != nil {
		return nil, err
	}
	h, ok := s.methods[name]
	if !ok {
		e := errdefs.New(errdefs.InvalidArgument, "unknown method %s", errdefs.Quote(name)).WithHint("capabilities.get lists the methods")
		if near := wire.Nearest(name, s.Methods()); near != "" {
			e.WithHint("did you mean %q?", near)
		}
		return nil, e
	}
	return h(ctx, params)
}

func success(result any) []byte {
	body, err := wire.Encode(struct {
		OK     bool `json:"ok"`
		Result any  `json:"result"`
	}{true, result})
	if err != nil {
		return Failure(fmt.Errorf("encoding the result: %w", err))
	}
	return body
}

// Failure returns the envelope of an error.
func Failure(err error) []byte {
	body, encodeErr := wire.Encode(struct {
		OK    bool           `json:"ok"`
		Error *errdefs.Error `json:"error"`
	}{false, errdefs.From(err)})
	if encodeErr != nil {
		// Details hold arbitrary values; without them the error always encodes.
		e := *errdefs.From(err)
		e.Details = nil
		body, _ = json.Marshal(map[string]any{"ok": false, "error": &e})
	}
	return body
}
