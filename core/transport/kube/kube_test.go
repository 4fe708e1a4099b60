package kube

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

const podText = `{"metadata":{"name":"p","uid":"u1","annotations":{"kubectl.kubernetes.io/default-container":"side"}},
"spec":{"containers":[{"name":"main"},{"name":"side"}]},
"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[
{"name":"main","containerID":"c1","state":{"running":{}}},{"name":"side","containerID":"c2","state":{"running":{}}}]}}`

// server answers like an API server, with what a test wants it to say, and returns the kubeconfig of it.
func server(t *testing.T, handlers map[string]http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range handlers {
		mux.HandleFunc(pattern, h)
	}
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"x","contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],
"clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority":%q}}],"users":[{"name":"u","user":{"token":"hunter2-token"}}]}`, s.URL, ca)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func say(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

const podPath, execPath = "GET /api/v1/namespaces/n/pods/p", "/api/v1/namespaces/n/pods/p/exec"

func openOn(t *testing.T, kubeconfig, rest string) (transport.Transport, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tr, err := Open(ctx, rest, transport.Options{K8s: wire.K8sOptions{Kubeconfig: kubeconfig}})
	if err == nil {
		t.Cleanup(func() { _ = tr.Close() })
	}
	return tr, err
}

func wantCode(t *testing.T, err error, code errdefs.Code, texts ...string) {
	t.Helper()
	var e *errdefs.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("%v, want %s", err, code)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want it to hold %q", err, text)
		}
	}
	if strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
		t.Errorf("a secret is in %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, tt := range []struct {
		name, rest, pod string
		status          int
		code            errdefs.Code
		texts           []string
	}{
		{name: "no pod", status: 404, pod: `{"message":"pods \"p\" not found"}`, code: errdefs.TargetNotFound, texts: []string{`"p"`, "kubectl get pods"}},
		{name: "credentials", status: 401, pod: `{"message":"Unauthorized"}`, code: errdefs.Unauthenticated, texts: []string{"expired"}},
		{name: "no right", status: 403, pod: `{"message":"forbidden"}`, code: errdefs.Unauthenticated, texts: []string{"get on pods"}},
		{name: "broken server", status: 500, pod: "\x1b[31mboom", code: errdefs.Unavailable, texts: []string{`boom`, "500"}},
		{name: "no JSON", status: 200, pod: "hello", code: errdefs.Unavailable},
		{name: "no such container", rest: "n/p/other", status: 200, pod: podText, code: errdefs.TargetNotFound, texts: []string{"main, side"}},
		{name: "waiting", status: 200, pod: strings.ReplaceAll(podText, `"running":{}`, `"waiting":{"reason":"ImagePullBackOff","message":"no\u001b such image"}`), code: errdefs.Unavailable, texts: []string{"ImagePullBackOff"}},
		{name: "ended", status: 200, pod: strings.ReplaceAll(podText, `"running":{}`, `"terminated":{"reason":"OOMKilled"}`), code: errdefs.Unavailable, texts: []string{"OOMKilled"}},
		{name: "pending", status: 200, pod: `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"main"}]},"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes"}]}}`, code: errdefs.Unavailable, texts: []string{"Pending", "Unschedulable", "0/3 nodes"}},
		{name: "a phase with control bytes", status: 200, pod: `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"main"}]},"status":{"phase":"\u001b[2J"}}`, code: errdefs.Unavailable},
		{name: "a name with control bytes", status: 200, pod: strings.Replace(podText, `"name":"p"`, `"name":"\u001b[2J"`, 1), code: errdefs.Unavailable, texts: []string{"none"}},
		{name: "a container with control bytes", rest: "n/p/other", status: 200, pod: strings.ReplaceAll(podText, `"main"`, `"\u001b[2J"`), code: errdefs.Unavailable, texts: []string{"none"}},
		{name: "an id with control bytes", status: 200, pod: strings.Replace(podText, `"u1"`, `"\u001b[2J"`, 1), code: errdefs.Unavailable, texts: []string{"none"}},
		{name: "going", status: 200, pod: strings.Replace(podText, `"uid":"u1"`, `"deletionTimestamp":"2026-01-01T00:00:00Z"`, 1), code: errdefs.TargetNotFound, texts: []string{"deleted"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rest := tt.rest
			if rest == "" {
				rest = "n/p"
			}
			_, err := openOn(t, server(t, map[string]http.HandlerFunc{podPath: say(tt.status, tt.pod)}), rest)
			wantCode(t, err, tt.code, tt.texts...)
			if strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("a control byte of the server is in %q", err)
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(`{"apiVersion":"v1","kind":"Config","current-context":"x","contexts":[{"name":"x","context":{"cluster":"c"}}],"clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1"}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openOn(t, path, "n/p")
	wantCode(t, err, errdefs.Unavailable, "127.0.0.1:1")
	_, err = Open(context.Background(), "n/p", transport.Options{K8s: wire.K8sOptions{Kubeconfig: path, Context: "nope"}})
	wantCode(t, err, errdefs.InvalidArgument, "nope")
	_, err = openOn(t, filepath.Join(t.TempDir(), "missing"), "n/p")
	wantCode(t, err, errdefs.InvalidArgument, "kubeconfig")
}

func TestDefaultContainerAndSelector(t *testing.T) {
	config := server(t, map[string]http.HandlerFunc{
		podPath:                             say(200, podText),
		"GET /api/v1/namespaces/n/pods":     say(200, `{"items":[`+strings.Replace(podText, `"name":"p"`, `"name":"z"`, 1)+`,`+podText+`]}`),
		"GET /api/v1/namespaces/empty/pods": say(200, `{"items":[]}`),
	})
	for rest, target := range map[string]string{"n/p": "x/n/p/side", "n/p/main": "x/n/p/main", "n/?selector=app%3Dp": "x/n/p/side"} {
		tr, err := openOn(t, config, rest)
		if err != nil {
			t.Fatal(err)
		}
		if got := tr.Info().Target; got != target {
			t.Errorf("%s: %s, want %s", rest, got, target)
		}
	}
	_, err := openOn(t, config, "empty/?selector=app%3Dp")
	wantCode(t, err, errdefs.TargetNotFound, "0 match")
}

// speak upgrades to the WebSocket protocol and lets a test play the server's side.
func speak(play func(c *gorilla.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		up := gorilla.Upgrader{Subprotocols: []string{protocolV5}}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		play(c)
	}
}

func frame(c *gorilla.Conn, stream byte, text string) {
	_ = c.WriteMessage(gorilla.BinaryMessage, append([]byte{stream}, text...))
}

// What a server, or who can speak for it, may send in place of the protocol: nothing of it becomes an exit code of 0.
func TestStreams(t *testing.T) {
	for _, tt := range []struct {
		name     string
		play     func(c *gorilla.Conn)
		out, err string
		code     int
		lost     errdefs.Code // "" for a status
	}{
		{name: "success", play: func(c *gorilla.Conn) { frame(c, 1, "out"); frame(c, 2, "err"); frame(c, 3, `{"status":"Success"}`) }, out: "out", err: "err"},
		{name: "exit code", play: func(c *gorilla.Conn) {
			frame(c, 3, `{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}`)
		}, code: 7},
		{name: "empty messages", play: func(c *gorilla.Conn) {
			_ = c.WriteMessage(gorilla.BinaryMessage, nil)
			frame(c, 1, "")
			frame(c, 3, "")
			frame(c, 255, "\x01")
			frame(c, 3, `{"status":"Success"}`)
		}},
		{name: "no status", play: func(c *gorilla.Conn) { frame(c, 1, "some") }, out: "some", lost: errdefs.ConnectionLost},
		{name: "close frame", play: func(c *gorilla.Conn) {
			_ = c.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, ""))
		}, lost: errdefs.ConnectionLost},
		{name: "garbage status", play: func(c *gorilla.Conn) { frame(c, 3, "exit 0") }, lost: errdefs.ConnectionLost},
		{name: "status without a code", play: func(c *gorilla.Conn) { frame(c, 3, `{"status":"Failure","reason":"NonZeroExitCode"}`) }, lost: errdefs.ConnectionLost},
		{name: "unknown stream", play: func(c *gorilla.Conn) { frame(c, 9, "x"); frame(c, 3, `{"status":"Success"}`) }, lost: errdefs.ConnectionLost},
		{name: "huge message", play: func(c *gorilla.Conn) {
			_ = c.WriteMessage(gorilla.BinaryMessage, make([]byte, maxMessage+1))
			frame(c, 3, `{"status":"Success"}`)
		}, lost: errdefs.ConnectionLost},
		{name: "no program", play: func(c *gorilla.Conn) {
			frame(c, 3, `{"status":"Failure","reason":"InternalError","message":"exec: \"bash\": executable file not found in $PATH: unknown"}`)
		}, lost: errdefs.ShellNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr, err := openOn(t, server(t, map[string]http.HandlerFunc{podPath: say(200, podText), execPath: speak(tt.play)}), "n/p")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			p, err := tr.Open(ctx, transport.OpenOptions{Argv: []string{"bash"}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			stderr := make(chan string, 1)
			go func() { text, _ := io.ReadAll(p.Stderr()); stderr <- string(text) }()
			out, readErr := io.ReadAll(p.Stdout())
			exit, err := p.Wait(ctx)
			if tt.name != "huge message" && (string(out) != tt.out || <-stderr != tt.err) {
				t.Errorf("stdout %q", out)
			}
			if tt.lost != "" {
				wantCode(t, err, tt.lost)
				if !exit.Missing {
					t.Errorf("%+v", exit)
				}
				if tt.lost == errdefs.ConnectionLost && !strings.HasPrefix(tt.name, "status") && readErr == nil {
					t.Error("the reader saw a clean end")
				}
			} else if err != nil || readErr != nil || exit.Missing || exit.Code != tt.code {
				t.Errorf("%+v, %v, %v", exit, err, readErr)
			}
		})
	}
}

func TestAnotherPodTakesTheName(t *testing.T) {
	uid := "u1"
	config := server(t, map[string]http.HandlerFunc{
		podPath: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Replace(podText, "u1", uid, 1))
		},
		execPath: speak(func(c *gorilla.Conn) { frame(c, 3, `{"status":"Success"}`) }),
	})
	tr, err := openOn(t, config, "n/p")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := tr.Open(context.Background(), transport.OpenOptions{Argv: []string{"sh"}}); err != nil {
		t.Fatal(err)
	} else {
		_ = p.Close()
	}
	uid = "u2"
	_, err = tr.Open(context.Background(), transport.OpenOptions{Argv: []string{"sh"}})
	wantCode(t, err, errdefs.TargetNotFound, "another one")
}

// The rights are told from what the API server says of each, not from the words of the refused upgrade.
func TestForbiddenExec(t *testing.T) {
	config := server(t, map[string]http.HandlerFunc{
		podPath:  say(200, podText),
		execPath: say(403, `pods "p" is forbidden: `),
		"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, `{"status":{"allowed":%t}}`, !strings.Contains(string(body), `"create"`))
		},
	})
	tr, err := openOn(t, config, "n/p")
	if err != nil {
		t.Fatal(err)
	}
	_, err = tr.Open(context.Background(), transport.OpenOptions{Argv: []string{"sh"}})
	wantCode(t, err, errdefs.Unauthenticated, "create on pods/exec in namespace n")
}

// A reader that reads nothing holds up the server instead of filling memory, and Close frees it.
func TestBackPressureAndClose(t *testing.T) {
	sent := make(chan int, 1)
	tr, err := openOn(t, server(t, map[string]http.HandlerFunc{podPath: say(200, podText), execPath: speak(func(c *gorilla.Conn) {
		n := 0
		for ; n < 1<<16; n++ {
			if c.WriteMessage(gorilla.BinaryMessage, append([]byte{1}, make([]byte, maxFrame)...)) != nil {
				break
			}
		}
		sent <- n
	})}), "n/p")
	if err != nil {
		t.Fatal(err)
	}
	p, err := tr.Open(context.Background(), transport.OpenOptions{Argv: []string{"cat"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p.Stdout(), make([]byte, maxFrame)); err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
	if n := <-sent; n == 1<<16 {
		t.Error("2 GiB were taken without a reader")
	}
	if exit, err := p.Wait(context.Background()); !exit.Missing || err == nil {
		t.Errorf("%+v, %v", exit, err)
	}
}
