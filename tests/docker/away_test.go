package docker

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
)

// A door is a socket in front of the engine's, which can be shut like a daemon that goes away.
type door struct {
	path, behind string

	mu       sync.Mutex
	listener net.Listener // nil while it is shut
	open     map[net.Conn]bool
}

func newDoor(t *testing.T) *door {
	d := &door{path: filepath.Join(t.TempDir(), "engine.sock"), behind: strings.TrimPrefix(engine(t), "unix://"), open: make(map[net.Conn]bool)}
	d.reopen(t)
	t.Cleanup(d.shut)
	return d
}

func (d *door) reopen(t *testing.T) {
	t.Helper()
	l, err := net.Listen("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.listener = l
	d.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(c)
		}
	}()
}

func (d *door) pass(c net.Conn) {
	defer c.Close()
	b, err := net.Dial("unix", d.behind)
	if err != nil {
		return
	}
	defer b.Close()
	d.mu.Lock()
	if d.listener == nil {
		d.mu.Unlock()
		return
	}
	d.open[c], d.open[b] = true, true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.open, c)
		delete(d.open, b)
		d.mu.Unlock()
	}()
	go func() {
		_, _ = io.Copy(b, c)
		_ = b.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(c, b)
}

// shut ends every connection and takes the socket away.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return
	}
	_ = d.listener.Close()
	d.listener = nil
	for c := range d.open {
		_ = c.Close()
	}
}

// A daemon that goes away in the middle of a command: the command is told as lost, nothing is made up while the daemon is
// away, and the session goes on when it is back, with nothing left of what was cut off.
func TestDaemonGoesAway(t *testing.T) {
	t.Parallel()
	name := container(t, "execkit-bash")
	d := newDoor(t)
	c := execkit.Config{}
	c.Docker.Host = "unix://" + d.path
	s := mustOpen(t, name, c)
	do(t, s, "cd /usr; export KEPT=1")
	running, err := s.Start(context.Background(), "echo begun; sleep 1001", execkit.ExecOptions{Timeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if events, _ := running.Events(context.Background(), 0); len(events) > 0 && events[len(events)-1].Type == "stdout" {
			break
		}
	}
	d.shut()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = running.Wait(ctx)
	if e := errdefs.From(err); e == nil || e.Code != errdefs.ConnectionLost || e.Outcome != errdefs.Unknown {
		t.Fatalf("%+v", err)
	}
	if _, err := s.Exec(ctx, "echo on", execkit.ExecOptions{}); codeOf(err) != errdefs.Unavailable {
		t.Fatalf("while the daemon is away: %v", err)
	}
	d.reopen(t)
	r, err := s.Exec(ctx, "echo $KEPT; pwd", execkit.ExecOptions{})
	if err != nil || r.Stdout != "1\n/usr\n" || !r.Reconnected {
		t.Fatalf("%+v %v", r, err)
	}
	until(t, "what was cut off is gone", func() bool { return !strings.Contains(processes(t, name), "sleep 1001\n") })
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
		shells[do(t, s, command).Stdout] = true
	}
	if len(shells) != len(sessions) {
		t.Errorf("%d shells", len(shells))
	}
	until(t, "the jobs run", func() bool { return strings.Count(processes(t, name), "sleep 1002") == 10 })
	for _, s := range sessions {
		group.Go(func() {
			defer inTurn()()
			_ = s.Close()
		})
	}
	group.Wait()
	until(t, "nothing is left", func() bool { return processes(t, name) == "" })
}
