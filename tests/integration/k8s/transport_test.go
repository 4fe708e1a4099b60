// Package k8s tests the Kubernetes transport, and sessions over it, against a real API server.
package k8s

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/kube"
	"github.com/execkit/execkit/core/wire"
	"github.com/execkit/execkit/tests/drive"
	"github.com/execkit/execkit/tests/kubebed"
)

var shared *kubebed.Bed

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "k8sbed")
		if err == nil {
			defer os.RemoveAll(dir)
			shared, err = kubebed.Start(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer shared.Stop()
		return m.Run()
	}())
}

func open(t *testing.T, rest string, o wire.K8sOptions) (transport.Transport, error) {
	t.Helper()
	if o.Kubeconfig == "" {
		o.Kubeconfig = shared.Kubeconfigs["admin"]
	}
	tr, err := kube.Open(t.Context(), rest, transport.Options{K8s: o})
	if err == nil {
		t.Cleanup(func() { _ = tr.Close() })
	}
	return tr, err
}

// output runs a program to its end.
func output(t *testing.T, p transport.Process) (stdout, stderr string, exit transport.Exit, err error) {
	t.Helper()
	errs := make(chan string, 1)
	go func() { text, _ := io.ReadAll(p.Stderr()); errs <- string(text) }()
	out, _ := io.ReadAll(p.Stdout())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	exit, err = p.Wait(ctx)
	return string(out), <-errs, exit, err
}

// noProgram cannot be started, and so not succeed.
const noProgram = "no-such-shell"

// run runs a program that reads stdin to its end.
//
// A SPDY connection on which the client still sends when the program ends can lose all of its answer: the kubelet closes
// it with unread bytes, the kernel resets it, and the API server's proxy drops what it had not passed on. The transport
// then says that there is no status, and such a run says nothing about the program, so it is repeated. Where the API server
// itself speaks SPDY to the node, it takes the lost answer for a success.
func run(t *testing.T, tr transport.Transport, stdin string, argv ...string) (stdout, stderr string, exit transport.Exit, err error) {
	t.Helper()
	for range 5 {
		stdout, stderr, exit, err = runOnce(t, tr, stdin, argv...)
		lost := exit.Missing && code(err) == errdefs.ConnectionLost || exit == transport.Exit{} && stdout+stderr == "" && argv[0] == noProgram
		if !lost {
			break
		}
		t.Logf("%q ended without a status: %v", argv, err)
	}
	return stdout, stderr, exit, err
}

func runOnce(t *testing.T, tr transport.Transport, stdin string, argv ...string) (stdout, stderr string, exit transport.Exit, err error) {
	t.Helper()
	p, err := tr.Open(t.Context(), transport.OpenOptions{Argv: argv})
	if err != nil {
		return "", "", transport.Exit{Missing: true}, err
	}
	defer p.Close()
	go func() {
		_, _ = io.WriteString(p.Stdin(), stdin)
		_ = p.Stdin().Close()
	}()
	return output(t, p)
}

func code(err error) errdefs.Code {
	var e *errdefs.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Both nodes, so both the translated and the passed-through WebSocket, and SPDY.
func everyPath(t *testing.T, test func(t *testing.T, tr transport.Transport)) {
	for _, pod := range []string{"pod-plain", "pod-ws"} {
		for _, protocol := range []string{"websocket", "spdy"} {
			t.Run(pod+"/"+protocol, func(t *testing.T) {
				tr, err := open(t, "default/"+pod, wire.K8sOptions{Protocol: protocol})
				if err != nil {
					t.Fatal(err)
				}
				test(t, tr)
			})
		}
	}
}

func TestPrograms(t *testing.T) {
	everyPath(t, func(t *testing.T, tr transport.Transport) {
		if out, errs, exit, err := run(t, tr, "", "sh", "-c", "echo a; echo b >&2; exit 3"); out != "a\n" || errs != "b\n" || exit.Code != 3 || exit.Missing || err != nil {
			t.Errorf("split: %q, %q, %+v, %v", out, errs, exit, err)
		}
		if _, _, exit, err := run(t, tr, "", "sh", "-c", "kill -9 $$"); exit.Code != 137 || err != nil {
			t.Errorf("signal: %+v, %v", exit, err)
		}
		big := strings.Repeat("0123456789abcdef", 1<<16)
		if out, _, exit, err := run(t, tr, big, "cat"); out != big || exit.Code != 0 || err != nil {
			t.Errorf("1 MiB through cat: %d bytes, %+v, %v", len(out), exit, err)
		}
		if out, errs, _, err := run(t, tr, "", "sh", "-c", "head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait"); len(out) != 3000000 || len(errs) != 3000000 || err != nil {
			t.Errorf("both at once: %d, %d, %v", len(out), len(errs), err)
		}
		if _, _, exit, err := run(t, tr, "", noProgram); code(err) != errdefs.ShellNotFound || !exit.Missing {
			t.Errorf("missing program: %+v, %v", exit, err)
		}
	})
}

func TestTerminal(t *testing.T) {
	everyPath(t, func(t *testing.T, tr transport.Transport) {
		p, err := tr.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh", "-c", "echo up; until [ \"$(stty size)\" = '33 44' ]; do sleep 0.1; done; read x; exit 4"}, TTY: &transport.Size{Rows: 11, Cols: 22}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := io.ReadFull(p.Stdout(), make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		if err := p.(transport.Resizer).Resize(transport.Size{Rows: 33, Cols: 44}); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, p.Stdout()) }()
		if _, err := io.WriteString(p.Stdin(), "go\n"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		exit, err := p.Wait(ctx)
		if exit.Code != 4 || err != nil {
			t.Errorf("%+v, %v", exit, err)
		}
	})
}

// Who may use exec with which verb: WebSocket needs get and create, SPDY create.
func TestRights(t *testing.T) {
	for user, missing := range map[string]string{"nobody": "get on pods/exec and create on pods/exec", "getter": "create on pods/exec", "creator": "", "both": "", "admin": ""} {
		tr, err := open(t, "default/pod-plain", wire.K8sOptions{Kubeconfig: shared.Kubeconfigs[user]})
		if err != nil {
			t.Fatal(err)
		}
		out, _, _, err := run(t, tr, "", "echo", "hi")
		switch {
		case missing == "" && (out != "hi\n" || err != nil):
			t.Errorf("%s: %q, %v", user, out, err)
		case missing != "" && (code(err) != errdefs.Unauthenticated || !strings.Contains(err.Error(), missing)):
			t.Errorf("%s: %v", user, err)
		}
	}
	_, err := open(t, "kube-system/p", wire.K8sOptions{Kubeconfig: shared.Kubeconfigs["both"]})
	if code(err) != errdefs.Unauthenticated || !strings.Contains(err.Error(), "get on pods") {
		t.Errorf("another namespace: %v", err)
	}
	tr, err := open(t, "default/pod-plain", wire.K8sOptions{As: "both"})
	if err != nil {
		t.Fatal(err)
	}
	if out, _, _, err := run(t, tr, "", "echo", "hi"); out != "hi\n" {
		t.Errorf("impersonated: %v", err)
	}
	if _, err := open(t, "default/pod-plain", wire.K8sOptions{As: "stranger"}); code(err) != errdefs.Unauthenticated {
		t.Errorf("impersonated stranger: %v", err)
	}
}

func TestTargets(t *testing.T) {
	for rest, want := range map[string]string{
		"bed/default/pod-ws":                    "bed/default/pod-ws/main",
		"default/pod-ws/side":                   "bed/default/pod-ws/side",
		"default/?selector=app%3Dpod-ws":        "bed/default/pod-ws/main",
		"bed/default/?selector=app+in+(pod-ws)": "bed/default/pod-ws/main",
	} {
		tr, err := open(t, rest, wire.K8sOptions{})
		if err != nil {
			t.Errorf("%s: %v", rest, err)
		} else if got := tr.Info().Target; got != want {
			t.Errorf("%s: %s", rest, got)
		}
	}
	if _, err := open(t, "default/pod-ws/other", wire.K8sOptions{}); code(err) != errdefs.TargetNotFound || !strings.Contains(err.Error(), "main, side") {
		t.Errorf("%v", err)
	}
	if _, err := open(t, "default/none", wire.K8sOptions{}); code(err) != errdefs.TargetNotFound {
		t.Errorf("%v", err)
	}
	shared.Do(t, "pending", "stuck")
	defer shared.Do(t, "delete", "stuck")
	if _, err := open(t, "default/stuck", wire.K8sOptions{}); code(err) != errdefs.Unavailable || !strings.Contains(err.Error(), "Pending") {
		t.Errorf("%v", err)
	}
}

// A pod that goes while a program runs, and others in its place.
func TestPodGoes(t *testing.T) {
	for _, node := range []string{"plain", "ws"} {
		for _, protocol := range []string{"websocket", "spdy"} {
			name := "mortal-" + node + "-" + protocol
			t.Run(name, func(t *testing.T) {
				shared.Do(t, "run", name, node)
				tr, err := open(t, "default/"+name, wire.K8sOptions{Protocol: protocol})
				if err != nil {
					t.Fatal(err)
				}
				for _, end := range [][]string{{"restart", name, node}, {"delete", name}} {
					if end[0] == "delete" {
						if _, err := tr.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh"}}); code(err) != errdefs.TargetNotFound {
							t.Errorf("after a restart: %v", err)
						}
						if tr, err = open(t, "default/"+name, wire.K8sOptions{Protocol: protocol}); err != nil {
							t.Fatal(err)
						}
					}
					p, err := tr.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh", "-c", "echo up; exec sleep 300"}})
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(p.Stdout(), make([]byte, 3)); err != nil {
						t.Fatal(err)
					}
					shared.Do(t, end...)
					if _, _, exit, err := output(t, p); !exit.Missing && exit.Code != 137 {
						t.Errorf("%s: %+v, %v", end[0], exit, err)
					}
					_ = p.Close()
				}
				shared.Do(t, "run", name, node)
				defer shared.Do(t, "delete", name)
				if _, err := tr.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh"}}); code(err) != errdefs.TargetNotFound || !strings.Contains(err.Error(), "another one") {
					t.Errorf("another pod took the name: %v", err)
				}
			})
		}
	}
}

// A bed of its own that is killed while programs run, and one that knows no WebSocket exec.
func TestServerGoes(t *testing.T) {
	dir := t.TempDir()
	b, err := kubebed.Start(dir, "-apiserver-args", "--feature-gates=TranslateStreamCloseWebsocketRequests=false")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	config := wire.K8sOptions{Kubeconfig: filepath.Join(dir, "admin.kubeconfig")}
	tr, err := open(t, "default/pod-plain", config)
	if err != nil {
		t.Fatal(err)
	}
	if out, _, exit, err := run(t, tr, "", "echo", "fell back"); out != "fell back\n" || exit.Code != 0 || err != nil {
		t.Fatalf("no fallback: %q, %+v, %v", out, exit, err)
	}
	if strict, err := open(t, "default/pod-plain", wire.K8sOptions{Kubeconfig: config.Kubeconfig, Protocol: "websocket"}); err != nil {
		t.Fatal(err)
	} else if _, err := strict.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh"}}); err == nil {
		t.Error("WebSocket alone was to fail")
	}
	p, err := tr.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh", "-c", "echo up; exec sleep 300"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := io.ReadFull(p.Stdout(), make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	s := session(t, "default/pod-ws", execkit.Config{K8s: config})
	mark := fmt.Sprintf("34%d", time.Now().UnixNano())
	running := drive.Begin(t, s, "sleep "+mark)
	b.Kill()
	if _, _, exit, err := output(t, p); !exit.Missing || code(err) != errdefs.ConnectionLost {
		t.Errorf("%+v, %v", exit, err)
	}
	if _, err := tr.Open(t.Context(), transport.OpenOptions{Argv: []string{"sh"}}); code(err) != errdefs.Unavailable {
		t.Errorf("%v", err)
	}
	if _, err := running.Wait(t.Context()); code(err) != errdefs.ConnectionLost || errdefs.From(err).Outcome != errdefs.Unknown {
		t.Errorf("a session's command: %v", err)
	}
	if _, err := s.Exec(t.Context(), "true", execkit.ExecOptions{}); code(err) != errdefs.Unavailable {
		t.Errorf("the session's next command: %v", err)
	}
	gone(t, mark)
}
