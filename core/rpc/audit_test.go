package rpc

import (
	"fmt"
	"os"
	"path/filepath"
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
