package kube

import (
	"strings"
	"testing"

	"github.com/execkit/execkit/core/wire"
)

func TestReadTarget(t *testing.T) {
	known := func(name string) bool { return name == "prod" || name == "arn:aws:eks:eu-1:1:cluster/main" }
	for _, tt := range []struct {
		rest    string
		options wire.K8sOptions
		want    wire.K8sOptions
		wrong   string
	}{
		{rest: "web/api-0", want: wire.K8sOptions{Namespace: "web", Pod: "api-0"}},
		{rest: "web/api-0/main", want: wire.K8sOptions{Namespace: "web", Pod: "api-0", Container: "main"}},
		{rest: "prod/web/api-0", want: wire.K8sOptions{Context: "prod", Namespace: "web", Pod: "api-0"}},
		{rest: "prod/web/api-0/main", want: wire.K8sOptions{Context: "prod", Namespace: "web", Pod: "api-0", Container: "main"}},
		{rest: "arn:aws:eks:eu-1:1:cluster%2Fmain/web/api-0", want: wire.K8sOptions{Context: "arn:aws:eks:eu-1:1:cluster/main", Namespace: "web", Pod: "api-0"}},
		{rest: "web/?selector=app%3Dapi", want: wire.K8sOptions{Namespace: "web", Selector: "app=api"}},
		{rest: "prod/web/?selector=app+in+(a,b)", want: wire.K8sOptions{Context: "prod", Namespace: "web", Selector: "app in (a,b)"}},
		{rest: "web/api.0", options: wire.K8sOptions{Container: "side"}, want: wire.K8sOptions{Namespace: "web", Pod: "api.0", Container: "side"}},
		{options: wire.K8sOptions{Pod: "p"}, want: wire.K8sOptions{Pod: "p"}},
		{wrong: "neither a pod nor a selector"},
		{rest: "web", wrong: "parts"},
		{rest: "a/b/c/d/e", wrong: "parts"},
		{rest: "web/", wrong: "neither a pod"},
		{rest: "/pod", want: wire.K8sOptions{Pod: "pod"}},
		{rest: "web/api?selector=a", wrong: "both a pod and a selector"},
		{rest: "web/?selector=a&x=b", wrong: "only one selector"},
		{rest: "web/?selector=%3D%3D", wrong: "not a label selector"},
		{rest: "web/..", wrong: "not a name"},
		{rest: "web/..%2F..%2Fsecrets", wrong: "not a name"},
		{rest: "web/a%2Fexec", wrong: "not a name"},
		{rest: "we%0ab/a", wrong: "not a name"},
		{rest: "web/a%zz", wrong: "escape"},
		{rest: "web/a/UPPER", wrong: "not a name"},
		{rest: "web/" + strings.Repeat("a", 300), wrong: "not a name"},
		{rest: "web/a", options: wire.K8sOptions{Protocol: "carrier-pigeon"}, wrong: "protocol"},
	} {
		got, err := readTarget(tt.rest, tt.options, known)
		switch {
		case tt.wrong == "" && (err != nil || got != tt.want):
			t.Errorf("%q: %+v, %v", tt.rest, got, err)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%q: %+v, %v; want an error with %q", tt.rest, got, err, tt.wrong)
		}
	}
}
