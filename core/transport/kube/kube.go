package kube

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/streaming/pkg/httpstream"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// Open makes the transport of a pod. It is a [transport.Opener] for the scheme k8s: the pod is looked up at once, so
// that a wrong name, a missing right or a pod that does not run is told here.
func Open(ctx context.Context, rest string, o transport.Options) (transport.Transport, error) {
	k := o.K8s
	k, err := readTarget(rest, k, func(name string) bool {
		raw, err := loader(k).RawConfig()
		return err == nil && raw.Contexts[name] != nil
	})
	if err != nil {
		return nil, err
	}
	c, err := connect(k)
	if err != nil {
		return nil, err
	}
	if k.Namespace == "" {
		if k.Namespace, _, err = loader(k).Namespace(); err != nil || k.Namespace == "" {
			k.Namespace = "default"
		}
	}
	t := &Transport{cluster: c, options: k, open: make(map[*process]bool)}
	var p *pod
	if k.Selector != "" {
		p, err = c.choose(ctx, k.Namespace, k.Selector)
	} else {
		p, err = c.pod(ctx, k.Namespace, k.Pod)
	}
	if err != nil {
		return nil, err
	}
	t.pod, t.uid = p.Metadata.Name, p.Metadata.UID
	if t.container, t.containerID, err = p.container(k.Container); err != nil {
		return nil, err
	}
	return t, nil
}

// A Transport opens programs in one container of one pod.
type Transport struct {
	cluster                          *cluster
	options                          wire.K8sOptions
	pod, uid, container, containerID string

	mu     sync.Mutex
	closed bool
	spdy   bool // WebSocket was refused before
	open   map[*process]bool
}

// Info describes the container; its identity is the pod's uid and the container's id.
func (t *Transport) Info() transport.Info {
	target := t.options.Namespace + "/" + t.pod + "/" + t.container
	if t.cluster.name != "" {
		target = url.PathEscape(t.cluster.name) + "/" + target
	}
	return transport.Info{Scheme: "k8s", Target: target, Identity: t.uid + "/" + t.containerID, Capabilities: []string{"tty"}}
}

// Open starts a program. It is refused with target_not_found when the name now stands for another pod or container.
func (t *Transport) Open(ctx context.Context, o transport.OpenOptions) (transport.Process, error) {
	if err := t.same(ctx); err != nil {
		return nil, err
	}
	p, err := t.start(ctx, o)
	if err != nil {
		return nil, t.explain(ctx, err, o.Argv)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = p.Close()
		return nil, errdefs.New(errdefs.SessionClosed, "the transport is closed").WithHint("open a new session")
	}
	t.open[p] = true
	p.forget = func() {
		t.mu.Lock()
		delete(t.open, p)
		t.mu.Unlock()
	}
	return p, nil
}

// same makes sure that the container is still the one the transport was opened on.
func (t *Transport) same(ctx context.Context) error {
	p, err := t.cluster.pod(ctx, t.options.Namespace, t.pod)
	if err != nil {
		return err
	}
	if p.Metadata.UID != t.uid {
		return errdefs.New(errdefs.TargetNotFound, "pod %s is gone; another one has its name", errdefs.Quote(t.pod)).
			WithHint("open a new session if that one is meant").WithSession(errdefs.Closed).WithDetail("uid", p.Metadata.UID)
	}
	_, id, err := p.container(t.container)
	if err != nil {
		return err
	}
	if id != t.containerID {
		return errdefs.New(errdefs.TargetNotFound, "container %s of pod %s was restarted", t.container, errdefs.Quote(t.pod)).
			WithHint("its files are fresh; open a new session").WithSession(errdefs.Closed)
	}
	return nil
}

// The API server hears of a container's end a moment after its programs have ended.
const (
	lookAgain = 300 * time.Millisecond
	looks     = 5
)

// stillThere tells why the container is no longer the one of the transport, or nil.
func (t *Transport) stillThere() error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	for range looks {
		if err := t.same(ctx); err != nil {
			return err
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

// start opens the streams: over WebSocket first, and over SPDY where the upgrade is refused. A refusal for lack of
// rights falls back too, since the two need different verbs.
func (t *Transport) start(ctx context.Context, o transport.OpenOptions) (*process, error) {
	query := url.Values{"container": {t.container}, "command": o.Argv, "stdin": {"true"}, "stdout": {"true"}}
	if o.TTY != nil {
		query.Set("tty", "true")
	} else {
		query.Set("stderr", "true")
	}
	u := t.cluster.url(query, "api/v1/namespaces", t.options.Namespace, "pods", t.pod, "exec")
	t.mu.Lock()
	spdy := t.spdy
	t.mu.Unlock()
	if t.options.Protocol == "spdy" || spdy {
		return t.cluster.overSPDY(ctx, u, o.TTY, t.stillThere)
	}
	p, err := t.cluster.overWebSocket(ctx, u, o.TTY, t.stillThere)
	if err == nil || t.options.Protocol == "websocket" || !refused(err) {
		return p, err
	}
	p, fallbackErr := t.cluster.overSPDY(ctx, u, o.TTY, t.stillThere)
	if fallbackErr == nil {
		t.mu.Lock()
		t.spdy = true
		t.mu.Unlock()
		return p, nil
	}
	return nil, errors.Join(fallbackErr, err)
}

// refused reports whether the server, or a proxy before it, answered but did not upgrade.
func refused(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

// explain tells a failed exec. The API server's refusals of it are texts in a failed upgrade and no status objects.
func (t *Transport) explain(ctx context.Context, err error, argv []string) error {
	var known *errdefs.Error
	if errors.As(err, &known) {
		return known
	}
	text := err.Error()
	what := "exec in pod " + errdefs.Quote(t.pod)
	status := 0
	switch {
	case strings.Contains(text, "is forbidden"), strings.Contains(text, "(403 "):
		status = http.StatusForbidden
	case strings.Contains(text, "Unauthorized"), strings.Contains(text, "(401 "):
		status = http.StatusUnauthorized
	case notFound(text):
		return shellNotFound(argv, text)
	case strings.Contains(text, "not found"):
		status = http.StatusNotFound
	case refused(err):
		status = http.StatusBadGateway
	}
	if status != 0 {
		err = &refusal{status: status, message: text}
	}
	ns := t.options.Namespace
	return t.cluster.explain(ctx, err, what, access{ns, "get", "pods", "exec"}, access{ns, "create", "pods", "exec"})
}

// notFound recognises the runtimes' words for a program that is not in the image.
func notFound(text string) bool {
	return strings.Contains(text, "executable file not found") || strings.Contains(text, "no such file or directory") ||
		strings.Contains(text, "failed to find executable") ||
		strings.Contains(text, `exec: "`) && (strings.Contains(text, "exec format error") || strings.Contains(text, "permission denied"))
}

func shellNotFound(argv []string, text string) error {
	program := ""
	if len(argv) > 0 {
		program = argv[0]
	}
	return errdefs.New(errdefs.ShellNotFound, "the container has no %s: %s", errdefs.Quote(program), errdefs.Quote(text)).
		WithHint("use an image with a shell, or a debug container (kubectl debug)")
}

// Close ends the connections of all programs.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	all := t.open
	t.open = make(map[*process]bool)
	t.mu.Unlock()
	for p := range all {
		_ = p.Close()
	}
	return nil
}

// exitOf reads the status object that ends a stream (v4.channel.k8s.io and later).
func exitOf(s *status, argvText string) (transport.Exit, error) {
	if s.Status == "Success" {
		return transport.Exit{}, nil
	}
	if s.Reason == "NonZeroExitCode" {
		for _, cause := range s.Details.Causes {
			if code, err := strconv.Atoi(cause.Message); err == nil && cause.Reason == "ExitCode" {
				return transport.Exit{Code: code}, nil
			}
		}
	}
	missing := transport.Exit{Missing: true}
	if notFound(s.Message) {
		return missing, shellNotFound([]string{argvText}, s.Message)
	}
	return missing, errdefs.New(errdefs.ConnectionLost, "the program in the container was lost: %s", errdefs.Quote(s.Message)).
		WithOutcome(errdefs.Unknown).WithHint("kubectl get pods shows the pod")
}

// A status is the part of a metav1.Status that tells how a program ended.
type status struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
	Details struct {
		Causes []struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"causes"`
	} `json:"details"`
}
