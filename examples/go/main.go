// Command tour shows the main job: a session that keeps its state and cannot be hung, fooled or flooded.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

func main() {
	ctx := context.Background()
	tour(ctx)
	fence(ctx)
}

func tour(ctx context.Context) {
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
		{"a result cannot be forged", "eval() { echo forged; }; printf() { echo forged; }; (exit 5)", execkit.ExecOptions{}},
		{"a shell that ends is replaced", "exit 3", execkit.ExecOptions{}},
		{"… where it was", "pwd; echo $GREETING", execkit.ExecOptions{}},
	} {
		r, err := s.Exec(ctx, step.command, step.options)
		if err != nil {
			log.Fatal(err)
		}
		show(step.title, step.command, r)
	}
}

// fence shows a session that may run four programs, and whose environment holds a secret.
func fence(ctx context.Context) {
	policy, err := execkit.DefaultDeny("ls", "echo", "env", "grep")
	if err != nil {
		log.Fatal(err)
	}
	secret := "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	s, err := execkit.Open(ctx, "local", execkit.Config{Policy: policy, Env: map[string]*string{"AWS_SECRET_ACCESS_KEY": &secret}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	blocked := "echo so far; rm -rf /var/lib"
	if _, err := s.Exec(ctx, blocked, execkit.ExecOptions{}); !errors.Is(err, execkit.ErrBlocked) {
		log.Fatal("not blocked: ", err)
	} else {
		show("what is not granted never reaches the shell", blocked, err)
	}
	leak := "env | grep AWS"
	r, err := s.Exec(ctx, leak, execkit.ExecOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if strings.Contains(r.Stdout, secret) {
		log.Fatal("the secret came out")
	}
	show("a secret does not come out", leak, r)
}

func show(title, command string, result any) {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("# %s\n$ %s\n%s\n\n", title, command, text)
}
