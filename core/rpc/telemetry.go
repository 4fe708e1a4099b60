package rpc

import (
	"context"
	"os"
	"sync"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
)

const (
	// flushTimeout bounds the sending when a session ends, endTimeout when the server does.
	flushTimeout = time.Second
	endTimeout   = 3 * time.Second
)

// An exporter sends what the sessions tell.
type exporter interface {
	telemetry.Sink
	Flush(ctx context.Context)
	Close(ctx context.Context)
}

// An observer is the exporter of a server, made with its first session. The variables may be meant for other programs
// of the host too, so one that cannot be honoured is a warning and not an error.
type observer struct {
	once     sync.Once
	exporter exporter // nil for none
	warning  string
}

func (o *observer) start() {
	o.once.Do(func() {
		var err error
		if o.exporter, err = newExporter(os.Getenv); err != nil {
			o.warning = "no telemetry is sent: " + errdefs.From(err).Message
		}
	})
}

// apply has a session tell the exporter, if there is one.
func (o *observer) apply(c *execkit.Config) {
	o.start()
	if o.exporter != nil {
		c.Telemetry = o.exporter
	}
}

// flush sends what waits: the program may end right after its session, and no thread of ours outlives it.
func (o *observer) flush() {
	if o.exporter == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	o.exporter.Flush(ctx)
}

func (o *observer) close() {
	// A server without a session has none, and gets none any more.
	o.once.Do(func() {})
	if o.exporter == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	o.exporter.Close(ctx)
}
