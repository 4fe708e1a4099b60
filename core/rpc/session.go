package rpc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/wire"
)

// maxTimeoutMS bounds a deadline to what time.Duration can hold with room to add.
const maxTimeoutMS = int64(365 * 24 * time.Hour / time.Millisecond)

func (s *Server) sessionCreate(ctx context.Context, r *wire.SessionCreate) (any, error) {
	target, config, err := s.configOf(r)
	if err != nil {
		return nil, err
	}
	return s.opens(ctx, r.Ask, func(ctx context.Context) (any, error) {
		session, err := execkit.Open(ctx, target, config)
		if err != nil {
			return nil, err
		}
		if err := s.adopt(ctx, session); err != nil {
			return nil, err
		}
		info := session.Info()
		if s.observer.warning != "" {
			info.Warnings = append(info.Warnings, s.observer.warning)
		}
		return info, nil
	})
}

// adopt takes a new session over, or closes it.
func (s *Server) adopt(ctx context.Context, session *execkit.Session) error {
	s.mu.Lock()
	// Nobody would take the reply of a cancelled call, and so nobody could close its session.
	closed := s.closed || ctx.Err() != nil
	if !closed {
		s.sessions[session.ID()] = session
	}
	s.mu.Unlock()
	if closed {
		_ = session.Close()
		return errdefs.New(errdefs.Cancelled, "the call was cancelled while the session opened")
	}
	return nil
}

// configOf reads what a session is to be opened on, and how.
func (s *Server) configOf(r *wire.SessionCreate) (target string, config execkit.Config, err error) {
	config = execkit.Config{Transports: s.transports, Cwd: r.Cwd, Env: r.Env, BaseEnv: r.HostEnv, HostEnv: r.HostEnv, Shell: r.Shell, Budget: r.Budget, Reconnect: r.Reconnect, Label: r.Label, Traceparent: r.Traceparent}
	if r.Ask {
		config.Ask = execkit.AskCaller
	}
	s.observer.apply(&config)
	target, err = targetOf(r, &config)
	if err != nil {
		return "", config, err
	}
	timeout, err := timeoutOf(r.TimeoutMS)
	if err != nil {
		return "", config, err
	}
	rules, err := execkit.LoadPolicy(r.Policy)
	if err != nil {
		return "", config, err
	}
	var narrow *execkit.Policy
	if given(r.NarrowPolicy) {
		if narrow, err = execkit.LoadPolicy(r.NarrowPolicy); err != nil {
			return "", config, err
		}
	}
	hide, err := redact.FromWire(r.Redact)
	if err != nil {
		return "", config, err
	}
	if config.Audit, err = auditOf(r.Audit); err != nil {
		return "", config, err
	}
	config.Policy, config.Narrow, config.Redact, config.Timeout = rules, narrow, &hide, timeout
	if r.InheritEnv != nil && !*r.InheritEnv {
		config.BaseEnv = []string{}
	}
	switch r.OnExit {
	case "", "restart":
	case "close":
		config.CloseOnExit = true
	default:
		return "", config, errdefs.New(errdefs.InvalidArgument, "on_exit: %s is neither \"restart\" nor \"close\"", errdefs.Quote(r.OnExit))
	}
	if r.ApprovalTimeoutMS < 0 || r.ApprovalTimeoutMS > maxTimeoutMS {
		return "", config, errdefs.New(errdefs.InvalidArgument, "approval_timeout_ms: %d is out of range", r.ApprovalTimeoutMS).
			WithHint("give 1 to %d milliseconds", maxTimeoutMS).WithDetail("field", "approval_timeout_ms")
	}
	if given(r.Workspace) {
		if config.Workspace, err = execkit.LoadWorkspace(r.Workspace); err != nil {
			return "", config, err
		}
	}
	if r.IdleTimeoutMS < 0 || r.IdleTimeoutMS > maxTimeoutMS {
		return "", config, errdefs.New(errdefs.InvalidArgument, "idle_timeout_ms: %d is out of range", r.IdleTimeoutMS).
			WithHint("give 1 to %d milliseconds, or 0 for never", maxTimeoutMS).WithDetail("field", "idle_timeout_ms")
	}
	config.IdleTimeout = time.Duration(r.IdleTimeoutMS) * time.Millisecond
	if config.Quotas, err = QuotasOf(r.Quotas); err != nil {
		return "", config, err
	}
	config.ApprovalTimeout = time.Duration(r.ApprovalTimeoutMS) * time.Millisecond
	return target, config, nil
}

// QuotasOf reads the option quotas. What the core takes for no limit is refused: who gives 0 wants nothing to run.
func QuotasOf(raw json.RawMessage) (q execkit.Quotas, err error) {
	if !given(raw) {
		return q, nil
	}
	var w wire.Quotas
	if err := wire.Decode(raw, &w); err != nil {
		return q, inOption("quotas", err)
	}
	var cpu, wall int64
	for _, one := range []struct {
		name  string
		from  *int64
		to    *int64
		limit int64
	}{
		{"cpu_ms", w.CPUMS, &cpu, maxTimeoutMS}, {"wall_ms", w.WallMS, &wall, maxTimeoutMS}, {"memory_bytes", w.MemoryBytes, &q.MemoryBytes, math.MaxInt64},
		{"processes", w.Processes, &q.Processes, math.MaxInt64}, {"file_bytes", w.FileBytes, &q.FileBytes, math.MaxInt64},
		{"output_bytes", w.OutputBytes, &q.OutputBytes, math.MaxInt64}, {"commands", w.Commands, &q.Commands, math.MaxInt64},
	} {
		if one.from == nil {
			continue
		}
		if *one.from < 1 || *one.from > one.limit {
			return q, errdefs.New(errdefs.InvalidArgument, "quotas: %s: %d is out of range", one.name, *one.from).
				WithHint("give 1 to %d, or leave it out for no limit", one.limit).WithDetail("field", "quotas."+one.name)
		}
		*one.to = *one.from
	}
	q.CPU, q.Wall = time.Duration(cpu)*time.Millisecond, time.Duration(wall)*time.Millisecond
	return q, nil
}

func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// targetOf reads the target and the options of its transport. Options of another transport are refused: who gives a
// container must not get a session on the host.
func targetOf(r *wire.SessionCreate, config *execkit.Config) (string, error) {
	target, err := readTarget(r, config)
	if err != nil {
		return "", err
	}
	scheme, _, _ := strings.Cut(target, "://")
	for name, raw := range map[string]json.RawMessage{"ssh": r.SSH, "docker": r.Docker, "k8s": r.K8s, "sandbox": r.Sandbox} {
		if given(raw) && name != scheme {
			return "", errdefs.New(errdefs.InvalidArgument, "option %q is given and the transport is %s", name, errdefs.Quote(scheme)).
				WithHint("give the transport too (%s://…), or leave the option out", name).WithDetail("field", name)
		}
	}
	return target, nil
}

// readTarget reads a transport given as a URL or as an object with a type. The fields of an object are the options of
// its type, and win over those given apart.
func readTarget(r *wire.SessionCreate, config *execkit.Config) (string, error) {
	options := map[string]any{"ssh": &config.SSH, "docker": &config.Docker, "k8s": &config.K8s, "sandbox": &config.Sandbox}
	for name, raw := range map[string]json.RawMessage{"ssh": r.SSH, "docker": r.Docker, "k8s": r.K8s, "sandbox": r.Sandbox} {
		if !given(raw) {
			continue
		}
		if err := wire.Decode(raw, options[name]); err != nil {
			return "", inOption(name, err)
		}
	}
	raw := r.Transport
	if !given(raw) {
		return "local", nil
	}
	if raw[0] == '"' {
		var url string
		if err := wire.Decode(raw, &url); err != nil {
			return "", err
		}
		return url, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", errdefs.New(errdefs.InvalidArgument, "transport is neither a URL nor an object").
			WithHint(`give "ssh://user@host", or {"type":"ssh","host":"…"}`).WithDetail("field", "transport")
	}
	var kind string
	if err := json.Unmarshal(fields["type"], &kind); err != nil || kind == "" {
		return "", errdefs.New(errdefs.InvalidArgument, "transport: the object has no type").
			WithHint(`give {"type":"ssh","host":"…"}, or a URL`).WithDetail("field", "transport.type")
	}
	delete(fields, "type")
	into, ok := options[kind]
	if !ok && len(fields) > 0 {
		return "", errdefs.New(errdefs.InvalidArgument, "transport: %s takes no fields", errdefs.Quote(kind)).WithDetail("field", "transport")
	}
	if !ok {
		return kind, nil
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	if err := wire.Decode(rest, into); err != nil {
		return "", inOption("transport", err)
	}
	return kind, nil
}

// inOption says in which option an unknown or wrong field was.
func inOption(name string, err error) error {
	e := errdefs.From(err)
	e.Message = name + ": " + e.Message
	if field, ok := e.Details["field"].(string); ok {
		e.WithDetail("field", name+"."+field)
	}
	return e
}

// timeoutOf maps the wire's absent, 0 (none) and positive to the core's 0, negative and positive.
func timeoutOf(ms *int64) (time.Duration, error) {
	switch {
	case ms == nil:
		return 0, nil
	case *ms == 0:
		return -1, nil
	case *ms < 0 || *ms > maxTimeoutMS:
		return 0, errdefs.New(errdefs.InvalidArgument, "timeout_ms: %d is out of range", *ms).
			WithHint("give 1 to %d milliseconds, or 0 for no deadline", maxTimeoutMS).WithDetail("field", "timeout_ms")
	}
	return time.Duration(*ms) * time.Millisecond, nil
}

func (s *Server) session(id string) (*execkit.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session, ok := s.sessions[id]; ok {
		return session, nil
	}
	if s.ended.has(id) {
		return nil, errdefs.New(errdefs.SessionClosed, "session %s is closed", id).WithHint("session.create opens another").WithSession(errdefs.Closed)
	}
	return nil, errdefs.New(errdefs.SessionNotFound, "no session %s", quoteID(id)).
		WithHint("session.list shows the open ones; session.create opens one").WithSession(errdefs.Closed)
}

// endedIDs are the last sessions that were closed, so that who goes on using one is told so. The zero value is empty.
type endedIDs struct {
	ids  [1024]string
	next int
}

func (e *endedIDs) add(id string) {
	e.ids[e.next%len(e.ids)] = id
	e.next++
}

func (e *endedIDs) has(id string) bool { return id != "" && slices.Contains(e.ids[:], id) }

func (s *Server) sessionExec(ctx context.Context, r *wire.Exec) (any, error) {
	return s.Exec(ctx, r, nil)
}

// Exec is session.exec for a Go caller that can ask a person itself. Without an approver nobody can be asked.
func (s *Server) Exec(ctx context.Context, r *wire.Exec, approve execkit.Approver) (*wire.ExecResult, error) {
	return s.ExecYield(ctx, r, approve, nil)
}

// ExecYield is Exec for such a caller that reads the events of a command with yield_ms, which onStart gives it.
func (s *Server) ExecYield(ctx context.Context, r *wire.Exec, approve execkit.Approver, onStart func(*execkit.Running)) (*wire.ExecResult, error) {
	session, o, err := s.execOptions(r)
	if err != nil {
		return nil, err
	}
	o.Approve, o.OnStart = approve, onStart
	return session.Exec(ctx, r.Command, o)
}

// Start is exec.start for such a caller, which has the command itself; ctx ends it.
func (s *Server) Start(ctx context.Context, r *wire.Exec, approve execkit.Approver) (*execkit.Running, error) {
	session, o, err := s.execOptions(r)
	if err != nil {
		return nil, err
	}
	o.Approve = approve
	return session.Start(ctx, r.Command, o)
}

func (s *Server) execOptions(r *wire.Exec) (*execkit.Session, execkit.ExecOptions, error) {
	o := execkit.ExecOptions{Budget: r.Budget, Raw: r.Raw, Cwd: r.Cwd, Env: r.Env, ApproveByEvent: r.Approve, QuestionsByEvent: r.Ask, Traceparent: r.Traceparent}
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, o, err
	}
	if o.Timeout, err = timeoutOf(r.TimeoutMS); err != nil {
		return nil, o, err
	}
	if o.Stdin, err = stdinOf(r); err != nil {
		return nil, o, err
	}
	o.StdinOpen, o.TTY = r.StdinOpen, r.TTY
	if r.YieldMS != nil {
		if *r.YieldMS < 0 || *r.YieldMS > maxTimeoutMS {
			return nil, o, errdefs.New(errdefs.InvalidArgument, "yield_ms: %d is out of range", *r.YieldMS).WithDetail("field", "yield_ms")
		}
		// 0 is at once; the command has to be started all the same.
		o.Yield = max(time.Duration(*r.YieldMS)*time.Millisecond, time.Microsecond)
	}
	return session, o, nil
}

func stdinOf(r *wire.Exec) ([]byte, error) {
	switch {
	case r.Stdin != nil && r.StdinB64 != nil:
		return nil, errdefs.New(errdefs.InvalidArgument, "stdin and stdin_b64 are both given").WithHint("give one of them")
	case r.Stdin != nil:
		return []byte(*r.Stdin), nil
	case r.StdinB64 != nil:
		data, err := base64.StdEncoding.DecodeString(*r.StdinB64)
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "stdin_b64 is not base64: %v", err)
		}
		return data, nil
	}
	return nil, nil
}

func (s *Server) sessionList(context.Context, *struct{}) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]wire.SessionInfo, 0, len(s.sessions))
	for _, session := range s.sessions {
		if session.Ended() == nil {
			list = append(list, session.Info())
		}
	}
	sortByID(list)
	return map[string]any{"sessions": list}, nil
}

func sortByID(list []wire.SessionInfo) {
	slices.SortFunc(list, func(a, b wire.SessionInfo) int { return strings.Compare(a.SessionID, b.SessionID) })
}

func (s *Server) sessionDestroy(_ context.Context, r *wire.SessionRef) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.sessions, r.SessionID)
	s.ended.add(r.SessionID)
	s.mu.Unlock()
	ended, err := session.End()
	s.observer.flush()
	return map[string]any{"ended": ended}, err
}

func (s *Server) outputRead(_ context.Context, r *wire.OutputRead) (any, error) {
	offset, line, err := position(r.Offset, r.Line, r.Limit)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	for _, session := range sessions {
		var result *wire.OutputReadResult
		if result, err = session.ReadOutput(r.OutputID, offset, line, r.Limit); err == nil {
			return result, nil
		}
	}
	if err == nil {
		err = errdefs.New(errdefs.InvalidArgument, "no output %s", quoteID(r.OutputID)).WithHint("its session is closed")
	}
	return nil, err
}

// Close closes every session. Later calls find none.
func (s *Server) Close() {
	s.mu.Lock()
	sessions, openings := s.sessions, s.openings
	s.sessions, s.openings, s.closed = make(map[string]*execkit.Session), make(map[string]*execkit.Opening[any]), true
	s.mu.Unlock()
	for _, o := range openings {
		o.Cancel()
	}
	for _, session := range sessions {
		_ = session.Close()
	}
	s.observer.close()
}

// quoteID quotes an id that names nothing. It may be anything, and no session's options say what of it is secret.
func quoteID(id string) string {
	r, err := redact.New(redact.Options{})
	if err != nil {
		return "of that id"
	}
	shown, _ := r.Text(id)
	return errdefs.Quote(shown)
}
