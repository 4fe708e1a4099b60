package execkit

import (
	"context"
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/snapshot"
	"github.com/execkit/execkit/core/wire"
)

// SaveSnapshot saves the state of the session, encrypted: directory, the variables that changed since it opened,
// functions, aliases, options and umask.
func (s *Session) SaveSnapshot(ctx context.Context, r wire.SnapshotSave) (*wire.SnapshotSaved, error) {
	keys := snapshot.Keys{Passphrase: r.Passphrase, Recipients: r.Recipients}
	if err := keys.Check(); err != nil {
		return nil, err
	}
	release, err := s.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	st, err := s.shellState(ctx, true)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	state := s.snapshotState(st)
	if !r.IncludeSecrets {
		s.leaveSecretsOut(&state)
	}
	data, err := snapshot.Seal(state, keys)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	saved := &wire.SnapshotSaved{Bytes: len(data), Variables: len(state.Set) + len(state.Unset), Functions: len(state.Functions), Aliases: len(state.Aliases), Redacted: append([]string{}, state.Redacted...)}
	if !st.listed {
		saved.Incomplete = []string{"functions"}
	}
	if _, err := s.record(audit.Snapshot, map[string]any{"op": "save", "path": redactText(s.redact, r.Path), "bytes": len(data), "secrets": r.IncludeSecrets}); err != nil {
		return nil, err
	}
	if r.Path == "" {
		saved.DataB64 = base64.StdEncoding.EncodeToString(data)
		return saved, nil
	}
	saved.Path, err = filepath.Abs(r.Path)
	if err == nil {
		err = writePrivate(saved.Path, data)
	}
	if err != nil {
		return nil, errdefs.New(errdefs.Unavailable, "the snapshot cannot be written: %v", err).WithHint("give the path of a file in a directory that can be written").WithCause(err)
	}
	return saved, nil
}

// writePrivate replaces a file as a whole; nobody but the owner can read it.
func writePrivate(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".execkit-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (s *Session) snapshotState(st *shellState) snapshot.State {
	info := s.Info()
	s.mu.Lock()
	defer s.mu.Unlock()
	state := snapshot.State{
		CreatedMS: time.Now().UnixMilli(), Execkit: Version, Target: info.Target, Shell: info.Shell, Cwd: s.cwd,
		Functions: maps.Clone(st.functions), Aliases: maps.Clone(st.aliases), Options: st.options, Shopt: st.shopt, Umask: st.umask,
	}
	if delta := envDelta(s.firstEnv, s.env); delta != nil {
		state.Set, state.Unset = delta.Set, delta.Unset
	}
	return state
}

// leaveSecretsOut drops what the redaction would change: half a function is none.
func (s *Session) leaveSecretsOut(state *snapshot.State) {
	drop := func(kind string, values map[string]string, hide func(name, value string) string) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if hide(name, values[name]) != values[name] {
				delete(values, name)
				state.Redacted = append(state.Redacted, kind+" "+name)
			}
		}
	}
	text := func(_, value string) string { return redactText(s.redact, value) }
	drop("variable", state.Set, func(name, value string) string { return redactValue(s.redact, name, value) })
	drop("function", state.Functions, text)
	drop("alias", state.Aliases, text)
	state.Cwd = redactText(s.redact, state.Cwd)
}

// LoadSnapshot reads and decrypts a snapshot from a file, or from data where path is empty.
func LoadSnapshot(path string, data []byte, passphrase string, identities []string) (*Snapshot, error) {
	if path != "" {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			return nil, errdefs.New(errdefs.InvalidArgument, "the snapshot %s is not a file", errdefs.Quote(path)).WithDetail("field", "path")
		}
		if err == nil {
			data, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "the snapshot cannot be read: %v", err).WithHint("give the path of a file that snapshot.save wrote").WithDetail("field", "path")
		}
	}
	state, err := snapshot.Unseal(data, snapshot.Keys{Passphrase: passphrase, Identities: identities})
	if err != nil {
		return nil, err
	}
	return &Snapshot{state: *state}, nil
}

// A Snapshot is the state of a session, read from a file.
type Snapshot struct{ state snapshot.State }

// A restorer puts a snapshot into a session.
type restorer struct {
	s   *Session
	out *wire.SnapshotRestored
}

// RestoreSnapshot opens a session as the configuration says and gives it the state of the snapshot. What the policy
// refuses is left out and told: functions and aliases are judged as the code that they are, and everything else as the
// commands that set it.
func RestoreSnapshot(ctx context.Context, target string, snap *Snapshot, config Config) (*Session, *wire.SnapshotRestored, error) {
	r := restorer{out: &wire.SnapshotRestored{Restored: []string{}, Refused: []wire.Refused{}, Redacted: append([]string{}, snap.state.Redacted...)}}
	st := &snap.state
	if err := r.environment(st, &config); err != nil {
		return nil, nil, err
	}
	s, err := Open(ctx, target, config)
	if err != nil {
		return nil, nil, err
	}
	r.s = s
	if config.Cwd == "" && st.Cwd != "" {
		r.run(ctx, "cwd", st.Cwd, "cd -- "+engine.Quote(st.Cwd))
	}
	if err := r.shell(ctx, st); err != nil {
		_ = s.Close()
		return nil, nil, err
	}
	if _, err := s.record(audit.Snapshot, map[string]any{"op": "restore", "restored": len(r.out.Restored), "refused": len(r.out.Refused)}); err != nil {
		_ = s.Close()
		return nil, nil, err
	}
	r.out.SessionInfo = s.Info()
	return s, r.out, nil
}

func (r *restorer) refuse(kind, name, reason string) {
	r.out.Refused = append(r.out.Refused, wire.Refused{Kind: kind, Name: name, Reason: reason})
}

func (r *restorer) done(kind, name string) { r.out.Restored = append(r.out.Restored, kind+" "+name) }

// environment adds the snapshot's variables to the configuration, whose own ones win.
func (r *restorer) environment(st *snapshot.State, c *Config) error {
	g, err := newGuard(c)
	if err != nil {
		return err
	}
	env := make(map[string]*string)
	add := func(name string, value *string) {
		if _, own := c.Env[name]; own {
			return
		}
		one := map[string]*string{name: value}
		switch err := checkEnv(one); {
		case err != nil:
			r.refuse("variable", name, errdefs.From(err).Message)
		case slices.Contains(hostOnly, name) || strings.HasPrefix(name, "BASH_FUNC_"):
			r.refuse("variable", name, "the shell itself reads or runs it")
		default:
			if err := g.admitEnv(one); err != nil {
				r.refuse("variable", name, errdefs.From(err).Message)
				return
			}
			env[name] = value
			r.done("variable", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(st.Set)) {
		value := st.Set[name]
		add(name, &value)
	}
	for _, name := range st.Unset {
		add(name, nil)
	}
	maps.Copy(env, c.Env)
	c.Env = env
	return nil
}

// run has the session run a command of the snapshot, judged as any other.
func (r *restorer) run(ctx context.Context, kind, name, text string) {
	result, err := r.s.Exec(ctx, text, ExecOptions{})
	switch {
	case err != nil:
		r.refuse(kind, name, errdefs.From(err).Message)
	case result.ExitCode == nil || *result.ExitCode != 0:
		r.refuse(kind, name, strings.TrimSpace(result.Stderr))
	default:
		r.done(kind, name)
	}
}

// shell restores what only the shell knows. errexit is last, since a refused step would end the shell.
func (r *restorer) shell(ctx context.Context, st *snapshot.State) error {
	release, err := r.s.hold()
	if err != nil {
		return err
	}
	now, err := r.s.shellState(ctx, false)
	release()
	if err != nil {
		return err
	}
	bash := r.s.speaksBash()
	if st.Umask != "" && st.Umask != now.umask {
		if strings.Trim(st.Umask, "01234567") != "" {
			r.refuse("umask", st.Umask, "it is not an octal number")
		} else {
			r.run(ctx, "umask", st.Umask, "umask "+st.Umask)
		}
	}
	if bash {
		r.options(ctx, "shopt -s ", "shopt -u ", st.Shopt, now.shopt, settableShopt)
	}
	r.functions(ctx, st.Functions, bash)
	r.aliases(ctx, st.Aliases)
	r.options(ctx, "set -o ", "set +o ", st.Options, now.options, []string{"allexport", "braceexpand", "noclobber", "noglob", "nounset", "pipefail", "errtrace", "functrace", "errexit"})
	return nil
}

// settableShopt are the options that change how commands are read, and neither how the shell starts nor what it shows.
var settableShopt = strings.Fields(`autocd cdable_vars checkhash compat31 compat32 compat40 compat41 compat42 compat43 compat44 direxpand dotglob
	execfail expand_aliases extglob failglob globasciiranges globskipdots globstar gnu_errfmt lastpipe localvar_inherit localvar_unset
	nocaseglob nocasematch noexpand_translation nullglob patsub_replacement shift_verbose sourcepath xpg_echo`)

func (r *restorer) options(ctx context.Context, on, off string, want, now, known []string) {
	if want == nil {
		return
	}
	for _, name := range known {
		has, is := slices.Contains(want, name), slices.Contains(now, name)
		switch {
		case has && !is:
			r.run(ctx, "option", name, on+name)
		case is && !has && name != "braceexpand":
			r.run(ctx, "option", name, off+name)
		}
	}
}

func (r *restorer) functions(ctx context.Context, functions map[string]string, bash bool) {
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if !bash {
			r.refuse("function", name, "the function is one of bash, and the new session's shell is not")
			continue
		}
		// The text must define this function and do nothing else.
		if !definesOnly(functions[name], name) {
			r.refuse("function", name, "the text is not that of a function of this name")
			continue
		}
		r.run(ctx, "function", name, functions[name])
	}
}

// definesOnly reports whether a text defines one function and does nothing else.
func definesOnly(text, name string) bool {
	script, err := command.Parse(text, command.Limits{})
	if err != nil || !slices.Equal(script.Functions(), []string{name}) {
		return false
	}
	return !slices.ContainsFunc(script.Commands(), func(c command.Command) bool { return c.Func != name })
}

// aliases are judged twice: what they stand for, and the command that defines them.
func (r *restorer) aliases(ctx context.Context, aliases map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(aliases)) {
		if strings.ContainsAny(name, " \t\n'\"\\$`=;&|<>(){}") {
			r.refuse("alias", name, "the name is not one of an alias")
			continue
		}
		if err := r.s.judgeAlone(ctx, aliases[name]); err != nil {
			r.refuse("alias", name, errdefs.From(err).Message)
			continue
		}
		r.run(ctx, "alias", name, "alias -- "+engine.Quote(name+"="+aliases[name]))
	}
}

// judgeAlone has the policy judge a text that does not run now.
func (s *Session) judgeAlone(ctx context.Context, text string) error {
	release, err := s.hold()
	if err != nil {
		return err
	}
	defer release()
	if v, err := s.guard.judge(text); err != nil || v.decision.Decision == policy.Allow {
		return err
	}
	return s.permit(ctx, text, nil)
}
