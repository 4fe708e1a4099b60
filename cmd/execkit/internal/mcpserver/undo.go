package mcpserver

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// workspaceOption is the workspace that an agent asks for. Where checkpoints are kept, and how much of the host's disk they
// may take, is not its to say.
func workspaceOption(a *createArguments) (json.RawMessage, error) {
	if a.Workspace == "" {
		if a.Paths != nil || a.CheckpointIgnores != nil || a.AutoSnapshot != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "paths, checkpoint_ignores and auto_snapshot are about a workspace, and none is given").
				WithHint("give workspace: the directory whose files are to be saved").WithDetail("field", "workspace")
		}
		return nil, nil
	}
	return json.Marshal(wire.Workspace{Path: a.Workspace, Paths: a.Paths, Ignore: a.CheckpointIgnores, Auto: a.AutoSnapshot})
}

// undoTools save and restore files.
var undoTools = []tool{
	{
		name: "session_checkpoint", description: "Save the files of the session's workspace as they are. Returns the id to restore.",
		input:  `{"type":"object","properties":{"session_id":{"type":"string"},"label":{"type":"string","description":"what to call it"}},"required":["session_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"id":{"type":"string"},"label":{"type":"string"},"files":{"type":"integer"},"bytes":{"type":"integer"}},"required":["id"]}`,
		call: func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
			return s.api.Do(ctx, "checkpoint.create", req.Params.Arguments)
		},
	},
	{
		name: "session_checkpoints", readOnly: true, description: "List the checkpoints of the session's workspace, the oldest first, with those made by themselves before commands.",
		input:  `{"type":"object","properties":{"session_id":{"type":"string"}},"required":["session_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"workspace":{"type":"string"},"checkpoints":{"type":"array","items":{"type":"object"}}},"required":["checkpoints"]}`,
		call: func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
			return s.api.Do(ctx, "checkpoint.list", req.Params.Arguments)
		},
	},
	{
		name: "session_state", readOnly: true, description: "Tell the state of the session's shell: cwd, env, last_exit_code, functions, aliases, options, umask and jobs; secrets are hidden.",
		input:  `{"type":"object","properties":{"session_id":{"type":"string"}},"required":["session_id"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"cwd":{"type":"string"},"env":{"type":"object"},"last_exit_code":{"type":["integer","null"]},"functions":{"type":"array","items":{"type":"string"}},"aliases":{"type":"object"},"options":{"type":"array","items":{"type":"string"}},"umask":{"type":"string"},"jobs":{"type":"array","items":{"type":"object"}},"shell":{"type":"string"}},"required":["cwd","env","functions"]}`,
		call: func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
			return s.api.Do(ctx, "session.state", req.Params.Arguments)
		},
	},
	{
		name: "session_restore", description: "Put the files of the session's workspace back to a checkpoint. The state before is saved too. What was changed from outside the session is left alone and reported.",
		input: `{"type":"object","properties":{"session_id":{"type":"string"},"checkpoint":{"type":"string","description":"the id of a checkpoint"},
"preview":{"type":"boolean","description":"only tell what would be changed"},
"overwrite":{"type":"boolean","description":"also restore what was changed from outside"}},"required":["session_id","checkpoint"],"additionalProperties":false}`,
		output: `{"type":"object","properties":{"checkpoint":{"type":"string"},"saved":{"type":"string"},"created":{"type":"integer"},"replaced":{"type":"integer"},
"deleted":{"type":"integer"},"modes":{"type":"integer"},"changes":{"type":"array","items":{"type":"object"}},"conflicts":{"type":"array","items":{"type":"object"}}},"required":["checkpoint","changes","conflicts"]}`,
		call: func(s *server, ctx context.Context, req *mcp.CallToolRequest) (any, error) {
			var r wire.CheckpointRestore
			if err := wire.Decode(req.Params.Arguments, &r); err != nil {
				return nil, err
			}
			return s.asking(req, func(approve execkit.Approver) (any, error) { return s.api.Restore(ctx, &r, approve) })
		},
	},
}
