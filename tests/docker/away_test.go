package docker

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/tests/drive"
)

// A daemon that goes away in the middle of a command: the command is told as lost, nothing is made up while the daemon is
// away, and the session goes on when it is back, with nothing left of what was cut off.
func TestDaemonGoesAway(t *testing.T) {
	t.Parallel()
	name := container(t, "execkit-bash")
	d := drive.NewDoor(t, "unix", filepath.Join(t.TempDir(), "engine.sock"), strings.TrimPrefix(engine(t), "unix://"))
	c := execkit.Config{}
	c.Docker.Host = "unix://" + d.Address()
	s := mustOpen(t, name, c)
	drive.Do(t, s, "cd /usr; export KEPT=1")
	running := drive.Begin(t, s, "sleep 1001")
	d.Shut()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := running.Wait(ctx)
	if e := errdefs.From(err); e == nil || e.Code != errdefs.ConnectionLost || e.Outcome != errdefs.Unknown {
		t.Fatalf("%+v", err)
	}
	if _, err := s.Exec(ctx, "echo on", execkit.ExecOptions{}); codeOf(err) != errdefs.Unavailable {
		t.Fatalf("while the daemon is away: %v", err)
	}
	d.Reopen(t)
	r, err := s.Exec(ctx, "echo $KEPT; pwd", execkit.ExecOptions{})
	if err != nil || r.Stdout != "1\n/usr\n" || !r.Reconnected {
		t.Fatalf("%+v %v", r, err)
	}
	drive.Until(t, "what was cut off is gone", func() bool { return !strings.Contains(processes(t, name), "sleep 1001\n") })
}

// A hundred sessions in one container: each is itself, and with them goes all that they started.
func TestHundredSessions(t *testing.T) {
	name := container(t, "execkit-busybox")
	var group sync.WaitGroup
	turn := make(chan struct{}, 8) // what the engine does side by side
	inTurn := func() (done func()) { turn <- struct{}{}; return func() { <-turn } }
	sessions := make([]*execkit.Session, 100)
	for i := range sessions {
		group.Go(func() {
			defer inTurn()()
			s, err := open(t, name, execkit.Config{})
			if err != nil {
				t.Error(err)
				return
			}
			sessions[i] = s
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
	shells := make(map[string]bool)
	for i, s := range sessions {
		command := "echo $$"
		if i < 10 {
			command = "sleep 1002 & echo $$"
		}
		shells[drive.Do(t, s, command).Stdout] = true
	}
	if len(shells) != len(sessions) {
		t.Errorf("%d shells", len(shells))
	}
	drive.Until(t, "the jobs run", func() bool { return strings.Count(processes(t, name), "sleep 1002") == 10 })
	for _, s := range sessions {
		group.Go(func() {
			defer inTurn()()
			_ = s.Close()
		})
	}
	group.Wait()
	drive.Until(t, "nothing is left", func() bool { return processes(t, name) == "" })
}
