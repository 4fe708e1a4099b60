package execkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// DefaultTimeout is the deadline of a command for which neither the session nor the call sets one.
const DefaultTimeout = 30 * time.Second

// Config says how a session opens. The zero value is a local bash with the host's environment and directory.
type Config struct {
	// Cwd is the first directory; the host process's own when empty.
	Cwd string
	// Env is added to the base environment; a nil value removes a variable. BaseEnv is that environment as
	// NAME=value; the host process's own when nil, none when empty and not nil.
	Env     map[string]*string
	BaseEnv []string
	// Shell is the name or absolute path of a bash, dash or busybox; bash when empty, and sh where there is none.
	Shell string
	// Timeout is the default deadline of a command: DefaultTimeout when 0, none when negative.
	Timeout time.Duration
	// CloseOnExit closes the session when a command ends the shell; otherwise the next command gets a fresh one.
	CloseOnExit bool
	// Budget is the default budget of a command.
	Budget *wire.Budget
	// Policy decides which commands run; nil allows everything but asks before destructive commands. Approve answers what
	// the policy asks; without it an ask blocks.
	// Narrow, if set, must let a command run too: with it a caller who is not trusted can only take away.
	Policy, Narrow *Policy
	Approve        Approver
	// ApprovalTimeout is how long a question to a person stands, one of a server too: ten minutes when 0.
	ApprovalTimeout time.Duration
	// Redact says what is hidden from results; nil hides what the built-in rules find.
	Redact *RedactOptions
	// Transports are the ways to other machines that the session may use, by scheme; only "local" when nil.
	// core/transport/all has those of this module. A program that sets none links none.
	Transports transport.Registry
	// SSH, Docker and K8s are the options of these transports, and Ask answers what a server asks while the session
	// connects; nil if nobody can be asked. What it answers is hidden from then on, as a secret that was written.
	SSH    wire.SSHOptions
	Docker wire.DockerOptions
	K8s    wire.K8sOptions
	// Sandbox are the options of the target "sandbox".
	Sandbox SandboxOptions
	Ask     transport.Asker
	// HostEnv is the host's environment as its caller sees it, as NAME=value: a transport looks for agents and
	// configurations in it. The process's own when nil.
	HostEnv []string
	// Reconnect says whether a session whose connection broke opens a new one for the next command, with directory and
	// exported environment restored; nil is true. A command that was cut off is never run again.
	Reconnect *bool
	// Quotas bound what the session's commands use in all. IdleTimeout ends the session after so long without a call and
	// without a running command; 0 is never.
	Quotas      Quotas
	IdleTimeout time.Duration
	// Workspace, if set, is the directory whose files checkpoints save and restore.
	Workspace *Workspace
	// Audit, if set, is the tamper-evident log in which everything is recorded; a session whose log cannot be written
	// does not open.
	Audit *AuditOptions
	// Telemetry, if set, takes spans and measurements; Traceparent is the caller's place in a trace, as W3C Trace
	// Context has it, below which the session's span stands.
	Telemetry   telemetry.Sink
	Traceparent string
	// Label is free text for the caller's own use.
	Label string
}

// agentEnv keeps programs from waiting for a person: pagers, editors and credential prompts. A value of the base
// environment is replaced, one of Config.Env wins.
var agentEnv = []string{
	"PAGER=cat", "GIT_PAGER=cat", "SYSTEMD_PAGER=cat", "MANPAGER=cat", "GIT_TERMINAL_PROMPT=0", "GIT_EDITOR=true",
	"DEBIAN_FRONTEND=noninteractive", "TERM=dumb",
}

// hostOnly are variables of the host's own shell that would change how a session's shell starts or behaves.
var hostOnly = []string{"BASH_ENV", "ENV", "POSIXLY_CORRECT", "SHELLOPTS", "BASHOPTS", "PROMPT_COMMAND", "PS1", "TIMEFORMAT", "OLDPWD"}

// environment returns the shell's environment, sorted, each name once.
func (c *Config) environment() ([]string, error) {
	base := c.BaseEnv
	if base == nil {
		base = os.Environ()
	}
	values := make(map[string]string, len(base))
	for _, entry := range slices.Concat(base, agentEnv) {
		name, value, ok := strings.Cut(entry, "=")
		// An exported function (BASH_FUNC_x%%) of the host is code that the session did not define.
		if ok && name != "" && !slices.Contains(hostOnly, name) && !strings.HasPrefix(name, "BASH_FUNC_") {
			values[name] = value
		}
	}
	if err := checkEnv(c.Env); err != nil {
		return nil, err
	}
	for name, value := range c.Env {
		if value == nil {
			delete(values, name)
		} else {
			values[name] = *value
		}
	}
	return flatten(values), nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkEnv refuses what the shell could not export (POSIX XBD 3.216, Name) or no process can have.
func checkEnv(env map[string]*string) error {
	for name, value := range env {
		if !variableName.MatchString(name) || value != nil && strings.ContainsRune(*value, 0) {
			return errdefs.New(errdefs.InvalidArgument, "env: %s is not a variable that a shell can export", errdefs.Quote(name)).
				WithHint("a name is letters, digits and '_', not first a digit; a value holds no NUL").WithDetail("field", "env")
		}
	}
	return nil
}

func flatten(values map[string]string) []string {
	env := make([]string, 0, len(values))
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// directory returns the first directory as an absolute path that exists.
func (c *Config) directory() (string, error) {
	dir, err := filepath.Abs(c.Cwd)
	if err != nil {
		return "", errdefs.New(errdefs.InvalidArgument, "cwd: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", errdefs.New(errdefs.InvalidArgument, "cwd: %s is not a directory", errdefs.Quote(dir)).
			WithHint("give the path of a directory that exists")
	}
	return dir, nil
}

// shellPath finds the shell. Without a choice it is bash, and sh where there is none.
func (c *Config) shellPath() (string, error) {
	names := []string{c.Shell}
	if c.Shell == "" {
		names = []string{"bash", "sh"}
	}
	for _, name := range names {
		if base := filepath.Base(name); !slices.Contains(engine.Shells, base) {
			return "", undriven(name, base)
		}
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errdefs.New(errdefs.ShellNotFound, "no shell %s on this machine", strings.Join(names, " or ")).
		WithHint("install bash, or give the absolute path of a shell")
}

// undriven refuses a shell that there is no driver for, wherever it runs.
func undriven(shell, name string) error {
	e := errdefs.New(errdefs.Unsupported, "shell %s cannot be driven", errdefs.Quote(shell)).
		WithHint("use one of %s", strings.Join(engine.Shells, ", ")).WithDetail("field", "shell")
	if name == "zsh" {
		e.Message += ": in zsh a session's own functions, aliases and hooks can stand in for every word that would report a result"
		e.WithHint("use bash, and run what needs zsh as a program: zsh -c '…'")
	}
	return e
}
