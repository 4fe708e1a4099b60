package execkit_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// A session keeps its directory, variables and functions. A command that fails or runs out of time is a result.
func ExampleOpen() {
	ctx := context.Background()
	s, err := execkit.Open(ctx, "local", execkit.Config{Cwd: "/"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	for _, command := range []string{"cd /tmp; greeting=hello", "echo $greeting from $PWD; (exit 3)", "sleep 60"} {
		r, err := s.Exec(ctx, command, execkit.ExecOptions{Timeout: 3 * time.Second})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %v %q\n", *r.ExitCode, r.TimedOut, r.Stdout)
	}
	// Output:
	// 0 false ""
	// 3 false "hello from /tmp\n"
	// 124 true ""
}

// A policy decides before anything reaches the shell.
func ExampleDefaultDeny() {
	policy, err := execkit.DefaultDeny("ls", "git status")
	if err != nil {
		log.Fatal(err)
	}
	s, err := execkit.Open(context.Background(), "local", execkit.Config{Policy: policy, Cwd: "/"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	_, err = s.Exec(context.Background(), "ls; rm -rf x", execkit.ExecOptions{})
	var e *execkit.Error
	fmt.Println(errors.Is(err, execkit.ErrBlocked), errors.As(err, &e) && e.Outcome == "not_run")
	// Output: true true
}
