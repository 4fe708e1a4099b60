package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// forbidden says which of the needed rights the user lacks, by asking the API server for each
// (authorization.k8s.io/v1 SelfSubjectAccessReview): its own refusal may name a verb of the fallback, or none.
func (c *cluster) forbidden(ctx context.Context, what string, needs []access) error {
	var missing []string
	for _, need := range needs {
		if allowed, err := c.allowed(ctx, need); err == nil && !allowed {
			missing = append(missing, need.String())
		}
	}
	if len(missing) == 0 {
		for _, need := range needs {
			missing = append(missing, need.String())
		}
	}
	e := errdefs.New(errdefs.Unauthenticated, "the user of context %s may not use %s", errdefs.Quote(c.name), what)
	return e.WithHint("the user lacks %s in namespace %s; a Role with it helps", strings.Join(missing, " and "), needs[0].namespace).
		WithDetail("missing", missing).WithDetail("methods", c.methods())
}

func (c *cluster) allowed(ctx context.Context, a access) (bool, error) {
	type attributes struct {
		Namespace   string `json:"namespace"`
		Verb        string `json:"verb"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource,omitempty"`
	}
	type spec struct {
		ResourceAttributes attributes `json:"resourceAttributes"`
	}
	review := struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Spec       spec   `json:"spec"`
		Status     struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}{
		Kind: "SelfSubjectAccessReview", APIVersion: "authorization.k8s.io/v1",
		Spec: spec{attributes{a.namespace, a.verb, a.resource, a.subresource}},
	}
	body, err := json.Marshal(review)
	if err != nil {
		return false, err
	}
	err = c.do(ctx, http.MethodPost, bytes.NewReader(body), &review, nil, "apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
	return review.Status.Allowed, err
}
