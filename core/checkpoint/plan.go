package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Step is one path that a restore changes: Do is create, replace, delete or mode.
type Step struct {
	Path string
	Do   string
	Kind Kind // of what is there afterwards; of what is deleted
}

// A Note is a path that a restore leaves alone, and why.
type Note struct{ Path, Why string }

// A Plan is what a restore would do.
type Plan struct {
	Checkpoint string
	Steps      []Step
	// Conflicts were to be restored but for changes from outside. Kept were made from outside and are nobody's to remove.
	Conflicts, Kept []Note
	// Digest stands for everything above: a plan with another digest is another plan.
	Digest string

	ops []Op
}

// A decision is what happens to one path.
type decision struct {
	want, have *Entry // nil for nothing
	do, why    string // do: "" for nothing, create, replace, delete, mode, keep or conflict
}

// A planner decides what a restore does.
type planner struct {
	wanted, now []Entry
	// known and outside say who changed a path since the checkpoint.
	known, outside map[string]bool
	overwrite      bool
	then, today    *matcher // what the checkpoint left out, and what is left out now
	list           []decision
	blind          map[string]bool // directories that the checkpoint could not look into
}

func (p *planner) plan(id string) *Plan {
	p.blind = make(map[string]bool)
	merge(p.wanted, p.now, func(c, w *Entry) {
		d := decision{want: c, have: w}
		p.decide(&d)
		p.list = append(p.list, d)
	})
	p.keepDirectories()
	p.blockBelowConflicts()
	plan := &Plan{Checkpoint: id}
	h := sha256.New()
	fmt.Fprintf(h, "%s %v\n", id, p.overwrite)
	for i := range p.list {
		d := &p.list[i]
		path := d.path()
		switch d.do {
		case "":
			continue
		case "keep":
			plan.Kept = append(plan.Kept, Note{path, d.why})
		case "conflict":
			plan.Conflicts = append(plan.Conflicts, Note{path, d.why})
		default:
			kind := Unsaved
			if d.want != nil {
				kind = d.want.Kind
			} else {
				kind = d.have.Kind
			}
			plan.Steps = append(plan.Steps, Step{path, d.do, kind})
		}
		fmt.Fprintf(h, "%q %s %s\n", path, d.do, d.why)
		if d.have != nil {
			fmt.Fprintf(h, "%v %v %v %x %q\n", d.have.Kind, d.have.Mode, d.have.Size, d.have.Chunks, d.have.Target)
		}
	}
	plan.Digest = hex.EncodeToString(h.Sum(nil))
	plan.ops = p.operations()
	return plan
}

func (d *decision) path() string {
	if d.want != nil {
		return d.want.Path
	}
	return d.have.Path
}

const (
	whyOutside = "it was changed from outside since the checkpoint"
	whyForeign = "it was made from outside; neither the checkpoint nor a command knew it"
	whyNotHeld = "the checkpoint left it out"
	whyHolds   = "it holds what is kept"
	whyParent  = "its directory is in conflict"
)

func (p *planner) decide(d *decision) {
	path := d.path()
	held := !p.outside[path] || p.overwrite
	switch c, w := d.want, d.have; {
	case c == nil:
		p.decideNew(d, path, held)
	case c.Kind == Unsaved:
		p.blind[path] = true
		if w != nil && w.Kind != Unsaved {
			d.do, d.why = "keep", whyNotHeld
		}
	case w == nil && p.today.covers(path, c.Kind == Dir):
		d.do, d.why = "conflict", "it is ignored now"
	case w != nil && c.same(w):
	case !held:
		d.do, d.why = "conflict", whyOutside
	case w != nil && w.Kind == Unsaved:
		d.do, d.why = "conflict", w.Why
	case w == nil:
		d.do = "create"
	case c.sameContent(w) || c.Kind == Dir && w.Kind == Dir:
		d.do = "mode"
	default:
		d.do = "replace"
	}
}

// decideNew decides on what is there and not in the checkpoint.
func (p *planner) decideNew(d *decision, path string, held bool) {
	switch up := parent(path); {
	case p.blind[up] || p.then.covers(path, d.have.Kind == Dir):
		p.blind[path] = true // and so is what is below
		d.do, d.why = "keep", whyNotHeld
	case d.have.Kind == Unsaved:
		d.do, d.why = "keep", d.have.Why
	case !p.known[path]:
		d.do, d.why = "keep", whyForeign
	case !held:
		d.do, d.why = "conflict", whyOutside
	default:
		d.do = "delete"
	}
}

// keepDirectories keeps each directory that still holds something after the restore.
func (p *planner) keepDirectories() {
	pinned := make(map[string]bool)
	for i := len(p.list) - 1; i >= 0; i-- {
		d := &p.list[i]
		if d.have == nil {
			continue
		}
		path := d.path()
		if d.have.Kind == Dir && pinned[path] {
			switch {
			case d.do == "delete":
				d.do, d.why = "keep", whyHolds
			case d.do == "replace" && d.want.Kind != Dir:
				d.do, d.why = "conflict", whyHolds
			}
		}
		if d.do != "delete" {
			pinned[parent(path)] = true
		}
	}
}

// blockBelowConflicts makes conflicts of what cannot be created because its directory is not.
func (p *planner) blockBelowConflicts() {
	blocked := make(map[string]bool)
	for i := range p.list {
		d := &p.list[i]
		path := d.path()
		if blocked[parent(path)] && d.want != nil && d.have == nil {
			d.do, d.why = "conflict", whyParent
		}
		isDir := d.have != nil && d.have.Kind == Dir
		if d.want != nil && d.want.Kind == Dir && d.do == "conflict" && !isDir {
			blocked[path] = true
		}
	}
}

// operations puts the steps into an order in which they can be done: deletions from the inside out, then creations from
// the outside in, then the modes of directories, which may forbid writing.
func (p *planner) operations() (ops []Op) {
	for i := len(p.list) - 1; i >= 0; i-- {
		d := &p.list[i]
		if d.do == "delete" || d.do == "replace" && d.otherShape() {
			ops = append(ops, Op{Action: Remove, Path: d.path(), Expect: d.have})
		}
	}
	var last []Op
	for i := range p.list {
		d := &p.list[i]
		if d.do != "create" && d.do != "replace" && d.do != "mode" {
			continue
		}
		expect := d.have
		if d.do == "replace" && d.otherShape() {
			expect = nil
		}
		op := Op{Path: d.path(), Expect: expect, Want: d.want}
		switch {
		case d.do == "mode" && d.want.Kind == Symlink:
			op.Action = WriteLink // a symbolic link has an owner alone
		case d.do == "mode":
			op.Action = SetMode
		case d.want.Kind == File:
			op.Action = WriteFile
		case d.want.Kind == Symlink:
			op.Action = WriteLink
		default:
			op.Action = MakeDir
			last = append(last, Op{Action: SetMode, Path: d.path(), Expect: &Entry{Kind: Dir}, Want: d.want})
		}
		if op.Action == SetMode && d.want.Kind == Dir {
			last = append(last, op)
			continue
		}
		ops = append(ops, op)
	}
	for i := len(last) - 1; i >= 0; i-- {
		ops = append(ops, last[i])
	}
	return ops
}

// otherShape reports whether a directory takes the place of something else, or the other way round; a rename cannot.
func (d *decision) otherShape() bool { return (d.have.Kind == Dir) != (d.want.Kind == Dir) }
