package execkit

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/enforce"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/wire"
)

// The kernel's part of the fence: what the policies grant, worked out as rules for core/enforce.

// plan gathers what a session's policies want of the kernel.
type plan struct {
	policies []*policy.Policy // those that deny by default
	require  bool
	off      string               // why there is nothing to enforce, or ""
	confined *wire.SandboxOptions // the session is a sandbox
}

func (g *guard) plan() plan {
	p := plan{off: "the policy does not deny by default"}
	on := false
	for _, one := range g.policies {
		if !one.Denies() {
			continue
		}
		p.policies = append(p.policies, one)
		p.require = p.require || one.Enforce == "require"
		on = on || one.Enforce != "off"
	}
	switch {
	case on:
		p.off = ""
	case len(p.policies) > 0:
		p.off = `the policy says enforce "off"`
	}
	return p
}

// confine works out what the kernel enforces, and returns what session.create says of it. Under "require" it fails where
// that cannot be had; under "auto" the answer says what is missing.
func confine(t target, g *guard) (says map[string]any, err error) {
	if local, ok := t.(*localTarget); ok {
		// Not where the kernel confines the session: the shell that is asked is outside.
		g.reads = func(text string) (reads, known bool) {
			if local.confine != nil {
				return false, false
			}
			return engine.Reads(context.Background(), local.shell, text)
		}
		local.watch = g.fence
		g.remembers = g.fence && engine.Watches(local.shell)
	}
	plan := g.plan()
	local, isLocal := t.(*localTarget)
	if isLocal && local.sandbox != nil {
		plan.sandbox(local.sandbox)
	}
	says = map[string]any{"kernel": false}
	if plan.off != "" {
		says["reason"] = plan.off
		return says, nil
	}
	says["requested"] = requested(plan)
	kernel := enforce.Probe()
	why := ""
	switch {
	case !isLocal:
		var info wire.SessionInfo
		t.describe(&info)
		why = "what runs over " + info.Transport + " is another machine's; only the parser's part stands there"
	case !kernel.Enforces():
		why = "the kernel lacks " + strings.Join(kernel.Missing, "; ")
		says["missing"] = kernel.Missing
	default:
		n, err := local.needs(plan, g)
		if err == nil {
			err = local.build(n, says)
		}
		if err == nil {
			return says, nil
		}
		why = err.Error()
	}
	says["reason"] = why
	switch {
	case plan.confined != nil:
		return nil, errdefs.New(errdefs.Unsupported, "a sandbox cannot be had: %s", why).
			WithHint("execkit doctor shows what is missing; use \"local\" if the session may run unconfined").
			WithDetail("field", "transport").WithDetail("missing", kernel.Missing)
	case plan.require:
		return nil, errdefs.New(errdefs.Unsupported, "policy: enforce \"require\" cannot be had: %s", why).
			WithHint("execkit doctor shows what is missing; with enforce \"auto\" the session opens and the parser's part alone holds").
			WithDetail("field", "enforce").WithDetail("missing", kernel.Missing)
	}
	return says, nil
}

func requested(p plan) string {
	if p.require || p.confined != nil {
		return "require"
	}
	return "auto"
}

// build makes the confinement and completes says.
func (t *localTarget) build(n needs, says map[string]any) error {
	temp, err := newTemp()
	if err != nil {
		return fmt.Errorf("no directory for temporary files: %w", err)
	}
	env := t.first.env
	rules := enforce.Rules{
		Shell: t.shell, Programs: n.programs, AnyProgram: n.any != "", ProgramDirs: filepath.SplitList(env["PATH"]),
		Write: n.write, Read: n.read, Temp: temp, Network: n.network, Ports: n.ports,
	}
	for _, open := range []string{env["HOME"], t.first.cwd} {
		if filepath.IsAbs(open) {
			rules.Open = append(rules.Open, open)
		}
	}
	if t.confine, err = enforce.New(rules); err != nil {
		_ = os.RemoveAll(temp)
		return err
	}
	t.temp = temp
	if !t.ownTemp {
		env["TMPDIR"] = temp
	}
	if n.any == "" {
		t.quietGit()
	}
	maps.Copy(says, map[string]any{
		"kernel": true, "landlock": enforce.Probe().Landlock, "seccomp": true, "no_new_privs": true, "temp": temp,
		"write": append([]string{}, n.write...), "network": n.networkSays(), "missing": append([]string{}, t.confine.Missing()...),
	})
	if n.any != "" {
		says["programs"] = "any"
	} else {
		says["programs"] = append([]string{}, n.programs[:min(len(n.programs), maxTold)]...)
	}
	if n.read != nil {
		says["read"] = n.read
	}
	if len(n.because) > 0 {
		says["because"] = n.because
	}
	return nil
}

// quietGit has git leave out what a repository's own settings would start: it may not be executed, and a commit would
// fail for a hook. GIT_OPTIONAL_LOCKS keeps a status from writing.
func (t *localTarget) quietGit() {
	env := t.first.env
	if t.find.files["git"] == "" || env["GIT_CONFIG_COUNT"] != "" {
		return
	}
	maps.Copy(env, map[string]string{
		"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": "/dev/null",
		"GIT_CONFIG_KEY_1": "core.fsmonitor", "GIT_CONFIG_VALUE_1": "false", "GIT_OPTIONAL_LOCKS": "0",
	})
}

// maxTold bounds the list of programs in an answer.
const maxTold = 200

// needs are the rules of all policies together: what one of them does not grant is not granted.
type needs struct {
	programs []string
	any      string
	write    []string
	read     []string // nil for everything
	network  bool
	ports    []uint16
	// because says for what is wide which entry asks for it.
	because map[string]string
}

func (t *localTarget) needs(plan plan, g *guard) (needs, error) {
	var parts []needs
	if plan.confined != nil {
		parts = append(parts, t.sandboxNeeds(plan.confined))
	}
	for _, p := range plan.policies {
		one, err := t.needsOf(p, g)
		if err != nil {
			return needs{}, err
		}
		parts = append(parts, one)
	}
	all := parts[0]
	for _, one := range parts[1:] {
		all = all.and(one)
	}
	return all, nil
}

// and returns what both grant.
func (n needs) and(one needs) needs {
	n.programs = slices.DeleteFunc(n.programs, func(f string) bool { return one.any == "" && !slices.Contains(one.programs, f) })
	if n.any != "" && one.any == "" {
		n.programs, n.any = one.programs, ""
		delete(n.because, "programs")
	}
	n.write = common(n.write, one.write)
	switch {
	case n.read == nil:
		n.read = one.read
	case one.read != nil:
		n.read = common(n.read, one.read)
	}
	switch {
	case !one.network:
		n.network, n.ports = false, nil
	case n.network && n.ports == nil:
		n.ports = one.ports
	case one.ports != nil:
		n.ports = slices.DeleteFunc(n.ports, func(port uint16) bool { return !slices.Contains(one.ports, port) })
	}
	return n
}

func (t *localTarget) needsOf(p *policy.Policy, g *guard) (needs, error) {
	told := p.Needs()
	n := needs{any: told.Any, because: make(map[string]string)}
	for _, name := range told.Programs {
		file := t.find.file(name)
		if file == "" {
			if strings.Contains(name, "/") {
				g.absent(name)
			}
			continue
		}
		// A host that runs as root has such rights already.
		if info, err := os.Stat(file); err == nil && info.Mode()&os.ModeSetuid != 0 && os.Geteuid() != 0 {
			return n, fmt.Errorf("%s has to gain rights, which no confined process can; grant it in a session of its own", errdefs.Quote(name))
		}
		n.programs = append(n.programs, file)
		// A script of the project's own starts what it names.
		if strings.Contains(name, "/") && enforce.Script(file) {
			for _, field := range []*string{&n.any, &told.Writes, &told.Network} {
				if *field == "" {
					*field = name + " is a script"
				}
			}
		}
	}
	slices.Sort(n.programs)
	n.programs = slices.Compact(n.programs)
	if n.any != "" {
		n.because["programs"] = n.any
	}
	switch home := t.first.env["HOME"]; {
	case p.WriteSet():
		for _, tree := range p.WritePaths() {
			if !filepath.IsAbs(tree) {
				tree = filepath.Join(t.first.cwd, tree)
			}
			n.write = append(n.write, tree)
		}
	case told.Writes != "":
		n.because["write"] = told.Writes
		n.write = append(n.write, t.first.cwd)
		for _, cache := range told.Caches {
			if tree := filepath.Join(home, cache); filepath.IsAbs(home) && isDir(tree) {
				n.write = append(n.write, tree)
			}
		}
	}
	switch word := p.Network(); {
	case !word.Auto:
		n.network, n.ports = word.All || len(word.Ports) > 0, word.Ports
	case told.Network != "":
		n.network = true
		n.because["network"] = told.Network
	case t.remoteDocker():
		n.network = true
		n.because["network"] = "DOCKER_HOST"
	}
	return n, nil
}

// remoteDocker: a daemon that is not reached through a socket of this machine needs the network.
func (t *localTarget) remoteDocker() bool {
	host := t.first.env["DOCKER_HOST"]
	return t.find.files["docker"] != "" && host != "" && !strings.HasPrefix(host, "unix:")
}

func (n needs) networkSays() any {
	switch {
	case !n.network:
		return false
	case n.ports != nil:
		return n.ports
	}
	return true
}

// common returns the trees that are in both lists.
func common(a, b []string) []string {
	var both []string
	within := func(path string, trees []string) bool {
		return slices.ContainsFunc(trees, func(tree string) bool {
			return path == tree || tree == "/" || strings.HasPrefix(path, tree+"/")
		})
	}
	for i, list := range [][]string{a, b} {
		for _, tree := range list {
			if within(tree, [][]string{b, a}[i]) && !slices.Contains(both, tree) {
				both = append(both, tree)
			}
		}
	}
	return both
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// tempPrefix begins the name of a session's directory for temporary files; the host's pid follows.
const tempPrefix = "execkit-tmp-"

var sweepTemps sync.Once

// newTemp makes a directory for temporary files. Without one, a sort of a large file or a long here-document fails in a
// session that may write nowhere.
func newTemp() (string, error) {
	sweepTemps.Do(removeStaleTemps)
	return os.MkdirTemp("", tempPrefix+strconv.Itoa(os.Getpid())+"-")
}

// removeStaleTemps removes what hosts left that were killed.
func removeStaleTemps() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"[0-9]*-*"))
	for _, path := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), tempPrefix), "-")
		n, err := strconv.Atoi(pid)
		var stat unix.Stat_t
		if err != nil || unix.Kill(n, 0) != unix.ESRCH || unix.Lstat(path, &stat) != nil || int(stat.Uid) != os.Getuid() || stat.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		_ = os.RemoveAll(path)
	}
}
