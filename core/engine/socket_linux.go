package engine

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A socket is the host's end of a connection to the shell, by its number; -1 is none. It stays out of the netpoller, in
// which every message, and every line that the shell takes, would wake a thread that has nothing to do.
type socket int

// socketPair returns the host's end, which does not block, and the shell's, which does.
func socketPair(name string) (host socket, shell *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("opening the %s socket: %w", name, err)
	}
	_ = unix.SetNonblock(fds[0], true)
	return socket(fds[0]), os.NewFile(uintptr(fds[1]), name+" (shell)"), nil
}

// waitable returns a copy that waits in the netpoller.
func (k socket) waitable() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(k), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

// write sends as much of text as the socket's buffer takes. A shell that has ended is an error and no SIGPIPE.
func (k socket) write(text string) (n int, err error) {
	for {
		n, err = unix.SendmsgN(int(k), []byte(text), nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		}
		return max(n, 0), err
	}
}

// unread returns how much of what was written the shell has not taken.
func (k socket) unread() (int, error) { return unix.IoctlGetInt(int(k), unix.SIOCOUTQ) }

// tellSender makes the kernel say with every message who wrote it.
func (k socket) tellSender() error {
	return unix.SetsockoptInt(int(k), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
}

// end makes both ends read end of file, and ends whoever waits for this one. The number stays taken until close.
func (k socket) end() {
	if k >= 0 {
		_ = unix.Shutdown(int(k), unix.SHUT_RDWR)
	}
}

func (k socket) close() {
	if k >= 0 {
		unix.Close(int(k))
	}
}

// poll waits at most d for something to read, in the kernel and past the netpoller.
func (k socket) poll(d time.Duration) {
	timeout := unix.NsecToTimespec(d.Nanoseconds())
	_, _ = unix.Ppoll([]unix.PollFd{{Fd: int32(k), Events: unix.POLLIN}}, &timeout, nil)
}
