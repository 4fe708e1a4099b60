package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"sync"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// maxRunningCalls bounds what one client can start at once; more lines wait in the pipe.
const maxRunningCalls = 1024

type rpcRequest struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

type rpcReply struct {
	ID    json.RawMessage `json:"id"`
	Reply json.RawMessage `json:"reply"`
}

func rpcCommand() command {
	return command{
		name: "rpc", summary: "Answer the JSON API line by line on standard input and output",
		examples: []string{
			`echo '{"id":1,"method":"version.get"}' | execkit rpc`,
			`  {"id":1,"reply":{"ok":true,"result":{…}}}`,
		},
		bind: func(*flag.FlagSet) func(*app, []string) (int, error) {
			return func(a *app, args []string) (int, error) {
				if err := noArguments("rpc", args); err != nil {
					return 0, err
				}
				return serveLines(a)
			}
		},
	}
}

// serveLines answers each line in its own goroutine, so that a long command does not hold up the others. At the end of
// the input it waits for the running calls and closes the sessions; an interrupt cancels the calls.
func serveLines(a *app) (int, error) {
	server := rpc.NewServer()
	defer server.Close()
	var (
		running sync.WaitGroup
		writing sync.Mutex
	)
	reply := func(id json.RawMessage, body []byte) {
		if len(id) == 0 {
			id = json.RawMessage("null")
		}
		line, err := json.Marshal(rpcReply{id, body})
		if err != nil {
			return
		}
		writing.Lock()
		defer writing.Unlock()
		_, _ = a.stdout.Write(append(line, '\n'))
	}
	slots := make(chan struct{}, maxRunningCalls)
	lines, failed := readLines(a, nil)
	for {
		select {
		case <-a.ctx.Done():
			running.Wait()
			return exitInterrupted, nil
		case line, ok := <-lines:
			if !ok {
				running.Wait()
				if err := <-failed; err != nil {
					return 0, errdefs.New(errdefs.Unavailable, "reading standard input: %v", err)
				}
				return exitOK, nil
			}
			var r rpcRequest
			if err := wire.Decode(line, &r); err != nil {
				reply(r.ID, rpc.Failure(err))
				continue
			}
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				reply(r.ID, server.Call(a.ctx, r.Method, r.Params))
			})
		}
	}
}

// readLines reads in its own goroutine because a blocked read cannot be cancelled. The goroutine ends with the input.
// With wanted it reads a line only when it is told to: at a terminal, reading ahead would take a person's answer to a
// question for the next line.
func readLines(a *app, wanted <-chan struct{}) (<-chan []byte, <-chan error) {
	lines, failed := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(lines)
		in := bufio.NewReader(a.stdin)
		for asked := false; ; {
			if wanted != nil && !asked {
				select {
				case <-wanted:
					asked = true
				case <-a.ctx.Done():
					failed <- nil
					return
				}
			}
			line, err := in.ReadBytes('\n')
			if line = bytes.TrimSpace(line); len(line) > 0 {
				asked = false
				select {
				case lines <- line:
				case <-a.ctx.Done():
					failed <- nil
					return
				}
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				failed <- err
				return
			}
		}
	}()
	return lines, failed
}
