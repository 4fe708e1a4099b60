package ssh

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// credentials are what a hop may be shown. Nothing of them ever gets into a message: keys are named by file and
// fingerprint.
type credentials struct {
	explicit       []string // key files that the caller or the configuration names
	usual          []string // key files that are tried because they are there
	certificates   []string
	agent          string // socket, "" for none
	identitiesOnly bool
	own            *identity // the key of the options, read already
	password       string
	prompts        int
	methods        []string // in the order in which they are tried
	ask            transport.Asker
	target         string
}

// methodOrder is OpenSSH's, of what is implemented.
var methodOrder = []string{"publickey", "keyboard-interactive", "password"}

func (r *resolver) credentials(h *hop, target bool) error {
	c, s := h.config, r.options
	k := &h.creds
	k.ask, k.prompts, k.target = r.ask, c.PasswordPrompts, c.User+"@"+h.name()
	k.agent, k.identitiesOnly, k.certificates = c.IdentityAgent, c.IdentitiesOnly, c.CertificateFiles
	if s.Agent != nil && !*s.Agent {
		k.agent = ""
	}
	if c.DefaultIdentities {
		k.usual = c.IdentityFiles
	} else {
		k.explicit = c.IdentityFiles
	}
	order := methodOrder
	if target && s.Password != "" {
		k.password = s.Password
		order = []string{"publickey", "password", "keyboard-interactive"}
	}
	if c.PreferredAuthentications != nil {
		order = slices.DeleteFunc(slices.Clone(c.PreferredAuthentications), func(m string) bool { return !slices.Contains(methodOrder, m) })
	}
	on := map[string]bool{"publickey": c.Pubkey, "password": c.Password, "keyboard-interactive": c.KbdInteractive}
	for _, m := range order {
		if on[m] {
			k.methods = append(k.methods, m)
		}
	}
	if len(k.methods) == 0 {
		return errdefs.New(errdefs.Unsupported, "the ssh configuration of %s leaves no way to authenticate that is implemented", errdefs.Quote(c.Host)).
			WithHint("allow one of publickey, keyboard-interactive and password")
	}
	if target && s.KeyPath != "" {
		path, err := expandHome(s.KeyPath, r.local)
		if err != nil {
			return err
		}
		cert := s.CertificatePath
		if cert != "" {
			if cert, err = expandHome(cert, r.local); err != nil {
				return err
			}
		}
		if k.own, err = k.optionKey(r.ctx, path, s.KeyPassphrase, cert); err != nil {
			return err
		}
	}
	return nil
}

// processKey makes what is derived from secrets useless outside this process.
var processKey = func() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}()

func keyed(text []byte) string {
	mac := hmac.New(sha256.New, processKey)
	mac.Write(text)
	return string(mac.Sum(nil))
}
