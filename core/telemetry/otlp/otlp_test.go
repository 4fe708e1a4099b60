package otlp

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/execkit/execkit/core/telemetry"
)

// A receiver decodes what it gets with OpenTelemetry's own protocol library.
type receiver struct {
	mu      sync.Mutex
	traces  []*tracev1.TracesData
	metrics []*metricsv1.MetricsData
	logs    []*logsv1.LogsData
	answer  []byte
	header  http.Header
	status  int
	bad     error
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.header = q.Header
	if r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	if err == nil {
		switch q.URL.Path {
		case "/v1/traces":
			one := new(tracev1.TracesData)
			err = proto.Unmarshal(body, one)
			r.traces = append(r.traces, one)
		case "/v1/metrics":
			one := new(metricsv1.MetricsData)
			err = proto.Unmarshal(body, one)
			r.metrics = append(r.metrics, one)
		case "/v1/logs":
			one := new(logsv1.LogsData)
			err = proto.Unmarshal(body, one)
			r.logs = append(r.logs, one)
			_, _ = w.Write(r.answer)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
	if err != nil {
		r.bad = err
	}
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// receive starts a receiver and returns the variables that name it.
func receive(t *testing.T, more map[string]string) (*receiver, func(string) string) {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL + "/", "OTEL_SERVICE_NAME": "my agent", "OTEL_RESOURCE_ATTRIBUTES": "host.name=h%20x", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%2Cb"}
	for name, value := range more {
		env[name] = value
	}
	return r, environment(env)
}

func start(t *testing.T, more map[string]string) (*receiver, *Exporter) {
	t.Helper()
	r, getenv := receive(t, more)
	e, err := New(getenv, "1.2.3")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return r, e
}

func TestExport(t *testing.T) {
	r, e := start(t, nil)
	parent := telemetry.Root()
	span := telemetry.Span{
		Name: "execkit.exec", Context: parent.Child(), Parent: parent.Span, Start: time.Unix(100, 5), End: time.Unix(101, 7), Error: "blocked",
		Attributes: []telemetry.Attribute{{Name: "s", Value: "text\xff"}, {Name: "n", Value: int64(-3)}, {Name: "b", Value: true}},
	}
	e.Span(span)
	e.Span(telemetry.Span{Name: "not sampled", Context: telemetry.Context{Trace: parent.Trace, Span: parent.Span}})
	e.Count("execkit.commands", "{command}", 2, telemetry.Attribute{Name: "outcome", Value: "ok"})
	e.Count("execkit.commands", "{command}", 3, telemetry.Attribute{Name: "outcome", Value: "ok"})
	e.Count("execkit.commands", "{command}", 1, telemetry.Attribute{Name: "outcome", Value: "failed"})
	for _, seconds := range []float64{0.0005, 0.05, 7, 99999} {
		e.Observe("execkit.command.duration", "s", seconds)
	}
	e.Flush(context.Background())
	e.Flush(context.Background()) // nothing is sent twice
	if r.bad != nil || len(r.traces) != 1 || len(r.metrics) != 1 || r.header.Get("api-key") != "a,b" || r.header.Get("Content-Type") != "application/x-protobuf" {
		t.Fatalf("%v %d %d %v", r.bad, len(r.traces), len(r.metrics), r.header)
	}
	got := r.traces[0].ResourceSpans[0]
	if text := got.Resource.String(); !strings.Contains(text, "my agent") || !strings.Contains(text, "h x") {
		t.Error(text)
	}
	if scope := got.ScopeSpans[0].Scope; scope.Name != scopeName || scope.Version != "1.2.3" {
		t.Error(scope)
	}
	s := got.ScopeSpans[0].Spans[0]
	if len(got.ScopeSpans[0].Spans) != 1 || s.Name != span.Name || string(s.TraceId) != string(parent.Trace[:]) || string(s.ParentSpanId) != string(parent.Span[:]) ||
		s.StartTimeUnixNano != 100_000_000_005 || s.EndTimeUnixNano != 101_000_000_007 || s.Status.Code != tracev1.Status_STATUS_CODE_ERROR || s.Status.Message != "blocked" {
		t.Errorf("%+v", s)
	}
	if a := s.Attributes; a[0].Value.GetStringValue() != "text\uFFFD" || a[1].Value.GetIntValue() != -3 || !a[2].Value.GetBoolValue() {
		t.Errorf("%+v", a)
	}
	metrics := r.metrics[0].ResourceMetrics[0].ScopeMetrics[0].Metrics
	sum := metrics[0].GetSum()
	if metrics[0].Unit != "{command}" || !sum.IsMonotonic || sum.AggregationTemporality != metricsv1.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE ||
		sum.DataPoints[0].GetAsInt() != 5 || sum.DataPoints[1].GetAsInt() != 1 || sum.DataPoints[1].Attributes[0].Value.GetStringValue() != "failed" {
		t.Errorf("%+v", metrics[0])
	}
	h := metrics[1].GetHistogram().DataPoints[0]
	if h.Count != 4 || h.GetSum() != 0.0005+0.05+7+99999 || len(h.BucketCounts) != len(durationBounds)+1 || len(h.ExplicitBounds) != len(durationBounds) ||
		h.BucketCounts[0] != 1 || h.BucketCounts[3] != 1 || h.BucketCounts[len(durationBounds)] != 1 {
		t.Errorf("%+v", h)
	}
}

// A collector that is gone or refuses costs neither time nor memory without bound.
func TestCollectorIsGone(t *testing.T) {
	r, e := start(t, map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "86400000"})
	r.status = http.StatusServiceUnavailable
	for range maxQueuedSpans * 3 {
		e.Span(telemetry.Span{Name: "x", Context: telemetry.Root()})
	}
	e.Count("c", "1", 1)
	e.Flush(context.Background())
	if e.Dropped() < maxQueuedSpans {
		t.Fatal(e.Dropped())
	}
	r.mu.Lock()
	r.status = 0
	r.mu.Unlock()
	e.Flush(context.Background())
	if len(r.metrics) != 1 {
		t.Error("a counter is lost with a collector that comes back")
	}
	for i := range maxPoints * 2 {
		e.Count("many", "1", 1, telemetry.Attribute{Name: "n", Value: int64(i)})
	}
	e.Close(context.Background())
	e.Close(context.Background())
	if n := len(r.metrics[len(r.metrics)-1].ResourceMetrics[0].ScopeMetrics[0].Metrics[1].GetSum().DataPoints); n != maxPoints {
		t.Error(n)
	}
}

// A collector that is back gets what waited; what it refuses for good is not sent again.
func TestSpansWait(t *testing.T) {
	r, e := start(t, map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "86400000"})
	answer := func(status int) {
		r.mu.Lock()
		r.status = status
		r.mu.Unlock()
	}
	answer(http.StatusServiceUnavailable)
	e.Span(telemetry.Span{Name: "first", Context: telemetry.Root()})
	e.Flush(context.Background())
	e.Span(telemetry.Span{Name: "second", Context: telemetry.Root()})
	answer(0)
	e.Flush(context.Background())
	if e.Dropped() != 0 || len(r.traces) != 1 || r.traces[0].ResourceSpans[0].ScopeSpans[0].Spans[0].Name != "first" ||
		r.traces[0].ResourceSpans[0].ScopeSpans[0].Spans[1].Name != "second" {
		t.Fatal(e.Dropped(), r.traces)
	}
	answer(http.StatusBadRequest)
	e.Span(telemetry.Span{Name: "refused", Context: telemetry.Root()})
	e.Flush(context.Background())
	answer(0)
	e.Flush(context.Background())
	if e.Dropped() != 1 || len(r.traces) != 1 {
		t.Fatal(e.Dropped(), r.traces)
	}
}

// The batches go out by themselves.
func TestSchedule(t *testing.T) {
	r, e := start(t, map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_METRIC_EXPORT_INTERVAL": "1"})
	e.Span(telemetry.Span{Name: "x", Context: telemetry.Root()})
	e.Count("c", "1", 1)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		done := len(r.traces) > 0 && len(r.metrics) > 0
		r.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was sent")
		}
	}
}

func TestSettings(t *testing.T) {
	const url = "http://127.0.0.1:1"
	for name, env := range map[string]map[string]string{
		"nothing": {}, "disabled": {"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": url},
		"none": {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": url},
	} {
		if e, err := New(environment(env), ""); e != nil || err != nil {
			t.Errorf("%s: %v %v", name, e, err)
		}
	}
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "localhost:4318", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
		"OTEL_EXPORTER_OTLP_HEADERS": "api-key:secret", "OTEL_RESOURCE_ATTRIBUTES": "=x",
	} {
		_, err := New(environment(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, name: value}), "")
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := New(environment(map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + "/mine", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "5", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_HEADERS": "c=d",
	}), "")
	if err != nil || s.traces.url != url+"/mine" || s.traces.timeout != 5*time.Millisecond || len(s.traces.headers) != 1 || s.traces.headers[0][0] != "a" ||
		s.metrics.url != "" || s.spanDelay != 5*time.Second {
		t.Fatalf("%+v %v", s, err)
	}
	s.Close(context.Background())
}
