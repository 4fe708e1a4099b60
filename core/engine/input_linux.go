package engine

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An inlet is the open input of one command: a pipe whose both ends the host holds, and which the shell opens by its
// path. Since the host keeps the read end, a write never raises SIGPIPE in the host's process; it waits instead while
// the command does not read.
type inlet struct {
	path  string
	named bool // a FIFO of a confined shell
	read  int
	write *os.File
	id    unix.Stat_t
	close sync.Once
}

// openInput returns a path that gives what feed brings, as it comes, and end of file after it. release ends it.
func (s *Shell) openInput(feed io.Reader) (in *inlet, release func(), err error) {
	in = &inlet{}
	if s.pipes != "" {
		in.path, in.named = filepath.Join(s.pipes, "in"), true
		if in.read, err = openFIFO(in.path); err != nil {
			return nil, nil, errPipesLost
		}
		w, err := unix.Open(in.path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			unix.Close(in.read)
			return nil, nil, errPipesLost
		}
		in.write = os.NewFile(uintptr(w), "input")
	} else {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			return nil, nil, fmt.Errorf("opening a pipe: %w", err)
		}
		in.read, in.write, in.path = p[0], os.NewFile(uintptr(p[1]), "input"), hostPath(p[0])
	}
	if err := unix.Fstat(in.read, &in.id); err != nil {
		in.release()
		return nil, nil, err
	}
	go in.pump(feed)
	return in, in.release, nil
}

func (in *inlet) pump(feed io.Reader) {
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := feed.Read(*buf)
		if n > 0 {
			if _, werr := in.write.Write((*buf)[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			in.write.Close()
			in.letIn()
			return
		}
	}
}

// letIn makes sure that a shell that opens the FIFO only now does not wait for a writer for ever: each writer that comes
// and goes releases it, and a command that reads meets end of file again.
func (in *inlet) letIn() {
	if !in.named {
		return
	}
	for range 100 {
		fd, err := unix.Open(in.path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return
		}
		unix.Close(fd)
		time.Sleep(5 * time.Millisecond)
	}
}

func (in *inlet) release() {
	in.close.Do(func() {
		in.write.Close()
		if in.named {
			_ = unix.Unlink(in.path)
		}
		unix.Close(in.read)
	})
}

// holds reports whether a descriptor of a process is this input.
func (in *inlet) holds(st *unix.Stat_t) bool {
	return in != nil && st.Ino == in.id.Ino && st.Dev == in.id.Dev
}
