package purego

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// lib is the library's functions, with their types as purego can pass them: a char * result is an address, which free
// must get back.
var lib struct {
	abiVersion func() uint32
	version    func() string
	call       func(method, params *byte) uintptr
	queueOpen  func(wake *int32) int64
	submit     func(queue int64, token uint64, method, params *byte) int32
	cancel     func(queue int64, token uint64) int32
	take       func(queue int64) uintptr
	wait       func(queue int64, timeoutMS int32) uintptr
	closeQueue func(queue int64)
	free       func(s uintptr)
}

func TestMain(m *testing.M) {
	path := os.Getenv("EXECKIT_LIBRARY")
	if path == "" {
		fmt.Println("not run: EXECKIT_LIBRARY names no library; ./build.sh test builds one and runs this")
		return
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for name, function := range map[string]any{
		"execkit_abi_version": &lib.abiVersion, "execkit_version": &lib.version, "execkit_call": &lib.call,
		"execkit_queue_open": &lib.queueOpen, "execkit_submit": &lib.submit, "execkit_cancel": &lib.cancel,
		"execkit_queue_take": &lib.take, "execkit_queue_wait": &lib.wait, "execkit_queue_close": &lib.closeQueue,
		"execkit_free": &lib.free,
	} {
		purego.RegisterLibFunc(function, handle, name)
	}
	os.Exit(m.Run())
}

// cstring returns text with its NUL.
func cstring(text string) *byte { return &append([]byte(text), 0)[0] }

// taken copies a result and frees it.
func taken(address uintptr) string {
	if address == 0 {
		return ""
	}
	defer lib.free(address)
	// The address is the library's own memory, which the collector does not move; go vet cannot know that.
	start := *(*unsafe.Pointer)(unsafe.Pointer(&address))
	return unix.BytePtrToString((*byte)(start))
}

type envelope struct {
	OK     bool           `json:"ok"`
	Result map[string]any `json:"result"`
	Error  struct {
		Code, Message, Hint string
	} `json:"error"`
}

func parse(t testing.TB, text string) envelope {
	t.Helper()
	var e envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return e
}

func call(t testing.TB, method string, params any) envelope {
	t.Helper()
	text, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, taken(lib.call(cstring(method), cstring(string(text)))))
}

func session(t testing.TB) string {
	t.Helper()
	e := call(t, "session.create", map[string]any{"cwd": t.TempDir()})
	id, _ := e.Result["session_id"].(string)
	if id == "" {
		t.Fatalf("%+v", e)
	}
	t.Cleanup(func() { call(t, "session.destroy", map[string]any{"session_id": id}) })
	return id
}

func TestVersion(t *testing.T) {
	release, err := os.ReadFile("../../../VERSION")
	if err != nil {
		t.Fatal(err)
	}
	if lib.abiVersion()>>16 != 1 || lib.version() != strings.TrimSpace(string(release)) {
		t.Fatalf("ABI %#x, release %q", lib.abiVersion(), lib.version())
	}
	// NULL stands for no parameters. The header and the core say the same.
	if e := parse(t, taken(lib.call(cstring("version.get"), nil))); !e.OK || e.Result["abi"] != float64(lib.abiVersion()) {
		t.Fatalf("ABI %#x, %+v", lib.abiVersion(), e)
	}
}

func TestSession(t *testing.T) {
	id := session(t)
	exec := func(command string) envelope {
		return call(t, "session.exec", map[string]any{"session_id": id, "command": command})
	}
	exec("v=kept; mkdir d; cd d")
	e := exec("printf %s $v; printf e >&2; (exit 3)")
	if e.Result["stdout"] != "kept" || e.Result["stderr"] != "e" || e.Result["exit_code"] != 3.0 {
		t.Fatalf("%+v", e)
	}
	if cwd, _ := e.Result["cwd"].(string); !strings.HasSuffix(cwd, "/d") {
		t.Fatalf("cwd %q", cwd)
	}
	if e := call(t, "session.destroy", map[string]any{"session_id": id}); !e.OK {
		t.Fatalf("%+v", e)
	}
	if e := exec("true"); e.OK || e.Error.Code == "internal" {
		t.Fatalf("a destroyed session: %+v", e)
	}
}

func TestBadInput(t *testing.T) {
	id := session(t)
	for _, tt := range []struct{ name, method, params string }{
		{"unknown method", "no.such", "{}"},
		{"empty method", "", "{}"},
		{"method not UTF-8", "\xff", "{}"},
		{"parameters not UTF-8", "version.get", "\xfe"},
		{"half JSON", "session.exec", "{"},
		{"JSON of another type", "session.exec", "[1]"},
		{"wrong type of a field", "session.exec", `{"session_id":7,"command":"true"}`},
		{"negative timeout", "session.exec", `{"session_id":"` + id + `","command":"true","timeout_ms":-1}`},
		{"unknown session", "session.exec", `{"session_id":"s_none","command":"true"}`},
		{"missing shell", "session.create", `{"shell":"/nonexistent/bash"}`},
		{"no directory", "session.create", `{"cwd":"/nonexistent"}`},
		{"deep nesting", "session.exec", strings.Repeat("[", 1<<20)},
	} {
		e := parse(t, taken(lib.call(cstring(tt.method), cstring(tt.params))))
		if e.OK || e.Error.Code == "" || e.Error.Code == "internal" || e.Error.Message == "" || len(e.Error.Message) > 4096 {
			t.Errorf("%s: %.300v", tt.name, e)
		}
	}
	if e := parse(t, taken(lib.call(nil, nil))); e.OK {
		t.Error("a NULL method")
	}
	if lib.submit(-5, 1, cstring("version.get"), nil) != -1 || lib.cancel(1<<40, 1) != -1 || lib.take(99999) != 0 {
		t.Error("an unknown queue")
	}
	lib.closeQueue(-1)
	lib.free(0)
	if e := call(t, "session.exec", map[string]any{"session_id": id, "command": "echo on"}); e.Result["stdout"] != "on\n" {
		t.Fatalf("afterwards: %+v", e)
	}
}

func TestQueue(t *testing.T) {
	var wake int32
	queue := lib.queueOpen(&wake)
	if queue < 0 {
		t.Fatal("no queue")
	}
	if lib.submit(queue, 7, cstring("version.get"), nil) != 0 {
		t.Fatal("not submitted")
	}
	poll := func(ms int) int {
		n, _ := unix.Poll([]unix.PollFd{{Fd: wake, Events: unix.POLLIN}}, ms)
		return n
	}
	// Poll is interrupted by the runtime's own preemption signals.
	for deadline := time.Now().Add(10 * time.Second); poll(1000) != 1; {
		if time.Now().After(deadline) {
			t.Fatal("the wake descriptor")
		}
	}
	if got := taken(lib.take(queue)); !strings.Contains(got, `"token":7`) {
		t.Fatalf("%s", got)
	}
	if lib.take(queue) != 0 || lib.wait(queue, 5) != 0 || poll(0) > 0 {
		t.Error("an empty queue")
	}
	id := session(t)
	params, _ := json.Marshal(map[string]any{"session_id": id, "command": "echo begun; sleep 60"})
	if lib.submit(queue, 8, cstring("session.exec"), cstring(string(params))) != 0 || lib.cancel(queue, 8) != 0 {
		t.Fatal("not cancelled")
	}
	if got := taken(lib.wait(queue, 10_000)); !strings.Contains(got, "cancelled") {
		t.Fatalf("%s", got)
	}
	lib.closeQueue(queue)
	lib.closeQueue(queue)
	if lib.submit(queue, 9, cstring("version.get"), nil) != -1 {
		t.Error("a closed queue takes calls")
	}
}

// A thousand callers at once, on as many threads as the host's runtime gives them, and as many through one queue.
func TestThousandCalls(t *testing.T) {
	ids := make([]string, 16)
	for i := range ids {
		ids[i] = session(t)
	}
	var wait sync.WaitGroup
	turn := make([]sync.Mutex, len(ids))
	for i := range 1000 {
		wait.Go(func() {
			// A session runs one command at a time, and says so to a second caller.
			turn[i%len(ids)].Lock()
			defer turn[i%len(ids)].Unlock()
			e := call(t, "session.exec", map[string]any{"session_id": ids[i%len(ids)], "command": fmt.Sprint("echo ", i)})
			if e.Result["stdout"] != fmt.Sprintln(i) {
				t.Errorf("%d: %+v", i, e)
			}
		})
	}
	queue := lib.queueOpen(nil)
	defer lib.closeQueue(queue)
	for i := range uint64(1000) {
		if lib.submit(queue, i, cstring("version.get"), nil) != 0 {
			t.Fatalf("call %d was refused", i)
		}
	}
	seen := make(map[uint64]bool)
	for deadline := time.Now().Add(30 * time.Second); len(seen) < 1000 && time.Now().Before(deadline); {
		text := taken(lib.wait(queue, 1000))
		if text == "" {
			continue
		}
		var done []struct {
			Token uint64   `json:"token"`
			Reply envelope `json:"reply"`
		}
		if err := json.Unmarshal([]byte(text), &done); err != nil {
			t.Fatal(err)
		}
		for _, d := range done {
			if seen[d.Token] || !d.Reply.OK {
				t.Errorf("token %d: %+v", d.Token, d.Reply)
			}
			seen[d.Token] = true
		}
	}
	wait.Wait()
	if len(seen) != 1000 {
		t.Fatalf("%d of 1000 replies", len(seen))
	}
}
