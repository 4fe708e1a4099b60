package mcpserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

func TestSSHSession(t *testing.T) {
	s := sshtest.Start(t, sshtest.Options{})
	target := map[string]any{"transport": "ssh", "host": "127.0.0.1", "port": s.Port, "user": "root", "key_path": "client"}
	with := func(more map[string]any) map[string]any {
		arguments := map[string]any{}
		for _, m := range []map[string]any{target, more} {
			for name, value := range m {
				arguments[name] = value
			}
		}
		return arguments
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.Key, link); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	sshtest.Keygen(t, outside, "ed25519", "")
	empty := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what      string
		known     string
		insecure  string
		arguments map[string]any
		code      string // "" for a session
	}{
		{"known to the operator", s.KnownHosts(), "", nil, ""},
		{"a key by its path", s.KnownHosts(), "", map[string]any{"key_path": s.Key}, ""},
		{"unknown", empty, "", nil, "host_key_unknown"},
		{"insecure by the operator", empty, "1", nil, ""},
		{"pinned by the agent", "", "", map[string]any{"fingerprint": s.Fingerprint("ed25519")}, ""},
		{"pinned wrong, insecure", "", "1", map[string]any{"fingerprint": "SHA256:" + strings.Repeat("A", 43)}, "host_key_changed"},
		{"pinned against the operator's hosts", empty, "", map[string]any{"fingerprint": s.Fingerprint("ed25519")}, "invalid_argument"},
		{"insecure by the agent", empty, "", map[string]any{"host_key": "insecure_accept_any"}, "invalid_argument"},
		{"other known hosts", empty, "", map[string]any{"known_hosts": s.KnownHosts()}, "invalid_argument"},
		{"a configuration of its own", empty, "", map[string]any{"config": "/tmp/evil"}, "invalid_argument"},
		{"options in an object", empty, "", map[string]any{"transport": `{"type":"ssh","host":"h","host_key":"insecure_accept_any"}`}, "invalid_argument"},
		{"a key elsewhere", s.KnownHosts(), "", map[string]any{"key_path": outside}, "invalid_argument"},
		{"a key through ..", s.KnownHosts(), "", map[string]any{"key_path": "../" + filepath.Base(filepath.Dir(outside)) + "/outside"}, "invalid_argument"},
		{"a key that is not there", s.KnownHosts(), "", map[string]any{"key_path": "/etc/shadow-none"}, "invalid_argument"},
		{"a file that is none", s.KnownHosts(), "", map[string]any{"key_path": "/etc/passwd"}, "invalid_argument"},
	} {
		t.Run(c.what, func(t *testing.T) {
			settings, err := SettingsFrom(func(name string) string {
				return map[string]string{"EXECKIT_MCP_KEY_DIR": s.Dir, "EXECKIT_MCP_KNOWN_HOSTS": c.known, "EXECKIT_MCP_INSECURE_ACCEPT_ANY_HOSTKEY": c.insecure}[name]
			})
			if err != nil {
				t.Fatal(err)
			}
			client := connect(t, settings)
			r, failed := call(t, context.Background(), client, "session_create", with(c.arguments))
			if c.code != "" {
				if !failed || r["error"].(map[string]any)["code"] != c.code {
					t.Fatalf("%v", r)
				}
				return
			}
			if failed {
				t.Fatalf("%v", r)
			}
			r, failed = call(t, context.Background(), client, "session_exec", map[string]any{"session_id": r["session_id"], "command": "echo far $SSH_CONNECTION"})
			if failed || !strings.HasPrefix(fmt.Sprint(r["stdout"]), "far 127.0.0.1") {
				t.Errorf("%v", r)
			}
		})
	}
	if _, err := (SSHSettings{KeyDir: s.Dir}).key(link); err != nil {
		t.Errorf("a link to a key in the directory: %v", err)
	}
}

func TestSSHSettingsThatCannotBeHonoured(t *testing.T) {
	for name, value := range map[string]string{
		"EXECKIT_MCP_KEY_DIR": "/nonexistent", "EXECKIT_MCP_KNOWN_HOSTS": "/nonexistent", "EXECKIT_MCP_INSECURE_ACCEPT_ANY_HOSTKEY": "maybe",
	} {
		if _, err := SettingsFrom(only(name, value)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}
