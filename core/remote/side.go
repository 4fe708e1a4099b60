package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/transport"
)

// A side is one more program on the target that lends a command its three pipes: its input carries a command's, of
// any size and any bytes, and its outputs those of a command that may leave processes behind, whose late output then
// is not mixed into another's result. The program itself is stopped, and the shell opens the pipes through /proc.
type side struct {
	process  transport.Process
	pid      int
	out, err *stream
	fed      bool  // its input is used up
	jobs     []int // what still holds its outputs
}

// lend is the line that makes a program a side: it says whether its streams are pipes, which can be opened again, and
// stops itself where they are. One that is of no use must end, since some protocols leave it running when its connection is
// closed.
func lend(hello uint64) string {
	tell := `printf "%s%s000\n" ` + halves(hello) + `;`
	return `ek_n=no; ` + havePipes +
		tell + `echo "$$"; echo "$ek_n"; echo v; echo side;` + tell + "[ $ek_n = no ] || kill -STOP $$\n"
}

// openSide starts a side for the shell with a tag; its marks go to tell. Without one that can be used it returns an error.
func (h *Host) openSide(ctx context.Context, tag string, tell func(mark)) (*side, error) {
	p, err := h.transport.Open(ctx, transport.OpenOptions{Argv: boot})
	if err != nil {
		return nil, err
	}
	d := &side{process: p}
	hello := engine.NewNonce()
	greeted := make(chan mark, 4)
	never := prefixOf(engine.NewNonce())
	d.err = &stream{sections: 1, prefixes: []string{never}, tell: tell}
	d.out = &stream{sections: 2, prefixes: []string{never, prefixOf(hello)}}
	d.out.tell = func(m mark) {
		if m.prefix == prefixOf(hello) || d.pid == 0 {
			select {
			case greeted <- m:
			default:
			}
			return
		}
		tell(m)
	}
	go d.out.read(p.Stdout())
	go d.err.read(p.Stderr())
	_, _ = p.Stdin().Write([]byte(lend(hello)))
	for {
		select {
		case m := <-greeted:
			if m.ended {
				return nil, d.abandon("it ended")
			}
			if m.index < 2 {
				continue
			}
			g, ok := readGreeting(string(m.text))
			if !ok || !g.leader { // leader is what says that there are pipes
				return nil, d.abandon("its streams are no pipes that can be opened again")
			}
			d.out.forget()
			d.out.setSections(1)
			d.pid = g.pid
			return d, h.keep(ctx, d.pid, tag)
		case <-ctx.Done():
			return nil, d.abandon("it did not answer in time")
		}
	}
}

func (d *side) abandon(why string) error {
	_ = d.process.Close()
	return fmt.Errorf("a second program on the target cannot lend its streams: %s", why)
}

// close ends the program.
func (d *side) close(h *Host) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if st, err := h.steer(ctx); err == nil {
		_ = st.signal(ctx, "KILL", -d.pid, d.pid) // a login shell may lead its group
	}
	_ = h.release(ctx, d.pid)
	_ = d.process.Close()
}

// feed writes what input brings to the side's input, as it comes, and closes it.
func (d *side) feed(input io.Reader) {
	d.fed = true
	go func() {
		_, _ = io.Copy(d.process.Stdin(), input) // a command need not read it all
		_ = d.process.Stdin().Close()
	}()
}

func (d *side) path(fd int) string { return fmt.Sprintf("/proc/%d/fd/%d", d.pid, fd) }

// sideTimeout bounds the start of a side.
const sideTimeout = 10 * time.Second

// maxSides bounds the sides that jobs hold; each is a channel of the connection. With more, the output of the oldest
// jobs may be mixed into a result.
const maxSides = 3

// lendStreams returns the streams that a command needs beyond the shell's own, and the side that lends them, or nil.
func (s *Shell) lendStreams(ctx context.Context, c engine.Command) (streams, *side, error) {
	to := s.says.direct()
	jobs := mayLeaveJobs(c.Text) && !c.Own
	input := c.Input
	if input == nil && len(c.Stdin) > 0 {
		input = bytes.NewReader(c.Stdin)
	}
	if input == nil && !jobs {
		return to, nil, nil
	}
	d := s.freeSide(input != nil)
	if d == nil {
		ctx, cancel := context.WithTimeout(ctx, sideTimeout)
		defer cancel()
		var err error
		if d, err = s.host.openSide(ctx, s.tag, s.tell); err != nil {
			if input != nil {
				return to, nil, err
			}
			return to, nil, nil // late output may be mixed into a result, which is better than none
		}
		s.sides = append(s.sides, d)
	}
	if input != nil {
		to.stdin = d.path(0)
		d.feed(input)
	}
	if !jobs {
		return to, nil, nil
	}
	to.stdout, to.stderr = d.path(1), d.path(2)
	return to, d, nil
}

// freeSide returns a side that no job holds, or, with too many of them, the oldest.
func (s *Shell) freeSide(toFeed bool) *side {
	for _, d := range s.sides {
		if len(d.jobs) == 0 && !(toFeed && d.fed) {
			return d
		}
	}
	if len(s.sides) >= maxSides && !toFeed {
		return s.sides[0]
	}
	return nil
}

// settleSides gives back what a command leaves of its side, which is known after a look at the processes.
func (s *Shell) settleSides(used *side, fresh []int, alive map[int]bool) {
	if used != nil {
		used.jobs = append(used.jobs, fresh...)
	}
	var kept []*side
	for _, d := range s.sides {
		d.jobs = slices.DeleteFunc(d.jobs, func(pid int) bool { return !alive[pid] })
		if len(d.jobs) == 0 && d.fed {
			go d.close(s.host)
			continue
		}
		kept = append(kept, d)
	}
	s.sides = kept
}

// look finds what the command left running, and what it runs.
func (s *Shell) look(ctx context.Context, used *side) []engine.Process {
	st, err := s.host.steer(ctx)
	if err != nil {
		return nil
	}
	all, err := st.processes(ctx)
	if err != nil {
		return nil
	}
	var pids []int
	now, alive := make(map[int]bool), make(map[int]bool)
	for _, pid := range s.members(all) {
		now[pid], alive[pid] = true, true
		if !s.jobs[pid] {
			pids = append(pids, pid)
		}
	}
	s.jobs = now
	s.settleSides(used, pids, alive)
	return st.names(ctx, pids, s.pid)
}

// members returns the processes of the shell's session, or below it, without the shell and what supervises it.
func (s *Shell) members(all []process) []int {
	own := map[int]bool{s.pid: true, s.greeting.pid: true}
	parents := make(map[int]int)
	for _, p := range all {
		parents[p.pid] = p.parent
	}
	for pid := s.pid; pid > 1 && pid != s.greeting.pid; pid = parents[pid] {
		own[pid] = true
	}
	down := make(map[int]bool)
	for _, pid := range below(all, s.pid) {
		down[pid] = true
	}
	var found []int
	for _, p := range all {
		in := p.session == s.greeting.pid || p.group == s.greeting.pid || down[p.pid]
		if in && !own[p.pid] && p.state != "Z" && p.state != "X" {
			found = append(found, p.pid)
		}
	}
	return found
}

// names returns what processes run. One that was just started still shows the shell's arguments until its exec.
func (st *steward) names(ctx context.Context, pids []int, shell int) []engine.Process {
	if len(pids) == 0 {
		return nil
	}
	var found []engine.Process
	for try := 0; ; try++ {
		list := fmt.Sprint(append([]int{shell}, pids...))
		text, err := st.ask(ctx, "for ek_d in "+strings.Trim(list, "[]")+`; do echo "$ek_d $(ek_name "$ek_d")"; done`)
		if err != nil {
			return nil
		}
		found = found[:0]
		own, early := "", false
		for line := range strings.Lines(text) {
			number, command, _ := strings.Cut(strings.TrimRight(line, " \n"), " ")
			var pid int
			if _, err := fmt.Sscan(number, &pid); err != nil {
				continue
			}
			if pid == shell {
				own = command
				continue
			}
			early = early || command == own || command == ""
			if command != "" {
				found = append(found, engine.Process{PID: pid, Command: command})
			}
		}
		if !early || try == 10 {
			return found
		}
		time.Sleep(5 * time.Millisecond)
	}
}
