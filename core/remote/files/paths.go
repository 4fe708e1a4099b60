package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/remote"
)

// ErrLoop says that symbolic links go in a circle.
var ErrLoop = errors.New("its links go in a circle")

// ErrChanged says that a name stood for something else when it was come to.
var ErrChanged = checkpoint.ErrChanged

// Resolve returns the path without symbolic links of what an absolute path leads to. The last part need not exist,
// and then the error is fs.ErrNotExist; everything before has to.
func (t *Target) Resolve(ctx context.Context, p string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	texts, statuses, err := t.ask(ctx, 1, call("ek_real", p)+"; ek_e $?")
	switch {
	case err != nil:
		return "", err
	case statuses[0] == statusWrite:
		return "", ErrLoop
	case statuses[0] == statusGone || !path.IsAbs(texts[0]):
		return "", fs.ErrNotExist
	case statuses[0] != 0:
		return path.Clean(texts[0]), fs.ErrNotExist
	}
	return path.Clean(texts[0]), nil
}

// Stat describes a name in a directory, which is given without symbolic links. The name is not followed.
func (t *Target) Stat(ctx context.Context, dir, name string) (*Named, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	texts, statuses, err := t.ask(ctx, 2, in(dir, "ek_stat1", name))
	if err != nil {
		return nil, err
	}
	if err := statusError(statuses[0]); err != nil {
		return nil, err
	}
	states, err := parseStates(texts[0], []string{name})
	if err != nil {
		return nil, broken(err)
	}
	if len(states) == 0 {
		return nil, fs.ErrNotExist
	}
	states[0].Target = texts[1]
	return &states[0], nil
}

// List returns what a directory holds, which is given without symbolic links.
func (t *Target) List(ctx context.Context, dir string) (entries []Named, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err = t.list(ctx, []string{dir}, func(_ int, d *listing) error {
		if entries = d.entries; d.status == statusClosed {
			return errClosed
		}
		return statusError(d.status)
	})
	return entries, err
}

// drain is how much of a file is read for nothing before the clerk is rather ended.
const drain = 4 << 20

// Read hands the regular file dir/name over until each returns false. dir is given without symbolic links, and name is
// not followed. check gets what it is before anything of it is handed over.
func (t *Target) Read(ctx context.Context, dir, name string, check func(*State) error, each func([]byte) bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, err := t.ready(ctx)
	if err != nil {
		return err
	}
	var refused, why error
	stopped := false
	err = c.Do(ctx, func(s *remote.Sender) error { return s.Line(in(dir, "ek_one", name)) }, func(next func() *remote.Frame) (err error) {
		o := &opened{next: next, name: name}
		if _, err := o.begin(); err != nil {
			return err
		}
		if o.seen != nil {
			if refused = check(o.seen); refused == nil && o.before != nil {
				stopped, err = pour(o.content, each)
			}
		}
		if err != nil {
			return err
		}
		if n, err := io.Copy(io.Discard, io.LimitReader(o.content, drain)); err != nil || n == drain {
			return errLost
		}
		why, err = o.end()
		return err
	})
	switch {
	case refused != nil:
		return refused
	case errors.Is(err, errLost) && stopped:
		return nil // what follows is not wanted
	case err != nil:
		return broken(err)
	}
	return why
}

// pour hands a content over until each wants no more.
func pour(content io.Reader, each func([]byte) bool) (stopped bool, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := content.Read(buf)
		if n > 0 && !each(buf[:n]) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// A Write is a file that is to be put into a directory.
type Write struct {
	// Dir is an absolute path without symbolic links; Missing are directories below it that are made first.
	Dir     string
	Missing []string
	Name    string
	Content []byte
	Mode    uint32
	// Old is the file that is replaced, and nil if there must be none. Exclusive says that there must not be one even in the
	// last moment.
	Old       *State
	Exclusive bool
}

// Write puts a file into its place as a whole. It is written beside that, synced to the disk where the target's sync takes a
// file, and renamed.
func (t *Target) Write(ctx context.Context, w *Write) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir := w.Dir
	for _, part := range w.Missing {
		_, statuses, err := t.ask(ctx, 1, in(dir, "ek_mkroot", part))
		if err != nil {
			return err
		}
		if statuses[0] != 0 {
			return statusError(statusWrite)
		}
		dir = path.Join(dir, part)
	}
	c, err := t.ready(ctx)
	if err != nil {
		return err
	}
	owner, exclusive := "", ""
	if w.Old != nil {
		owner = strconv.FormatUint(uint64(w.Old.UID), 10) + ":" + strconv.FormatUint(uint64(w.Old.GID), 10)
	}
	if w.Exclusive {
		exclusive = "x"
	}
	status := 0
	err = c.Do(ctx, func(s *remote.Sender) error {
		err := s.Line(in(dir, "ek_begin", w.Name, temporaryName()))
		for rest := w.Content; len(rest) > 0 && err == nil; {
			part := rest[:min(len(rest), chunkSize)]
			err, rest = t.facts.send(s, part), rest[len(part):]
		}
		if err == nil {
			err = s.Line(call("ek_finish", strconv.Itoa(len(w.Content)), octalMode(w.Mode), owner, t.facts.pattern(w.Old, false, false), exclusive, "sync"))
		}
		return err
	}, func(next func() *remote.Frame) (err error) {
		if _, status, err = text(next()); err == nil && status == statusLost {
			err = errLost
		}
		return err
	})
	if err != nil && !errors.Is(err, errLost) {
		return broken(err)
	}
	return statusError(status)
}

// Homes returns the home directories of the target's users.
func (t *Target) Homes(ctx context.Context) ([]string, error) {
	t.mu.Lock()
	_, err := t.ready(ctx)
	homes := []string{t.facts.home}
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var accounts bytes.Buffer
	err = t.Read(ctx, "/etc", "passwd", func(*State) error { return nil }, func(p []byte) bool {
		accounts.Write(p)
		return accounts.Len() < 1<<20
	})
	if err != nil {
		return homes, nil // without it only the known places count
	}
	return append(homes, checkpoint.HomesOf(accounts.String())...), nil
}
