package checkpoint_test

import (
	"path/filepath"
	"testing"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/checkpoint/checkpointtest"
	"github.com/execkit/execkit/core/checkpoint/treetest"
)

// here are the sequences on this machine; the bar of 300 is for a person with time.
func here() checkpointtest.Options {
	return checkpointtest.Options{
		Open: func(t testing.TB, root string) *checkpoint.Workspace {
			w, err := checkpoint.Open(checkpoint.Options{Root: root, Store: filepath.Join(t.TempDir(), "store")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(w.Close)
			return w
		},
		Seeds: checkpointtest.Seeds(0, 1, treetest.Sequences(6)),
	}
}

func TestRandomSequences(t *testing.T) { checkpointtest.Run(t, here()) }

func TestRandomSequencesWithOutsiders(t *testing.T) { checkpointtest.RunWithOutsiders(t, here()) }
