package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
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

// A terminal is one command on a terminal of its own: a second program on the target, of the same shell, that starts
// with the session's directory and environment and ends with the command. Nothing else that the session has made of its
// shell is there, and nothing that the command does to its own lasts.
//
// How it ends is told by the protocol and never read from the terminal, where the command could say anything. What is
// read there are two marks from before the command begins.
type terminal struct {
	shell   *Shell
	process transport.Process
	out     *stream
	told    chan mark     // of the time before the command
	closed  chan struct{} // the output is at its end
	moved   atomic.Int64  // how much was read

	pid     int
	session int    // the target's process session, or the pid where that is not known
	path    string // by which others open the terminal
	tag     string // a variable's value that all that the command starts has, unless it takes it away

	typing sync.Mutex // held while something is typed
}

// shellPath are the paths that every transport can name as they are.
var shellPath = regexp.MustCompile(`^[A-Za-z0-9_./+-]+$`)

// noTerminalTool is the status of a program that cannot set its terminal.
const noTerminalTool = 97

// takeScript has a program on a terminal tell about itself and evaluate what it is then sent, up to the line end. The
// terminal passes everything on as it is meanwhile, shows nothing, and has no bound for a line.
func takeScript(hello uint64, end string) string {
	tell := `printf "%s%s000\n" ` + halves(hello) + `;`
	return `stty raw -echo 2>/dev/null || exit ` + strconv.Itoa(noTerminalTool) + `; ` + tell +
		` echo "$$"; tty || echo "/proc/$$/fd/0"; export -p; ` + tell +
		` ek_n=$(printf "\nx"); ek_n=${ek_n%x} ek_x=; while IFS= read -r ek_l && [ "$ek_l" != ` + end + ` ]; do ek_x=$ek_x$ek_l$ek_n; done; eval "$ek_x"` + "\n"
}

// terminalScript makes the terminal what a person would find, the environment the session's, and runs the command. Its
// mark has the carriage return that the terminal now puts before every line's end in the place of a digit.
func terminalScript(c engine.Command, login, env map[string]string, tag, dir string, begin uint64) string {
	var b strings.Builder
	b.WriteString("stty sane; stty iutf8 -imaxbel -brkint 2>/dev/null; ")
	fmt.Fprintf(&b, "stty rows %d cols %d\n", c.TTY.Rows, c.TTY.Cols)
	b.WriteString(changeEnv(login, Options{Whole: env}))
	b.WriteString("\\export " + tagName + "=" + tag + "\n")
	if c.Dir != "" {
		dir = c.Dir
	}
	b.WriteString("\\unset ek_l ek_n ek_x; printf \"%s%s00\\n\" " + halves(begin) + "\n")
	b.WriteString("\\cd -- " + engine.Quote(dir) + " || \\exit 1\n")
	b.WriteString(c.Prelude + "\\eval " + engine.Quote(c.Text) + "\n")
	return b.String()
}

// openTerminal starts the program and hands it the command, whose output goes to sink from then on.
func (s *Shell) openTerminal(ctx context.Context, c engine.Command, sink io.Writer) (*terminal, error) {
	if !shellPath.MatchString(s.greeting.shell) {
		return nil, errdefs.New(errdefs.Unsupported, "the target's shell has a name that cannot be passed on: %s", errdefs.Quote(s.greeting.shell))
	}
	argv := []string{s.greeting.shell}
	if applet := appletOf(s.greeting.shell); applet != "" {
		argv = append(argv, applet)
	}
	p, err := s.host.transport.Open(ctx, transport.OpenOptions{Argv: append(argv, boot[1:]...), TTY: &transport.Size{Rows: c.TTY.Rows, Cols: c.TTY.Cols}})
	if err != nil {
		return nil, err
	}
	// Not before: it may take a new connection, for which a person is asked.
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	t := &terminal{shell: s, tag: moreOf(s.tag), process: p, told: make(chan mark, 8), closed: make(chan struct{})}
	if err := t.start(ctx, c, sink); err != nil {
		t.end(nil)
		return nil, err
	}
	return t, nil
}

func (t *terminal) start(ctx context.Context, c engine.Command, sink io.Writer) error {
	hello, begin, end := engine.NewNonce(), engine.NewNonce(), prefixOf(engine.NewNonce())
	t.out = &stream{sections: 2, prefixes: []string{prefixOf(engine.NewNonce()), prefixOf(hello)}, tell: t.tell}
	noise := &noise{}
	t.out.setSink(noise)
	go t.out.read(t)
	go func() { _, _ = io.Copy(io.Discard, t.process.Stderr()) }()
	t.send(takeScript(hello, end))
	m, err := t.await(ctx, 2, noise)
	if err != nil {
		return err
	}
	login, err := t.readGreeting(string(m.text))
	if err != nil {
		return err
	}
	// Not with ctx: a question to the steward that is broken off ends it, and all that it keeps with it.
	if err := t.keep(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	t.out.forget()
	t.out.setSections(1)
	t.out.expect(begin)
	t.out.setSink(sink)
	if c.Begun != nil {
		c.Begun()
	}
	t.send(terminalScript(c, login, t.shell.env, t.tag, t.shell.cwd, begin) + end + "\n")
	if _, err := t.await(ctx, 1, noise); err != nil {
		return err
	}
	t.out.forget()
	return nil
}

// Read reads the output.
func (t *terminal) Read(p []byte) (int, error) {
	n, err := t.process.Stdout().Read(p)
	t.moved.Add(int64(n))
	return n, err
}

// tell passes on what is told before the command begins. Later nothing is.
func (t *terminal) tell(m mark) {
	if m.ended {
		close(t.closed)
		return
	}
	select {
	case t.told <- m:
	default:
	}
}

// send hands over text beside the caller, who waits for the answer: a target that reads nothing blocks it until the
// process is closed.
func (t *terminal) send(text string) {
	go func() { _, _ = t.process.Stdin().Write([]byte(text)) }()
}

// await waits for the mark with this index.
func (t *terminal) await(ctx context.Context, index int, heard *noise) (mark, error) {
	for {
		select {
		case m := <-t.told:
			if m.index == index {
				return m, nil
			}
		case <-t.closed:
			return mark{}, t.notStarted(heard)
		case <-t.shell.gone:
			return mark{}, errors.New("the session was closed")
		case <-ctx.Done():
			said, _ := heard.said()
			return mark{}, errdefs.New(errdefs.Unavailable, "the program on the terminal did not answer in time; it said %s", errdefs.Quote(said)).WithHint("try again")
		}
	}
}

// notStarted says why a program on a terminal ended before its command began.
func (t *terminal) notStarted(heard *noise) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	exit, err := t.process.Wait(ctx)
	switch {
	case err != nil:
		return err
	case exit.Code == noTerminalTool:
		return errdefs.New(errdefs.Unsupported, "the target has no stty that can set a terminal").
			WithHint("install coreutils or busybox there, or run the command without a tty").WithDetail("field", "tty")
	}
	said, _ := heard.said()
	return errdefs.New(errdefs.Unavailable, "the program on the terminal ended with status %d before its command; it said %s", exit.Code, errdefs.Quote(said))
}

// readGreeting reads what the program tells about itself: its number, its terminal, and its environment.
func (t *terminal) readGreeting(text string) (login map[string]string, err error) {
	lines := strings.SplitN(text, "\n", 3)
	if len(lines) == 3 {
		t.pid, err = strconv.Atoi(lines[0])
	}
	if len(lines) < 3 || err != nil || t.pid < 1 || !strings.HasPrefix(lines[1], "/") {
		return nil, errdefs.New(errdefs.Unavailable, "the program on the terminal gave an unknown greeting: %s", errdefs.Quote(text))
	}
	t.path, t.session = lines[1], t.pid
	return engine.ParseExports(lines[2]), nil
}

// keep has the program's processes ended when the host goes away.
func (t *terminal) keep(ctx context.Context) error {
	st, err := t.shell.host.steer(ctx)
	if err != nil {
		return err
	}
	all, err := st.processes(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.pid == t.pid {
			t.session = p.session
		}
	}
	t.shell.keepTerminal(t.session, true)
	return t.shell.host.keep(ctx, t.session, t.shell.tag)
}

// members returns the living processes of the command: those of its session and below it, and what left both. known is
// false where the target does not show its processes.
func (t *terminal) members(ctx context.Context) (found []int, known bool, err error) {
	st, err := t.shell.host.steer(ctx)
	if err != nil {
		return nil, false, err
	}
	all, tagged, err := st.survey(ctx, t.tag)
	if err != nil {
		return nil, false, err
	}
	down := below(all, t.pid)
	for _, p := range all {
		mine := p.pid == t.pid || p.session == t.session || p.group == t.session || slices.Contains(down, p.pid) || tagged[p.pid]
		if mine && p.state != "Z" && p.state != "X" {
			found = append(found, p.pid)
		}
	}
	return found, len(all) > 0, nil
}

// end closes the connection and gives back what is kept for the command. left are its processes that live on; they are
// kept until the session ends.
func (t *terminal) end(left []int) {
	if t.session > 0 && len(left) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = t.shell.host.release(ctx, t.session)
		t.shell.keepTerminal(t.session, false)
	}
	if t.out != nil {
		t.out.setSink(nil)
	}
	_ = t.process.Close()
}

// look finds what the command left running.
func (t *terminal) look() (left []int, jobs []engine.Process) {
	ctx, cancel := t.shell.within(closeTimeout)
	defer cancel()
	for try := 0; try < 5; try++ {
		var err error
		if left, _, err = t.members(ctx); err != nil || len(left) == 0 {
			return nil, nil
		}
		if st, err := t.shell.host.steer(ctx); err == nil {
			jobs = st.names(ctx, left, t.shell.pid)
		}
		time.Sleep(lookAgain) // what the end of the terminal ended is not gone at once
	}
	return left, jobs
}

// stop climbs the ladder: interrupt, terminate, kill. It reports whether everything of the command is known to be gone.
func (t *terminal) stop() (confirmed bool) {
	ctx, cancel := t.shell.within(giveUpAtAll)
	defer cancel()
	for rung := 0; ctx.Err() == nil; rung++ {
		begin := time.Now()
		targets, known, err := t.members(ctx)
		switch {
		case err != nil:
		case known && len(targets) == 0:
			return true
		case !known: // no /proc
			if t.isClosed() || rung > 10 {
				return false
			}
			targets = []int{-t.session, t.pid}
		}
		if st, err := t.shell.host.steer(ctx); err == nil {
			_ = st.signal(ctx, []string{"INT", "TERM", "KILL"}[min(rung, 2)], targets...)
			_ = st.signal(ctx, "CONT", targets...)
		}
		pause := terminateAfter
		if rung >= 2 {
			pause = lookAgain
		}
		select {
		case <-t.shell.gone:
			return false
		case <-time.After(max(pause, 2*time.Since(begin))):
		}
	}
	return false
}

func (t *terminal) isClosed() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}
