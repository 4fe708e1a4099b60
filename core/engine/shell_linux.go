package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Shell is one live bash below its supervisor. Run must not be called concurrently; Close may be called at any
// time, twice too, and ends a running Run.
type Shell struct {
	driver, control socket // the host's ends
	terminal        *terminal
	messages        socket // of the supervisor
	report          socket
	says            driver
	scripts         []*os.File // sealed
	pipes           string     // the directory of a confined shell's pipes, or ""
	startup         string     // the line that completes the environment
	last            report
	pristine        string // the state that a watched shell started with
	stdout, stderr  *output
	supervisor      int
	supervisorFD    int
	pid             int
	idle            idleMark
	sent            atomic.Bool  // the shell's line is wholly in the socket
	interrupted     atomic.Int32 // how many commands a signal of the host may still interrupt: this one and the next
	signalling      atomic.Int32 // calls of Signal that are under way
	signals         atomic.Int32 // calls of Signal that have ended
	cwd             string
	env             map[string]string
	jobsMu          sync.Mutex
	jobs            map[int]bool         // processes that earlier commands left behind; guarded by jobsMu
	live            atomic.Pointer[live] // nil unless a command runs that can be given input
	closing         sync.Once
	closed          atomic.Bool
	running         sync.Mutex // held by Run, which uses descriptors by their numbers
}

// startTimeout bounds the start of a shell; an idle machine needs 2 ms.
const startTimeout = 10 * time.Second

// startBelow opens a shell below the supervisor that o.script chooses.
func startBelow(ctx context.Context, o Options) (*Shell, error) {
	s, err := spawn(o)
	if err != nil {
		return nil, err
	}
	// What commands write to /dev/tty is drained: a full terminal would block them.
	go s.terminal.read()
	err = s.greet(ctx)
	if err == nil {
		err = s.limit(o.Limits)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// greet proves with one empty command that the driver works here, and learns the shell's pid and idle mark while the shell is
// still pristine. Nothing is waited for between the lines that the shell is sent: each wait costs two wake-ups.
func (s *Shell) greet(ctx context.Context) error {
	deadline := time.Now().Add(startTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if _, err := s.driver.write(s.startup + s.says.start(s.scriptPaths())); err != nil {
		return fmt.Errorf("the shell ended while it started: %w", err)
	}
	out, err := s.prove(ctx, deadline)
	if err != nil {
		return err
	}
	if !out.Known || out.Status != 0 {
		return fmt.Errorf("the shell cannot open its output pipes at %s (status %d)", s.stdout.path(), out.Status)
	}
	s.pristine = s.last.state
	for mark, ok := reading(s.pid); ; mark, ok = reading(s.pid) {
		if ok {
			s.idle = mark
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("the kernel does not show what the shell waits for (/proc/PID/syscall)")
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// prove runs the empty command in a shell that has not told its pid yet.
func (s *Shell) prove(ctx context.Context, deadline time.Time) (Outcome, error) {
	s.running.Lock()
	defer s.running.Unlock()
	r := &execution{shell: s, begin: time.Now(), command: Command{Text: ":", Timeout: time.Until(deadline), Stdout: io.Discard, Stderr: io.Discard}}
	if !r.start(ctx) {
		return Outcome{Exited: true}, nil
	}
	greeting, marks, err := s.greeting(ctx, deadline)
	if err != nil {
		r.release()
		return Outcome{}, fmt.Errorf("the shell did not start: %w", err)
	}
	if s.pid, err = strconv.Atoi(greeting); err != nil {
		r.release()
		return Outcome{}, fmt.Errorf("the shell gave an unknown greeting %q", greeting)
	}
	r.watch.marks, r.watch.begin = marks, time.Now()
	rep, end, ok := r.watch.receive(0)
	if !ok {
		rep, end, ok = r.watch.receiveSoon(firstLook)
	}
	if !ok {
		rep, end = r.watch.wait()
	}
	return r.finish(rep, end), nil
}

// greeting waits for the shell's first line, and returns with it what came after.
func (s *Shell) greeting(ctx context.Context, deadline time.Time) (line string, after []byte, err error) {
	var buf [512]byte
	for {
		n, err := unix.Read(int(s.control), buf[:])
		switch {
		case n > 0:
			line, after, _ := bytes.Cut(buf[:n], []byte{'\n'})
			return string(line), after, nil
		case err == nil:
			return "", nil, io.EOF
		case err != unix.EAGAIN && err != unix.EINTR:
			return "", nil, err
		case ctx.Err() != nil:
			return "", nil, ctx.Err()
		case time.Now().After(deadline):
			return "", nil, os.ErrDeadlineExceeded
		}
		s.control.poll(20 * time.Millisecond)
	}
}

// PID returns the process id of the shell.
func (s *Shell) PID() int { return s.pid }

// Alive reports whether both the shell and its supervisor live. Between commands either may die of a signal; a shell
// without its supervisor has lost its terminal, and nobody would tell how it ends.
func (s *Shell) Alive() bool {
	ended := []unix.PollFd{{Fd: int32(s.supervisorFD), Events: unix.POLLIN}}
	if n, _ := unix.Poll(ended, 0); n > 0 {
		return false
	}
	if !s.running.TryLock() {
		return true // a command runs, and finds out itself
	}
	defer s.running.Unlock()
	if s.closed.Load() {
		return false
	}
	w := watch{shell: s}
	_, err := w.read(make([]byte, 256), 0)
	return err == nil || errors.Is(err, os.ErrDeadlineExceeded)
}

// send hands a line to the shell. What exceeds the socket's buffer is written beside the watch, since a shell that
// stopped reading would block the write for ever; Close ends it.
func (s *Shell) send(line string) {
	n, err := s.driver.write(line)
	s.sent.Store(err == nil && n == len(line))
	if err != nil || n == len(line) {
		return
	}
	rest, err := s.driver.waitable()
	if err != nil {
		return // out of descriptors: the command is stopped at its deadline
	}
	go func() {
		defer rest.Close()
		if _, err := rest.WriteString(line[n:]); err == nil {
			s.sent.Store(true)
		}
	}()
}

// waiting reports whether the shell has taken the whole line and is back at its top-level read.
func (s *Shell) waiting() bool {
	if !s.sent.Load() {
		return false
	}
	// A shell that was not scheduled yet also sits in its read, with the line still in the socket.
	if unread, err := s.driver.unread(); err != nil || unread != 0 {
		return false
	}
	mark, ok := reading(s.pid)
	return ok && (mark == s.idle || s.idle == idleMark{}) // a shell that starts reads nothing else
}

// foreground returns the terminal's foreground process group, or 0.
func (s *Shell) foreground() (group int) {
	err := s.terminal.control(func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	if err != nil {
		return 0
	}
	return group
}

func (s *Shell) learn(r report, own bool) {
	if r.brief {
		status := r.status
		r = s.last
		r.status, r.pipeStatus = status, nil
	}
	if own {
		r.status = s.last.status
	}
	changed := r.env != s.last.env
	s.last = r
	if dir, err := workingDir(s.pid); err == nil {
		s.cwd = dir
	}
	if changed || s.env == nil {
		s.env = parseExports(r.env)
		delete(s.env, "POSIXLY_CORRECT")
		delete(s.env, "__ek_b") // exported under set -a
		delete(s.env, "__ek_n")
	}
}

// leftBehind returns the processes of the terminal session that earlier commands had not left there yet.
func (s *Shell) leftBehind() []Process {
	var fresh []Process
	now := make(map[int]bool)
	s.jobsMu.Lock()
	before := s.jobs
	s.jobsMu.Unlock()
	for _, pid := range sessionMembers(s.supervisor) {
		if pid == s.pid {
			continue
		}
		now[pid] = true
		if !before[pid] {
			fresh = append(fresh, Process{PID: pid, Command: s.jobCommand(pid)})
		}
	}
	s.jobsMu.Lock()
	s.jobs = now
	s.jobsMu.Unlock()
	return fresh
}

// heldPipes returns the names that the outputs have among a process's descriptors.
func (s *Shell) heldPipes(heldOut, heldErr bool) (names []string) {
	for o, held := range map[*output]bool{s.stdout: heldOut, s.stderr: heldErr} {
		var st unix.Stat_t
		switch {
		case !held:
		case o.name != "":
			names = append(names, o.name)
		case unix.Fstat(o.fd, &st) == nil:
			names = append(names, fmt.Sprintf("pipe:[%d]", st.Ino))
		}
	}
	return names
}

// escaped returns the processes that left the terminal session (setsid) and hold the command's output.
func (s *Shell) escaped(pipes []string) (found []Process) {
	if len(pipes) == 0 {
		return nil
	}
	for pid, p := range processTable() {
		if p.session != s.supervisor && pid != s.supervisor && pid != os.Getpid() && p.state != 'Z' && holdsPipe(pid, pipes) {
			found = append(found, Process{PID: pid, Command: commandOf(pid)})
		}
	}
	return found
}

func holdsPipe(pid int, pipes []string) bool {
	dir := procPath(pid, "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && slices.Contains(pipes, target) {
			return true
		}
	}
	return false
}

// jobCommand returns what a job runs. One that was just started still shows the shell's arguments until its exec, so
// it gets a few milliseconds; a subshell keeps them.
func (s *Shell) jobCommand(pid int) string {
	own := commandOf(s.pid)
	for range 50 {
		if command := commandOf(pid); command != own && command != "" { // it has none in the middle of an exec
			return command
		}
		time.Sleep(time.Millisecond)
	}
	return own
}

// stdinFile returns a path that gives data and then end of file, or "" for no data. Regular-file semantics suit commands that seek.
func (s *Shell) stdinFile(data []byte) (path string, release func(), err error) {
	if len(data) == 0 {
		return "", func() {}, nil
	}
	if s.pipes != "" {
		path = filepath.Join(s.pipes, "in")
		if release, err = feed(path, data); err != nil {
			err = errPipesLost
		}
		return path, release, err
	}
	f, err := sealedFile(string(data))
	if err != nil {
		return "", nil, err
	}
	return hostPath(int(f.Fd())), func() { f.Close() }, nil
}

// exitStatus waits for the supervisor and returns the shell's status, and the signal that ended it.
func (s *Shell) exitStatus() (status, signal int, known bool) {
	var ws unix.WaitStatus
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		pid, err := unix.Wait4(s.supervisor, &ws, unix.WNOHANG, nil)
		if pid == s.supervisor {
			break
		}
		// ECHILD: a wait loop of the host took the status; the shell ended all the same.
		if err != nil && err != unix.EINTR || time.Now().After(deadline) {
			return 0, 0, false
		}
	}
	if ws.Signaled() {
		return 0, 0, false // the supervisor was killed (kill -9 $PPID), and nobody saw how its shell ended
	}
	status = ws.ExitStatus()
	var message [64]byte
	// The supervisor has ended, so what it wrote is there.
	if n, _ := unix.Read(int(s.messages), message[:]); n > 0 && status > 128 {
		signal = status - 128
	}
	return status, signal, true
}

// Close ends the shell and everything in its terminal session, and frees its descriptors.
func (s *Shell) Close() {
	s.closing.Do(func() {
		s.closed.Store(true)
		for _, pid := range sessionMembers(s.supervisor) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		s.closeFiles()
		go func() {
			// A Run that Close interrupts, or that calls Close itself, still reads by number; the closed files end it.
			s.running.Lock()
			s.closeNumbers()
			s.running.Unlock()
			s.reap()
		}()
	})
}

// reap collects the supervisor, and ends it if it survived its shell.
func (s *Shell) reap() {
	if s.supervisorFD < 0 {
		return
	}
	f := os.NewFile(uintptr(s.supervisorFD), "supervisor")
	defer f.Close()
	for range 200 {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(s.supervisor, &ws, unix.WNOHANG, nil)
		if pid == s.supervisor || err == unix.ECHILD {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = unix.Kill(s.supervisor, syscall.SIGKILL)
	_, _ = unix.Wait4(s.supervisor, nil, 0, nil)
}

func (s *Shell) closeFiles() {
	s.driver.end()
	s.control.end()
	if s.terminal != nil {
		s.terminal.file.Close()
	}
	for _, f := range s.scripts {
		f.Close()
	}
}

// closeNumbers frees the descriptors that are not files of the os package.
func (s *Shell) closeNumbers() {
	s.messages.close()
	s.driver.close()
	s.control.close()
	s.report.close()
	s.stdout.close()
	s.stderr.close()
	if s.pipes != "" {
		_ = os.Remove(s.pipes)
	}
}
