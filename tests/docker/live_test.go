package docker

import (
	"context"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/tests/drive"
)

// trusting lets what is typed through unjudged.
func trusting(t testing.TB) *execkit.Policy {
	t.Helper()
	p, err := execkit.LoadPolicy([]byte(`{"default":"allow","intercept":"off","interactive":true}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Open input and terminals in containers: what is written arrives, keys and sizes too, and nothing is left.
func TestLive(t *testing.T) {
	for _, image := range []string{"execkit-bash", "execkit-busybox"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			name := container(t, image)
			s := mustOpen(t, name, execkit.Config{Policy: trusting(t)})
			ctx := context.Background()
			write := func(r *execkit.Running, text string) {
				t.Helper()
				if err := r.Write(ctx, []byte(text), execkit.WriteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			drive.Do(t, s, "cd /tmp; export W=kept")
			r, err := s.Start(ctx, "read a; echo got $a; cat", execkit.ExecOptions{StdinOpen: true, Timeout: 2 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			write(r, "one\n")
			drive.Said(t, r, &said, "got one\n")
			write(r, "two")
			if err := r.CloseStdin(ctx); err != nil {
				t.Fatal(err)
			}
			if result, err := r.Wait(ctx); err != nil || result.Stdout != "got one\ntwo" || *result.ExitCode != 0 {
				t.Errorf("%+v %v", result, err)
			}
			r, err = s.Start(ctx, "stty size; pwd; echo $W; read a; while [ \"$(stty size)\" = '9 41' ]; do sleep 0.1; done; stty size; read b; exec sleep 1000", execkit.ExecOptions{TTY: &execkit.TTY{Rows: 9, Cols: 41}, Timeout: 2 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			said.Reset()
			drive.Said(t, r, &said, "9 41\n/tmp\nkept\n")
			if err := r.Resize(execkit.TTY{Rows: 30, Cols: 100}); err != nil {
				t.Fatal(err)
			}
			write(r, "a\n")
			drive.Said(t, r, &said, "30 100\n")
			write(r, "b\n")
			drive.Until(t, "it sleeps", func() bool {
				return strings.Contains(processes(t, name), "sleep 1000\n") || strings.HasSuffix(processes(t, name), "sleep 1000")
			})
			if err := r.Keys(ctx, "ctrl-c"); err != nil {
				t.Fatal(err)
			}
			if result, err := r.Wait(ctx); err != nil || *result.ExitCode != 130 || result.ShellExited {
				t.Errorf("%+v %v", result, err)
			}
			result, err := s.Exec(ctx, "trap '' INT TERM HUP; while :; do sleep 1; done", execkit.ExecOptions{TTY: &execkit.TTY{}, Yield: 300 * time.Millisecond, Timeout: 600 * time.Millisecond})
			if err != nil || !result.Running {
				t.Fatalf("%+v %v", result, err)
			}
			stopped, err := s.JobWait(ctx, result.JobID)
			if err != nil || stopped.Result == nil || !stopped.Result.TimedOut || stopped.Result.StopConfirmed == nil || !*stopped.Result.StopConfirmed {
				t.Errorf("%+v %v", stopped, err)
			}
			if r := drive.Do(t, s, "pwd; echo $W"); r.Stdout != "/tmp\nkept\n" {
				t.Errorf("%+v", r)
			}
			if _, err := s.Start(ctx, "setsid sleep 1000 & sleep 1000", execkit.ExecOptions{TTY: &execkit.TTY{}}); err != nil {
				t.Fatal(err)
			}
			drive.Until(t, "both sleep", func() bool {
				return strings.Count(processes(t, name), "sleep 1000\n")+strings.Count(processes(t, name)+"\n", "sleep 1000\n") >= 2
			})
			_ = s.Close()
			drive.Until(t, "nothing is left", func() bool { return processes(t, name) == "" })
		})
	}
}
