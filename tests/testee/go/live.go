package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// running are the commands that were started, by their identifiers, with what is left to read of their events.
var running = make(map[string]*execkit.Running)

// drive performs the methods about a command or a job.
func drive(ctx context.Context, sessions map[string]*execkit.Session, r *request) (any, error) {
	p := r.Params
	switch r.Method {
	case "exec.start":
		o := execkit.ExecOptions{TTY: p.TTY, StdinOpen: p.Stdin != nil && *p.Stdin == "open"}
		one, err := sessions[p.SessionID].Start(ctx, p.Command, o)
		if err != nil {
			return nil, err
		}
		running[one.ID()] = one
		return map[string]any{"exec_id": one.ID()}, nil
	case "session.interrupt":
		n, err := sessions[p.SessionID].Interrupt(p.Signal)
		return map[string]any{"reached": n}, err
	case "job.list":
		return map[string]any{"jobs": sessions[p.SessionID].Jobs()}, nil
	}
	if p.JobID != "" {
		return driveJob(ctx, sessions, r)
	}
	one := running[p.ExecID]
	if one == nil {
		// One that Exec left running.
		for _, s := range sessions {
			if one = s.RunningCommand(p.ExecID); one != nil {
				break
			}
		}
	}
	done := struct{}{}
	switch r.Method {
	case "exec.events":
		events, ended := one.Events(ctx, 1)
		return map[string]any{"events": events, "done": ended}, nil
	case "exec.write":
		if len(p.Keys) > 0 {
			return done, one.Keys(ctx, p.Keys...)
		}
		if err := one.Write(ctx, []byte(p.Data), execkit.WriteOptions{Secret: p.Secret}); err != nil || p.YieldMS == nil {
			return done, err
		}
		return one.Follow(ctx, time.Duration(*p.YieldMS)*time.Millisecond)
	case "exec.close_stdin":
		return done, one.CloseStdin(ctx)
	case "exec.signal":
		n, err := one.Signal(p.Signal)
		return map[string]any{"reached": n}, err
	case "exec.resize":
		return done, one.Resize(execkit.TTY{Rows: p.Rows, Cols: p.Cols})
	case "exec.screen":
		m, err := one.Screen()
		if err != nil {
			return nil, err
		}
		result := map[string]any{"rows": m.Rows, "cols": m.Cols, "text": strings.Join(m.Lines(), "\n"), "cursor_row": m.Row}
		if p.Format == "png" {
			picture, err := m.PNG()
			if err != nil {
				return nil, err
			}
			result["png"] = base64.StdEncoding.EncodeToString(picture)
		}
		return result, nil
	}
	return nil, fmt.Errorf("unknown method %s", r.Method)
}

func driveJob(ctx context.Context, sessions map[string]*execkit.Session, r *request) (any, error) {
	p := r.Params
	for _, s := range sessions {
		if !s.HasJob(p.JobID) {
			continue
		}
		switch r.Method {
		case "job.output":
			return s.JobOutput(p.JobID, p.Stream, p.Offset, 0, 0)
		case "job.wait":
			wait := time.Duration(p.TimeoutMS) * time.Millisecond
			if wait == 0 {
				wait = time.Minute
			}
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			return s.JobWait(ctx, p.JobID)
		case "job.kill":
			n, err := s.JobKill(ctx, p.JobID, p.Signal)
			return map[string]any{"reached": n}, err
		}
	}
	return nil, fmt.Errorf("unknown job %s or method %s", p.JobID, r.Method)
}
