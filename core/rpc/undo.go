package rpc

import (
	"context"

	execkit "github.com/execkit/execkit/core"
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
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return session.DiffCheckpoint(ctx, *r, nil)
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
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return struct{}{}, session.DeleteCheckpoint(ctx, r.Checkpoint, nil)
}
