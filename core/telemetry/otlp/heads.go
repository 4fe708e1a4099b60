package otlp

import (
	"context"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
)

// headEvent is the name of the log records that hold heads.
const headEvent = "execkit.audit.head"

// A HeadLog sends the heads of audit logs to a collector, each as a log record whose body is the line of a head file.
// [audit.VerifyOptions].HeadsPath is the place for a file into which the collector writes them.
type HeadLog struct {
	sender
	logs signal
}

// NewHeadLog returns a HeadLog as the variables say. It is an error if they name no collector for logs, or one that cannot
// be honoured. version is that of the program.
func NewHeadLog(getenv func(string) string, version string) (*HeadLog, error) {
	l := &HeadLog{}
	l.version = version
	var err error
	if l.logs, err = readSignal(getenv, "LOGS"); err != nil {
		return nil, err
	}
	if l.logs.url == "" || disabled(getenv) {
		return nil, errdefs.New(errdefs.InvalidArgument, "the OTEL_* variables name no collector for logs, or turn it off").
			WithHint("set OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_LOGS_ENDPOINT for logs alone")
	}
	l.resource, err = readResource(getenv)
	return l, err
}

// Publish sends one head and returns when the collector has taken it, within ctx and OTEL_EXPORTER_OTLP_TIMEOUT. It fits
// [audit.Options].Publish, and may be called concurrently.
func (l *HeadLog) Publish(ctx context.Context, p audit.Publication) error {
	return l.post(ctx, l.logs, l.encodeHead(p, time.Now()))
}

const severityInfo = 9

func (l *HeadLog) encodeHead(p audit.Publication, now time.Time) []byte {
	list := []telemetry.Attribute{{Name: "execkit.audit.log", Value: p.Head.Log}, {Name: "execkit.audit.count", Value: p.Head.Count}}
	if p.Signature != nil {
		list = append(list, telemetry.Attribute{Name: "execkit.audit.signature", Value: string(p.Signature)})
	}
	return l.envelope(func(scope *message) {
		scope.sub(2, func(m *message) {
			m.fixed(1, nanos(time.UnixMilli(p.Head.TimeMS)))
			m.uint(2, severityInfo)
			m.text(3, "INFO")
			m.sub(5, func(body *message) { body.text(1, string(p.Text)) })
			attributes(m, 6, list)
			m.fixed(11, nanos(now))
			m.text(12, headEvent)
		})
	})
}
