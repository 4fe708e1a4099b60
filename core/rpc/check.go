package rpc

import (
	"context"
	"encoding/json"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/wire"
)

// policyCheckRequest asks for a verdict without running anything. History holds the commands that ran before in the
// same session.
type policyCheckRequest struct {
	Policy  json.RawMessage `json:"policy"`
	Command string          `json:"command"`
	History []string        `json:"history"`
}

type policyCheckResult struct {
	wire.Decision
	Span     *wire.Span `json:"span,omitempty"`
	Commands []string   `json:"commands"`
	Warnings []string   `json:"warnings,omitempty"`
}

func (s *Server) policyCheck(_ context.Context, r *policyCheckRequest) (any, error) {
	p, err := execkit.LoadPolicy(r.Policy)
	if err != nil {
		return nil, err
	}
	result := policyCheckResult{Decision: p.Check(r.Command, r.History), Commands: []string{}, Warnings: execkit.PolicyWarnings(p)}
	for _, rule := range result.Rules {
		if rule.Decision == result.Decision.Decision {
			result.Span = rule.Span
			break
		}
	}
	if script, err := command.Parse(r.Command, p.Limits()); err == nil {
		for _, c := range script.Commands() {
			result.Commands = append(result.Commands, r.Command[c.Span.Start:c.Span.End])
		}
	}
	return result, nil
}

type redactTextRequest struct {
	Text   string          `json:"text"`
	Redact json.RawMessage `json:"redact"`
}

func (s *Server) redactText(_ context.Context, r *redactTextRequest) (any, error) {
	options, err := redact.FromWire(r.Redact)
	if err != nil {
		return nil, err
	}
	hide, err := redact.New(options)
	if err != nil {
		return nil, err
	}
	text, found := hide.Text(r.Text)
	if found == nil {
		found = []wire.Redaction{}
	}
	return map[string]any{"text": text, "redactions": found}, nil
}
