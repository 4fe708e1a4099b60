package mcpserver

import (
	"encoding/json"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// SSHSettings are what the operator decides about ssh targets. An agent can choose none of it: neither whom to believe
// nor, beyond KeyDir, with whose key to log in.
type SSHSettings struct {
	// KeyDir holds the private keys that an agent may name; the operator's ~/.ssh when empty.
	KeyDir string
	// KnownHosts are the files of host keys; the operator's own when nil.
	KnownHosts []string
	// InsecureAcceptAny believes every host key.
	InsecureAcceptAny bool
	// AskHostKey has the client ask its user about a host key that is not known.
	AskHostKey bool
}

// sshSettings reads EXECKIT_MCP_KEY_DIR, EXECKIT_MCP_KNOWN_HOSTS (paths separated by ':'),
// EXECKIT_MCP_INSECURE_ACCEPT_ANY_HOSTKEY and EXECKIT_MCP_ASK_HOSTKEY (1 or 0).
func sshSettings(getenv func(string) string) (s SSHSettings, err error) {
	bad := func(name, value, hint string) error {
		return errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_%s is %s", name, errdefs.Quote(value)).WithHint("%s", hint)
	}
	if dir := getenv("EXECKIT_MCP_KEY_DIR"); dir != "" {
		if s.KeyDir, err = filepath.EvalSymlinks(dir); err != nil || !filepath.IsAbs(dir) {
			return s, bad("KEY_DIR", dir, "give the absolute path of a directory that exists")
		}
	}
	if list := getenv("EXECKIT_MCP_KNOWN_HOSTS"); list != "" {
		s.KnownHosts = filepath.SplitList(list)
		for _, file := range s.KnownHosts {
			if _, err := os.Stat(file); err != nil || !filepath.IsAbs(file) {
				return s, bad("KNOWN_HOSTS", list, "give absolute paths of files that exist, separated by ':'")
			}
		}
	}
	for name, on := range map[string]*bool{"INSECURE_ACCEPT_ANY_HOSTKEY": &s.InsecureAcceptAny, "ASK_HOSTKEY": &s.AskHostKey} {
		switch value := getenv("EXECKIT_MCP_" + name); value {
		case "", "0", "false":
		case "1", "true":
			*on = true
		default:
			return s, bad(name, value, "give 1 or 0")
		}
	}
	return s, nil
}

// options are the ssh options of a session: the agent's under the operator's.
func (s SSHSettings) options(a *createArguments) (map[string]json.RawMessage, error) {
	ssh := given(map[string]json.RawMessage{"host": a.Host, "port": a.Port, "user": a.User, "password": a.Password, "key_path": a.KeyPath, "fingerprint": a.Fingerprint})
	if a.Transport != "ssh" && !strings.HasPrefix(a.Transport, "ssh://") {
		return ssh, nil // the core refuses them by name
	}
	set := func(name string, value any) {
		ssh[name], _ = json.Marshal(value) // strings and lists of them
	}
	_, pinned := ssh["fingerprint"]
	switch {
	case pinned && s.KnownHosts != nil:
		return nil, errdefs.New(errdefs.InvalidArgument, "fingerprint: the operator of this server decides which host keys are believed").
			WithHint("leave it out; the operator can add the host to the file of EXECKIT_MCP_KNOWN_HOSTS").WithDetail("field", "fingerprint")
	case pinned:
		set("host_key", "pin")
	case s.InsecureAcceptAny:
		set("host_key", "insecure_accept_any")
	case s.AskHostKey:
		set("host_key", "ask")
	}
	if s.KnownHosts != nil {
		set("known_hosts", s.KnownHosts)
	}
	if raw, ok := ssh["key_path"]; ok {
		var path string
		if json.Unmarshal(raw, &path) != nil {
			return ssh, nil // the core says what is wrong with it
		}
		path, err := s.key(path)
		if err != nil {
			return nil, err
		}
		set("key_path", path)
	}
	return ssh, nil
}

// key finds a private key that an agent names, below the directory of keys and nowhere else.
func (s SSHSettings) key(path string) (string, error) {
	refuse := func() (string, error) {
		return "", errdefs.New(errdefs.InvalidArgument, "key_path: there is no key %s in the operator's directory of keys", errdefs.Quote(path)).
			WithHint("name a key in it; the operator sets it as EXECKIT_MCP_KEY_DIR, ~/.ssh by default").WithDetail("field", "key_path")
	}
	dir := s.KeyDir
	if dir == "" {
		u, err := user.Current()
		if err != nil {
			return refuse()
		}
		if dir, err = filepath.EvalSymlinks(filepath.Join(u.HomeDir, ".ssh")); err != nil {
			return refuse()
		}
	}
	full := path
	if strings.HasPrefix(path, "~/") {
		u, err := user.Current()
		if err != nil {
			return refuse()
		}
		full = filepath.Join(u.HomeDir, path[2:])
	} else if !filepath.IsAbs(path) {
		full = filepath.Join(dir, path)
	}
	// The same answer for a file outside and one that is not there: an agent learns nothing about the rest of the disk.
	real, err := filepath.EvalSymlinks(full)
	if err != nil || !strings.HasPrefix(real, dir+string(filepath.Separator)) {
		return refuse()
	}
	return real, nil
}
