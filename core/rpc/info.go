package rpc

import (
	"context"
	"runtime"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

func (s *Server) versionGet(_ context.Context, params []byte) (any, error) {
	var none struct{}
	if err := wire.Decode(params, &none); err != nil {
		return nil, err
	}
	return map[string]any{"version": execkit.Version, "abi": execkit.ABIVersion, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}, nil
}

func (s *Server) limitsGet(_ context.Context, r *wire.LimitsGet) (any, error) {
	limits := execkit.Limits()
	limits.RequestBytes, limits.TimeoutMS = maxRequestBytes, maxTimeoutMS
	if r.SessionID != "" {
		session, err := s.session(r.SessionID)
		if err != nil {
			return nil, err
		}
		if limits.Quotas = session.Quotas(); len(limits.Quotas) == 0 {
			limits.Quotas = nil
		}
	}
	return limits, nil
}

func (s *Server) capabilitiesGet(context.Context, *struct{}) (any, error) {
	c := execkit.Capabilities(s.transports)
	c.Methods, c.Telemetry = s.Methods(), hasTelemetry
	return c, nil
}
