package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A confined shell cannot follow /proc/HOST/fd: Landlock lets no process look into one outside its domain. (A thread of
// the host inside the domain would open that door, and the host's memory with it.) Its pipes are therefore FIFOs in a
// directory of the session, which the shell may write to and in which it can make and remove nothing, and its scripts
// are descriptors that it inherits, sealed as ever. There are only FIFOs in the directory: a file with a command's
// input could be run by the loader.

// pipesPrefix begins the directory's name; the host's pid follows.
const pipesPrefix = "execkit-"

// newPipesDir makes the directory where the session is least likely to be granted writing.
func newPipesDir(writable func(string) bool) (string, error) {
	var candidates []string
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm", "/run/user/" + strconv.Itoa(os.Getuid()), os.TempDir()} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && filepath.IsAbs(dir) && unix.Access(dir, unix.W_OK) == nil {
			candidates = append(candidates, dir)
		}
	}
	sweepPipes.Do(func() { removeStale(candidates) })
	for _, avoid := range []bool{true, false} {
		for _, dir := range candidates {
			if avoid && writable(dir) {
				continue
			}
			if made, err := os.MkdirTemp(dir, pipesPrefix+strconv.Itoa(os.Getpid())+"-"); err == nil {
				return made, nil
			}
		}
	}
	return "", fmt.Errorf("no directory for the session's pipes: none of XDG_RUNTIME_DIR, /dev/shm, %s can be written", os.TempDir())
}

var sweepPipes sync.Once

// removeStale removes what hosts left that were killed.
func removeStale(dirs []string) {
	for _, dir := range dirs {
		left, _ := filepath.Glob(filepath.Join(dir, pipesPrefix+"[0-9]*-*"))
		for _, path := range left {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), pipesPrefix), "-")
			n, err := strconv.Atoi(pid)
			var stat unix.Stat_t
			if err != nil || unix.Kill(n, 0) != unix.ESRCH || unix.Lstat(path, &stat) != nil || int(stat.Uid) != os.Getuid() || stat.Mode&unix.S_IFMT != unix.S_IFDIR {
				continue
			}
			for _, name := range []string{"out", "err", "in"} {
				_ = os.Remove(filepath.Join(path, name))
			}
			_ = os.Remove(path) // only where it is empty: no other file can be ours
		}
	}
}

// openFIFO makes a FIFO in the place of whatever is there and returns its read end.
func openFIFO(path string) (int, error) {
	_ = unix.Unlink(path)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return -1, fmt.Errorf("making a pipe: %w", err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, fmt.Errorf("opening a pipe: %w", err)
	}
	return fd, nil
}

// newNamedOutput returns an output whose pipe the shell opens by a path of its own.
func newNamedOutput(path string) (*output, error) {
	fd, err := openFIFO(path)
	if err != nil {
		return nil, err
	}
	return &output{fd: fd, door: -1, name: path}, nil
}

// sound reports whether the shell would find this pipe under its path. A session that may write the directory can
// put another file there.
func (o *output) sound() bool {
	if o.name == "" {
		return true
	}
	var have, found unix.Stat_t
	return unix.Fstat(o.fd, &have) == nil && unix.Lstat(o.name, &found) == nil && have.Ino == found.Ino && have.Dev == found.Dev
}

// errPipesLost says that the pipes are gone and that this shell can have no others: what its domain may write to are
// the ones of the directory that was.
var errPipesLost = errors.New("the session's pipes were removed")

// pipesSound makes sure that the shell finds its pipes.
func (s *Shell) pipesSound() bool {
	for _, o := range []*output{s.stdout, s.stderr} {
		if !o.sound() && o.replace(nil) != nil {
			return false
		}
	}
	return true
}

// feed offers data under path to one reader, until release is called; it ends with the command, and not with a
// background process that still reads.
func feed(path string, data []byte) (release func(), err error) {
	_ = unix.Unlink(path)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	var mu sync.Mutex
	var writer *os.File
	released := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Waits for the shell to open the other end: a writer that came and went before would leave no data.
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return
		}
		_ = unix.SetNonblock(fd, true)
		mu.Lock()
		writer = os.NewFile(uintptr(fd), "input")
		if released {
			_ = writer.SetWriteDeadline(time.Unix(1, 0))
		}
		mu.Unlock()
		_, _ = writer.Write(data)
		writer.Close()
	}()
	return func() {
		mu.Lock()
		released = true
		if writer != nil {
			_ = writer.SetWriteDeadline(time.Unix(1, 0))
		}
		mu.Unlock()
		// A command that never opened its input has left the writer waiting.
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		_ = unix.Unlink(path)
		if err == nil {
			<-done
			unix.Close(fd)
		}
	}, nil
}
