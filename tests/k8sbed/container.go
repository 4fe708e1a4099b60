package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// A container is a set of processes of this machine; ending it ends them all.
type container struct {
	id string

	mu        sync.Mutex
	over      bool
	processes map[int]bool // leaders of sessions
}

func newContainer() *container {
	return &container{id: strings.ToLower(rand.Text()), processes: map[int]bool{}}
}

func (c *container) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for pid := range c.processes {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

// start runs cmd as the leader of a session, unless the container is over.
func (c *container) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errors.New("container not running")
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.processes[cmd.Process.Pid] = true
	return nil
}

func (c *container) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	c.mu.Lock()
	delete(c.processes, cmd.Process.Pid)
	c.mu.Unlock()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	code := exit.ExitCode()
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return utilexec.CodeExitError{Err: fmt.Errorf("exit code %d", code), Code: code}
}

// runtime is what the streaming server runs commands with.
type runtime struct{ node *node }

func (r runtime) Exec(_ context.Context, id string, argv []string, in io.Reader, out, errs io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	c := r.node.find(func(_, _ string, c *container) bool { return c.id == id })
	if c == nil {
		return errors.New("container not found")
	}
	if len(argv) == 0 {
		return errors.New("no command")
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return notStarted(argv[0], err)
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "HOSTNAME=bed"}}
	if tty {
		return c.onTerminal(cmd, in, out, resize)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if out != nil {
		cmd.Stdout = out
	}
	if errs != nil {
		cmd.Stderr = errs
	}
	// Not cmd.Stdin: Wait would then wait for a client that leaves its end open.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.start(cmd); err != nil {
		return notStarted(argv[0], err)
	}
	go func() {
		if in != nil {
			_, _ = io.Copy(stdin, in)
		}
		_ = stdin.Close()
	}()
	return c.wait(cmd)
}

func (c *container) onTerminal(cmd *exec.Cmd, in io.Reader, out io.Writer, resize <-chan remotecommand.TerminalSize) error {
	master, slave, err := pty.Open()
	if err != nil {
		return err
	}
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = c.start(cmd)
	_ = slave.Close()
	if err != nil {
		return notStarted(cmd.Args[0], err)
	}
	go func() {
		for size := range resize {
			_ = pty.Setsize(master, &pty.Winsize{Rows: size.Height, Cols: size.Width})
		}
	}()
	if in != nil {
		go func() { _, _ = io.Copy(master, in) }()
	}
	_, _ = io.Copy(out, master) // EIO when nobody holds the other side any more
	return c.wait(cmd)
}

// notStarted uses the words of containerd with runc, by which clients tell a missing program.
func notStarted(program string, err error) error {
	var failed *exec.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("failed to exec in container: failed to start exec %q: OCI runtime exec failed: exec failed: unable to start container process: exec: %q: %v: unknown",
		strings.ToLower(rand.Text()), program, err)
}

var errNotServed = errors.New("the bed serves exec alone")

func (runtime) Attach(context.Context, string, io.Reader, io.WriteCloser, io.WriteCloser, bool, <-chan remotecommand.TerminalSize) error {
	return errNotServed
}

func (runtime) PortForward(context.Context, string, int32, io.ReadWriteCloser) error {
	return errNotServed
}
