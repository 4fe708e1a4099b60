package mcpserver

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

const jobSchema = `{"type":"object","properties":{"job_id":{"type":"string"},"command":{"type":"string"},"state":{"type":"string"}},"required":["job_id","state"]}`

// liveTools drive commands that go on: what session_exec left running with yield_ms, and background jobs.
var liveTools = []tool{
	{
		name: "job_kill", description: "End a job with every process of it, or send them a signal.",
		input: `{"type":"object","properties":{"job_id":{"type":"string"},
"signal":{"type":"string","description":"INT, TERM, KILL, HUP and so on; without it the job is made to end"}},"required":["job_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"reached":{"type":"integer"},"job":` + jobSchema + `},"required":["reached","job"]}`,
		call:   passOn("job.kill"),
	},
	{
		name: "job_list", readOnly: true,
		description: "List a session's jobs: commands that session_exec left running, and what commands left in the background. Each has its processes with cpu, memory and the ports that they listen on.",
		input:       `{"type":"object","properties":{"session_id":{"type":"string"}},"required":["session_id"],"additionalProperties":false}`,
		output:      `{"type":"object","properties":{"jobs":{"type":"array","items":` + jobSchema + `}},"required":["jobs"]}`,
		call:        passOn("job.list"),
	},
	{
		name: "job_output", readOnly: true, description: "Read a job's output from an offset. next_offset of the reply is where to go on.",
		input: `{"type":"object","properties":{"job_id":{"type":"string"},"stream":{"type":"string","enum":["stdout","stderr"]},
"offset":{"type":"integer","description":"in bytes"},"line":{"type":"integer","description":"counted from 1, instead of offset"},
"limit":{"type":"integer"}},"required":["job_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"text":{"type":"string"},"next_offset":{"type":"integer"},"eof":{"type":"boolean"}},"required":["text","next_offset","eof"]}`,
		call:   passOn("job.output"),
	},
	{
		name: "job_wait", readOnly: true, description: "Wait until a job has ended. The reply has its result when it is a command that has; without it the job still runs.",
		input: `{"type":"object","properties":{"job_id":{"type":"string"},
"timeout_ms":{"type":"integer","description":"how long to wait; 30000 without it"}},"required":["job_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"job":` + jobSchema + `,"result":{"type":"object"}},"required":["job"]}`,
		call:   following(passOn("job.wait")),
	},
	{
		name: "session_interrupt", description: "Send a signal to every process of the command that runs in a session, as Ctrl-C does. The session stays.",
		input: `{"type":"object","properties":{"session_id":{"type":"string"},
"signal":{"type":"string","description":"INT without it"}},"required":["session_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"reached":{"type":"integer"}},"required":["reached"]}`,
		call:   passOn("session.interrupt"),
	},
	{
		name: "session_write", call: following(write),
		description: "Write to a command that session_exec left running with stdin_open or a tty, and return what it printed until it waits for input again, ends or yield_ms is over.",
		input: `{"type":"object","properties":{"job_id":{"type":"string"},
"text":{"type":"string","description":"what to write; end a line with \\n"},
"keys":{"type":"array","items":{"type":"string"},"description":"named keys to press on its terminal after the text: enter, ctrl-c, up, f5, alt-x"},
"to":{"type":"string","enum":["stdin","tty"],"description":"tty answers a prompt on /dev/tty; without it, the command's input"},
"secret":{"type":"boolean","description":"text answers a question for a secret: not echoed, not logged, hidden from then on"},
"close":{"type":"boolean","description":"end of input after the text"},
"yield_ms":{"type":"integer","description":"how long to wait for what it prints; 1000 without it"}},"required":["job_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"stdout":{"type":"string"},"stderr":{"type":"string"},"exit_code":{"type":["integer","null"]},
"running":{"type":"boolean"},"job_id":{"type":"string"},"waiting_for_input":{"type":"object"},"screen":{"type":"string"}},"required":["stdout","stderr","exit_code"]}`,
	},
}

// passOn is a tool whose arguments are those of a method.
func passOn(method string) func(*server, context.Context, *mcp.CallToolRequest) (any, error) {
	return func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
		return s.api.Do(ctx, method, req.Params.Arguments)
	}
}

// defaultWriteYield is how long session_write waits for what the command prints: an answer of a REPL takes less.
const defaultWriteYield = 1000

func write(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
	var a struct {
		JobID   string   `json:"job_id"`
		Text    string   `json:"text"`
		Keys    []string `json:"keys"`
		To      string   `json:"to"`
		Secret  bool     `json:"secret"`
		Close   bool     `json:"close"`
		YieldMS *int64   `json:"yield_ms"`
	}
	if err := wire.Decode(req.Params.Arguments, &a); err != nil {
		return nil, err
	}
	if a.Text == "" && len(a.Keys) == 0 && !a.Close {
		return nil, errdefs.New(errdefs.InvalidArgument, "there is nothing to write").WithHint("give text, keys or close; job_output reads").WithDetail("field", "text")
	}
	r := wire.ExecWrite{ExecID: a.JobID, Data: a.Text, Keys: a.Keys, To: a.To, Secret: a.Secret, Close: a.Close, YieldMS: a.YieldMS}
	if r.YieldMS == nil {
		ms := int64(defaultWriteYield)
		r.YieldMS = &ms
	}
	return s.do(ctx, "exec.write", r)
}
