// Command go is the conformance testee of the Go package.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/all"
	"github.com/execkit/execkit/core/wire"
)

type request struct {
	Method string `json:"method"`
	// Answers are for what a server asks in this call; nil where nobody can be asked.
	Answers []*string `json:"answers"`
	// raw are the parameters as they came, for methods whose request is a type of its own.
	raw    json.RawMessage
	Params struct {
		SessionID string             `json:"session_id"`
		Shell     string             `json:"shell"`
		Workspace json.RawMessage    `json:"workspace"`
		Policy    json.RawMessage    `json:"policy"`
		Redact    json.RawMessage    `json:"redact"`
		Transport string             `json:"transport"`
		SSH       json.RawMessage    `json:"ssh"`
		Cwd       string             `json:"cwd"`
		Env       map[string]*string `json:"env"`
		Command   string             `json:"command"`
		TimeoutMS int64              `json:"timeout_ms"`
		Stdin     *string            `json:"stdin"`
		Budget    *wire.Budget       `json:"budget"`
		Raw       bool               `json:"raw"`
		OutputID  string             `json:"output_id"`
		Offset    int64              `json:"offset"`
		Line      int64              `json:"line"`
		Limit     int64              `json:"limit"`
		Audit     json.RawMessage    `json:"audit"`
		Trace     string             `json:"traceparent"`
		Path      string             `json:"path"`
		Head      string             `json:"head"`
		Heads     string             `json:"heads"`
		YieldMS   *int64             `json:"yield_ms"`
		StdinOpen bool               `json:"stdin_open"`
		TTY       *wire.TTY          `json:"tty"`
		// What follows drives a command or a job.
		ExecID string          `json:"exec_id"`
		JobID  string          `json:"job_id"`
		Data   string          `json:"data"`
		Keys   []string        `json:"keys"`
		Secret bool            `json:"secret"`
		Quotas json.RawMessage `json:"quotas"`
		Idle   int64           `json:"idle_timeout_ms"`
		Signal string          `json:"signal"`
		Format string          `json:"format"`
		Stream string          `json:"stream"`
		Rows   int             `json:"rows"`
		Cols   int             `json:"cols"`
	} `json:"params"`
}

func main() {
	sessions := make(map[string]*execkit.Session)
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		var raw struct{ Params json.RawMessage }
		if err := errors.Join(json.Unmarshal(line, &r), json.Unmarshal(line, &raw)); err != nil {
			log.Fatal(err)
		}
		r.raw = raw.Params
		asked = nil
		answers = r.Answers
		result, err := perform(sessions, &r)
		reply := map[string]any{"ok": err == nil, "asked": asked}
		if err != nil {
			reply["error"], reply["shown"] = errdefs.From(err), fmt.Sprintf("%v %+v %#v", err, err, err)
		} else {
			reply["result"], reply["shown"] = result, fmt.Sprintf("%+v %#v", result, result)
		}
		if err := out.Encode(reply); err != nil {
			log.Fatal(err)
		}
	}
}

// The person who answers: what is left to say, and what was asked.
var (
	answers []*string
	asked   []map[string]any
)

func answer(_ context.Context, q transport.Question) (string, error) {
	asked = append(asked, map[string]any{"kind": q.Kind, "target": q.Target, "text": q.Text, "echo": q.Echo})
	if len(answers) == 0 || answers[0] == nil {
		return "", errors.New("no answer")
	}
	said := *answers[0]
	answers = answers[1:]
	return said, nil
}

func perform(sessions map[string]*execkit.Session, r *request) (any, error) {
	ctx := context.Background()
	p := r.Params
	if strings.HasPrefix(r.Method, "checkpoint.") || strings.HasPrefix(r.Method, "file.") || r.Method == "session.state" || r.Method == "snapshot.save" {
		return undo(ctx, sessions[p.SessionID], r)
	}
	switch r.Method {
	case "session.create":
		policy, err := execkit.LoadPolicy(p.Policy)
		if err != nil {
			return nil, err
		}
		hide, err := redact.FromWire(p.Redact)
		if err != nil {
			return nil, err
		}
		record, err := auditOptions(p.Audit)
		if err != nil {
			return nil, err
		}
		var workspace *execkit.Workspace
		if len(p.Workspace) > 0 {
			if workspace, err = execkit.LoadWorkspace(p.Workspace); err != nil {
				return nil, err
			}
		}
		quotas, err := rpc.QuotasOf(p.Quotas)
		if err != nil {
			return nil, err
		}
		config := execkit.Config{Transports: all.Registry(), Quotas: quotas, IdleTimeout: time.Duration(p.Idle) * time.Millisecond, Workspace: workspace, Audit: record, Traceparent: p.Trace, Policy: policy, Redact: &hide, Shell: p.Shell, Cwd: p.Cwd, Env: p.Env}
		if len(p.SSH) > 0 {
			if err := wire.Decode(p.SSH, &config.SSH); err != nil {
				return nil, err
			}
		}
		if r.Answers != nil {
			config.Ask = answer
		}
		s, err := execkit.Open(ctx, p.Transport, config)
		if err != nil {
			return nil, err
		}
		sessions[s.ID()] = s
		return s.Info(), nil
	case "session.exec":
		o := execkit.ExecOptions{Timeout: time.Duration(p.TimeoutMS) * time.Millisecond, Budget: p.Budget, Raw: p.Raw, Cwd: p.Cwd, Env: p.Env, Traceparent: p.Trace}
		if p.Stdin != nil {
			o.Stdin = []byte(*p.Stdin)
		}
		o.StdinOpen, o.TTY = p.StdinOpen, p.TTY
		if p.YieldMS != nil {
			o.Yield = time.Duration(*p.YieldMS) * time.Millisecond
		}
		return sessions[p.SessionID].Exec(ctx, p.Command, o)
	case "output.read":
		for _, s := range sessions {
			if r, err := s.ReadOutput(p.OutputID, p.Offset, p.Line, p.Limit); err == nil {
				return r, nil
			}
		}
		return nil, errdefs.New(errdefs.InvalidArgument, "no output")
	case "audit.verify":
		return execkit.VerifyAudit(p.Path, audit.VerifyOptions{HeadPath: p.Head, HeadsPath: p.Heads})
	case "limits.get":
		limits := execkit.Limits()
		if s := sessions[p.SessionID]; s != nil {
			limits.Quotas = s.Quotas()
		}
		return limits, nil
	case "capabilities.get":
		return execkit.Capabilities(nil), nil
	case "session.destroy":
		return struct{}{}, sessions[p.SessionID].Close()
	}
	return drive(ctx, sessions, r)
}

// auditOptions reads the forms of the option that the cases use.
func auditOptions(raw json.RawMessage) (*execkit.AuditOptions, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var o wire.Audit
	if json.Unmarshal(raw, &o.Path) != nil {
		if err := wire.Decode(raw, &o); err != nil {
			return nil, err
		}
	}
	return &execkit.AuditOptions{Label: o.Label, Options: audit.Options{Path: o.Path, HeadPath: o.HeadPath, HeadCommand: o.HeadCommand}}, nil
}
