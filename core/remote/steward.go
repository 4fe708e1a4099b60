package remote

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/transport"
)

// stewardTimeout bounds one question to a steward; looking through a thousand processes takes about 0.2 s.
const stewardTimeout = 10 * time.Second

// deafAfter is how long a steward may leave a question unanswered before another takes its place.
const deafAfter = 2 * time.Second

// A steward is the second program on a target: it signals, looks at processes, and ends them when the host is gone.
type steward struct {
	process transport.Process
	marks   chan mark
	out     *stream
	dead    chan struct{}
	pid     int
	lends   bool // see Host.Lends

	mu   sync.Mutex // one question at a time
	deaf bool       // it did not answer in time
}

// openSteward starts a steward on the connection of another program, within ctx, and within startTimeout once that is
// there: where it takes a new connection, a person may be asked.
func openSteward(ctx context.Context, t transport.Transport, beside transport.Process) (*steward, error) {
	p, err := t.Open(ctx, transport.OpenOptions{Argv: boot, Beside: beside})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	st := &steward{process: p, marks: make(chan mark, 4), dead: make(chan struct{})}
	hello := engine.NewNonce()
	st.out = &stream{sections: 2, prefixes: []string{prefixOf(engine.NewNonce()), prefixOf(hello)}}
	st.out.tell = func(m mark) {
		if m.ended {
			close(st.dead)
			return
		}
		select {
		case st.marks <- m:
		case <-time.After(stewardTimeout): // nobody asked for it
		}
	}
	go st.out.read(p.Stdout())
	go (&stream{tell: func(mark) {}}).read(p.Stderr())
	text, err := st.exchange(ctx, hello, serve(hello))
	if err == nil {
		if g, ok := readGreeting(text); ok {
			st.pid, st.lends = g.pid, g.leader
			return st, nil
		}
		err = errors.New("it gave an unknown greeting")
	}
	p.Close()
	return nil, fmt.Errorf("the session's second shell did not start: %w", err)
}

// ask has the steward run a line and returns what it printed. An answer that comes later than ctx lasts is nobody's.
func (st *steward) ask(ctx context.Context, line string) (string, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.deaf {
		return "", errors.New("it does not answer")
	}
	patience, cancel := context.WithTimeout(ctx, stewardTimeout)
	defer cancel()
	begin, nonce := time.Now(), engine.NewNonce()
	st.out.expect(nonce)
	defer st.out.forget()
	tell := `ek_tell "` + halves(nonce) + `";`
	text, err := st.exchange(patience, nonce, tell+line+";"+tell+"\n")
	st.deaf = err != nil && time.Since(begin) >= deafAfter
	return text, err
}

func (st *steward) exchange(ctx context.Context, nonce uint64, line string) (string, error) {
	if _, err := st.process.Stdin().Write([]byte(line)); err != nil {
		return "", err
	}
	for {
		select {
		case m := <-st.marks:
			if m.index == 2 && m.prefix == prefixOf(nonce) {
				return string(m.text), nil
			}
		case <-st.dead:
			return "", errors.New("it ended")
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// alive says whether the steward still answers.
func (st *steward) alive() bool {
	select {
	case <-st.dead:
		return false
	default:
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return !st.deaf
}

// replace ends a steward in whose place there is another, but not what it keeps. It may be stopped, or dead: then its
// number may be somebody else's.
func (st *steward) replace(ctx context.Context, old *steward) {
	select {
	case <-old.dead:
	default:
		_ = st.signal(ctx, "KILL", old.pid)
	}
	_ = old.process.Close()
}

// processes returns what /proc shows, or nothing where there is none.
func (st *steward) processes(ctx context.Context) ([]process, error) {
	all, _, err := st.survey(ctx, "")
	return all, err
}

// survey also tells which processes have a tag in their environment.
func (st *steward) survey(ctx context.Context, tag string) (all []process, tagged map[int]bool, err error) {
	line := "ek_all"
	if tag != "" {
		line += "; (ek_tag=" + engine.Quote(tagName+"="+tag) + "; ek_tagged)"
	}
	text, err := st.ask(ctx, line)
	if err != nil {
		return nil, nil, err
	}
	tagged = make(map[int]bool)
	for line := range strings.Lines(text) {
		var p process
		switch n, _ := fmt.Sscanf(line, "%d %1s %d %d %d", &p.pid, &p.state, &p.parent, &p.group, &p.session); n {
		case 5:
			all = append(all, p)
		case 1:
			tagged[p.pid] = true
		}
	}
	return all, tagged, nil
}

// signal sends a signal to processes, or to groups given as negative numbers.
func (st *steward) signal(ctx context.Context, name string, pids ...int) error {
	if len(pids) == 0 {
		return nil
	}
	var b strings.Builder
	for _, pid := range pids {
		b.WriteString("kill -" + name + " " + strconv.Itoa(pid) + " 2>/dev/null;")
	}
	_, err := st.ask(ctx, b.String()+":")
	return err
}

// end kills every process of a session or group, with what it started that left both and carries the tag, and reports
// whether none is left.
func (st *steward) end(ctx context.Context, group int, tag string) (confirmed bool, err error) {
	if all, err := st.processes(ctx); err == nil {
		_ = st.signal(ctx, "KILL", below(all, group)...)
	}
	text, err := st.ask(ctx, fmt.Sprintf("ek_tag=%s=%s;ek_kill %d", tagName, tag, group))
	return strings.TrimSpace(text) == "gone", err
}

// endTagged kills every process that carries the tag.
func (st *steward) endTagged(ctx context.Context, tag string) error {
	_, err := st.ask(ctx, fmt.Sprintf("ek_tag=%s=%s;ek_kill ''", tagName, tag))
	return err
}

// close ends the steward, which first ends what it keeps.
func (st *steward) close() {
	_ = st.process.Stdin().Close()
	select {
	case <-st.dead:
	case <-time.After(2 * time.Second):
	}
	_ = st.process.Close()
}

// A process is one of a target's.
type process struct {
	pid, parent, group, session int
	state                       string
}

// below returns the living processes that descend from root, without root itself.
func below(all []process, root int) []int {
	children := make(map[int][]int)
	for _, p := range all {
		if p.state != "Z" && p.state != "X" {
			children[p.parent] = append(children[p.parent], p.pid)
		}
	}
	var found []int
	seen := map[int]bool{root: true}
	for next := []int{root}; len(next) > 0; {
		pid := next[0]
		next = next[1:]
		for _, child := range children[pid] {
			if !seen[child] {
				seen[child] = true
				found, next = append(found, child), append(next, child)
			}
		}
	}
	return found
}
