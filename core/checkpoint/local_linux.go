package checkpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// localFiles are the files of a workspace on this machine. The workspace is opened by its path for every operation, since
// a command may have removed it; no part of that path may be a symbolic link by then.
type localFiles struct {
	root string
	// exclude is a directory that is passed over wherever it is met: the store itself.
	excludeDevice, excludeInode uint64
}

// Local returns the files below root, an absolute path without symbolic links. store is passed over if it lies inside.
func Local(root, store string) (Files, error) {
	l := &localFiles{root: root}
	var st unix.Stat_t
	if err := unix.Stat(store, &st); err == nil {
		l.excludeDevice, l.excludeInode = st.Dev, st.Ino
	}
	return l, nil
}

// noOpenat2 remembers that the kernel, or a filter of system calls, has no openat2.
var noOpenat2 atomic.Bool

const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// openBelow opens path below dir without following any link or crossing into another mount.
func openBelow(dir int, path string, flags int, mode uint32) (int, error) {
	flags |= unix.O_CLOEXEC | unix.O_NOFOLLOW
	if !noOpenat2.Load() {
		for {
			fd, err := unix.Openat2(dir, path, &unix.OpenHow{Flags: uint64(flags), Mode: uint64(mode), Resolve: beneath})
			switch err {
			case unix.EINTR, unix.EAGAIN: // EAGAIN: something was renamed meanwhile, and the kernel cannot be sure
				continue
			case unix.ENOSYS, unix.EPERM:
				if probe, err := unix.Openat2(unix.AT_FDCWD, "/", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC}); err == nil {
					unix.Close(probe)
				} else {
					noOpenat2.Store(true)
					return openByParts(dir, path, flags, mode)
				}
			case unix.EXDEV:
				return -1, ErrMount
			}
			return fd, err
		}
	}
	return openByParts(dir, path, flags, mode)
}

// openByParts does the same one component at a time.
func openByParts(dir int, path string, flags int, mode uint32) (int, error) {
	var start unix.Stat_t
	if err := unix.Fstat(dir, &start); err != nil {
		return -1, err
	}
	at := dir
	for {
		first, rest := path, ""
		for i := 0; i < len(path); i++ {
			if path[i] == '/' {
				first, rest = path[:i], path[i+1:]
				break
			}
		}
		use := unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		if rest == "" {
			use = flags
		}
		fd, err := unix.Openat(at, first, use, mode)
		if at != dir {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Dev != start.Dev {
			unix.Close(fd)
			return -1, ErrMount
		}
		if rest == "" {
			return fd, nil
		}
		at, path = fd, rest
	}
}

func (l *localFiles) open(flags int) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW), Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, l.root, &how)
	if err == unix.ENOSYS || err == unix.EPERM {
		if real, e := filepath.EvalSymlinks(l.root); e == nil && real != l.root {
			return -1, unix.ELOOP
		}
		fd, err = unix.Open(l.root, int(how.Flags), 0)
	}
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: l.root, Err: err}
	}
	return fd, nil
}

func entryOf(path string, st *unix.Stat_t) Entry {
	e := Entry{Path: path, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Stat: Stat{
		Device: st.Dev, Inode: st.Ino, Modified: st.Mtim.Nano(), Change: st.Ctim.Nano(),
	}}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Kind, e.Size = File, st.Size
	case unix.S_IFDIR:
		e.Kind = Dir
	case unix.S_IFLNK:
		e.Kind, e.Mode = Symlink, 0
	default:
		e.Kind, e.Why = Unsaved, WhySpecial
	}
	return e
}

func (l *localFiles) Scan(ctx context.Context, skip func(string, bool) bool, visit func(Entry) error) error {
	fd, err := l.open(unix.O_RDONLY)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.scanDir(ctx, fd, "", 0, skip, visit)
}

// scanDir takes the descriptor over.
func (l *localFiles) scanDir(ctx context.Context, fd int, prefix string, depth int, skip func(string, bool) bool, visit func(Entry) error) error {
	dir := os.NewFile(uintptr(fd), "directory")
	defer dir.Close()
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := prefix + name
		var st unix.Stat_t
		switch err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err {
		case nil:
		case unix.ENOENT:
			continue // it went since the directory was read
		default:
			return &os.PathError{Op: "stat", Path: path, Err: err}
		}
		isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
		if skip(path, isDir) || isDir && st.Ino == l.excludeInode && st.Dev == l.excludeDevice {
			continue
		}
		if err := l.scanEntry(ctx, fd, name, path, &st, depth, skip, visit); err != nil {
			return err
		}
	}
	return nil
}

func (l *localFiles) scanEntry(ctx context.Context, fd int, name, path string, st *unix.Stat_t, depth int, skip func(string, bool) bool, visit func(Entry) error) error {
	e := entryOf(path, st)
	switch e.Kind {
	case Symlink:
		target, err := readlink(fd, name)
		if err != nil {
			return visit(e.unsaved(WhyUnreadable))
		}
		e.Target = target
	case Dir:
		if depth == MaxTreeDepth-1 {
			return visit(e.unsaved(WhyDeep))
		}
		sub, err := openBelow(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		switch {
		case err == ErrMount:
			return visit(e.unsaved(WhyMount))
		case err == unix.ENOENT:
			return nil
		case err == unix.EMFILE || err == unix.ENFILE:
			return err
		case err != nil:
			return visit(e.unsaved(WhyUnreadable))
		}
		if err := visit(e); err != nil {
			unix.Close(sub)
			return err
		}
		return l.scanDir(ctx, sub, path+"/", depth+1, skip, visit)
	}
	return visit(e)
}

func readlink(dir int, name string) (string, error) {
	buf := make([]byte, unix.PathMax+1)
	n, err := unix.Readlinkat(dir, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func (l *localFiles) Read(ctx context.Context, files []Entry, each func(int, io.Reader, error) error) error {
	root, err := l.open(unix.O_PATH)
	if errors.Is(err, unix.ENOENT) && len(files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(root)
	for i := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := readOne(root, &files[i], func(r io.Reader, err error) error { return each(i, r, err) }); err != nil {
			return err
		}
	}
	return nil
}

// readOne hands one file over. The entry gets the state of the file that was opened, which may be newer than the scan.
func readOne(root int, e *Entry, each func(io.Reader, error) error) error {
	// O_NONBLOCK: a pipe that took the file's place must not hold the reader.
	fd, err := openBelow(root, e.Path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err == unix.EMFILE || err == unix.ENFILE {
		return err
	}
	if err != nil {
		return each(nil, err)
	}
	f := os.NewFile(uintptr(fd), e.Path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return each(nil, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return each(nil, errors.New(WhySpecial))
	}
	if now := entryOf(e.Path, &st); now.Stat != e.Stat || now.Size != e.Size {
		e.Mode, e.UID, e.GID, e.Size, e.Stat = now.Mode, now.UID, now.GID, now.Size, now.Stat
	}
	if err := each(&localContent{f: f, size: e.Size, sparse: st.Blocks*512 < st.Size}, nil); err != nil {
		return err
	}
	if err := unix.Fstat(fd, &st); err != nil || entryOf(e.Path, &st).Stat != e.Stat {
		e.Stat.Change = 0 // it changed meanwhile: look again next time
	}
	return nil
}

type localContent struct {
	f        *os.File
	at, size int64
	sparse   bool
}

func (c *localContent) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	n, err := c.f.ReadAt(p[:min(int64(len(p)), c.size-c.at)], c.at)
	c.at += int64(n)
	return n, err
}

func (c *localContent) SkipHole() int64 {
	if !c.sparse || c.at >= c.size {
		return 0
	}
	data, err := c.f.Seek(c.at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		data = c.size // nothing but a hole up to the end
	} else if err != nil {
		return 0
	}
	n := (data - c.at) / chunkSize
	if data >= c.size {
		n = (c.size - c.at + chunkSize - 1) / chunkSize
	}
	c.at = min(c.at+n*chunkSize, c.size)
	return n
}

// Apply opens the parent of every operation anew from the workspace, so that a directory that was moved away is not
// written to for longer than one operation.
func (l *localFiles) Apply(ctx context.Context, ops []Op, get func(Hash) ([]byte, error), done func(int, error)) error {
	if len(ops) == 0 {
		return nil
	}
	root, err := l.open(unix.O_PATH)
	if errors.Is(err, unix.ENOENT) {
		if root, err = l.recreate(); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	defer unix.Close(root)
	for i := range ops {
		if err := ctx.Err(); err != nil {
			return err
		}
		done(i, applyOne(root, &ops[i], get))
	}
	return nil
}

// recreate makes the workspace again, which a command removed as a whole.
func (l *localFiles) recreate() (int, error) {
	up := &localFiles{root: filepath.Dir(l.root)}
	dir, err := up.open(unix.O_PATH)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	if err := unix.Mkdirat(dir, filepath.Base(l.root), 0o755); err != nil {
		return -1, err
	}
	return l.open(unix.O_PATH)
}

func applyOne(root int, op *Op, get func(Hash) ([]byte, error)) error {
	dir := root
	if up := parent(op.Path); up != "" {
		var err error
		if dir, err = openBelow(root, up, unix.O_PATH|unix.O_DIRECTORY, 0); err != nil {
			return err
		}
		defer unix.Close(dir)
	}
	err := applyIn(dir, op, get)
	if err != unix.EACCES && err != unix.EPERM {
		return err
	}
	// The directory itself may forbid it; for its owner that is a mode, which is put back at once.
	var st unix.Stat_t
	if unix.Fstat(dir, &st) != nil || st.Mode&0o300 == 0o300 || chmodFD(dir, st.Mode&0o7777|0o700) != nil {
		return err
	}
	err = applyIn(dir, op, get)
	return errors.Join(err, chmodFD(dir, st.Mode&0o7777))
}

// chmodFD also works on a descriptor that only names a file.
func chmodFD(fd int, mode uint32) error {
	return unix.Fchmodat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), mode, 0)
}

// expected reports whether the name is still what the plan was made for.
func expected(dir int, name string, want *Entry) (*unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		if want == nil {
			return &st, nil
		}
		return nil, ErrChanged
	}
	if err != nil {
		return nil, err
	}
	if want == nil {
		return nil, ErrChanged
	}
	now := entryOf("", &st)
	switch {
	case want.Kind != Unsaved && now.Kind != want.Kind:
		return nil, ErrChanged
	case want.Stat.Inode == 0: // a directory of this restore
	case now.Stat.Inode != want.Stat.Inode, now.Stat.Device != want.Stat.Device:
		return nil, ErrChanged
	case now.Kind == File && (now.Size != want.Size && want.Kind == File || now.Mode != want.Mode || now.Stat.Modified != want.Stat.Modified):
		// Not the time of the change: removing another name of the same file sets that, too.
		return nil, ErrChanged
	}
	return &st, nil
}

func applyIn(dir int, op *Op, get func(Hash) ([]byte, error)) error {
	name := base(op.Path)
	st, err := expected(dir, name, op.Expect)
	if err != nil {
		return err
	}
	switch op.Action {
	case Remove:
		flags := 0
		if op.Expect.Kind == Dir {
			flags = unix.AT_REMOVEDIR
		}
		return unix.Unlinkat(dir, name, flags)
	case MakeDir:
		if err := unix.Mkdirat(dir, name, 0o700); err != nil {
			return err
		}
		return chownAt(dir, name, op.Want)
	case SetMode:
		if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink > 1 {
			return replaceFile(dir, name, op, get) // the other names of the file may lie outside
		}
		return setMode(dir, name, st, op.Want)
	case WriteFile:
		return replaceFile(dir, name, op, get)
	case WriteLink:
		return replaceLink(dir, name, op)
	}
	return fmt.Errorf("unknown action %q", op.Action)
}

func setMode(dir int, name string, st *unix.Stat_t, want *Entry) error {
	fd, err := openBelow(dir, name, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil {
		return err
	}
	if now.Ino != st.Ino || now.Dev != st.Dev {
		return ErrChanged
	}
	if err := chownAt(dir, name, want); err != nil {
		return err
	}
	return chmodFD(fd, want.Mode)
}

// chownAt gives the owner back, where this process may; otherwise a file belongs to whoever restores it.
func chownAt(dir int, name string, want *Entry) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return unix.Fchownat(dir, name, int(want.UID), int(want.GID), unix.AT_SYMLINK_NOFOLLOW)
}

func temporaryName() string { return ".execkit-" + rand.Text() + ".tmp" }

func replaceFile(dir int, name string, op *Op, get func(Hash) ([]byte, error)) (err error) {
	temporary := temporaryName()
	fd, err := unix.Openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), temporary)
	defer func() {
		f.Close()
		if err != nil {
			_ = unix.Unlinkat(dir, temporary, 0)
		}
	}()
	if err := writeChunks(f, op.Want, get); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := f.Chown(int(op.Want.UID), int(op.Want.GID)); err != nil {
			return err
		}
	}
	if err := unix.Fchmod(fd, op.Want.Mode); err != nil { // after the owner, whose change takes setuid away
		return err
	}
	if _, err := expected(dir, name, op.Expect); err != nil {
		return err
	}
	return unix.Renameat(dir, temporary, dir, name)
}

// writeChunks leaves holes where chunks are zero.
func writeChunks(f *os.File, want *Entry, get func(Hash) ([]byte, error)) error {
	at := int64(0)
	for _, h := range want.Chunks {
		size := min(chunkSize, want.Size-at)
		if h != (Hash{}) {
			data, err := get(h)
			if err != nil {
				return err
			}
			if int64(len(data)) != size {
				return errDamaged
			}
			if _, err := f.WriteAt(data, at); err != nil {
				return err
			}
		}
		at += size
	}
	if at != want.Size {
		return errDamaged
	}
	return f.Truncate(want.Size)
}

func replaceLink(dir int, name string, op *Op) error {
	temporary := temporaryName()
	if err := unix.Symlinkat(op.Want.Target, dir, temporary); err != nil {
		return err
	}
	err := chownAt(dir, temporary, op.Want)
	if err == nil {
		_, err = expected(dir, name, op.Expect)
	}
	if err == nil {
		err = unix.Renameat(dir, temporary, dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temporary, 0)
	}
	return err
}
