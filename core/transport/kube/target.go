package kube

import (
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// readTarget adds what a URL says to the options. The parts are [context/]namespace/pod[/container], each
// percent-encoded where it holds a slash; three parts are a context first only if the kubeconfig has one of that name,
// which known tells.
func readTarget(rest string, o wire.K8sOptions, known func(context string) bool) (wire.K8sOptions, error) {
	if rest == "" {
		return o, checkNames(o)
	}
	path, query, _ := strings.Cut(rest, "?")
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		text, err := url.PathUnescape(part)
		if err != nil {
			return o, wrongTarget(rest, "%v", err)
		}
		parts = append(parts, text)
	}
	if query != "" {
		values, err := url.ParseQuery(query)
		if err != nil {
			return o, wrongTarget(rest, "%v", err)
		}
		for name, value := range values {
			if name != "selector" || len(value) != 1 {
				return o, wrongTarget(rest, "only one selector may follow the question mark")
			}
			o.Selector = value[0]
		}
	}
	if o.Selector != "" && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1] // namespace/?selector=…
		if len(parts) == 2 {
			o.Context, parts = parts[0], parts[1:]
		}
		if len(parts) != 1 {
			return o, wrongTarget(rest, "a selector follows [context/]namespace/")
		}
		o.Namespace = parts[0]
		return o, checkNames(o)
	}
	if len(parts) == 4 || len(parts) == 3 && known(parts[0]) {
		o.Context, parts = parts[0], parts[1:]
	}
	switch len(parts) {
	case 3:
		o.Container = parts[2]
		fallthrough
	case 2:
		o.Namespace, o.Pod = parts[0], parts[1]
	default:
		return o, wrongTarget(rest, "it has %d parts", len(parts))
	}
	return o, checkNames(o)
}

func wrongTarget(rest, format string, args ...any) error {
	e := errdefs.New(errdefs.InvalidArgument, format, args...)
	e.Message = "target " + errdefs.Quote("k8s://"+rest) + ": " + e.Message
	return e.WithHint("write k8s://[context/]namespace/pod[/container] or k8s://[context/]namespace/?selector=app%%3Dname").
		WithDetail("field", "transport")
}

// checkNames holds names against the platform's own rules (RFC 1123 labels and subdomains): they become parts of a URL.
func checkNames(o wire.K8sOptions) error {
	switch {
	case o.Pod == "" && o.Selector == "":
		return errdefs.New(errdefs.InvalidArgument, "k8s: neither a pod nor a selector is given").
			WithHint("write k8s://namespace/pod").WithDetail("field", "k8s.pod")
	case o.Pod != "" && o.Selector != "":
		return errdefs.New(errdefs.InvalidArgument, "k8s: both a pod and a selector are given").WithHint("give one of them")
	}
	for _, name := range []struct {
		field, value string
		wrong        func(string) []string
	}{
		{"namespace", o.Namespace, validation.IsDNS1123Label},
		{"pod", o.Pod, validation.IsDNS1123Subdomain},
		{"container", o.Container, validation.IsDNS1123Label},
	} {
		if name.value == "" {
			continue
		}
		if wrong := name.wrong(name.value); len(wrong) > 0 {
			return errdefs.New(errdefs.InvalidArgument, "k8s.%s: %s is not a name: %s", name.field, errdefs.Quote(name.value), wrong[0]).
				WithHint("kubectl get pods -A shows the names").WithDetail("field", "k8s."+name.field)
		}
	}
	if _, err := labels.Parse(o.Selector); err != nil {
		return errdefs.New(errdefs.InvalidArgument, "k8s.selector: %s is not a label selector", errdefs.Quote(o.Selector)).
			WithHint("write it as kubectl -l takes it: app=api,tier!=cache").WithDetail("field", "k8s.selector")
	}
	switch o.Protocol {
	case "", "auto", "websocket", "spdy":
		return nil
	}
	return errdefs.New(errdefs.InvalidArgument, "k8s.protocol: %s is not known", errdefs.Quote(o.Protocol)).
		WithHint(`use "auto", "websocket" or "spdy"`).WithDetail("field", "k8s.protocol")
}
