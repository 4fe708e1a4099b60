package execkit

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// A job in the sense of the contract is a command that was started, or what a command left in the background. (The type
// job of this package is any command that holds the session.)

// jobTable holds the jobs of one session.
type jobTable struct {
	mu   sync.Mutex
	list []anyJob
}

// keptEnded bounds how many ended jobs can still be asked for, with their output.
const keptEnded = 8

// anyJob is what both kinds of jobs answer.
type anyJob interface {
	ID() string
	info() wire.JobInfo
	spool(stream string) *budget.Spool
	// over is closed or nil when the job has ended.
	isOver() bool
	kill(ctx context.Context, signal string) (reached int, err error)
	wait(ctx context.Context) (*Result, error)
}

func (t *jobTable) add(j anyJob) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, j)
	ended := 0
	for i := len(t.list) - 1; i >= 0; i-- {
		if t.list[i] != j && t.list[i].isOver() {
			if ended++; ended > keptEnded {
				t.list = slices.Delete(t.list, i, i+1)
			}
		}
	}
}

func (t *jobTable) remove(j anyJob) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, func(one anyJob) bool { return one == j })
}

func (t *jobTable) all() []anyJob {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

// Jobs returns the session's jobs, the oldest first: those that run and the last few that ended.
func (s *Session) Jobs() []wire.JobInfo {
	s.meter.touch()
	infos := []wire.JobInfo{}
	for _, j := range s.jobs.all() {
		infos = append(infos, j.info())
	}
	return infos
}

func (s *Session) job(id string) (anyJob, error) {
	s.meter.touch()
	for _, j := range s.jobs.all() {
		if j.ID() == id {
			return j, nil
		}
	}
	return nil, errdefs.New(errdefs.InvalidArgument, "no job %s in this session", errdefs.Quote(id)).
		WithHint("job.list shows the jobs; the last %d that ended can still be asked for", keptEnded).WithDetail("field", "job_id")
}

// HasJob reports whether the session knows a job.
func (s *Session) HasJob(id string) bool {
	_, err := s.job(id)
	return err == nil
}

// RunningCommand returns the command that Exec left running under this identifier, while it can still be asked for.
func (s *Session) RunningCommand(id string) *Running {
	if r := s.Command(id); r != nil && r.left {
		return r
	}
	return nil
}

// Command returns the command that Start began or Exec left running, or nil. One that has ended is returned for as long
// as its job can be asked for, so that what comes too late can be told so.
func (s *Session) Command(id string) *Running {
	j, err := s.job(id)
	if err != nil {
		return nil
	}
	r, _ := j.(*Running)
	return r
}

// JobInfo describes one job.
func (s *Session) JobInfo(id string) (wire.JobInfo, error) {
	j, err := s.job(id)
	if err != nil {
		return wire.JobInfo{}, err
	}
	return j.info(), nil
}

// JobOutput reads a job's output, from a byte offset or, when line is above 0, from a line on. What the command is still
// writing of a line comes with its end.
func (s *Session) JobOutput(id, stream string, offset, line, limit int64) (*wire.OutputReadResult, error) {
	j, err := s.job(id)
	if err != nil {
		return nil, err
	}
	if stream == "" {
		stream = "stdout"
	}
	spool := j.spool(stream)
	if spool == nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "stream: the job has no stream %s", errdefs.Quote(stream)).
			WithHint("\"stdout\" or \"stderr\"; a command on a terminal has all of its output in stdout").WithDetail("field", "stream")
	}
	return readSpool(spool, offset, line, limit), nil
}

// JobWait waits until a job has ended, and gives its result if it is a command. When ctx ends first, the result is nil.
func (s *Session) JobWait(ctx context.Context, id string) (wire.JobWaitResult, error) {
	j, err := s.job(id)
	if err != nil {
		return wire.JobWaitResult{}, err
	}
	result, err := j.wait(ctx)
	if err != nil && ctx.Err() == nil {
		return wire.JobWaitResult{}, err
	}
	w := wire.JobWaitResult{Job: j.info(), Result: result}
	if r, ok := j.(*Running); ok && r.isOver() && r.err != nil {
		w.Error = errdefs.From(r.err)
	}
	return w, nil
}

// JobKill signals every process of a job; without a name it makes the job end, and returns when it has. It returns how
// many processes it reached.
func (s *Session) JobKill(ctx context.Context, id, signal string) (reached int, err error) {
	j, err := s.job(id)
	if err != nil {
		return 0, err
	}
	if signal != "" && !engine.IsSignal(signal) {
		return 0, unknownSignal(signal)
	}
	return j.kill(ctx, signal)
}

// endJobs ends everything that the session's commands left running and returns how many processes that were.
func (s *Session) endJobs() (ended int) {
	list := s.jobs.all()
	// First what is below the shells, without what belongs to background jobs.
	for _, j := range list {
		if r, ok := j.(*Running); ok && !r.isOver() {
			ended += len(r.info().Processes)
		}
	}
	for _, j := range list {
		if b, ok := j.(*backgroundJob); ok {
			ended += b.group().Signal("KILL")
		}
	}
	s.mu.Lock()
	detached := s.detachedShells
	s.detachedShells = nil
	s.mu.Unlock()
	for _, sh := range detached {
		sh.Close()
	}
	return ended
}

// rootsOf names the shell's own process, from which everything of its commands descends; nil for a shell that is not of
// this machine, whose numbers would mean other processes here.
func rootsOf(sh shell) map[int]uint64 {
	if _, ok := sh.(*engine.Shell); !ok {
		return nil
	}
	return map[int]uint64{sh.PID(): engine.StartOf(sh.PID())}
}

// take takes the session for a command. A job that yielded keeps its shell, and the session goes on in a fresh one.
func (s *Session) take() bool {
	if s.running.TryLock() {
		return true
	}
	s.mu.Lock()
	j := s.yielded
	if j == nil {
		s.mu.Unlock()
		return false
	}
	if j.settled {
		// It has ended and is handing its state over; that takes a moment.
		s.mu.Unlock()
		s.running.Lock()
		return true
	}
	j.detached, s.yielded = true, nil
	s.detachedShells = append(s.detachedShells, j.shell)
	s.shell, s.busy = nil, false
	s.hint = "the job " + j.running.id + " goes on in the shell that it was started in; this command ran in a fresh one with directory and exported environment restored"
	s.mu.Unlock()
	return true
}

// settle reports whether the job still holds the session, whose state then is the job's to change.
func (j *job) settle() bool {
	j.session.mu.Lock()
	defer j.session.mu.Unlock()
	j.settled = true
	return !j.detached
}

func (j *job) release() {
	s := j.session
	s.mu.Lock()
	if s.yielded == j {
		s.yielded = nil
	}
	detached := j.detached
	s.mu.Unlock()
	if !detached {
		s.running.Unlock()
	}
}

// finishDetached ends a job whose session went on without it. Its shell goes too, unless it left something running.
func (j *job) finishDetached(ctx context.Context, out engine.Outcome) (*Result, error) {
	result := j.session.result(j, out)
	if len(out.Jobs) == 0 {
		s := j.session
		s.mu.Lock()
		s.detachedShells = slices.DeleteFunc(s.detachedShells, func(sh shell) bool { return sh == j.shell })
		s.mu.Unlock()
		j.shell.Close()
	}
	j.describe(result)
	return j.conclude(ctx, out, result)
}

// execYield is Exec with a Yield.
func (s *Session) execYield(ctx context.Context, command string, o ExecOptions) (*Result, error) {
	yield := o.Yield
	o.Yield = 0
	if o.Timeout == 0 {
		o.Timeout = -1 // a job is not waited for, so the session's deadline is not meant for it
	}
	r, err := s.Start(context.WithoutCancel(ctx), command, o)
	if err != nil {
		return nil, err
	}
	r.left = true
	if o.OnStart == nil {
		r.expect(0) // the events are there for who asks later; nobody reads them yet
	} else {
		o.OnStart(r)
	}
	return r.report(ctx, yield, func() { r.Stop(); <-r.done })
}

// Follow returns when the command has ended, waits for input, or after the given time, with its result or with what came
// since the last such report (see Result.Running). The session can then go on with other commands.
func (r *Running) Follow(ctx context.Context, within time.Duration) (*Result, error) {
	r.left = true
	return r.report(ctx, within, func() {})
}

func (r *Running) report(ctx context.Context, within time.Duration, cancelled func()) (*Result, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-r.waits:
	case <-timer.C:
	case <-ctx.Done():
		cancelled()
	}
	if r.isOver() {
		return r.result, r.err
	}
	return r.yieldNow(), nil
}

// yieldNow lets the session go on with other commands, and returns what the command came to so far.
func (r *Running) yieldNow() *Result {
	s := r.session
	r.mu.Lock()
	j := r.job
	r.mu.Unlock()
	result := &Result{Command: r.command, Encoding: "utf-8", DurationMS: time.Since(r.started).Milliseconds(), Cwd: s.Info().Cwd,
		Running: true, JobID: r.id, Waiting: r.Waiting(), Hint: "the command goes on as job " + r.id + "; job.output and job.wait follow it, job.kill ends it"}
	if j == nil {
		return result // still waits for approval
	}
	s.mu.Lock()
	if !j.settled && !j.detached {
		s.yielded = j
	}
	s.mu.Unlock()
	result.Decision = s.shown(j.decision)
	if m, err := r.Screen(); err == nil {
		result.Screen = strings.TrimRight(strings.Join(m.Lines(), "\n"), "\n")
	}
	out := r.live.out
	if r.size != nil {
		out = r.live.tty
	}
	for _, one := range []struct {
		name string
		from *liveCapture
		to   *string
	}{{"stdout", out, &result.Stdout}, {"stderr", r.live.err, &result.Stderr}} {
		text, report, truncated := one.from.since(limitsOf(j.limits, one.name))
		*one.to = text
		if report != nil {
			if result.Budget == nil {
				result.Budget = make(map[string]*wire.BudgetReport)
			}
			result.Budget[one.name], result.Truncated = report, result.Truncated || truncated
		}
	}
	return result
}

func (r *Running) isOver() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *Running) info() wire.JobInfo {
	i := wire.JobInfo{JobID: r.id, SessionID: r.session.id, Command: r.command, Kind: "command", State: "running",
		StartedMS: r.started.UnixMilli(), DurationMS: time.Since(r.started).Milliseconds(), Processes: []wire.JobProcess{}, Bytes: map[string]int64{}}
	for _, stream := range []string{"stdout", "stderr"} {
		if spool := r.spool(stream); spool != nil {
			i.Bytes[stream] = spool.ReadAt(0, 1).BytesTotal
		}
	}
	if r.isOver() {
		i.State, i.DurationMS = "ended", r.finishedAt.Sub(r.started).Milliseconds()
		if r.result != nil {
			i.ExitCode = r.result.ExitCode
		}
		return i
	}
	i.Waiting = r.Waiting()
	r.mu.Lock()
	j := r.job
	r.mu.Unlock()
	if j != nil {
		r.session.addProcesses(&i, engine.Group{Roots: rootsOf(j.shell)}, j.shell.PID())
	}
	return i
}

func (r *Running) spool(stream string) *budget.Spool {
	r.mu.Lock()
	j := r.job
	r.mu.Unlock()
	switch {
	case j == nil:
		return nil
	case stream == "stdout" && r.size != nil:
		return j.tty.spool
	case stream == "stdout":
		return j.stdout.spool
	case stream == "stderr":
		return j.stderr.spool
	}
	return nil
}

func (r *Running) kill(ctx context.Context, signal string) (int, error) {
	if r.isOver() {
		return 0, nil
	}
	if signal != "" {
		return r.Signal(signal)
	}
	reached := 0
	if d, err := r.drive(); err == nil {
		reached, _ = d.Signal("CONT") // counts, and wakes what was stopped
	}
	r.Stop()
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	return reached, nil
}

func (r *Running) wait(ctx context.Context) (*Result, error) {
	select {
	case <-r.done:
		if r.err != nil {
			// What a cancelled command came to is a result for who asks for the job.
			if partial, ok := errdefs.From(r.err).Details["result"].(*Result); ok {
				return partial, nil
			}
		}
		return r.result, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// addProcesses fills in the tree below the roots, without the shell and what earlier commands left in it.
func (s *Session) addProcesses(i *wire.JobInfo, group engine.Group, shell int) {
	others := make(map[int]bool)
	if shell != 0 {
		for _, j := range s.jobs.all() {
			if b, ok := j.(*backgroundJob); ok {
				for _, p := range b.group().Processes() {
					others[p.PID] = true
				}
			}
		}
	}
	for _, p := range group.Processes() {
		if p.PID == shell || others[p.PID] {
			continue
		}
		i.Processes = append(i.Processes, wire.JobProcess{PID: p.PID, PPID: p.Parent, Command: redactText(s.redact, p.Command),
			CPUMS: p.CPU, MemoryBytes: p.Memory, Ports: p.Ports})
		i.Listening = append(i.Listening, p.Ports...)
	}
	slices.Sort(i.Listening)
	i.Listening = slices.Compact(i.Listening)
}

func (j *job) finishCaptures() {
	if j.live == nil {
		j.stdout.finish()
		j.stderr.finish()
		return
	}
	for _, c := range []*liveCapture{j.live.out, j.live.err, j.live.tty} {
		c.finish()
	}
	if j.live.passage != nil {
		j.live.passage.finish()
	}
}

func unknownSignal(name string) error {
	return errdefs.New(errdefs.InvalidArgument, "signal: no signal %s", errdefs.Quote(name)).
		WithHint("one of %s", strings.Join(engine.SignalNames(), ", ")).WithDetail("field", "signal")
}

// terminalEnv adds what a program on a terminal needs to know: the session's own TERM says that there is none.
func (s *Session) terminalEnv(env map[string]*string) map[string]*string {
	if _, given := env["TERM"]; given {
		return env
	}
	s.mu.Lock()
	now := s.env["TERM"]
	s.mu.Unlock()
	if now != "" && now != "dumb" {
		return env
	}
	with := maps.Clone(env)
	if with == nil {
		with = make(map[string]*string)
	}
	term := "xterm-256color"
	with["TERM"] = &term
	return with
}
