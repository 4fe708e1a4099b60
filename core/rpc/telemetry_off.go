//go:build notelemetry

package rpc

import "github.com/execkit/execkit/core/errdefs"

const hasTelemetry = false

// newExporter makes none: telemetry was left out of this build.
func newExporter(getenv func(string) string) (exporter, error) {
	if getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return nil, nil
	}
	return nil, errdefs.New(errdefs.Unsupported, "telemetry was left out of this build")
}
