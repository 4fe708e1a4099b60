package k8s

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
)

// throughDoor gives a kubeconfig by which the API server is behind a door.
func throughDoor(t *testing.T, kubeconfig string) (*drive.Door, string) {
	t.Helper()
	text, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(shared.URL)
	if err != nil {
		t.Fatal(err)
	}
	door := drive.NewDoor(t, "tcp", "127.0.0.1:0", server.Host)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), server.Host, door.Address())), 0o600); err != nil {
		t.Fatal(err)
	}
	return door, path
}

// An API server that goes away in the middle of a command: the command is told as lost, nothing is made up while it is
// away, and the session goes on when it is back, with nothing left of what was cut off.
func TestServerGoesAway(t *testing.T) {
	for _, protocol := range []string{"websocket", "spdy"} {
		t.Run(protocol, func(t *testing.T) {
			door, kubeconfig := throughDoor(t, shared.Kubeconfigs["both"])
			s := session(t, "default/pod-plain", execkit.Config{K8s: wire.K8sOptions{Kubeconfig: kubeconfig, Protocol: protocol}})
			drive.Do(t, s, "cd /usr; export KEPT=1")
			mark := fmt.Sprintf("33%d", time.Now().UnixNano())
			running := drive.Begin(t, s, "sleep "+mark)
			door.Shut()
			ctx, cancel := context.WithTimeout(t.Context(), drive.Patience)
			defer cancel()
			_, err := running.Wait(ctx)
			if e := errdefs.From(err); e == nil || e.Code != errdefs.ConnectionLost || e.Outcome != errdefs.Unknown {
				t.Fatalf("%+v", err)
			}
			if _, err := s.Exec(ctx, "echo on", execkit.ExecOptions{}); code(err) != errdefs.Unavailable {
				t.Fatalf("while the API server is away: %v", err)
			}
			gone(t, mark)
			door.Reopen(t)
			r, err := s.Exec(ctx, "echo $KEPT; pwd", execkit.ExecOptions{})
			if err != nil || r.Stdout != "1\n/usr\n" || !r.Reconnected {
				t.Fatalf("%+v %v", r, err)
			}
		})
	}
}
