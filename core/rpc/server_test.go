package rpc

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

type envelope struct {
	OK     bool           `json:"ok"`
	Result map[string]any `json:"result"`
	Error  struct {
		Code, Message, Hint, Outcome, Session string
	} `json:"error"`
}

func call(t *testing.T, s *Server, method, params string) envelope {
	t.Helper()
	var e envelope
	reply := s.Call(context.Background(), method, []byte(params))
	if err := json.Unmarshal(reply, &e); err != nil {
		t.Fatalf("%s: %v in %s", method, err, reply)
	}
	return e
}

func TestSession(t *testing.T) {
	s := NewServer()
	defer s.Close()
	created := call(t, s, "session.create", `{"transport":{"type":"local"},"cwd":"/","label":"x","inherit_env":false,"env":{"A":"b"}}`)
	if !created.OK {
		t.Fatalf("%+v", created)
	}
	id := created.Result["session_id"].(string)
	ran := call(t, s, "session.exec", `{"session_id":"`+id+`","command":"cat; echo $A; exit 3","stdin":"in\n"}`)
	if !ran.OK || ran.Result["stdout"] != "in\nb\n" || ran.Result["exit_code"] != 3.0 || ran.Result["shell_exited"] != true {
		t.Fatalf("%+v", ran)
	}
	if list := call(t, s, "session.list", ""); len(list.Result["sessions"].([]any)) != 1 {
		t.Fatalf("%+v", list)
	}
	if e := call(t, s, "session.destroy", `{"session_id":"`+id+`"}`); !e.OK {
		t.Fatalf("%+v", e)
	}
	if e := call(t, s, "session.exec", `{"session_id":"`+id+`","command":"true"}`); e.Error.Code != "session_closed" || e.Error.Session != "closed" {
		t.Fatalf("%+v", e)
	}
}

func TestEvents(t *testing.T) {
	s := NewServer()
	defer s.Close()
	id := call(t, s, "session.create", `{"cwd":"/"}`).Result["session_id"].(string)
	for _, tt := range []struct{ command, stop, out, code string }{
		{command: "echo a; sleep 0.1; echo b; (exit 3)", out: "a\nb\n"},
		{command: "echo a; sleep 60", stop: "a\n", out: "a\n", code: "cancelled"},
	} {
		started := call(t, s, "exec.start", `{"session_id":"`+id+`","command":"`+tt.command+`"}`)
		ref := `{"exec_id":"` + started.Result["exec_id"].(string) + `"}`
		out, code := "", ""
		for done := false; !done; {
			e := call(t, s, "exec.events", ref)
			for _, ev := range e.Result["events"].([]any) {
				event := ev.(map[string]any)
				if event["type"] == "stdout" {
					out += event["data"].(string)
				}
				if failed, ok := event["error"].(map[string]any); ok {
					code = failed["code"].(string)
				}
			}
			done = e.Result["done"].(bool)
			if tt.stop != "" && out == tt.stop && !done {
				call(t, s, "exec.stop", ref)
			}
		}
		if out != tt.out || code != tt.code {
			t.Errorf("%s: %q %q", tt.command, out, code)
		}
		if e := call(t, s, "exec.events", ref); e.Error.Code != "invalid_argument" {
			t.Errorf("the id is still there: %+v", e)
		}
	}
}

func TestChecksRunNothing(t *testing.T) {
	s := NewServer()
	defer s.Close()
	e := call(t, s, "policy.check", `{"policy":{"default":"deny","allow":["ls"]},"command":"ls | rm x","history":["cd /"]}`)
	if e.Result["decision"] != "deny" || e.Result["span"].(map[string]any)["start"] != 5.0 || len(e.Result["commands"].([]any)) != 2 {
		t.Errorf("%+v", e)
	}
	if e := call(t, s, "policy.check", `{"command":"ls"}`); e.Result["decision"] != "allow" {
		t.Errorf("%+v", e)
	}
	if e := call(t, s, "redact.text", `{"text":"PASSWORD=hunter2-horse","redact":{"labels":true}}`); !strings.Contains(e.Result["text"].(string), "PASSWORD=[REDACTED:") {
		t.Errorf("%+v", e)
	}
}

func TestBadRequests(t *testing.T) {
	s := NewServer()
	defer s.Close()
	for _, tt := range []struct{ method, params, code, says string }{
		{"session.exce", `{}`, "invalid_argument", `did you mean "session.exec"`},
		{"session.exec", `{"sesion_id":"x"}`, "invalid_argument", `did you mean "session_id"`},
		{"session.exec", `{"timeoutMs":1}`, "invalid_argument", `did you mean "timeout_ms"`},
		{"session.exec", `{"command":1}`, "invalid_argument", "command"},
		{"session.exec", `[]`, "invalid_argument", ""},
		{"session.exec", `{"session_id":"x"} {}`, "invalid_argument", "more than one"},
		{"session.exec", "{\"command\":\"a\xffb\"}", "invalid_argument", "UTF-8"},
		{"session.exec", `{`, "invalid_argument", "JSON"},
		{"session.exec", `{"session_id":"x","command":"true"}`, "session_not_found", "session.create"},
		{"session.create", `{"policy":{"defualt":"deny"}}`, "invalid_argument", "default"},
		{"session.create", `{"policy":{"enforce":"require"}}`, "invalid_argument", "default \"deny\""},
		{"session.create", `{"policy":{"network":[70000]}}`, "invalid_argument", "network[0]"},
		{"session.create", `{"policy":{"network":"yes"}}`, "invalid_argument", "list of TCP ports"},
		{"session.create", `{"redact":{"off":["nope"]}}`, "invalid_argument", "nope"},
		{"session.create", `{"audit":"/nonexistent/x"}`, "invalid_argument", "directory that exists"},
		{"session.create", `{"transport":"nope://h"}`, "unsupported", "local"},
		{"session.create", `{"transport":{"host":"h"}}`, "invalid_argument", "type"},
		{"session.create", `{"transport":{"type":"docker","container":"c","uesr":"x"}}`, "invalid_argument", "user"},
		{"session.create", `{"transport":"docker://c","docker":{"hots":"x"}}`, "invalid_argument", "host"},
		{"session.create", `{"transport":"ssh://u:p@h"}`, "invalid_argument", "ssh.password"},
		{"session.create", `{"timeout_ms":-1}`, "invalid_argument", "timeout_ms"},
		{"session.create", `{"cwd":"/nonexistent"}`, "invalid_argument", "directory"},
		{"session.create", `{"budget":{"max_chars":-1}}`, "invalid_argument", "max_chars"},
		{"session.create", `{"budget":{"max_token":1}}`, "invalid_argument", `did you mean "max_tokens"`},
		{"session.create", `{"budget":{"keep":{"lines":1}}}`, "invalid_argument", `"budget.keep.lines"known fields: mode, n, head, tail`},
		{"session.create", `{"policy":"ls"}`, "invalid_argument", "policy: an object is needed, not string"},
		{"session.create", `{"timeout_ms":1500.5}`, "invalid_argument", "a whole number of at most 18 digits, not 1500.5"},
		{"session.create", `{"timeout_ms":1e30}`, "invalid_argument", "not 1e30"},
		{"session.exec", `{"session_id":"x"}`, "invalid_argument", `"command" is missing`},
		{"session.exec", `{"session_id":"x","command":null}`, "invalid_argument", `"command" is missing`},
		{"session.exec", `{"command":"true"}`, "invalid_argument", `"session_id" is missing`},
		{"exec.start", `{"session_id":"x"}`, "invalid_argument", `"command" is missing`},
		{"redact.text", `{}`, "invalid_argument", `"text" is missing`},
		{"output.read", `{}`, "invalid_argument", `"output_id" is missing`},
		{"policy.check", `{"policy":null}`, "invalid_argument", `"command" is missing`},
		{"session.exec", `{"session_id":"x","command":"rm \\udcff"}`, "session_not_found", "session.create"},
		{"session.exec", `{"session_id":"x","command":"rm \udcff"}`, "invalid_argument", `\udcff`},
		{"session.exec", `{"session_id":"x","command":"rm \ud83d\\ude00"}`, "invalid_argument", `\ud83d`},
		{"session.exec", `{"session_id":"x","command":"rm \ud83d\ude00 \\\ude00"}`, "invalid_argument", `\ude00`},
		{"session.exec", `{"session_id":"x","command":"rm \ud83d\ude00 \u00e9"}`, "session_not_found", "session.create"},
		{"no.such.method", `{}`, "invalid_argument", "capabilities.get"},
	} {
		e := call(t, s, tt.method, tt.params)
		if e.OK || e.Error.Code != tt.code || !strings.Contains(e.Error.Message+e.Error.Hint, tt.says) {
			t.Errorf("%s %s: %+v", tt.method, tt.params, e.Error)
		}
	}
}
