package kube

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// quiet keeps the client library's log off the host's stderr.
var quiet = sync.OnceFunc(func() { klog.SetOutput(io.Discard); klog.LogToStderr(false) })

// A cluster is one API server as one user. The client library shares the connections of clients with equal settings.
type cluster struct {
	config *rest.Config
	base   *url.URL
	client *http.Client
	name   string // the context's
}

// maxAnswer bounds what is read of an API server's answer: an object is at most about 1.5 MB in etcd.
const maxAnswer = 8 << 20

// loader finds the kubeconfig as kubectl does: the given path, KUBECONFIG, the user's own file.
func loader(o wire.K8sOptions) clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	rules.WarnIfAllMissing = false
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
}

func connect(o wire.K8sOptions) (*cluster, error) {
	quiet()
	load := loader(o)
	config, err := load.ClientConfig()
	if err != nil && o.Kubeconfig == "" && o.Context == "" && clientcmd.IsEmptyConfig(err) {
		if config, err = rest.InClusterConfig(); err != nil {
			return nil, errdefs.New(errdefs.Unavailable, "no kubeconfig was found, and this is not a pod").
				WithHint("set KUBECONFIG or the option k8s.kubeconfig")
		}
	}
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "kubeconfig: %s", errdefs.Quote(err.Error())).
			WithHint("kubectl config get-contexts shows what the file has").WithDetail("field", "k8s.context").WithCause(err)
	}
	c := &cluster{config: config, name: o.Context}
	if raw, err := load.RawConfig(); err == nil && c.name == "" {
		c.name = raw.CurrentContext
	}
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = "execkit"
	if o.As != "" {
		config.Impersonate.UserName = o.As
	}
	if config.ExecProvider != nil {
		// A credential plugin must not read the standard input of the host program.
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "execkit runs unattended"
	}
	if c.base, _, err = rest.DefaultServerUrlFor(config); err == nil {
		c.client, err = rest.HTTPClientFor(config)
	}
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "kubeconfig: %s", errdefs.Quote(err.Error())).
			WithHint("check the server and the certificates of the context").WithCause(err)
	}
	return c, nil
}

// url returns the address of an API path.
func (c *cluster) url(query url.Values, parts ...string) *url.URL {
	u := c.base.JoinPath(parts...)
	u.RawQuery = query.Encode()
	return u
}

// answerTimeout bounds one question to the API server.
const answerTimeout = 10 * time.Second

// get asks for one object. A refusal comes back as a [*refusal].
func (c *cluster) get(ctx context.Context, into any, query url.Values, parts ...string) error {
	return c.do(ctx, http.MethodGet, nil, into, query, parts...)
}

func (c *cluster) do(ctx context.Context, method string, body io.Reader, into any, query url.Values, parts ...string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.url(query, parts...).String(), body)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		var status struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(text, &status) != nil {
			status.Message = strings.TrimSpace(string(text))
		}
		return &refusal{status: response.StatusCode, message: status.Message}
	}
	return json.Unmarshal(text, into)
}

// A refusal is an answer of the API server that is not a success.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }
