package checkpoint

import (
	"context"
	"slices"
	"time"

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
		wanted, err := w.store.entries(r)
		if err != nil {
			return err
		}
		plan, err = w.planFor(r, wanted, s, w.author(o.Busy, false), o)
		return err
	})
	return plan, err
}

// planFor plans a restore. by says whose the changes are that the ledger does not hold yet.
func (w *Workspace) planFor(r *Record, wanted []Entry, s *sight, by By, o RestoreOptions) (*Plan, error) {
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
		wanted, err := w.store.entries(r)
		if err != nil {
			return err
		}
		plan, err := w.planFor(r, wanted, s, by, o)
		if err != nil {
			return err
		}
		if o.Digest != "" && o.Digest != plan.Digest {
			return errdefs.New(errdefs.Blocked, "the workspace changed after the restore was approved").
				WithHint("nothing was restored; ask again").WithDetail("source", "approver")
		}
		readable, err := w.makeReadable(ctx, plan, wanted, s)
		if err != nil {
			return err
		}
		if readable != s {
			s = readable
			if plan, err = w.planFor(r, wanted, s, by, o); err != nil {
				return err
			}
		}
		saved, err := w.record(s, Record{Label: "before restoring " + labelOf(r), Auto: true})
		if err != nil {
			return err
		}
		result = &Restored{Plan: *plan, Saved: saved}
		return w.apply(ctx, r, s, result)
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
func (w *Workspace) makeReadable(ctx context.Context, plan *Plan, wanted []Entry, s *sight) (*sight, error) {
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
	again, err := w.look(ctx, ByRestore, true)
	if err != nil {
		return nil, err
	}
	again.changed = nil
	return again, nil
}

// apply does the plan of a restore in the workspace as s has it.
func (w *Workspace) apply(ctx context.Context, r *Record, s *sight, result *Restored) error {
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
	if err := w.lookAgain(context.WithoutCancel(ctx), s, result.ops); err != nil {
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

// lookAgain looks at the paths that a restore touched, and at nothing else: what changed elsewhere meanwhile is not the
// restore's, and the next look will find it.
func (w *Workspace) lookAgain(ctx context.Context, s *sight, ops []Op) error {
	touched, above := make(map[string]bool), make(map[string]bool)
	for i := range ops {
		touched[ops[i].Path] = true
		for up := parent(ops[i].Path); up != "" && !above[up]; up = parent(up) {
			above[up] = true
		}
	}
	now := &sight{at: time.Now()}
	err := w.files.Scan(ctx, func(path string, dir bool) bool {
		return !touched[path] && !above[path] || w.match.ignored(path, dir)
	}, func(e Entry) error {
		if e.Kind == File && e.Size > w.options.MaxFileBytes {
			e = e.unsaved(whyTooLarge)
		}
		if touched[e.Path] {
			now.entries = append(now.entries, e)
		}
		return nil
	})
	if err != nil {
		return w.fail(err)
	}
	w.sawAt(now)
	slices.SortFunc(now.entries, compareEntries)
	if err := w.readContents(ctx, now, w.known(now.entries, s.entries, false), false); err != nil {
		return w.fail(err)
	}
	before := s.entries
	// The rest was seen earlier, and what had just changed then may have changed once more.
	kept := slices.DeleteFunc(slices.Clone(before), func(e Entry) bool { return touched[e.Path] })
	markRecent(kept, s.at)
	all := &sight{entries: append(kept, now.entries...), at: now.at}
	slices.SortFunc(all.entries, compareEntries)
	if err := w.store.note(ByRestore, changedPaths(before, all.entries)); err != nil {
		return unusable(err)
	}
	return w.writeIndex(all)
}
