package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/remote"
)

const (
	// Files up to smallFile are read many at a time, groupBytes in one go.
	smallFile  = 256 << 10
	groupBytes = 1 << 20
	// attempts are how often a file is read that changes while it is.
	attempts = 3
)

var (
	errKeepsChanging = errors.New("it kept changing while it was read")
	errClosed        = errors.New("it cannot be read")
)

// Read implements checkpoint.Files.
func (w *workspace) Read(ctx context.Context, files []checkpoint.Entry, each func(int, io.Reader, error) error) error {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	r := &reading{w: w, files: files, each: each}
	groups, alone := r.split()
	if err := r.groups(ctx, groups); err != nil {
		return r.failed(err)
	}
	alone = append(alone, r.again...)
	for try := 1; len(alone) > 0; try++ {
		r.again = nil
		if err := r.alone(ctx, alone, try == attempts); err != nil {
			return r.failed(err)
		}
		alone = r.again
	}
	return nil
}

// A reading is one call of Read.
type reading struct {
	w     *workspace
	files []checkpoint.Entry
	each  func(int, io.Reader, error) error
	err   error // that each returned
	again []int // what is to be read once more, one by one
}

// failed tells an error of the caller's from one of the target.
func (r *reading) failed(err error) error {
	if r.err != nil {
		return r.err
	}
	return broken(err)
}

func (r *reading) hand(i int, content io.Reader, err error) error {
	r.err = r.each(i, content, err)
	return r.err
}

// split puts small files of one directory together.
func (r *reading) split() (groups [][]int, alone []int) {
	var group []int
	bytes, dir := int64(0), ""
	for i := range r.files {
		e := &r.files[i]
		if e.Size > smallFile || e.Stat.Change == 0 { // the latter cannot be compared
			alone = append(alone, i)
			continue
		}
		if len(group) > 0 && (parent(e.Path) != dir || len(group) == maxNames || bytes+e.Size > groupBytes) {
			groups, group, bytes = append(groups, group), nil, 0
		}
		group, bytes, dir = append(group, i), bytes+e.Size, parent(e.Path)
	}
	if len(group) > 0 {
		groups = append(groups, group)
	}
	return groups, alone
}

func parent(p string) string {
	if dir := path.Dir(p); dir != "." {
		return dir
	}
	return ""
}

func (w *workspace) dir(p string) string { return path.Join(w.root, parent(p)) }

func (r *reading) names(group []int) []string {
	names := make([]string, len(group))
	for k, i := range group {
		names[k] = path.Base(r.files[i].Path)
	}
	return names
}

// groups reads files together. They are taken only if none of them changed while all were read.
func (r *reading) groups(ctx context.Context, groups [][]int) error {
	if len(groups) == 0 {
		return nil
	}
	c, err := r.w.t.ready(ctx)
	if err != nil {
		return err
	}
	return c.Do(ctx, func(s *remote.Sender) error {
		for _, g := range groups {
			if err := s.Line(in(r.w.dir(r.files[g[0]].Path), "ek_group", r.names(g)...)); err != nil {
				return err
			}
		}
		return nil
	}, func(next func() *remote.Frame) error {
		for _, g := range groups {
			if err := r.group(g, next); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reading) group(g []int, next func() *remote.Frame) error {
	names := r.names(g)
	before, _, err := text(next())
	if err != nil {
		return err
	}
	var content bytes.Buffer
	f := next()
	if _, err := io.Copy(&content, io.LimitReader(f, 2*groupBytes)); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, f); err != nil { // they grew
		return err
	}
	after, status, err := text(next())
	if err != nil {
		return err
	}
	if status != 0 || before != after {
		r.again = append(r.again, g...)
		return nil
	}
	states, err := parseStates(before, names)
	total := int64(0)
	whole := err == nil && len(states) == len(g)
	for k := range states {
		total += states[k].Size
		whole = whole && states[k].IsFile() && states[k].Change != 0
	}
	if !whole || total != int64(content.Len()) {
		r.again = append(r.again, g...)
		return nil
	}
	for k, i := range g {
		r.took(i, &states[k].State)
		if err := r.hand(i, bytes.NewReader(content.Next(int(states[k].Size))), nil); err != nil {
			return err
		}
	}
	return nil
}

// took gives an entry the state of the file that is read, which may be newer than the scan.
func (r *reading) took(i int, s *State) {
	e := &r.files[i]
	e.Mode, e.UID, e.GID, e.Size, e.Stat = s.Mode&0o7777, s.UID, s.GID, s.Size, statOf(s)
}

// alone reads one file after the other.
func (r *reading) alone(ctx context.Context, list []int, last bool) error {
	c, err := r.w.t.ready(ctx)
	if err != nil {
		return err
	}
	return c.Do(ctx, func(s *remote.Sender) error {
		for _, i := range list {
			if err := s.Line(in(r.w.dir(r.files[i].Path), "ek_one", path.Base(r.files[i].Path))); err != nil {
				return err
			}
		}
		return nil
	}, func(next func() *remote.Frame) error {
		for _, i := range list {
			if err := r.one(i, next, last); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reading) one(i int, next func() *remote.Frame, last bool) error {
	o := &opened{next: next, name: path.Base(r.files[i].Path)}
	before, err := o.begin()
	if err != nil {
		return err
	}
	if before != nil {
		r.took(i, before)
		if err := r.hand(i, o.content, nil); err != nil {
			return err
		}
	}
	switch why, err := o.end(); {
	case err != nil:
		return err
	case why == errKeepsChanging && !last:
		r.again = append(r.again, i)
	case why != nil:
		return r.hand(i, nil, why)
	case !o.still:
		r.files[i].Stat.Change = 0 // it changed meanwhile: look again next time
	}
	return nil
}

// An opened is the answer of ek_one: what the file was before, its content, and what it was after.
type opened struct {
	next    func() *remote.Frame
	name    string
	content *remote.Frame
	seen    *State // nil for nothing
	before  *State // the same if it is a file
	status  int    // of opening it
	still   bool   // it is as it was before
}

func (o *opened) state() (*State, int, error) {
	said, status, err := text(o.next())
	if err != nil {
		return nil, 0, err
	}
	states, err := parseStates(said, []string{o.name})
	if err != nil || len(states) == 0 {
		return nil, status, err
	}
	return &states[0].State, status, nil
}

// begin returns nil for what is no file; end has to be called all the same.
func (o *opened) begin() (*State, error) {
	before, status, err := o.state()
	if err != nil {
		return nil, err
	}
	o.content, o.status, o.seen = o.next(), status, before
	if before != nil && status == 0 && before.IsFile() {
		o.before = before
	}
	return o.before, nil
}

// end returns why what was read is not to be used.
func (o *opened) end() (why, err error) {
	if _, err := io.Copy(io.Discard, o.content); err != nil {
		return nil, err
	}
	after, _, err := o.state()
	if err != nil {
		return nil, err
	}
	if o.status == 0 {
		o.status = o.content.Status
	}
	if o.before != nil && after != nil {
		o.still = *o.before == *after
	}
	switch {
	case o.status == statusClosed:
		return errClosed, nil
	case o.status == statusGone || o.before == nil && after == nil:
		return fs.ErrNotExist, nil
	case o.before == nil || after == nil || o.status != 0 && o.status != statusUnverified:
		return errKeepsChanging, nil
	case after.Inode != o.before.Inode || after.Device != o.before.Device || o.status == statusUnverified && !o.still:
		return errKeepsChanging, nil
	}
	return nil, nil
}
