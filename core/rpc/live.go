package rpc

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// waitFor bounds ctx by timeout_ms.
func waitFor(ctx context.Context, ms *int64) (context.Context, context.CancelFunc, error) {
	wait := defaultWait
	if ms != nil {
		if *ms < 0 || *ms > maxTimeoutMS {
			return nil, nil, errdefs.New(errdefs.InvalidArgument, "timeout_ms: %d is out of range", *ms).WithDetail("field", "timeout_ms")
		}
		wait = time.Duration(*ms) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	return ctx, cancel, nil
}

func (s *Server) execWrite(ctx context.Context, r *wire.ExecWrite) (any, error) {
	running, err := s.startedCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	parent := ctx
	ctx, cancel, err := waitFor(ctx, r.TimeoutMS)
	if err != nil {
		return nil, err
	}
	defer cancel()
	keys := r.Keys
	if r.Key != "" {
		keys = append([]string{r.Key}, keys...)
	}
	data := []byte(r.Data)
	if r.DataB64 != nil {
		if data, err = base64.StdEncoding.DecodeString(*r.DataB64); err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "data_b64 is not base64: %v", err).WithDetail("field", "data_b64")
		}
		if r.Data != "" {
			return nil, errdefs.New(errdefs.InvalidArgument, "data and data_b64 are both given").WithHint("give one of them")
		}
	}
	if len(keys) > 0 && r.Secret {
		return nil, errdefs.New(errdefs.InvalidArgument, "secret: a named key is no secret").WithHint("give the secret as data, ended by a newline")
	}
	for _, key := range keys {
		// Before anything is written: half a sequence of keys can be another command to the program.
		if _, err := execkit.KeyBytes(key); err != nil {
			return nil, err
		}
	}
	if len(data) > 0 || len(keys) == 0 && !r.Close {
		if err := running.Write(ctx, data, execkit.WriteOptions{To: r.To, Secret: r.Secret}); err != nil {
			return nil, err
		}
	}
	if len(keys) > 0 {
		if err := running.Keys(ctx, keys...); err != nil {
			return nil, err
		}
	}
	if r.Close {
		if err := running.CloseStdin(ctx); err != nil {
			return nil, err
		}
	}
	if r.YieldMS != nil {
		if *r.YieldMS < 0 || *r.YieldMS > maxTimeoutMS {
			return nil, errdefs.New(errdefs.InvalidArgument, "yield_ms: %d is out of range", *r.YieldMS).WithDetail("field", "yield_ms")
		}
		return running.Follow(parent, time.Duration(*r.YieldMS)*time.Millisecond)
	}
	return struct{}{}, nil
}

func (s *Server) sessionInterrupt(_ context.Context, r *wire.SessionInterrupt) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	reached, err := session.Interrupt(r.Signal)
	if err != nil {
		return nil, err
	}
	return wire.ExecSignalResult{Reached: reached}, nil
}

func (s *Server) execCloseStdin(ctx context.Context, r *wire.ExecRef) (any, error) {
	running, err := s.startedCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	return struct{}{}, running.CloseStdin(ctx)
}

func (s *Server) execSignal(_ context.Context, r *wire.ExecSignal) (any, error) {
	running, err := s.startedCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	reached, err := running.Signal(r.Signal)
	if err != nil {
		return nil, err
	}
	return wire.ExecSignalResult{Reached: reached}, nil
}

func (s *Server) execResize(_ context.Context, r *wire.ExecResize) (any, error) {
	running, err := s.startedCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	return struct{}{}, running.Resize(execkit.TTY{Rows: r.Rows, Cols: r.Cols})
}

func (s *Server) execScreen(_ context.Context, r *wire.ExecScreen) (any, error) {
	running, err := s.startedCommand(r.ExecID)
	if err != nil {
		return nil, err
	}
	if r.Format != "" && r.Format != "text" && r.Format != "png" {
		return nil, errdefs.New(errdefs.InvalidArgument, "format: %s is neither \"text\" nor \"png\"", errdefs.Quote(r.Format)).WithDetail("field", "format")
	}
	m, err := running.Screen()
	if err != nil {
		return nil, err
	}
	result := wire.ExecScreenResult{Rows: m.Rows, Cols: m.Cols, Text: strings.Join(m.Lines(), "\n"), CursorRow: m.Row, CursorCol: m.Col,
		CursorVisible: m.CursorVisible, Title: m.Title, Alternate: m.Alternate, Waiting: running.Waiting()}
	if r.Format == "png" {
		picture, err := m.PNG()
		if err != nil {
			return nil, err
		}
		result.PNG = base64.StdEncoding.EncodeToString(picture)
	}
	return result, nil
}

func (s *Server) jobList(_ context.Context, r *wire.SessionRef) (any, error) {
	session, err := s.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"jobs": session.Jobs()}, nil
}

// sessionOfJob returns the session that has the job.
func (s *Server) sessionOfJob(id string) (*execkit.Session, error) {
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	for _, session := range sessions {
		if session.HasJob(id) {
			return session, nil
		}
	}
	return nil, errdefs.New(errdefs.InvalidArgument, "no job %s", quoteID(id)).
		WithHint("job.list shows a session's jobs").WithDetail("field", "job_id")
}

func (s *Server) jobOutput(_ context.Context, r *wire.JobOutput) (any, error) {
	session, err := s.sessionOfJob(r.JobID)
	if err != nil {
		return nil, err
	}
	offset, line, err := position(r.Offset, r.Line, r.Limit)
	if err != nil {
		return nil, err
	}
	return session.JobOutput(r.JobID, r.Stream, offset, line, r.Limit)
}

// position checks where a read begins.
func position(offset, line *int64, limit int64) (o, l int64, err error) {
	if offset != nil && line != nil {
		return 0, 0, errdefs.New(errdefs.InvalidArgument, "offset and line are both given").WithHint("give one of them")
	}
	if offset != nil {
		o = *offset
	}
	if line != nil {
		l = *line
	}
	if o < 0 || l < 0 || limit < 0 {
		return 0, 0, errdefs.New(errdefs.InvalidArgument, "offset, line and limit must not be negative")
	}
	return o, l, nil
}

func (s *Server) jobWait(ctx context.Context, r *wire.JobWait) (any, error) {
	session, err := s.sessionOfJob(r.JobID)
	if err != nil {
		return nil, err
	}
	ctx, cancel, err := waitFor(ctx, r.TimeoutMS)
	if err != nil {
		return nil, err
	}
	defer cancel()
	return session.JobWait(ctx, r.JobID)
}

func (s *Server) jobKill(ctx context.Context, r *wire.JobKill) (any, error) {
	session, err := s.sessionOfJob(r.JobID)
	if err != nil {
		return nil, err
	}
	reached, err := session.JobKill(ctx, r.JobID, r.Signal)
	if err != nil {
		return nil, err
	}
	info, err := session.JobInfo(r.JobID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"reached": reached, "job": info}, nil
}
