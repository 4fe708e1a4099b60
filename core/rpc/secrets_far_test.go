package rpc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// A session on another machine gives no secret away either, whatever leads there: the three ways with a transport of the
// test's behind them, and a container of a real engine where there is one.
func TestNoSecretGetsOutFromAfar(t *testing.T) {
	fake := func(context.Context, string, transport.Options) (transport.Transport, error) {
		return &transporttest.Local{Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}}, nil
	}
	for name, target := range map[string]map[string]any{
		"ssh":    {"type": "ssh", "host": "box", "user": "u"},
		"docker": {"type": "docker", "container": "box"},
		"k8s":    {"type": "k8s", "namespace": "default", "pod": "box"},
	} {
		t.Run(name, func(t *testing.T) { noSecretFrom(t, target, transport.Registry{name: fake}) })
	}
	engine := os.Getenv("EXECKIT_DOCKER")
	if engine == "" {
		return // the real container comes on top, where ./build.sh test has started an engine
	}
	t.Run("a real container", func(t *testing.T) {
		box := fmt.Sprintf("execkit-secrets-%d", os.Getpid())
		if out, err := exec.Command("docker", "--host", engine, "run", "--detach", "--network=none", "--name", box, "execkit-bash", "sleep", "1000000").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("docker", "--host", engine, "rm", "-f", box).Run() })
		noSecretFrom(t, map[string]any{"type": "docker", "container": box, "host": engine}, nil)
	})
}

// noSecretFrom fills a session on a target with secrets and searches all that comes out of it. transports, if given, are
// those of the server.
func noSecretFrom(t *testing.T, target map[string]any, transports transport.Registry) {
	p := &spy{t: t, said: make(map[string][]byte), secrets: make(map[string]string)}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		p.keep("telemetry", body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	p.s = NewServer()
	defer p.s.Close()
	if transports != nil {
		p.s.transports = transports
	}
	logs := filepath.Join(t.TempDir(), "audit")
	inEnv, registered, inFile := p.new("a variable of the session", "", 24), p.new("a registered value", "corp horse/", 18), p.new("a token in a file", "ghp_", 36)
	inYAML, learned, header := p.new("a password in a file", "", 14), p.new("a variable that a command exports", "", 22), p.new("a bearer token on a command line", "", 40)
	flag, asked := p.new("a flag's value", "", 16), p.new("a password in a command that a person is asked about", "", 18)
	dir := filepath.Join("/tmp", "execkit-far-"+random(12))
	id := p.must("session.create", map[string]any{
		"transport": target, "env": map[string]any{"DB_PASSWORD": inEnv, "PLAIN": registered}, "label": "token=" + inFile,
		"redact": map[string]any{"values": []string{registered}}, "audit": map[string]any{"dir": logs, "label": "token=" + inFile},
	})["session_id"]
	in := func(fields map[string]any) map[string]any { fields["session_id"] = id; return fields }
	for _, command := range []string{
		"mkdir -p " + dir + " && cd " + dir, "echo TOKEN=" + inFile + " >.env; echo 'db: {password: " + inYAML + "}' >config.yaml", "cat .env config.yaml; cat .env >&2",
		"env; set", "echo $DB_PASSWORD $PLAIN; echo x-$PLAIN-x", "export API_TOKEN=" + learned + "; echo $API_TOKEN", "echo got $API_TOKEN; cat " + learned,
		"no-such-program -H 'Authorization: Bearer " + header + "'; false", ": --password " + flag + "; echo " + flag, "set -x; : --password=" + flag + "; set +x",
		"cd /nonexistent/" + learned, "if then token=" + learned, "f() { echo password=" + inYAML + "; }; f; exit 3 # " + learned, "echo $DB_PASSWORD after the exit",
	} {
		p.call("session.exec", in(map[string]any{"command": command}))
	}
	p.call("session.exec", in(map[string]any{"command": "cat", "stdin": "token=" + inFile + "\n"}))
	p.call("session.exec", in(map[string]any{"command": "echo $ONE_TOKEN", "env": map[string]any{"ONE_TOKEN": p.new("a variable of one command", "", 20)}}))
	p.call("session.exec", in(map[string]any{"command": "echo $API_TOKEN; sleep 300 #" + learned, "timeout_ms": 300}))
	started := p.must("exec.start", in(map[string]any{"command": "echo half-$DB_PASSWORD; echo " + learned}))["exec_id"]
	p.events(started, "finished")

	// The person who is asked sees the command as it would run; what is kept of question and answer does not.
	question := "rm -rf " + dir + " && echo password=" + asked
	r := start(t, p.s, id.(string), question, "")
	approval, fields := r.question()
	if fields["text"] != question || fields["command"] != question {
		t.Errorf("a person is asked about %v", fields)
	}
	if e := r.answer(approval, `"approve":true,"who":"ann"`); !e.OK {
		t.Errorf("%+v", e)
	}
	result := fmt.Sprint(r.next("finished"))
	p.keep("the approved command's result", []byte(result))
	if !strings.Contains(result, "password=[REDACTED]") {
		t.Errorf("the approved command did not run: %s", result)
	}

	p.must("session.list", nil)
	p.must("session.state", in(map[string]any{}))
	p.must("session.destroy", in(map[string]any{}))
	p.keepFiles("audit log", logs)
	p.s.Close() // sends what telemetry there is
	if len(p.said["telemetry"]) == 0 {
		t.Error("there is no telemetry")
	}
	if kept := string(p.said["audit log"]); !strings.Contains(kept, `"approval"`) || !strings.Contains(kept, "ann") {
		t.Error("the approval is not in the audit log")
	}
	p.search()
	if !strings.Contains(string(p.said["session.exec"]), "[REDACTED]") {
		t.Error("nothing is redacted")
	}
}
