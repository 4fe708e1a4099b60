package sshconfig

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// defaultIdentities are the keys that ssh looks for by itself and that can be read here; keys that live in hardware
// come through the agent.
var defaultIdentities = []string{"id_rsa", "id_ecdsa", "id_ed25519"}

func (r *reader) text(name, otherwise string) string {
	if s := r.set[name]; s != nil {
		return s.values[0]
	}
	return otherwise
}

func (r *reader) yes(name string, otherwise bool) bool {
	switch strings.ToLower(r.text(name, "")) {
	case "":
		return otherwise
	case "no", "false":
		return false
	}
	return true
}

func (r *reader) number(name string, otherwise int) int {
	if n, err := strconv.Atoi(r.text(name, "")); err == nil {
		return n
	}
	return otherwise
}

func (r *reader) list(name string) []string {
	if s := r.set[name]; s != nil {
		return s.values
	}
	return nil
}

// orNone is a list in which "none" alone stands for nothing.
func orNone(list []string) []string {
	if len(list) == 1 && strings.EqualFold(list[0], "none") {
		return nil
	}
	return list
}

func (r *reader) config(o Options) (*Config, error) {
	host, err := r.hostName()
	if err != nil {
		return nil, err
	}
	c := &Config{
		Host: r.asked, HostName: strings.ToLower(host), User: r.userName(), Port: r.number("port", 22),
		AddressFamily: strings.ToLower(r.text("addressfamily", "any")), BindAddress: r.text("bindaddress", ""),
		ConnectionAttempts: max(r.number("connectionattempts", 1), 1), TCPKeepAlive: r.yes("tcpkeepalive", true),
		ServerAliveCountMax: r.number("serveralivecountmax", 3),
		IdentitiesOnly:      r.yes("identitiesonly", false),
		Pubkey:              r.yes("pubkeyauthentication", true), Password: r.yes("passwordauthentication", true),
		KbdInteractive: r.yes("kbdinteractiveauthentication", true), PasswordPrompts: max(r.number("numberofpasswordprompts", 3), 1),
		HostKeyAlias: r.text("hostkeyalias", ""), HashKnownHosts: r.yes("hashknownhosts", false),
		RequiredRSASize: r.number("requiredrsasize", 1024),
		Ciphers:         r.text("ciphers", ""), KexAlgorithms: r.text("kexalgorithms", ""), MACs: r.text("macs", ""),
		HostKeyAlgorithms: r.text("hostkeyalgorithms", ""), PubkeyAcceptedAlgorithms: r.text("pubkeyacceptedalgorithms", ""),
		CASignatureAlgorithms: r.text("casignaturealgorithms", ""), SetEnv: r.list("setenv"), raw: r.set,
	}
	if s := r.text("preferredauthentications", ""); s != "" {
		c.PreferredAuthentications = strings.Split(s, ",")
	}
	if d, ok := duration(r.text("connecttimeout", "none")); ok {
		c.ConnectTimeout = d
	}
	if d, ok := duration(r.text("serveraliveinterval", "")); ok && r.set["serveraliveinterval"] != nil {
		c.ServerAliveInterval = &d
	}
	if !ValidHost(c.HostName) {
		return nil, errdefs.New(errdefs.InvalidArgument, "%s is no host name", errdefs.Quote(c.HostName)).WithHint("write ssh://[user@]host[:port]")
	}
	if !ValidUser(c.User) {
		return nil, errdefs.New(errdefs.InvalidArgument, "%s is no user name", errdefs.Quote(c.User)).WithHint("write ssh://[user@]host[:port]")
	}
	c.StrictHostKeyChecking = strictness(r.text("stricthostkeychecking", "ask"))
	for _, step := range []func(*reader, Options) error{c.proxy, c.identities, c.agent, c.knownHosts, c.rekey} {
		if err := step(r, o); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func strictness(s string) string {
	switch s = strings.ToLower(s); s {
	case "true":
		return "yes"
	case "false", "off":
		return "no"
	}
	return s
}

// proxy expands how the host is reached. Names that go into a command were checked: nothing in them means anything
// to a shell.
func (c *Config) proxy(r *reader, _ Options) error {
	if s := r.set["proxyjump"]; s != nil {
		text, err := expandTokens(s.values[0], s.at, c.proxyTokens())
		if err != nil {
			return err
		}
		c.ProxyJump, err = parseJumps(text, s.at)
		return err
	}
	s := r.set["proxycommand"]
	if s == nil || strings.EqualFold(s.values[0], "none") {
		return nil
	}
	if !ValidHost(c.Host) {
		return s.at.bad("%s is no host name that a ProxyCommand may be given", errdefs.Quote(c.Host))
	}
	var err error
	c.ProxyCommand, err = expandTokens(s.values[0], s.at, c.proxyTokens())
	return err
}

func (c *Config) identities(r *reader, o Options) error {
	var err error
	names := r.list("identityfile")
	if c.DefaultIdentities = len(names) == 0; c.DefaultIdentities {
		for _, name := range defaultIdentities {
			c.IdentityFiles = append(c.IdentityFiles, filepath.Join(o.Local.Home, ".ssh", name))
		}
	} else if c.IdentityFiles, err = c.files(orNone(names), r.set["identityfile"].at, o.Local); err != nil {
		return err
	}
	if s := r.set["certificatefile"]; s != nil {
		c.CertificateFiles, err = c.files(orNone(s.values), s.at, o.Local)
	}
	return err
}

// files expands file names, in OpenSSH's order: ~, then variables and tokens.
func (c *Config) files(names []string, at place, l Local) ([]string, error) {
	var files []string
	tokens := c.fileTokens(l)
	for _, name := range names {
		path, err := l.tilde(name)
		if err != nil {
			return nil, at.bad("%v", err)
		}
		if path, err = expandTokens(path, at, tokens); err != nil {
			return nil, err
		}
		if path, err = l.environment(path, at); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

func (c *Config) agent(r *reader, o Options) error {
	socket, _ := o.Local.Getenv("SSH_AUTH_SOCK")
	s := r.set["identityagent"]
	switch {
	case s == nil || s.values[0] == "SSH_AUTH_SOCK":
	case strings.EqualFold(s.values[0], "none"):
		socket = ""
	case strings.HasPrefix(s.values[0], "$") && !strings.HasPrefix(s.values[0], "${"):
		socket, _ = o.Local.Getenv(s.values[0][1:])
	default:
		files, err := c.files(s.values, s.at, o.Local)
		if err != nil {
			return err
		}
		socket = files[0]
	}
	c.IdentityAgent = socket
	return nil
}

func (c *Config) knownHosts(r *reader, o Options) error {
	home := filepath.Join(o.Local.Home, ".ssh")
	c.UserKnownHosts = []string{filepath.Join(home, "known_hosts"), filepath.Join(home, "known_hosts2")}
	c.GlobalKnownHosts = []string{filepath.Join(systemDir, "ssh_known_hosts"), filepath.Join(systemDir, "ssh_known_hosts2")}
	var err error
	if s := r.set["userknownhostsfile"]; s != nil {
		if c.UserKnownHosts, err = c.files(orNone(s.values), s.at, o.Local); err != nil {
			return err
		}
	}
	if s := r.set["globalknownhostsfile"]; s != nil {
		c.GlobalKnownHosts = slices.Clone(orNone(s.values))
	}
	if s := r.set["revokedhostkeys"]; s != nil && !strings.EqualFold(s.values[0], "none") {
		files, err := c.files(s.values, s.at, o.Local)
		if err != nil {
			return err
		}
		c.RevokedHostKeys = files[0]
	}
	return nil
}

// rekey reads the amount of RekeyLimit. A time limit is refused: it would have to end sessions that cannot keep it.
func (c *Config) rekey(r *reader, _ Options) error {
	s := r.set["rekeylimit"]
	if s == nil {
		return nil
	}
	if len(s.values) > 2 {
		return s.at.bad("rekeylimit takes two arguments at most")
	}
	if len(s.values) == 2 && s.values[1] != "none" && s.values[1] != "0" {
		return s.at.error(errdefs.Unsupported, "rekeylimit with a time is not supported").
			WithHint("leave the time out for this host").WithDetail("keyword", "rekeylimit")
	}
	amount := s.values[0]
	if amount == "default" || amount == "none" {
		return nil
	}
	shift := 0
	if i := strings.IndexByte("KMG", amount[len(amount)-1]&^0x20); i >= 0 {
		shift, amount = 10*(i+1), amount[:len(amount)-1]
	}
	n, err := strconv.ParseUint(amount, 10, 32)
	if err != nil || n != 0 && n<<shift < 16 {
		return s.at.bad("%s is no amount of data", errdefs.Quote(s.values[0]))
	}
	c.RekeyBytes = n << shift
	return nil
}

// Where says in which file and line a keyword was set, for messages; it is empty if none did.
func (c *Config) Where(name string) string {
	if s := c.raw[name]; s != nil {
		return s.at.String()
	}
	return ""
}

// Raw returns the arguments of a keyword as written, before tokens and variables are replaced.
func (c *Config) Raw(name string) []string {
	if s := c.raw[name]; s != nil {
		return s.values
	}
	return nil
}
