package rpc

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// a gate is a real server that lets nobody in without answers, and an account on it.
type gate struct {
	t       *testing.T
	s       *Server
	sshd    *sshtest.Server
	account sshtest.Account
	said    strings.Builder // all that came out of the calls
}

func newGate(t *testing.T, config string) *gate {
	g := &gate{t: t, account: sshtest.NewAccount(t, "bash"), sshd: sshtest.Start(t, sshtest.Options{Config: "LoginGraceTime 600\n" + config})}
	g.s = NewServer()
	t.Cleanup(g.s.Close)
	return g
}

func (g *gate) call(method string, fields map[string]any) envelope {
	g.t.Helper()
	params, err := json.Marshal(fields)
	if err != nil {
		g.t.Fatal(err)
	}
	e := call(g.t, g.s, method, string(params))
	reply, _ := json.Marshal(e)
	g.said.Write(reply)
	return e
}

// create asks for a session; more replaces its fields.
func (g *gate) create(ssh, more map[string]any) envelope {
	g.t.Helper()
	options := map[string]any{"config": false, "agent": false, "known_hosts": g.sshd.KnownHosts(), "user": g.account.Name, "port": g.sshd.Port, "host": "127.0.0.1", "connect_timeout_ms": 60_000, "pool": false}
	for name, value := range ssh {
		options[name] = value
	}
	fields := map[string]any{"transport": "ssh", "ssh": options, "ask": true, "timeout_ms": 120_000}
	for name, value := range more {
		fields[name] = value
	}
	return g.call("session.create", fields)
}

// asked is the question of a reply.
func (g *gate) asked(e envelope) (opening, id, kind string, fields map[string]any) {
	g.t.Helper()
	fields, ok := e.Result["question"].(map[string]any)
	if !e.OK || !ok {
		g.t.Fatalf("no question: %+v", e)
	}
	return e.Result["opening_id"].(string), fields["question_id"].(string), fields["kind"].(string), fields
}

func (g *gate) answer(e envelope, answer any) envelope {
	g.t.Helper()
	opening, id, _, _ := g.asked(e)
	return g.call("session.answer", map[string]any{"opening_id": opening, "question_id": id, "answer": answer})
}

func (g *gate) failed(e envelope, code string, says ...string) {
	g.t.Helper()
	if e.OK || e.Error.Code != code {
		g.t.Fatalf("%+v, want %s", e, code)
	}
	for _, text := range says {
		if !strings.Contains(e.Error.Message, text) {
			g.t.Errorf("%q lacks %q", e.Error.Message, text)
		}
	}
}

func TestEveryQuestionOfAServer(t *testing.T) {
	t.Parallel()
	g := newGate(t, "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive,password")
	key, hosts, passphrase := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "known_hosts"), "phrase-"+random(12)
	sshtest.Keygen(t, key, "ed25519", passphrase)
	g.sshd.Authorize(key)
	ssh := map[string]any{"host_key": "ask", "known_hosts": hosts, "key_path": key}
	log := filepath.Join(t.TempDir(), "audit")
	e := g.create(ssh, map[string]any{"audit": log})
	for _, want := range []struct{ kind, says, answer string }{
		{"host_key", g.sshd.Fingerprint("ed25519"), "yes"}, {"passphrase", key, "mistyped-" + passphrase}, {"passphrase", key, passphrase},
		{"keyboard_interactive", "assword", g.account.Password}, {"password", g.account.Name + "@", g.account.Password},
	} {
		_, _, kind, fields := g.asked(e)
		if kind != want.kind || !strings.Contains(fields["text"].(string), want.says) || fields["expires_ms"].(float64) < 500_000 || fields["echo"] != (kind == "host_key") {
			t.Fatalf("%v, want %+v", fields, want)
		}
		e = g.answer(e, want.answer)
	}
	id, ok := e.Result["session_id"].(string)
	if !ok {
		t.Fatalf("%+v", e)
	}
	// An answer is a secret of the session from then on.
	r := g.call("session.exec", map[string]any{"session_id": id, "command": "echo " + g.account.Password[:9] + "''" + g.account.Password[9:] + "; echo " + passphrase + "; echo yes"})
	if r.Result["stdout"] != "[REDACTED]\n[REDACTED]\nyes\n" {
		t.Errorf("%v", r.Result["stdout"])
	}
	// What was believed is known from now on, by whoever is let in.
	e = g.create(ssh, nil)
	if _, _, kind, _ := g.asked(e); kind != "passphrase" {
		t.Errorf("%s is asked of a known host", kind)
	}
	records, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	g.said.Write(records)
	for _, secret := range []string{g.account.Password, passphrase} {
		if strings.Contains(g.said.String(), secret) {
			t.Errorf("a secret got out: %s", strings.ReplaceAll(g.said.String(), secret, "<HERE>"))
		}
	}
}

func TestUnbelievedHostKey(t *testing.T) {
	t.Parallel()
	g := newGate(t, "")
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	ssh := map[string]any{"host_key": "ask", "known_hosts": hosts, "user": "root", "key_path": g.sshd.Key}
	for _, answer := range []any{"no", "", "YES!", "y", nil, "SHA256:" + strings.Repeat("A", 43)} {
		e := g.answer(g.create(ssh, nil), answer)
		g.failed(e, "host_key_unknown", g.sshd.Fingerprint("ed25519"))
	}
	g.failed(g.create(ssh, map[string]any{"ask": false}), "host_key_unknown", g.sshd.Fingerprint("ed25519"))
	if _, err := os.Stat(hosts); err == nil {
		t.Error("an unbelieved key was recorded")
	}
	// ask in the configuration counts where it is written and somebody can be asked; a key that changed is no question.
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("StrictHostKeyChecking ask\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	delete(ssh, "host_key")
	ssh["config"] = config
	if e := g.answer(g.create(ssh, nil), g.sshd.Fingerprint("ed25519")); !e.OK {
		t.Fatalf("%+v", e)
	}
	g.sshd.NewHostKeys()
	g.failed(g.create(ssh, nil), "host_key_changed")
}

func TestQuestionsThatEndBadly(t *testing.T) {
	t.Parallel()
	g := newGate(t, "PasswordAuthentication yes")
	password := g.account.Password
	// A refusal is final: the same is not asked again.
	g.failed(g.answer(g.create(nil, nil), nil), "unauthenticated", "password", "nobody answered")
	// Three wrong answers are enough, as for ssh.
	e := g.create(nil, nil)
	for range 3 {
		e = g.answer(e, "wrong-"+password)
	}
	g.failed(e, "unauthenticated")
	e = g.answer(g.create(nil, nil), "wrong-"+password)
	if e = g.answer(e, password); !e.OK {
		t.Errorf("%+v", e)
	}
	// Nobody comes back in time, and then too late.
	e = g.create(nil, map[string]any{"approval_timeout_ms": 100})
	opening, _, _, _ := g.asked(e)
	g.s.mu.Lock()
	ended := g.s.openings[opening].Done()
	g.s.mu.Unlock()
	<-ended
	g.failed(g.answer(e, password), "unauthenticated", "within 100ms")
	g.failed(g.answer(e, password), "invalid_argument", "opening_id")
	// Cancelled, by word and by the end of the call that waits.
	e = g.create(nil, nil)
	opening, _, _, _ = g.asked(e)
	g.failed(g.call("session.answer", map[string]any{"opening_id": opening, "cancel": true}), "cancelled")
	g.failed(g.answer(e, password), "invalid_argument", "opening_id")
	// An answer is for one question of one opening.
	e, other := g.create(nil, nil), g.create(nil, nil)
	opening, id, _, _ := g.asked(e)
	_, theirs, _, _ := g.asked(other)
	g.failed(g.call("session.answer", map[string]any{"opening_id": opening, "question_id": theirs, "answer": password}), "invalid_argument", "did not ask")
	g.failed(g.call("session.answer", map[string]any{"opening_id": "o_x", "question_id": id, "answer": password}), "invalid_argument", "opening_id")
	g.failed(g.call("session.answer", map[string]any{"opening_id": opening, "question_id": id, "answer": 8675309}), "invalid_argument", "answer")
	g.failed(g.call("session.answer", map[string]any{"opening_id": opening, "question_id": id, "anser": password}), "invalid_argument", "anser")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	params, _ := json.Marshal(map[string]any{"opening_id": opening, "question_id": id, "answer": "wrong-" + password})
	if reply := string(g.s.Call(ctx, "session.answer", params)); !strings.Contains(reply, `"cancelled"`) {
		t.Error(reply)
	}
	if list := g.call("session.list", nil).Result["sessions"].([]any); len(list) != 1 {
		t.Errorf("%d sessions are open", len(list))
	}
	if strings.Contains(g.said.String(), password) || strings.Contains(g.said.String(), "8675309") {
		t.Error("an answer got out")
	}
	// The end of the server ends what still asks.
	g.asked(other)
	g.s.Close()
	g.failed(g.answer(other, password), "invalid_argument")
	if e := g.create(nil, nil); e.OK {
		t.Errorf("%+v", e)
	}
}

// Nobody's answer opens a session for somebody else.
func TestAnswersAreNotShared(t *testing.T) {
	t.Parallel()
	g := newGate(t, "PasswordAuthentication yes")
	pooled := map[string]any{"pool": true}
	// Nor does anybody wait for an answer of somebody else's person.
	e := g.create(pooled, nil)
	g.failed(g.create(pooled, map[string]any{"ask": false}), "unauthenticated")
	g.asked(g.create(pooled, nil))
	if e := g.answer(e, g.account.Password); !e.OK {
		t.Fatalf("%+v", e)
	}
	g.failed(g.create(pooled, map[string]any{"ask": false}), "unauthenticated")
	if _, _, kind, _ := g.asked(g.create(pooled, nil)); kind != "password" {
		t.Error(kind)
	}
}

func TestQuestionsOfAReconnect(t *testing.T) {
	t.Parallel()
	g := newGate(t, "PasswordAuthentication yes")
	e := g.answer(g.create(nil, nil), g.account.Password)
	id, ok := e.Result["session_id"].(string)
	if !ok {
		t.Fatalf("%+v", e)
	}
	// lose breaks the connection under a command, so that the session knows of it.
	lose := func() {
		t.Helper()
		r := start(t, g.s, id, "sleep 100", "")
		r.next("started")
		g.sshd.Cut()
		if code := r.code(); code != "connection_lost" {
			t.Fatalf("%q", code)
		}
	}
	// Asked by an event of the command that reconnects; everything else goes on meanwhile.
	lose()
	begin := func() started {
		e := g.call("exec.start", map[string]any{"session_id": id, "command": "echo on", "ask": true})
		if !e.OK {
			t.Fatalf("%+v", e)
		}
		return started{t, g.s, e.Result["exec_id"].(string)}
	}
	r := begin()
	fields := r.next("question")["fields"].(map[string]any)
	if list := g.call("session.list", nil).Result["sessions"].([]any); len(list) != 1 {
		t.Errorf("%v", list)
	}
	g.failed(g.call("exec.answer", map[string]any{"exec_id": r.id, "question_id": "q_x", "answer": "x"}), "invalid_argument", "did not ask")
	if e := g.call("exec.answer", map[string]any{"exec_id": r.id, "question_id": fields["question_id"], "answer": g.account.Password}); !e.OK {
		t.Fatalf("%+v", e)
	}
	if result, _ := r.next("finished")["result"].(map[string]any); result["stdout"] != "on\n" || result["reconnected"] != true {
		t.Errorf("%v", result)
	}
	// A call that cannot ask says so, and the next one can.
	lose()
	g.failed(g.call("session.exec", map[string]any{"session_id": id, "command": "echo on"}), "unauthenticated")
	g.failed(g.call("session.exec", map[string]any{"session_id": id, "command": "echo on", "ask": true}), "invalid_argument", "started")
	r = begin()
	fields = r.next("question")["fields"].(map[string]any)
	g.call("exec.answer", map[string]any{"exec_id": r.id, "question_id": fields["question_id"]})
	if code := r.code(); code != "unauthenticated" {
		t.Errorf("%q", code)
	}
	// The end of the session ends the question.
	r = begin()
	r.next("question")
	before := time.Now()
	if e := g.call("session.destroy", map[string]any{"session_id": id}); !e.OK {
		t.Errorf("%+v", e)
	}
	if code := r.code(); code == "" || time.Since(before) > time.Minute {
		t.Errorf("%q after %v", code, time.Since(before))
	}
	if strings.Contains(g.said.String(), g.account.Password) {
		t.Error("an answer got out")
	}
}
