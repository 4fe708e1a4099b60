package execkit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/audit"
)

func audited(t testing.TB, c execkit.Config, o execkit.AuditOptions) (s *execkit.Session, path string) {
	t.Helper()
	if o.Path == "" && o.Dir == "" {
		o.Path = filepath.Join(t.TempDir(), "audit.jsonl")
	}
	c.Audit = &o
	return open(t, c), o.Path
}

func records(t testing.TB, path string, kinds ...string) []*audit.Record {
	t.Helper()
	s, err := audit.Query(path, audit.Filter{Kinds: kinds})
	if err != nil || s.Bad != nil {
		t.Fatal(err, s)
	}
	return s.Records
}

func TestAuditRecordsASession(t *testing.T) {
	dir := t.TempDir()
	head := filepath.Join(dir, "head")
	s, path := audited(t, execkit.Config{Label: "agent seven", Policy: trusting(t)}, execkit.AuditOptions{Options: audit.Options{HeadPath: head}})
	r := exec(t, s, "echo out; echo err >&2; cd /; false")
	if r.AuditSeq == nil || *r.AuditSeq != 4 {
		t.Fatalf("audit_seq %v", r.AuditSeq)
	}
	in, value := "read me", "of one command"
	if _, err := s.Exec(context.Background(), "cat; exit 3", execkit.ExecOptions{Stdin: []byte(in), Env: map[string]*string{"X": &value}}); err != nil {
		t.Fatal(err)
	}
	exec(t, s, "true") // in a fresh shell
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	var kinds []string
	all := records(t, path)
	for _, r := range all {
		kinds = append(kinds, string(r.Kind))
		if r.Kind != audit.Log && (r.Session != s.ID() || r.Label != "agent seven" || r.Target != "local" || len(r.Policy) != 64 || r.Version != execkit.Version || r.PID != os.Getpid()) {
			t.Errorf("%+v", r)
		}
	}
	want := "log open intent outcome intent outcome reconnect intent outcome close"
	if got := strings.Join(kinds, " "); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	intent, outcome := all[2], all[3]
	if intent.Command != "echo out; echo err >&2; cd /; false" || intent.Decision != "allow" || intent.Exec == "" || intent.Cwd == "" || intent.TimeoutMS != 30_000 {
		t.Errorf("%+v", intent)
	}
	if outcome.Exec != intent.Exec || outcome.Intent != intent.Seq || *outcome.ExitCode != 1 || outcome.Stdout != "out\n" || outcome.Stderr != "err\n" || outcome.StdoutBytes != 4 || outcome.Cwd != "/" {
		t.Errorf("%+v", outcome)
	}
	if all[4].Stdin != in || all[4].StdinBytes != len(in) || !slices.Equal(all[4].Env, []string{"X=" + value}) || !all[5].ShellExited {
		t.Errorf("%+v %+v", all[4], all[5])
	}
	if r, err := execkit.VerifyAudit(path, audit.VerifyOptions{HeadPath: head}); err != nil || !r.OK || !r.Anchored {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestAuditRecordsRefusals(t *testing.T) {
	p, err := execkit.DefaultDeny("echo")
	if err != nil {
		t.Fatal(err)
	}
	s, path := audited(t, execkit.Config{Policy: p}, execkit.AuditOptions{})
	evil := "x"
	for _, c := range []struct {
		command string
		env     map[string]*string
		code    string
	}{{"rm -rf /", nil, "blocked"}, {"echo '", nil, "syntax_error"}, {"echo a", map[string]*string{"LD_PRELOAD": &evil}, "blocked"}} {
		_, err := s.Exec(context.Background(), c.command, execkit.ExecOptions{Env: c.env})
		var e *execkit.Error
		if !errors.As(err, &e) || string(e.Code) != c.code || e.Details["audit_seq"] == nil {
			t.Fatalf("%s: %+v", c.command, err)
		}
		all := records(t, path)
		last := all[len(all)-1]
		if last.Kind != audit.Block || last.Code != c.code || last.Command != c.command || last.Reason == "" || last.Seq != e.Details["audit_seq"] {
			t.Errorf("%s: %+v", c.command, last)
		}
	}
	if n := len(records(t, path, "intent")); n != 0 {
		t.Errorf("%d intents of commands that were refused", n)
	}
}

func TestAuditRecordsApprovals(t *testing.T) {
	answers := []execkit.Approval{
		{Approve: false, Who: "eve"}, {Approve: true, Who: "ada", Remember: time.Hour}, {Approve: true, Who: "bob", Command: "echo edited"},
		{Approve: true, Who: "cy", Command: "echo '"},
	}
	s, path := audited(t, execkit.Config{Approve: func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
		a := answers[0]
		answers = answers[1:]
		return a, nil
	}}, execkit.AuditOptions{})
	for _, command := range []string{"rm -rf a", "rm -rf b", "rm -rf b", "rm -rf c", "rm -rf d"} {
		_, _ = s.Exec(context.Background(), command, execkit.ExecOptions{})
	}
	var got []string
	for _, r := range records(t, path, "approval", "intent", "block") {
		got = append(got, string(r.Kind)+" "+r.Who+" "+r.Answer+" "+r.Command)
		if r.Kind == audit.Approval && (len(r.Digest) != 64 || len(r.Rules) == 0 && r.Answer != "edited") {
			t.Errorf("%+v", r)
		}
	}
	want := []string{
		"approval eve no rm -rf a", "block   rm -rf a",
		"approval ada yes rm -rf b", "intent   rm -rf b",
		"approval ada remembered rm -rf b", "intent   rm -rf b",
		"approval bob edited echo edited", "intent   echo edited",
		"approval cy edited to what is refused rm -rf d", "block   rm -rf d",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q\nwant %q", got, want)
	}
}

// Nothing that is secret reaches the log, whichever field it would stand in.
func TestAuditIsRedacted(t *testing.T) {
	const secret = "hunter2-but-much-longer-9Xk2"
	token := "password=" + secret
	dir := filepath.Join(t.TempDir(), secret)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, path := audited(t, execkit.Config{
		Cwd: dir, Label: token, Env: map[string]*string{"DB_PASSWORD": ptr(secret)}, Redact: &execkit.RedactOptions{Values: []string{secret}},
		Approve: func(context.Context, execkit.ApprovalRequest) (execkit.Approval, error) {
			return execkit.Approval{Who: token, Approve: false}, errors.New(token)
		},
	}, execkit.AuditOptions{Label: token, OutputBytes: 9})
	_, _ = s.Exec(context.Background(), "echo $DB_PASSWORD; printf '\\377'"+secret+"; "+token, execkit.ExecOptions{Stdin: []byte(token), Env: map[string]*string{"T": ptr(token)}})
	_, _ = s.Exec(context.Background(), "rm -rf "+secret, execkit.ExecOptions{})
	_, _ = s.Exec(context.Background(), strings.Repeat("x", 3)+" --password "+secret+strings.Repeat(" y", 40_000), execkit.ExecOptions{})
	s.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret) || strings.Contains(string(text), secret[:9]) {
		t.Fatalf("%.3000s", text)
	}
	all := records(t, path, "intent", "block")
	if len(all) != 3 {
		t.Fatalf("%d records of three commands", len(all))
	}
	long := all[2]
	if len(long.Command) > audit.MaxText || long.CommandBytes < 80_000 || len(long.CommandSHA256) != 64 {
		t.Errorf("%d %d", len(long.Command), long.CommandBytes)
	}
}

func ptr[T any](v T) *T { return &v }

// Where the log cannot be written, a command does not run, unless the caller said otherwise.
func TestAuditFailureBlocks(t *testing.T) {
	for _, proceed := range []bool{false, true} {
		var refuse error
		s, _ := audited(t, execkit.Config{}, execkit.AuditOptions{Continue: proceed, Options: audit.Options{Anchor: func(audit.Head) error { return refuse }}})
		exec(t, s, "true")
		refuse = errors.New("the anchor is gone")
		r, err := s.Exec(context.Background(), "touch ran", execkit.ExecOptions{})
		ran := exec1(s, "test -e ran")
		if proceed {
			if err != nil || r.AuditSeq != nil || !strings.Contains(r.Hint, "no audit record") {
				t.Errorf("%+v %v", r, err)
			}
			continue
		}
		if !errors.Is(err, execkit.ErrAuditFailed) || ran != nil {
			t.Errorf("%v, %v", err, ran)
		}
		refuse = nil
		if r := exec(t, s, "test -e ran"); *r.ExitCode == 0 {
			t.Error("a command without a record ran")
		}
	}
}

func exec1(s *execkit.Session, command string) error {
	_, err := s.Exec(context.Background(), command, execkit.ExecOptions{})
	if err != nil {
		return nil
	}
	return errors.New("it ran")
}

// A command that ran, but whose outcome could not be recorded, says so with its result.
func TestAuditOutcomeFails(t *testing.T) {
	calls, failAt := 0, -1
	s, _ := audited(t, execkit.Config{}, execkit.AuditOptions{Options: audit.Options{Anchor: func(audit.Head) error {
		if calls++; calls == failAt {
			return errors.New("the anchor is gone")
		}
		return nil
	}}})
	failAt = calls + 2
	_, err := s.Exec(context.Background(), "echo half", execkit.ExecOptions{})
	var e *execkit.Error
	if !errors.As(err, &e) || e.Code != "audit_failed" || e.Outcome != "ran" || e.Details["result"].(*execkit.Result).Stdout != "half\n" {
		t.Fatalf("%+v", err)
	}
	exec(t, s, "true")
}

// Closing a session while a command runs still records what became of it.
func TestAuditOfARunningCommand(t *testing.T) {
	s, path := audited(t, execkit.Config{}, execkit.AuditOptions{})
	running, err := s.Start(context.Background(), "sleep 100", execkit.ExecOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, _ = running.Wait(context.Background())
	all := records(t, path)
	if last := all[len(all)-1]; last.Kind != audit.Close || all[len(all)-2].Kind != audit.Outcome {
		t.Fatalf("%+v", last)
	}
	s, path = audited(t, execkit.Config{}, execkit.AuditOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	if running, err = s.Start(ctx, "sleep 100", execkit.ExecOptions{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	_, _ = running.Wait(context.Background())
	all = records(t, path)
	if last := all[len(all)-1]; last.Kind != audit.Outcome || !last.Cancelled {
		t.Fatalf("%+v", last)
	}
}

func TestAuditOptions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	for range 2 {
		s, _ := audited(t, execkit.Config{}, execkit.AuditOptions{Options: audit.Options{Dir: dir}})
		exec(t, s, "true")
		files, _ := filepath.Glob(filepath.Join(dir, s.ID()+"-*.jsonl"))
		if len(files) != 1 {
			t.Fatal(files)
		}
		if r, err := execkit.VerifyAudit(files[0], audit.VerifyOptions{}); err != nil || !r.OK {
			t.Fatal(r, err)
		}
	}
	for _, o := range []execkit.AuditOptions{
		{}, {Options: audit.Options{Path: dir}}, {Options: audit.Options{Path: "a", Dir: "b"}}, {Options: audit.Options{Path: filepath.Join(dir, "x"), SignKey: "none"}},
		{Options: audit.Options{Dir: "/proc/none"}}, {OutputBytes: 1 << 30, Options: audit.Options{Path: filepath.Join(dir, "x")}},
	} {
		if s, err := execkit.Open(context.Background(), "local", execkit.Config{Audit: &o}); !errors.Is(err, execkit.ErrInvalidArgument) {
			t.Errorf("%+v: %v", o, err)
			s.Close()
		}
	}
}

// One command with a record of its intent and outcome, beside BenchmarkExec; the bar is 25 microseconds more.
func BenchmarkExecAudited(b *testing.B) {
	for _, c := range []struct {
		name string
		o    *execkit.AuditOptions
	}{
		{"off", nil}, {"on", &execkit.AuditOptions{}}, {"head", &execkit.AuditOptions{Options: audit.Options{HeadPath: filepath.Join(b.TempDir(), "head")}}},
		{"fsync", &execkit.AuditOptions{Options: audit.Options{Fsync: true}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			config := execkit.Config{}
			if c.o != nil {
				o := *c.o
				o.Path = filepath.Join(b.TempDir(), "log")
				if o.HeadPath != "" {
					o.HeadPath = filepath.Join(b.TempDir(), "head")
				}
				config.Audit = &o
			}
			s := open(b, config)
			for b.Loop() {
				exec(b, s, "true")
			}
		})
	}
}

// What a result gives in base64 is recorded as text where it is text: a person reads the log.
func TestAuditOfRawOutput(t *testing.T) {
	s, path := audited(t, execkit.Config{}, execkit.AuditOptions{OutputBytes: 100})
	for _, command := range []string{`echo 日本; echo e >&2`, `i=0; while [ $i -lt 80 ]; do printf 日; i=$((i+1)); done`, `printf '\377'; echo e >&2`, `printf '%099d日' 0`, `printf '%300d\377' 0`} {
		if _, err := s.Exec(context.Background(), command, execkit.ExecOptions{Raw: true}); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []audit.Record{
		{Stdout: "日本\n", Stderr: "e\n"}, {Stdout: strings.Repeat("日", 33)}, {Encoding: "base64", Stdout: "/w==", Stderr: "ZQo="},
		{Stdout: strings.Repeat("0", 99)}, {Stdout: strings.Repeat(" ", 100)},
	} {
		got := records(t, path, "outcome")[i]
		if got.Encoding != want.Encoding || got.Stdout != want.Stdout || got.Stderr != want.Stderr {
			t.Errorf("%d: %q %q %q", i, got.Encoding, got.Stdout, got.Stderr)
		}
	}
}
