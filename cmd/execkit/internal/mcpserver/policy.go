package mcpserver

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/execkit/execkit/core/wire"
)

// policyTools tell what the policy says.
var policyTools = []tool{
	{
		name: "policy_explain", readOnly: true, call: explain,
		description: "Tell what the operator's policy says to a command, without running it: allow, ask or deny, and why. What allow and deny of session_create take away is not counted.",
		input: `{"type":"object","properties":{"command":{"type":"string"},
"history":{"type":"array","items":{"type":"string"},"description":"commands that ran before in the session"}},"required":["command"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"decision":{"type":"string","enum":["allow","ask","deny"]},"reason":{"type":"string"},"rules":{"type":"array","items":{"type":"object"}},
"span":{"type":"object"},"commands":{"type":"array","items":{"type":"string"}}},"required":["decision","commands"]}`,
	},
}

func explain(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
	var a struct {
		Command string   `json:"command"`
		History []string `json:"history,omitempty"`
	}
	if err := wire.DecodeRequest(req.Params.Arguments, &a); err != nil {
		return nil, err
	}
	return s.do(ctx, "policy.check", struct {
		Policy  json.RawMessage `json:"policy,omitempty"`
		Command string          `json:"command"`
		History []string        `json:"history,omitempty"`
	}{s.settings.Policy, a.Command, a.History})
}
