package checkpoint

import (
	"context"

	"github.com/execkit/execkit/core/errdefs"
)

// RestoreOptions say how a checkpoint is put back.
type RestoreOptions struct {
	// Overwrite also restores paths that were changed from outside. What was only ever made from outside is kept even so.
	Overwrite bool
	// Digest, if set, is the one of the plan that was agreed to; where the plan is another by now, nothing is done.
	Digest string
	// Busy says that earlier commands of the session still run in the background.
	Busy bool
}

// Restored is what a restore did.
type Restored struct {
	Plan
	// Saved is the checkpoint of the state before, which takes the restore back.
	Saved *Record
	// Failed are steps that could not be done, each with its reason.
	Failed []Note
}

// Preview returns what Restore would do. It writes nothing, not even to the store.
func (w *Workspace) Preview(ctx context.Context, id string, o RestoreOptions) (plan *Plan, err error) {
	err = w.locked(ctx, func() error {
		r, err := w.store.record(id)
		if err != nil {
			return err
		}
		s, err := w.peek(ctx)
		if err != nil {
			return err
		}
		plan, err = w.planFor(r, s, w.author(o.Busy, false), o)
		return err
	})
	return plan, err
}

// planFor plans a restore. by says whose the changes are that the ledger does not hold yet.
func (w *Workspace) planFor(r *Record, s *sight, by By, o RestoreOptions) (*Plan, error) {
	wanted, err := w.store.entries(r)
	if err != nil {
		return nil, err
	}
	then, err := newMatcher(r.Ignore, r.Paths)
	if err != nil {
		return nil, err
	}
	changes, err := readLedger(w.store.ledger(), w.store.state.LedgerSize)
	if err != nil {
		return nil, unusable(err)
	}
	changes = append(changes, change{seq: w.store.state.Seq + 1, by: by, paths: s.changed})
	known, outside := since(changes, r.Seq)
	p := planner{wanted: wanted, now: s.entries, known: known, outside: outside, overwrite: o.Overwrite, then: then, today: w.match}
	return p.plan(r.ID), nil
}

// Restore puts the workspace back to a checkpoint. The state before becomes a checkpoint of its own. Paths that cannot
// be restored are told in the result; the others are restored all the same.
func (w *Workspace) Restore(ctx context.Context, id string, o RestoreOptions) (result *Restored, err error) {
	err = w.locked(ctx, func() error {
		r, err := w.store.record(id)
		if err != nil {
			return err
		}
		by := w.author(o.Busy, true)
		s, err := w.look(ctx, by, true)
		if err != nil {
			return err
		}
		s.changed = nil // they are in the ledger now
		plan, err := w.planFor(r, s, by, o)
		if err != nil {
			return err
		}
		if o.Digest != "" && o.Digest != plan.Digest {
			return errdefs.New(errdefs.Blocked, "the workspace changed after the restore was approved").
				WithHint("nothing was restored; ask again").WithDetail("source", "approver")
		}
		if s, err = w.makeReadable(ctx, plan, r, s); err != nil {
			return err
		}
		saved, err := w.record(s, Record{Label: "before restoring " + labelOf(r), Auto: true})
		if err != nil {
			return err
		}
		if plan, err = w.planFor(r, s, by, o); err != nil {
			return err
		}
		result = &Restored{Plan: *plan, Saved: saved}
		return w.apply(ctx, r, result)
	})
	return result, err
}

func labelOf(r *Record) string {
	if r.Label == "" {
		return r.ID
	}
	return firstLine(r.Label)
}

// makeReadable gives back the modes of what a command made unreadable, so that it can be compared and saved before it is
// replaced.
func (w *Workspace) makeReadable(ctx context.Context, plan *Plan, r *Record, s *sight) (*sight, error) {
	wanted, err := w.store.entries(r)
	if err != nil {
		return nil, err
	}
	closed := make(map[string]bool)
	for _, n := range plan.Conflicts {
		if n.Why == WhyUnreadable {
			closed[n.Path] = true
		}
	}
	var ops []Op
	merge(wanted, s.entries, func(c, e *Entry) {
		if c != nil && e != nil && closed[c.Path] && (c.Kind == File || c.Kind == Dir) {
			ops = append(ops, Op{Action: SetMode, Path: c.Path, Expect: e, Want: c})
		}
	})
	if len(ops) == 0 {
		return s, nil
	}
	if err := w.files.Apply(ctx, ops, w.store.packs.get, func(int, error) {}); err != nil {
		return nil, w.fail(err)
	}
	s, err = w.look(ctx, ByRestore, true)
	if err != nil {
		return nil, err
	}
	s.changed = nil
	return s, nil
}

// apply does the plan of a restore.
func (w *Workspace) apply(ctx context.Context, r *Record, result *Restored) error {
	errs := make(map[string]error)
	applied := w.files.Apply(ctx, result.ops, w.store.packs.get, func(i int, err error) {
		if path := result.ops[i].Path; err != nil && errs[path] == nil {
			errs[path] = err
		}
	})
	for i := range result.ops {
		path := result.ops[i].Path
		if err := errs[path]; err != nil {
			result.Failed = append(result.Failed, Note{path, err.Error()})
			delete(errs, path)
		}
	}
	// Even a restore that was cut short has to be known as ours.
	if _, err := w.look(context.WithoutCancel(ctx), ByRestore, false); err != nil {
		return err
	}
	if applied != nil {
		e := errdefs.From(w.fail(applied))
		return e.WithOutcome(errdefs.Ran).WithDetail("saved", result.Saved.ID)
	}
	w.store.state.Head = r.ID
	if err := w.store.saveState(); err != nil {
		return unusable(err)
	}
	return nil
}
