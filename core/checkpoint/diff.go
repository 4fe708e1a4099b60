package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// DiffOptions say what of a difference is returned.
type DiffOptions struct {
	// Against is the other checkpoint; the workspace as it is now when empty.
	Against string
	// Paths, if not empty, are the only paths or directories that are looked at.
	Paths []string
	// MaxBytes bounds the texts of all patches together; 256 KiB when 0.
	MaxBytes int
}

// A FileDiff is the difference at one path.
type FileDiff struct {
	Path string
	// Change is added, deleted, modified, mode or type.
	Change           string
	OldKind, NewKind Kind // 0 for nothing
	OldMode, NewMode uint32
	OldSize, NewSize int64
	// Binary says that a text would say nothing. Patch is in the form that git apply and patch -p1 take.
	Binary    bool
	Patch     string
	Truncated bool
}

const (
	defaultDiffBytes = 256 << 10
	// maxText is the largest file whose lines are compared.
	maxText = 1 << 20
)

// Diff returns how the workspace, or another checkpoint, differs from a checkpoint.
func (w *Workspace) Diff(ctx context.Context, id string, o DiffOptions) (diffs []FileDiff, err error) {
	only, err := newMatcher(nil, o.Paths)
	if err != nil {
		return nil, err
	}
	err = w.locked(ctx, func() error {
		d := differ{w: w, ctx: ctx, left: o.MaxBytes, only: only}
		if d.left == 0 {
			d.left = defaultDiffBytes
		}
		r, err := w.store.record(id)
		if err != nil {
			return err
		}
		before, err := w.store.entries(r)
		if err != nil {
			return err
		}
		after, err := d.other(o.Against)
		if err != nil {
			return err
		}
		diffs, err = d.all(before, after)
		return w.fail(err)
	})
	return diffs, err
}

type differ struct {
	w    *Workspace
	ctx  context.Context
	left int
	only *matcher
}

func (d *differ) other(id string) ([]Entry, error) {
	if id == "" {
		s, err := d.w.peek(d.ctx)
		if err != nil {
			return nil, err
		}
		return s.entries, nil
	}
	r, err := d.w.store.record(id)
	if err != nil {
		return nil, err
	}
	return d.w.store.entries(r)
}

func (d *differ) all(before, after []Entry) (diffs []FileDiff, err error) {
	merge(before, after, func(a, b *Entry) {
		if err != nil {
			return
		}
		path, dir := "", false
		if a != nil {
			path, dir = a.Path, a.Kind == Dir
		} else {
			path, dir = b.Path, b.Kind == Dir
		}
		if a != nil && b != nil && a.same(b) || !d.only.wanted(path, dir) {
			return
		}
		var one FileDiff
		if one, err = d.one(path, a, b); err == nil {
			diffs = append(diffs, one)
		}
	})
	return diffs, err
}

func (d *differ) one(path string, a, b *Entry) (FileDiff, error) {
	f := FileDiff{Path: path}
	if a != nil {
		f.OldKind, f.OldMode, f.OldSize = a.Kind, a.Mode, a.Size
	}
	if b != nil {
		f.NewKind, f.NewMode, f.NewSize = b.Kind, b.Mode, b.Size
	}
	switch {
	case a == nil:
		f.Change = "added"
	case b == nil:
		f.Change = "deleted"
	case a.Kind != b.Kind:
		f.Change = "type"
	case a.sameContent(b) || a.Kind == Dir:
		f.Change = "mode"
	default:
		f.Change = "modified"
	}
	var out strings.Builder
	var err error
	if f.Change == "type" {
		// A patch has no word for it but deleting the one and adding the other.
		if f.Binary, err = d.patch(&out, path, a, nil); err != nil {
			return f, err
		}
		binary, err := d.patch(&out, path, nil, b)
		if err != nil {
			return f, err
		}
		f.Binary = f.Binary || binary
	} else if f.Binary, err = d.patch(&out, path, a, b); err != nil {
		return f, err
	}
	if out.Len() > d.left {
		f.Truncated = true
		return f, nil
	}
	d.left -= out.Len()
	f.Patch = out.String()
	return f, nil
}

// inPatch reports whether a patch can hold the entry: files and symbolic links alone.
func inPatch(e *Entry) bool { return e != nil && (e.Kind == File || e.Kind == Symlink) }

// patchMode is the mode as git writes it, which knows of files only whether they can be run.
func patchMode(e *Entry) string {
	switch {
	case e.Kind == Symlink:
		return "120000"
	case e.Mode&0o100 != 0:
		return "100755"
	}
	return "100644"
}

func (d *differ) patch(out *strings.Builder, path string, a, b *Entry) (binary bool, err error) {
	if !inPatch(a) {
		a = nil
	}
	if !inPatch(b) {
		b = nil
	}
	if a == nil && b == nil {
		return false, nil
	}
	from, to := quotePath("a/"+path), quotePath("b/"+path)
	head := fmt.Sprintf("diff --git %s %s\n", from, to)
	oldName, newName := from, to
	switch {
	case a == nil:
		head += "new file mode " + patchMode(b) + "\n"
		oldName = "/dev/null"
	case b == nil:
		head += "deleted file mode " + patchMode(a) + "\n"
		newName = "/dev/null"
	case patchMode(a) != patchMode(b):
		head += "old mode " + patchMode(a) + "\nnew mode " + patchMode(b) + "\n"
	}
	if a != nil && b != nil && a.sameContent(b) {
		if patchMode(a) != patchMode(b) {
			out.WriteString(head)
		}
		return false, nil
	}
	out.WriteString(head)
	old, oldText, err := d.text(a)
	if err != nil {
		return false, err
	}
	fresh, freshText, err := d.text(b)
	if err != nil {
		return false, err
	}
	if !oldText || !freshText {
		fmt.Fprintf(out, "Binary files %s and %s differ\n", oldName, newName)
		return true, nil
	}
	if len(old)+len(fresh) > 0 {
		fmt.Fprintf(out, "--- %s\n+++ %s\n", nameLine(oldName), nameLine(newName))
		hunks(out, old, fresh)
	}
	return false, nil
}

// nameLine ends a name that holds a blank with a tab, as patch wants it.
func nameLine(name string) string {
	if strings.Contains(name, " ") && name[0] != '"' {
		return name + "\t"
	}
	return name
}

// quotePath quotes a name as git does where it holds a byte that would end it or drive a terminal.
func quotePath(name string) string {
	plain := true
	for i := 0; i < len(name) && plain; i++ {
		c := name[i]
		plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\'
	}
	if plain {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// text returns what an entry holds, and whether its lines can be shown.
func (d *differ) text(e *Entry) ([]byte, bool, error) {
	switch {
	case e == nil:
		return nil, true, nil
	case e.Kind == Symlink:
		return []byte(e.Target), true, nil
	case e.Size > maxText:
		return nil, false, nil
	}
	var content []byte
	if d.w.stored(e.Chunks) {
		for _, h := range e.Chunks {
			if h == (Hash{}) {
				return nil, false, nil // zeros are no text
			}
			chunk, err := d.w.store.packs.get(h)
			if err != nil {
				return nil, false, err
			}
			content = append(content, chunk...)
		}
	} else {
		err := d.w.files.Read(d.ctx, []Entry{*e}, func(_ int, r io.Reader, err error) error {
			if err != nil {
				return err
			}
			content, err = io.ReadAll(io.LimitReader(r, maxText))
			return err
		})
		if errors.Is(err, context.Canceled) {
			return nil, false, err
		}
		if err != nil {
			return nil, false, nil // it went, or cannot be read any more
		}
	}
	return content, !bytes.ContainsRune(content, 0), nil
}
