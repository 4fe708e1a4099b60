package execkit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/checkpoint"
	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/wire"
)

// Workspace says which files checkpoints hold.
type Workspace = wire.Workspace

// LoadWorkspace reads the workspace option of the contract: a path or an object.
func LoadWorkspace(raw json.RawMessage) (*Workspace, error) {
	w := &Workspace{}
	if len(raw) > 0 && raw[0] == '"' {
		return w, wire.Decode(raw, &w.Path)
	}
	if err := wire.Decode(raw, w); err != nil {
		e := errdefs.From(err)
		e.Message = "workspace: " + e.Message
		return nil, e
	}
	return w, nil
}

// undo is the part of a session that saves and restores files.
type undo struct {
	files *checkpoint.Workspace
	auto  bool
	watch writeWatch // guarded by the session's running
}

func (s *Session) openWorkspace(ctx context.Context) error {
	c := s.config.Workspace
	if c == nil {
		return nil
	}
	if c.Path == "" {
		return errdefs.New(errdefs.InvalidArgument, "workspace: the path is missing").WithHint(`{"path":"/srv/project"}`).WithDetail("field", "workspace")
	}
	root := c.Path
	if !filepath.IsAbs(root) {
		root = filepath.Join(s.cwd, root)
	}
	o := checkpoint.Options{
		Root: root, Wide: c.AllowWide, Store: c.Store, Ignore: c.Ignore, Paths: c.Paths,
		MaxBytes: c.MaxBytes, MaxFileBytes: c.MaxFileBytes, MaxFiles: c.MaxFiles,
	}
	if t, ok := s.target.(*remoteTarget); ok {
		if err := t.farWorkspace(ctx, &o); err != nil {
			return err
		}
	}
	files, err := checkpoint.Open(o)
	if err != nil {
		return err
	}
	s.undo = &undo{files: files, auto: c.Auto == nil || *c.Auto}
	return nil
}

// beforeCommand saves the workspace, or only looks at it, before a command that may write. The session must be held.
func (s *Session) beforeCommand(ctx context.Context, text string, env map[string]*string) (*checkpoint.Mark, error) {
	if s.undo == nil || !s.undo.watch.mayWrite(text, command.Limits{}) && len(env) == 0 {
		return nil, nil
	}
	return s.markWrite(ctx, text)
}

func (s *Session) markWrite(ctx context.Context, what string) (*checkpoint.Mark, error) {
	mark, err := s.undo.files.Begin(ctx, redactText(s.redact, what), s.undo.auto, s.busyBehind())
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	return mark, nil
}

// afterCommand notes what a command changed; a failure to do so is no failure of the command. It returns a hint or "".
func (s *Session) afterCommand(ctx context.Context, mark *checkpoint.Mark, jobs []engine.Process) string {
	s.noteJobs(jobs)
	if mark == nil {
		return ""
	}
	if _, err := mark.End(context.WithoutCancel(ctx)); err != nil {
		return "what the command changed in the workspace could not be noted: " + errdefs.From(s.hideSecrets(err)).Message
	}
	return ""
}

// busyBehind reports whether processes that earlier commands left behind still run.
func (s *Session) busyBehind() bool { return len(s.liveJobs()) > 0 }

// hold takes the session for a call that is no command.
func (s *Session) hold() (release func(), err error) {
	s.meter.touch()
	if err := s.usable(); err != nil {
		return nil, err
	}
	if !s.running.TryLock() {
		return nil, errdefs.New(errdefs.SessionBusy, "session %s runs another command", s.id).
			WithHint("wait for it, or use a second session")
	}
	return s.running.Unlock, nil
}

// workspace returns the workspace, and the session held; release must be called.
func (s *Session) workspace() (u *undo, release func(), err error) {
	if release, err = s.hold(); err != nil {
		return nil, nil, err
	}
	if s.undo == nil {
		release()
		return nil, nil, errdefs.New(errdefs.InvalidArgument, "session %s has no workspace", s.id).
			WithHint("open the session with a workspace: the directory whose files are to be saved")
	}
	return s.undo, release, nil
}

// permit has the policy judge something that is not run by the shell, as the command that it would be there, and a person
// asked where the policy wants one. The session must be held.
func (s *Session) permit(ctx context.Context, text string, approve Approver) error {
	v, err := s.guard.judge(text)
	p := &proposal{session: s, command: text, verdict: v}
	if err != nil {
		return p.blocked(s.hideSecrets(err))
	}
	if v.decision.Decision != policy.Ask {
		return nil
	}
	if approve == nil {
		approve = s.config.Approve
	}
	if _, err := p.approval(ctx, approve); err != nil {
		return p.blocked(s.hideSecrets(err))
	}
	if p.command != text {
		return p.blocked(s.hideSecrets(p.refused("a person put another command in its place, and only this one could be done here", nil)))
	}
	return nil
}

// Checkpoint saves the workspace as it is.
func (s *Session) Checkpoint(ctx context.Context, label string) (*wire.Checkpoint, error) {
	u, release, err := s.workspace()
	if err != nil {
		return nil, err
	}
	defer release()
	r, err := u.files.Save(ctx, redactText(s.redact, label), s.busyBehind())
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	c := checkpointOf(r, r.ID)
	if _, err := s.record(audit.Checkpoint, map[string]any{"op": "create", "checkpoint": r.ID, "label": r.Label, "files": r.Files, "bytes": r.Bytes}); err != nil {
		return nil, err
	}
	return &c, nil
}

func checkpointOf(r *checkpoint.Record, head string) wire.Checkpoint {
	return wire.Checkpoint{
		ID: r.ID, Label: r.Label, Auto: r.Auto, Command: r.Command, Changed: r.Changed, Parent: r.Parent, Current: r.ID == head,
		CreatedMS: r.CreatedMS, Files: r.Files, Bytes: r.Bytes, Unsaved: r.Unsaved,
	}
}

// Checkpoints lists the checkpoints of the workspace, also those of other sessions, the oldest first.
func (s *Session) Checkpoints(ctx context.Context) (*wire.CheckpointList, error) {
	u, release, err := s.workspace()
	if err != nil {
		return nil, err
	}
	defer release()
	all, head, err := u.files.List(ctx)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	list := &wire.CheckpointList{Workspace: redactText(s.redact, u.files.Root()), Checkpoints: make([]wire.Checkpoint, 0, len(all))}
	for i := range all {
		list.Checkpoints = append(list.Checkpoints, checkpointOf(&all[i], head))
	}
	return list, nil
}

// maxDiffBytes bounds what a caller may ask for.
const maxDiffBytes = 16 << 20

// DiffCheckpoint returns how the workspace, or the checkpoint r.Against, differs from a checkpoint. The policy judges it as
// the command "execkit checkpoint diff ID", since it shows what files hold.
func (s *Session) DiffCheckpoint(ctx context.Context, r wire.CheckpointDiffRequest, approve Approver) (*wire.CheckpointDiff, error) {
	u, release, err := s.workspace()
	if err != nil {
		return nil, err
	}
	defer release()
	if r.MaxBytes < 0 || r.MaxBytes > maxDiffBytes {
		return nil, errdefs.New(errdefs.InvalidArgument, "max_bytes: %d is out of range", r.MaxBytes).WithHint("give 1 to %d", maxDiffBytes).WithDetail("field", "max_bytes")
	}
	if err := s.permit(ctx, "execkit checkpoint diff "+engine.Quote(r.Checkpoint), approve); err != nil {
		return nil, err
	}
	diffs, err := u.files.Diff(ctx, r.Checkpoint, checkpoint.DiffOptions{Against: r.Against, Paths: r.Paths, MaxBytes: r.MaxBytes})
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	d := &wire.CheckpointDiff{Checkpoint: r.Checkpoint, Against: r.Against, Files: make([]wire.FileDiff, 0, len(diffs))}
	var patch strings.Builder
	for i := range diffs {
		f := &diffs[i]
		one := wire.FileDiff{Path: wire.PathOf(f.Path), Change: f.Change, OldBytes: f.OldSize, NewBytes: f.NewSize, Binary: f.Binary, Truncated: f.Truncated}
		if f.OldKind != 0 {
			one.OldKind, one.OldMode = f.OldKind.String(), octal(f.OldMode)
		}
		if f.NewKind != 0 {
			one.NewKind, one.NewMode = f.NewKind.String(), octal(f.NewMode)
		}
		d.Truncated = d.Truncated || f.Truncated
		d.Files = append(d.Files, one)
		patch.WriteString(f.Patch)
	}
	d.Patch = redactText(s.redact, strings.ToValidUTF8(patch.String(), "\uFFFD"))
	return d, nil
}

func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }

// RestoreCheckpoint puts the workspace back to a checkpoint, or with r.Preview tells what that would do. The policy judges
// it as the command "execkit checkpoint restore ID"; what a person approves is bound to the very changes that the
// preview shows.
func (s *Session) RestoreCheckpoint(ctx context.Context, r wire.CheckpointRestore, approve Approver) (*wire.CheckpointRestored, error) {
	u, release, err := s.workspace()
	if err != nil {
		return nil, err
	}
	defer release()
	o := checkpoint.RestoreOptions{Overwrite: r.Overwrite, Busy: s.busyBehind()}
	plan, err := u.files.Preview(ctx, r.Checkpoint, o)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	told := restoredOf(plan)
	if r.Preview {
		told.Preview = true
		return told, nil
	}
	text := fmt.Sprintf("execkit checkpoint restore %s # %d created, %d replaced, %d deleted, %d modes; plan %.16s",
		plan.Checkpoint, told.Created, told.Replaced, told.Deleted, told.Modes, plan.Digest)
	if err := s.permit(ctx, text, approve); err != nil {
		return nil, err
	}
	o.Digest = plan.Digest
	// What is about to change is on record before anything does.
	if _, err := s.record(audit.Restore, map[string]any{
		"op": "begin", "checkpoint": plan.Checkpoint, "overwrite": r.Overwrite, "plan": plan.Digest,
		"created": told.Created, "replaced": told.Replaced, "deleted": told.Deleted, "modes": told.Modes, "conflicts": len(plan.Conflicts),
	}); err != nil {
		return nil, err
	}
	done, err := u.files.Restore(ctx, r.Checkpoint, o)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	told = restoredOf(&done.Plan)
	told.Saved = done.Saved.ID
	told.Failed = notes(done.Failed)
	s.enterAgain(ctx, &done.Plan)
	_, err = s.record(audit.Restore, map[string]any{"op": "end", "checkpoint": plan.Checkpoint, "saved": told.Saved, "failed": len(done.Failed)})
	return told, err
}

// maxListed bounds the lists of a restore's result.
const maxListed = 1000

func restoredOf(plan *checkpoint.Plan) *wire.CheckpointRestored {
	r := &wire.CheckpointRestored{Checkpoint: plan.Checkpoint, Changes: []wire.RestoreChange{}, Conflicts: notes(plan.Conflicts), Kept: notes(plan.Kept), Failed: []wire.RestoreNote{}}
	count := map[string]*int{"create": &r.Created, "replace": &r.Replaced, "delete": &r.Deleted, "mode": &r.Modes}
	for _, step := range plan.Steps {
		*count[step.Do]++
		if len(r.Changes) < maxListed {
			r.Changes = append(r.Changes, wire.RestoreChange{Path: wire.PathOf(step.Path), Do: step.Do, Kind: step.Kind.String()})
		}
	}
	return r
}

func notes(list []checkpoint.Note) []wire.RestoreNote {
	out := make([]wire.RestoreNote, 0, min(len(list), maxListed))
	for _, n := range list[:min(len(list), maxListed)] {
		out = append(out, wire.RestoreNote{Path: wire.PathOf(n.Path), Reason: n.Why})
	}
	return out
}

// enterAgain takes the shell back to its directory where a restore made that anew: a shell stays in the removed one.
func (s *Session) enterAgain(ctx context.Context, plan *checkpoint.Plan) {
	const removed = " (deleted)" // the kernel's words
	s.mu.Lock()
	sh, dir := s.shell, strings.TrimSuffix(s.cwd, removed)
	gone := dir != s.cwd
	s.mu.Unlock()
	if _, far := s.target.(*remoteTarget); far { // where a shell is told by its own words
		gone = s.madeAnew(plan, dir)
	}
	if !gone || sh == nil || s.target.checkDir(ctx, sh, dir) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	s.settle(sh.Run(ctx, engine.Command{Dir: dir, Text: ":", Own: true, Timeout: undoTimeout, Stdout: io.Discard, Stderr: io.Discard}))
}

// madeAnew reports whether a restore made a directory, or one above it.
func (s *Session) madeAnew(plan *checkpoint.Plan, dir string) bool {
	return slices.ContainsFunc(plan.Steps, func(step checkpoint.Step) bool {
		made := filepath.Join(s.undo.files.Root(), step.Path)
		return (step.Do == "create" || step.Do == "replace") && step.Kind == checkpoint.Dir && (made == dir || strings.HasPrefix(dir, made+"/"))
	})
}

// DeleteCheckpoint removes a checkpoint. The policy judges it as the command "execkit checkpoint delete ID".
func (s *Session) DeleteCheckpoint(ctx context.Context, id string, approve Approver) error {
	u, release, err := s.workspace()
	if err != nil {
		return err
	}
	defer release()
	if err := s.permit(ctx, "execkit checkpoint delete "+engine.Quote(id), approve); err != nil {
		return err
	}
	if _, err := s.record(audit.Checkpoint, map[string]any{"op": "delete", "checkpoint": redactText(s.redact, id)}); err != nil {
		return err
	}
	if err := u.files.Delete(ctx, id); err != nil {
		return s.hideSecrets(err)
	}
	return nil
}
