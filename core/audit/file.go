package audit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/errdefs"
)

// A file is what the writer needs of an open file; the tests put one that fails in its place.
type file interface {
	io.Writer
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
	Lock(wait time.Duration) error
	Unlock() error
	// Protect takes the file from everyone but its owner.
	Protect() error
	// Is reports whether path still names this file, and its size. A path that names nothing is no error.
	Is(path string) (same bool, size int64, err error)
	Close() error
}

// An opener opens a regular file with these flags, 0600 where it makes one.
type opener func(path string, flags int) (file, error)

type osFile struct {
	*os.File
	dev, ino uint64
}

func openFile(path string, flags int) (file, error) {
	// A link planted at the path would send the record, or an overwritten head, somewhere else.
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, openError(path, err, flags)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errdefs.New(errdefs.InvalidArgument, "audit: %s is not a regular file", errdefs.Quote(path)).
			WithHint("give the path of a file; it is made where there is none").WithDetail("field", "audit")
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		_ = f.Close()
		return nil, errdefs.New(errdefs.Unsupported, "audit: this platform does not number its files")
	}
	return &osFile{f, uint64(stat.Dev), stat.Ino}, nil
}

func openError(path string, err error, flags int) error {
	hint := "give a path in a directory that exists and may be written to"
	switch {
	case flags&os.O_CREATE == 0 && errors.Is(err, syscall.ENOENT):
		hint = "give the path of a log that a session wrote"
	case flags&os.O_CREATE == 0 && errors.Is(err, syscall.EACCES):
		hint = "its mode is 0600; read it as the user who wrote it"
	case errors.Is(err, syscall.ELOOP):
		hint = "it is a symbolic link; give the path of the file itself"
	case errors.Is(err, syscall.EISDIR):
		hint = "it is a directory; give the path of a file in it"
	}
	return errdefs.New(errdefs.InvalidArgument, "audit: %v", err).WithHint("%s", hint).WithDetail("field", "audit").WithCause(err)
}

// Protect implements file.
func (f *osFile) Protect() error {
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = f.Chmod(0o600)
	}
	if err != nil {
		return errdefs.New(errdefs.InvalidArgument, "audit: others may read %s and its mode cannot be changed: %v", errdefs.Quote(f.Name()), err).
			WithHint("chmod 600 it, or give another path")
	}
	return nil
}

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *osFile) Is(path string) (same bool, size int64, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, 0, nil
		}
		return false, 0, err
	}
	return uint64(st.Dev) == f.dev && st.Ino == f.ino, st.Size, nil
}

// errLocked says that another process kept the lock.
var errLocked = errors.New("another process holds the lock of the audit log")

// Lock waits for the lock of the whole file.
func (f *osFile) Lock(wait time.Duration) error { return f.wait(unix.LOCK_EX, wait) }

// wait polls for a lock, since flock(2) itself cannot be given up.
func (f *osFile) wait(how int, wait time.Duration) error {
	var deadline time.Time
	for pause := 20 * time.Microsecond; ; {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(wait)
		} else if now.After(deadline) {
			return errLocked
		}
		time.Sleep(pause)
		pause = min(2*pause, time.Millisecond)
	}
}

func (f *osFile) Unlock() error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }
