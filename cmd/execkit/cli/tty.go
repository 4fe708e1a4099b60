package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

func wasGiven(fs *flag.FlagSet, name string) (given bool) {
	fs.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// runOnTerminal runs a command on a terminal of the session and connects the person's own with it.
func runOnTerminal(a *app, f *sessionFlags, args []string) (int, error) {
	if a.json {
		return 0, errdefs.New(errdefs.InvalidArgument, "exec: --tty shows a terminal and --json prints a result").WithHint("leave one of them out")
	}
	tty, ok := a.stdin.(*os.File)
	if !ok || !drivable(tty) {
		return 0, errdefs.New(errdefs.InvalidArgument, "exec: --tty needs a terminal, and standard input is none").
			WithHint("run it at a terminal, or leave --tty out")
	}
	server := rpc.NewServer()
	defer server.Close()
	id, err := f.open(a, server)
	if err != nil {
		return 0, err
	}
	p := &person{a: a, tty: tty}
	changed, stop := sizeChanges()
	defer stop()
	size := p.size()
	request := wire.Exec{SessionID: id, Command: strings.Join(args, " "), TTY: &size, Raw: true}
	// Whoever has to log in again is asked before the terminal is the command's.
	if p.running, err = server.Start(execkit.WithAsker(a.ctx, a.answer), &request, a.ask); err != nil {
		return 0, unanswered(unasked(err))
	}
	r, err := p.follow(changed)
	if err != nil {
		return 0, unanswered(unasked(err))
	}
	a.tellTimeout(r)
	return exitStatus(r), nil
}

// A person sits at a terminal that shows another one.
type person struct {
	a       *app
	tty     *os.File
	running *execkit.Running
}

// size is that of the person's terminal, within what the session can have.
func (p *person) size() wire.TTY {
	width, height := terminalSize(p.tty)
	return wire.TTY{Rows: min(height, execkit.MaxTTY), Cols: min(width, execkit.MaxTTY)}
}

// follow shows the command's terminal until it has ended, and leaves the person's as it was.
func (p *person) follow(changed <-chan os.Signal) (*wire.ExecResult, error) {
	ctx, cancel := context.WithCancel(context.Background())
	restore := func() {}
	var broken error
	for e := range p.running.All(ctx) {
		switch e.Type {
		case "started":
			back, err := throughTerminal(p.tty)
			if err != nil {
				broken = errdefs.New(errdefs.Unavailable, "exec: the terminal cannot be used: %v", err).WithHint("leave --tty out")
				p.running.Stop()
				continue
			}
			restore = back
			go p.typing()
			go p.resize(ctx, changed)
		case "tty":
			if err := p.show(e); err != nil && broken == nil {
				broken = errdefs.New(errdefs.Unavailable, "writing the output: %v", err).WithOutcome(errdefs.Ran)
				p.running.Stop()
			}
		}
	}
	cancel()
	r, err := p.running.Wait(context.Background())
	if err != nil || r.TimedOut || r.Signal != "" {
		p.tidy()
	}
	restore()
	if broken != nil {
		return nil, broken
	}
	return r, err
}

func (p *person) show(e execkit.Event) error {
	data := []byte(e.Data)
	if e.Encoding == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(e.Data); err != nil {
			return err
		}
	}
	_, err := p.a.stdout.Write(data)
	return err
}

// tidy undoes what a program that was ended could not: the other screen, the mouse, pasting in brackets, its keys and
// the hidden cursor.
func (p *person) tidy() {
	text := "\x1b[?1000;1002;1003;1006;2004;1l\x1b>\x1b[m\x1b[?25h"
	if m, err := p.running.Screen(); err == nil && m.Alternate {
		text += "\x1b[?1049l"
	}
	_, _ = io.WriteString(p.a.stdout, text)
}

// typing passes on what the person types. The read outlasts the command; the process ends soon after it.
func (p *person) typing() {
	buf := make([]byte, 1024)
	for {
		n, err := p.tty.Read(buf)
		if n > 0 {
			err := p.running.Write(context.Background(), buf[:n], execkit.WriteOptions{Private: true})
			switch {
			case errors.Is(err, execkit.ErrStdinNotAttached):
				return
			case err != nil:
				fmt.Fprintf(p.a.stderr, "\r\n%s\r\n", strings.ReplaceAll(errdefs.From(err).Error(), "\n", "\r\n"))
			}
		}
		if err != nil {
			p.running.Stop() // nobody is there any more
			return
		}
	}
}

// resize gives the command's terminal the size of the person's whenever that changes.
func (p *person) resize(ctx context.Context, changed <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			size := p.size()
			_ = p.running.Resize(size) // where the target cannot, the old size stays
		}
	}
}
