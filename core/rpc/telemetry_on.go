//go:build !notelemetry

package rpc

import (
	"context"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/audit"
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

// newHeadLog returns what sends the heads of an audit log to the collector that the variables name.
func newHeadLog(getenv func(string) string) (func(context.Context, audit.Publication) error, error) {
	l, err := otlp.NewHeadLog(getenv, execkit.Version)
	if err != nil {
		return nil, err
	}
	return l.Publish, nil
}
