package remote

import (
	"context"
	"sync"
	"time"

	"github.com/execkit/execkit/core/transport"
)

// The ladder of a command that must stop, as in package engine: interrupt at once, then terminate, then kill, and then
// the shell itself. The last is far later than locally: each rung is a round trip, and a shell that is given up loses
// what is in it.
const (
	terminateAfter = 150 * time.Millisecond
	killAfter      = 300 * time.Millisecond
	giveUpAfter    = 3 * time.Second
	// giveUpRungs are how often it must have been signalled by then: a busy target is slow, not deaf. Past the last
	// limit it is given up all the same.
	giveUpRungs = 8
	giveUpAtAll = 30 * time.Second
)

// A stopper climbs the ladder beside the watch.
type stopper struct {
	shell *Shell
	begin time.Time
	done  chan struct{}
	over  sync.WaitGroup

	mu        sync.Mutex
	rungs     int
	confirmed bool // read after finish
}

func startStopper(s *Shell) *stopper {
	p := &stopper{shell: s, begin: time.Now(), done: make(chan struct{})}
	p.over.Add(1)
	go p.climb()
	return p
}

// finish ends the climbing when the command has ended, and finds out what is left of it. No signal is under way any
// more when it returns, so that none can hit the next command.
func (p *stopper) finish() {
	close(p.done)
	p.over.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), giveUpAfter)
	defer cancel()
	// A busy target answers late, and what was killed is not gone at once.
	for ctx.Err() == nil {
		st, err := p.shell.host.steer(ctx)
		if err != nil {
			return
		}
		all, err := st.processes(ctx)
		switch left := p.shell.foreground(all); {
		case err != nil:
		case len(all) == 0:
			return // no /proc
		case len(left) == 0:
			p.confirmed = true
			return
		default:
			_ = st.signal(ctx, "KILL", left...)
		}
		select {
		case <-ctx.Done():
		case <-p.shell.gone:
			return
		case <-time.After(lookAgain):
		}
	}
}

// lookAgain is the time between two looks at what is left of a command.
const lookAgain = 10 * time.Millisecond

// gaveUp says that the shell cannot be had back.
func (p *stopper) gaveUp() bool {
	p.mu.Lock()
	rungs := p.rungs
	p.mu.Unlock()
	since := time.Since(p.begin)
	return since >= giveUpAfter+4*p.shell.roundTrip && rungs >= giveUpRungs || since >= giveUpAtAll
}

func (p *stopper) climb() {
	defer p.over.Done()
	ctx, cancel := p.shell.within(2 * giveUpAtAll)
	defer cancel()
	wait := terminateAfter
	for rung := 0; ; rung++ {
		begin := time.Now()
		if !p.step(ctx, rung) {
			// Nothing was signalled: the steward is stopped or dead, and the next one is asked at once.
			rung--
			begin = time.Now()
		}
		if rung > 2 {
			// Ever more time to report: an interrupt that comes then takes the report.
			wait = min(wait*3/2, time.Second)
		}
		// A busy target takes as much longer to report as to be signalled.
		pause := max(wait, 4*time.Since(begin))
		select {
		case <-p.done:
			return
		case <-p.shell.gone:
			return
		case <-time.After(pause):
		}
	}
}

// stepTimeout bounds one rung; a steward that needs longer is replaced.
const stepTimeout = 4 * time.Second

// step signals once: the whole group with an interrupt, which the shell itself takes for the end of the line; then what
// the command started, one by one, since the group also holds earlier jobs and the supervisor. It reports whether the
// signals were sent.
func (p *stopper) step(ctx context.Context, rung int) (sent bool) {
	s := p.shell
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if signaler, ok := s.process.(transport.Signaler); ok && rung == 0 {
		_ = signaler.Signal("INT")
	}
	st, err := s.host.steer(ctx)
	if err != nil {
		return false
	}
	interrupt := rung%2 == 0
	if rung > 0 {
		name := []string{"INT", "TERM", "KILL"}[min(rung, 2)]
		all, err := st.processes(ctx)
		targets := s.foreground(all)
		if err == nil && len(all) == 0 && name == "TERM" {
			targets = []int{-s.greeting.pid} // without /proc; interactive shells are deaf to it
		}
		// With nothing to kill a loop of builtins runs, or the shell is about to report.
		interrupt = interrupt && (rung > 2 || len(targets) == 0)
		_ = st.signal(ctx, name, targets...)
	}
	group := -s.greeting.pid
	if !s.greeting.leader {
		group = s.pid
	}
	err = st.signal(ctx, "CONT", group) // kill -STOP $$
	if err == nil && interrupt {
		// Also after the others: a loop that ignores the interrupt starts its next program.
		err = st.signal(ctx, "INT", group)
	}
	s.signalled.Store(time.Now().UnixNano())
	p.mu.Lock()
	p.rungs++
	p.mu.Unlock()
	return err == nil
}

// foreground returns the processes below the shell that are no jobs of earlier commands.
func (s *Shell) foreground(all []process) []int {
	var found []int
	for _, pid := range below(all, s.pid) {
		if !s.jobs[pid] {
			found = append(found, pid)
		}
	}
	return found
}
