package engine

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// readSize is one pipe's capacity: a writer that fills it is emptied by one read.
const readSize = 64 << 10

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readSize); return &b }}

// An output is one stream of the session's commands: a pipe of which the engine holds only the read end. The shell
// opens the write end anew for each command, through the path of the read end in /proc.
type output struct {
	// fd is outside the netpoller, in which every opening of the pipe would be an event.
	fd int
	// door is a second descriptor of the same pipe. Its number, and so its path, stays when the pipe is replaced.
	door int
	// name is the path of a confined shell's FIFO, which has no door.
	name string
}

func newOutput() (*output, error) {
	fd, err := newPipe()
	if err != nil {
		return nil, err
	}
	door, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &output{fd: fd, door: door}, nil
}

func newPipe() (int, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, fmt.Errorf("opening a pipe: %w", err)
	}
	unix.Close(p[1])
	return p[0], nil
}

func (o *output) path() string {
	if o.name != "" {
		return o.name
	}
	return hostPath(o.door)
}

// hostPath names a descriptor of this process for the shell.
func hostPath(fd int) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd) }

// waitable returns a copy of fd that waits in the netpoller.
func (o *output) waitable() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(o.fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "output"), nil
}

// pump starts a goroutine that copies to w as output comes, until the function that it returns is called. It never
// takes end of file as an end: that only means that no process has the pipe open at the moment.
func (o *output) pump(w io.Writer) (stop func()) {
	file, err := o.waitable()
	if err != nil {
		return func() {} // out of descriptors: the output is read in the end, and what exceeds the pipe waits for that
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := file.SyscallConn()
		if err != nil {
			return
		}
		buf := readBuffers.Get().(*[]byte)
		defer readBuffers.Put(buf)
		for {
			n := 0
			err := conn.Read(func(fd uintptr) bool {
				n, _ = unix.Read(int(fd), *buf)
				return n > 0
			})
			if err != nil {
				return
			}
			_, _ = w.Write((*buf)[:n])
		}
	}()
	return func() {
		_ = file.SetReadDeadline(time.Unix(1, 0))
		<-ended
		file.Close()
	}
}

// drain copies what is in the pipe to w and reports whether some process still has it open for writing. Call it
// after the pump has ended.
func (o *output) drain(w io.Writer) (held bool) {
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	// Bounded, since a background process may write for ever: what was written before completion is at most one
	// pipe's capacity (1 MiB where it was raised).
	for left := 1 << 20; left > 0; {
		n, err := unix.Read(o.fd, *buf)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return err == unix.EAGAIN
		}
		_, _ = w.Write((*buf)[:n])
		left -= n
	}
	return true
}

// replace gives the pipe to the background processes that hold it and makes a new one under the same path. The old
// one is read to its end, so that its writers neither block nor die of SIGPIPE; late, if not nil, gets what comes.
func (o *output) replace(late io.WriteCloser) error {
	old, err := o.waitable()
	if err != nil {
		return err
	}
	fd := -1
	if o.name != "" {
		fd, err = openFIFO(o.name)
	} else if fd, err = newPipe(); err == nil {
		err = unix.Dup3(fd, o.door, unix.O_CLOEXEC)
	}
	if err != nil {
		old.Close()
		return err
	}
	unix.Close(o.fd)
	o.fd = fd
	go func() {
		if late != nil {
			_, _ = io.Copy(late, old)
			late.Close()
		} else {
			_, _ = io.Copy(io.Discard, old)
		}
		old.Close()
	}()
	return nil
}

func (o *output) close() {
	if o != nil {
		unix.Close(o.fd)
		if o.name != "" {
			_ = unix.Unlink(o.name)
		} else {
			unix.Close(o.door)
		}
	}
}
