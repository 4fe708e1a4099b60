// Command mcp is the conformance testee of the MCP server: a client over the official SDK. Its arguments are the
// server's command line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

var toolOf = map[string]string{"exec.write": "session_write", "job.list": "job_list", "job.output": "job_output", "job.wait": "job_wait", "job.kill": "job_kill", "session.create": "session_create", "session.exec": "session_exec", "session.destroy": "session_destroy", "output.read": "output_read",
	"checkpoint.create": "session_checkpoint", "checkpoint.list": "session_checkpoints", "checkpoint.restore": "session_restore", "session.state": "session_state"}

func main() {
	ctx := context.Background()
	var p person
	var can mcp.ClientOptions
	if os.Getenv("EXECKIT_MCP_ASK_HOSTKEY") != "" {
		can.ElicitationHandler = p.elicited // elsewhere it is a client that shows no forms
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "testee", Version: "1"}, &can)
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: exec.Command(os.Args[1], os.Args[2:]...)}, nil)
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if err := session.Close(); err != nil {
				log.Fatal(err)
			}
			return
		}
		var r struct {
			Method  string         `json:"method"`
			Params  map[string]any `json:"params"`
			Answers []any          `json:"answers"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			log.Fatal(err)
		}
		if why := agentsOwn(r.Params); why != "" {
			if err := out.Encode(map[string]any{"ok": false, "error": map[string]any{"code": "testee_cannot", "message": why}}); err != nil {
				log.Fatal(err)
			}
			continue
		}
		if r.Method == "exec.write" {
			r.Params["job_id"], r.Params["text"] = r.Params["exec_id"], r.Params["data"]
			delete(r.Params, "exec_id")
			delete(r.Params, "data")
		}
		if ms, ok := r.Params["timeout_ms"].(float64); ok && r.Method == "session.exec" {
			delete(r.Params, "timeout_ms")
			r.Params["timeout_secs"] = ms / 1000
		}
		meta := mcp.Meta{}
		if place, ok := r.Params["traceparent"]; ok {
			delete(r.Params, "traceparent")
			meta["traceparent"] = place
		}
		p.answers, p.asked = r.Answers, nil
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Meta: meta, Name: toolOf[r.Method], Arguments: r.Params})
		if err != nil {
			log.Fatal(err)
		}
		reply := envelope(result)
		reply["asked"] = p.asked
		if err := out.Encode(reply); err != nil {
			log.Fatal(err)
		}
	}
}

// A person answers what the server has the client ask.
type person struct {
	answers []any // what is left to say
	asked   []any
}

func (p *person) elicited(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	p.asked = append(p.asked, map[string]any{"text": r.Params.Message})
	if len(p.answers) == 0 || p.answers[0] == nil {
		return &mcp.ElicitResult{Action: "decline"}, nil
	}
	said := p.answers[0]
	p.answers = p.answers[1:]
	return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"answer": said}}, nil
}

// agentsOwn turns the options of session.create into those that an agent has, or says which one it has not.
func agentsOwn(params map[string]any) string {
	delete(params, "shell")
	if ssh, ok := params["ssh"].(map[string]any); ok {
		// Whom to believe, how long to wait and whose configuration to read is the operator's.
		for _, name := range []string{"port", "user", "password", "key_path"} {
			if value, ok := ssh[name]; ok {
				params[name] = value
			}
		}
		for _, name := range []string{"ssh", "policy", "timeout_ms"} {
			delete(params, name)
		}
	}
	if policy, ok := params["policy"].(map[string]any); ok {
		allow, ok := policy["allow"]
		if !ok {
			return "an agent cannot switch the intercept off"
		}
		for key := range policy {
			if key != "allow" && key != "default" {
				return "an agent has no " + key
			}
		}
		delete(params, "policy")
		params["allow"] = allow
	}
	if _, ok := params["audit"]; ok {
		return "an agent cannot choose what is recorded"
	}
	for _, name := range []string{"quotas", "idle_timeout_ms"} {
		if _, ok := params[name]; ok {
			return "what a session may use is the operator's"
		}
	}
	if _, ok := params["redact"]; ok {
		return "an agent cannot choose what is redacted"
	}
	return ""
}

// envelope is what the model reads, as the envelope of the JSON API.
func envelope(result *mcp.CallToolResult) map[string]any {
	text := result.Content[0].(*mcp.TextContent).Text
	if result.IsError {
		var failure map[string]any
		if err := json.Unmarshal([]byte(text), &failure); err != nil {
			log.Fatal(err)
		}
		failure["ok"] = false
		return failure
	}
	return map[string]any{"ok": true, "result": json.RawMessage(text)}
}
