package docker

import (
	"context"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// Engines makes transports that share the connections to each engine. The zero value is ready.
type Engines struct {
	mu      sync.Mutex
	clients map[endpoint]*shared
}

// A shared client is closed with its last user.
type shared struct {
	*client.Client
	users int
}

// Open makes the transport of a container. It is a [transport.Opener] for the scheme docker: the container is looked
// up at once, so that a wrong name or one that does not run is told here.
func (e *Engines) Open(ctx context.Context, rest string, o transport.Options) (transport.Transport, error) {
	options := o.Docker
	name, err := containerName(rest, options.Container)
	if err != nil {
		return nil, err
	}
	if err := check(options); err != nil {
		return nil, err
	}
	where, err := resolve(options, os.Getenv)
	if err != nil {
		return nil, err
	}
	c, release, err := e.share(where)
	if err != nil {
		return nil, err
	}
	t := &Transport{client: c, release: release, where: where, name: name, options: options, open: make(map[*process]bool)}
	if err := t.find(ctx); err != nil {
		release()
		return nil, err
	}
	return t, nil
}

func (e *Engines) share(where endpoint) (c *client.Client, release func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.clients[where]
	if s == nil {
		c, err := where.connect()
		if err != nil {
			return nil, nil, err
		}
		if e.clients == nil {
			e.clients = make(map[endpoint]*shared)
		}
		s = &shared{Client: c}
		e.clients[where] = s
	}
	s.users++
	var once sync.Once
	return s.Client, func() {
		once.Do(func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			if s.users--; s.users == 0 {
				delete(e.clients, where)
				_ = s.Close()
			}
		})
	}, nil
}

// validName is the engine's own rule for container names, which ids keep too.
var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$`)

func containerName(rest, option string) (string, error) {
	rest = strings.TrimSuffix(rest, "/")
	switch {
	case rest == "":
		rest = option
	case option != "" && option != rest:
		return "", errdefs.New(errdefs.InvalidArgument, "docker: the URL and the option container name different containers").
			WithHint("give one of them").WithDetail("field", "docker.container")
	}
	if rest == "" {
		return "", errdefs.New(errdefs.InvalidArgument, "docker: no container is named").
			WithHint("give docker://name-or-id; docker ps shows those that run").WithDetail("field", "docker.container")
	}
	if !validName.MatchString(rest) {
		return "", errdefs.New(errdefs.InvalidArgument, "docker: %s is no name or id of a container", errdefs.Quote(rest)).
			WithHint("a name is letters, digits, '_', '.' and '-', and begins with a letter or digit").WithDetail("field", "docker.container")
	}
	return rest, nil
}

var (
	validUser = regexp.MustCompile(`^[^\x00-\x20:]+(:[^\x00-\x20:]+)?$`)
	validEnv  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func check(o wire.DockerOptions) error {
	wrong := func(field, value, hint string) error {
		return errdefs.New(errdefs.InvalidArgument, "docker: %s: %s cannot be used", field, errdefs.Quote(value)).
			WithHint("%s", hint).WithDetail("field", "docker."+field)
	}
	if o.User != "" && !validUser.MatchString(o.User) {
		return wrong("user", o.User, "give name, uid, name:group or uid:gid")
	}
	if o.Workdir != "" && (!path.IsAbs(o.Workdir) || strings.ContainsRune(o.Workdir, 0)) {
		return wrong("workdir", o.Workdir, "give an absolute path in the container")
	}
	for name, value := range o.Env {
		if !validEnv.MatchString(name) || value != nil && strings.ContainsRune(*value, 0) {
			return wrong("env", name, "a name is letters, digits and '_', not first a digit; a value holds no NUL")
		}
	}
	return nil
}

// A Transport opens programs in one container.
type Transport struct {
	client  *client.Client
	release func()
	where   endpoint
	name    string // as the user gave it
	options wire.DockerOptions

	mu          sync.Mutex
	id, started string // the container, and the start of it that the transport was opened on
	closed      bool
	open        map[*process]bool
	watching    bool
	ended       context.CancelFunc // of the watch
}

// find looks the container up and holds on to it.
func (t *Transport) find(ctx context.Context) error {
	c, err := t.look(ctx, t.name)
	if err != nil {
		return err
	}
	t.id, t.started = c.ID, c.State.StartedAt
	return nil
}

// look returns a container that programs can be started in.
func (t *Transport) look(ctx context.Context, name string) (*container.InspectResponse, error) {
	result, err := t.client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return nil, t.explain(err)
	}
	c := result.Container
	if c.State == nil || c.ID == "" {
		return nil, errdefs.New(errdefs.Unavailable, "the Docker engine at %s tells nothing of container %s", t.where.host, errdefs.Quote(t.name))
	}
	switch s := c.State; {
	case s.Paused:
		return nil, errdefs.New(errdefs.Unavailable, "container %s is paused", errdefs.Quote(t.name)).WithHint("docker unpause %s", t.name)
	case s.Restarting:
		return nil, errdefs.New(errdefs.Unavailable, "container %s is restarting, after its program ended with %d", errdefs.Quote(t.name), s.ExitCode).
			WithHint("docker logs %s shows why it does not stay up", t.name)
	case !s.Running:
		return nil, errdefs.New(errdefs.Unavailable, "container %s does not run; it is %s", errdefs.Quote(t.name), errdefs.Quote(string(s.Status))).
			WithHint("docker start %s", t.name).WithDetail("exit_code", s.ExitCode)
	}
	return &c, nil
}

// Info describes the container; its identity is its id and when it was started.
func (t *Transport) Info() transport.Info {
	t.mu.Lock()
	defer t.mu.Unlock()
	return transport.Info{Scheme: "docker", Target: t.name, Identity: t.id + " " + t.started, Capabilities: []string{"tty"}}
}

// Open starts a program. It is refused with target_not_found when the container is another, or was started anew: its
// processes and what they held are gone.
func (t *Transport) Open(ctx context.Context, o transport.OpenOptions) (transport.Process, error) {
	if err := t.same(ctx); err != nil {
		return nil, err
	}
	created, err := t.client.ExecCreate(ctx, t.id, t.request(o))
	if err != nil {
		return nil, t.explain(err)
	}
	attached, err := t.client.ExecAttach(ctx, created.ID, client.ExecAttachOptions{TTY: o.TTY != nil})
	if err != nil {
		return nil, t.explainStart(err, o.Argv)
	}
	p := newProcess(t, created.ID, o, attached.HijackedResponse)
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		_ = p.Close()
		return nil, errdefs.New(errdefs.SessionClosed, "the transport is closed")
	}
	t.open[p] = true
	t.mu.Unlock()
	go p.read()
	return p, nil
}

func (t *Transport) request(o transport.OpenOptions) client.ExecCreateOptions {
	r := client.ExecCreateOptions{
		User: t.options.User, Privileged: t.options.Privileged, WorkingDir: t.options.Workdir,
		AttachStdin: true, AttachStdout: true, AttachStderr: o.TTY == nil, Cmd: o.Argv,
	}
	for name, value := range t.options.Env {
		if value != nil {
			r.Env = append(r.Env, name+"="+*value)
		} else {
			r.Env = append(r.Env, name) // the engine removes a variable that has no value
		}
	}
	slices.Sort(r.Env)
	if o.TTY != nil {
		r.TTY = true
		r.ConsoleSize = client.ConsoleSize{Height: uint(o.TTY.Rows), Width: uint(o.TTY.Cols)}
	}
	return r
}

// same makes sure that the container is the one the transport was opened on, still runs, and is watched.
func (t *Transport) same(ctx context.Context) error {
	c, err := t.look(ctx, t.id)
	if errdefs.From(err) != nil && errdefs.From(err).Code == errdefs.TargetNotFound {
		e := errdefs.New(errdefs.TargetNotFound, "container %s was removed", errdefs.Quote(t.name)).WithSession(errdefs.Closed).
			WithHint("open a new session if another one took its place")
		if other, err := t.client.ContainerInspect(ctx, t.name, client.ContainerInspectOptions{}); err == nil && other.Container.ID != t.id {
			e.Message += "; another one has its name"
			e.WithDetail("id", other.Container.ID)
		}
		return e
	}
	if err != nil {
		return err
	}
	if c.State.StartedAt != t.started {
		return errdefs.New(errdefs.TargetNotFound, "container %s was started anew", errdefs.Quote(t.name)).WithSession(errdefs.Closed).
			WithHint("what ran in it is gone; open a new session")
	}
	t.watch()
	return nil
}

// Close ends the connections of all programs.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	if t.ended != nil {
		t.ended()
	}
	open := t.open
	t.open = make(map[*process]bool)
	t.mu.Unlock()
	for p := range open {
		_ = p.Close()
	}
	t.release()
	return nil
}
