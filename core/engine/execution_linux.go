package engine

import (
	"context"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Run runs one command to its end. It always returns: at completion, or within half a second after the timeout or
// the end of ctx.
func (s *Shell) Run(ctx context.Context, c Command) Outcome {
	out, rest := s.RunSoon(ctx, c, firstLook)
	if rest != nil {
		return rest()
	}
	return out
}

// RunSoon runs one command as Run does, and returns once it has ended or after about the given time, a few milliseconds at
// most: with its outcome or, where it lasts longer, with the rest of Run, which must be called once, by any goroutine.
func (s *Shell) RunSoon(ctx context.Context, c Command, within time.Duration) (out Outcome, rest func() Outcome) {
	s.running.Lock()
	r := &execution{shell: s, command: c, begin: time.Now()}
	if !r.start(ctx) {
		s.running.Unlock()
		return Outcome{Exited: true, Cwd: s.cwd, Env: s.env}, nil
	}
	rep, end, ok := r.watch.receiveSoon(min(within, firstLook))
	if ok {
		defer s.running.Unlock()
		return r.finish(rep, end), nil
	}
	return Outcome{}, func() Outcome {
		defer s.running.Unlock()
		if rep, end, ok := r.watch.receiveSoon(firstLook); ok {
			return r.finish(rep, end)
		}
		// Only now is it worth two goroutines to read the output while it comes. A shorter command's fits the pipes, and is
		// read when it has ended.
		stopOut, stopErr := s.stdout.pump(r.command.Stdout), s.stderr.pump(r.command.Stderr)
		rep, end := r.watch.wait()
		stopOut()
		stopErr()
		return r.finish(rep, end)
	}
}

// An execution is one command on its way through the shell.
type execution struct {
	shell   *Shell
	command Command
	begin   time.Time
	watch   *watch
	release func() // frees the command's streams
}

// start hands the command over; false means that this shell can run none.
func (r *execution) start(ctx context.Context) bool {
	s := r.shell
	if s.closed.Load() {
		return false
	}
	stdinPath, prelude, release, err := s.openStreams(&r.command)
	if err == nil && !s.pipesSound() {
		release()
		err = errPipesLost
	}
	if err == errPipesLost {
		s.Close()
	}
	if err != nil {
		return false
	}
	r.release = release
	r.command.Prelude = prelude + r.command.Prelude
	r.watch = &watch{shell: s, nonce: newNonce(), begin: r.begin, timeout: r.command.Timeout, interrupted: ctx.Done()}
	s.send(s.says.command(r.command, s.last, stdinPath, r.watch.nonce))
	return true
}

// finish takes what the command left behind: its output, the state of the shell and what still runs.
func (r *execution) finish(rep report, end ending) Outcome {
	defer r.release()
	s, c, w := r.shell, r.command, r.watch
	out := Outcome{TimedOut: w.timedOut, Cancelled: w.cancelled}
	heldOut, heldErr := s.stdout.drain(c.Stdout), s.stderr.drain(c.Stderr)
	out.Duration = time.Since(r.begin)
	switch end {
	case shellEnded:
		out.Exited = true
		out.Status, out.Signal, out.Known = s.exitStatus()
		s.Close()
	case shellLost:
		out.Exited = true
		s.Close()
	case commandEnded:
		r.learn(rep, &out)
		out.Background = heldOut || heldErr
		// Looking through /proc costs more than an ordinary command, and only & and what holds the pipes can leave
		// something behind.
		if out.Background || strings.Contains(c.Text, "&") {
			out.Pipes = s.heldPipes(heldOut, heldErr)
			out.Jobs = append(s.leftBehind(), s.escaped(out.Pipes)...)
		}
		if !r.renewPipes(heldOut, heldErr) {
			// No new pipe can be had: the streams would mix, so the next command gets a fresh shell.
			s.Close()
			out.Exited = true
		}
	}
	out.Cwd, out.Env = s.cwd, s.env
	return out
}

// learn takes over what the shell reported.
func (r *execution) learn(rep report, out *Outcome) {
	s := r.shell
	if left := s.interrupted.Load(); left > 0 {
		s.interrupted.CompareAndSwap(left, left-1)
	}
	if r.watch.unproven {
		rep.status = 128 + int(unix.SIGINT) // the shell may still have the status of the command before
	}
	s.learn(rep, r.command.Own)
	out.Status, out.Known, out.PipeStatus = rep.status, true, rep.pipeStatus
	out.State, out.Pristine = rep.state, s.pristine
}

// renewPipes gives each held pipe to the processes that hold it.
func (r *execution) renewPipes(heldOut, heldErr bool) bool {
	late := func(stream string) io.WriteCloser {
		if r.command.Late == nil {
			return nil
		}
		return r.command.Late(stream)
	}
	s := r.shell
	return (!heldOut || s.stdout.replace(late("stdout")) == nil) && (!heldErr || s.stderr.replace(late("stderr")) == nil)
}
