package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/audit"
)

func runLine(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs, terminal: noTerminal}
	status = run(a, args)
	return status, out.String(), errs.String()
}

// record runs commands in a session with a log, and returns both files of it.
func record(t *testing.T, commands ...string) (log, head string) {
	t.Helper()
	dir := t.TempDir()
	log, head = filepath.Join(dir, "log"), filepath.Join(dir, "head")
	policy, err := execkit.DefaultDeny("echo", "cat", "cd", "false")
	if err != nil {
		t.Fatal(err)
	}
	s, err := execkit.Open(t.Context(), "local", execkit.Config{Cwd: dir, Policy: policy, Label: "agent", Audit: &execkit.AuditOptions{Options: audit.Options{Path: log, HeadPath: head}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, command := range commands {
		_, _ = s.Exec(t.Context(), command, execkit.ExecOptions{Stdin: []byte("typed\n")})
	}
	return log, head
}

func sessionOf(t *testing.T, log string) string {
	t.Helper()
	s, err := audit.Query(log, audit.Filter{Kinds: []string{"open"}})
	if err != nil {
		t.Fatal(err)
	}
	return s.Records[0].Session
}

func TestAuditCommand(t *testing.T) {
	log, head := record(t, "echo one", "rm -rf x", "cat")
	kept, _, err := audit.ReadHeadFile(head)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, args     string
		status         int
		stdout, stderr string
	}{
		{"verify", "audit verify LOG --head HEAD", 0, "ok: 8 records, the head fits", ""},
		{"flags first", "audit --head HEAD verify LOG", 0, "ok: 8 records, the head fits", ""},
		{"verify with what was published", "audit verify LOG --heads HEAD", 0, "ok: 8 records, all published heads fit (1)", ""},
		{"nothing was published", "audit verify LOG --heads LOG", 125, "", "no head in"},
		{"without a head", "audit verify LOG", 0, "nobody can tell", ""},
		{"as JSON", "audit verify LOG --head HEAD --json", 0, `"anchored":true`, ""},
		{"head", "audit head LOG", 0, fmt.Sprintf("%d:%s\n", kept.Count, kept.Hash), ""},
		{"query", "audit query LOG --kind block", 0, "rm -rf x -- the command was blocked", ""},
		{"query, no match", "audit query LOG --contains nothing", 0, "", ""},
		{"query the last", "audit query LOG --last --limit 1", 0, "close", "more records"},
		{"query by age", "audit query LOG --since 1h --kind outcome", 0, "    | typed", ""},
		{"query by time", "audit query LOG --since 2999-01-01T00:00:00Z", 0, "", ""},
		{"bad time", "audit query LOG --since yesterday", 125, "", "neither a time nor an age"},
		{"bad kind", "audit query LOG --kind nothing", 125, "", "the kinds are"},
		{"no word", "audit", 125, "", "say verify, query or head"},
		{"bad word", "audit verfy LOG", 125, "", `did you mean "verify"`},
		{"no log", "audit verify /nonexistent", 125, "", "no such file"},
		{"a directory", "audit verify /tmp", 125, "", "regular file"},
		{"replay", "replay LOG", 0, "$ echo one", ""},
		{"replay of a session by its beginning", "replay LOG --session " + shortID(sessionOf(t, log)), 0, "$ echo one", ""},
		{"query of a session by too little", "audit query LOG --session s_", 0, "", ""},
		{"replay of no session", "replay LOG --session none", 125, "", "no such session"},
		{"watch nothing", "watch a b", 125, "", "give one"},
	} {
		args := strings.Fields(strings.NewReplacer("LOG", log, "HEAD", head).Replace(c.args))
		if status, out, errs := runLine(t, args...); status != c.status || !strings.Contains(out, c.stdout) || !strings.Contains(errs, c.stderr) {
			t.Errorf("%s: status %d, %q, %q", c.name, status, out, errs)
		}
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, bytes.Replace(text, []byte("echo one"), []byte("echo two"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"audit verify LOG --head HEAD": "damaged: record 3: changed", "audit query LOG": "open", "replay LOG": "in /",
	} {
		status, out, _ := runLine(t, strings.Fields(strings.NewReplacer("LOG", log, "HEAD", head).Replace(args))...)
		if !strings.Contains(out, want) || strings.Contains(out, "echo two") || strings.HasPrefix(args, "audit") && status != exitDamaged {
			t.Errorf("%s: status %d, %q", args, status, out)
		}
	}
	for _, args := range []string{"audit head " + log, "replay --run " + log} {
		if status, _, errs := runLine(t, strings.Fields(args)...); status != 125 || !strings.Contains(errs, "damaged") {
			t.Errorf("%s: status %d, %q", args, status, errs)
		}
	}
}

// A command that had a directory of its own has it again: below the session's the one of the copy, elsewhere the same.
func TestReplayInItsDirectory(t *testing.T) {
	dir, other, again := t.TempDir(), t.TempDir(), t.TempDir()
	log := filepath.Join(t.TempDir(), "log")
	s, err := execkit.Open(t.Context(), "local", execkit.Config{Cwd: dir, Audit: &execkit.AuditOptions{Options: audit.Options{Path: log}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ command, cwd string }{
		{"mkdir -p sub/deep; cd sub", ""}, {"touch below", "deep"}, {"touch back", ""}, {"touch other", other},
		{"cd ..", ""}, {"touch top", dir}, {"touch " + dir + "/sub/deep/../sideways", filepath.Join(dir, "sub")},
	} {
		if r, err := s.Exec(t.Context(), step.command, execkit.ExecOptions{Cwd: step.cwd}); err != nil || *r.ExitCode != 0 {
			t.Fatalf("%s: %+v, %v", step.command, r, err)
		}
	}
	s.Close()
	if err := os.Remove(filepath.Join(other, "other")); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := runLine(t, "replay", "--run", log, "--cwd", again); status != 0 {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
	for _, made := range []string{again + "/sub/deep/below", again + "/sub/back", again + "/top", other + "/other"} {
		if _, err := os.Stat(made); err != nil {
			t.Error(err)
		}
	}
}

func TestReplayRuns(t *testing.T) {
	log, _ := record(t, "echo one", "cd /", "cat", "false")
	status, out, errs := runLine(t, "replay", "--run", log, "--cwd", t.TempDir())
	if status != 0 || strings.Count(out, "as before") != 4 || !strings.Contains(out, "| typed") {
		t.Fatalf("status %d, %q, %q", status, out, errs)
	}
	// A policy judges each step as if it were new.
	status, out, _ = runLine(t, "replay", log, "--run", "--keep-going", "--policy", "testdata/fence.yaml")
	if status != exitDamaged || !strings.Contains(out, "did not run: the command was blocked") {
		t.Fatalf("status %d, %q", status, out)
	}
	log, _ = record(t, "echo password=hunter2-horse-battery")
	if status, _, errs := runLine(t, "replay", "--run", log); status != 125 || !strings.Contains(errs, "a secret was hidden") {
		t.Fatalf("status %d, %q", status, errs)
	}
	for why, s := range map[string]step{
		"too long to be": {Intent: &audit.Record{Command: "x", CommandBytes: 100_000}}, "its input": {Intent: &audit.Record{Stdin: "x", StdinBytes: 2}},
		"input was written": {Intent: &audit.Record{}, Others: []*audit.Record{{Kind: audit.Input}}},
	} {
		if err := repeatable(s); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// The command line records what it runs.
func TestExecIsRecorded(t *testing.T) {
	log, head := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "head")
	if status, _, errs := runLine(t, "exec", "--audit", log, "--audit-head", head, "--", "exit 3"); status != 3 {
		t.Fatal(status, errs)
	}
	if status, out, errs := runLine(t, "audit", "verify", log, "--head", head); status != 0 {
		t.Fatal(out, errs)
	}
	other := filepath.Join(t.TempDir(), "log")
	if status, _, errs := runLine(t, "exec", "--audit", fmt.Sprintf(`{"path":%q,"label":"nightly"}`, other), "--", "true"); status != 0 {
		t.Fatal(status, errs)
	}
	if status, out, errs := runLine(t, "audit", "query", other, "--label", "nightly", "--kind", "intent"); status != 0 || !strings.Contains(out, "true") {
		t.Fatal(out, errs)
	}
	if status, _, errs := runLine(t, "exec", "--audit", `{"pth":"x"}`, "--", "true"); status != 125 || !strings.Contains(errs, "pth") {
		t.Fatal(status, errs)
	}
	if status, _, errs := runLine(t, "exec", "--audit", "/nonexistent/log", "--", "true"); status != 125 || !strings.Contains(errs, "audit") {
		t.Fatal(status, errs)
	}
}

type locked struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.text.String()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waiting for ", what)
		}
	}
}

func TestWatchFollows(t *testing.T) {
	dir := t.TempDir()
	var out, errs locked
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		ended <- run(&app{ctx: ctx, stdout: &out, stderr: &errs}, []string{"watch", "--follow", dir})
	}()
	for i := range 2 {
		s, err := execkit.Open(ctx, "local", execkit.Config{Audit: &execkit.AuditOptions{Options: audit.Options{Dir: dir}}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Exec(ctx, fmt.Sprintf("echo \"number %d\"; printf '\\033[2Jx'", i), execkit.ExecOptions{Raw: true}); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the outcome", func() bool { return strings.Count(out.String(), "exit 0") == i+1 })
	}
	cancel()
	if status := <-ended; status != 0 || !strings.Contains(out.String(), `$ echo "number 1"`) || strings.ContainsRune(out.String(), 0x1b) {
		t.Fatalf("status %d, %q, %q", status, out.String(), errs.String())
	}
}

func TestWatched(t *testing.T) {
	env := map[string]string{"EXECKIT_MCP_AUDIT": "file", "EXECKIT_MCP_AUDIT_DIR": "dir"}
	if path, err := watched(nil, func(name string) string { return env[name] }); err != nil || path != "dir" {
		t.Error(path, err)
	}
	delete(env, "EXECKIT_MCP_AUDIT_DIR")
	if path, err := watched(nil, func(name string) string { return env[name] }); err != nil || path != "file" {
		t.Error(path, err)
	}
	env["EXECKIT_MCP_AUDIT"] = `{"path":"file","syslog":true}`
	if path, err := watched(nil, func(name string) string { return env[name] }); err != nil || path != "file" {
		t.Error(path, err)
	}
	if _, err := watched(nil, func(string) string { return "" }); err == nil {
		t.Error("nothing is watched")
	}
}

// Keys that come in one piece are each one, and an escape sequence stays whole.
func TestKeys(t *testing.T) {
	for typed, want := range map[string][]string{
		"j": {"j"}, "jjq": {"j", "j", "q"}, "\x1b": {"\x1b"}, "\x1b[B\x1b[B\x1bOAq": {"\x1b[B", "\x1b[B", "\x1bOA", "q"}, "\x1b[5~a": {"\x1b[5~", "a"}, "": nil, "ü\n": {"ü", "\n"},
	} {
		if got := splitKeys(typed); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// What is read stays where it is while the log grows, and a wide character takes two places.
func TestViewScrolls(t *testing.T) {
	v := newView("log")
	if !strings.Contains(v.lines(100, 10)[0], "waiting for the first session") {
		t.Error(v.lines(100, 10)[0])
	}
	grow := func(n int) {
		for i := range n {
			v.add([]*audit.Record{{Kind: audit.Intent, Source: audit.Source{Session: "s_one"}, Command: fmt.Sprintf("echo %d 日本", i)}}, nil)
		}
	}
	grow(50)
	v.lines(100, 20)
	v.press("b")
	before := v.body(100, 10)
	grow(7)
	if after := v.body(100, 10); !slices.Equal(before, after) {
		t.Errorf("%q became %q", before, after)
	}
	if v.press("g"); !strings.Contains(v.body(100, 10)[0], "echo 0 ") {
		t.Errorf("%q", v.body(100, 10))
	}
	if v.press("\x1b[F"); !strings.Contains(v.body(100, 10)[9], "echo 6 ") {
		t.Errorf("%q", v.body(100, 10))
	}
	for width, want := range map[int]string{0: "", 1: "a", 2: "a", 3: "a日", 4: "a日", 5: "a日本", 9: "a日本e\u0301"} {
		if got := fit("a日本e\u0301", width); got != want {
			t.Errorf("%d: %q", width, got)
		}
	}
}

func TestView(t *testing.T) {
	v := newView("log")
	status := 0
	for i, id := range []string{"s_one", "s_two"} {
		source := audit.Source{Session: id, Label: "agent\x1b[31m", Target: "local"}
		v.add([]*audit.Record{
			{Kind: audit.Open, Source: source, Cwd: "/"}, {Kind: audit.Intent, Source: source, Cwd: "/", Command: fmt.Sprint("make ", i)},
			{Kind: audit.Outcome, Source: source, ExitCode: &status, Stdout: "built \x1b[2J\n", StdoutBytes: 100},
			{Kind: audit.Block, Source: source, Command: "rm -rf /", Reason: "no"},
		}, nil)
	}
	v.add([]*audit.Record{{Kind: audit.Intent, Source: audit.Source{Session: "s_two"}, Command: "sleep 9", TimeMS: time.Now().UnixMilli()}}, nil)
	screen := func() string { return strings.Join(v.lines(100, 30), "\n") }
	text := screen()
	for _, want := range []string{"2 sessions  3 commands  2 blocked   log whole so far", "s_one", "runs", " s) $ sleep 9", "| built", "(100 bytes)", "rm -rf /"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b[2J") || strings.Contains(text, "agent\x1b") {
		t.Error("a record drives the terminal")
	}
	v.press("j")
	if text = screen(); strings.Contains(text, "$ make 1") || !strings.Contains(text, "$ make 0") {
		t.Errorf("%s", text)
	}
	v.press("\x1b[B")
	v.press("\x1b[B")
	if text = screen(); !strings.Contains(text, "$ make 1") || strings.Contains(text, "$ make 0") {
		t.Errorf("%s", text)
	}
	v.press("a")
	v.press("\x1b[5~")
	v.add(nil, []*audit.Damage{{Seq: 7, Message: "gone"}})
	for _, size := range [][2]int{{0, 0}, {1, 1}, {20, 3}, {100, 5}, {300, 200}} {
		lines := v.lines(size[0], size[1])
		if len(lines) > max(size[1], 4) {
			t.Errorf("%d lines on a screen of %d", len(lines), size[1])
		}
	}
	if !strings.Contains(screen(), "DAMAGED at record 7: gone") {
		t.Error(screen())
	}
	if v.press("x") || !v.press("q") {
		t.Error("q does not end the view")
	}
}

// The full screen in a real terminal: it is drawn, q ends it, and the terminal is as it was.
func TestWatchScreen(t *testing.T) {
	log, _ := record(t, "echo one")
	if path := os.Getenv("EXECKIT_TEST_WATCH"); path != "" {
		os.Exit(run(&app{ctx: t.Context(), stdout: os.Stdout, stderr: os.Stderr}, []string{"watch", path}))
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestWatchScreen$")
	cmd.Env = append(os.Environ(), "EXECKIT_TEST_WATCH="+log)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	var out locked
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			_, _ = out.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	waitFor(t, "the picture", func() bool { return strings.Contains(out.String(), "echo one") })
	if _, err := tty.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, out.String())
	}
	<-read
	if !strings.HasSuffix(out.String(), "\x1b[?25h\x1b[?1049l") {
		t.Fatalf("%q", out.String())
	}
}

func TestRecordLines(t *testing.T) {
	for _, r := range []*audit.Record{
		{Kind: audit.Approval, Who: "ada", Answer: "yes", Command: "rm x", Digest: strings.Repeat("a", 64)}, {Kind: audit.Input, StdinBytes: 3, Stdin: "y\n"},
		{Kind: audit.Checkpoint, Data: map[string]any{"label": "before\x07"}}, {Kind: audit.Outcome, Signal: "SIGKILL", TimedOut: true},
	} {
		text := strings.Join(recordLines(r), "\n")
		if strings.ContainsAny(text, "\x07\x1b") || !strings.Contains(text, string(r.Kind)) {
			t.Errorf("%q", text)
		}
	}
	if _, err := json.Marshal(stepsOf(nil)); err != nil {
		t.Error(err)
	}
}
