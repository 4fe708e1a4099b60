package execkit

import (
	"testing"

	"github.com/execkit/execkit/core/budget"
)

func TestOutputsAreBounded(t *testing.T) {
	var o outputs
	var ids []string
	add := func(size int) {
		spool := budget.NewSpool()
		spool.Write(make([]byte, size))
		ids = append(ids, o.add(spool))
	}
	for range 20 {
		add(10)
	}
	if len(o.order) != keptSpools || len(o.spool) != keptSpools {
		t.Errorf("%d spools are kept", len(o.order))
	}
	for range 5 {
		add(10 << 20)
	}
	held := 0
	for _, s := range o.spool {
		held += s.Size()
	}
	if held > keptBytes || len(o.order) != 4 || len(o.spool) != 4 {
		t.Errorf("%d bytes in %d spools are kept", held, len(o.order))
	}
	add(100 << 20)
	if _, ok := o.get(ids[len(ids)-1]); !ok {
		t.Error("the newest spool is gone")
	}
	if _, ok := o.get(ids[0]); ok {
		t.Error("the oldest spool is still there")
	}
}
