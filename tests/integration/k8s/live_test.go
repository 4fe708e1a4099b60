package k8s

import (
	"fmt"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
)

// Open input and terminals in pods, over both protocols.
func TestLive(t *testing.T) {
	p, err := execkit.LoadPolicy([]byte(`{"default":"allow","intercept":"off","interactive":true}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"websocket", "spdy"} {
		t.Run(protocol, func(t *testing.T) {
			s := session(t, "default/pod-plain", execkit.Config{Policy: p, K8s: wire.K8sOptions{Protocol: protocol}})
			write := func(r *execkit.Running, text string) {
				t.Helper()
				if err := r.Write(t.Context(), []byte(text), execkit.WriteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			drive.Do(t, s, "cd /tmp; export W=kept")
			r, err := s.Start(t.Context(), "read a; echo got $a; cat; exit 3", execkit.ExecOptions{StdinOpen: true, Timeout: 2 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			write(r, "one\n")
			drive.Said(t, r, &said, "got one\n")
			write(r, "two")
			if err := r.CloseStdin(t.Context()); err != nil {
				t.Fatal(err)
			}
			if result, err := r.Wait(t.Context()); err != nil || result.Stdout != "got one\ntwo" || *result.ExitCode != 3 {
				t.Errorf("%+v %v", result, err)
			}
			mark := fmt.Sprintf("32%d", time.Now().UnixNano())
			r, err = s.Start(t.Context(), "stty size; pwd; echo $W; read a; while [ \"$(stty size)\" = '9 41' ]; do sleep 0.1; done; stty size; setsid sleep "+mark+" <>/dev/null >&0 2>&0 & exec sleep "+mark,
				execkit.ExecOptions{TTY: &execkit.TTY{Rows: 9, Cols: 41}, Timeout: 2 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			said.Reset()
			drive.Said(t, r, &said, "9 41\n/tmp\nkept\n")
			// The size goes by another stream than the input, which may overtake it.
			if err := r.Resize(execkit.TTY{Rows: 30, Cols: 100}); err != nil {
				t.Fatal(err)
			}
			write(r, "a\n")
			drive.Said(t, r, &said, "30 100\n")
			for deadline := time.Now().Add(time.Minute); marked("sleep\x00"+mark) < 2; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("they do not sleep")
				}
			}
			if err := r.Keys(t.Context(), "ctrl-c"); err != nil {
				t.Fatal(err)
			}
			if result, err := r.Wait(t.Context()); err != nil || *result.ExitCode != 130 {
				t.Errorf("%+v %v", result, err)
			}
			if r := drive.Do(t, s, "echo $W"); r.Stdout != "kept\n" {
				t.Errorf("%+v", r)
			}
			_ = s.Close()
			gone(t, mark)
		})
	}
}
