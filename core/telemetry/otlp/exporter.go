package otlp

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/execkit/execkit/core/telemetry"
)

const (
	// maxQueuedSpans bounds the memory while a collector does not answer; the default of OTEL_BSP_MAX_QUEUE_SIZE.
	maxQueuedSpans = 2048
	// maxPoints bounds the combinations of attributes of one measurement.
	maxPoints = 200
)

// An Exporter is a telemetry.Sink that sends to a collector.
type Exporter struct {
	sender
	traces, metrics        signal
	spanDelay, metricDelay time.Duration
	started                time.Time

	mu      sync.Mutex
	spans   []telemetry.Span
	dropped int64
	series  map[string]*series
	order   []string
	changed bool // since the last metrics were sent

	sending sync.Mutex
	wake    chan struct{}
	end     chan struct{}
	over    chan struct{}
	once    sync.Once
}

type series struct {
	name, unit string
	bounds     []float64 // nil for a counter
	points     []*point
}

type point struct {
	attributes []telemetry.Attribute
	count      int64
	sum        float64
	buckets    []int64
}

// durationBounds are the buckets of a duration in seconds, from a builtin to a build.
var durationBounds = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800}

// New returns an exporter as the variables say, or nil where they ask for none. A variable that cannot be honoured is an
// error. version is that of the program.
func New(getenv func(string) string, version string) (*Exporter, error) {
	if disabled(getenv) {
		return nil, nil
	}
	e := &Exporter{
		started: time.Now(), series: make(map[string]*series),
		wake: make(chan struct{}, 1), end: make(chan struct{}), over: make(chan struct{}),
	}
	e.version = version
	if err := e.read(getenv); err != nil || e.traces.url == "" && e.metrics.url == "" {
		return nil, err
	}
	go e.run()
	return e, nil
}

func (e *Exporter) read(getenv func(string) string) (err error) {
	if e.traces, err = readSignal(getenv, "TRACES"); err != nil {
		return err
	}
	if e.metrics, err = readSignal(getenv, "METRICS"); err != nil || e.traces.url == "" && e.metrics.url == "" {
		return err
	}
	if e.spanDelay, err = milliseconds(getenv, "OTEL_BSP_SCHEDULE_DELAY", 5*time.Second); err != nil {
		return err
	}
	if e.metricDelay, err = milliseconds(getenv, "OTEL_METRIC_EXPORT_INTERVAL", time.Minute); err != nil {
		return err
	}
	e.resource, err = readResource(getenv)
	return err
}

// Span implements telemetry.Sink.
func (e *Exporter) Span(s telemetry.Span) {
	if e.traces.url == "" || !s.Context.Sampled {
		return
	}
	e.mu.Lock()
	full := len(e.spans) >= maxQueuedSpans
	if full {
		e.dropped++
	} else {
		e.spans = append(e.spans, s)
	}
	half := len(e.spans) >= maxQueuedSpans/2
	e.mu.Unlock()
	if half {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

// Count implements telemetry.Sink.
func (e *Exporter) Count(name, unit string, n int64, attributes ...telemetry.Attribute) {
	e.point(name, unit, nil, attributes, func(p *point) { p.count += n })
}

// Observe implements telemetry.Sink.
func (e *Exporter) Observe(name, unit string, value float64, attributes ...telemetry.Attribute) {
	e.point(name, unit, durationBounds, attributes, func(p *point) {
		p.count++
		p.sum += value
		i := 0
		for i < len(durationBounds) && value > durationBounds[i] {
			i++
		}
		p.buckets[i]++
	})
}

func (e *Exporter) point(name, unit string, bounds []float64, attributes []telemetry.Attribute, add func(*point)) {
	if e.metrics.url == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.series[name]
	if s == nil {
		s = &series{name: name, unit: unit, bounds: bounds}
		e.series[name] = s
		e.order = append(e.order, name)
	}
	for _, p := range s.points {
		if slices.Equal(p.attributes, attributes) {
			add(p)
			e.changed = true
			return
		}
	}
	if len(s.points) >= maxPoints {
		e.dropped++
		return
	}
	p := &point{attributes: slices.Clone(attributes), buckets: make([]int64, len(bounds)+1)}
	add(p)
	s.points = append(s.points, p)
	e.changed = true
}

// Dropped returns how many spans and points a full queue or a collector that refused them cost.
func (e *Exporter) Dropped() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dropped
}

func (e *Exporter) run() {
	defer close(e.over)
	spans, metrics := time.NewTicker(e.spanDelay), time.NewTicker(e.metricDelay)
	defer spans.Stop()
	defer metrics.Stop()
	for {
		select {
		case <-e.end:
			return
		case <-e.wake:
			e.sendSpans(context.Background())
		case <-spans.C:
			e.sendSpans(context.Background())
		case <-metrics.C:
			e.sendMetrics(context.Background())
		}
	}
}

// Flush sends what waits, within ctx.
func (e *Exporter) Flush(ctx context.Context) {
	e.sendSpans(ctx)
	e.sendMetrics(ctx)
}

// Close sends what waits, within ctx, and ends the exporter. It may be called twice.
func (e *Exporter) Close(ctx context.Context) {
	e.once.Do(func() {
		close(e.end)
		e.Flush(ctx)
	})
}

func (e *Exporter) sendSpans(ctx context.Context) {
	e.sending.Lock()
	defer e.sending.Unlock()
	e.mu.Lock()
	spans := e.spans
	e.spans = nil
	e.mu.Unlock()
	if len(spans) == 0 {
		return
	}
	if err := e.post(ctx, e.traces, e.encodeSpans(spans)); err != nil {
		e.keep(spans, err)
	}
}

// keep has spans that a collector did not take sent again, as far as the queue holds them. What it refuses for good is
// dropped.
func (e *Exporter) keep(spans []telemetry.Span, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !passing(err) {
		e.dropped += int64(len(spans))
		return
	}
	kept := min(len(spans), maxQueuedSpans-len(e.spans))
	e.dropped += int64(len(spans) - kept)
	e.spans = append(spans[:kept:kept], e.spans...)
}

func (e *Exporter) sendMetrics(ctx context.Context) {
	e.sending.Lock()
	defer e.sending.Unlock()
	e.mu.Lock()
	if !e.changed {
		e.mu.Unlock()
		return
	}
	e.changed = false
	body := e.encodeMetrics(time.Now())
	e.mu.Unlock()
	if err := e.post(ctx, e.metrics, body); err != nil {
		// They are cumulative: the next ones hold these too.
		e.mu.Lock()
		e.changed = true
		e.mu.Unlock()
	}
}
