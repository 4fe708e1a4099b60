package engine

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A supervisor stands between the host and the shell: it runs the shell, waits for its end and passes the status on. It
// catches the signals that a command may send to its parent (a caught signal is reset to its default in the shell, an
// ignored one would not be), and what it writes to its descriptor 2 tells a shell that a signal ended from one that exited
// with 128+n. There are two.
//
// The script is run by the program that is the shell, too, and costs another start of bash, more than a millisecond of
// each session's opening. The program does the same and nothing else, in half a kilobyte whose source is
// supervisor/linux_amd64.asm; go generate ./core/engine makes it anew, and a test compares. It has no file of its own,
// since a library in another's process has no place for one: it is executed from a sealed memory file that each session
// gets anew, so no session shares a file with another. Where that is refused (the setting vm.memfd_noexec, a security
// module), and on other architectures, the script does it.

//go:generate as --64 -o supervisor/linux_amd64.o supervisor/linux_amd64.asm
//go:generate objcopy -O binary -j .text supervisor/linux_amd64.o supervisor/linux_amd64.bin
//go:generate rm supervisor/linux_amd64.o

const supervisorScript = `trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
"$0" "$@" 2>/dev/null 3>&-
exit $?`

const (
	// programFD is where the program finds its own file, and closes it; linux_amd64.asm names the number too.
	programFD   = 4
	programPath = "/proc/self/fd/4"
	// programName is what lists of processes show before the shell's arguments.
	programName = "execkit: supervisor"
)

// programRefused is set once no shell started below the program where one did below the script.
var programRefused atomic.Bool

// passing are errors that say nothing about the program.
var passing = []error{context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded, unix.EAGAIN, unix.ENOMEM, unix.EMFILE, unix.ENFILE}

// Start opens a shell and returns when it waits for its first command.
func Start(ctx context.Context, o Options) (*Shell, error) {
	if supervisorProgram == "" || programRefused.Load() {
		o.script = true
	}
	s, err := startBelow(ctx, o)
	if err == nil || o.script || slices.ContainsFunc(passing, func(passes error) bool { return errors.Is(err, passes) }) {
		return s, err
	}
	// From the beginning: the process that did not become the program took the terminal down with it.
	o.script = true
	if s, err = startBelow(ctx, o); err == nil {
		programRefused.Store(true)
	}
	return s, err
}

// supervised returns the program and the arguments that start shell, which are its path and all its arguments, below a supervisor.
// file is what the supervisor needs as programFD, or nil.
func supervised(script bool, says driver, applet, shell []string) (path string, arguments []string, file *os.File, err error) {
	if script {
		return shell[0], slices.Concat(shell[:1], applet, says.supervise(), []string{supervisorScript}, shell), nil, nil
	}
	file, err = memoryFile("execkit-supervisor", supervisorProgram, unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 every memory file can be executed
		file, err = memoryFile("execkit-supervisor", supervisorProgram, 0)
	}
	return programPath, slices.Concat([]string{programName}, shell), file, err
}
