// Package otel sends what sessions tell to a real OpenTelemetry Collector. The variable OTELBED names its program;
// ./build.sh test builds it from tests/otelbed.
package otel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/rpc"
)

const config = `
receivers: {otlp: {protocols: {http: {endpoint: %[1]q}}}}
exporters: {file/traces: {path: %[2]q}, file/metrics: {path: %[3]q}, file/logs: {path: %[4]q}}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [file/traces]}
    metrics: {receivers: [otlp], exporters: [file/metrics]}
    logs: {receivers: [otlp], exporters: [file/logs]}
`

// A collector is a running one and the files into which it writes.
type collector struct {
	address, traces, metrics, logs string

	process *exec.Cmd
	gone    chan struct{}
	said    bytes.Buffer
}

// start starts a collector. The port is free when it is chosen; another one is tried if it is taken meanwhile.
func start(t *testing.T) *collector {
	t.Helper()
	program := os.Getenv("OTELBED")
	if program == "" {
		t.Fatal("OTELBED names no program; ./build.sh test builds and names it")
	}
	dir := t.TempDir()
	for range 5 {
		c := &collector{traces: filepath.Join(dir, "traces"), metrics: filepath.Join(dir, "metrics"), logs: filepath.Join(dir, "logs"), gone: make(chan struct{})}
		port, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.address = port.Addr().String()
		port.Close()
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, config, c.address, c.traces, c.metrics, c.logs), 0o600); err != nil {
			t.Fatal(err)
		}
		c.process = exec.Command(program, "--config", file)
		c.process.Stdout, c.process.Stderr = &c.said, &c.said
		if err := c.process.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = c.process.Wait(); close(c.gone) }()
		t.Cleanup(func() { _ = c.process.Process.Kill(); <-c.gone })
		if c.ready(t) {
			return c
		}
		t.Logf("the collector ended: %s", &c.said)
	}
	t.Fatal("no collector starts")
	return nil
}

// ready waits until the collector listens, and reports false if it ends before.
func (c *collector) ready(t *testing.T) bool {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", c.address); err == nil {
			conn.Close()
			return true
		}
		select {
		case <-c.gone:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal("the collector does not listen")
	return false
}

// stop ends the collector, which writes down what it received before.
func (c *collector) stop(t *testing.T) {
	t.Helper()
	if err := c.process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-c.gone
}

// A batch is what the collector writes on one line, of any signal.
type batch struct {
	ResourceSpans []struct {
		ScopeSpans []struct{ Spans []struct{ Name string } }
	}
	ResourceMetrics []struct {
		ScopeMetrics []struct{ Metrics []struct{ Name string } }
	}
	ResourceLogs []struct {
		ScopeLogs []struct{ LogRecords []struct{ EventName string } }
	}
}

// names returns the names of what is in a file of the collector, each once and sorted, and the whole text.
func names(t *testing.T, path string) (list []string, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var one batch
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		for _, r := range one.ResourceSpans {
			for _, s := range r.ScopeSpans {
				for _, span := range s.Spans {
					list = append(list, span.Name)
				}
			}
		}
		for _, r := range one.ResourceMetrics {
			for _, s := range r.ScopeMetrics {
				for _, m := range s.Metrics {
					list = append(list, m.Name)
				}
			}
		}
		for _, r := range one.ResourceLogs {
			for _, s := range r.ScopeLogs {
				for _, l := range s.LogRecords {
					list = append(list, l.EventName)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), string(b)
}

func call(t *testing.T, s *rpc.Server, method string, params any) map[string]any {
	t.Helper()
	body, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	var reply struct {
		OK     bool
		Result map[string]any
		Error  any
	}
	if err := json.Unmarshal(s.Call(context.Background(), method, body), &reply); err != nil || !reply.OK {
		t.Fatalf("%s: %v %v", method, err, reply.Error)
	}
	return reply.Result
}

// Spans, measurements and the heads of the audit log of a session arrive in the collector; nothing of what the session ran,
// printed, read or was set to does, and what arrived proves the log.
func TestCollector(t *testing.T) {
	c := start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+c.address)
	t.Setenv("OTEL_SERVICE_NAME", "the agent")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
	s := rpc.NewServer()
	defer s.Close()
	const secret = "AKIAQWERTYUIOPASDFGH"
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	created := call(t, s, "session.create", map[string]any{
		"cwd": dir, "env": map[string]string{"HIDDEN_TOKEN": "valueofavariable"}, "label": "agent " + secret, "policy": map[string]any{"default": "allow", "deny": []string{"rm"}},
		"audit": map[string]any{"path": log, "otlp": true},
	})
	run := func(command, stdin string) []byte {
		params, err := json.Marshal(map[string]any{"session_id": created["session_id"], "command": command, "stdin": stdin})
		if err != nil {
			t.Fatal(err)
		}
		return s.Call(context.Background(), "session.exec", params)
	}
	for _, command := range []string{"echo textofacommand; cat; echo $HIDDEN_TOKEN >&2", "echo " + secret, "mkdir nameofafile; cd nameofafile; false", "rm -rf nameofavictim", "cd nowhereatall", "("} {
		run(command, "textofaninput")
	}
	call(t, s, "session.destroy", map[string]any{"session_id": created["session_id"]})
	wanted := map[string][]string{
		c.traces: {"execkit.exec", "execkit.policy", "execkit.run", "execkit.session"}, c.logs: {"execkit.audit.head"},
		c.metrics: {"execkit.blocks", "execkit.command.duration", "execkit.commands", "execkit.output", "execkit.redactions", "execkit.sessions"},
	}
	// On a slow machine the end of the session does not wait for the collector, and what it did not take comes later.
	arrived := func() bool {
		for path, list := range wanted {
			text, _ := os.ReadFile(path)
			for _, name := range list {
				if !bytes.Contains(text, []byte(`"`+name+`"`)) {
					return false
				}
			}
		}
		return true
	}
	for deadline := time.Now().Add(time.Minute); !arrived() && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
	}
	c.stop(t)

	spans, traces := names(t, c.traces)
	measured, metrics := names(t, c.metrics)
	events, logs := names(t, c.logs)
	for path, got := range map[string][]string{c.traces: spans, c.metrics: measured, c.logs: events} {
		if !slices.Equal(got, wanted[path]) {
			t.Errorf("%s: %q, want %q", filepath.Base(path), got, wanted[path])
		}
	}
	for what, text := range map[string]string{"traces": traces, "metrics": metrics, "logs": logs} {
		if !strings.Contains(text, "the agent") {
			t.Errorf("the %s have no name of the service", what)
		}
		for _, word := range []string{secret, "valueofavariable", "textofacommand", "textofaninput", "nameofa", "nowhereatall", "HIDDEN_TOKEN", "mkdir", dir} {
			if strings.Contains(text, word) {
				t.Errorf("the %s hold %q", what, word)
			}
		}
	}
	verify := func() map[string]any {
		return call(t, s, "audit.verify", map[string]any{"path": log, "heads": c.logs})
	}
	if r := verify(); r["ok"] != true || r["anchored"] != true || r["after_head"] != nil {
		t.Error(r)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(bytes.TrimSpace(text), '\n') + 1
	if err := os.WriteFile(log, text[:last], 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verify(); r["ok"] != false || r["first_bad"].(map[string]any)["kind"] != "truncated" {
		t.Error(r)
	}
}
