package ssh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// A heard keeps all that comes out of sessions. As a sink it hears spans and measurements. Its zero value is ready.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
	n    int // spans and measurements
}

// note keeps values as a program shows them that prints what it has.
func (h *heard) note(values ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		encoded, _ := json.Marshal(v)
		fmt.Fprintf(&h.text, "%v %+v %#v %s\n", v, v, v, encoded)
		if err, ok := v.(error); ok {
			e := errdefs.From(err)
			fmt.Fprintf(&h.text, "%s %s %+v %#v\n", e.Message, e.Hint, e.Details, e.Details)
		}
	}
}

func (h *heard) Span(s telemetry.Span) { h.note(s); h.n++ }

func (h *heard) Count(name, unit string, n int64, attributes ...telemetry.Attribute) {
	h.note(name, unit, n, attributes)
	h.n++
}

func (h *heard) Observe(name, unit string, value float64, attributes ...telemetry.Attribute) {
	h.note(name, unit, value, attributes)
	h.n++
}

// A sitter answers what a server asks, and knows what it has said.
type sitter struct {
	h       *heard
	answers []string // what is left to say; "" refuses
	said    []string
	kinds   []string
}

func (a *sitter) ask(_ context.Context, q transport.Question) (string, error) {
	a.h.note(q)
	a.kinds = append(a.kinds, q.Kind)
	if len(a.answers) == 0 {
		return "", errors.New("nobody is there")
	}
	answer := a.answers[0]
	a.answers = a.answers[1:]
	a.said = append(a.said, answer)
	if strings.HasPrefix(answer, "fails ") {
		return "", fmt.Errorf("the window closed after %q", answer)
	}
	return answer, nil
}

// What a person answered is nowhere but at the server: not in spans and measurements, the audit log, results, events,
// errors, and what a program prints of them; and not what was mistyped either.
func TestAnswersAreNowhere(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t, sshtest.Options{Codes: true, Config: "AuthenticationMethods publickey,keyboard-interactive\nLoginGraceTime 600"})
	account := sshtest.NewAccount(t, "bash")
	server.Codes.Enroll(account)
	dir := t.TempDir()
	key, phrase := filepath.Join(dir, "key"), "phrase-of-the-key-7261"
	sshtest.Keygen(t, key, "ed25519", phrase)
	server.Authorize(key)
	h := &heard{}
	person := &sitter{h: h}
	c := configFor(server)
	pool := false
	c.SSH.User, c.SSH.KeyPath, c.SSH.ConnectTimeoutMS, c.SSH.Pool = account.Name, key, 60_000, &pool
	c.Ask, c.Telemetry, c.Label = person.ask, h, "agent"
	log := filepath.Join(dir, "audit")
	c.Audit = &execkit.AuditOptions{Options: audit.Options{Path: log, HeadPath: log + ".head"}}
	policy, err := execkit.LoadPolicy([]byte(`{"default":"ask","intercept":"off"}`))
	if err != nil {
		t.Fatal(err)
	}
	c.Policy = policy // whose reasons quote commands
	c.Approve = func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
		return execkit.Approval{Approve: true, Who: "a person"}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	// Some that come to nothing.
	for _, answers := range [][]string{
		{"mistyped-phrase-1", "mistyped-phrase-2", "mistyped-phrase-3"},
		{phrase, account.Password, "314159", "mistyped-password-1", "271828", "mistyped-password-2", "161803"},
		{phrase, "fails mistyped-password-3"},
		{phrase, account.Password},
	} {
		person.answers = answers
		s, err := execkit.Open(ctx, "ssh", c)
		if err == nil {
			_ = s.Close()
			t.Errorf("%q let us in", answers)
		}
		h.note(err)
	}
	// One that has a mistake in it, and is asked again for a connection that broke.
	person.answers, person.kinds = []string{phrase, account.Password, "141421", account.Password, server.Codes.Next(account)}, nil
	s := open(t, c)
	if got := strings.Join(person.kinds, " "); got != "passphrase keyboard_interactive keyboard_interactive keyboard_interactive keyboard_interactive" {
		t.Errorf("asked for %s", got)
	}
	h.note(s, s.Info())
	do := func(command string, o execkit.ExecOptions) *execkit.Result {
		t.Helper()
		r, err := s.Exec(ctx, command, o)
		h.note(r, err)
		return r
	}
	all := strings.Join(person.said[len(person.said)-5:], " ") // what this session was told
	if r := do("echo "+all, execkit.ExecOptions{}); r == nil || r.Stdout != strings.Repeat("[REDACTED] ", 4)+"[REDACTED]\n" {
		t.Errorf("%+v", r)
	}
	do("cat; echo $SAID >&2; false", execkit.ExecOptions{Stdin: []byte(all), Env: map[string]*string{"SAID": &all}})
	do("export SAID='"+all+"'; "+all, execkit.ExecOptions{})
	state, err := s.State(ctx)
	h.note(state, err)
	do("kill -9 $(ps -u $(id -u) -o pid=,comm= | sed -n 's/sshd.*//p'); sleep 100", execkit.ExecOptions{})
	person.answers = []string{account.Password, server.Codes.Next(account)} // the key stays unlocked
	r, err := s.Start(ctx, "echo on; echo "+all, execkit.ExecOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for e := range r.All(ctx) {
		h.note(e)
	}
	result, err := r.Wait(ctx)
	h.note(r, result, err)
	if err != nil || !result.Reconnected || len(person.answers) > 0 {
		t.Errorf("%+v %v, %d answers are left", result, err, len(person.answers))
	}
	h.note(s, s.Close())
	records, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(records), "[REDACTED]") {
		t.Errorf("%v: the log holds nothing of it", err)
	}
	if strings.Count(string(records), `"reconnect"`) != 1 {
		t.Errorf("%s", records)
	}
	verdict, err := execkit.VerifyAudit(log, audit.VerifyOptions{HeadPath: log + ".head"})
	h.note(string(records), verdict, err)
	if h.n < 20 {
		t.Errorf("%d spans and measurements", h.n)
	}
	text := h.text.String()
	for _, secret := range append(person.said, "mistyped") {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%q got out: %q", secret, text[max(0, at-300):min(len(text), at+100)])
		}
	}
}
