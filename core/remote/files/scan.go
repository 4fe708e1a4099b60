package files

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/remote"
)

// A workspace is one directory of a target, for checkpoints.
type workspace struct {
	t    *Target
	root string
	at   time.Time
}

// Workspace returns the files below root, an absolute path without symbolic links.
func (t *Target) Workspace(root string) checkpoint.Files { return &workspace{t: t, root: root} }

const (
	// maxPath is the longest path that a kernel takes as a whole; what is deeper is not reached.
	maxPath = 4000
	// maxSeen bounds what one scan holds in memory.
	maxSeen = 4_000_000
)

// Scanned implements checkpoint.Clock.
func (w *workspace) Scanned() time.Time { return w.at }

func (w *workspace) rootMoved() error {
	return errdefs.New(errdefs.Unavailable, "the workspace %s is no longer a directory on its old path; part of it is a symbolic link or a file now", errdefs.Quote(w.root)).
		WithHint("put the directory back")
}

// Scan implements checkpoint.Files.
func (w *workspace) Scan(ctx context.Context, skip func(string, bool) bool, visit func(checkpoint.Entry) error) error {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.at = time.Time{}
	texts, statuses, err := w.t.ask(ctx, 3, "date +%s; ek_e 0; "+in(w.root, "ek_self"))
	if err != nil {
		return err
	}
	switch statuses[2] {
	case statusGone:
		return nil
	case 0:
	case statusClosed:
		return errdefs.New(errdefs.Unavailable, "the workspace %s cannot be read", errdefs.Quote(w.root))
	default:
		return w.rootMoved()
	}
	if seconds, err := strconv.ParseInt(strings.TrimSpace(texts[0]), 10, 64); err == nil {
		w.at = time.Unix(seconds, 0)
	}
	self, err := parseStates(texts[1], []string{"."})
	if err != nil || len(self) != 1 {
		return broken(fmt.Errorf("the target tells nothing of %s", errdefs.Quote(w.root)))
	}
	l := &look{w: w, skip: skip, visit: visit, device: self[0].Device}
	if w.t.facts.finds {
		if whole, err := l.find(ctx); whole || err != nil {
			return err
		}
	}
	return l.levels(ctx)
}

// A look is one scan.
type look struct {
	w      *workspace
	skip   func(string, bool) bool
	visit  func(checkpoint.Entry) error
	device uint64
}

// entry makes an entry of what was seen at a path, and says whether a directory is to be entered.
func (l *look) entry(p string, s *State, target string, closed bool) (e checkpoint.Entry, enter bool) {
	e = checkpoint.Entry{Path: p, Mode: s.Mode & 0o7777, UID: s.UID, GID: s.GID, Stat: statOf(s)}
	unsaved := func(why string) checkpoint.Entry {
		e.Kind, e.Why = checkpoint.Unsaved, why
		return e
	}
	switch s.Kind() {
	case kindFile:
		e.Kind, e.Size = checkpoint.File, s.Size
	case kindLink:
		if closed {
			return unsaved(checkpoint.WhyUnreadable), false
		}
		e.Kind, e.Mode, e.Target = checkpoint.Symlink, 0, target
	case kindDir:
		e.Kind = checkpoint.Dir
		switch {
		case s.Device != l.device: // of directories alone: overlay file systems give files other devices
			return unsaved(checkpoint.WhyMount), false
		case closed:
			return unsaved(checkpoint.WhyUnreadable), false
		case strings.Count(p, "/") >= checkpoint.MaxTreeDepth-1 || len(l.w.root)+len(p) > maxPath:
			return unsaved(checkpoint.WhyDeep), false
		}
		return e, true
	default:
		return unsaved(checkpoint.WhySpecial), false
	}
	return e, false
}

func statOf(s *State) checkpoint.Stat {
	return checkpoint.Stat{Device: s.Device, Inode: s.Inode, Modified: s.Modified, Change: s.Change}
}

// find has find print everything. Where it was not whole, since something went while it ran, nothing was visited.
func (l *look) find(ctx context.Context) (whole bool, err error) {
	c, err := l.w.t.ready(ctx)
	if err != nil {
		return false, err
	}
	var seen []checkpoint.Entry
	status := 0
	err = c.Do(ctx, func(s *remote.Sender) error { return s.Line(call("ek_scan", l.w.root)) }, func(next func() *remote.Frame) error {
		f := next()
		seen, err = l.readFound(f)
		status = f.Status
		return err
	})
	if err != nil || status != 0 {
		return false, broken(err)
	}
	for i := range seen {
		if err := l.visit(seen[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (l *look) readFound(f *remote.Frame) (seen []checkpoint.Entry, err error) {
	r := bufio.NewReaderSize(f, 64<<10)
	outside := make(map[string]bool) // directories that are not entered
	for {
		head, err := r.ReadString(0)
		if err == io.EOF && head == "" {
			return seen, nil
		}
		if err != nil {
			return nil, err
		}
		target, err := r.ReadString(0)
		if err != nil {
			return nil, err
		}
		s, letter, p, err := parseFound(strings.TrimSuffix(head, "\x00"))
		if err != nil {
			return nil, err
		}
		if up := path.Dir(p); outside[up] || l.skip(p, s.IsDir()) {
			if s.IsDir() {
				outside[p] = true
			}
			continue
		}
		e, enter := l.entry(p, &s, strings.TrimSuffix(target, "\x00"), letter == 'u')
		if s.IsDir() && !enter {
			outside[p] = true
		}
		if seen = append(seen, e); len(seen) > maxSeen {
			return nil, errdefs.New(errdefs.LimitExceeded, "the workspace has more than %d files", maxSeen).WithHint("ignore what can be built again")
		}
	}
}

// A found is a directory that is still to be listed. Only then it is known whether it can be read.
type found struct {
	path  string
	entry *checkpoint.Entry // nil for the workspace itself
}

// levels lists one directory after another, all of one depth in one go.
func (l *look) levels(ctx context.Context) error {
	for level := []found{{}}; len(level) > 0; {
		dirs := make([]string, len(level))
		for i := range level {
			dirs[i] = path.Join(l.w.root, level[i].path)
		}
		var next []found
		err := l.w.t.list(ctx, dirs, func(i int, d *listing) error {
			deeper, err := l.directory(level[i], d)
			next = append(next, deeper...)
			return err
		})
		if err != nil {
			return err
		}
		level = next
	}
	return nil
}

// directory visits a directory and what it holds but for the directories in it, which it returns.
func (l *look) directory(at found, d *listing) (enter []found, err error) {
	switch {
	case d.status == statusGone:
		return nil, nil
	case at.entry == nil && d.status != 0:
		return nil, l.w.rootMoved()
	case at.entry == nil:
	case d.status != 0:
		at.entry.Kind, at.entry.Why = checkpoint.Unsaved, checkpoint.WhyUnreadable
		return nil, l.visit(*at.entry)
	default:
		if err := l.visit(*at.entry); err != nil {
			return nil, err
		}
	}
	for i := range d.entries {
		n := &d.entries[i]
		p := path.Join(at.path, n.Name)
		if l.skip(p, n.IsDir()) {
			continue
		}
		e, in := l.entry(p, &n.State, n.Target, n.unread)
		if in {
			enter = append(enter, found{p, &e})
		} else if err := l.visit(e); err != nil {
			return nil, err
		}
	}
	return enter, nil
}
