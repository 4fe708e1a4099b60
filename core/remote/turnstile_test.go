package remote

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/execkit/execkit/core/errdefs"
)

func TestTurnstile(t *testing.T) {
	starts := turnstile{lanes: make(map[string]*lane)}
	var now, most atomic.Int32
	var wait sync.WaitGroup
	for range 10 * maxStarting {
		wait.Go(func() {
			leave, err := starts.enter(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			n := now.Add(1)
			for {
				if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
					break
				}
			}
			now.Add(-1)
			leave()
		})
	}
	wait.Wait()
	if most.Load() > maxStarting || len(starts.lanes) != 0 {
		t.Errorf("%d at a time, %d lanes are left", most.Load(), len(starts.lanes))
	}
	// A full lane holds up neither another one nor a call that ends.
	var leaves []func()
	for range maxStarting {
		leave, err := starts.enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	leave, err := starts.enter(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	leave()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := starts.enter(ctx, "a"); err == nil || errdefs.From(err).Code != errdefs.Cancelled {
		t.Errorf("%v", err)
	}
	for _, leave := range leaves {
		leave()
	}
	if len(starts.lanes) != 0 {
		t.Errorf("%d lanes are left", len(starts.lanes))
	}
}
