package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"sync"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/remote"
)

// errLost ends an exchange after an operation whose content the target did not take.
var errLost = errors.New("the target stopped in the middle of a content")

// statusError says what a status of an operation means.
func statusError(status int) error {
	switch status {
	case 0:
		return nil
	case statusGone:
		return fs.ErrNotExist
	case statusChanged, statusMoved, statusSwapped:
		return checkpoint.ErrChanged
	case statusClosed:
		return errors.New("its directory cannot be entered")
	case statusWrite:
		return errors.New("it cannot be written there")
	case statusShort, statusLost:
		return errors.New("the target did not take the whole content; it may be full")
	case statusOwner:
		return errors.New("its owner or mode cannot be set")
	case statusRename:
		return errors.New("it cannot be put into its place")
	}
	return fmt.Errorf("the target answered %d", status)
}

func temporaryName() string { return ".execkit-" + rand.Text() + ".tmp" }

// Apply implements checkpoint.Files.
func (w *workspace) Apply(ctx context.Context, ops []checkpoint.Op, get func(checkpoint.Hash) ([]byte, error), done func(int, error)) error {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	if len(ops) == 0 {
		return nil
	}
	if err := w.makeRoot(ctx); err != nil {
		return err
	}
	a := &applying{w: w, ops: ops, get: get, broken: make(map[int]error)}
	for from := 0; from < len(ops); {
		n, err := a.run(ctx, from, done)
		if from += n; err != nil {
			return broken(err)
		}
	}
	return nil
}

// makeRoot makes the workspace again, which a command removed as a whole.
func (w *workspace) makeRoot(ctx context.Context) error {
	_, statuses, err := w.t.ask(ctx, 1, in(w.root, "ek_e"))
	if err != nil {
		return err
	}
	if statuses[0] == statusGone {
		if _, statuses, err = w.t.ask(ctx, 1, in(path.Dir(w.root), "ek_mkroot", path.Base(w.root))); err != nil {
			return err
		}
	}
	if statuses[0] != 0 {
		return w.rootMoved()
	}
	return nil
}

// An applying is one call of Apply.
type applying struct {
	w   *workspace
	ops []checkpoint.Op
	get func(checkpoint.Hash) ([]byte, error)

	mu     sync.Mutex
	broken map[int]error // contents that could not be had
}

// run does operations from one on and returns how many have their answer.
func (a *applying) run(ctx context.Context, from int, done func(int, error)) (n int, err error) {
	c, err := a.w.t.ready(ctx)
	if err != nil {
		return 0, err
	}
	replace := -1
	err = c.Do(ctx, func(s *remote.Sender) error {
		for i := from; i < len(a.ops); i++ {
			if err := a.send(s, i, a.ops[i].Action); err != nil {
				return err
			}
		}
		return nil
	}, func(next func() *remote.Frame) error {
		for i := from; i < len(a.ops); i++ {
			_, status, err := text(next())
			if err != nil {
				return err
			}
			n++
			if status == statusLinks {
				replace = i // the other names of the file may lie outside
			} else {
				done(i, a.result(i, status))
			}
			if status == statusLost || status == statusLinks {
				return errLost
			}
		}
		return nil
	})
	if errors.Is(err, errLost) {
		err = nil
	}
	if err == nil && replace >= 0 {
		err = a.replace(ctx, replace, done)
	}
	return n, err
}

func (a *applying) replace(ctx context.Context, i int, done func(int, error)) error {
	c, err := a.w.t.ready(ctx)
	if err != nil {
		return err
	}
	return c.Do(ctx, func(s *remote.Sender) error { return a.send(s, i, checkpoint.WriteFile) }, func(next func() *remote.Frame) error {
		_, status, err := text(next())
		if err == nil {
			done(i, a.result(i, status))
		}
		if status == statusLost {
			a.w.t.clerk.Close()
		}
		return err
	})
}

func (a *applying) result(i, status int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.broken[i]; err != nil {
		return err
	}
	return statusError(status)
}

// expect is the pattern of what has to be there.
func (a *applying) expect(e *checkpoint.Entry) string {
	if e == nil {
		return "-"
	}
	kinds := map[checkpoint.Kind]uint32{checkpoint.File: kindFile, checkpoint.Dir: kindDir, checkpoint.Symlink: kindLink}
	s := &State{Mode: kinds[e.Kind] | e.Mode, Size: e.Size, Device: e.Stat.Device, Inode: e.Stat.Inode, Modified: e.Stat.Modified}
	return a.w.t.facts.pattern(s, e.Stat.Inode == 0, e.Kind == checkpoint.Unsaved)
}

func owner(e *checkpoint.Entry) string { return fmt.Sprintf("%d:%d", e.UID, e.GID) }

func octalMode(mode uint32) string { return fmt.Sprintf("%04o", mode) }

func (a *applying) send(s *remote.Sender, i int, action checkpoint.Action) error {
	op := &a.ops[i]
	dir, name, expect := a.w.dir(op.Path), path.Base(op.Path), a.expect(op.Expect)
	isDir := func(e *checkpoint.Entry) string {
		if e != nil && e.Kind == checkpoint.Dir {
			return "d"
		}
		return ""
	}
	switch action {
	case checkpoint.Remove:
		return s.Line(in(dir, "ek_rm", name, expect, isDir(op.Expect)))
	case checkpoint.MakeDir:
		return s.Line(in(dir, "ek_mk", name, owner(op.Want)))
	case checkpoint.SetMode:
		return s.Line(in(dir, "ek_ch", name, octalMode(op.Want.Mode), owner(op.Want), expect, isDir(op.Want)))
	case checkpoint.WriteLink:
		return s.Line(in(dir, "ek_sym", name, temporaryName(), op.Want.Target, owner(op.Want), expect))
	}
	if err := s.Line(in(dir, "ek_begin", name, temporaryName())); err != nil {
		return err
	}
	if err := a.chunks(s, i); err != nil {
		return err
	}
	return s.Line(call("ek_finish", strconv.FormatInt(op.Want.Size, 10), octalMode(op.Want.Mode), owner(op.Want), expect, "", ""))
}

// chunkSize is the one of package checkpoint.
const chunkSize = 1 << 20

// chunks sends a content and leaves holes where chunks are zero. Where one cannot be had the rest is left out, which the size
// tells in the end.
func (a *applying) chunks(s *remote.Sender, i int) error {
	want := a.ops[i].Want
	at, hole := int64(0), false
	for _, h := range want.Chunks {
		size := min(chunkSize, want.Size-at)
		at += size
		if h == (checkpoint.Hash{}) {
			hole = true
			continue
		}
		if hole {
			if err := s.Line(call("ek_hole", strconv.FormatInt(at-size, 10))); err != nil {
				return err
			}
			hole = false
		}
		data, err := a.get(h)
		if err != nil || int64(len(data)) != size {
			a.mu.Lock()
			if a.broken[i] = err; err == nil {
				a.broken[i] = errors.New("the store is damaged")
			}
			a.mu.Unlock()
			return nil
		}
		if err := a.w.t.facts.send(s, data); err != nil {
			return err
		}
	}
	if hole {
		return s.Line(call("ek_hole", strconv.FormatInt(want.Size, 10)))
	}
	return nil
}

// textPart is how much of a content goes into one line where it has to be text.
const textPart = 2 << 10

// send sends a part of a content.
func (f *facts) send(s *remote.Sender, data []byte) error {
	if f.how == "text" {
		for len(data) > 0 {
			n := min(len(data), textPart)
			if err := s.Line("ek_text '" + octal(data[:n]) + "'"); err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	}
	if err := s.Line(call("ek_data", strconv.Itoa(len(data)))); err != nil {
		return err
	}
	return s.Data(data)
}
