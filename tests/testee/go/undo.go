package main

import (
	"context"
	"encoding/json"
	"fmt"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

// undo performs the methods beside commands.
func undo(ctx context.Context, s *execkit.Session, r *request) (any, error) {
	switch r.Method {
	case "session.state":
		return s.State(ctx)
	case "checkpoint.create":
		return with(r, func(p wire.CheckpointCreate) (any, error) { return s.Checkpoint(ctx, p.Label) })
	case "checkpoint.list":
		return s.Checkpoints(ctx)
	case "checkpoint.diff":
		return with(r, func(p wire.CheckpointDiffRequest) (any, error) { return s.DiffCheckpoint(ctx, p, nil) })
	case "checkpoint.restore":
		return with(r, func(p wire.CheckpointRestore) (any, error) { return s.RestoreCheckpoint(ctx, p, nil) })
	case "snapshot.save":
		return with(r, func(p wire.SnapshotSave) (any, error) { return s.SaveSnapshot(ctx, p) })
	case "file.read":
		return with(r, func(p wire.FileRead) (any, error) { return s.ReadFile(ctx, p) })
	case "file.write":
		return with(r, func(p wire.FileWrite) (any, error) { return s.WriteFile(ctx, p) })
	case "file.list":
		return with(r, func(p wire.FileRef) (any, error) { return s.ListFiles(ctx, p) })
	case "file.stat":
		return with(r, func(p wire.FileRef) (any, error) { return s.StatFile(ctx, p) })
	}
	return nil, fmt.Errorf("unknown method %s", r.Method)
}

func with[P any](r *request, fn func(P) (any, error)) (any, error) {
	var p P
	if err := json.Unmarshal(r.raw, &p); err != nil {
		return nil, err
	}
	return fn(p)
}
