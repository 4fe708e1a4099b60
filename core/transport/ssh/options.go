package ssh

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh/sshconfig"
	"github.com/execkit/execkit/core/wire"
)

// Defaults of the deadlines: long enough for a slow link and a lazy directory service, short enough for a person.
const (
	defaultTimeout   = 15 * time.Second
	defaultKeepalive = 15 * time.Second
	maxHops          = 10
)

// A hop is one server on the way, resolved: all that connecting to it needs.
type hop struct {
	config *sshconfig.Config
	policy hostPolicy
	creds  credentials
	crypto cryptography
	// timeout bounds each phase of connecting.
	timeout time.Duration
}

func (h *hop) name() string { return hostPort(h.config.HostName, h.config.Port) }

// A route is the way to a target: the target is the last hop.
type route struct {
	hops      []*hop
	keepalive time.Duration // 0 for none
	misses    int
	key       string // equal keys may share connections
}

func (r *route) target() *hop { return r.hops[len(r.hops)-1] }

type cryptography struct {
	ciphers, kex, macs, hostKeys, pubkeys []string
	rekey                                 uint64
}

// resolve reads a target with its options: everything that can be told to be wrong is told before anything connects.
func resolve(ctx context.Context, rest string, o transport.Options) (*route, error) {
	s := o.SSH
	if err := readTarget(rest, &s); err != nil {
		return nil, err
	}
	if err := checkOptions(&s); err != nil {
		return nil, err
	}
	local, err := localUser(o.Environ)
	if err != nil {
		return nil, err
	}
	r := &resolver{ctx: ctx, options: &s, local: local, ask: o.Ask}
	route := &route{}
	if route.hops, err = r.hops(sshconfig.Options{User: s.User, Port: s.Port, Jump: s.Jump}, s.Host, true, 0); err != nil {
		return nil, err
	}
	config := route.target().config
	route.keepalive, route.misses = defaultKeepalive, max(config.ServerAliveCountMax, 1)
	switch {
	case s.KeepaliveMS > 0:
		route.keepalive = time.Duration(s.KeepaliveMS) * time.Millisecond
	case config.ServerAliveInterval != nil:
		route.keepalive = *config.ServerAliveInterval
	}
	route.key = route.poolKey(&s)
	return route, nil
}

// readTarget takes user, host and port from what follows "ssh://".
func readTarget(rest string, s *wire.SSHOptions) error {
	bad := func(format string, args ...any) error {
		return errdefs.New(errdefs.InvalidArgument, format, args...).WithHint("write ssh://[user@]host[:port]").WithDetail("field", "transport")
	}
	if rest == "" {
		if s.Host == "" {
			return bad("the target names no host")
		}
		return nil
	}
	rest = strings.TrimSuffix(rest, "/")
	user, address := "", rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, address = rest[:at], rest[at+1:]
		if strings.ContainsAny(user, ":") {
			// The text is not repeated: what follows the colon is a secret.
			return errdefs.New(errdefs.InvalidArgument, "the target holds a password").
				WithHint("leave it out of the URL and give it as ssh.password").WithDetail("field", "transport")
		}
		decoded, err := url.PathUnescape(user)
		if err != nil || decoded == "" {
			return bad("the target names no user before the '@'")
		}
		user = decoded
	}
	host, digits := address, ""
	if inner, ok := strings.CutPrefix(address, "["); ok {
		var closed bool
		if host, digits, closed = strings.Cut(inner, "]"); !closed {
			return bad("%s: the bracket is not closed", errdefs.Quote(address))
		}
	} else if colon := strings.IndexByte(address, ':'); colon >= 0 {
		host, digits = address[:colon], address[colon:]
	}
	port := 0
	if digits != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(digits, ":"))
		if err != nil || n < 1 || n > 65535 || digits[0] != ':' {
			return bad("%s is no port", errdefs.Quote(strings.TrimPrefix(digits, ":")))
		}
		port = n
	}
	if strings.ContainsAny(host, "/?#") {
		return bad("%s is no host", errdefs.Quote(host))
	}
	for _, twice := range []struct {
		field   string
		differs bool
	}{{"host", s.Host != "" && s.Host != host}, {"user", user != "" && s.User != "" && s.User != user}, {"port", port != 0 && s.Port != 0 && s.Port != port}} {
		if twice.differs {
			return bad("the target and ssh.%s disagree", twice.field)
		}
	}
	s.Host = host
	if user != "" {
		s.User = user
	}
	if port != 0 {
		s.Port = port
	}
	return nil
}

func checkOptions(s *wire.SSHOptions) error {
	bad := func(field, format string, args ...any) error {
		return errdefs.New(errdefs.InvalidArgument, "ssh."+field+": "+format, args...).WithDetail("field", "ssh."+field)
	}
	switch {
	case !sshconfig.ValidHost(s.Host):
		return bad("host", "%s is no host name", errdefs.Quote(s.Host))
	case s.User != "" && !sshconfig.ValidUser(s.User):
		return bad("user", "%s is no user name", errdefs.Quote(s.User))
	case s.Port < 0 || s.Port > 65535:
		return bad("port", "%d is no port", s.Port)
	case s.ConnectTimeoutMS < 0 || s.ConnectTimeoutMS > 3600_000:
		return bad("connect_timeout_ms", "%d is out of range; give 1 to 3,600,000", s.ConnectTimeoutMS)
	case s.KeepaliveMS < 0 || s.KeepaliveMS > 3600_000:
		return bad("keepalive_ms", "%d is out of range; give 1 to 3,600,000, or 0 for the default", s.KeepaliveMS)
	case s.KeyPassphrase != "" && s.KeyPath == "":
		return bad("key_passphrase", "there is no key_path that it could be for")
	case s.CertificatePath != "" && s.KeyPath == "":
		return bad("certificate_path", "there is no key_path that it could be for")
	}
	if s.Fingerprint != "" && s.HostKey == "" {
		s.HostKey = modePin
	}
	if s.HostKey != "" && !slices.Contains([]string{modeStrict, modeAcceptNew, modeAsk, modePin, modeInsecure}, s.HostKey) {
		return bad("host_key", "%s is none of \"strict\", \"accept_new\", \"ask\", \"pin\" and \"insecure_accept_any\"", errdefs.Quote(s.HostKey))
	}
	if (s.Fingerprint != "") != (s.HostKey == modePin) {
		return bad("fingerprint", "host_key \"pin\" and a fingerprint belong together")
	}
	if s.Fingerprint != "" {
		sum, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimPrefix(s.Fingerprint, "SHA256:"), "="))
		if err != nil || len(sum) != 32 {
			return bad("fingerprint", "%s is no SHA256 fingerprint as `ssh-keygen -l` prints it", errdefs.Quote(s.Fingerprint))
		}
		s.Fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum)
	}
	return nil
}

// localUser is this process's user with the caller's environment.
func localUser(environ []string) (sshconfig.Local, error) {
	local, err := sshconfig.ThisUser()
	if environ == nil {
		environ = os.Environ()
	}
	values := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			values[name] = value
		}
	}
	local.Getenv = func(name string) (string, bool) { value, ok := values[name]; return value, ok }
	return local, err
}

type resolver struct {
	ctx     context.Context // of the resolution
	options *wire.SSHOptions
	local   sshconfig.Local
	ask     transport.Asker
}

// hops resolves a host and what is in front of it. direct says that the host's own proxies count: of a list of jumps
// only the first is reached by its own.
func (r *resolver) hops(o sshconfig.Options, host string, target bool, depth int) ([]*hop, error) {
	if depth > maxHops {
		return nil, errdefs.New(errdefs.InvalidArgument, "there are more than %d hosts on the way to %s", maxHops, errdefs.Quote(r.options.Host)).
			WithHint("look for a ProxyJump that leads back to itself")
	}
	o.Local = r.local
	if c := r.options.Config; c != nil {
		o.None, o.File = c.None, c.Path
	}
	config, err := sshconfig.Resolve(host, o)
	if err != nil {
		return nil, err
	}
	h, err := r.hop(config, target)
	if err != nil {
		return nil, err
	}
	var before []*hop
	for i, j := range config.ProxyJump {
		jump := sshconfig.Options{User: j.User, Port: j.Port}
		if i > 0 {
			jump.Jump = "none"
		}
		list, err := r.hops(jump, j.Host, false, depth+1)
		if err != nil {
			return nil, err
		}
		before = append(before, list...)
	}
	if len(before) > maxHops {
		return nil, errdefs.New(errdefs.InvalidArgument, "there are more than %d hosts on the way to %s", maxHops, errdefs.Quote(r.options.Host))
	}
	return append(before, h), nil
}

func (r *resolver) hop(c *sshconfig.Config, target bool) (*hop, error) {
	h := &hop{config: c, timeout: defaultTimeout}
	if c.ConnectTimeout > 0 {
		h.timeout = c.ConnectTimeout
	}
	if ms := r.options.ConnectTimeoutMS; ms > 0 {
		h.timeout = time.Duration(ms) * time.Millisecond
	}
	var err error
	if h.crypto, err = cryptographyOf(c); err != nil {
		return nil, err
	}
	if err := r.trust(h, target); err != nil {
		return nil, err
	}
	return h, r.credentials(h, target)
}

func cryptographyOf(c *sshconfig.Config) (k cryptography, err error) {
	safe, unsafe := gossh.SupportedAlgorithms(), gossh.InsecureAlgorithms()
	var defaults gossh.Config
	defaults.SetDefaults()
	k.rekey = c.RekeyBytes
	for _, one := range []struct {
		keyword, spec   string
		usual, insecure []string
		into            *[]string
	}{
		{"Ciphers", c.Ciphers, defaults.Ciphers, slices.Concat(safe.Ciphers, unsafe.Ciphers), &k.ciphers},
		{"KexAlgorithms", c.KexAlgorithms, defaults.KeyExchanges, slices.Concat(safe.KeyExchanges, unsafe.KeyExchanges), &k.kex},
		{"MACs", c.MACs, defaults.MACs, slices.Concat(safe.MACs, unsafe.MACs), &k.macs},
		{"HostKeyAlgorithms", c.HostKeyAlgorithms, union(hostKeyOrder, safe.HostKeys), unsafe.HostKeys, &k.hostKeys},
		{"PubkeyAcceptedAlgorithms", c.PubkeyAcceptedAlgorithms, safe.PublicKeyAuths, unsafe.PublicKeyAuths, &k.pubkeys},
	} {
		if *one.into, err = algorithmList(one.keyword, one.spec, one.usual, one.insecure, c); err != nil {
			return k, err
		}
	}
	return k, nil
}

// trust decides which host keys a hop may have. A pin is for the target alone; hops before it are strict then.
func (r *resolver) trust(h *hop, target bool) error {
	c, s := h.config, r.options
	p := &h.policy
	p.host, p.name, p.plain = c.HostName, hostPort(c.HostName, c.Port), c.HostName
	if c.HostKeyAlias != "" {
		if !sshconfig.ValidHost(c.HostKeyAlias) {
			return errdefs.New(errdefs.InvalidArgument, "%s: HostKeyAlias %s is no host name", c.Where("hostkeyalias"), errdefs.Quote(c.HostKeyAlias))
		}
		p.host, p.name, p.plain = c.HostKeyAlias, c.HostKeyAlias, ""
	}
	users := c.UserKnownHosts
	p.files = slices.Concat(users, c.GlobalKnownHosts)
	if s.KnownHosts != nil {
		users, p.files = nil, nil
		for _, file := range s.KnownHosts {
			path, err := expandHome(file, r.local)
			if err != nil {
				return err
			}
			p.files = append(p.files, path)
		}
		users = p.files
	}
	if len(users) > 0 {
		p.add = users[0]
	}
	p.hashed, p.revoked, p.minRSA = c.HashKnownHosts, c.RevokedHostKeys, c.RequiredRSASize
	p.mode = modeStrict
	switch {
	case s.HostKey == modePin && target:
		p.mode, p.fingerprint = modePin, s.Fingerprint
	case s.HostKey != "" && s.HostKey != modePin:
		p.mode = s.HostKey
	case s.HostKey == "" && (c.StrictHostKeyChecking == "accept-new" || c.StrictHostKeyChecking == "no"):
		// "no" also lets changed keys through for ssh. Here it never does: insecure_accept_any has to be asked for.
		p.mode = modeAcceptNew
	case s.HostKey == "" && c.StrictHostKeyChecking == "ask" && c.Where("stricthostkeychecking") != "" && r.ask != nil:
		// Only where it is written: what ssh does without a word is not what was asked for.
		p.mode = modeAsk
	}
	algorithms, err := algorithmList("CASignatureAlgorithms", c.CASignatureAlgorithms, plainAlgorithms(gossh.SupportedAlgorithms().HostKeys, false), []string{gossh.KeyAlgoRSA}, c)
	p.caAlgos = algorithms
	return err
}

func expandHome(path string, l sshconfig.Local) (string, error) {
	if path == "~" || strings.HasPrefix(path, "~/") {
		path = filepath.Join(l.Home, path[1:])
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", errdefs.New(errdefs.InvalidArgument, "%s: %v", errdefs.Quote(path), err)
	}
	return absolute, nil
}

// poolKey is equal for those who may share a connection: same way, same trust, same credentials. It is kept in
// memory only and holds secrets, so it is hashed with a key of this process.
func (r *route) poolKey(s *wire.SSHOptions) string {
	type one struct {
		User, Host string
		Port       int
		Proxy      string
		Policy     []any
		Creds      []any
		Crypto     []any
	}
	var all []one
	for _, h := range r.hops {
		p, c := h.policy, h.creds
		all = append(all, one{h.config.User, h.config.HostName, h.config.Port, h.config.ProxyCommand,
			[]any{p.mode, p.fingerprint, p.name, p.files, p.revoked},
			[]any{c.explicit, c.usual, c.certificates, c.agent, c.identitiesOnly, c.methods, h.timeout},
			[]any{h.crypto.ciphers, h.crypto.kex, h.crypto.macs, h.crypto.hostKeys, h.crypto.pubkeys}})
	}
	text, err := json.Marshal([]any{all, s.Password, s.KeyPath, s.KeyPassphrase, s.CertificatePath, r.keepalive, r.misses})
	if err != nil {
		return errdefs.Quote(err.Error()) + time.Now().String() // never: only strings, numbers and lists
	}
	return keyed(text)
}
