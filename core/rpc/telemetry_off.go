//go:build notelemetry

package rpc

import (
	"context"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
)

const hasTelemetry = false

// newExporter makes none: telemetry was left out of this build.
func newExporter(getenv func(string) string) (exporter, error) {
	if getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return nil, nil
	}
	return nil, errLeftOut()
}

func newHeadLog(func(string) string) (func(context.Context, audit.Publication) error, error) {
	return nil, errLeftOut()
}

func errLeftOut() error {
	return errdefs.New(errdefs.Unsupported, "telemetry was left out of this build").WithHint("use a build without the tag notelemetry")
}
