package execkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// An openFile is a descriptor that only names what it stands for (O_PATH), and the path that the kernel knows it by.
type openFile struct {
	fd   int
	real string
	st   unix.Stat_t
}

func (f *openFile) close() { unix.Close(f.fd) }

func fileError(path string, err error) error {
	e := errdefs.New(errdefs.InvalidArgument, "%s: %v", errdefs.Quote(path), err).WithDetail("field", "path").WithCause(err)
	switch {
	case errors.Is(err, unix.ENOENT):
		return e.WithHint("file.list shows what a directory has")
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		return e.WithHint("the user that execkit runs as has no right to it")
	case errors.Is(err, unix.ELOOP):
		return e.WithHint("the path leads through /proc, or its links go in a circle")
	}
	return e
}

// openNamed opens a path without an effect on what is there. Links of /proc are refused: they would be the host's own, and
// so is anything else that /proc shows to the host and not to the session.
func openNamed(path string) (*openFile, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS})
	if err == unix.ENOSYS || err == unix.EPERM {
		return nil, errdefs.New(errdefs.Unsupported, "file operations need openat2 (Linux 5.6)").WithHint("use commands such as cat").WithCause(err)
	}
	if err != nil {
		return nil, fileError(path, err)
	}
	f := &openFile{fd: fd}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type == unix.PROC_SUPER_MAGIC {
		f.close()
		return nil, badFile("path", "%s is in /proc, which would show the host's process", errdefs.Quote(path)).WithHint("use a command such as cat")
	}
	if f.real, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
		err = unix.Fstat(fd, &f.st)
	}
	if err != nil || !filepath.IsAbs(f.real) {
		f.close()
		return nil, badFile("path", "%s has no path", errdefs.Quote(path))
	}
	return f, nil
}

// reopen opens what the descriptor stands for, whatever has its name by now.
func (f *openFile) reopen(flags int) (*os.File, error) {
	file, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.fd), flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fileError(f.real, errors.Unwrap(err))
	}
	return file, nil
}

// stream hands the file over until each returns false, and returns the size of the file.
func (f *openFile) stream(ctx context.Context, each func(p []byte) bool) (int64, error) {
	if f.st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, badFile("path", "%s is not a regular file", errdefs.Quote(f.real)).WithHint("file.list lists a directory")
	}
	if f.st.Size > maxReadFile {
		return 0, errdefs.New(errdefs.LimitExceeded, "%s has %d bytes; at most %d can be read", errdefs.Quote(f.real), f.st.Size, maxReadFile).
			WithHint("use a command such as head or dd")
	}
	file, err := f.reopen(unix.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	buf := make([]byte, 256<<10)
	for total := int64(0); total <= maxReadFile; {
		n, err := file.Read(buf)
		total += int64(n)
		if n > 0 && !each(buf[:n]) || err == io.EOF {
			return f.st.Size, nil
		}
		if err != nil {
			return 0, fileError(f.real, err)
		}
		if ctx.Err() != nil {
			return 0, errdefs.New(errdefs.Cancelled, "cancelled while the file was read").WithCause(ctx.Err())
		}
	}
	return f.st.Size, nil
}

// small returns the content of a small regular file of the directory.
func (f *openFile) small(name string) ([]byte, error) {
	fd, err := unix.Openat(f.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	return io.ReadAll(io.LimitReader(file, maxWriteBytes))
}

func (f *openFile) stat(name string) (*wire.FileInfo, error) {
	var st unix.Stat_t
	at, flags := name, unix.AT_SYMLINK_NOFOLLOW
	if name == "/" {
		at, flags = "", unix.AT_EMPTY_PATH
	}
	if err := unix.Fstatat(f.fd, at, &st, flags); err != nil {
		return nil, fileError(filepath.Join(f.real, name), err)
	}
	target := ""
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		buf := make([]byte, unix.PathMax+1)
		if n, err := unix.Readlinkat(f.fd, name, buf); err == nil {
			target = string(buf[:n])
		}
	}
	info := fileInfo(name, st.Mode, target)
	info.Bytes, info.ModifiedMS, info.UID, info.GID = st.Size, st.Mtim.Nano()/1e6, st.Uid, st.Gid
	return info, nil
}

func (f *openFile) list(limit int) (entries []wire.FileInfo, truncated bool, err error) {
	if f.st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil, false, badFile("path", "%s is not a directory", errdefs.Quote(f.real)).WithHint("file.read reads a file")
	}
	dir, err := f.reopen(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return nil, false, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxList + 1)
	if err != nil && err != io.EOF {
		return nil, false, fileError(f.real, err)
	}
	slices.Sort(names)
	if truncated = len(names) > limit; truncated {
		names = names[:limit]
	}
	entries = make([]wire.FileInfo, 0, len(names))
	for _, name := range names {
		if info, err := f.stat(name); err == nil { // else it went meanwhile
			entries = append(entries, *info)
		}
	}
	return entries, truncated, nil
}

// openParent opens a directory, or the nearest one above it that exists where parents may be made; missing are the names
// below that.
func openParent(path string, parents bool) (dir *openFile, missing []string, err error) {
	for {
		dir, err = openNamed(path)
		if err == nil && dir.st.Mode&unix.S_IFMT != unix.S_IFDIR {
			dir.close()
			return nil, nil, badFile("path", "%s is not a directory", errdefs.Quote(path))
		}
		if err == nil || !parents || !errors.Is(err, unix.ENOENT) || path == "/" {
			return dir, missing, err
		}
		missing = append([]string{filepath.Base(path)}, missing...)
		path = filepath.Dir(path)
	}
}

// write makes the missing directories and replaces one file as a whole.
func (f *openFile) write(missing []string, name string, content []byte, mode int64, exclusive bool) (created bool, err error) {
	dir := f.fd
	for _, part := range missing {
		if err := unix.Mkdirat(dir, part, 0o755); err != nil && err != unix.EEXIST {
			return false, fileError(f.real, err)
		}
		// NOFOLLOW: what takes the place of the new directory must not lead elsewhere.
		next, err := unix.Openat(dir, part, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return false, fileError(f.real, err)
		}
		defer unix.Close(next)
		dir = next
	}
	path := filepath.Join(append([]string{f.real}, append(slices.Clone(missing), name)...)...)
	var old unix.Stat_t
	switch err := unix.Fstatat(dir, name, &old, unix.AT_SYMLINK_NOFOLLOW); {
	case err == unix.ENOENT:
		created = true
	case err != nil:
		return false, fileError(path, err)
	case exclusive:
		return false, badFile("path", "%s exists", errdefs.Quote(path))
	case old.Mode&unix.S_IFMT == unix.S_IFLNK:
		return false, badFile("path", "%s is a symbolic link", errdefs.Quote(path)).WithHint("give the path that it leads to")
	case old.Mode&unix.S_IFMT != unix.S_IFREG:
		return false, badFile("path", "%s is not a regular file", errdefs.Quote(path))
	}
	if mode < 0 {
		if mode = 0o644; !created {
			mode = int64(old.Mode & 0o777)
		}
	}
	return created, replaceIn(dir, name, path, content, uint32(mode), &old, created, exclusive)
}

func replaceIn(dir int, name, path string, content []byte, mode uint32, old *unix.Stat_t, created, exclusive bool) error {
	temporary := ".execkit-" + rand.Text() + ".tmp"
	fd, err := unix.Openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fileError(path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	_, err = file.Write(content)
	if err == nil && !created && os.Geteuid() == 0 {
		err = unix.Fchown(fd, int(old.Uid), int(old.Gid))
	}
	if err == nil {
		err = unix.Fchmod(fd, mode)
	}
	if err == nil {
		err = unix.Fsync(fd)
	}
	if err == nil {
		flags := uint(0)
		if exclusive {
			flags = unix.RENAME_NOREPLACE
		}
		err = unix.Renameat2(dir, temporary, dir, name, flags)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temporary, 0)
		return fileError(path, err)
	}
	return nil
}
