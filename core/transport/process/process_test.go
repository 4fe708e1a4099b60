package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

func start(t *testing.T, tty *transport.Size, script string) transport.Process {
	t.Helper()
	transports := New([]string{"A=b"}, "/")
	t.Cleanup(func() { _ = transports.Close() })
	p, err := transports.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh", "-c", script}, TTY: tty})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ending(t *testing.T, p transport.Process) transport.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return exit
}

func TestProgram(t *testing.T) {
	p := start(t, nil, `read x; echo "$x $A $PWD"; echo e >&2; exit 3`)
	_, _ = io.WriteString(p.Stdin(), "in\n")
	out, err := io.ReadAll(p.Stdout())
	complaints, err2 := io.ReadAll(p.Stderr())
	if string(out) != "in b /\n" || string(complaints) != "e\n" || err != nil || err2 != nil {
		t.Errorf("%q %q, %v, %v", out, complaints, err, err2)
	}
	if e := ending(t, p); e != (transport.Exit{Code: 3}) {
		t.Errorf("%+v", e)
	}
	if e := ending(t, start(t, nil, "kill -KILL $$")); e.Code != 128+int(syscall.SIGKILL) {
		t.Errorf("%+v", e)
	}
}

func TestTerminal(t *testing.T) {
	p := start(t, &transport.Size{Rows: 7, Cols: 31}, "stty size </dev/tty; tty -s && echo yes")
	out, err := io.ReadAll(p.Stdout())
	if text := strings.ReplaceAll(string(out), "\r", ""); text != "7 31\nyes\n" || err != nil {
		t.Errorf("%q %v", out, err)
	}
}

func TestMissingProgram(t *testing.T) {
	_, err := New(nil, "/").Open(t.Context(), transport.OpenOptions{Argv: []string{"no-such-program"}})
	if !errors.Is(err, errdefs.Sentinel(errdefs.ShellNotFound)) {
		t.Error(err)
	}
}

// Close unblocks a read, and a program that ends by the end of its input is waited for.
func TestClose(t *testing.T) {
	p := start(t, nil, "cat")
	read := make(chan error)
	go func() {
		_, err := p.Stdout().Read(make([]byte, 1))
		read <- err
	}()
	_ = p.Close()
	if err := <-read; !errors.Is(err, errdefs.Sentinel(errdefs.ConnectionLost)) {
		t.Error(err)
	}
	ending(t, p)
}

// A host that has no use for its children's statuses takes them away.
func TestStatusTakenByTheHost(t *testing.T) {
	signal.Ignore(syscall.SIGCHLD)
	defer func() { // Reset alone leaves it ignored
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGCHLD)
		signal.Stop(c)
	}()
	p := start(t, nil, "exit 3")
	if e := ending(t, p); !e.Missing {
		t.Errorf("%+v", e)
	}
}
