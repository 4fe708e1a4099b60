package kube

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/execkit/execkit/core/errdefs"
)

// The parts of a Pod (core/v1) that choosing a container needs.
type pod struct {
	Metadata struct {
		Name              string            `json:"name"`
		UID               string            `json:"uid"`
		Annotations       map[string]string `json:"annotations"`
		DeletionTimestamp string            `json:"deletionTimestamp"`
	} `json:"metadata"`
	Spec struct {
		Containers          []named `json:"containers"`
		InitContainers      []named `json:"initContainers"`
		EphemeralContainers []named `json:"ephemeralContainers"`
	} `json:"spec"`
	Status struct {
		Phase                      string            `json:"phase"`
		Reason                     string            `json:"reason"`
		Conditions                 []condition       `json:"conditions"`
		ContainerStatuses          []containerStatus `json:"containerStatuses"`
		InitContainerStatuses      []containerStatus `json:"initContainerStatuses"`
		EphemeralContainerStatuses []containerStatus `json:"ephemeralContainerStatuses"`
	} `json:"status"`
}

type named struct {
	Name string `json:"name"`
}

type condition struct {
	Type, Status, Reason, Message string
}

type containerStatus struct {
	Name        string `json:"name"`
	ContainerID string `json:"containerID"`
	State       struct {
		Running    *struct{} `json:"running"`
		Waiting    *why      `json:"waiting"`
		Terminated *why      `json:"terminated"`
	} `json:"state"`
}

type why struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// defaultContainer is the annotation that names the container which is meant when nobody says one.
const defaultContainer = "kubectl.kubernetes.io/default-container"

func (c *cluster) pod(ctx context.Context, namespace, name string) (*pod, error) {
	p := &pod{}
	if err := c.get(ctx, p, nil, "api/v1/namespaces", namespace, "pods", name); err != nil {
		return nil, c.explain(ctx, err, "pod "+errdefs.Quote(name)+" in namespace "+errdefs.Quote(namespace), access{namespace, "get", "pods", ""})
	}
	return p, p.check()
}

// check holds what an API server says of a pod against the platform's own rules: names and ids become parts of addresses
// and of messages.
func (p *pod) check() error {
	good := len(validation.IsDNS1123Subdomain(p.Metadata.Name)) == 0 && printable(p.Metadata.UID)
	for _, c := range slices.Concat(p.Spec.Containers, p.Spec.InitContainers, p.Spec.EphemeralContainers) {
		good = good && len(validation.IsDNS1123Label(c.Name)) == 0
	}
	for _, s := range p.statuses() {
		good = good && printable(s.ContainerID)
	}
	if !good {
		return errdefs.New(errdefs.Unavailable, "the API server tells of a pod %s whose names or ids are none", errdefs.Quote(p.Metadata.Name)).
			WithHint("check that the context names a Kubernetes API server")
	}
	return nil
}

// printable reports whether an id is one short word.
func printable(id string) bool {
	return len(id) <= 256 && !strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' })
}

func (p *pod) statuses() []containerStatus {
	return slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses, p.Status.EphemeralContainerStatuses)
}

// choose returns the pod that a label selector means: of those that are ready the first by name, so that two calls
// choose the same.
func (c *cluster) choose(ctx context.Context, namespace, selector string) (*pod, error) {
	var list struct {
		Items []*pod `json:"items"`
	}
	err := c.get(ctx, &list, url.Values{"labelSelector": {selector}, "limit": {"500"}}, "api/v1/namespaces", namespace, "pods")
	if err != nil {
		return nil, c.explain(ctx, err, "the pods of namespace "+errdefs.Quote(namespace), access{namespace, "list", "pods", ""})
	}
	slices.SortFunc(list.Items, func(a, b *pod) int { return strings.Compare(a.Metadata.Name, b.Metadata.Name) })
	for _, p := range list.Items {
		if p.Metadata.DeletionTimestamp == "" && p.Status.Phase == "Running" && p.ready() {
			return p, p.check()
		}
	}
	return nil, errdefs.New(errdefs.TargetNotFound, "no ready pod in namespace %s matches %s (%d match)", errdefs.Quote(namespace), errdefs.Quote(selector), len(list.Items)).
		WithHint("kubectl get pods -n %s -l '%s' shows them", namespace, selector)
}

func (p *pod) ready() bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c condition) bool { return c.Type == "Ready" && c.Status == "True" })
}

// container returns the name and the id of the container meant, which runs.
func (p *pod) container(name string) (string, string, error) {
	if p.Metadata.DeletionTimestamp != "" {
		return "", "", errdefs.New(errdefs.TargetNotFound, "pod %s is being deleted", errdefs.Quote(p.Metadata.Name)).
			WithHint("open a session on another pod")
	}
	if name == "" {
		name = p.Metadata.Annotations[defaultContainer]
	}
	if name == "" && len(p.Spec.Containers) > 0 {
		name = p.Spec.Containers[0].Name
	}
	var names []string
	for _, c := range slices.Concat(p.Spec.Containers, p.Spec.InitContainers, p.Spec.EphemeralContainers) {
		names = append(names, c.Name)
	}
	if !slices.Contains(names, name) {
		return "", "", errdefs.New(errdefs.TargetNotFound, "pod %s has no container %s", errdefs.Quote(p.Metadata.Name), errdefs.Quote(name)).
			WithHint("it has %s", strings.Join(names, ", ")).WithDetail("containers", names)
	}
	for _, s := range p.statuses() {
		if s.Name != name {
			continue
		}
		if s.State.Running != nil {
			return name, s.ContainerID, nil
		}
		if w := s.State.Waiting; w != nil {
			return "", "", p.notRunning("container "+name+" waits", *w)
		}
		if w := s.State.Terminated; w != nil {
			return "", "", p.notRunning("container "+name+" has ended", *w)
		}
	}
	because := why{Reason: p.Status.Reason}
	for _, c := range p.Status.Conditions {
		if c.Status == "False" && c.Message != "" {
			because = why{c.Reason, c.Message}
		}
	}
	return "", "", p.notRunning("it is "+errdefs.Quote(p.Status.Phase), because)
}

func (p *pod) notRunning(state string, because why) error {
	e := errdefs.New(errdefs.Unavailable, "pod %s does not run: %s", errdefs.Quote(p.Metadata.Name), state)
	if text := strings.Trim(because.Reason+": "+because.Message, ": "); text != "" {
		e.Message += ", " + errdefs.Quote(text)
	}
	return e.WithHint("kubectl describe pod %s tells why", p.Metadata.Name)
}

// access is one right that a call needs.
type access struct{ namespace, verb, resource, subresource string }

func (a access) String() string {
	if a.subresource == "" {
		return a.verb + " on " + a.resource
	}
	return a.verb + " on " + a.resource + "/" + a.subresource
}

// explain turns a failed call into the contract's error. what is what the call was about, needs the rights for it.
func (c *cluster) explain(ctx context.Context, err error, what string, needs ...access) error {
	r, ok := err.(*refusal)
	if !ok {
		if ctx.Err() != nil {
			return errdefs.New(errdefs.Unavailable, "the API server %s did not answer in time", errdefs.Quote(c.base.Host)).
				WithHint("check that it can be reached").WithCause(err)
		}
		return errdefs.New(errdefs.Unavailable, "cannot reach the API server %s: %s", errdefs.Quote(c.base.Host), errdefs.Quote(err.Error())).
			WithHint("kubectl version shows whether it can be reached").WithCause(err)
	}
	switch r.status {
	case http.StatusUnauthorized:
		return errdefs.New(errdefs.Unauthenticated, "the API server %s does not accept the credentials of context %s", errdefs.Quote(c.base.Host), errdefs.Quote(c.name)).
			WithHint("they may have expired: sign in again (kubectl auth whoami)").WithDetail("methods", c.methods())
	case http.StatusForbidden:
		return c.forbidden(ctx, what, needs)
	case http.StatusNotFound:
		return errdefs.New(errdefs.TargetNotFound, "there is no %s", what).WithHint("kubectl get pods -A shows what there is")
	}
	return errdefs.New(errdefs.Unavailable, "the API server refused %s: %s", what, errdefs.Quote(r.message)).
		WithHint("the server answered with status %d; try again, and look into its log", r.status)
}

// methods names how the client signed in.
func (c *cluster) methods() []string {
	var m []string
	for name, used := range map[string]bool{
		"client certificate": c.config.CertData != nil || c.config.CertFile != "", "token": c.config.BearerToken != "" || c.config.BearerTokenFile != "",
		"password": c.config.Username != "", "exec plugin": c.config.ExecProvider != nil, "auth provider": c.config.AuthProvider != nil,
	} {
		if used {
			m = append(m, name)
		}
	}
	slices.Sort(m)
	return m
}
