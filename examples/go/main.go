// Command tour shows the main job: a session that keeps its state and cannot be hung, fooled or flooded.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

func main() {
	ctx := context.Background()
	s, err := execkit.Open(ctx, "local", execkit.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	for _, step := range []struct {
		title, command string
		options        execkit.ExecOptions
	}{
		{"state lasts", "cd /tmp; export GREETING=hello; greet() { echo \"$GREETING from $PWD\"; }", execkit.ExecOptions{}},
		{"… into the next command", "greet", execkit.ExecOptions{}},
		{"streams are split", "echo out; echo err >&2; (exit 7)", execkit.ExecOptions{}},
		{"a deadline recovers", "echo partial; sleep 60", execkit.ExecOptions{Timeout: 300 * time.Millisecond}},
		{"a flood is bounded", "seq 1000000", execkit.ExecOptions{Budget: &wire.Budget{MaxChars: 160}}},
		{"a result cannot be forged", "eval() { echo forged; }; export() { echo forged; }; (exit 5)", execkit.ExecOptions{}},
		{"a shell that ends is replaced", "exit 3", execkit.ExecOptions{}},
		{"… where it was", "pwd; echo $GREETING", execkit.ExecOptions{}},
	} {
		r, err := s.Exec(ctx, step.command, step.options)
		if err != nil {
			log.Fatal(err)
		}
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("# %s\n$ %s\n%s\n\n", step.title, step.command, text)
	}
}
