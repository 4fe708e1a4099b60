package execkit

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/enforce"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/wire"
)

// A shell is one live shell of a session.
type shell interface {
	Run(ctx context.Context, c engine.Command) engine.Outcome
	Alive() bool
	PID() int
	Close()
}

// state is what a fresh shell takes over from the one before it.
type state struct {
	cwd string
	env map[string]string // the exported environment
}

// A target is where the shells of one session run.
type target interface {
	// open starts a shell with the directory and the exported environment of last, or, when last is nil, as the
	// session's configuration has them. It returns the state that the shell is in, and a hint if that is not last.
	open(ctx context.Context, last *state) (sh shell, now state, hint string, err error)
	// programs finds programs on the given PATH: their absolute paths by name.
	programs(ctx context.Context, names []string, path string) (map[string]string, error)
	// checkDir refuses a directory that a command cannot run in, if that can be told beforehand. sh is idle.
	checkDir(ctx context.Context, sh shell, dir string) error
	// drives refuses a command whose input stays open or that runs on a terminal, where the target cannot do that.
	drives(o *ExecOptions) error
	// files are those that file operations reach; firstDir is the real path of the directory in which the session opened.
	files() fileSystem
	firstDir() string
	// running returns which of these processes still run, as far as that can be told.
	running(pids []int) map[int]bool
	// apart says that a command runs in a shell of its own, which has the session's directory and environment and nothing
	// else of what earlier commands left, and leaves nothing to later ones.
	apart(o *ExecOptions) bool
	// describe fills in what a session tells about its target.
	describe(info *wire.SessionInfo)
	close() error
}

// localTarget runs shells as children of the host process.
type localTarget struct {
	shell   string
	first   state
	find    *finder
	confine *enforce.Confinement // nil for nothing
	temp    string               // the session's own directory for temporary files, or ""
	watch   bool                 // the shell tells its state
	limits  engine.Limits        // of each process
	ownTemp bool                 // the caller set TMPDIR
	sandbox *wire.SandboxOptions // nil where only the policy confines
}

func newLocalTarget(c *Config) (*localTarget, error) {
	t := &localTarget{}
	var err error
	if t.shell, err = c.shellPath(); err != nil {
		return nil, err
	}
	if t.first.cwd, err = c.directory(); err != nil {
		return nil, err
	}
	env, err := c.environment()
	if err != nil {
		return nil, err
	}
	t.first.env = make(map[string]string, len(env))
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		t.first.env[name] = value
	}
	_, t.ownTemp = c.Env["TMPDIR"]
	t.find = newFinder(t.first.env["PATH"], t.first.cwd)
	return t, nil
}

func (t *localTarget) open(ctx context.Context, last *state) (shell, state, string, error) {
	now, hint := t.first, ""
	if last != nil {
		now = *last
	}
	if dir := nearestDirectory(now.cwd); dir != now.cwd {
		hint = "the directory " + errdefs.Quote(now.cwd) + " is gone; the fresh shell is in " + errdefs.Quote(dir)
		now.cwd = dir
	}
	sh, err := engine.Start(ctx, engine.Options{Path: t.shell, Dir: now.cwd, Env: flatten(now.env), Confine: t.confine, Watch: t.watch, Limits: t.limits})
	if err != nil {
		return nil, now, "", errdefs.New(errdefs.Unavailable, "cannot start %s: %v", t.shell, err).
			WithHint("execkit doctor shows what is missing").WithCause(err)
	}
	return sh, now, hint, nil
}

func nearestDirectory(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (t *localTarget) programs(_ context.Context, names []string, _ string) (map[string]string, error) {
	found := make(map[string]string, len(names))
	for _, name := range names {
		if strings.Contains(name, "/") || policy.Builtin(name) {
			continue
		}
		if file := t.find.file(name); file != "" {
			found[name] = file
		}
	}
	return found, nil
}

func (*localTarget) checkDir(_ context.Context, _ shell, dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return errdefs.New(errdefs.InvalidArgument, "cwd: %s is not a directory", errdefs.Quote(dir)).
			WithHint("give the path of a directory that exists").WithDetail("field", "cwd")
	}
	return nil
}

func (*localTarget) drives(*ExecOptions) error { return nil }

func (*localTarget) files() fileSystem { return localFS{} }

func (t *localTarget) firstDir() string { return realPath(t.first.cwd) }

func (*localTarget) running(pids []int) map[int]bool {
	found := make(map[int]bool)
	for _, pid := range pids {
		found[pid] = unix.Kill(pid, 0) != unix.ESRCH
	}
	return found
}

func (*localTarget) apart(*ExecOptions) bool { return false }

func (t *localTarget) describe(info *wire.SessionInfo) {
	info.Transport, info.Target, info.Shell = "local", "local", t.shell
	if t.sandbox != nil {
		info.Transport, info.Target = "sandbox", "sandbox"
	}
	info.Capabilities = []string{"split_streams", "env_delta", "jobs", "stdin_open", "tty", "waiting_for_input", "signals"}
}

func (t *localTarget) close() error {
	if t.limits.Group != nil {
		t.limits.Group.Close()
	}
	if t.temp == "" {
		return nil
	}
	return os.RemoveAll(t.temp)
}
