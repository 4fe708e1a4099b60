//lint:file-ignore SA1019 Log notifications are deprecated from 2026-07-28 on, and what the clients of today have.

package mcpserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A listener is a client that keeps the log notifications which it gets.
type listener struct {
	*mcp.ClientSession
	newer bool // it says with each call what it wants to be told
	level mcp.LoggingLevel
	mu    sync.Mutex
	told  []map[string]any
}

// listens runs a test with a client of each of the two ways to ask for notifications.
func listens(t *testing.T, test func(t *testing.T, l *listener)) {
	for _, version := range []string{"2025-11-25", roundTrips} {
		t.Run(version, func(t *testing.T) { t.Parallel(); test(t, listen(t, version)) })
	}
}

func listen(t *testing.T, version string) *listener {
	t.Helper()
	here, there := mcp.NewInMemoryTransports()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = Serve(ctx, Settings{}, there) }()
	l := &listener{newer: version == roundTrips}
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		LoggingMessageHandler: func(_ context.Context, r *mcp.LoggingMessageRequest) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.told = append(l.told, r.Params.Data.(map[string]any))
		},
	}).Connect(ctx, here, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	l.ClientSession = client
	t.Cleanup(func() { _ = client.Close(); cancel(); <-ended })
	return l
}

func (l *listener) setLevel(t *testing.T, level mcp.LoggingLevel) {
	t.Helper()
	if l.level = level; l.newer {
		return
	}
	if err := l.SetLoggingLevel(context.Background(), &mcp.SetLoggingLevelParams{Level: level}); err != nil {
		t.Fatal(err)
	}
}

func (l *listener) exec(ctx context.Context, session any, command string) (result map[string]any, err error) {
	return l.call(ctx, "session_exec", map[string]any{"session_id": session, "command": command})
}

func (l *listener) call(ctx context.Context, tool string, arguments map[string]any) (result map[string]any, err error) {
	p := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	if l.newer && l.level != "" {
		p.Meta = mcp.Meta{mcp.MetaKeyLogLevel: string(l.level)}
	}
	r, err := l.CallTool(ctx, p)
	if err != nil {
		return nil, err
	}
	return result, json.Unmarshal([]byte(r.Content[0].(*mcp.TextContent).Text), &result)
}

// text returns what was told of a stream, and whether the end was left out.
func (l *listener) text(stream string) (text string, truncated bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.told {
		truncated = truncated || d["truncated"] == true
		if d["stream"] != stream {
			continue
		}
		piece := d["text"].(string)
		if d["encoding"] == "base64" {
			b, err := base64.StdEncoding.DecodeString(piece)
			if err != nil {
				return "not base64: " + piece, truncated
			}
			piece = string(b)
		}
		text += piece
	}
	return text, truncated
}

func (l *listener) hears(t *testing.T, stream, want string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := l.text(stream)
		if strings.Contains(text, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s never had %q: %q", stream, want, text)
		}
	}
}

func TestOutputAsItComes(t *testing.T) {
	listens(t, func(t *testing.T, l *listener) {
		id := open(t, l.ClientSession)
		exec := func(command string) map[string]any {
			r, err := l.exec(t.Context(), id, command)
			if err != nil {
				t.Error(err)
			}
			return r
		}
		plain := exec("echo quiet; echo aside >&2; (exit 3)")
		l.setLevel(t, "warning")
		exec("echo quiet")
		l.setLevel(t, "info")
		r := exec("echo quiet; echo aside >&2; (exit 3)")
		if r["stdout"] != plain["stdout"] || r["stderr"] != plain["stderr"] || r["exit_code"] != 3.0 || len(r) != len(plain) {
			t.Errorf("the result with notifications is %v, without %v", r, plain)
		}
		l.hears(t, "stderr", "aside\n")
		if text, _ := l.text("stdout"); text != "quiet\n" {
			t.Errorf("told %q: only the call after the level was set", text)
		}
		// What is told comes before the end: the command waits until it was heard.
		door := t.TempDir() + "/door"
		ended := make(chan map[string]any, 1)
		go func() {
			ended <- exec("printf 'key %s.\nstep one\nprompt> ' AKIAQ3EGRIPZ7''WNLX5TD; until [ -e " + door + " ]; do sleep 0.02; done; echo over")
		}()
		l.hears(t, "stdout", "key [REDACTED].\nstep one\nprompt> ")
		if err := os.WriteFile(door, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := <-ended; r["stdout"] != "key [REDACTED].\nstep one\nprompt> over\n" {
			t.Errorf("%v", r)
		}
		l.hears(t, "stdout", "prompt> over\n")
		if r, _ := call(t, t.Context(), l.ClientSession, "job_list", map[string]any{"session_id": id}); len(r["jobs"].([]any)) != 0 {
			t.Errorf("a command that was waited for is no job: %v", r)
		}
	})
}

// What a job writes is told after the call that left it running, where the protocol lets a server speak between calls, and
// in the next call about it where it does not.
func TestOutputOfAJob(t *testing.T) {
	listens(t, func(t *testing.T, l *listener) {
		id, dir := open(t, l.ClientSession), t.TempDir()
		pass := func(door string) {
			if err := os.WriteFile(dir+"/"+door, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		must := func(tool string, arguments map[string]any) map[string]any {
			t.Helper()
			r, err := l.call(t.Context(), tool, arguments)
			if err != nil || r["error"] != nil {
				t.Fatal(r, err)
			}
			return r
		}
		until := func(door string) string { return "; until [ -e " + dir + "/" + door + " ]; do sleep 0.02; done; " }
		begin := func(command string, more map[string]any) string {
			t.Helper()
			arguments := map[string]any{"session_id": id, "command": command, "yield_ms": 60_000, "stdin_open": true}
			for name, value := range more {
				arguments[name] = value
			}
			return must("session_exec", arguments)["job_id"].(string)
		}
		quiet := begin("echo unheard; read -r x; echo unheard", nil)
		l.setLevel(t, "info")
		job := begin("printf 'key %s.\\nbegun\\n' AKIAQ3EGRIPZ7''WNLX5TD; read -r x; echo got $x >&2"+until("one")+"echo later"+until("two")+"echo over", nil)
		l.hears(t, "stdout", "key [REDACTED].\nbegun\n")
		if _, err := l.exec(t.Context(), id, "echo beside"); err != nil {
			t.Fatal(err)
		}
		l.hears(t, "stdout", "beside\n")
		must("session_write", map[string]any{"job_id": job, "text": "it\n", "yield_ms": 1})
		pass("one")
		for text := ""; !strings.Contains(text, "later"); {
			// A call that does not ask for notifications, by a client that asks with each.
			r, failed := call(t, t.Context(), l.ClientSession, "job_output", map[string]any{"job_id": job})
			if text, _ = r["text"].(string); failed {
				t.Fatal(r)
			}
		}
		waited := make(chan map[string]any, 1)
		if l.newer {
			if text, _ := l.text("stdout"); strings.Contains(text, "later") {
				t.Errorf("told between calls: %q", text)
			}
			go func() {
				r, err := l.call(t.Context(), "job_wait", map[string]any{"job_id": job, "timeout_ms": 60_000})
				if err != nil {
					t.Error(err)
				}
				waited <- r
			}()
		}
		l.hears(t, "stdout", "later\n")
		pass("two")
		l.hears(t, "stdout", "over\n")
		l.hears(t, "stderr", "got it\n")
		if l.newer {
			if r := <-waited; r["result"].(map[string]any)["stdout"] != "key [REDACTED].\nbegun\nlater\nover\n" {
				t.Errorf("%v", r)
			}
		}
		if text, _ := l.text("stdout"); text != "key [REDACTED].\nbegun\nbeside\nlater\nover\n" {
			t.Errorf("told %q", text)
		}
		l.mu.Lock()
		for _, d := range l.told {
			if of := d["job_id"]; d["session_id"] != id || (of != job) != (d["text"] == "beside\n") {
				t.Errorf("%v", d)
			}
		}
		l.mu.Unlock()
		// One that ends before it is left running, and one on a terminal.
		must("session_exec", map[string]any{"session_id": id, "command": "echo short", "yield_ms": 60_000})
		l.hears(t, "stdout", "short\n")
		must("session_exec", map[string]any{"session_id": id, "command": "tty >/dev/null && echo a terminal", "yield_ms": 60_000, "tty": map[string]any{}})
		l.hears(t, "tty", "a terminal\n")
		if text, _ := l.text("stdout"); strings.Contains(text, "unheard") {
			t.Errorf("%q", text)
		}
		must("job_kill", map[string]any{"job_id": quiet})
	})
}

func TestOutputToldIsBounded(t *testing.T) {
	listens(t, func(t *testing.T, l *listener) {
		id := open(t, l.ClientSession)
		l.setLevel(t, "debug")
		for _, command := range []string{"yes é | head -c 3000001", `head -c 1000000 /dev/zero | tr '\0' '\377'`} {
			l.mu.Lock()
			l.told = nil
			l.mu.Unlock()
			if r, err := l.exec(t.Context(), id, command); err != nil || r["exit_code"] != 0.0 {
				t.Fatal(r, err)
			}
			truncated := func() bool { _, truncated := l.text("stdout"); return truncated }
			for end := time.Now().Add(time.Minute); !truncated() && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			}
			l.mu.Lock()
			size := 0
			for _, d := range l.told {
				piece, _ := d["text"].(string)
				if size += len(piece); len(piece) > maxOutputPiece || strings.ContainsRune(piece, '\uFFFD') {
					t.Errorf("%s: a piece of %d bytes", command, len(piece))
				}
			}
			l.mu.Unlock()
			if !truncated() || size > maxOutputTold || size < maxOutputTold/2 {
				t.Errorf("%s: %d bytes told, truncated %v", command, size, truncated())
			}
		}
	})
}

func TestCancellationWithOutput(t *testing.T) {
	listens(t, func(t *testing.T, l *listener) {
		id := open(t, l.ClientSession)
		l.setLevel(t, "info")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := l.exec(ctx, id, "echo begun; sleep 600")
			ended <- err
		}()
		l.hears(t, "stdout", "begun\n")
		cancel()
		if err := <-ended; err == nil {
			t.Error("the call was not cancelled")
		}
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if r, err := l.exec(t.Context(), id, "echo on"); err == nil && r["stdout"] == "on\n" {
				return
			} else if time.Now().After(end) {
				t.Fatal(r, err)
			}
		}
	})
}
