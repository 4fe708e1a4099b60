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
