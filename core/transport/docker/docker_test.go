package docker

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// The engine is found as the docker command finds it.
func TestResolve(t *testing.T) {
	dir := t.TempDir()
	sum := sha256.Sum256([]byte("far"))
	id := hex.EncodeToString(sum[:])
	for path, text := range map[string]string{
		"config.json":                           `{"currentContext":"far"}`,
		"contexts/meta/" + id + "/meta.json":    `{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2376"}}}`,
		"contexts/tls/" + id + "/docker/ca.pem": "x",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ca := filepath.Join(dir, "contexts/tls", id, "docker/ca.pem")
	for _, tt := range []struct {
		name    string
		options wire.DockerOptions
		env     map[string]string
		want    endpoint
		fails   string
	}{
		{name: "option", options: wire.DockerOptions{Host: "tcp://a:1"}, env: map[string]string{"DOCKER_HOST": "tcp://b:1"}, want: endpoint{host: "tcp://a:1"}},
		{name: "environment", env: map[string]string{"DOCKER_HOST": "tcp://b:1", "DOCKER_CONFIG": dir}, want: endpoint{host: "tcp://b:1"}},
		{name: "environment with TLS", env: map[string]string{"DOCKER_HOST": "tcp://b:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/c"},
			want: endpoint{host: "tcp://b:1", ca: "/c/ca.pem", crt: "/c/cert.pem", key: "/c/key.pem"}},
		{name: "current context", env: map[string]string{"DOCKER_CONFIG": dir}, want: endpoint{host: "tcp://far:2376", ca: ca}},
		{name: "context", options: wire.DockerOptions{Context: "far"}, env: map[string]string{"DOCKER_CONFIG": dir}, want: endpoint{host: "tcp://far:2376", ca: ca}},
		{name: "default context", env: map[string]string{"DOCKER_CONTEXT": "default", "DOCKER_CONFIG": dir}, want: endpoint{host: "unix:///var/run/docker.sock"}},
		{name: "nothing", env: map[string]string{"HOME": "/nonexistent"}, want: endpoint{host: "unix:///var/run/docker.sock"}},
		{name: "unknown context", options: wire.DockerOptions{Context: "../x"}, env: map[string]string{"DOCKER_CONFIG": dir}, fails: "no context"},
		{name: "both", options: wire.DockerOptions{Context: "far", Host: "tcp://a:1"}, fails: "both"},
	} {
		got, err := resolve(tt.options, func(name string) string { return tt.env[name] })
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: %v", tt.name, err)
			}
		} else if err != nil || got != tt.want {
			t.Errorf("%s: %+v %v", tt.name, got, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, tt := range []struct {
		rest    string
		options wire.DockerOptions
		field   string
	}{
		{rest: "-x", field: "docker.container"},
		{rest: "a b", field: "docker.container"},
		{rest: "a\nb", field: "docker.container"},
		{rest: "a", options: wire.DockerOptions{Container: "b"}, field: "docker.container"},
		{rest: "a", options: wire.DockerOptions{User: "a b"}, field: "docker.user"},
		{rest: "a", options: wire.DockerOptions{Workdir: "x"}, field: "docker.workdir"},
		{rest: "a", options: wire.DockerOptions{Env: map[string]*string{"A=B": nil}}, field: "docker.env"},
		{rest: "a", options: wire.DockerOptions{Host: "nope"}, field: "docker.host"},
		{rest: "a", options: wire.DockerOptions{Host: "ftp://x"}, field: "docker.host"},
		{rest: "a", options: wire.DockerOptions{Host: "ssh://-oProxyCommand=x"}, field: "docker.host"},
		{rest: "a", options: wire.DockerOptions{Host: "ssh://u:hunter2@h"}, field: "docker.host"},
		{rest: "a", options: wire.DockerOptions{Host: "tcp://x:1", TLS: &wire.DockerTLS{CA: "/nonexistent"}}, field: "docker.tls.ca"},
	} {
		_, err := new(Engines).Open(context.Background(), tt.rest, transport.Options{Docker: tt.options})
		e := errdefs.From(err)
		if err == nil || e.Code != errdefs.InvalidArgument || e.Details["field"] != tt.field || strings.Contains(e.Message+e.Hint, "hunter2") {
			t.Errorf("%q %+v: %+v", tt.rest, tt.options, e)
		}
	}
}

// What an engine says of a program that it cannot start is told as what it means for a session.
func TestNotStarted(t *testing.T) {
	tr := &Transport{name: "web"}
	for text, want := range map[string]errdefs.Code{
		`OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": executable file not found in $PATH: unknown`: errdefs.ShellNotFound,
		`OCI runtime exec failed: exec failed: unable to start container process: exec: "/bin/sh": exec format error: unknown`:             errdefs.ShellNotFound,
		`OCI runtime exec failed: exec failed: unable to start container process: exec: "sh": permission denied: unknown`:                  errdefs.ShellNotFound,
		`OCI runtime exec failed: exec failed: open /proc/self/attr/keycreate: no such file or directory`:                                  errdefs.Unavailable,
		"runc: exec failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found\n" +
			"Error: read unixpacket @->/proc/self/fd/14/attach: read: connection reset by peer": errdefs.ShellNotFound, // Podman 4.3
		`permission denied while trying to connect to the Docker daemon socket`: "",
	} {
		code := errdefs.Code("")
		if err := tr.notStarted(text, []string{"sh"}); err != nil {
			code = errdefs.From(err).Code
		}
		if code != want {
			t.Errorf("%s: %q, want %q", text, code, want)
		}
	}
}

// An engine that is not there, or that is something else, is told clearly.
func TestNoEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	_, err := new(Engines).Open(context.Background(), "c", transport.Options{Docker: wire.DockerOptions{Host: "unix://" + socket}})
	if e := errdefs.From(err); err == nil || e.Code != errdefs.Unavailable || !strings.Contains(e.Hint, "DOCKER_HOST") {
		t.Fatalf("%+v", e)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 smtp\r\n"))
			c.Close()
		}
	}()
	_, err = new(Engines).Open(context.Background(), "c", transport.Options{Docker: wire.DockerOptions{Host: "unix://" + socket}})
	if e := errdefs.From(err); err == nil || e.Code != errdefs.Unavailable {
		t.Fatalf("%+v", e)
	}
}

func FuzzDemultiplex(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x03abc\x02\x00\x00\x00\x00\x00\x00\x01e"))
	f.Add([]byte("\x03\x00\x00\x00\xff\xff\xff\xffno"))
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x09abc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out, err bytes.Buffer
		failed := demultiplex(bufio.NewReader(bytes.NewReader(data)), &out, &err)
		if out.Len()+err.Len() > len(data) {
			t.Fatal("more came out than went in")
		}
		if failed == nil && len(data) > 0 && out.Len()+err.Len()+8 > len(data) {
			t.Fatal("a stream without frames was taken")
		}
	})
}
