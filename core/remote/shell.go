package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// A Shell is one live shell on a target. Run must not be called concurrently; Close may be called at any time, twice
// too, and ends a running Run.
type Shell struct {
	host    *Host
	process transport.Process
	// tag is a variable of all that the shell starts, by which a process that left its group and its parents is found. No
	// other shell has it: whoever ends this one, and may come late, ends nothing of the next.
	tag      string
	says     dialect
	greeting greeting
	exitMark string
	pid      int
	out, err *stream
	marks    chan mark     // until the greeting is over
	wake     chan struct{} // something that a watch waits for may have come
	gone     chan struct{} // closed by Close

	// looking is the timer of every watch. It is left running between commands, since one that is set anew for each wakes a
	// thread that has nothing to do; lookAt is when it fires, zero when it has fired.
	looking *time.Timer
	lookAt  time.Time

	last      report
	cwd       string
	env       map[string]string
	jobs      map[int]bool // what earlier commands left behind
	pristine  bool         // no function, alias, trap or option was ever set; see leavesAll
	sides     []*side
	roundTrip time.Duration

	closing   sync.Once
	running   sync.Mutex // held by Run
	mu        sync.Mutex // guards what follows
	ending    ending
	greeted   bool
	watch     *watch       // of the command that runs
	terminals map[int]bool // the process sessions of commands on terminals that are kept
	lost      atomic.Bool
	sending   atomic.Bool // a large line is on its way; nothing else may be written

	driving   sync.Mutex    // held while something is done to the command from outside
	now       *driven       // what runs; nil between commands. Guarded by driving
	signalled atomic.Int64  // when a signal was last surely sent, in nanoseconds
	nudged    chan struct{} // told then, capacity 1
}

// ending is what is known about the end of the shell.
type ending struct {
	out, err bool // the streams ended, or will give nothing more of the shell's
	told     bool // the supervisor told the status
	status   int
}

func (e ending) over() bool { return e.out }

func newShell(h *Host, p transport.Process) *Shell {
	s := &Shell{host: h, process: p, tag: moreOf(h.tag), marks: make(chan mark, 64), wake: make(chan struct{}, 1), gone: make(chan struct{}), jobs: make(map[int]bool), nudged: make(chan struct{}, 1)}
	s.looking = time.NewTimer(time.Hour)
	s.looking.Stop()
	exit := engine.NewNonce()
	s.exitMark = prefixOf(exit)
	s.out = &stream{sections: reportSections, prefixes: []string{s.exitMark}, tell: s.tell}
	s.err = &stream{sections: 1, prefixes: []string{s.exitMark}, tell: s.tell}
	return s
}

// tell takes note of a mark in the goroutine of its stream. A watch is woken only when there is something for it to do:
// each time that a goroutine is woken counts.
func (s *Shell) tell(m mark) {
	s.mu.Lock()
	ends := m.ended || m.prefix == s.exitMark
	if ends {
		if m.prefix == s.exitMark {
			if n, err := strconv.Atoi(m.value); err == nil {
				s.ending.told, s.ending.status = true, n
			}
		}
		s.ending.out = s.ending.out || m.stream == s.out
		s.ending.err = s.ending.err || m.stream == s.err
	}
	if s.watch != nil {
		s.watch.note(m)
		ends = ends || s.watch.answered() != nil
	}
	greeted := s.greeted
	s.mu.Unlock()
	if !greeted {
		select {
		case s.marks <- m:
		case <-s.gone:
		}
	} else if ends {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// lookIn has the timer of the watches fire after d, or before.
func (s *Shell) lookIn(d time.Duration) {
	if at := time.Now().Add(d); s.lookAt.IsZero() || at.Before(s.lookAt) {
		s.lookAt = at
		s.looking.Reset(d)
	}
}

func (s *Shell) ended() ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// noise keeps the first bytes that a target sent before its greeting, for a message.
type noise struct {
	mu   sync.Mutex
	text []byte
	size int
}

// maxNoise bounds what may come before a greeting: far more than any banner.
const maxNoise = 128 << 10

func (n *noise) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.size += len(p)
	if room := 512 - len(n.text); room > 0 {
		n.text = append(n.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (n *noise) said() (text string, flood bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.TrimSpace(string(n.text)), n.size > maxNoise
}

// greet starts the supervisor and the shell, and proves with commands of its own that the shell is one.
func (s *Shell) greet(ctx context.Context, o Options) error {
	hello := engine.NewNonce()
	exit, _ := strconv.ParseUint(s.exitMark, 10, 64)
	heard := &noise{}
	s.out.expect(hello)
	s.out.setSink(heard)
	s.err.setSink(heard)
	go s.out.read(s.process.Stdout())
	go s.err.read(s.process.Stderr())
	s.send(supervise(o.Shells, s.tag, hello, exit*1000))
	text, err := s.awaitGreeting(ctx, heard)
	if err != nil {
		return err
	}
	g, ok := readGreeting(text)
	if !ok {
		return s.noShell(heard, "it is not a shell that execkit knows")
	}
	s.out.forget()
	s.greeting = g
	s.mu.Lock()
	s.greeted = true
	s.mu.Unlock()
	if g.shell == "" {
		return errdefs.New(errdefs.ShellNotFound, "the target has no %s", strings.Join(o.Shells, " or ")).
			WithHint("name a shell that is there, or use an image with one")
	}
	s.says = &shDialect{readsAhead: g.version == ""}
	if atLeast(g.version, 4, 4) {
		s.says = &bashDialect{sources: atLeast(g.version, 5, 1)}
	}
	return s.firstCommands(ctx, o, heard)
}

// awaitGreeting waits for the supervisor to tell about itself.
func (s *Shell) awaitGreeting(ctx context.Context, heard *noise) (string, error) {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	text := ""
	for {
		select {
		case m := <-s.marks:
			switch m.index {
			case 2:
				text = string(m.text)
			case reportSections:
				return text, nil
			}
			if m.ended && m.stream == s.out {
				return "", s.startFailed(m.err, heard)
			}
		case <-look.C:
			if _, flood := heard.said(); flood {
				return "", s.noShell(heard, "it does not stop talking")
			}
		case <-ctx.Done():
			return "", s.noShell(heard, "it did not answer in time")
		}
	}
}

// startFailed says why a target ended before it greeted.
func (s *Shell) startFailed(cause error, heard *noise) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	exit, err := s.process.Wait(ctx)
	if err != nil && errdefs.From(err).Code == errdefs.ShellNotFound {
		return err // the protocol tells it in the place of a status
	}
	if cause != nil || err != nil || exit.Missing {
		if err == nil {
			err = cause
		}
		return errdefs.New(errdefs.ConnectionLost, "the connection to the target broke while its shell started").
			WithHint("try again").WithCause(err)
	}
	said, _ := heard.said()
	if explainer, ok := s.process.(transport.Explainer); ok {
		if err := explainer.Explain(exit, said); err != nil {
			return err
		}
	}
	return s.noShell(heard, fmt.Sprintf("it ended with status %d", exit.Code))
}

func (s *Shell) noShell(heard *noise, what string) error {
	e := errdefs.New(errdefs.ShellNotFound, "no shell answers on the target: %s", what).
		WithHint("the account or image needs a POSIX sh, and its start-up files must neither end it nor read its input")
	if said, _ := heard.said(); said != "" {
		e.Message += "; it said " + errdefs.Quote(said)
	}
	return e
}

func atLeast(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}

// firstCommands learns the shell's pid, directory and environment, and sets what o asks for.
func (s *Shell) firstCommands(ctx context.Context, o Options, heard *noise) error {
	s.send(s.says.hello())
	begin := time.Now()
	first := engine.Command{Text: "echo $$;" + s.says.listWords()}
	text, out := s.own(ctx, first)
	if d, ok := s.says.(*bashDialect); ok && d.sources && out.Known && out.Status != 0 {
		d.sources = false // no /dev/fd
		text, out = s.own(ctx, first)
	}
	if !out.Known || out.Status != 0 {
		if out.Lost {
			return errdefs.New(errdefs.ConnectionLost, "the connection to the target broke while its shell started").WithHint("try again")
		}
		return s.noShell(heard, s.greeting.shell+" does not work as a shell")
	}
	s.roundTrip = time.Since(begin)
	number, listed, _ := strings.Cut(text, "\n")
	if _, err := fmt.Sscanf(number, "%d", &s.pid); err != nil {
		return s.noShell(heard, s.greeting.shell+" does not work as a shell")
	}
	prelude := changeEnv(s.env, o) + "\\export " + tagName + "=" + s.tag + "\n"
	begin = time.Now()
	_, out = s.own(ctx, engine.Command{Text: ":", Prelude: prelude})
	if !out.Known {
		return s.noShell(heard, "it ended when its environment was set")
	}
	if took := time.Since(begin); took < s.roundTrip {
		s.roundTrip = took
	}
	s.pristine = s.startsPlain(listed)
	if o.Dir == "" {
		return nil
	}
	err := s.CheckDir(ctx, o.Dir)
	for dir := o.Dir; o.Nearest && err != nil && s.Alive() && dir != path.Dir(dir); {
		dir = path.Dir(dir)
		if err = s.CheckDir(ctx, dir); err == nil {
			o.Dir = dir
		}
	}
	if err != nil {
		return err
	}
	s.own(ctx, engine.Command{Text: ":", Dir: o.Dir})
	return nil
}

// changeEnv returns the lines that make the environment what o asks for.
func changeEnv(now map[string]string, o Options) string {
	var lines []string
	set := func(name, value string) {
		if old, ok := now[name]; !ok || old != value {
			lines = append(lines, "\\export "+name+"="+engine.Quote(value)+"\n")
		}
	}
	if o.Whole != nil {
		for name := range now {
			if _, ok := o.Whole[name]; !ok && settable(name) {
				lines = append(lines, "\\unset -v "+name+"\n")
			}
		}
		for name, value := range o.Whole {
			if settable(name) {
				set(name, value)
			}
		}
	} else {
		for name, value := range o.Env {
			if value == nil {
				lines = append(lines, "\\unset -v "+name+"\n")
			} else {
				set(name, *value)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// settable says whether a variable is one that a shell can be told: PWD and its kin are its own.
func settable(name string) bool {
	if name == "" || slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name) {
		return false
	}
	for i, r := range name {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// own runs a command of the host and returns its output.
func (s *Shell) own(ctx context.Context, c engine.Command) (string, engine.Outcome) {
	var out bytes.Buffer
	c.Own, c.Stdout, c.Stderr = true, &out, io.Discard
	c.Timeout = startTimeout
	if d, ok := ctx.Deadline(); ok {
		c.Timeout = max(time.Until(d), time.Millisecond)
	}
	o := s.Run(context.WithoutCancel(ctx), c)
	return out.String(), o
}

// CheckDir refuses a directory that the shell cannot go to.
func (s *Shell) CheckDir(ctx context.Context, dir string) error {
	_, out := s.own(ctx, engine.Command{Text: "(\\command cd -- " + engine.Quote(dir) + ")"})
	if out.Known && out.Status == 0 {
		return nil
	}
	if out.Exited {
		return errdefs.New(errdefs.Unavailable, "the shell ended while a directory was looked for").WithHint("try again")
	}
	return errdefs.New(errdefs.InvalidArgument, "cwd: %s is not a directory on the target", errdefs.Quote(dir)).
		WithHint("give the path of a directory that exists there").WithDetail("field", "cwd")
}

// PID returns the process id of the shell, as the target counts.
func (s *Shell) PID() int { return s.pid }

// Path returns the shell's program.
func (s *Shell) Path() string { return s.greeting.shell }

// Cwd and Env return the directory and the exported environment after the last command.
func (s *Shell) Cwd() string { return s.cwd }

// Env returns the exported environment after the last command; the map is not changed any more.
func (s *Shell) Env() map[string]string { return s.env }

// Alive reports whether the shell still listens.
func (s *Shell) Alive() bool {
	select {
	case <-s.gone:
		return false
	default:
		return !s.ended().over()
	}
}

// Lost reports whether the shell ended because the connection to it broke.
func (s *Shell) Lost() bool {
	s.noteLoss()
	return s.lost.Load()
}

// send hands text to the shell. A large one is written beside the watch, since a target that stopped reading would
// block it for ever; Close ends it.
func (s *Shell) send(text string) {
	const surelyFits = 16 << 10
	if len(text) < surelyFits {
		_, _ = s.process.Stdin().Write([]byte(text)) // a broken connection shows on the streams
		return
	}
	s.sending.Store(true)
	go func() {
		_, _ = s.process.Stdin().Write([]byte(text))
		s.sending.Store(false)
	}()
}

// closeTimeout bounds the ending of a session's processes.
const closeTimeout = 5 * time.Second

// Close ends the shell and everything in its session on the target.
func (s *Shell) Close() { s.end() }

// end closes the shell and reports whether all its processes are known to be gone.
func (s *Shell) end() (confirmed bool) {
	s.closing.Do(func() {
		close(s.gone)
		if s.greeting.pid > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			if s.Lost() {
				s.host.endLost(ctx, s.tag)
			} else {
				confirmed = s.endProcesses(ctx)
			}
		}
		_ = s.process.Close()
	})
	return confirmed
}

// endProcesses ends all that the shell has on the target and reports whether it is known to be gone.
func (s *Shell) endProcesses(ctx context.Context) (confirmed bool) {
	if st, err := s.host.steer(ctx); err == nil {
		confirmed, _ = st.end(ctx, s.greeting.pid, s.tag)
		_ = s.host.release(ctx, s.greeting.pid)
		for _, session := range s.keptTerminals() {
			gone, _ := st.end(ctx, session, s.tag)
			confirmed = confirmed && gone
			_ = s.host.release(ctx, session)
		}
	}
	go func() {
		// A Run that Close interrupts still uses them.
		s.running.Lock()
		defer s.running.Unlock()
		for _, d := range s.sides {
			d.close(s.host)
		}
	}()
	return confirmed
}
