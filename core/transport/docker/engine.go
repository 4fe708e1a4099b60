package docker

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// An endpoint is how an engine is reached.
type endpoint struct {
	host         string
	ca, crt, key string // PEM files; empty for none
	skipVerify   bool
}

// resolve finds the engine as the docker command does: the options first, then DOCKER_HOST, then the context of
// DOCKER_CONTEXT or of the user's configuration, then the system's own socket.
func resolve(o wire.DockerOptions, getenv func(string) string) (endpoint, error) {
	e := endpoint{}
	switch {
	case o.Host != "" && o.Context != "":
		return e, errdefs.New(errdefs.InvalidArgument, "docker: host and context are both given").WithHint("give one of them").WithDetail("field", "docker.host")
	case o.Host != "":
		e.host = o.Host
	case o.Context != "":
		return inContext(o.Context, o, getenv)
	case getenv("DOCKER_HOST") != "":
		e.host = getenv("DOCKER_HOST")
		if getenv("DOCKER_TLS_VERIFY") != "" || getenv("DOCKER_TLS") != "" {
			dir := getenv("DOCKER_CERT_PATH")
			if dir == "" {
				dir = configDir(getenv)
			}
			e.ca, e.crt, e.key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
			e.skipVerify = getenv("DOCKER_TLS_VERIFY") == ""
		}
	case getenv("DOCKER_CONTEXT") != "":
		return inContext(getenv("DOCKER_CONTEXT"), o, getenv)
	default:
		if name := currentContext(getenv); name != "" {
			return inContext(name, o, getenv)
		}
		e.host = client.DefaultDockerHost
	}
	return withTLS(e, o), nil
}

// withTLS lets the option tls replace what was found.
func withTLS(e endpoint, o wire.DockerOptions) endpoint {
	if o.TLS != nil {
		e.ca, e.crt, e.key, e.skipVerify = o.TLS.CA, o.TLS.Cert, o.TLS.Key, false
	}
	return e
}

func configDir(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(getenv("HOME"), ".docker")
}

func currentContext(getenv func(string) string) string {
	text, err := os.ReadFile(filepath.Join(configDir(getenv), "config.json"))
	if err != nil {
		return ""
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if json.Unmarshal(text, &config) != nil {
		return ""
	}
	return config.CurrentContext
}

// inContext reads a context of the docker command.
func inContext(name string, o wire.DockerOptions, getenv func(string) string) (endpoint, error) {
	if name == "default" {
		return withTLS(endpoint{host: client.DefaultDockerHost}, o), nil
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	dir := filepath.Join(configDir(getenv), "contexts")
	text, err := os.ReadFile(filepath.Join(dir, "meta", id, "meta.json"))
	if err != nil {
		return endpoint{}, errdefs.New(errdefs.InvalidArgument, "docker: there is no context %s", errdefs.Quote(name)).
			WithHint("docker context ls shows those that there are").WithDetail("field", "docker.context").WithCause(err)
	}
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(text, &meta); err != nil || meta.Endpoints["docker"].Host == "" {
		return endpoint{}, errdefs.New(errdefs.InvalidArgument, "docker: the context %s names no engine", errdefs.Quote(name)).
			WithHint("docker context inspect shows it").WithDetail("field", "docker.context")
	}
	e := endpoint{host: meta.Endpoints["docker"].Host, skipVerify: meta.Endpoints["docker"].SkipTLSVerify}
	for _, f := range []struct {
		name string
		path *string
	}{{"ca.pem", &e.ca}, {"cert.pem", &e.crt}, {"key.pem", &e.key}} {
		path := filepath.Join(dir, "tls", id, "docker", f.name)
		if _, err := os.Stat(path); err == nil {
			*f.path = path
		}
	}
	return withTLS(e, o), nil
}

// connect makes the client of an engine; nothing is sent yet.
func (e endpoint) connect() (*client.Client, error) {
	scheme, address, ok := strings.Cut(e.host, "://")
	bad := func(what string) error {
		return errdefs.New(errdefs.InvalidArgument, "docker: the engine's address %s %s", errdefs.Quote(e.host), what).
			WithHint("give unix:///path, tcp://host:port or ssh://user@host").WithDetail("field", "docker.host")
	}
	if !ok || address == "" {
		return nil, bad("is no URL")
	}
	options := []client.Opt{client.WithUserAgent("execkit")}
	switch scheme {
	case "unix":
		options = append(options, client.WithHost(e.host))
	case "tcp", "http", "https":
		if scheme != "tcp" {
			e.host = "tcp://" + address
		}
		options = append(options, client.WithHost(e.host))
		if e.ca != "" || e.crt != "" || scheme == "https" {
			config, err := e.tls()
			if err != nil {
				return nil, err
			}
			options = append([]client.Opt{client.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: config}})}, options...)
		}
	case "ssh":
		dial, err := overSSH(address)
		if err != nil {
			return nil, err
		}
		options = append(options, client.WithHost("http://docker"), client.WithDialContext(dial))
	default:
		return nil, bad("has a scheme that is not known")
	}
	c, err := client.New(options...)
	if err != nil {
		return nil, bad("cannot be used: " + err.Error())
	}
	return c, nil
}

func (e endpoint) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: e.skipVerify} // only where the user's own docker context says so
	wrong := func(field, file string, err error) error {
		return errdefs.New(errdefs.InvalidArgument, "docker: %s cannot be used: %v", errdefs.Quote(file), err).
			WithHint("give a PEM file").WithDetail("field", "docker.tls."+field)
	}
	if e.ca != "" {
		text, err := os.ReadFile(e.ca)
		if err != nil {
			return nil, wrong("ca", e.ca, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, wrong("ca", e.ca, os.ErrInvalid)
		}
	}
	if e.crt != "" || e.key != "" {
		pair, err := tls.LoadX509KeyPair(e.crt, e.key)
		if err != nil {
			return nil, wrong("cert", e.crt, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// A dialer connects to an engine.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)
