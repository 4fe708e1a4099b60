package runner

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/enforce"
)

// testees are the doors and the commands that drive them, from the root of the repository. build.sh makes what they
// need; a testee that does not start is a failure, never a skip.
var testees = map[string][]string{
	"go":           {"build/testee-go"},
	"c":            {"build/testee-c"},
	"cli":          {"build/execkit", "rpc"},
	"mcp":          {"build/testee-mcp", "build/execkit", "mcp"},
	"node":         {"node", "tests/testee/node/testee.js"},
	"python":       {"build/venv/bin/python", "tests/testee/python/testee.py"},
	"python-async": {"build/venv/bin/python", "tests/testee/python/testee.py", "async"},
}

// otherShells are those that a door runs the portable cases with; one door shows it, since none looks at the shell.
var otherShells = map[string][]string{"c": {"dash", "busybox"}}

type testCase struct {
	Name   string         `json:"name"`
	Guards string         `json:"guards"`
	Create map[string]any `json:"create"`
	// Portable cases also hold for shells other than bash.
	Portable bool `json:"portable"`
	// Kernel cases need one that can confine a session.
	Kernel bool `json:"kernel"`
	// Local cases are about what only sessions on this machine have, or read and write its files from both sides.
	Local bool `json:"local"`
	// Opened is what session.create must answer; Refused is the code of its error.
	Opened  map[string]any `json:"opened"`
	Refused string         `json:"refused"`
	// Doors, if given, are those that the case is for.
	Doors []string `json:"doors"`
	Steps []step   `json:"steps"`
}

func (c testCase) isFor(door string) bool { return c.Doors == nil || slices.Contains(c.Doors, door) }

// A step runs a command, or calls another method of the API about the command that was started (exec_id) or left
// running (job_id) last; those two are filled in. Until reads events up to the first of that type, which is what the
// step is compared with.
type step struct {
	Exec  map[string]any `json:"exec"`
	Call  string         `json:"call"`
	With  map[string]any `json:"with"`
	Until string         `json:"until"`
	Want  map[string]any `json:"want"`
	Error string         `json:"error"`
	// Eventually repeats the step, after longer and longer pauses, until it gives the error: each call may put off what it
	// waits for.
	Eventually bool `json:"eventually"`
	// Keep gives fields of the result names, by which later steps have them in With: {"checkpoint":"$name"}.
	Keep map[string]string `json:"keep"`
	// Read, instead of Exec, reads what the budget of the step before left out; stream says of which stream.
	Read map[string]any `json:"read"`
	// Verify, in place of Exec, is a call of audit.verify.
	Verify map[string]any `json:"verify"`
}

func TestConformance(t *testing.T) {
	if os.Getenv("EXECKIT_CONFORMANCE") == "" {
		t.Skip("needs the built doors; ./build.sh test builds them and sets EXECKIT_CONFORMANCE")
	}
	cases := readCases(t)
	for door, command := range testees {
		t.Run(door, func(t *testing.T) {
			t.Parallel()
			p := startTestee(t, command)
			for _, c := range cases {
				if !c.isFor(door) {
					continue
				}
				if c.Kernel && !enforce.Probe().Enforces() {
					t.Logf("%s: this kernel lacks %s", c.Name, enforce.Probe().Missing)
					continue
				}
				t.Run(c.Name, func(t *testing.T) { runCase(t, p, c, here("bash", t.TempDir())) })
				for _, shell := range otherShells[door] {
					if c.Portable {
						t.Run(c.Name+"/"+shell, func(t *testing.T) { runCase(t, p, c, here(shell, t.TempDir())) })
					}
				}
			}
		})
	}
}

func readCases(t *testing.T) []testCase { return readJSONL[testCase](t, "../conformance/*.jsonl") }

// readJSONL returns the lines of the files.
func readJSONL[T any](t *testing.T, pattern string) []T {
	t.Helper()
	paths, _ := filepath.Glob(pattern)
	var cases []T
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		for {
			var c T
			if err := dec.Decode(&c); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: after case %d: %v", path, len(cases), err)
			}
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	return cases
}

// remoteCases are those that hold on another machine, where only the parser's part of the fence stands.
func remoteCases(t *testing.T) []testCase {
	return slices.DeleteFunc(readCases(t), func(c testCase) bool { return c.Kernel || c.Local })
}

// doors are those of testees, the command line first.
func doors() []string {
	names := slices.Sorted(maps.Keys(testees))
	i := slices.Index(names, "cli")
	return append([]string{"cli"}, slices.Delete(names, i, i+1)...)
}

// takes shares the cases out where all of them by every door would take too long: the first door takes every one, each
// other one every so-manieth, beginning elsewhere, so that together they take about all of them once more.
func takes(door, i, every int) bool { return door == 0 || i%every == door%every }

// here are the options of a session on this machine.
func here(shell, dir string) map[string]any {
	return map[string]any{"shell": shell, "cwd": dir}
}

// runCase runs a case in a session with these options and those of the case.
func runCase(t *testing.T, p *testee, c testCase, create map[string]any) {
	create["env"] = map[string]any{"HOME": "/nonexistent"}
	for name, value := range c.Create {
		if env, ok := value.(map[string]any); ok && name == "env" {
			maps.Copy(create["env"].(map[string]any), env)
			continue
		}
		create[name] = value
	}
	// $DIR stands for a directory of this case.
	places := map[string]string{"$DIR": t.TempDir()}
	create = placed(create, places).(map[string]any)
	opened := p.call(t, "session.create", create)
	if opened.Error["code"] == "testee_cannot" {
		t.Log(opened.Error["message"]) // a door that gives the agent less, such as MCP
		return
	}
	if c.Refused != "" {
		if opened.OK || opened.Error["code"] != c.Refused {
			t.Errorf("session.create: want error %s, got %+v", c.Refused, opened)
		}
		return
	}
	id, _ := opened.Result["session_id"].(string)
	if !opened.OK || id == "" {
		t.Fatalf("session.create: %+v", opened)
	}
	defer p.call(t, "session.destroy", map[string]any{"session_id": id})
	if differs := match(c.Opened, opened.Result, ""); c.Opened != nil && differs != "" {
		t.Errorf("session.create: %s\nresult: %.1000v", differs, opened.Result)
	}
	var last map[string]any
	ids := map[string]any{"session_id": id}
	for i, step := range c.Steps {
		var got envelope
		switch {
		case step.Read != nil:
			got = p.call(t, "output.read", readParams(step.Read, last))
		case step.Verify != nil:
			got = p.call(t, "audit.verify", placed(step.Verify, places).(map[string]any))
		default:
			got = perform(t, p, step, ids)
			for pause := 2 * time.Second; step.Eventually && got.OK && pause < time.Minute; pause *= 2 {
				time.Sleep(pause)
				got = perform(t, p, step, ids)
			}
			last = got.Result
		}
		switch {
		case step.Error != "":
			if got.OK || got.Error["code"] != step.Error {
				t.Errorf("step %d: want error %s, got %+v", i+1, step.Error, got)
			}
		case !got.OK:
			t.Errorf("step %d: error %+v", i+1, got.Error)
		default:
			if differs := match(step.Want, got.Result, ""); differs != "" {
				t.Errorf("step %d, %.100v: %s\nresult: %.1000v", i+1, step.Exec["command"], differs, got.Result)
			}
		}
	}
}

// readParams are the parameters of output.read for a stream of a result.
func readParams(read, result map[string]any) map[string]any {
	params := maps.Clone(read)
	stream, _ := params["stream"].(string)
	delete(params, "stream")
	if _, ok := params["output_id"]; !ok {
		budget, _ := result["budget"].(map[string]any)
		report, _ := budget[stream].(map[string]any)
		params["output_id"], _ = report["output_id"].(string)
	}
	return params
}

// placed returns a value with names such as $DIR replaced in its strings by what they stand for.
func placed(value any, places map[string]string) any {
	switch v := value.(type) {
	case string:
		for name, place := range places {
			v = strings.ReplaceAll(v, name, place)
		}
		return v
	case map[string]any:
		copied := make(map[string]any, len(v))
		for name, one := range v {
			copied[name] = placed(one, places)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, one := range v {
			copied[i] = placed(one, places)
		}
		return copied
	}
	return value
}

// methodID says which of the known ids a method needs, if any. ofSession says that the step names its session.
func methodID(method string, ofSession bool) string {
	switch {
	case strings.HasPrefix(method, "exec.") && method != "exec.start":
		return "exec_id"
	case strings.HasPrefix(method, "job.") && method != "job.list":
		return "job_id"
	case method == "limits.get" && !ofSession || method == "capabilities.get":
		return ""
	}
	return "session_id"
}

func perform(t *testing.T, p *testee, step step, ids map[string]any) envelope {
	t.Helper()
	method, params := step.Call, step.With
	if step.Exec != nil {
		method, params = "session.exec", step.Exec
	}
	if step.Until != "" {
		return readUntil(t, p, step.Until, ids)
	}
	if params == nil {
		params = make(map[string]any)
	}
	params = maps.Clone(params)
	for name, value := range params {
		if text, ok := value.(string); ok && strings.HasPrefix(text, "$") && ids[text] != nil {
			params[name] = ids[text]
		}
	}
	_, ofSession := params["session_id"]
	if name := methodID(method, ofSession); name != "" {
		params[name] = ids[name]
	}
	got := p.call(t, method, params)
	for name, field := range step.Keep {
		ids["$"+name] = got.Result[field]
	}
	if id := got.Result["exec_id"]; id != nil {
		ids["exec_id"], ids["job_id"] = id, id
	}
	if id := got.Result["job_id"]; id != nil {
		ids["exec_id"], ids["job_id"] = id, id
	}
	if jobs, ok := got.Result["jobs"].([]any); ok && len(jobs) > 0 {
		if job, ok := jobs[0].(map[string]any); ok && job["job_id"] != nil {
			ids["job_id"] = job["job_id"]
		}
	}
	return got
}

// readUntil returns the first event of a type, with the output before it in its field "before".
func readUntil(t *testing.T, p *testee, kind string, ids map[string]any) envelope {
	t.Helper()
	before := ""
	for {
		got := p.call(t, "exec.events", map[string]any{"exec_id": ids["exec_id"], "timeout_ms": 60000, "max_bytes": 1})
		if !got.OK {
			return got
		}
		events, _ := got.Result["events"].([]any)
		for _, e := range events {
			event, _ := e.(map[string]any)
			if event["type"] == kind {
				event["before"] = before
				return envelope{OK: true, Result: event}
			}
			text, _ := event["data"].(string)
			before += text
		}
		if got.Result["done"] == true || len(events) == 0 {
			return envelope{Error: map[string]any{"code": "no_event", "message": before}}
		}
	}
}

// match says how got differs from want, or "".
func match(want, got any, path string) string {
	object, ok := want.(map[string]any)
	if !ok {
		if !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("%s is %.200q, want %.200q", path, fmt.Sprint(got), fmt.Sprint(want))
		}
		return ""
	}
	text, _ := got.(string)
	for key, value := range object {
		ok := true
		switch key {
		case "$any":
			ok = got != nil
		case "$absent":
			ok = got == nil
		case "$not":
			ok = got != nil && !reflect.DeepEqual(value, got)
		case "$contains":
			ok = strings.Contains(text, value.(string))
		case "$suffix":
			ok = strings.HasSuffix(text, value.(string))
		case "$max":
			ok = got != nil && float64(len([]rune(text))) <= value.(float64)
		default:
			fields, _ := got.(map[string]any)
			if differs := matchList(value, fields[key], path+"."+key); differs != "" {
				return differs
			}
		}
		if !ok {
			return fmt.Sprintf("%s is %.200q, want %s %v", path, fmt.Sprint(got), key, value)
		}
	}
	return ""
}

func matchList(want, got any, path string) string {
	list, ok := want.([]any)
	if !ok {
		return match(want, got, path)
	}
	have, _ := got.([]any)
	if len(have) != len(list) {
		return fmt.Sprintf("%s has %d elements, want %d: %v", path, len(have), len(list), got)
	}
	for i := range list {
		if differs := match(list[i], have[i], fmt.Sprintf("%s[%d]", path, i)); differs != "" {
			return differs
		}
	}
	return ""
}

type testee struct {
	in  io.WriteCloser
	out *bufio.Reader
}

type envelope struct {
	// Reply is the envelope where the testee is execkit rpc, which wraps it.
	Reply  *envelope      `json:"reply"`
	OK     bool           `json:"ok"`
	Result map[string]any `json:"result"`
	Error  map[string]any `json:"error"`
	// Asked are the questions that were put to the testee's callback.
	Asked []map[string]any `json:"asked"`
	text  string           // as it came
}

func startTestee(t *testing.T, command []string, env ...string) *testee {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	cmd.Env = append(append(os.Environ(), "XDG_DATA_HOME="+t.TempDir()), env...) // checkpoints are kept there
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v ended with %v", command, err)
		}
	})
	return &testee{in: in, out: bufio.NewReader(out)}
}

func (p *testee) call(t *testing.T, method string, params map[string]any) envelope {
	t.Helper()
	return p.send(t, map[string]any{"method": method, "params": params})
}

func (p *testee) send(t *testing.T, request map[string]any) envelope {
	t.Helper()
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	answer, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the testee gave no answer: %v", err)
	}
	var e envelope
	if err := json.Unmarshal(answer, &e); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	if e.Reply != nil {
		e = *e.Reply
	}
	e.text = string(answer)
	return e
}
