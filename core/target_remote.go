package execkit

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/remote"
	"github.com/execkit/execkit/core/remote/files"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// remoteSchemes are the targets that a transport reaches, whether this program has it or not.
var remoteSchemes = []string{"ssh", "docker", "k8s"}

// newTarget reads what a session is to be opened on: "local" (or ""), scheme://rest, or the scheme alone where the
// options name the target.
func newTarget(ctx context.Context, name string, c *Config) (target, error) {
	switch name {
	case "", "local":
		return newTargetHere(c)
	case "sandbox":
		return newSandboxTarget(c)
	}
	scheme, rest, _ := strings.Cut(name, "://")
	if err := checkURL(scheme, rest); err != nil {
		return nil, err
	}
	opener, ok := c.Transports[scheme]
	if !ok {
		e := errdefs.New(errdefs.Unsupported, "this program has no transport for %s", errdefs.Quote(name)).WithDetail("field", "transport")
		known := append([]string{"local", "sandbox"}, slices.Sorted(maps.Keys(c.Transports))...)
		if slices.Contains(remoteSchemes, scheme) {
			return nil, e.WithHint("it was built without it; set Config.Transports, as core/transport/all has them")
		}
		return nil, e.WithHint("use one of %s", strings.Join(known, ", "))
	}
	shells, err := c.remoteShells()
	if err != nil {
		return nil, err
	}
	if err := checkEnv(c.Env); err != nil {
		return nil, err
	}
	t, err := opener(ctx, rest, transport.Options{SSH: c.SSH, Docker: c.Docker, K8s: c.K8s, Ask: c.Ask, Environ: c.HostEnv})
	if err != nil {
		return nil, err
	}
	return newRemoteTarget(t, c, shells), nil
}

// newRemoteTarget tries the shells in order; bash and then sh when there are none.
func newRemoteTarget(t transport.Transport, c *Config, shells []string) *remoteTarget {
	r := &remoteTarget{transport: t, host: remote.NewHost(t), config: c, shells: shells}
	r.far = files.New(r.openClerk)
	return r
}

// checkURL refuses a URL with a password, which would end up in process lists, logs and shell histories. The message
// must not hold it.
func checkURL(scheme, rest string) error {
	authority, _, _ := strings.Cut(rest, "/")
	user, _, ok := strings.Cut(authority, "@")
	if at := strings.LastIndexByte(authority, '@'); ok && strings.Contains(authority[:at], ":") {
		user, _, _ = strings.Cut(user, ":")
		return errdefs.New(errdefs.InvalidArgument, "transport: the URL of %s holds a password", errdefs.Quote(scheme+"://"+user+"@…")).
			WithHint("take it out of the URL; give it as the option ssh.password, or use a key").WithDetail("field", "transport")
	}
	return nil
}

// remoteShells are the shells to try on a target.
func (c *Config) remoteShells() ([]string, error) {
	if c.Shell == "" {
		return nil, nil
	}
	if base := path.Base(c.Shell); !slices.Contains(engine.Shells, base) || strings.ContainsAny(c.Shell, "\n\x00") {
		return nil, undriven(c.Shell, base)
	}
	return []string{c.Shell}, nil
}

// remoteTarget runs shells through a transport.
type remoteTarget struct {
	transport transport.Transport
	host      *remote.Host
	config    *Config
	shells    []string
	identity  string // of the machine, container or pod on which the session began
	first     string // the directory in which the session opened
	far       *files.Target
	shell     atomic.Pointer[string] // the path of the latest shell
}

// openClerk opens the program that reaches files, on the session's own machine only.
func (t *remoteTarget) openClerk(ctx context.Context, functions string) (*remote.Clerk, error) {
	c, err := t.host.OpenClerk(ctx, functions)
	if err != nil {
		return nil, err
	}
	if now := t.transport.Info().Identity; now != t.identity {
		c.Close()
		return nil, t.another(now)
	}
	return c, nil
}

// another says that the machine is not the session's.
func (t *remoteTarget) another(found string) error {
	return errdefs.New(errdefs.TargetNotFound, "another machine answers in the place of the session's").
		WithHint("open a new session if that is meant").WithDetail("expected", t.identity).WithDetail("found", found).WithSession(errdefs.Closed)
}

func (t *remoteTarget) files() fileSystem { return farFS{t.far} }

func (t *remoteTarget) firstDir() string { return t.first }

func (t *remoteTarget) running(pids []int) map[int]bool { return t.host.Running(pids) }

// environment is what a session adds to that of its login.
func (t *remoteTarget) environment() map[string]*string {
	env := make(map[string]*string)
	for _, entry := range agentEnv {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = &value
	}
	for _, name := range hostOnly {
		env[name] = nil
	}
	maps.Copy(env, t.config.Env)
	return env
}

func (t *remoteTarget) open(ctx context.Context, last *state) (shell, state, string, error) {
	o := remote.Options{Shells: t.shells, Env: t.environment(), Dir: t.config.Cwd}
	if last != nil {
		o.Whole, o.Dir, o.Nearest = last.env, last.cwd, true
	}
	sh, err := t.host.Start(ctx, o)
	if err != nil {
		return nil, state{}, "", err
	}
	if now := t.transport.Info().Identity; t.identity == "" {
		t.identity = now
	} else if now != t.identity {
		sh.Close()
		return nil, state{}, "", t.another(now)
	}
	path := sh.Path()
	t.shell.Store(&path)
	now, hint := state{cwd: sh.Cwd(), env: sh.Env()}, ""
	if t.first == "" {
		t.first = now.cwd
	}
	if last != nil && now.cwd != last.cwd {
		hint = "the directory " + errdefs.Quote(last.cwd) + " is gone; the fresh shell is in " + errdefs.Quote(now.cwd)
	}
	return sh, now, hint, nil
}

// programs asks a shell in which no command of the session ever runs.
func (t *remoteTarget) programs(ctx context.Context, names []string, searched string) (map[string]string, error) {
	return t.host.Programs(ctx, slices.DeleteFunc(slices.Clone(names), policy.Builtin), searched)
}

func (*remoteTarget) checkDir(ctx context.Context, sh shell, dir string) error {
	if r, ok := sh.(*remote.Shell); ok {
		return r.CheckDir(ctx, dir)
	}
	return nil
}

func (t *remoteTarget) drives(o *ExecOptions) error {
	if o.StdinOpen && o.TTY == nil && !t.host.Lends() {
		return errdefs.New(errdefs.Unsupported, "the target cannot keep a command's input open: it has no /proc through which programs share a pipe").
			WithHint("run it on a tty, or put the input into the command, as a here-document").WithDetail("field", "stdin")
	}
	return nil
}

func (*remoteTarget) apart(o *ExecOptions) bool { return o.TTY != nil }

func (t *remoteTarget) describe(info *wire.SessionInfo) {
	i := t.transport.Info()
	info.Transport, info.Target, info.Shell = i.Scheme, i.Target, ""
	if path := t.shell.Load(); path != nil {
		info.Shell = *path
	}
	info.Capabilities = append([]string{"split_streams", "env_delta", "jobs", "signals", "tty"}, i.Capabilities...)
	if t.host.Lends() {
		info.Capabilities = append(info.Capabilities, "stdin_open")
	}
	slices.Sort(info.Capabilities)
	info.Capabilities = slices.Compact(info.Capabilities)
}

func (t *remoteTarget) close() error {
	t.far.Close()
	t.host.Close()
	return t.transport.Close()
}
