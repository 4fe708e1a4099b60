package execkit

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/remote/files"
	"github.com/execkit/execkit/core/wire"
)

// farFS are the files of another machine.
type farFS struct{ t *files.Target }

// A farFile is a path without symbolic links. Whatever is done with it, the target first makes sure that it still is one.
type farFile struct {
	ctx  context.Context
	t    *files.Target
	real string
}

// fileInfo describes a name by its st_mode.
func fileInfo(name string, mode uint32, target string) *wire.FileInfo {
	kinds := map[uint32]string{0o100000: "file", 0o040000: "directory", 0o120000: "symbolic link"}
	info := &wire.FileInfo{Path: wire.PathOf(name), Kind: "other", Mode: octal(mode & 0o7777), Target: strings.ToValidUTF8(target, "\uFFFD")}
	if kind, ok := kinds[mode&0o170000]; ok {
		info.Kind = kind
	}
	return info
}

func farError(path string, err error) error {
	var known *errdefs.Error
	if errors.As(err, &known) {
		return err
	}
	e := errdefs.New(errdefs.InvalidArgument, "%s: %v", errdefs.Quote(path), err).WithDetail("field", "path").WithCause(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e.WithHint("file.list shows what a directory has")
	case errors.Is(err, files.ErrChanged):
		return e.WithHint("something moved or replaced it meanwhile; try again")
	}
	return e
}

func (f farFS) open(ctx context.Context, path string) (fileHandle, error) {
	real, err := f.t.Resolve(ctx, path)
	if err != nil {
		return nil, farError(path, err)
	}
	if inProc(path) || inProc(real) {
		return nil, badFile("path", "%s is in /proc, which would show another process than the session's", errdefs.Quote(path)).WithHint("use a command such as cat")
	}
	return &farFile{ctx, f.t, real}, nil
}

func inProc(path string) bool { return path == "/proc" || strings.HasPrefix(path, "/proc/") }

func (f farFS) openParent(ctx context.Context, dir string, parents bool) (fileHandle, []string, error) {
	var missing []string
	for {
		h, err := f.open(ctx, strings.TrimSuffix(dir, "/")+"/")
		if err == nil || !errors.Is(err, fs.ErrNotExist) || dir == "/" {
			return h, missing, err
		}
		if _, there := f.t.Resolve(ctx, dir); there == nil {
			return nil, nil, badFile("path", "%s is not a directory", errdefs.Quote(dir))
		}
		if !parents {
			return nil, nil, err
		}
		missing = append([]string{path.Base(dir)}, missing...)
		dir = path.Dir(dir)
	}
}

func (f *farFile) path() string { return f.real }

func (f *farFile) close() {}

func (f *farFile) stream(ctx context.Context, each func(p []byte) bool) (size int64, err error) {
	err = f.t.Read(ctx, path.Dir(f.real), path.Base(f.real), func(s *files.State) error {
		size = s.Size
		switch {
		case !s.IsFile():
			return badFile("path", "%s is not a regular file", errdefs.Quote(f.real)).WithHint("file.list lists a directory")
		case s.Size > maxReadFile:
			return errdefs.New(errdefs.LimitExceeded, "%s has %d bytes; at most %d can be read", errdefs.Quote(f.real), s.Size, maxReadFile).
				WithHint("use a command such as head or dd")
		}
		return nil
	}, each)
	if err != nil {
		return 0, farError(f.real, err)
	}
	return size, nil
}

func (f *farFile) small(name string) ([]byte, error) {
	var b bytes.Buffer
	err := f.t.Read(f.ctx, f.real, name, func(s *files.State) error {
		if !s.IsFile() {
			return errors.New("not a file")
		}
		return nil
	}, func(p []byte) bool {
		b.Write(p)
		return b.Len() < maxWriteBytes
	})
	return b.Bytes(), err
}

func farInfo(n *files.Named) *wire.FileInfo {
	info := fileInfo(n.Name, n.Mode, n.Target)
	info.Bytes, info.UID, info.GID = n.Size, n.UID, n.GID
	if n.Change != 0 { // else the time is not one that can be told
		info.ModifiedMS = n.Modified / 1e6
	}
	return info
}

func (f *farFile) stat(name string) (*wire.FileInfo, error) {
	if name == "/" {
		name = "."
	}
	n, err := f.t.Stat(f.ctx, f.real, name)
	if err != nil {
		return nil, farError(path.Join(f.real, name), err)
	}
	return farInfo(n), nil
}

func (f *farFile) list(limit int) (entries []wire.FileInfo, truncated bool, err error) {
	all, err := f.t.List(f.ctx, f.real)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, badFile("path", "%s is not a directory", errdefs.Quote(f.real)).WithHint("file.read reads a file")
	}
	if err != nil {
		return nil, false, farError(f.real, err)
	}
	slices.SortFunc(all, func(a, b files.Named) int { return strings.Compare(a.Name, b.Name) })
	if truncated = len(all) > limit; truncated {
		all = all[:limit]
	}
	entries = make([]wire.FileInfo, 0, len(all))
	for i := range all {
		entries = append(entries, *farInfo(&all[i]))
	}
	return entries, truncated, nil
}

func (f *farFile) write(missing []string, name string, content []byte, mode int64, exclusive bool) (created bool, err error) {
	at := path.Join(append([]string{f.real}, append(slices.Clone(missing), name)...)...)
	w := &files.Write{Dir: f.real, Missing: missing, Name: name, Content: content, Mode: 0o644, Exclusive: exclusive}
	if len(missing) == 0 {
		old, err := f.t.Stat(f.ctx, f.real, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return false, farError(at, err)
		case exclusive:
			return false, badFile("path", "%s exists", errdefs.Quote(at))
		case old.IsLink():
			return false, badFile("path", "%s is a symbolic link", errdefs.Quote(at)).WithHint("give the path that it leads to")
		case !old.IsFile():
			return false, badFile("path", "%s is not a regular file", errdefs.Quote(at))
		default:
			w.Old, w.Mode = &old.State, old.Mode&0o777
		}
	}
	if mode >= 0 {
		w.Mode = uint32(mode)
	}
	if err := f.t.Write(f.ctx, w); err != nil {
		return false, farError(at, err)
	}
	return w.Old == nil, nil
}

// farWorkspace completes the options of a workspace on another machine.
func (t *remoteTarget) farWorkspace(ctx context.Context, o *checkpoint.Options) error {
	real, err := t.far.Resolve(ctx, strings.TrimSuffix(o.Root, "/")+"/")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, files.ErrLoop) {
		return errdefs.New(errdefs.InvalidArgument, "workspace: %s is not a directory on the target", errdefs.Quote(o.Root)).
			WithHint("give the path of a directory that exists there").WithDetail("field", "workspace")
	}
	if err != nil {
		return err
	}
	if o.Homes, err = t.far.Homes(ctx); err != nil {
		return err
	}
	info := t.transport.Info()
	// A container that was started anew has its files still; its identity ends in the time of its start.
	id, _, _ := strings.Cut(info.Identity, " ")
	o.Root, o.Files, o.Target = real, t.far.Workspace(real), info.Scheme+"://"+info.Target+" "+id
	return nil
}
