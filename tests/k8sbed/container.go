package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// A container is a set of processes of this machine; ending it ends them all.
type container struct {
	id, kind string
	own      string // a folder for what it has for itself

	mu        sync.Mutex
	over      bool
	processes map[int]bool // leaders of sessions
}

func (n *node) newContainer(kind string) *container {
	id := strings.ToLower(rand.Text())
	return &container{id: id, kind: kind, own: filepath.Join(n.dir, "container-"+id), processes: map[int]bool{}}
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
	cmd, err := c.command(argv)
	if err != nil {
		return notStarted(argv[0], err)
	}
	if tty {
		return c.onTerminal(cmd, in, out, resize)
	}
	// Not as writers of cmd's: pipes belong to the program's user, as a runtime has it.
	var copying sync.WaitGroup
	stdin, err := c.pipes(cmd, out, errs, &copying)
	if err != nil {
		return err
	}
	err = c.start(cmd)
	for _, theirs := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		if f, ok := theirs.(*os.File); ok {
			_ = f.Close()
		}
	}
	if err != nil {
		_ = stdin.Close()
		return notStarted(argv[0], err)
	}
	go func() {
		if in != nil {
			_, _ = io.Copy(stdin, in)
		}
		_ = stdin.Close()
	}()
	defer copying.Wait()
	return c.wait(cmd)
}

// pipes gives a program its streams, and returns what leads to its input. Wait must not wait for the input, since a client
// may leave its end open.
func (c *container) pipes(cmd *exec.Cmd, out, errs io.Writer, copying *sync.WaitGroup) (stdin *os.File, err error) {
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		if owner := cmd.SysProcAttr.Credential; err == nil && owner != nil && cmd.SysProcAttr.Cloneflags&syscall.CLONE_NEWUSER == 0 {
			err = r.Chown(int(owner.Uid), int(owner.Gid)) // both ends are one inode
		}
		return r, w
	}
	theirs, stdin := pipe()
	fromOut, toOut := pipe()
	fromErr, toErr := pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, toOut, toErr
	for from, to := range map[*os.File]io.Writer{fromOut: out, fromErr: errs} {
		copying.Go(func() {
			if to == nil {
				to = io.Discard
			}
			_, _ = io.Copy(to, from)
			_ = from.Close()
		})
	}
	return stdin, nil
}

func (c *container) onTerminal(cmd *exec.Cmd, in io.Reader, out io.Writer, resize <-chan remotecommand.TerminalSize) error {
	master, slave, err := pty.Open()
	if err != nil {
		return err
	}
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setctty = true
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
