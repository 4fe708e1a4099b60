package mcpserver

import (
	"context"
	"encoding/json"
	"maps"
	"math"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
	"github.com/execkit/execkit/core/wire"
)

// A tool is one MCP tool: its description and how its arguments become a call of the JSON API.
type tool struct {
	name, description string
	input, output     string // JSON schemas
	readOnly          bool
	call              func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error)
}

func (t tool) describe() *mcp.Tool {
	yes, no := true, false
	a := &mcp.ToolAnnotations{ReadOnlyHint: t.readOnly, DestructiveHint: &yes, OpenWorldHint: &yes}
	switch {
	case t.readOnly:
		a.DestructiveHint, a.OpenWorldHint, a.IdempotentHint = &no, &no, true
	case t.name == "session_create":
		a.DestructiveHint = &no
	case t.name == "session_destroy":
		a.OpenWorldHint = &no
	}
	return &mcp.Tool{Name: t.name, Description: t.description, InputSchema: json.RawMessage(t.input), OutputSchema: json.RawMessage(t.output), Annotations: a}
}

// tools, in the order of their names, which tools/list keeps.
var tools = []tool{
	{
		name: "output_read", readOnly: true, call: readOutput,
		description: "Read a part of output that a budget left out. output_id is in the budget of a session_exec result.",
		input: `{"type":"object","properties":{"output_id":{"type":"string"},
"line":{"type":"integer","description":"the first line to read, from 1; limit then counts lines"},
"offset":{"type":"integer","description":"the first byte to read, from 0; limit then counts bytes"},
"limit":{"type":"integer","description":"how much to read; without it, 16,000 bytes or 200 lines"}},"required":["output_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"text":{"type":"string"},"encoding":{"type":"string","enum":["utf-8","base64"]},
"offset":{"type":"integer"},"next_offset":{"type":"integer"},"bytes_total":{"type":"integer"},"lines_total":{"type":"integer"},
"skipped":{"type":"integer"},"eof":{"type":"boolean"}},"required":["text","encoding","offset","next_offset","eof"]}`,
	},
	{
		name: "session_create", call: create,
		description: "Open a shell session that lasts until session_destroy. Returns its session_id, directory and shell.",
		input: `{"type":"object","properties":{
"transport":{"type":"string","description":"where: local (the default), ssh, docker or k8s, or a target URL"},
"cwd":{"type":"string","description":"first directory"},
"env":{"type":"object","description":"variables to set, or to remove where null","additionalProperties":{"type":["string","null"]}},
"container":{"type":"string"},"host":{"type":"string"},"port":{"type":"integer"},"user":{"type":"string"},
"password":{"type":"string"},"key_path":{"type":"string"},"fingerprint":{"type":"string"},
"allow":{"type":"array","items":{"type":"string"},"description":"programs that may run; all others may not"},
"deny":{"type":"array","items":{"type":"string"},"description":"programs that must not run"},
"workspace":{"type":"string","description":"the directory whose files checkpoints save"},
"paths":{"type":"array","items":{"type":"string"},"description":"the parts of the workspace to save; all of it without them"},
"checkpoint_ignores":{"type":"array","items":{"type":"string"},"description":"patterns as in .gitignore of what is not saved"},
"auto_snapshot":{"type":"boolean","description":"false: no checkpoint before each command that may write"},
"output_budget":{"type":"integer","description":"most characters of output a command returns"}},"additionalProperties":false}`,
		output: `{"type":"object","properties":{"session_id":{"type":"string"},"transport":{"type":"string"},"target":{"type":"string"},
"shell":{"type":"string"},"pid":{"type":"integer"},"cwd":{"type":"string"}},"required":["session_id","cwd","shell"]}`,
	},
	{
		name: "session_destroy", description: "Close a session; what runs in it is ended.",
		input:  `{"type":"object","properties":{"session_id":{"type":"string"}},"required":["session_id"],"additionalProperties":false}`,
		output: `{"type":"object"}`,
		call: func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
			var r wire.SessionRef
			if err := wire.Decode(req.Params.Arguments, &r); err != nil {
				return nil, err
			}
			return s.destroy(ctx, r.SessionID)
		},
	},
	{
		name: "session_exec", call: run,
		description: "Run a command in a session and return one structured result: stdout, stderr, exit_code, cwd and more. Directory, variables and functions last. For a server, a REPL or anything that may ask: yield_ms returns after that time, or when the command waits for input, and leaves it running as a job (running, job_id, waiting_for_input); go on with session_write and the job tools. A session_id that is not found has expired: open a new session.",
		input: `{"type":"object","properties":{
"session_id":{"type":"string"},"command":{"type":"string","description":"any bash script"},
"timeout_secs":{"type":"number","description":"deadline in seconds; the command is then stopped and its output so far returned"},
"stdin":{"type":"string","description":"what the command reads; without it, end of file"},
"cwd":{"type":"string","description":"directory for this command only"},
"env":{"type":"object","description":"variables for this command only","additionalProperties":{"type":["string","null"]}},
"raw":{"type":"boolean","description":"return the bytes as they came, in base64"},
"yield_ms":{"type":"integer","description":"return after so many milliseconds and leave the command running as a job"},
"stdin_open":{"type":"boolean","description":"with yield_ms: keep the input open for session_write"},
"tty":{"type":"object","description":"with yield_ms: run it on a terminal","properties":{"rows":{"type":"integer"},"cols":{"type":"integer"}},"additionalProperties":false},
"budget":{"type":"object","description":"what to keep of the output","properties":{
"grep":{"description":"an RE2 pattern, or {pattern, context}"},"keep":{"description":"all, head, tail or head_tail, or {mode, n, head, tail}"},
"max_chars":{"type":"integer"},"max_lines":{"type":"integer"},
"max_tokens":{"type":"integer","description":"what is too long is then folded by meaning: errors, failing tests and their places stay"},
"compress":{"type":"string","enum":["auto","off"]},"stream":{"type":"string","enum":["both","stdout","stderr"]}},
"additionalProperties":false}},"required":["session_id","command"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"command":{"type":"string"},"stdout":{"type":"string"},"stderr":{"type":"string"},
"encoding":{"type":"string","enum":["utf-8","base64"]},"exit_code":{"type":["integer","null"]},"cwd":{"type":"string"},
"duration_ms":{"type":"integer"},"timed_out":{"type":"boolean"},"truncated":{"type":"boolean"},"shell_exited":{"type":"boolean"},
"signal":{"type":"string"},"hint":{"type":"string"},"running":{"type":"boolean"},"job_id":{"type":"string"},
"waiting_for_input":{"type":"object"},"screen":{"type":"string"}},
"required":["command","stdout","stderr","encoding","exit_code","cwd","timed_out","truncated","shell_exited"]}`,
	},
	{
		name: "session_list", readOnly: true, description: "List the open sessions.",
		input:  `{"type":"object","properties":{},"additionalProperties":false}`,
		output: `{"type":"object","properties":{"sessions":{"type":"array","items":{"type":"object"}}},"required":["sessions"]}`,
		call: func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
			return s.api.Do(ctx, "session.list", req.Params.Arguments)
		},
	},
}

// createArguments are the names that configurations for execkit-mcp use.
type createArguments struct {
	Transport         string             `json:"transport"`
	Cwd               string             `json:"cwd"`
	Env               map[string]*string `json:"env"`
	Container         json.RawMessage    `json:"container"`
	Host              json.RawMessage    `json:"host"`
	Port              json.RawMessage    `json:"port"`
	User              json.RawMessage    `json:"user"`
	Password          json.RawMessage    `json:"password"`
	KeyPath           json.RawMessage    `json:"key_path"`
	Fingerprint       json.RawMessage    `json:"fingerprint"`
	Allow             []string           `json:"allow"`
	Deny              []string           `json:"deny"`
	Workspace         string             `json:"workspace"`
	Paths             []string           `json:"paths"`
	CheckpointIgnores []string           `json:"checkpoint_ignores"`
	AutoSnapshot      *bool              `json:"auto_snapshot"`
	OutputBudget      int64              `json:"output_budget"`
}

// given leaves out the arguments that were not given.
func given(arguments map[string]json.RawMessage) map[string]json.RawMessage {
	maps.DeleteFunc(arguments, func(_ string, value json.RawMessage) bool { return len(value) == 0 })
	return arguments
}

// option is the object of a transport's options, or nothing without one.
func option(fields map[string]json.RawMessage) (json.RawMessage, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	return json.Marshal(fields)
}

func create(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
	var a createArguments
	if err := wire.Decode(req.Params.Arguments, &a); err != nil {
		return nil, err
	}
	if a.Transport == "" {
		a.Transport = "local"
	}
	target, err := json.Marshal(a.Transport)
	if err != nil {
		return nil, err
	}
	r := wire.SessionCreate{Transport: target, Cwd: a.Cwd, Env: a.Env}
	if r.Workspace, err = workspaceOption(&a); err != nil {
		return nil, err
	}
	if a.Allow != nil || a.Deny != nil {
		fallback := "allow"
		if a.Allow != nil {
			fallback = "deny"
		}
		if r.NarrowPolicy, err = json.Marshal(map[string]any{"default": fallback, "allow": a.Allow, "deny": a.Deny}); err != nil {
			return nil, err
		}
	}
	ssh, err := s.settings.SSH.options(&a)
	if err != nil {
		return nil, err
	}
	if r.SSH, err = option(ssh); err != nil {
		return nil, err
	}
	if r.Docker, err = option(given(map[string]json.RawMessage{"container": a.Container})); err != nil {
		return nil, err
	}
	if a.OutputBudget != 0 {
		r.Budget = &wire.Budget{MaxChars: a.OutputBudget}
	}
	settle, err := s.reserve()
	if err != nil {
		return nil, err
	}
	r.Policy, r.Quotas, r.Traceparent = s.settings.Policy, s.settings.Quotas, traceparent(req)
	if s.settings.Audit != nil {
		if r.Audit, err = wire.Encode(s.settings.Audit); err != nil {
			settle("")
			return nil, err
		}
	}
	result, err := s.openSession(ctx, req, r)
	info, _ := result.(wire.SessionInfo)
	settle(info.SessionID)
	return result, unanswered(err)
}

type execArguments struct {
	SessionID   string             `json:"session_id"`
	Command     string             `json:"command"`
	TimeoutSecs *float64           `json:"timeout_secs"`
	Stdin       *string            `json:"stdin"`
	Cwd         string             `json:"cwd,omitempty"`
	Env         map[string]*string `json:"env"`
	Raw         bool               `json:"raw"`
	YieldMS     *int64             `json:"yield_ms"`
	StdinOpen   bool               `json:"stdin_open"`
	TTY         *wire.TTY          `json:"tty"`
	Budget      *struct {
		Grep      json.RawMessage `json:"grep"`
		Keep      json.RawMessage `json:"keep"`
		MaxChars  int64           `json:"max_chars"`
		MaxLines  int64           `json:"max_lines"`
		MaxTokens int64           `json:"max_tokens"`
		Compress  string          `json:"compress"`
		Stream    string          `json:"stream"`
	} `json:"budget"`
}

func run(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
	var a execArguments
	if err := wire.DecodeRequest(req.Params.Arguments, &a); err != nil {
		return nil, err
	}
	r := wire.Exec{SessionID: a.SessionID, Command: a.Command, Stdin: a.Stdin, Cwd: a.Cwd, Env: a.Env, Raw: a.Raw, YieldMS: a.YieldMS, StdinOpen: a.StdinOpen, TTY: a.TTY}
	if a.TimeoutSecs != nil {
		if !(*a.TimeoutSecs > 0 && *a.TimeoutSecs <= largest) {
			return nil, errdefs.New(errdefs.InvalidArgument, "timeout_secs: %v is out of range", *a.TimeoutSecs).
				WithHint("give more than 0 and at most %d seconds", largest).WithDetail("field", "timeout_secs")
		}
		// Rounded up, since 0 would be no deadline at all.
		ms := int64(math.Ceil(*a.TimeoutSecs * 1000))
		r.TimeoutMS = &ms
	}
	if longest := s.settings.ExecTimeout.Milliseconds(); longest > 0 && (r.TimeoutMS == nil || *r.TimeoutMS == 0 || *r.TimeoutMS > longest) {
		r.TimeoutMS = &longest
	}
	if b := a.Budget; b != nil {
		r.Budget = &wire.Budget{MaxChars: b.MaxChars, MaxLines: b.MaxLines, MaxTokens: b.MaxTokens, Compress: b.Compress, Stream: b.Stream}
		if err := shorthand(b.Grep, &r.Budget.Grep, func(g *wire.BudgetGrep) *string { return &g.Pattern }); err != nil {
			return nil, err
		}
		if err := shorthand(b.Keep, &r.Budget.Keep, func(k *wire.BudgetKeep) *string { return &k.Mode }); err != nil {
			return nil, err
		}
	}
	r.Traceparent = traceparent(req)
	return s.execute(ctx, req, &r)
}

// How much output_read returns of itself: what a model reads in one go.
const (
	readBytes = 16_000
	readLines = 200
)

func readOutput(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
	var r wire.OutputRead
	if err := wire.DecodeRequest(req.Params.Arguments, &r); err != nil {
		return nil, err
	}
	switch {
	case r.Limit != 0:
	case r.Line != nil:
		r.Limit = readLines
	default:
		r.Limit = readBytes
	}
	return s.do(ctx, "output.read", r)
}

// traceparent is the client's place in a trace, which the protocol carries in _meta. One that is malformed is not the
// agent's to mend.
func traceparent(req *mcp.CallToolRequest) string {
	text, _ := req.Params.Meta["traceparent"].(string)
	if _, err := telemetry.ParseTraceparent(text); err != nil {
		return ""
	}
	return text
}

// shorthand reads an object, or a string that stands for one with a single field.
func shorthand[T any](raw json.RawMessage, dst **T, field func(*T) *string) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	*dst = new(T)
	if raw[0] == '"' {
		return wire.Decode(raw, field(*dst))
	}
	return wire.Decode(raw, *dst)
}
