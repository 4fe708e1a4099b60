package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/enforce"
)

// A tracedShell is a confined bash that runs texts one after the other, each in a subshell, with every exec of its tree
// reported. It is confined so that a hole does no harm to the machine, and not so that it fails: any program may start.
type tracedShell struct {
	pid            int
	texts, answers *os.File
	mu             sync.Mutex
	started        []string // real paths, since the last run
	traced         chan struct{}
}

// server waits for a tracer, then for texts that end in NUL.
const server = `read -r _ <&9; shopt -s expand_aliases
while IFS= read -r -d '' ek_text <&9; do
	( exec </dev/null >/dev/null 2>&1 8>&- 9<&-; ulimit -t 2 -f 20000; unset IFS; eval "$ek_text"; wait )
	echo >&8
done`

func startTraced(top string) (*tracedShell, error) {
	confine, err := enforce.New(enforce.Rules{Shell: "/bin/bash", AnyProgram: true, Write: []string{top}})
	if err != nil {
		return nil, fmt.Errorf("this kernel cannot confine what is run: %w", err)
	}
	shellTexts, texts, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answers, shellAnswers, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer shellTexts.Close()
	defer shellAnswers.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	s := &tracedShell{texts: texts, answers: answers, traced: make(chan struct{})}
	home := filepath.Join(top, "home")
	files := make([]*os.File, 10)
	files[0], files[1], files[2], files[8], files[9] = null, null, null, shellAnswers, shellTexts
	err = confine.Start(enforce.Engine{}, func() error {
		p, err := os.StartProcess("/bin/bash", []string{"bash", "--norc", "--noprofile", "-c", server}, &os.ProcAttr{
			Dir: filepath.Join(top, "work"), Files: files, Sys: newSession(),
			Env: []string{"PATH=" + searchPath, "HOME=" + home, "TMPDIR=" + filepath.Join(top, "tmp"), "LANG=C.UTF-8", "PAGER=cat", "GIT_PAGER=cat", "TERM=dumb", "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0"},
		})
		if err == nil {
			s.pid = p.Pid
			_ = p.Release()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	ready := make(chan error)
	go s.trace(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("tracing is not possible: %w", err)
	}
	_, err = s.texts.WriteString("\n")
	return s, err
}

const (
	seize       = 0x4206 // PTRACE_SEIZE
	followed    = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	eventOfStop = 128 // PTRACE_EVENT_STOP
)

// trace follows the tree until its last process has ended. Its thread is the tracer and ends with it, which kills what
// is left.
func (s *tracedShell) trace(ready chan<- error) {
	runtime.LockOSThread()
	defer close(s.traced)
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, seize, uintptr(s.pid), 0, followed, 0, 0); errno != 0 {
		ready <- errno
		return
	}
	ready <- nil
	for {
		var status unix.WaitStatus
		// __WNOTHREAD: the other shells' processes are other threads' to wait for.
		pid, err := unix.Wait4(-1, &status, unix.WALL|0x20000000, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		if !status.Stopped() {
			continue
		}
		signal := 0
		switch event := int(status) >> 16; event {
		case unix.PTRACE_EVENT_EXEC:
			s.note(pid)
		case 0:
			signal = int(status.StopSignal())
		}
		_ = unix.PtraceCont(pid, signal)
	}
}

func (s *tracedShell) note(pid int) {
	file, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		file = err.Error()
	}
	// Git starts the other end of a local transport through a shell; the text is its own.
	if line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); err == nil && ownTransport.Match(line) {
		return
	}
	s.mu.Lock()
	s.started = append(s.started, file)
	s.mu.Unlock()
}

var ownTransport = regexp.MustCompile(`^/bin/sh\x00-c\x00git-(upload|receive)-pack '([^']|'\\[!']')*'(\x00|$)`)

// run runs a text and returns the files that were executed meanwhile. ended is false where the shell has to be replaced.
func (s *tracedShell) run(text string) (started []string, ended bool) {
	s.mu.Lock()
	s.started = nil
	s.mu.Unlock()
	if _, err := s.texts.WriteString(text + "\x00"); err == nil {
		_ = s.answers.SetReadDeadline(time.Now().Add(patience))
		var b [1]byte
		_, err = s.answers.Read(b[:])
		ended = err == nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.started...), ended
}

// close ends every process of the shell's session.
func (s *tracedShell) close() {
	s.texts.Close()
	s.answers.Close()
	kill(s.pid)
	select {
	case <-s.traced:
	case <-time.After(patience):
	}
}
