package cli

import (
	"flag"
	"fmt"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// exitPartly is the status of checkpoint restore where something could not be restored or was left alone.
const exitPartly = 1

// checkpointFlags are those of the words of checkpoint.
type checkpointFlags struct {
	session            sessionFlags
	label              string
	paths              []string
	maxBytes           int
	preview, overwrite bool
}

var checkpointWords = []string{"create", "list", "diff", "restore", "delete"}

func checkpointCommand() command {
	return command{
		name: "checkpoint", args: " create|list|diff|restore|delete [ID]", summary: "Save the files of a directory, and see or take back what changed",
		words: checkpointWords,
		examples: []string{
			"execkit checkpoint create --workspace /srv/project --label 'before the agent'",
			"execkit exec --workspace /srv/project -- make   # saves by itself before a command that may write",
			"execkit checkpoint list --workspace /srv/project",
			"execkit checkpoint diff ID | less               # since then; diff ID ID2 between the two",
			"execkit checkpoint restore ID --preview         # what a restore would do",
		},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			f := checkpointFlags{session: sessionFlags{transport: "local"}}
			w := &f.session.workspace
			f.session.bindRecord(fs)
			fs.StringVar(&w.Path, "workspace", ".", "the `DIR` whose files are saved")
			fs.StringVar(&w.Store, "store", "", "the `DIR` that checkpoints are kept in")
			fs.BoolVar(&w.AllowWide, "allow-wide", false, "let / or a home directory be the workspace")
			fs.Func("ignore", "do not save what matches this `PATTERN`, as in .gitignore; may be given again", appendTo(&w.Ignore))
			fs.Func("part", "save only this `PATH` of the workspace; may be given again", appendTo(&w.Paths))
			fs.StringVar(&f.label, "label", "", "create: a `TEXT` to know it by")
			fs.Func("path", "diff: only this `PATH`; may be given again", appendTo(&f.paths))
			fs.IntVar(&f.maxBytes, "max-bytes", 0, "diff: at most so many `BYTES`, 256 KiB by default")
			fs.BoolVar(&f.preview, "preview", false, "restore: only tell what it would do")
			fs.BoolVar(&f.overwrite, "overwrite", false, "restore: also what was changed by others than commands")
			return func(a *app, args []string) (int, error) { return runCheckpoint(a, fs, &f, args) }
		},
	}
}

// appendTo returns the setter of a flag that may be given again.
func appendTo(list *[]string) func(string) error {
	return func(text string) error {
		*list = append(*list, text)
		return nil
	}
}

func runCheckpoint(a *app, fs *flag.FlagSet, f *checkpointFlags, args []string) (int, error) {
	words, err := interleaved(fs, "checkpoint", args)
	if err != nil {
		return 0, err
	}
	if len(words) == 0 {
		return 0, errdefs.New(errdefs.InvalidArgument, "checkpoint: say create, list, diff, restore or delete").WithHint("execkit checkpoint list --workspace DIR")
	}
	word, err := oneOf("checkpoint", "word", checkpointWords, words[:1])
	if err != nil {
		return 0, err
	}
	ids := words[1:]
	// The number of ids that each word takes.
	least, most := 1, 1
	switch word {
	case "create", "list":
		least, most = 0, 0
	case "diff":
		most = 2
	}
	switch {
	case len(ids) < least:
		return 0, errdefs.New(errdefs.InvalidArgument, "checkpoint %s: the checkpoint is missing", word).WithHint("execkit checkpoint list shows the ids")
	case len(ids) > most:
		return 0, errdefs.New(errdefs.InvalidArgument, "checkpoint %s: one argument too many: %s", word, errdefs.Quote(ids[most])).
			WithHint("execkit help checkpoint shows the usage")
	}
	if f.session.workspace.Path == "" {
		return 0, errdefs.New(errdefs.InvalidArgument, "checkpoint: --workspace is empty").WithHint("leave it out for the current directory")
	}
	server := rpc.NewServer()
	defer server.Close()
	session, err := f.session.open(a, server)
	if err != nil {
		return 0, err
	}
	switch word {
	case "create":
		return createCheckpoint(a, server, wire.CheckpointCreate{SessionID: session, Label: f.label})
	case "list":
		return listCheckpoints(a, server, session)
	case "diff":
		r := wire.CheckpointDiffRequest{SessionID: session, Checkpoint: ids[0], Paths: f.paths, MaxBytes: f.maxBytes}
		if len(ids) == 2 {
			r.Against = ids[1]
		}
		return diffCheckpoint(a, server, &r)
	case "restore":
		return restoreCheckpoint(a, server, &wire.CheckpointRestore{SessionID: session, Checkpoint: ids[0], Preview: f.preview, Overwrite: f.overwrite})
	}
	return deleteCheckpoint(a, server, &wire.CheckpointRef{SessionID: session, Checkpoint: ids[0]})
}

func createCheckpoint(a *app, server *rpc.Server, r wire.CheckpointCreate) (int, error) {
	c, err := do[wire.Checkpoint](a, server, "checkpoint.create", r)
	if err != nil {
		return 0, err
	}
	if a.json {
		a.ok(c)
		return exitOK, nil
	}
	fmt.Fprintln(a.stdout, c.ID)
	fmt.Fprintf(a.stderr, "execkit: %d files, %d bytes saved\n", c.Files, c.Bytes)
	if c.Unsaved > 0 {
		fmt.Fprintf(a.stderr, "execkit: %d were not saved: too large, unreadable, special files or mount points\n", c.Unsaved)
	}
	return exitOK, nil
}

func listCheckpoints(a *app, server *rpc.Server, session string) (int, error) {
	list, err := do[wire.CheckpointList](a, server, "checkpoint.list", wire.SessionRef{SessionID: session})
	if err != nil {
		return 0, err
	}
	if a.json {
		a.ok(list)
		return exitOK, nil
	}
	for _, c := range list.Checkpoints {
		fmt.Fprintln(a.stdout, checkpointLine(c))
	}
	if len(list.Checkpoints) == 0 {
		fmt.Fprintf(a.stderr, "execkit: no checkpoints of %s\n", plain(list.Workspace))
	}
	return exitOK, nil
}

// checkpointLine is a checkpoint for a person; a star marks the one that the workspace stands on.
func checkpointLine(c wire.Checkpoint) string {
	mark := " "
	if c.Current {
		mark = "*"
	}
	line := fmt.Sprintf("%s %s %s %7d files %11d bytes", mark, c.ID, time.UnixMilli(c.CreatedMS).Format("2006-01-02 15:04:05"), c.Files, c.Bytes)
	if c.Label != "" {
		line += "  " + plain(c.Label)
	}
	if c.Changed > 0 {
		line += fmt.Sprintf(" (%d changed)", c.Changed)
	}
	return line
}

func diffCheckpoint(a *app, server *rpc.Server, r *wire.CheckpointDiffRequest) (int, error) {
	d, err := server.Diff(a.ctx, r, a.ask)
	if err != nil {
		return 0, unasked(err)
	}
	if a.json {
		a.ok(d)
		return exitOK, nil
	}
	if _, err := fmt.Fprint(a.stdout, d.Patch); err != nil {
		return 0, errdefs.New(errdefs.Unavailable, "writing the output: %v", err)
	}
	if d.Truncated {
		fmt.Fprintln(a.stderr, "execkit: the patch was shortened and cannot be applied; --path takes less of it, --max-bytes shows more")
	}
	return exitOK, nil
}

func restoreCheckpoint(a *app, server *rpc.Server, r *wire.CheckpointRestore) (int, error) {
	done, err := server.Restore(a.ctx, r, a.ask)
	if err != nil {
		return 0, unasked(err)
	}
	status := exitOK
	if len(done.Failed)+len(done.Conflicts) > 0 {
		status = exitPartly
	}
	if a.json {
		a.ok(done)
		return status, nil
	}
	for _, c := range done.Changes {
		fmt.Fprintf(a.stdout, "%-7s %s\n", c.Do, plain(c.Path.Path))
	}
	if all := done.Created + done.Replaced + done.Deleted + done.Modes; all > len(done.Changes) {
		fmt.Fprintf(a.stderr, "execkit: and %d more\n", all-len(done.Changes))
	}
	for _, list := range []struct {
		what  string
		notes []wire.RestoreNote
	}{{"left alone", done.Conflicts}, {"kept", done.Kept}, {"failed", done.Failed}} {
		for _, n := range list.notes {
			fmt.Fprintf(a.stderr, "execkit: %s: %s: %s\n", list.what, plain(n.Path.Path), plain(n.Reason))
		}
	}
	if len(done.Conflicts) > 0 {
		fmt.Fprintln(a.stderr, "execkit: --overwrite restores what was left alone")
	}
	if done.Saved != "" {
		fmt.Fprintf(a.stderr, "execkit: restored; execkit checkpoint restore %s takes that back\n", done.Saved)
	}
	return status, nil
}

func deleteCheckpoint(a *app, server *rpc.Server, r *wire.CheckpointRef) (int, error) {
	if err := server.DeleteCheckpoint(a.ctx, r, a.ask); err != nil {
		return 0, unasked(err)
	}
	if a.json {
		a.ok(struct{}{})
	} else {
		fmt.Fprintf(a.stderr, "execkit: %s was deleted\n", plain(r.Checkpoint))
	}
	return exitOK, nil
}
