package transport

import (
	"context"
	"io"

	"github.com/execkit/execkit/core/wire"
)

// A Transport opens programs on one target. Its methods may be called concurrently.
type Transport interface {
	// Open starts a program. ctx bounds the opening alone. The error is one of the contract's: unavailable,
	// connection_lost, target_not_found, unauthenticated, host_key_unknown, host_key_changed, shell_not_found.
	Open(ctx context.Context, o OpenOptions) (Process, error)
	// Info describes the target; it names no credential.
	Info() Info
	// Close gives back what is shared by all programs of this Transport; programs that still run lose their connection.
	// It may be called twice.
	Close() error
}

// OpenOptions say what to start.
type OpenOptions struct {
	// Argv is the program and its arguments. A transport whose protocol has only a command line quotes each of them so
	// that every login shell (csh and fish included) gives back the same words; Argv therefore holds neither newlines
	// nor exclamation marks, single quotes or backslashes.
	Argv []string
	// TTY, if set, starts the program on a terminal of this size; its stderr is then empty.
	TTY *Size
	// Company says that another program will be opened beside this one: where a connection carries several, one place on
	// it is left for that.
	Company bool
	// Beside, if set, is a program on whose connection this one is opened, or on another where that has no place. The new
	// program does not end with this Transport: whoever opened it closes it.
	Beside Process
}

// Size is the size of a terminal in characters.
type Size struct{ Rows, Cols int }

// A Process is one program on the target. Close unblocks every other method; reading and writing may go on
// concurrently.
type Process interface {
	// Stdin writes to the program; closing it is the program's end of file.
	Stdin() io.WriteCloser
	// Stdout and Stderr must both be read all the time: some protocols share one window among them. Each gives io.EOF
	// when the program closed it, and another error when the connection broke.
	Stdout() io.Reader
	Stderr() io.Reader
	// Wait returns how the program ended.
	Wait(ctx context.Context) (Exit, error)
	// Close ends the connection to the program, which may go on running: a caller who needs it gone signals it first.
	Close() error
}

// Exit is how a program ended.
type Exit struct {
	Code   int
	Signal string // without SIG, as RFC 4254 section 6.10 has it
	// Missing says that no status came.
	Missing bool
}

// A Signaler is a Process to whose process group the protocol itself can send a signal, named as in RFC 4254
// section 6.9. A nil error means that the request was sent, not that the target obeyed.
type Signaler interface {
	Signal(name string) error
}

// A Carried is a Process that shares its connection with others, which are lost with it.
type Carried interface {
	// Carrier is comparable and the same for all of them; nil where the connection is this program's alone.
	Carrier() any
}

// An Explainer is a Process that can tell why it never was a program, from its exit status and the first words that it
// said: some protocols tell only so that a user or a directory does not exist. Nil means that it cannot.
type Explainer interface {
	Explain(e Exit, said string) error
}

// A Resizer is a Process on a terminal whose size can change.
type Resizer interface {
	Resize(s Size) error
}

// Info describes a target.
type Info struct {
	// Scheme is "ssh", "docker", "k8s" and so on; Target is the rest as a user would write it, without credentials.
	Scheme, Target string
	// Identity tells this very machine, container or pod from another that may take its name: a host key's fingerprint,
	// a container's id, a pod's uid. It is empty before the first connection.
	Identity     string
	Capabilities []string
}

// Options are the options of all transports; each reads its own.
type Options struct {
	SSH    wire.SSHOptions
	Docker wire.DockerOptions
	K8s    wire.K8sOptions
	// Environ is the environment that configuration files and agents are looked up in, as NAME=value; nil is the host
	// process's own.
	Environ []string
	// Ask answers what a server wants to know during authentication; nil if nobody can be asked.
	Ask Asker
}

// An Asker answers a question of a server, such as a one-time code or the passphrase of a key. The answer is a secret.
type Asker func(ctx context.Context, q Question) (string, error)

// A Question is what a server or a key file wants to know.
type Question struct {
	// Kind is "password", "passphrase", "keyboard_interactive" or, whether an unknown key is believed, "host_key"; Target
	// is who asks.
	Kind, Target string
	// Text is the server's own words, quoted and cut.
	Text string
	// Echo says that the answer may be shown while it is typed.
	Echo bool
}

// An Opener makes the Transport of a target. rest is what follows "scheme://" in the URL; it is empty where the target
// was given as an object, whose fields are then in the options. Nothing need be connected yet.
type Opener func(ctx context.Context, rest string, o Options) (Transport, error)

// A Registry holds openers by scheme.
type Registry map[string]Opener
