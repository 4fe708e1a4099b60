package rpc

import (
	"context"
	"encoding/json"
	"os"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// auditOf reads the audit option of session.create: a path, or an object with the fields of [wire.Audit].
func auditOf(raw json.RawMessage) (*execkit.AuditOptions, error) {
	if !given(raw) {
		return nil, nil
	}
	var r wire.Audit
	var err error
	switch raw[0] {
	case '"':
		err = wire.Decode(raw, &r.Path)
	case '{':
		err = wire.Decode(raw, &r)
	default:
		err = errdefs.New(errdefs.InvalidArgument, "audit must be a path or an object").WithHint("{\"path\":\"/var/log/execkit.jsonl\"}")
	}
	if err != nil {
		return nil, errdefs.From(err).WithDetail("field", "audit")
	}
	o := &execkit.AuditOptions{Label: r.Label, OutputBytes: r.OutputBytes, Options: audit.Options{
		Path: r.Path, Dir: r.Dir, HeadPath: r.HeadPath, SignKey: r.SignKey, Fsync: r.Fsync, RotateBytes: r.RotateBytes,
		RetentionDays: r.RetentionDays, HeadCommand: r.HeadCommand, Syslog: r.Syslog, LockTimeout: time.Duration(r.LockTimeoutMS) * time.Millisecond,
	}}
	if r.OTLP {
		if o.Publish, err = newHeadLog(os.Getenv); err != nil {
			e := errdefs.From(err)
			return nil, errdefs.New(e.Code, "audit: otlp: %s", e.Message).WithHint("%s", e.Hint).WithDetail("field", "audit")
		}
	}
	switch r.OnFailure {
	case "", "block":
	case "continue":
		o.Continue = true
	default:
		return nil, errdefs.New(errdefs.InvalidArgument, "audit: on_failure: %s is neither \"block\" nor \"continue\"", errdefs.Quote(r.OnFailure)).
			WithDetail("field", "audit")
	}
	if r.LockTimeoutMS < 0 || r.LockTimeoutMS > maxTimeoutMS {
		return nil, errdefs.New(errdefs.InvalidArgument, "audit: lock_timeout_ms: %d is out of range", r.LockTimeoutMS).WithDetail("field", "audit")
	}
	return o, nil
}

// headOf reads a head: the path of a head file, COUNT:HASH, or an object with count and hash.
func headOf(raw json.RawMessage, o *audit.VerifyOptions) error {
	if !given(raw) {
		return nil
	}
	text := []byte(raw)
	if raw[0] == '"' {
		var path string
		if err := wire.Decode(raw, &path); err != nil {
			return err
		}
		if _, err := audit.ParseHead([]byte(path)); err != nil {
			o.HeadPath = path
			return nil
		}
		text = []byte(path)
	}
	h, err := audit.ParseHead(text)
	o.Head = &h
	return err
}

func (s *Server) auditVerify(_ context.Context, r *wire.AuditVerify) (any, error) {
	if r.Path == "" {
		return nil, errdefs.New(errdefs.InvalidArgument, "path: no log is given").WithHint("give the path of the audit log").WithDetail("field", "path")
	}
	o := audit.VerifyOptions{PublicKey: r.PublicKey, HeadsPath: r.Heads}
	if err := headOf(r.Head, &o); err != nil {
		return nil, errdefs.From(err).WithDetail("field", "head")
	}
	return execkit.VerifyAudit(r.Path, o)
}

func (s *Server) auditQuery(_ context.Context, r *auditQueryRequest) (any, error) {
	if r.Path == "" {
		return nil, errdefs.New(errdefs.InvalidArgument, "path: no log is given").WithHint("give the path of the audit log").WithDetail("field", "path")
	}
	return audit.Query(r.Path, r.Filter)
}

type auditQueryRequest struct {
	Path string `json:"path"`
	audit.Filter
}
