package remote

import (
	"context"
	"slices"
)

// A shell whose connection broke is left to the steward of that connection, who ends it when it hears of the break, which may
// be late. The session goes on meanwhile. Another steward knows the lost shell by its tag alone: the numbers of its
// groups may be those of others, since the target may have been started again.

// endLost ends a lost shell at once where the steward that knows it lives on, as it may where each program has a connection
// of its own. Else the shell is for the next steward.
func (h *Host) endLost(ctx context.Context, tag string) {
	groups := h.forsake(tag)
	h.mu.Lock()
	g := h.guardian
	h.mu.Unlock()
	if g == nil {
		return
	}
	st := g.living()
	if st == nil {
		return
	}
	for _, group := range groups {
		_, _ = st.end(ctx, group, tag)
	}
	_ = g.changed(ctx)
}

// forsake keeps a shell's groups no more, and returns them.
func (h *Host) forsake(tag string) (groups []int) {
	h.groupsMu.Lock()
	defer h.groupsMu.Unlock()
	for group, k := range h.groups {
		if k.tag == tag {
			groups = append(groups, group)
			delete(h.groups, group)
		}
	}
	h.lost = append(h.lost, tag)
	return groups
}

// bury ends what lost shells have left and the steward can find.
func (h *Host) bury(ctx context.Context, st *steward) {
	h.groupsMu.Lock()
	lost := slices.Clone(h.lost)
	h.groupsMu.Unlock()
	for _, tag := range lost {
		if st.endTagged(ctx, tag) != nil {
			return // the steward after this one does it
		}
		h.groupsMu.Lock()
		h.lost = slices.DeleteFunc(h.lost, func(t string) bool { return t == tag })
		h.groupsMu.Unlock()
	}
}
