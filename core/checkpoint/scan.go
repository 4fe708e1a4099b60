package checkpoint

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// scan returns what the workspace holds. Only files that look different from before, or whose contents are to be saved
// and are not, are read.
func (w *Workspace) scan(ctx context.Context, before []Entry, save bool) (*sight, error) {
	s := &sight{at: time.Now()}
	err := w.files.Scan(ctx, w.match.ignored, func(e Entry) error {
		if len(s.entries) >= w.options.MaxFiles {
			return errdefs.New(errdefs.LimitExceeded, "the workspace has more than %d files", w.options.MaxFiles).
				WithHint("ignore what can be built again, or raise workspace.max_files")
		}
		if e.Kind == File && e.Size > w.options.MaxFileBytes {
			e = e.unsaved(whyTooLarge)
		}
		s.entries = append(s.entries, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.sawAt(s)
	slices.SortFunc(s.entries, compareEntries)
	todo := w.known(s.entries, before, save)
	if len(todo) == 0 {
		return s, nil
	}
	s.fresh = true
	return s, w.readContents(ctx, s, todo, save)
}

// sawAt sets when a sight was, by the clock of the files.
func (w *Workspace) sawAt(s *sight) {
	if clock, ok := w.files.(Clock); ok {
		s.at = clock.Scanned()
	}
}

// known takes the contents over that the index knows and returns the numbers of the entries that have to be read.
func (w *Workspace) known(entries, before []Entry, save bool) (todo []int) {
	j := 0
	for i := range entries {
		e := &entries[i]
		if e.Kind != File {
			continue
		}
		for j < len(before) && comparePaths(before[j].Path, e.Path) < 0 {
			j++
		}
		if j < len(before) && before[j].Path == e.Path && e.unchanged(&before[j]) && (!save || w.stored(before[j].Chunks)) {
			e.Chunks = before[j].Chunks
			continue
		}
		if e.Size > 0 {
			todo = append(todo, i)
		}
	}
	return todo
}

func (w *Workspace) stored(chunks []Hash) bool {
	return !slices.ContainsFunc(chunks, func(h Hash) bool { return !w.store.packs.has(h) })
}

func (w *Workspace) readContents(ctx context.Context, s *sight, todo []int, save bool) error {
	files := make([]Entry, len(todo))
	for k, i := range todo {
		files[k] = s.entries[i]
	}
	buf := make([]byte, chunkSize)
	put := func(Hash, []byte) error { return nil }
	if save {
		put = w.put
	}
	gone := make(map[int]bool)
	err := w.files.Read(ctx, files, func(k int, content io.Reader, err error) error {
		e := &files[k]
		switch {
		case errors.Is(err, errNotThere):
			gone[todo[k]] = true
			return nil
		case errors.Is(err, ErrMount):
			files[k] = e.unsaved(WhyMount)
			return nil
		case err != nil:
			files[k] = e.unsaved(WhyUnreadable)
			return nil
		case e.Size > w.options.MaxFileBytes:
			files[k] = e.unsaved(whyTooLarge)
			return nil
		}
		return readChunks(e, content, buf, put)
	})
	if err != nil {
		return err
	}
	for k, i := range todo {
		s.entries[i] = files[k]
	}
	if len(gone) > 0 {
		i := -1
		s.entries = slices.DeleteFunc(s.entries, func(Entry) bool { i++; return gone[i] })
	}
	return nil
}

func (w *Workspace) put(h Hash, raw []byte) error {
	p := w.store.packs
	if p.has(h) {
		return nil
	}
	total := p.bytes + int64(len(raw))
	if p.adding != nil {
		total += p.adding.offset
	}
	if total > w.options.MaxBytes {
		return errFull
	}
	return p.put(h, raw)
}

// readChunks reads one file and sets its Chunks and, where it is shorter than it was, its Size.
func readChunks(e *Entry, content io.Reader, buf []byte, put func(Hash, []byte) error) error {
	e.Chunks = nil
	holes, _ := content.(HoleReader)
	size := int64(0)
	for size < e.Size {
		if holes != nil {
			if n := holes.SkipHole(); n > 0 {
				e.Chunks = append(e.Chunks, make([]Hash, n)...)
				size = min(size+n*chunkSize, e.Size)
				continue
			}
		}
		n, err := io.ReadFull(content, buf[:min(chunkSize, e.Size-size)])
		if n > 0 {
			h := chunkOf(buf[:n])
			if h != (Hash{}) {
				if err := put(h, buf[:n]); err != nil {
					return err
				}
			}
			e.Chunks = append(e.Chunks, h)
			size += int64(n)
		}
		if err != nil {
			break // shorter than it was, or no longer readable: what came is what there is
		}
	}
	if size < e.Size {
		e.Size, e.Stat.Change = size, 0
	}
	return nil
}

// changedPaths returns the paths at which two sorted lists differ.
func changedPaths(before, after []Entry) []string {
	var paths []string
	merge(before, after, func(a, b *Entry) {
		if a == nil {
			paths = append(paths, b.Path)
		} else if b == nil || !a.same(b) {
			paths = append(paths, a.Path)
		}
	})
	return paths
}

// merge walks two sorted lists; one of the two is nil where a path is in one list alone.
func merge(before, after []Entry, each func(a, b *Entry)) {
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		order := -1
		switch {
		case i == len(before):
			order = 1
		case j < len(after):
			order = comparePaths(before[i].Path, after[j].Path)
		}
		switch {
		case order < 0:
			each(&before[i], nil)
			i++
		case order > 0:
			each(nil, &after[j])
			j++
		default:
			each(&before[i], &after[j])
			i++
			j++
		}
	}
}
