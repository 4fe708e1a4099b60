package docker

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// explain turns an error of the engine, or of the way to it, into the contract's.
func (t *Transport) explain(err error) error {
	var own *errdefs.Error
	switch {
	case errors.As(err, &own):
		return own
	case cerrdefs.IsNotFound(err):
		return errdefs.New(errdefs.TargetNotFound, "there is no container %s at the Docker engine %s", errdefs.Quote(t.name), t.where.host).
			WithHint("docker ps -a shows those that there are").WithCause(err)
	case cerrdefs.IsUnauthorized(err), cerrdefs.IsPermissionDenied(err) && !client.IsErrConnectionFailed(err) && !errors.Is(err, fs.ErrPermission):
		return errdefs.New(errdefs.Unauthenticated, "the Docker engine at %s refuses the request: %s", t.where.host, errdefs.Quote(err.Error())).
			WithHint("it may be behind a proxy that forbids exec, or want another TLS certificate").WithCause(err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EACCES), strings.Contains(err.Error(), "permission denied"):
		return t.noPermission(err)
	case client.IsErrConnectionFailed(err), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return errdefs.New(errdefs.Unavailable, "no Docker engine answers at %s", t.where.host).
			WithHint("start it (systemctl start docker), or name another with docker.host, docker.context or DOCKER_HOST").
			WithDetail("reason", errdefs.Quote(err.Error())).WithCause(err)
	case cerrdefs.IsConflict(err):
		return errdefs.New(errdefs.Unavailable, "container %s cannot start programs: %s", errdefs.Quote(t.name), errdefs.Quote(err.Error())).
			WithHint("docker ps -a shows its state").WithCause(err)
	}
	return errdefs.New(errdefs.Unavailable, "the Docker engine at %s failed: %s", t.where.host, errdefs.Quote(err.Error())).WithCause(err)
}

// noPermission names the group that owns the socket, which is what its user has to join.
func (t *Transport) noPermission(err error) error {
	e := errdefs.New(errdefs.Unavailable, "this user may not use the Docker engine's socket %s", t.where.host).WithCause(err)
	path := strings.TrimPrefix(t.where.host, "unix://")
	info, statErr := os.Stat(path)
	if statErr != nil {
		return e.WithHint("join the group that owns it, or run as another user")
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return e.WithHint("join the group that owns it, or run as another user")
	}
	group := strconv.FormatUint(uint64(stat.Gid), 10)
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return e.WithHint("it belongs to the group %s: add the user to it (usermod -aG %s USER) and log in again", group, group).WithDetail("group", group)
}

// Explain reads what older engines say in the place of a program that they could not start.
func (p *process) Explain(e transport.Exit, said string) error {
	if e.Code != 126 && e.Code != 127 {
		return nil
	}
	return p.t.notStarted(said, p.argv)
}

// explainStart explains why a program did not start.
func (t *Transport) explainStart(err error, argv []string) error {
	if e := t.notStarted(err.Error(), argv); e != nil {
		return e
	}
	return t.explain(err)
}

// notStarted reads the engine's reasons; nil for one that is not known.
func (t *Transport) notStarted(text string, argv []string) error {
	wrong := func(field, value, what string) error {
		return errdefs.New(errdefs.InvalidArgument, "docker: %s: container %s has no %s %s", field, errdefs.Quote(t.name), what, errdefs.Quote(value)).
			WithHint("give one that is there").WithDetail("field", "docker."+field)
	}
	switch {
	case t.options.User != "" && (strings.Contains(text, "unable to find user") || strings.Contains(text, "unable to find group")):
		return wrong("user", t.options.User, "user")
	case t.options.Workdir != "" && strings.Contains(text, "chdir to cwd"):
		return wrong("workdir", t.options.Workdir, "directory")
	case strings.Contains(text, "executable file not found"),
		strings.Contains(text, `exec: "`) && (strings.Contains(text, "exec format error") || strings.Contains(text, "permission denied")):
		return t.noShell(argv)
	case strings.Contains(text, "/proc/"):
		return errdefs.New(errdefs.Unavailable, "container %s has no /proc, without which its engine starts no program there", errdefs.Quote(t.name)).
			WithHint("keep /proc mounted in the container")
	case strings.Contains(text, "no such file or directory"):
		return t.noShell(argv)
	}
	return nil
}

func (t *Transport) noShell(argv []string) error {
	return errdefs.New(errdefs.ShellNotFound, "container %s has no %s", errdefs.Quote(t.name), errdefs.Quote(argv[0])).
		WithHint("its image has no shell; use one with bash, or with busybox's or dash's sh")
}
