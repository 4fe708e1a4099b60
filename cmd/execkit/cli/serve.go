package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/execkit/execkit/cmd/execkit/internal/mcpserver"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
)

// runRPC answers {"id":…,"method":…,"params":…} lines with {"id":…,"reply":envelope} lines, each as soon as it is
// ready. At end of input it waits for the calls that run, then closes every session.
func runRPC(ctx context.Context, e *env, _ []string) int {
	api := rpc.NewServer()
	defer api.Close()
	var (
		calls sync.WaitGroup
		mu    sync.Mutex
	)
	answer := func(id json.RawMessage, reply []byte) {
		mu.Lock()
		defer mu.Unlock()
		if len(id) == 0 {
			id = json.RawMessage("null")
		}
		fmt.Fprintf(e.stdout, "{\"id\":%s,\"reply\":%s}\n", id, reply)
	}
	lines := bufio.NewReader(e.stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var request struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
				Params json.RawMessage `json:"params"`
			}
			if err := json.Unmarshal(line, &request); err != nil {
				answer(nil, rpc.Failure(errdefs.New(errdefs.InvalidArgument, "the line is not a JSON request: %v", err).
					WithHint(`send {"id":1,"method":"version.get","params":{}}`)))
			} else {
				calls.Go(func() { answer(request.ID, api.Call(ctx, request.Method, request.Params)) })
			}
		}
		if err != nil {
			calls.Wait()
			if err == io.EOF {
				return 0
			}
			return report(e, false, err)
		}
	}
}

func runMCP(ctx context.Context, e *env, _ []string) int {
	settings, err := mcpserver.SettingsFrom(os.Getenv)
	if err == nil {
		err = mcpserver.Serve(ctx, settings, mcpserver.Stdio())
	}
	if err != nil && ctx.Err() == nil && err != io.EOF {
		return report(e, false, err)
	}
	return 0
}
