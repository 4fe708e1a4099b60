package files_test

import (
	"slices"
	"testing"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/checkpoint/checkpointtest"
	"github.com/execkit/execkit/core/checkpoint/treetest"
)

// random are the sequences of one kind of target: together the kinds run all of them.
func random(b bench) checkpointtest.Options {
	o := checkpointtest.Options{Open: func(t testing.TB, root string) *checkpoint.Workspace {
		target, _ := b.there(t)
		return workspace(t, target, root)
	}}
	nth := slices.IndexFunc(benches, func(one bench) bool { return one.name == b.name })
	o.Seeds = checkpointtest.Seeds(nth, len(benches), treetest.Sequences(10))
	if !b.sparse() {
		o.Largest = 10_000 // contents go as text there, or holes byte by byte
	}
	return o
}

func TestRandomSequences(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) { checkpointtest.Run(t, random(b)) })
}

func TestRandomSequencesWithOutsiders(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) { checkpointtest.RunWithOutsiders(t, random(b)) })
}
