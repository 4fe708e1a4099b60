package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/enforce"
)

// spawn starts the supervisor and, below it, the shell. On success the Shell owns every descriptor.
func spawn(o Options) (s *Shell, err error) {
	s = &Shell{driver: -1, control: -1, report: -1, messages: -1, supervisorFD: -1}
	says, applet, err := driverFor(o.Path)
	if err != nil {
		return s, err
	}
	if bash, ok := says.(*bashDriver); ok {
		bash.watch = o.Watch
		bash.pristine = !o.Watch && !slices.ContainsFunc(o.Env, command.GivesMeaning) // BASH_FUNC_x%% is a function
	}
	s.says = says
	var childEnds []*os.File
	defer func() {
		for _, f := range childEnds {
			f.Close()
		}
		if err != nil {
			s.closeFiles()
			s.closeNumbers()
		}
	}()
	keep := func(f *os.File) *os.File { childEnds = append(childEnds, f); return f }

	// Sockets and not pipes: unlike a pipe a socket cannot be opened again through /proc/PID/fd, so no other process
	// of the same user can read the commands or write a status.
	driver, driverShell, err := socketPair("driver")
	if err != nil {
		return s, err
	}
	s.driver = driver
	keep(driverShell)
	control, controlShell, err := socketPair("control")
	if err != nil {
		return s, err
	}
	s.control = control
	keep(controlShell)
	report, reportShell, err := socketPair("report")
	if err != nil {
		return s, err
	}
	s.report = report
	keep(reportShell)
	if err := errors.Join(control.tellSender(), report.tellSender()); err != nil {
		return s, err
	}
	if err := s.openOutputs(o.Confine); err != nil {
		return s, err
	}
	terminal, tty, err := openTerminal()
	if err != nil {
		return s, fmt.Errorf("opening a terminal: %w", err)
	}
	s.terminal = terminal
	keep(tty)
	if err := s.terminal.setMode(silent); err != nil {
		return s, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return s, err
	}
	keep(null)
	messages, messagesShell, err := socketPair("messages")
	if err != nil {
		return s, err
	}
	s.messages = messages
	keep(messagesShell)
	scriptFD, closes := -1, ""
	if o.Confine != nil {
		scriptFD, closes = firstScriptFD, scriptCloses
	}
	for _, text := range says.scripts(s.stdout.path(), s.stderr.path(), closes) {
		script, err := sealedFile(text)
		if err != nil {
			return s, err
		}
		s.scripts = append(s.scripts, script)
	}

	reportFD, controlFD := says.descriptors()
	files := make([]*os.File, controlFD+1)
	files[0], files[1], files[2], files[3] = driverShell, null, messagesShell, tty
	files[reportFD], files[controlFD] = reportShell, controlShell
	for i, script := range s.scripts {
		if scriptFD >= 0 {
			files[scriptFD+i] = script
		}
	}
	path, arguments, program, err := supervised(o.script, says, applet, slices.Concat([]string{o.Path}, applet, says.arguments()))
	if err != nil {
		return s, err
	}
	if program != nil {
		files[programFD] = keep(program)
	}
	env, startup := withoutStartFiles(o.Env)
	s.startup = startup
	launch := func() (err error) {
		s.supervisor, err = startProcess(path, arguments, &os.ProcAttr{
			Dir: o.Dir, Env: env, Files: files,
			Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3, PidFD: &s.supervisorFD},
		})
		return err
	}
	if o.Confine == nil {
		return s, launch()
	}
	return s, o.Confine.Start(enforce.Engine{Pipes: s.pipes, Terminal: tty.Name()}, launch)
}

// withoutStartFiles takes out of an environment what an interactive shell runs before its first command or prompt, or
// starts with another meaning by, and returns the line that gives back what programs may want of it.
func withoutStartFiles(env []string) (kept []string, restore string) {
	for _, pair := range env {
		switch name, value, _ := strings.Cut(pair, "="); name {
		case "PROMPT_COMMAND", "PS0", "PS1", "PS2", "SHELLOPTS", "BASHOPTS":
		case "BASH_XTRACEFD": // a descriptor that is not inherited
		case "ENV":
			restore = `\export ENV=` + Quote(value) + ";"
		default:
			kept = append(kept, pair)
		}
	}
	return kept, restore
}

func startProcess(path string, arguments []string, attr *os.ProcAttr) (pid int, err error) {
	process, err := os.StartProcess(path, arguments, attr)
	if err != nil {
		return 0, err
	}
	pid = process.Pid
	_ = process.Release()
	return pid, nil
}

// A confined bash inherits its scripts under these numbers, which its commands do not see.
const (
	firstScriptFD = 248
	scriptCloses  = " 248<&- 249<&-"
)

func (s *Shell) scriptPaths() (paths []string) {
	for i, f := range s.scripts {
		if s.pipes != "" {
			paths = append(paths, fmt.Sprintf("/proc/self/fd/%d", firstScriptFD+i))
		} else {
			paths = append(paths, hostPath(int(f.Fd())))
		}
	}
	return paths
}

func (s *Shell) openOutputs(c *enforce.Confinement) (err error) {
	if c == nil {
		if s.stdout, err = newOutput(); err == nil {
			s.stderr, err = newOutput()
		}
		return err
	}
	if s.pipes, err = newPipesDir(c.Writable); err != nil {
		return err
	}
	if s.stdout, err = newNamedOutput(filepath.Join(s.pipes, "out")); err == nil {
		s.stderr, err = newNamedOutput(filepath.Join(s.pipes, "err"))
	}
	return err
}

// sealedFile returns an unnamed read-only file; the seals keep a command from changing what the shell sources.
func sealedFile(text string) (*os.File, error) { return memoryFile("execkit", text, 0) }

// memoryFile returns a sealed file that only the links in /proc name; flags are more of memfd_create(2).
func memoryFile(name, text string, flags int) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("creating a memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return nil, err
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, err
	}
	_, err = f.Seek(0, 0)
	return f, err
}
