package rpc

import (
	"context"
	"encoding/base64"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

func (s *Server) checkpointCreate(ctx context.Context, r *wire.CheckpointCreate) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.Checkpoint(ctx, r.Label)
}

func (s *Server) checkpointList(ctx context.Context, r *wire.SessionRef) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.Checkpoints(ctx)
}

func (s *Server) checkpointDiff(ctx context.Context, r *wire.CheckpointDiffRequest) (any, error) {
	return s.Diff(ctx, r, nil)
}

// Diff is checkpoint.diff for a Go caller that can ask a person itself, as [Server.Restore] is checkpoint.restore.
func (s *Server) Diff(ctx context.Context, r *wire.CheckpointDiffRequest, approve execkit.Approver) (*wire.CheckpointDiff, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.DiffCheckpoint(ctx, *r, approve)
}

func (s *Server) checkpointRestore(ctx context.Context, r *wire.CheckpointRestore) (any, error) {
	return s.Restore(ctx, r, nil)
}

// Restore is checkpoint.restore for a Go caller that can ask a person itself. Without an approver nobody can be asked.
func (s *Server) Restore(ctx context.Context, r *wire.CheckpointRestore, approve execkit.Approver) (*wire.CheckpointRestored, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.RestoreCheckpoint(ctx, *r, approve)
}

func (s *Server) checkpointDelete(ctx context.Context, r *wire.CheckpointRef) (any, error) {
	return struct{}{}, s.DeleteCheckpoint(ctx, r, nil)
}

// DeleteCheckpoint is checkpoint.delete for a Go caller that can ask a person itself.
func (s *Server) DeleteCheckpoint(ctx context.Context, r *wire.CheckpointRef, approve execkit.Approver) error {
	session, err := s.session(r.SessionID)
	if err != nil {
		return err
	}
	return session.DeleteCheckpoint(ctx, r.Checkpoint, approve)
}

func (s *Server) sessionState(ctx context.Context, r *wire.SessionRef) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.State(ctx)
}

func (s *Server) snapshotSave(ctx context.Context, r *wire.SnapshotSave) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.SaveSnapshot(ctx, *r)
}

func (s *Server) snapshotRestore(ctx context.Context, r *wire.SnapshotRestore) (any, error) {
	if (r.Path == "") == (r.DataB64 == "") {
		return nil, errdefs.New(errdefs.InvalidArgument, "path and data_b64: exactly one of them is needed").WithDetail("field", "path")
	}
	data, err := base64.StdEncoding.DecodeString(r.DataB64)
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "data_b64 is not base64: %v", err).WithDetail("field", "data_b64")
	}
	snap, err := execkit.LoadSnapshot(r.Path, data, r.Passphrase, r.Identities)
	if err != nil {
		return nil, err
	}
	target, config, err := s.configOf(&r.Session)
	if err != nil {
		return nil, err
	}
	return s.opens(ctx, r.Session.Ask, func(ctx context.Context) (any, error) {
		session, restored, err := execkit.RestoreSnapshot(ctx, target, snap, config)
		if err != nil {
			return nil, err
		}
		return restored, s.adopt(ctx, session)
	})
}

func (s *Server) fileRead(ctx context.Context, r *wire.FileRead) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.ReadFile(ctx, *r)
}

func (s *Server) fileWrite(ctx context.Context, r *wire.FileWrite) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.WriteFile(ctx, *r)
}

func (s *Server) fileList(ctx context.Context, r *wire.FileRef) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.ListFiles(ctx, *r)
}

func (s *Server) fileStat(ctx context.Context, r *wire.FileRef) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.StatFile(ctx, *r)
}
