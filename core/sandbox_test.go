package execkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/wire"
)

func TestSandbox(t *testing.T) {
	work, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("hidden\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	port := server.Addr().(*net.TCPAddr).Port
	connect := fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d && echo connected", port)
	none, both := wire.Strings{}, wire.Strings{work, outside}
	for _, tt := range []struct {
		name    string
		o       SandboxOptions
		command string
		out     string // of a success; "" for a failure
	}{
		{name: "writes its directory", command: "echo a >f && cat f && rm f", out: "a\n"},
		{name: "writes nothing else", command: "echo a >" + outside + "/f"},
		{name: "removes nothing else", command: "rm -f " + secret},
		{name: "does not rename into place", command: "echo x >g; mv g " + secret},
		{name: "does not link out", command: "ln " + secret + " h && echo x >>h"},
		{name: "does not follow a link out", command: "ln -s " + secret + " l && echo x >l"},
		{name: "an interpreter neither", command: "python3 -c 'open(\"" + secret + "\", \"w\")'"},
		{name: "reads everything by default", command: "cat " + secret, out: "hidden\n"},
		{name: "reads what is granted", o: SandboxOptions{Read: wire.Strings{outside}}, command: "cat " + secret, out: "hidden\n"},
		{name: "reads nothing else", o: SandboxOptions{Read: wire.Strings{work}}, command: "cat " + secret},
		{name: "works with little to read", o: SandboxOptions{Read: wire.Strings{}}, command: "ls / >/dev/null && echo 1 | sort | tee f", out: "1\n"},
		{name: "writes nothing", o: SandboxOptions{Write: &none}, command: "echo a >f"},
		{name: "writes two trees", o: SandboxOptions{Write: &both}, command: "echo a >" + outside + "/f && cat " + outside + "/f && rm " + outside + "/f", out: "a\n"},
		{name: "has temporary files", o: SandboxOptions{Write: &none}, command: "echo a >$(mktemp) && echo b", out: "b\n"},
		{name: "no network", command: connect},
		{name: "a network", o: SandboxOptions{Network: &wire.Network{All: true}}, command: connect, out: "connected\n"},
		{name: "its port", o: SandboxOptions{Network: &wire.Network{Ports: []uint16{uint16(port)}}}, command: connect, out: "connected\n"},
		{name: "another port", o: SandboxOptions{Network: &wire.Network{Ports: []uint16{1}}}, command: connect},
		{name: "kills nothing outside", command: fmt.Sprintf("kill -0 %d", os.Getpid())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Open(context.Background(), "sandbox", Config{Cwd: work, Sandbox: tt.o})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if info := s.Info(); info.Transport != "sandbox" || info.Enforcement["kernel"] != true {
				t.Fatalf("%+v", info)
			}
			r, err := s.Exec(context.Background(), tt.command, ExecOptions{Approve: func(context.Context, ApprovalRequest) (Approval, error) { return Approval{Approve: true}, nil }})
			if err != nil {
				t.Fatal(err)
			}
			if failed := r.ExitCode == nil || *r.ExitCode != 0; failed != (tt.out == "") || r.Stdout != tt.out && !failed {
				t.Errorf("%+v", r)
			}
		})
	}
	if text, err := os.ReadFile(secret); string(text) != "hidden\n" {
		t.Errorf("the file outside is now %q (%v)", text, err)
	}
}

func TestSandboxOptions(t *testing.T) {
	_, err := Open(context.Background(), "sandbox", Config{Sandbox: SandboxOptions{Base: "image"}})
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "sandbox.base") {
		t.Errorf("%v", err)
	}
	// A policy takes more away.
	work := t.TempDir()
	p, err := LoadPolicy([]byte(`{"default":"deny","allow":["ls","touch"],"write":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), "sandbox", Config{Cwd: work, Policy: p})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if programs, write := s.Info().Enforcement["programs"], s.Info().Enforcement["write"]; programs == "any" || len(write.([]string)) != 0 {
		t.Errorf("programs %v, write %v", programs, write)
	}
	if r, err := s.Exec(context.Background(), "touch f", ExecOptions{}); err == nil && *r.ExitCode == 0 {
		t.Error("a file was made")
	}
}
