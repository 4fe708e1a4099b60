package execkit

import (
	"sync"

	"github.com/execkit/execkit/core/budget"
)

// outputs holds the spools of truncated results, the newest ones within keptSpools and keptBytes.
type outputs struct {
	mu    sync.Mutex
	order []string
	spool map[string]*budget.Spool
}

// keptSpools and keptBytes bound the memory of a session; the newest spool stays whatever its size, which
// budget.SpoolTail bounds.
const (
	keptSpools = 8
	keptBytes  = 40 << 20
)

func (o *outputs) add(spool *budget.Spool) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.spool == nil {
		o.spool = make(map[string]*budget.Spool)
	}
	room := keptBytes - spool.Size()
	keep := len(o.order)
	for keep > 0 && len(o.order)-keep < keptSpools-1 {
		if room -= o.spool[o.order[keep-1]].Size(); room < 0 {
			break
		}
		keep--
	}
	for _, id := range o.order[:keep] {
		delete(o.spool, id)
	}
	id := newID("o")
	o.order, o.spool[id] = append(o.order[keep:len(o.order):len(o.order)], id), spool
	return id
}

// drop frees what a closed session, which may still be known to somebody, would hold.
func (o *outputs) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.order, o.spool = nil, nil
}

func (o *outputs) get(id string) (*budget.Spool, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	spool, ok := o.spool[id]
	return spool, ok
}
