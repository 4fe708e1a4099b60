// Package files reaches the files of a target through a shell there: for checkpoints, and one by one for the file
// operations. Nothing is installed, and nothing but a POSIX shell and the programs that POSIX has with it is needed; what
// else is there (find -printf, stat, dd) makes it faster.
//
// # Threats
//
// The session's commands are hostile and run as the same user on the same machine. What is asked here is asked of a shell of its
// own, in which none of them ran, with a PATH of its own; so no function, alias or variable of the session counts.
// Every path is entered directory by directory as far as the kernel says it is free of links, and what follows is
// said of single names below it. A process that runs at the same moment can still move a directory while something is
// done in it, which is then done there, as it would be through an open descriptor; and between the last look at a
// name and a change of its mode it can put a link there. Contents are not read through such a link where
// /proc shows what was opened; elsewhere what a name was before and after is compared.
package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/remote"
)

// A Target is a machine, container or pod whose files are reached. Its methods may be called concurrently; one works at a
// time.
type Target struct {
	open func(ctx context.Context, functions string) (*remote.Clerk, error)

	mu    sync.Mutex
	clerk *remote.Clerk
	facts facts
}

// facts are what a clerk found out about its target.
type facts struct {
	finds bool   // find has -printf
	stats bool   // there is a stat
	how   string // it takes contents: dd, head or text
	root  bool   // it may give files away
	home  string
}

// New makes a Target of what opens a clerk on it, such as [remote.Host.OpenClerk].
func New(open func(ctx context.Context, functions string) (*remote.Clerk, error)) *Target {
	return &Target{open: open}
}

// Close ends what runs on the target.
func (t *Target) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clerk != nil {
		t.clerk.Close()
		t.clerk = nil
	}
}

// trust is how long a connection is taken to be there without a word of the other side.
const trust = 2 * time.Second

// answers makes sure that the clerk is still there, before something is asked that cannot be asked twice.
func (t *Target) answers(ctx context.Context) bool {
	return t.clerk.Do(ctx, func(s *remote.Sender) error { return s.Line("ek_e 0") }, func(next func() *remote.Frame) error {
		_, _, err := text(next())
		return err
	}) == nil
}

// ready opens a clerk where there is none that lives. The target must be held.
func (t *Target) ready(ctx context.Context) (*remote.Clerk, error) {
	if t.clerk != nil && t.clerk.Alive() && (t.clerk.Idle() < trust || t.answers(ctx)) {
		return t.clerk, nil
	}
	c, err := t.open(ctx, library)
	if err != nil {
		return nil, err
	}
	var said string
	err = c.Do(ctx, func(s *remote.Sender) error {
		return s.Line(`printf "%s\n" "$ek_find" "$ek_stat" "$ek_how" "$ek_uid" "$HOME"; ek_missing; ek_e 0`)
	}, func(next func() *remote.Frame) (err error) {
		said, _, err = text(next())
		return err
	})
	if err != nil {
		c.Close()
		return nil, broken(err)
	}
	lines := bytes.SplitN([]byte(said), []byte("\n"), 6)
	if len(lines) < 6 {
		c.Close()
		return nil, broken(errors.New("it gave an unknown answer"))
	}
	if missing := string(bytes.TrimSpace(lines[5])); missing != "" {
		c.Close()
		return nil, errdefs.New(errdefs.Unsupported, "the target has no %s, which reaching its files needs", missing).
			WithHint("use commands, or a target with the utilities of POSIX")
	}
	t.facts = facts{string(lines[0]) != "", string(lines[1]) == "stat", string(lines[2]), string(lines[3]) == "0", string(lines[4])}
	t.clerk = c
	return c, nil
}

// maxText bounds an answer that is held in memory: the names and states of a large directory.
const maxText = 256 << 20

// text returns a whole frame and its status.
func text(f *remote.Frame) (string, int, error) {
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(f, maxText))
	if err == nil && n == maxText {
		err = fmt.Errorf("it sent more than %d bytes", maxText)
	}
	return b.String(), f.Status, err
}

// broken gives the failure of a clerk its class.
func broken(err error) error {
	var e *errdefs.Error
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return errdefs.New(errdefs.Cancelled, "cancelled while files of the target were reached").WithCause(err)
	}
	return errdefs.New(errdefs.ConnectionLost, "the connection by which files are reached broke: %v", err).WithCause(err)
}

// ask has one line evaluated and returns its frames as texts with their statuses.
func (t *Target) ask(ctx context.Context, frames int, line string) (texts []string, statuses []int, err error) {
	c, err := t.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	err = c.Do(ctx, func(s *remote.Sender) error { return s.Line(line) }, func(next func() *remote.Frame) error {
		for range frames {
			said, status, err := text(next())
			if err != nil {
				return err
			}
			texts, statuses = append(texts, said), append(statuses, status)
		}
		return nil
	})
	return texts, statuses, broken(err)
}
