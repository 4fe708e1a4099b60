package rpc

import (
	"slices"
	"testing"

	"github.com/execkit/execkit/core/errdefs"
)

// contract are the methods that users rely on. None may go or take another name; more may come.
var contract = []string{
	"session.create", "session.answer", "session.exec", "session.state", "session.list", "session.destroy", "session.interrupt",
	"exec.start", "exec.events", "exec.write", "exec.close_stdin", "exec.signal", "exec.resize", "exec.approve", "exec.answer", "exec.screen", "exec.stop",
	"output.read", "job.list", "job.output", "job.wait", "job.kill",
	"checkpoint.create", "checkpoint.list", "checkpoint.diff", "checkpoint.restore", "checkpoint.delete", "snapshot.save", "snapshot.restore",
	"file.read", "file.write", "file.list", "file.stat", "policy.check", "redact.text", "audit.verify", "audit.query",
	"limits.get", "version.get", "capabilities.get",
}

func TestContractMethods(t *testing.T) {
	s := NewServer()
	defer s.Close()
	have := s.Methods()
	for _, name := range contract {
		if !slices.Contains(have, name) {
			t.Errorf("the method %s is missing", name)
		}
	}
	for _, name := range have {
		if !slices.Contains(contract, name) {
			t.Errorf("the method %s is not in the list of what users rely on; add it", name)
		}
	}
}

func TestCapabilities(t *testing.T) {
	s := NewServer()
	defer s.Close()
	got := call(t, s, "capabilities.get", "{}").Result
	list := func(name string) []string {
		var words []string
		entries, _ := got[name].([]any)
		for _, one := range entries {
			words = append(words, one.(string))
		}
		return words
	}
	if !slices.Equal(list("methods"), s.Methods()) {
		t.Errorf("methods are %v", list("methods"))
	}
	for _, scheme := range []string{"local", "ssh"} {
		if !slices.Contains(list("transports"), scheme) {
			t.Errorf("transports are %v, without %s", list("transports"), scheme)
		}
	}
	if len(list("errors")) != len(errdefs.Table) || !slices.Contains(list("options"), "timeout_ms") {
		t.Errorf("errors are %v, options %v", list("errors"), list("options"))
	}
	// What it says of a shell is true: a session opens with it.
	shells := got["shells"].(map[string]any)
	if shells["bash"] == nil {
		t.Fatalf("shells are %v", shells)
	}
	for name, path := range shells {
		if e := call(t, s, "session.create", `{"cwd":"/","shell":"`+path.(string)+`"}`); !e.OK {
			t.Errorf("%s: %+v", name, e.Error)
		}
	}
}

func TestLimits(t *testing.T) {
	s := NewServer()
	defer s.Close()
	got := call(t, s, "limits.get", "{}").Result
	if got["request_bytes"] != float64(maxRequestBytes) || got["timeout_ms"] != float64(maxTimeoutMS) {
		t.Errorf("%v", got)
	}
	// Every limit that is told is one: nothing was forgotten.
	var walk func(path string, value any)
	walk = func(path string, value any) {
		if area, ok := value.(map[string]any); ok {
			for name, one := range area {
				walk(path+"."+name, one)
			}
		} else if n, ok := value.(float64); !ok || n <= 0 {
			t.Errorf("%s is %v", path, value)
		}
	}
	walk("limits", got)
	if e := call(t, s, "limits.get", `{"sesion":1}`); e.Error.Code != "invalid_argument" {
		t.Errorf("%+v", e)
	}
}
