package runner

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// byCall are the doors where a question is the result of a call and the answer another one; the others have a callback.
var byCall = []string{"c", "cli"}

// An askingCase is about what a server asks: for the account's password and a one-time code, or whether its key is
// believed. $PASSWORD, $CODE1 and so on, $KEY and $FINGERPRINT stand for what is right.
type askingCase struct {
	Name   string   `json:"name"`
	Guards string   `json:"guards"`
	Doors  []string `json:"doors"`
	// SSH are options beside those that reach the server.
	SSH map[string]any `json:"ssh"`
	// Known says that the server's key is in known_hosts, Believed that it is there afterwards.
	Known    bool `json:"known"`
	Believed bool `json:"believed"`
	// Alone says that nobody can be asked.
	Alone bool `json:"alone"`
	askingStep
	Steps []askingStep `json:"steps"`
}

// An askingStep opens the session or runs a command: what is asked in it with the answers, and what it comes to. Says
// are parts of the error's message and hint.
type askingStep struct {
	Exec  string         `json:"exec"`
	Asked []question     `json:"asked"`
	Want  map[string]any `json:"want"`
	Error string         `json:"error"`
	Says  []string       `json:"says"`
}

// A question without an answer is refused.
type question struct {
	Kind   string  `json:"kind"`
	Says   string  `json:"says"`
	Answer *string `json:"answer"`
}

// TestConformanceOfQuestions has a real sshd ask through every door.
func TestConformanceOfQuestions(t *testing.T) {
	if os.Getenv("EXECKIT_CONFORMANCE") == "" {
		t.Skip("needs the built doors; ./build.sh test builds them and sets EXECKIT_CONFORMANCE")
	}
	t.Parallel()
	cases := readJSONL[askingCase](t, "../conformance/asking/*.jsonl")
	server := sshtest.Start(t, sshtest.Options{Codes: true, Config: "LoginGraceTime 600"})
	vouched, err := os.ReadFile(server.KnownHosts())
	if err != nil {
		t.Fatal(err)
	}
	for door, command := range testees {
		t.Run(door, func(t *testing.T) {
			t.Parallel()
			account := sshtest.NewAccount(t, "bash")
			server.Codes.Enroll(account)
			g := &gate{door: door, server: server, account: account, vouched: vouched, known: filepath.Join(t.TempDir(), "known_hosts")}
			g.forget(t, askingCase{})
			// What an operator sets for MCP; nobody's configuration is read.
			g.testee = startTestee(t, command, "HOME="+t.TempDir(), "EXECKIT_MCP_KEY_DIR="+server.Dir, "EXECKIT_MCP_KNOWN_HOSTS="+g.known, "EXECKIT_MCP_ASK_HOSTKEY=1")
			for _, c := range cases {
				if (testCase{Doors: c.Doors}).isFor(door) {
					t.Run(c.Name, func(t *testing.T) { g.run(t, c) })
				}
			}
		})
	}
}

// A gate is an account behind a server that asks, and the door through which it is reached.
type gate struct {
	*testee
	door    string
	server  *sshtest.Server
	account sshtest.Account
	known   string // the file of host keys
	vouched []byte // what it holds where the key is known
	secrets []string
}

// forget makes the file of host keys what the case wants it to be.
func (g *gate) forget(t *testing.T, c askingCase) {
	t.Helper()
	var keys []byte
	if c.Known {
		keys = g.vouched
	}
	if err := os.WriteFile(g.known, keys, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (g *gate) run(t *testing.T, c askingCase) {
	g.forget(t, c)
	places := map[string]string{"$PASSWORD": g.account.Password, "$KEY": g.server.Key, "$FINGERPRINT": g.server.Fingerprint("ed25519")}
	g.secrets = []string{g.account.Password, "mistyped"}
	for i := range 3 {
		code := g.server.Codes.Next(g.account)
		places[fmt.Sprint("$CODE", i+1)] = code
		g.secrets = append(g.secrets, code)
	}
	ssh := map[string]any{"port": g.server.Port, "known_hosts": []any{g.known}, "agent": false, "config": false, "connect_timeout_ms": 60_000, "pool": false}
	maps.Copy(ssh, placed(c.SSH, places).(map[string]any))
	create := map[string]any{"transport": "ssh://" + g.account.Name + "@127.0.0.1", "ssh": ssh, "timeout_ms": 120_000, "policy": map[string]any{"intercept": "off"}}
	opened := g.step(t, "session.create", create, c.askingStep, places, c.Alone)
	if keys, _ := os.ReadFile(g.known); (len(keys) > 0) != c.Believed {
		t.Errorf("the key is in known_hosts: %v", len(keys) > 0)
	}
	id, _ := opened.Result["session_id"].(string)
	if !opened.OK {
		return
	}
	defer g.call(t, "session.destroy", map[string]any{"session_id": id})
	for _, step := range c.Steps {
		g.step(t, "session.exec", map[string]any{"session_id": id, "command": placed(step.Exec, places)}, step, places, c.Alone)
	}
}

// step makes one call and compares what was asked and what it came to.
func (g *gate) step(t *testing.T, method string, params map[string]any, s askingStep, places map[string]string, alone bool) envelope {
	t.Helper()
	answers := make([]any, len(s.Asked))
	for i, q := range s.Asked {
		if q.Answer != nil {
			answers[i] = placed(*q.Answer, places)
		}
	}
	got := g.answering(t, method, params, answers, alone)
	if len(got.Asked) != len(s.Asked) {
		t.Errorf("%s: %d questions, want %d: %v", method, len(got.Asked), len(s.Asked), got.Asked)
		return got
	}
	for i, q := range s.Asked {
		// A form of MCP has no kind.
		if kind := got.Asked[i]["kind"]; kind != nil && kind != q.Kind || !strings.Contains(fmt.Sprint(got.Asked[i]["text"]), placed(q.Says, places).(string)) {
			t.Errorf("%s: question %d is %v, want %+v", method, i+1, got.Asked[i], q)
		}
	}
	told := fmt.Sprint(got.Error["message"], " ", got.Error["hint"])
	switch {
	case s.Error != "" && (got.OK || got.Error["code"] != s.Error):
		t.Errorf("%s: want error %s, got %+v", method, s.Error, got)
	case s.Error == "" && !got.OK:
		t.Errorf("%s: error %+v", method, got.Error)
	default:
		if differs := match(placed(s.Want, places), got.Result, ""); s.Want != nil && differs != "" {
			t.Errorf("%s: %s\nresult: %.1000v", method, differs, got.Result)
		}
	}
	for _, text := range s.Says {
		if !strings.Contains(told, placed(text, places).(string)) {
			t.Errorf("%s: %q lacks %q", method, told, text)
		}
	}
	for _, secret := range g.secrets {
		if strings.Contains(got.text, secret) {
			t.Errorf("%s: a secret is in %s", method, strings.ReplaceAll(got.text, secret, "<HERE>"))
		}
	}
	return got
}

// answering makes a call and has a person answer what is asked in it, in this order.
func (g *gate) answering(t *testing.T, method string, params map[string]any, answers []any, alone bool) envelope {
	t.Helper()
	switch {
	case alone:
		return g.call(t, method, params)
	case !slices.Contains(byCall, g.door):
		return g.send(t, map[string]any{"method": method, "params": params, "answers": answers})
	case method == "session.create":
		return g.opening(t, params, answers)
	case len(answers) > 0:
		return g.reconnecting(t, params, answers)
	}
	return g.call(t, method, params)
}

// answerTo is the part of a request that answers a question, and the answers that are left.
func answerTo(q map[string]any, answers []any) (map[string]any, []any) {
	said := map[string]any{"question_id": q["question_id"]}
	if len(answers) == 0 {
		return said, nil
	}
	if answers[0] != nil {
		said["answer"] = answers[0]
	}
	return said, answers[1:]
}

// opening goes on from question to question until the session is open.
func (g *gate) opening(t *testing.T, params map[string]any, answers []any) envelope {
	t.Helper()
	params["ask"] = true
	got := g.call(t, "session.create", params)
	var asked []map[string]any
	text := got.text
	for {
		q, ok := got.Result["question"].(map[string]any)
		if !ok {
			got.Asked, got.text = asked, text
			return got
		}
		asked = append(asked, q)
		var said map[string]any
		said, answers = answerTo(q, answers)
		said["opening_id"] = got.Result["opening_id"]
		got = g.call(t, "session.answer", said)
		text += got.text
	}
}

// reconnecting runs a command whose events ask.
func (g *gate) reconnecting(t *testing.T, params map[string]any, answers []any) envelope {
	t.Helper()
	params["ask"] = true
	started := g.call(t, "exec.start", params)
	if !started.OK {
		return started
	}
	var asked []map[string]any
	text := started.text
	for {
		got := g.call(t, "exec.events", map[string]any{"exec_id": started.Result["exec_id"], "timeout_ms": 60_000})
		text += got.text
		events, _ := got.Result["events"].([]any)
		if len(events) == 0 {
			t.Fatalf("%+v", got)
		}
		for _, one := range events {
			event := one.(map[string]any)
			switch event["type"] {
			case "question":
				q := event["fields"].(map[string]any)
				asked = append(asked, q)
				var said map[string]any
				said, answers = answerTo(q, answers)
				said["exec_id"] = started.Result["exec_id"]
				if got := g.call(t, "exec.answer", said); !got.OK {
					t.Fatalf("%+v", got)
				}
			case "finished":
				result, _ := event["result"].(map[string]any)
				failure, _ := event["error"].(map[string]any)
				return envelope{OK: failure == nil, Result: result, Error: failure, Asked: asked, text: text}
			}
		}
	}
}
