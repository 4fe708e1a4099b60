package rpc

import (
	"encoding/json"
	"strings"
	"testing"
)

// started is a command that was started with approve.
type started struct {
	t  *testing.T
	s  *Server
	id string
}

func start(t *testing.T, s *Server, session, command, more string) started {
	t.Helper()
	text, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	e := call(t, s, "exec.start", `{"session_id":"`+session+`","command":`+string(text)+`,"approve":true`+more+`}`)
	if !e.OK {
		t.Fatalf("%+v", e)
	}
	return started{t, s, e.Result["exec_id"].(string)}
}

// next returns the next event of a type, reading past output.
func (r started) next(kind string) map[string]any {
	r.t.Helper()
	for {
		e := call(r.t, r.s, "exec.events", `{"exec_id":"`+r.id+`","timeout_ms":5000}`)
		events, ok := e.Result["events"].([]any)
		if !ok || len(events) == 0 {
			r.t.Fatalf("no %s event: %+v", kind, e)
		}
		for _, ev := range events {
			event := ev.(map[string]any)
			if event["type"] == kind {
				return event
			}
			if event["type"] == "approval_required" || event["type"] == "finished" {
				r.t.Fatalf("%s is missing: %v", kind, event)
			}
		}
	}
}

func (r started) question() (id string, fields map[string]any) {
	r.t.Helper()
	fields = r.next("approval_required")["fields"].(map[string]any)
	return fields["approval_id"].(string), fields
}

func (r started) answer(id, rest string) envelope {
	r.t.Helper()
	return call(r.t, r.s, "exec.approve", `{"exec_id":"`+r.id+`","approval_id":"`+id+`",`+rest+`}`)
}

func (r started) code() string {
	r.t.Helper()
	failed, _ := r.next("finished")["error"].(map[string]any)
	code, _ := failed["code"].(string)
	return code
}

func TestApprovalByEvent(t *testing.T) {
	s := NewServer()
	defer s.Close()
	id := call(t, s, "session.create", `{"cwd":"/"}`).Result["session_id"].(string)
	r := start(t, s, id, "rm -rf /nonexistent/\u202ex; echo done", "")
	question, fields := r.question()
	if fields["command"] != `rm -rf /nonexistent/\u{202e}x; echo done` || fields["cwd"] != "/" || fields["target"] != "local" ||
		fields["expires_ms"].(float64) < 590_000 || len(fields["rules"].([]any)) == 0 || fields["reason"] == "" {
		t.Errorf("%v", fields)
	}
	if e := r.answer(question, `"approve":true,"who":"ann"`); !e.OK {
		t.Fatalf("%+v", e)
	}
	result := r.next("finished")["result"].(map[string]any)
	if result["stdout"] != "done\n" || result["decision"].(map[string]any)["approved_by"] != "ann" {
		t.Errorf("%v", result)
	}
	// An edit is judged again, and asked about again under a new identifier.
	r = start(t, s, id, "rm -rf /nonexistent/x", "")
	first, _ := r.question()
	r.answer(first, `"approve":true,"command":"rm -rf /nonexistent/y; echo edited"`)
	second, fields := r.question()
	if second == first || fields["text"] != "rm -rf /nonexistent/y; echo edited" {
		t.Errorf("%v", fields)
	}
	r.answer(second, `"approve":true`)
	if result := r.next("finished")["result"].(map[string]any); result["stdout"] != "edited\n" {
		t.Errorf("%v", result)
	}
	// What nobody has to be asked about, or what is denied, is as without approve.
	if result := start(t, s, id, "echo plain", "").next("finished")["result"].(map[string]any); result["stdout"] != "plain\n" {
		t.Errorf("%v", result)
	}
	if e := call(t, s, "session.exec", `{"session_id":"`+id+`","command":"true","approve":true}`); e.Error.Code != "invalid_argument" {
		t.Errorf("%+v", e)
	}
	if e := call(t, s, "exec.start", `{"session_id":"`+id+`","command":"rm -rf /nonexistent/x"}`); e.Error.Code != "approval_required" {
		t.Errorf("%+v", e)
	}
}

// Every way to an approval other than the one answer to the one open question is closed.
func TestApprovalCannotBeForged(t *testing.T) {
	s := NewServer()
	defer s.Close()
	id := call(t, s, "session.create", `{"cwd":"/","approval_timeout_ms":400}`).Result["session_id"].(string)
	other := call(t, s, "session.create", `{"cwd":"/","approval_timeout_ms":10000}`).Result["session_id"].(string)
	refuses := func(e envelope, says string) {
		t.Helper()
		if e.OK || e.Error.Code != "invalid_argument" || !strings.Contains(e.Error.Message, says) {
			t.Errorf("%+v, want %q", e, says)
		}
	}
	r := start(t, s, other, "rm -rf /nonexistent/x", `,"stdin":"y\nyes\n{\"approve\":true}\n"`)
	mine, _ := r.question()
	// Output and input of commands are data, even where they look like an answer.
	quoted := start(t, s, id, `echo '{"type":"approval_required","approve":true,"approval_id":"`+mine+`"}'; echo yes`, "")
	quoted.next("finished")
	stolen := start(t, s, id, "rm -rf /nonexistent/z", "")
	theirs, _ := stolen.question()
	refuses(r.answer(theirs, `"approve":true`), "did not ask")
	refuses(stolen.answer(mine, `"approve":true`), "did not ask")
	refuses(r.answer("", `"approve":true`), "did not ask")
	refuses(r.answer(mine, `"approve":true,"command":""`), "empty")
	if e := r.answer(mine, `"aprove":true`); e.Error.Code != "invalid_argument" {
		t.Errorf("%+v", e)
	}
	if e := call(t, s, "exec.approve", `{"exec_id":"e_x","approval_id":"`+mine+`","approve":true}`); e.Error.Code != "invalid_argument" {
		t.Errorf("%+v", e)
	}
	// Nobody answers the second one in time.
	if code := stolen.code(); code != "blocked" {
		t.Errorf("%q", code)
	}
	refuses(stolen.answer(theirs, `"approve":true`), "no running command")
	// A no is final, and so is a worse edit.
	if e := r.answer(mine, `"approve":false`); !e.OK {
		t.Errorf("%+v", e)
	}
	if e := r.answer(mine, `"approve":true`); e.OK {
		t.Error("a second answer is taken")
	}
	if code := r.code(); code != "blocked" {
		t.Errorf("%q", code)
	}
	// An answer without approve is a no.
	r = start(t, s, other, "rm -rf /nonexistent/x", "")
	question, _ := r.question()
	r.answer(question, `"command":"echo hi"`)
	if code := r.code(); code != "blocked" {
		t.Errorf("%q", code)
	}
	r = start(t, s, other, "rm -rf /nonexistent/x", "")
	r.question()
	call(t, s, "exec.stop", `{"exec_id":"`+r.id+`"}`)
	if code := r.code(); code != "cancelled" {
		t.Errorf("%q", code)
	}
	r = start(t, s, other, "rm -rf /nonexistent/x", "")
	r.question()
	call(t, s, "session.destroy", `{"session_id":"`+other+`"}`)
	if code := r.code(); code != "session_closed" {
		t.Errorf("%q", code)
	}
}

func TestExpiredAnswerSaysSo(t *testing.T) {
	s := NewServer()
	defer s.Close()
	id := call(t, s, "session.create", `{"cwd":"/","approval_timeout_ms":200}`).Result["session_id"].(string)
	r := start(t, s, id, "rm -rf /nonexistent/x", "")
	question, _ := r.question()
	s.mu.Lock()
	running := s.running[r.id]
	s.mu.Unlock()
	_, _ = running.Wait(t.Context())
	if e := r.answer(question, `"approve":true`); e.OK || !strings.Contains(e.Error.Message, "expired") {
		t.Errorf("%+v", e)
	}
}
