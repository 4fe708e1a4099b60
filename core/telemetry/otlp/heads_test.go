package otlp

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
)

// The heads of a log go to the collector, and what it writes down of them proves the log.
func TestHeadLog(t *testing.T) {
	r, getenv := receive(t, nil)
	heads, err := NewHeadLog(getenv, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	w, err := audit.OpenLog(audit.Options{Path: path, Publish: heads.Publish})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(&audit.Record{Kind: audit.Intent, Command: "true"}); err != nil {
		t.Fatal(err)
	}
	end := w.Head()
	if err := w.Close(); err != nil || r.bad != nil {
		t.Fatal(err, r.bad)
	}
	last := r.logs[len(r.logs)-1].ResourceLogs[0].ScopeLogs[0]
	one := last.LogRecords[0]
	if got, err := audit.ParseHead([]byte(one.Body.GetStringValue())); err != nil || got != end {
		t.Errorf("%+v, %v", got, err)
	}
	if one.EventName != headEvent || one.TimeUnixNano != uint64(end.TimeMS)*1_000_000 || one.ObservedTimeUnixNano == 0 || one.SeverityText != "INFO" ||
		one.Attributes[0].Value.GetStringValue() != end.Log || one.Attributes[1].Value.GetIntValue() != 2 || len(one.Attributes) != 2 ||
		last.Scope.Version != "1.2.3" || r.header.Get("api-key") != "a,b" {
		t.Errorf("%v", last)
	}
	var lines strings.Builder
	for _, data := range r.logs {
		lines.WriteString(protojson.Format(data) + "\n")
	}
	written := filepath.Join(dir, "collector.json")
	if err := os.WriteFile(written, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if report, err := audit.Verify(path, audit.VerifyOptions{HeadsPath: written}); err != nil || !report.OK || !report.Anchored || report.Heads == 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A collector that is away, refuses or takes only a part stops the log, and the log goes on when it is back.
func TestHeadLogFails(t *testing.T) {
	r, getenv := receive(t, nil)
	heads, err := NewHeadLog(getenv, "")
	if err != nil {
		t.Fatal(err)
	}
	// An ExportLogsServiceResponse: partial_success = 1 { rejected_log_records = 1, error_message = 2 }.
	message := func(text string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), text)
	}
	answer := func(partial []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	}
	partly := answer(append(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1), message("too old")...))
	whole := answer(message("a warning"))
	for _, c := range []struct {
		status int
		answer []byte
		want   string
	}{{http.StatusServiceUnavailable, nil, "503"}, {0, partly, "too old"}, {0, whole, ""}, {0, nil, ""}, {0, []byte("\xff\xff{}"), ""}} {
		r.mu.Lock()
		r.status, r.answer = c.status, c.answer
		r.mu.Unlock()
		err := heads.Publish(context.Background(), audit.Publication{Text: []byte("x")})
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %q: %v", c.status, c.answer, err)
		}
	}
	silent, getenv := receive(t, map[string]string{"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "20"})
	silent.mu.Lock() // it does not answer
	defer silent.mu.Unlock()
	if heads, err = NewHeadLog(getenv, ""); err != nil {
		t.Fatal(err)
	}
	w, err := audit.OpenLog(audit.Options{Path: filepath.Join(t.TempDir(), "log"), Publish: heads.Publish})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); err == nil; time.Sleep(time.Millisecond) {
		if _, err = w.Append(&audit.Record{Kind: audit.Intent}); time.Now().After(deadline) {
			t.Fatal("a collector that does not answer is not noticed")
		}
	}
	if e := errdefs.From(err); e.Code != errdefs.AuditFailed {
		t.Error(e)
	}
	if err := w.Close(); err == nil {
		t.Error("the last head went nowhere, and closing tells nothing")
	}
}

func TestHeadLogSettings(t *testing.T) {
	const url = "http://127.0.0.1:1"
	for name, env := range map[string]map[string]string{
		"nothing": {}, "no logs": {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_LOGS_EXPORTER": "none"}, "disabled": {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SDK_DISABLED": "true"},
		"gRPC": {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc"}, "console": {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_LOGS_EXPORTER": "console"},
		"no URL": {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "localhost:4318"},
	} {
		if l, err := NewHeadLog(environment(env), ""); l != nil || err == nil || errdefs.From(err).Hint == "" {
			t.Errorf("%s: %v %v", name, l, err)
		}
	}
	if l, err := NewHeadLog(environment(map[string]string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": url + "/mine", "OTEL_TRACES_EXPORTER": "zipkin"}), ""); err != nil || l.logs.url != url+"/mine" {
		t.Errorf("%+v %v", l, err)
	}
}
