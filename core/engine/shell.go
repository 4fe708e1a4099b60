package engine

import (
	"context"
	"io"
	"time"

	"github.com/execkit/execkit/core/enforce"
)

// Options say how a shell starts.
type Options struct {
	// Path is the absolute path of bash.
	Path string
	// Dir is the first directory and Env the whole environment, as NAME=value.
	Dir string
	Env []string
	// Watch has every outcome tell the state of the shell; bash alone can.
	Watch  bool
	Limits Limits
	// Confine, if set, is what the shell and everything that it starts are confined to.
	Confine *enforce.Confinement

	script bool // see supervisor_linux.go
}

// A Command is one command for a shell.
type Command struct {
	// Dir, if set, is an absolute directory to change to first; where that fails Text does not run. Prelude is the host's
	// own shell lines that run next, and Text the command, all in one evaluation.
	Dir, Prelude, Text string
	// Own marks a command of the host, whose status the session does not see as $?.
	Own bool
	// Stdin is fed to the command; nil is end of file at once. Input, if set, is fed instead as it comes, and its end is
	// the command's end of file; it is read until it ends, which the caller sees to when Run has returned.
	Stdin []byte
	Input io.Reader
	// TTY, if set, runs the command on the session's terminal: its streams are the terminal, Input is typed there, and
	// the output goes to Terminal. Without TTY, Terminal gets what the command writes to /dev/tty.
	TTY      *TTY
	Terminal io.Writer
	// Begun, if set, is told when a terminal that is made for this command alone is there, before its first output. Whatever
	// the making of it had to ask a person has been asked by then.
	Begun func()
	// Late, if set, is asked once for each stream ("stdout", "stderr") that processes of the command still hold when it has
	// ended, and gets what they write from then on; nil is for throwing it away.
	Late func(stream string) io.WriteCloser
	// Timeout is the time after which the command is stopped; 0 for none.
	Timeout time.Duration
	// Stdout and Stderr get the output as it comes, each from one goroutine at a time and not after Run returned.
	Stdout, Stderr io.Writer
}

// An Outcome is how a command ended.
type Outcome struct {
	// Status is $?; Known is false when no status could arrive.
	Status int
	Known  bool
	// PipeStatus holds the status of each stage where the command ended in a pipeline; nil where that is not known.
	PipeStatus []int
	// Signal is the number of the signal that ended the shell itself, or 0.
	Signal int
	// Exited says that the shell ended; it must be replaced.
	Exited bool
	// TimedOut and Cancelled say that the engine stopped the command.
	TimedOut, Cancelled bool
	// StopConfirmed says, for a command that was stopped, whether all its processes are known to be gone; nil where
	// nobody looked.
	StopConfirmed *bool
	// Lost says that the connection to the shell broke: whether the command ended is not known, unless NotRun is set.
	Lost, NotRun bool
	// Background says that processes of the command still hold its output.
	Background bool
	// Jobs are the processes in the shell's terminal session that the command left behind.
	Jobs []Process
	// Pipes are the names of the output pipes that processes still hold, for a Group.
	Pipes []string
	// Cwd is the shell's directory as the kernel knows it, Env its exported environment. Both are the last known ones
	// when the shell exited.
	// State is what a watched shell tells about what it gives names and words a meaning by, and Pristine the same from
	// before the first command; see watchScript for the lines. Both are empty where the shell is not watched.
	State, Pristine string
	Cwd             string
	Env             map[string]string
	Duration        time.Duration
}

// A Process is one process as the kernel shows it.
type Process struct {
	PID     int
	Command string // the arguments, separated by spaces
}

// The ladder of a command that must stop: interrupt at once, then terminate, then kill, then the shell itself. The
// whole ladder fits in half a second, the time in which a session must be usable again. That is time in which the
// processes could run; on a machine that has none for them giveUpAtLatest bounds it by the clock.
const (
	terminateAfter = 150 * time.Millisecond
	killAfter      = 300 * time.Millisecond
	giveUpAfter    = 450 * time.Millisecond
	giveUpAtLatest = 5 * time.Second
)

// interface check: every platform's Shell has these.
var _ interface {
	Run(ctx context.Context, c Command) Outcome
	Alive() bool
	PID() int
	Close()
} = (*Shell)(nil)
