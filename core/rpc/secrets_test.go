package rpc

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A spy keeps everything that comes out of a server, and what it must not hold.
type spy struct {
	t       *testing.T
	s       *Server
	mu      sync.Mutex
	said    map[string][]byte
	secrets map[string]string // by what they are
}

func (p *spy) keep(door string, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said[door] = append(append(p.said[door], data...), '\n')
}

// random returns n letters and digits.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"[int(b[i])%57]
	}
	b[n/2] = '7' // or some would be words
	return string(b)
}

// new returns a secret that the test will look for.
func (p *spy) new(what, prefix string, n int) string {
	p.secrets[what] = prefix + random(n)
	return p.secrets[what]
}

// call makes a request of the fields of an object and keeps the reply.
func (p *spy) call(method string, fields map[string]any) envelope {
	p.t.Helper()
	request, err := json.Marshal(fields)
	if err != nil {
		p.t.Fatal(err)
	}
	reply := p.s.Call(context.Background(), method, request)
	p.keep(method, reply)
	var e envelope
	if err := json.Unmarshal(reply, &e); err != nil {
		p.t.Fatal(err)
	}
	return e
}

// must is call for what has to succeed, so that the test drives what it says it drives.
func (p *spy) must(method string, fields map[string]any) map[string]any {
	p.t.Helper()
	e := p.call(method, fields)
	if !e.OK {
		p.t.Errorf("%s: %+v", method, e.Error)
	}
	return e.Result
}

// events reads a command's events to its end, or to the first of a type.
func (p *spy) events(id any, until string) {
	p.t.Helper()
	for {
		e := p.must("exec.events", map[string]any{"exec_id": id, "timeout_ms": 20_000})
		list, _ := e["events"].([]any)
		for _, one := range list {
			if one.(map[string]any)["type"] == until {
				return
			}
		}
		if e == nil || e["done"] == true || len(list) == 0 {
			if until != "" {
				p.t.Errorf("no event %s", until)
			}
			return
		}
	}
}

// search looks for every secret in every form in all that was said.
func (p *spy) search() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for what, secret := range p.secrets {
		quoted, _ := json.Marshal(secret)
		forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)), url.QueryEscape(secret), strings.Trim(string(quoted), `"`), secret[:len(secret)-2]}
		for door, said := range p.said {
			for i, form := range forms {
				if at := bytes.Index(said, []byte(form)); at >= 0 {
					p.t.Errorf("%s: %s is there in form %d: …%s…", door, what, i, said[max(0, at-160):min(len(said), at+len(form)+60)])
					break
				}
			}
		}
	}
}

// keepFiles keeps every file below a directory.
func (p *spy) keepFiles(door, dir string) {
	n := 0
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				p.t.Error(err)
			}
			p.keep(door, data)
			n++
		}
		return nil
	})
	if n == 0 {
		p.t.Errorf("%s: no file in %s", door, dir)
	}
}

// A session whose environment, files, directory and command lines are full of secrets gives none of them away, by
// whatever door.
func TestNoSecretGetsOut(t *testing.T) {
	p := &spy{t: t, said: make(map[string][]byte), secrets: make(map[string]string)}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		p.keep("telemetry", body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	p.s = NewServer()
	defer p.s.Close()

	home, logs := t.TempDir(), filepath.Join(t.TempDir(), "audit")
	registered := p.new("a registered value", "corp horse/", 18)
	inEnv := p.new("a variable of the session", "", 24)
	key := p.new("an access key of the session", "", 40)
	inFile := p.new("a token in a file", "ghp_", 36)
	inYAML := p.new("a password in a file", "", 14)
	inURL := p.new("a password in a URL", "", 12)
	header := p.new("a bearer token on a command line", "", 40)
	flag := p.new("a flag's value", "", 16)
	assigned := p.new("an assignment in a command", "", 18)
	learned := p.new("a variable that a command exports", "", 22)
	oneOff := p.new("a variable of one command", "", 20)
	typed := p.new("what was typed to a password prompt", "", 15)
	inPath := p.new("a directory's name", "glpat-", 20)
	inLabel := p.new("a label", "ghp_", 36)

	root := filepath.Join(home, inPath)
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		".env": "TOKEN=" + inFile + "\nDB_PASSWORD=" + inYAML + "\n", "config.yaml": "db:\n  password: " + inYAML + "\n  url: postgres://app:" + inURL + "@db/x\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	created := p.must("session.create", map[string]any{
		"cwd": root, "label": "run with token=" + inLabel, "redact": map[string]any{"values": []string{registered}},
		"env":   map[string]any{"DB_PASSWORD": inEnv, "AWS_SECRET_ACCESS_KEY": key, "PLAIN": registered},
		"audit": map[string]any{"dir": logs, "label": "token=" + inLabel}, "workspace": map[string]any{"path": root, "store": filepath.Join(home, "store"), "auto": true},
		"policy": map[string]any{"intercept": "off", "deny": []string{"wget"}},
	})
	id := created["session_id"]
	in := func(fields map[string]any) map[string]any { fields["session_id"] = id; return fields }
	run := func(command string, more map[string]any) map[string]any {
		t.Helper()
		fields := in(map[string]any{"command": command})
		for name, value := range more {
			fields[name] = value
		}
		return p.call("session.exec", fields).Result
	}

	for _, command := range []string{
		"env; set", "echo $DB_PASSWORD $PLAIN", `echo "$DB_PASSWORD" | base64; echo "$PLAIN" | base64 -w0; printf %s "$AWS_SECRET_ACCESS_KEY" | od -An -tx1 | tr -d ' \n'`,
		"cat .env config.yaml; cat .env >&2; ls -la $PWD", "curl -sS -H 'Authorization: Bearer " + header + "' http://127.0.0.1:1/ ; false",
		"mysql --password " + flag + " -h 127.0.0.1; (exit 3)", "MY_TOKEN=" + assigned + " sh -c 'echo x $MY_TOKEN'", "set -x; : --password=" + flag + "; set +x",
		"export API_TOKEN=" + learned + "; echo $API_TOKEN", "echo got $API_TOKEN", "f() { echo password=" + assigned + "; }; alias leak='echo --password " + flag + "'; f",
		"echo 'main.go:3:1: undefined: token=" + inFile + "' >&2; false", "echo " + learned + " ${API_TOKEN:0:99} no such file; cat " + learned,
		"sh -c 'kill -9 $PPID' " + learned, "exit 3 # " + learned, "if then token=" + learned, "wget https://u:" + inURL + "@h/ --password " + flag, "cd /nonexistent/" + learned, "ulimit -c unlimited; $UNSET_" + learned,
	} {
		run(command, nil)
	}
	run("cat; echo $ONE_TOKEN", map[string]any{"stdin": "token=" + inFile + "\n", "env": map[string]any{"ONE_TOKEN": oneOff}})
	run("printf %s $API_TOKEN; cat .env", map[string]any{"raw": true})
	run("echo $DB_PASSWORD", map[string]any{"cwd": "/nonexistent-" + learned})
	kept := run("for i in $(seq 9000); do echo line $i $DB_PASSWORD; done", map[string]any{"budget": map[string]any{"max_bytes": 4000}})
	if output, ok := kept["output_id"]; ok {
		p.must("output.read", map[string]any{"output_id": output, "limit": 100_000})
	}

	// Commands that run on: events, typed values, a screen, errors, jobs.
	started := p.must("exec.start", in(map[string]any{"command": "read -rsp 'Password: ' p; echo; echo it was $p, $DB_PASSWORD; read -r x; echo last; sleep 0.1; printf half-$API_TOKEN", "tty": map[string]any{"rows": 24, "cols": 100}}))["exec_id"]
	p.events(started, "waiting_for_input")
	p.must("exec.write", map[string]any{"exec_id": started, "data": typed + "\n", "secret": true})
	p.events(started, "waiting_for_input")
	p.must("exec.screen", map[string]any{"exec_id": started})
	p.must("exec.write", map[string]any{"exec_id": started, "data": "go\n"})
	p.events(started, "finished")
	run("echo $p; echo "+typed, nil)
	stopped := p.must("exec.start", in(map[string]any{"command": "echo $API_TOKEN; sleep 300; : " + learned}))["exec_id"]
	p.events(stopped, "stdout")
	p.must("exec.stop", map[string]any{"exec_id": stopped})
	p.events(stopped, "")
	p.call("exec.write", map[string]any{"exec_id": "e_" + inFile, "data": inFile})

	run("(echo behind $DB_PASSWORD; sleep 300) & sleep 0.1; sh -c 'sleep 301; : --password "+flag+"' &", nil)
	p.must("session.state", in(map[string]any{}))
	yielded := run("echo $API_TOKEN; sleep 302 #"+learned, map[string]any{"yield_ms": 100})
	p.must("session.list", nil)
	for _, job := range append(listOf(p.must("job.list", in(map[string]any{})), "jobs"), yielded) {
		if name := job["job_id"]; name != nil {
			p.must("job.output", map[string]any{"job_id": name})
			p.must("job.kill", map[string]any{"job_id": name})
		}
	}

	// Files, checkpoints, snapshots.
	for _, name := range []string{".env", "config.yaml", "none-" + inFile} {
		p.call("file.read", in(map[string]any{"path": filepath.Join(root, name)}))
		p.call("file.stat", in(map[string]any{"path": filepath.Join(root, name)}))
	}
	p.call("file.list", in(map[string]any{"path": root}))
	p.call("file.write", in(map[string]any{"path": filepath.Join(root, "n-"+inFile), "content": "TOKEN=" + inFile + "\n"}))
	p.call("file.write", in(map[string]any{"path": filepath.Join(root, "nodir-"+inFile, "x"), "content": "x"}))
	run("cd "+root+"; sed -i s/x/y/ .env; echo PASSWORD="+assigned+" >>.env", nil)
	point := p.must("checkpoint.create", in(map[string]any{"label": "before token=" + inLabel}))["id"]
	run("echo PASSWORD="+assigned+"2 >.env; rm config.yaml", nil)
	p.must("checkpoint.list", in(map[string]any{}))
	p.must("checkpoint.diff", in(map[string]any{"checkpoint": point}))
	p.call("checkpoint.restore", in(map[string]any{"checkpoint": point, "preview": true}))
	p.call("checkpoint.restore", in(map[string]any{"checkpoint": "c-" + inLabel}))
	p.call("checkpoint.diff", in(map[string]any{"checkpoint": "c-" + inLabel}))
	p.call("checkpoint.delete", in(map[string]any{"checkpoint": "c-" + inLabel}))
	saved := p.must("snapshot.save", in(map[string]any{"path": filepath.Join(home, "snap"), "passphrase": p.new("a passphrase", "", 20)}))
	p.call("snapshot.save", in(map[string]any{"path": "/nonexistent/" + inFile, "passphrase": p.secrets["a passphrase"]}))
	if saved != nil {
		data, err := os.ReadFile(filepath.Join(home, "snap"))
		if err != nil {
			t.Fatal(err)
		}
		p.keep("the encrypted snapshot", data)
		again := p.must("snapshot.restore", map[string]any{"path": filepath.Join(home, "snap"), "passphrase": p.secrets["a passphrase"]})
		if again["session_id"] != nil {
			p.must("session.state", map[string]any{"session_id": again["session_id"]})
		}
		p.call("snapshot.restore", map[string]any{"path": filepath.Join(home, "snap"), "passphrase": inFile})
	}
	p.must("redact.text", map[string]any{"text": "x token=" + inFile})
	p.must("session.destroy", in(map[string]any{}))
	p.call("session.exec", in(map[string]any{"command": "echo " + inFile}))
	p.keepFiles("audit log", logs)
	p.s.Close() // sends what telemetry there is
	if len(p.said["telemetry"]) == 0 {
		t.Error("there is no telemetry")
	}
	p.search()
	if !strings.Contains(string(p.said["session.exec"]), "[REDACTED]") {
		t.Error("nothing is redacted")
	}
}

func listOf(result map[string]any, name string) (out []map[string]any) {
	list, _ := result[name].([]any)
	for _, one := range list {
		out = append(out, one.(map[string]any))
	}
	return out
}
