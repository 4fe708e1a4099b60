package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// startTimeout bounds the start of a shell, from the open stream to its first report.
const startTimeout = 15 * time.Second

// tagName is the variable that holds a shell's tag.
const tagName = "EXECKIT_SESSION"

// moreOf returns a new tag that begins with another one, by which what carries the new one is found too.
func moreOf(tag string) string { return tag + "." + strings.ToLower(rand.Text()[:8]) }

// A Host opens shells of one session on one target. Its methods may be called concurrently.
type Host struct {
	transport transport.Transport
	tag       string // begins the tags of all shells of the Host
	lends     atomic.Bool

	mu       sync.Mutex
	guardian *guardian

	groupsMu sync.Mutex      // taken after the guardian's lock
	groups   map[int]keeping // the process groups that are ended when the host goes away
	lost     []string        // the tags of shells whose connection broke, until what they left is ended
}

// A keeping says how a process group is ended.
type keeping struct {
	tag   string // of its shell, "" for a clerk's
	clerk bool   // it is told to end, which leaves it time to remove what it has half written
}

// NewHost makes a Host of a transport, which stays the caller's.
func NewHost(t transport.Transport) *Host {
	return &Host{transport: t, groups: make(map[int]keeping), tag: strings.ToLower(rand.Text())}
}

// Options say how a shell starts.
type Options struct {
	// Shells are the programs to try, in order; bash, then sh, when there are none.
	Shells []string
	// Dir is the first directory; the login's own when empty. Nearest takes the one above it where it is gone.
	Dir     string
	Nearest bool
	// Env changes the environment of the login; a nil value removes a variable. Whole, if not nil, replaces the
	// environment instead.
	Env   map[string]*string
	Whole map[string]string
}

// Start opens a shell and returns when it waits for its first command.
func (h *Host) Start(ctx context.Context, o Options) (*Shell, error) {
	if len(o.Shells) == 0 {
		o.Shells = []string{"bash", "sh"}
	}
	i := h.transport.Info()
	leave, err := starts.enter(ctx, i.Scheme+"://"+i.Target)
	if err != nil {
		return nil, err
	}
	defer leave()
	p, err := h.transport.Open(ctx, transport.OpenOptions{Argv: boot, Company: true})
	if err != nil {
		return nil, err
	}
	s := newShell(h, p)
	h.join(p)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The steward's round trips happen beside the shell's own.
	stewarded := make(chan error, 1)
	go func() {
		st, err := h.steer(ctx)
		if err == nil {
			h.bury(ctx, st)
		}
		stewarded <- err
	}()
	greeting, enough := context.WithTimeout(ctx, startTimeout)
	defer enough()
	if err = s.greet(greeting, o); err != nil && s.greeting.pid == 0 {
		cancel() // a target that has no shell for the session has none for the steward
	}
	if stewardErr := <-stewarded; err == nil && stewardErr != nil {
		err = errdefs.New(errdefs.Unavailable, "%v", stewardErr).WithHint("the target has to allow two programs at a time").WithCause(stewardErr)
	}
	if err == nil {
		err = h.keep(ctx, s.greeting.pid, s.tag)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// join has the guardian of a program's connection watch over this Host.
func (h *Host) join(p transport.Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var carrier any
	if c, ok := p.(transport.Carried); ok {
		carrier = c.Carrier()
	}
	if h.guardian != nil {
		if h.guardian.carrier == carrier {
			return
		}
		h.guardian.leave(h, true)
	}
	h.guardian = guardianOf(carrier)
	h.guardian.watch(h, p)
}

// joinFirst does that where there is no guardian yet.
func (h *Host) joinFirst(p transport.Process) {
	h.mu.Lock()
	none := h.guardian == nil
	h.mu.Unlock()
	if none {
		h.join(p)
	}
}

// steer returns the steward, opening one where there is none that answers.
func (h *Host) steer(ctx context.Context) (*steward, error) {
	h.mu.Lock()
	g := h.guardian
	h.mu.Unlock()
	if g == nil {
		return nil, errors.New("nothing was started")
	}
	st, err := g.steer(ctx, h.transport)
	if err == nil {
		h.lends.Store(st.lends)
	}
	return st, err
}

// keep has the group of a shell killed when the host goes away, with all that carries the shell's tag. release takes that
// back.
func (h *Host) keep(ctx context.Context, group int, tag string) error {
	return h.change(ctx, func() { h.groups[group] = keeping{tag: tag} })
}

func (h *Host) keepClerk(ctx context.Context, group int) error {
	return h.change(ctx, func() { h.groups[group] = keeping{clerk: true} })
}

func (h *Host) release(ctx context.Context, group int) error {
	return h.change(ctx, func() { delete(h.groups, group) })
}

func (h *Host) change(ctx context.Context, fn func()) error {
	h.groupsMu.Lock()
	fn()
	h.groupsMu.Unlock()
	h.mu.Lock()
	g := h.guardian
	h.mu.Unlock()
	if g == nil {
		return errors.New("there is no second shell")
	}
	return g.changed(ctx)
}

// kept returns the groups that are ended when the host goes away.
func (h *Host) kept() map[int]keeping {
	h.groupsMu.Lock()
	defer h.groupsMu.Unlock()
	return maps.Clone(h.groups)
}

// runningTimeout bounds a look at processes that nothing depends on.
const runningTimeout = 3 * time.Second

// Running returns which processes still run. Where that cannot be told, all do.
func (h *Host) Running(pids []int) map[int]bool {
	ctx, cancel := context.WithTimeout(context.Background(), runningTimeout)
	defer cancel()
	found := make(map[int]bool)
	var all []process
	st, err := h.steer(ctx)
	if err == nil {
		all, err = st.processes(ctx)
	}
	if err != nil || len(all) == 0 {
		for _, pid := range pids {
			found[pid] = true
		}
		return found
	}
	for _, p := range all {
		if slices.Contains(pids, p.pid) && p.state != "Z" && p.state != "X" {
			found[p.pid] = true
		}
	}
	return found
}

// Close ends the steward, if no other session needs it. Shells have to be closed before.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.guardian != nil {
		h.guardian.leave(h, false)
		h.guardian = nil
	}
}

// Lends reports whether a command's input can come in pieces: whether programs on the target have pipes that a shell can
// open through /proc.
func (h *Host) Lends() bool {
	return h.lends.Load()
}

// Programs finds programs on a PATH: their absolute paths by name. It asks a shell in which no command ever ran.
func (h *Host) Programs(ctx context.Context, names []string, path string) (map[string]string, error) {
	st, err := h.steer(ctx)
	if err != nil {
		return nil, err
	}
	var line strings.Builder
	line.WriteString("ek_path=" + engine.Quote(path) + ";")
	for _, name := range names {
		if !strings.ContainsAny(name, "/\n\x00") && name != "" {
			fmt.Fprintf(&line, "ek_find %s;", engine.Quote(name))
		}
	}
	text, err := st.ask(ctx, line.String()+":")
	if err != nil {
		return nil, errdefs.New(errdefs.Unavailable, "cannot look for programs on the target: %v", err).WithCause(err)
	}
	found := make(map[string]string)
	for line := range strings.Lines(text) {
		file := strings.TrimSuffix(line, "\n")
		if i := strings.LastIndexByte(file, '/'); i >= 0 && strings.HasPrefix(file, "/") {
			found[file[i+1:]] = file
		}
	}
	return found, nil
}
