package execkit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// ExecSoon comes to what Exec comes to, at once or by its rest, and leaves the session free either way.
func TestExecSoon(t *testing.T) {
	quotas := execkit.Quotas{OutputBytes: 1000}
	for _, tt := range []struct {
		name, command string
		config        execkit.Config
		options       execkit.ExecOptions
		stdout        string
		err           error
		within        time.Duration
		lasts         bool
	}{
		{name: "short", command: "echo a", stdout: "a\n", within: 3 * time.Millisecond},
		{name: "no wait", command: "echo a", stdout: "a\n", lasts: true},
		{name: "long", command: "sleep 0.2; echo b", stdout: "b\n", within: 3 * time.Millisecond, lasts: true},
		{name: "stopped", command: "sleep 60", options: execkit.ExecOptions{Timeout: 100 * time.Millisecond}, lasts: true},
		{name: "refused", command: "echo \x00", err: execkit.ErrInvalidArgument},
		{name: "asked about", command: "rm -r /nonexistent/x", err: execkit.ErrApprovalRequired, lasts: true},
		{name: "for one command", command: "pwd", options: execkit.ExecOptions{Cwd: "/usr"}, stdout: "/usr\n", lasts: true},
		{name: "over its quota", command: "yes", config: execkit.Config{Quotas: quotas}, err: execkit.ErrQuotaExceeded, lasts: true},
		{name: "with a yield", command: "echo c", options: execkit.ExecOptions{Yield: 10 * time.Second}, stdout: "c\n", lasts: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, tt.config)
			r, rest, err := s.ExecSoon(context.Background(), tt.command, tt.options, tt.within)
			if tt.lasts && rest == nil {
				t.Fatalf("it came at once: %+v %v", r, err)
			}
			if rest != nil { // a short one too, on a busy machine
				if r != nil || err != nil {
					t.Fatalf("%+v %v beside a rest", r, err)
				}
				r, err = rest()
			}
			if !errors.Is(err, tt.err) || err == nil && r.Stdout != tt.stdout {
				t.Fatalf("%+v %v", r, err)
			}
			if tt.name == "over its quota" {
				return
			}
			if r, err := s.Exec(context.Background(), "echo on", execkit.ExecOptions{}); err != nil || r.Stdout != "on\n" {
				t.Fatalf("%+v %v", r, err)
			}
		})
	}
}
