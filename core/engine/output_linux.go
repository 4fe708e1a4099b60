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
	file *os.File
	// door is a second descriptor of the same pipe. Its number, and so its path, stays when the pipe is replaced.
	door int
}

func newOutput() (*output, error) {
	file, err := newPipe()
	if err != nil {
		return nil, err
	}
	door, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		file.Close()
		return nil, err
	}
	// Fd() made the descriptor blocking; the pump needs the netpoller.
	_ = unix.SetNonblock(door, true)
	return &output{file: file, door: door}, nil
}

func newPipe() (*os.File, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("opening a pipe: %w", err)
	}
	unix.Close(p[1])
	return os.NewFile(uintptr(p[0]), "output"), nil
}

func (o *output) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), o.door) }

// pump copies to w as output comes, until stop. It never takes end of file as an end: it only means that no process
// has the pipe open at the moment.
func (o *output) pump(w io.Writer) {
	conn, err := o.file.SyscallConn()
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
			return // the deadline that stop set, or a closed session
		}
		_, _ = w.Write((*buf)[:n])
	}
}

// stop ends pump.
func (o *output) stop() { _ = o.file.SetReadDeadline(time.Unix(1, 0)) }

// drain copies what is in the pipe to w and reports whether some process still has it open for writing. Call it
// after pump has ended.
func (o *output) drain(w io.Writer) (held bool) {
	_ = o.file.SetReadDeadline(time.Time{})
	conn, err := o.file.SyscallConn()
	if err != nil {
		return false
	}
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	// Bounded, since a background process may write for ever: what was written before completion is at most one
	// pipe's capacity (1 MiB where it was raised).
	for left := 1 << 20; left > 0; {
		n := 0
		var readErr error
		_ = conn.Read(func(fd uintptr) bool { n, readErr = unix.Read(int(fd), *buf); return true })
		if n <= 0 {
			return readErr == unix.EAGAIN
		}
		_, _ = w.Write((*buf)[:n])
		left -= n
	}
	return true
}

// replace gives the pipe to the background processes that hold it and makes a new one under the same path. The old
// one is read to its end, so that its writers neither block nor die of SIGPIPE.
func (o *output) replace() error {
	file, err := newPipe()
	if err != nil {
		return err
	}
	conn, err := file.SyscallConn()
	if err == nil {
		err2 := conn.Control(func(fd uintptr) { err = unix.Dup3(int(fd), o.door, unix.O_CLOEXEC) })
		if err == nil {
			err = err2
		}
	}
	if err != nil {
		file.Close()
		return err
	}
	old := o.file
	o.file = file
	go func() {
		_, _ = io.Copy(io.Discard, old)
		old.Close()
	}()
	return nil
}

func (o *output) close() {
	if o != nil {
		o.file.Close()
		unix.Close(o.door)
	}
}
