package rpc

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// With an endpoint in the environment a command is a span below the caller's, there when the session is closed.
func TestTelemetry(t *testing.T) {
	var mu sync.Mutex
	var spans []*tracev1.Span
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || q.URL.Path != "/v1/traces" {
			return
		}
		var data tracev1.TracesData
		if err := proto.Unmarshal(body, &data); err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		spans = append(spans, data.ResourceSpans[0].ScopeSpans[0].Spans...)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	s := NewServer()
	defer s.Close()
	id := call(t, s, "session.create", `{"cwd":"/"}`).Result["session_id"].(string)
	const place = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	if e := call(t, s, "session.exec", `{"session_id":"`+id+`","command":"echo a","traceparent":"`+place+`"}`); !e.OK {
		t.Fatal(e)
	}
	if e := call(t, s, "session.exec", `{"session_id":"`+id+`","command":"echo a","traceparent":"here"}`); e.Error.Code != "invalid_argument" {
		t.Fatal(e)
	}
	if e := call(t, s, "session.destroy", `{"session_id":"`+id+`"}`); !e.OK {
		t.Fatal(e)
	}
	mu.Lock()
	defer mu.Unlock()
	found := 0
	for _, span := range spans {
		if span.Name == "execkit.exec" && span.ParentSpanId[0] == 0xb7 && span.TraceId[0] == 0x0a {
			found++
		}
		if strings.Contains(span.String(), "echo") {
			t.Error(span)
		}
	}
	if found != 1 || spans[len(spans)-1].Name != "execkit.session" {
		t.Fatalf("%d of %d spans: %v", found, len(spans), spans)
	}
}

// A variable that is meant for other programs of the host is told and stops nothing.
func TestTelemetryThatCannotBe(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	s := NewServer()
	defer s.Close()
	created := call(t, s, "session.create", `{"cwd":"/"}`)
	warnings, _ := created.Result["warnings"].([]any)
	if !created.OK || len(warnings) != 1 || !strings.Contains(warnings[0].(string), "grpc") {
		t.Fatal(created)
	}
}
