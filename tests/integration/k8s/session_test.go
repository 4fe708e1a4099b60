package k8s

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/all"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
)

func session(t testing.TB, target string, c execkit.Config) *execkit.Session {
	t.Helper()
	if c.Transports == nil {
		c.Transports = all.Registry()
	}
	if c.K8s.Kubeconfig == "" {
		c.K8s.Kubeconfig = shared.Kubeconfigs["both"]
	}
	s, err := execkit.Open(t.Context(), "k8s://"+target, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// marked counts the processes whose command line holds a mark. The containers of the bed are processes of this machine,
// so /proc is the second way to look at them.
func marked(mark string) (n int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && bytes.Contains(line, []byte(mark)) {
			n++
		}
	}
	return n
}

func gone(t *testing.T, mark string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); marked(mark) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s still runs", mark)
		}
	}
}

func TestSessionOverEachPath(t *testing.T) {
	for _, pod := range []string{"pod-plain", "pod-ws"} {
		for _, protocol := range []string{"websocket", "spdy"} {
			t.Run(pod+"/"+protocol, func(t *testing.T) {
				s := session(t, "default/"+pod, execkit.Config{K8s: wire.K8sOptions{Protocol: protocol}})
				if info := s.Info(); info.Transport != "k8s" || info.Target != "bed/default/"+pod+"/main" || info.Enforcement["kernel"] != false {
					t.Errorf("%+v", info)
				}
				if r := drive.Do(t, s, "cd /tmp; export A=1; f() { echo f$A; }; echo e >&2; (exit 3)"); *r.ExitCode != 3 || r.Stderr != "e\n" || r.Cwd != "/tmp" || r.EnvDelta.Set["A"] != "1" {
					t.Errorf("%+v", r)
				}
				if r := drive.Do(t, s, "f; pwd; false | true"); r.Stdout != "f1\n/tmp\n" || fmt.Sprint(r.PipeStatus) != "[1 0]" {
					t.Errorf("%+v", r)
				}
				mark := fmt.Sprintf("31%d", time.Now().UnixNano())
				r, err := s.Exec(t.Context(), "setsid sleep "+mark+" & sleep "+mark, execkit.ExecOptions{Timeout: 500 * time.Millisecond})
				if err != nil || !r.TimedOut || *r.ExitCode != 124 {
					t.Errorf("%+v, %v", r, err)
				}
				if r := drive.Do(t, s, "echo $A"); r.Stdout != "1\n" || r.Cwd != "/tmp" {
					t.Errorf("after a timeout: %+v", r)
				}
				if r := drive.Do(t, s, "exit 5"); !r.ShellExited || *r.ExitCode != 5 {
					t.Errorf("%+v", r)
				}
				if r := drive.Do(t, s, "echo $A; pwd"); r.Stdout != "1\n/tmp\n" {
					t.Errorf("after exit: %+v", r)
				}
				drive.Do(t, s, "nohup sleep "+mark+" >/dev/null 2>&1 &")
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				gone(t, mark)
			})
		}
	}
}

// A pod that goes in the middle of a command gives no exit code, whether the connection breaks first or the node first tells
// that it killed the session's program. The session is not moved to the pod that takes the name.
func TestSessionOfAPodThatGoes(t *testing.T) {
	for _, node := range []string{"plain", "ws"} {
		t.Run(node, func(t *testing.T) {
			name := "leaving-" + node
			shared.Do(t, "run", name, node)
			s := session(t, "default/"+name, execkit.Config{})
			started := make(chan error, 1)
			mark := fmt.Sprintf("32%d", time.Now().UnixNano())
			go func() {
				r, err := s.Exec(t.Context(), "sleep "+mark, execkit.ExecOptions{Timeout: time.Minute})
				if err == nil && (r.ExitCode != nil || !r.ShellExited) {
					err = fmt.Errorf("a result: %+v", r)
				}
				started <- err
			}()
			for marked(mark) == 0 {
				time.Sleep(20 * time.Millisecond)
			}
			shared.Do(t, "delete", name)
			if err := <-started; err != nil {
				if e := errdefs.From(err); e.Code != errdefs.ConnectionLost || e.Outcome != errdefs.Unknown {
					t.Errorf("%v", err)
				}
			}
			shared.Do(t, "run", name, node)
			defer shared.Do(t, "delete", name)
			if _, err := s.Exec(t.Context(), "echo moved", execkit.ExecOptions{}); err == nil || errdefs.From(err).Code != errdefs.TargetNotFound {
				t.Errorf("%v", err)
			}
		})
	}
}

// A hundred sessions in one pod: each is itself, and with them goes all that they started.
func TestManySessionsInOnePod(t *testing.T) {
	before := programs()
	transports := all.Registry()
	sessions := make([]*execkit.Session, 100)
	var group sync.WaitGroup
	for i := range sessions {
		group.Go(func() { sessions[i] = session(t, "default/pod-ws", execkit.Config{Transports: transports}) })
	}
	group.Wait()
	if t.Failed() {
		return
	}
	mark := fmt.Sprintf("35%d", time.Now().UnixNano())
	for i, s := range sessions {
		command := fmt.Sprintf("v=%d", i)
		if i < 10 {
			command += "; sleep " + mark + " &"
		}
		drive.Do(t, s, command)
	}
	for i, s := range sessions {
		if r := drive.Do(t, s, "echo $v"); r.Stdout != fmt.Sprintln(i) {
			t.Errorf("%d: %+v", i, r)
		}
	}
	for _, s := range sessions {
		group.Go(func() { _ = s.Close() })
	}
	group.Wait()
	gone(t, mark)
	drive.Until(t, "nothing is left", func() bool { return !others(before) })
}

func TestSessionErrors(t *testing.T) {
	for target, want := range map[string]struct {
		code  errdefs.Code
		texts []string
	}{
		"default/none":          {errdefs.TargetNotFound, []string{`"none"`}},
		"default/pod-ws/none":   {errdefs.TargetNotFound, []string{"main, side"}},
		"nope/default/pod-ws/x": {errdefs.InvalidArgument, []string{"nope"}},
		"other/pod":             {errdefs.Unauthenticated, []string{"get on pods", "other"}},
		"default/a;rm -rf":      {errdefs.InvalidArgument, []string{"not a name"}},
		"":                      {errdefs.InvalidArgument, []string{"k8s://namespace/pod"}},
	} {
		_, err := execkit.Open(context.Background(), "k8s://"+target, execkit.Config{Transports: all.Registry(), K8s: wire.K8sOptions{Kubeconfig: shared.Kubeconfigs["both"]}})
		if err == nil || errdefs.From(err).Code != want.code {
			t.Errorf("%s: %v", target, err)
			continue
		}
		for _, text := range want.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v lacks %q", target, err, text)
			}
		}
	}
}
