package sshconfig

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// Local is this end of a connection: who asks, and where.
type Local struct {
	User, Home string
	UID        int
	// Host is the name of this machine, with its domain if it has one.
	Host string
	// Getenv reads the environment.
	Getenv func(string) (string, bool)
}

// ThisUser describes the user of this process as the system knows them, which is where ssh looks: not $HOME or $USER.
func ThisUser() (Local, error) {
	u, err := user.Current()
	if err != nil {
		return Local{}, errdefs.New(errdefs.Unavailable, "cannot tell who the user of this process is: %v", err).
			WithHint("the user id needs an entry in /etc/passwd")
	}
	host, _ := os.Hostname() // only %l and %L need it
	return Local{User: u.Username, Home: u.HomeDir, UID: os.Getuid(), Host: host, Getenv: os.LookupEnv}, nil
}

// tilde replaces a leading ~ or ~user.
func (l Local) tilde(path string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return path, nil
	}
	name, below, _ := strings.Cut(path[1:], "/")
	home := l.Home
	if name != "" && name != l.User {
		u, err := user.Lookup(name)
		if err != nil {
			return "", errors.New("no user " + errdefs.Quote(name))
		}
		home = u.HomeDir
	}
	return strings.TrimSuffix(home, "/") + "/" + below, nil
}

// environment replaces ${NAME}; a variable that is not set is an error, as in ssh.
func (l Local) environment(s string, at place) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, left, closed := strings.Cut(after, "}")
		if !closed || name == "" {
			return "", at.bad("${ is not closed")
		}
		value, ok := l.Getenv(name)
		if !ok {
			return "", at.bad("the environment has no %s", errdefs.Quote(name)).WithHint("set the variable, or name the file itself")
		}
		b.WriteString(value)
		s = left
	}
}

// expandTokens replaces %x by its value; a token that has none here is an error.
func expandTokens(s string, at place, tokens map[byte]string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", at.bad("%s ends in %%", errdefs.Quote(s))
		}
		value, ok := tokens[s[i]]
		switch {
		case s[i] == '%':
			value = "%"
		case !ok:
			return "", at.bad("%s: %%%s has no meaning here", errdefs.Quote(s), errdefs.Visible(s[i:i+1]))
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// fileTokens are those of file names.
func (c *Config) fileTokens(l Local) map[byte]string {
	short, _, _ := strings.Cut(l.Host, ".")
	key := c.HostKeyAlias
	if key == "" {
		key = c.Host
	}
	port, jump := strconv.Itoa(c.Port), ""
	if n := len(c.ProxyJump); n > 0 {
		jump = c.ProxyJump[n-1].Host
	}
	sum := sha1.Sum([]byte(l.Host + c.HostName + port + c.User + jump))
	return map[byte]string{
		'C': hex.EncodeToString(sum[:]), 'd': l.Home, 'h': c.HostName, 'i': strconv.Itoa(l.UID), 'j': jump, 'k': key, 'L': short,
		'l': l.Host, 'n': c.Host, 'p': port, 'r': c.User, 'u': l.User,
	}
}

// proxyTokens are those of ProxyCommand and ProxyJump.
func (c *Config) proxyTokens() map[byte]string {
	return map[byte]string{'h': c.HostName, 'n': c.Host, 'p': strconv.Itoa(c.Port), 'r': c.User}
}
