package engine

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// openStreams makes the input and the terminal of a command ready. release takes them away again and must be called;
// prelude is what the shell has to run first.
func (s *Shell) openStreams(c *Command) (stdinPath, prelude string, release func(), err error) {
	mode := silent
	now := &live{terminal: s.terminal}
	release = func() {}
	switch {
	case c.TTY != nil:
		// Read and write, so that one opening serves all three streams, as a login has them.
		prelude = "\\exec 0<>" + s.terminal.path + " 1>&0 2>&0\n"
		mode, now.typed = sane, true
		if c.Input != nil {
			go s.typeFrom(now, c.Input)
		}
	case c.Input != nil:
		if now.input, release, err = s.openInput(c.Input); err != nil {
			return "", "", func() {}, err
		}
		stdinPath = now.input.path
		mode, now.typed = sane, true
	default:
		if stdinPath, release, err = s.stdinFile(c.Stdin); err != nil {
			return "", "", func() {}, err
		}
	}
	closeInput := release
	release = func() {
		s.live.Store(nil)
		closeInput()
		s.terminal.stopTyping(now)
		s.terminal.end()
	}
	if mode == silent && c.Terminal == nil {
		return stdinPath, prelude, closeInput, nil
	}
	sink := c.Terminal
	if sink == nil {
		sink = io.Discard
	}
	if err := s.terminal.begin(sink, mode, c.TTY); err != nil {
		release()
		return "", "", func() {}, fmt.Errorf("setting the terminal: %w", err)
	}
	if mode != silent {
		var st unix.Stat_t
		if err := unix.Stat(s.terminal.path, &st); err == nil {
			now.device = st.Rdev
		}
		s.live.Store(now)
	}
	return stdinPath, prelude, release, nil
}

// typeFrom types what feed brings; its end types nothing, since a terminal has no end that a program could not undo.
func (s *Shell) typeFrom(now *live, feed io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := feed.Read(buf)
		if n > 0 {
			if _, werr := s.terminal.write(now, buf[:n], false); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Type writes to the terminal of the running command, as a person's keys would. secret keeps the terminal from showing
// it. It waits while the terminal is full.
func (s *Shell) Type(p []byte, secret bool) error {
	now := s.live.Load()
	if now == nil || !now.typed {
		return ErrNoTerminal
	}
	_, err := s.terminal.write(now, p, secret)
	return err
}

// Resize changes the terminal's size; the foreground gets SIGWINCH.
func (s *Shell) Resize(size TTY) error {
	if now := s.live.Load(); now == nil || !now.typed {
		return ErrNoTerminal
	}
	return s.terminal.setSize(size)
}

// Signal sends a signal of RFC 4254 to every process of the running command: the terminal's foreground and all that
// descends from the shell, but for what earlier commands left in the background. A loop of the shell's own is reached
// by INT alone; any other signal would end the session. It returns how many processes it reached.
func (s *Shell) Signal(name string) (reached int, err error) {
	known, ok := signalName(name)
	if !ok {
		return 0, fmt.Errorf("unknown signal %q", name)
	}
	number := unix.SignalNum("SIG" + known)
	s.signalling.Add(1)
	defer func() { s.signals.Add(1); s.signalling.Add(-1) }()
	s.interrupted.Store(2)
	table := processTable()
	shell := table[s.pid]
	s.jobsMu.Lock()
	earlier := make(map[int]bool, len(s.jobs))
	for pid := range s.jobs {
		earlier[pid] = true
	}
	s.jobsMu.Unlock()
	for pid := range table {
		if pid != s.pid && descends(table, pid, s.pid) && !belongs(table, pid, earlier) {
			if unix.Kill(pid, number) == nil {
				reached++
			}
		}
	}
	if number == unix.SIGINT && s.foreground() == shell.group && unix.Kill(s.pid, number) == nil {
		reached++
	}
	return reached, nil
}

func belongs(table map[int]proc, pid int, roots map[int]bool) bool {
	for range len(table) {
		if roots[pid] {
			return true
		}
		p, ok := table[pid]
		if !ok {
			return false
		}
		pid = p.parent
	}
	return false
}
