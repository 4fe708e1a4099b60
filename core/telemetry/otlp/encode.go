package otlp

import (
	"strings"
	"time"

	"github.com/execkit/execkit/core/telemetry"
)

const scopeName = "github.com/execkit/execkit"

func attributes(m *message, field int, list []telemetry.Attribute) {
	for _, a := range list {
		m.sub(field, func(kv *message) {
			kv.text(1, a.Name)
			kv.sub(2, func(v *message) {
				switch value := a.Value.(type) {
				case bool:
					n := uint64(0)
					if value {
						n = 1
					}
					v.uint(2, n)
				case int64:
					v.uint(3, uint64(value))
				case string:
					v.text(1, strings.ToValidUTF8(value, "\uFFFD"))
				}
			})
		})
	}
}

const (
	spanKindInternal = 1
	statusError      = 2
)

func (e *Exporter) encodeSpans(spans []telemetry.Span) []byte {
	return e.envelope(func(scope *message) {
		for _, s := range spans {
			scope.sub(2, func(m *message) {
				m.bytes(1, s.Context.Trace[:])
				m.bytes(2, s.Context.Span[:])
				if s.Parent != [8]byte{} {
					m.bytes(4, s.Parent[:])
				}
				m.text(5, s.Name)
				m.uint(6, spanKindInternal)
				m.fixed(7, nanos(s.Start))
				m.fixed(8, nanos(s.End))
				attributes(m, 9, s.Attributes)
				if s.Error != "" {
					m.sub(15, func(status *message) { status.text(2, s.Error); status.uint(3, statusError) })
				}
			})
		}
	})
}

func nanos(t time.Time) uint64 { return uint64(t.UnixNano()) }

// cumulative is the only temporality that every backend takes.
const cumulative = 2

func (e *Exporter) encodeMetrics(now time.Time) []byte {
	return e.envelope(func(scope *message) {
		for _, name := range e.order {
			s := e.series[name]
			scope.sub(2, func(m *message) {
				m.text(1, s.name)
				m.text(3, s.unit)
				if s.bounds == nil {
					m.sub(7, func(sum *message) {
						for _, p := range s.points {
							sum.sub(1, func(d *message) {
								d.fixed(2, nanos(e.started))
								d.fixed(3, nanos(now))
								d.fixed(6, uint64(p.count))
								attributes(d, 7, p.attributes)
							})
						}
						sum.uint(2, cumulative)
						sum.uint(3, 1) // monotonic
					})
					return
				}
				m.sub(9, func(h *message) {
					for _, p := range s.points {
						h.sub(1, func(d *message) { p.encode(d, e.started, now, s.bounds) })
					}
					h.uint(2, cumulative)
				})
			})
		}
	})
}

func (p *point) encode(d *message, started, now time.Time, bounds []float64) {
	d.fixed(2, nanos(started))
	d.fixed(3, nanos(now))
	d.fixed(4, uint64(p.count))
	d.double(5, p.sum)
	var counts, limits message
	for _, n := range p.buckets {
		counts = appendFixed(counts, uint64(n))
	}
	for _, b := range bounds {
		limits = appendDouble(limits, b)
	}
	d.bytes(6, counts)
	d.bytes(7, limits)
	attributes(d, 9, p.attributes)
}
