package rpc

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestAudit(t *testing.T) {
	s := NewServer()
	defer s.Close()
	dir := t.TempDir()
	path, head := filepath.Join(dir, "log"), filepath.Join(dir, "head")
	created := call(t, s, "session.create", fmt.Sprintf(`{"cwd":"/","policy":{"default":"deny","allow":["echo"]},"audit":{"path":%q,"head_path":%q,"label":"agent"}}`, path, head))
	if !created.OK {
		t.Fatalf("%+v", created)
	}
	id := created.Result["session_id"].(string)
	ran := call(t, s, "session.exec", `{"session_id":"`+id+`","command":"echo a"}`)
	if !ran.OK || ran.Result["audit_seq"] != 4.0 {
		t.Fatalf("%+v", ran)
	}
	if refused := call(t, s, "session.exec", `{"session_id":"`+id+`","command":"rm -rf /"}`); refused.Error.Code != "blocked" {
		t.Fatalf("%+v", refused)
	}
	kept := call(t, s, "audit.verify", fmt.Sprintf(`{"path":%q,"head":%q}`, path, head)).Result
	if kept["ok"] != true || kept["records"] != 5.0 || kept["anchored"] != true || kept["first_bad"] != nil {
		t.Fatalf("%+v", kept)
	}
	old := kept["head"].(map[string]any)
	call(t, s, "session.destroy", `{"session_id":"`+id+`"}`)
	for _, params := range []string{
		fmt.Sprintf(`{"path":%q,"head":{"count":%v,"hash":%q}}`, path, old["count"], old["hash"]),
		fmt.Sprintf(`{"path":%q,"head":"%v:%s"}`, path, old["count"], old["hash"]),
	} {
		if r := call(t, s, "audit.verify", params); r.Result["ok"] != true || r.Result["after_head"] != 1.0 {
			t.Errorf("%s: %+v", params, r)
		}
	}
	found := call(t, s, "audit.query", fmt.Sprintf(`{"path":%q,"session":%q,"kinds":["block"]}`, path, id)).Result["records"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["command"] != "rm -rf /" || found[0].(map[string]any)["label"] != "agent" {
		t.Fatalf("%+v", found)
	}
	if err := os.Truncate(path, 900); err != nil {
		t.Fatal(err)
	}
	cut := call(t, s, "audit.verify", fmt.Sprintf(`{"path":%q,"head":%q}`, path, head))
	if bad, _ := cut.Result["first_bad"].(map[string]any); !cut.OK || cut.Result["ok"] != false || bad["kind"] != "torn_tail" {
		t.Fatalf("%+v", cut)
	}
	if again := call(t, s, "session.create", fmt.Sprintf(`{"audit":{"path":%q,"head_path":%q}}`, path, head)); again.Error.Code != "audit_failed" {
		t.Fatalf("a cut log is continued: %+v", again)
	}
}

func TestBadAuditRequests(t *testing.T) {
	s := NewServer()
	defer s.Close()
	for _, c := range [][2]string{
		{"session.create", `{"audit":1}`}, {"session.create", `{"audit":""}`}, {"session.create", `{"audit":{}}`}, {"session.create", `{"audit":{"pth":"x"}}`},
		{"session.create", `{"audit":{"path":"/tmp"}}`}, {"session.create", `{"audit":{"path":"x","on_failure":"ignore"}}`},
		{"session.create", `{"audit":{"path":"x","lock_timeout_ms":-1}}`}, {"session.create", `{"audit":{"path":"x","retention_days":-1}}`},
		{"session.create", `{"audit":{"path":"x","sign_key":"y"}}`}, {"session.create", `{"audit":{"path":"x","head_path":"x"}}`},
		{"session.create", `{"audit":{"path":"x","otlp":true}}`}, {"audit.verify", `{"path":"/etc/passwd","heads":"/etc/passwd"}`}, {"audit.verify", `{"path":"/etc/passwd","heads":"/none"}`},
		{"audit.verify", `{}`}, {"audit.verify", `{"path":"/nonexistent/log"}`}, {"audit.verify", `{"path":"/tmp"}`}, {"audit.verify", `{"path":"/dev/null"}`},
		{"audit.verify", `{"path":"/etc/passwd","head":{"count":1}}`}, {"audit.verify", `{"path":"/etc/passwd","head":7}`}, {"audit.verify", `{"path":"/etc/passwd","head":"/nonexistent"}`},
		{"audit.verify", `{"path":"/etc/passwd","public_key":"/etc/passwd"}`},
		{"audit.query", `{}`}, {"audit.query", `{"path":"/nonexistent/log"}`}, {"audit.query", `{"path":"/etc/passwd","kinds":["intents"]}`}, {"audit.query", `{"path":"/etc/passwd","limit":-1}`},
	} {
		if e := call(t, s, c[0], c[1]); e.Error.Code != "invalid_argument" {
			t.Errorf("%s %s: %+v", c[0], c[1], e)
		}
	}
}

// Every head goes to the collector; what it has of them proves the log later. One that is away stops commands, or not, as
// the option says.
func TestHeadsGoToTheCollector(t *testing.T) {
	var mu sync.Mutex
	var kept bytes.Buffer
	status := http.StatusOK
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if q.URL.Path == "/v1/logs" && status == http.StatusOK {
			_, _ = kept.ReadFrom(q.Body)
		}
		w.WriteHeader(status)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	s := NewServer()
	defer s.Close()
	dir := t.TempDir()
	path, heads := filepath.Join(dir, "log"), filepath.Join(dir, "heads")
	run := func(onFailure string) envelope {
		r := call(t, s, "session.create", fmt.Sprintf(`{"cwd":"/","audit":{"path":%q,"otlp":true,"on_failure":%q}}`, path, onFailure))
		if !r.OK {
			return r
		}
		session := fmt.Sprintf(`{"session_id":%q}`, r.Result["session_id"])
		r = call(t, s, "session.exec", session[:len(session)-1]+`,"command":"echo a"}`)
		if closed := call(t, s, "session.destroy", session); r.OK {
			return closed
		}
		return r
	}
	if r := run("block"); !r.OK {
		t.Fatal(r)
	}
	mu.Lock()
	if err := os.WriteFile(heads, kept.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	status = http.StatusServiceUnavailable
	mu.Unlock()
	if r := call(t, s, "audit.verify", fmt.Sprintf(`{"path":%q,"heads":%q}`, path, heads)).Result; r["ok"] != true || r["anchored"] != true || r["heads"] == nil || r["after_head"] != nil {
		t.Error(r)
	}
	// The last head is not published, so at the latest the end of the session tells.
	if r := run("block"); r.OK || r.Error.Code != "audit_failed" || !strings.Contains(r.Error.Message, "503") {
		t.Error(r)
	}
	if r := run("continue"); !r.OK {
		t.Error(r)
	}
}
