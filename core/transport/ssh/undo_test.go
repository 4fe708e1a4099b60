package ssh

import (
	"path/filepath"
	"testing"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/checkpoint/checkpointtest"
	"github.com/execkit/execkit/core/checkpoint/treetest"
	"github.com/execkit/execkit/core/remote"
	"github.com/execkit/execkit/core/remote/files"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// Checkpoints and restores over a real server, between random changes.
func TestRandomSequences(t *testing.T) {
	s := sshtest.Start(t, sshtest.Options{})
	host := remote.NewHost(connect(t, optionsFor(s)))
	defer host.Close()
	target := files.New(host.OpenClerk)
	defer target.Close()
	checkpointtest.Run(t, checkpointtest.Options{
		Open: func(t testing.TB, root string) *checkpoint.Workspace {
			w, err := checkpoint.Open(checkpoint.Options{Root: root, Wide: true, Target: "server", Files: target.Workspace(root), Store: filepath.Join(t.TempDir(), "store")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(w.Close)
			return w
		},
		Seeds: checkpointtest.Seeds(0, 1, treetest.Sequences(4)),
	})
}
