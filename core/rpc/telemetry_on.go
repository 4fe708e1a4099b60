//go:build !notelemetry

package rpc

import (
	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/telemetry/otlp"
)

const hasTelemetry = true

// newExporter makes the exporter that the variables ask for, nil for none.
func newExporter(getenv func(string) string) (exporter, error) {
	e, err := otlp.New(getenv, execkit.Version)
	if e == nil {
		return nil, err // not an interface that holds a nil pointer
	}
	return e, nil
}
