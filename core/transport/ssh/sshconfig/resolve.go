package sshconfig

import (
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

const systemDir = "/etc/ssh"

// Options say what to resolve with.
type Options struct {
	// File replaces the user's and the system's configuration; None reads none at all.
	File string
	None bool
	// User, Port and Jump are the caller's own, which win over every file.
	User, Jump string
	Port       int
	Local      Local
}

// A Config is what holds for one host. Files are absolute and expanded; nothing was looked at on disk but the
// configuration itself.
type Config struct {
	Host, HostName, User string // as asked for; to connect to
	Port                 int

	ProxyJump    []Jump
	ProxyCommand string // a command for the user's shell, expanded

	AddressFamily, BindAddress string
	ConnectTimeout             time.Duration // 0: not set
	ConnectionAttempts         int
	TCPKeepAlive               bool
	// ServerAliveInterval is nil if not set.
	ServerAliveInterval *time.Duration
	ServerAliveCountMax int

	// IdentityFiles are those of the configuration, or the usual ones if DefaultIdentities.
	IdentityFiles, CertificateFiles []string
	DefaultIdentities               bool
	IdentitiesOnly                  bool
	// IdentityAgent is the agent's socket, "" for none.
	IdentityAgent                               string
	Pubkey, Password, KbdInteractive            bool
	PreferredAuthentications                    []string
	PasswordPrompts                             int
	HostKeyAlias                                string
	UserKnownHosts, GlobalKnownHosts            []string
	StrictHostKeyChecking                       string // yes, ask, accept-new or no
	HashKnownHosts                              bool
	RevokedHostKeys                             string
	RequiredRSASize                             int
	Ciphers, KexAlgorithms, MACs                string // as written; "" is the default
	HostKeyAlgorithms, PubkeyAcceptedAlgorithms string
	CASignatureAlgorithms                       string
	RekeyBytes                                  uint64
	SetEnv                                      []string

	raw map[string]*setting
}

// A Jump is one host of ProxyJump. User and Port may be absent.
type Jump struct {
	User, Host string
	Port       int
}

// Resolve reads what holds for host.
func Resolve(host string, o Options) (*Config, error) {
	r := &reader{host: host, asked: host, local: o.Local, set: make(map[string]*setting), userDir: filepath.Join(o.Local.Home, ".ssh")}
	err := r.options(o)
	if err == nil {
		err = r.readAll(o)
	}
	if err == nil && r.again {
		// What the first pass found stays; the name is fixed now.
		r.final = true
		if r.host, err = r.hostName(); err == nil {
			err = r.readAll(o)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := r.refuse(); err != nil {
		return nil, err
	}
	return r.config(o)
}

// options sets what the caller asked for, before any file can.
func (r *reader) options(o Options) error {
	asked := place{"the request", 0}
	if o.User != "" {
		r.set["user"] = &setting{[]string{o.User}, asked}
	}
	if o.Port != 0 {
		r.set["port"] = &setting{[]string{strconv.Itoa(o.Port)}, asked}
	}
	if o.Jump != "" {
		if _, err := parseJumps(o.Jump, asked); err != nil {
			return err
		}
		r.set["proxyjump"] = &setting{[]string{o.Jump}, asked}
	}
	return nil
}

func (r *reader) readAll(o Options) error {
	switch {
	case o.None:
		return nil
	case o.File != "":
		path, err := o.Local.tilde(o.File)
		if err != nil {
			return errdefs.New(errdefs.InvalidArgument, "config: %v", err)
		}
		return r.file(path, true, false, true, true, 0)
	}
	if err := r.file(filepath.Join(r.userDir, "config"), true, true, false, true, 0); err != nil {
		return err
	}
	return r.file(filepath.Join(systemDir, "ssh_config"), false, false, false, true, 0)
}

// refuse names the first setting that changes the peer or the trust in it and is not implemented.
func (r *reader) refuse() error {
	for _, name := range slices.Sorted(maps.Keys(keywords)) {
		k, s := keywords[name], r.set[name]
		if k.use != refused || s == nil || slices.Contains(k.harmless, strings.ToLower(s.values[0])) {
			continue
		}
		if name == "nohostauthenticationforlocalhost" {
			// It only concerns this machine under its own name.
			if host, err := r.hostName(); err == nil && host != "localhost" && !isLoopback(host) {
				continue
			}
		}
		return s.at.error(errdefs.Unsupported, "%s %s is not supported", name, errdefs.Quote(s.values[0])).
			WithHint("leave it out for this host, or name another file with ssh.config").WithDetail("keyword", name)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// parseJumps reads a ProxyJump list.
func parseJumps(s string, at place) ([]Jump, error) {
	if strings.EqualFold(s, "none") {
		return nil, nil
	}
	var jumps []Jump
	for hop := range strings.SplitSeq(s, ",") {
		j, ok := parseJump(hop)
		if !ok {
			return nil, at.bad("%s is no host to jump through", errdefs.Quote(hop)).WithHint("write [user@]host[:port], separated by commas")
		}
		jumps = append(jumps, j)
	}
	return jumps, nil
}

func parseJump(s string) (j Jump, ok bool) {
	s, _ = strings.CutPrefix(s, "ssh://")
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if j.User, s = s[:at], s[at+1:]; j.User == "" {
			return j, false
		}
	}
	digits := ""
	if inner, bracketed := strings.CutPrefix(s, "["); bracketed {
		host, after, closed := strings.Cut(inner, "]")
		if !closed || after != "" && after[0] != ':' {
			return j, false
		}
		j.Host, digits = host, after
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 {
		j.Host, digits = s[:colon], s[colon:]
	} else {
		j.Host = s
	}
	if digits != "" {
		n, err := strconv.Atoi(digits[1:])
		if err != nil || n < 1 || n > 65535 {
			return j, false
		}
		j.Port = n
	}
	return j, ValidHost(j.Host)
}

// ValidHost refuses what is no host name and could be taken for an option or reach a shell.
func ValidHost(host string) bool {
	if host == "" || host[0] == '-' || len(host) > 1025 {
		return false
	}
	return !strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune("'`\"$\\;&<>|(){},", c) })
}

// ValidUser refuses what a shell or a ProxyCommand could take for something else.
func ValidUser(user string) bool {
	if user == "" || user[0] == '-' || len(user) > 255 || strings.HasSuffix(user, `\`) {
		return false
	}
	return !strings.ContainsFunc(user, func(c rune) bool { return c < ' ' || c == 0x7f || strings.ContainsRune("'`\";&<>|(){}", c) })
}
