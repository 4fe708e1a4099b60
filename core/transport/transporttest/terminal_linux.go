package transporttest

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/transport"
)

// startOnTerminal starts the program as a server does that was asked for a terminal: it is the program's controlling one.
func (p *process) startOnTerminal(path string, argv []string, dir string, env []string, size transport.Size) error {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	p.in = os.NewFile(uintptr(fd), "/dev/ptmx")
	p.out, p.tty = p.in, true
	if p.err, err = os.Open(os.DevNull); err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if err := p.Resize(size); err != nil {
		return err
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer tty.Close()
	return p.run(path, argv, &os.ProcAttr{Dir: dir, Env: env, Files: []*os.File{tty, tty, tty}, Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true}})
}

// Resize implements transport.Resizer.
func (p *process) Resize(s transport.Size) error {
	conn, err := p.in.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(s.Rows), Col: uint16(s.Cols)})
	})
	if err != nil {
		return err
	}
	return failed
}
