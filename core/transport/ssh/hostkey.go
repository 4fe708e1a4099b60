package ssh

import (
	"bytes"
	"crypto/rsa"
	"crypto/subtle"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// The ways to decide whether a host key is believed.
const (
	modeStrict    = "strict"
	modeAcceptNew = "accept_new"
	modePin       = "pin"
	modeAsk       = "ask" // a person decides about a key that is not known
	modeInsecure  = "insecure_accept_any"
)

// A hostPolicy says which key the server at one hop may have.
type hostPolicy struct {
	mode        string
	fingerprint string // for modePin
	host        string // as a certificate names it
	name        string // as known_hosts names it
	plain       string // the name without port, "" where it does not count
	files       []string
	add         string // where accept_new and ask write, "" for nowhere
	hashed      bool
	revoked     string
	minRSA      int
	caAlgos     []string
}

// A verifier checks the keys of one connection: the first by the policy, those of later key exchanges for being the
// same. Its check is called by one goroutine at a time.
type verifier struct {
	policy *hostPolicy
	known  []knownKey // for the name, and for the name without port
	plain  []knownKey

	mu     sync.Mutex
	first  []byte
	print  string // the fingerprint of the key that was accepted
	seen   gossh.PublicKey
	onDone func() // called when the first key was accepted
	// confirm asks a person about a key that is not known; its error refuses the key.
	confirm func(gossh.PublicKey) error

	refusal atomic.Pointer[error]
}

func newVerifier(p *hostPolicy) (*verifier, error) {
	v := &verifier{policy: p}
	if p.mode == modeInsecure || p.mode == modePin {
		return v, nil
	}
	var err error
	if v.known, err = lookup(p.files, p.name); err != nil {
		return nil, err
	}
	if p.plain != "" && p.plain != p.name {
		if v.plain, err = lookup(p.files, p.plain); err != nil {
			return nil, err
		}
	}
	revoked, err := readRevoked(p.revoked)
	v.known = append(v.known, revoked...)
	return v, err
}

// fingerprint of a certificate is that of the key in it, as ssh-keygen prints it.
func fingerprint(key gossh.PublicKey) string {
	if cert, ok := key.(*gossh.Certificate); ok {
		key = cert.Key
	}
	return gossh.FingerprintSHA256(key)
}

// check is called in every key exchange of a connection.
func (v *verifier) check(_ string, _ net.Addr, key gossh.PublicKey) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	err := v.judge(key)
	if err != nil {
		v.refusal.Store(&err)
	}
	return err
}

func (v *verifier) judge(key gossh.PublicKey) error {
	v.seen = key
	if v.first != nil {
		if bytes.Equal(v.first, key.Marshal()) {
			return nil
		}
		return errdefs.New(errdefs.HostKeyChanged, "the host key of %s changed while it was connected: it was %s and is %s", errdefs.Quote(v.policy.name), v.print, fingerprint(key)).
			WithHint("somebody may be in between; nothing more was sent").
			WithDetail("known_fingerprint", v.print).WithDetail("fingerprint", fingerprint(key))
	}
	if err := v.decide(key); err != nil {
		return err
	}
	v.first, v.print = key.Marshal(), fingerprint(key)
	if v.onDone != nil {
		v.onDone()
	}
	return nil
}

func (v *verifier) decide(key gossh.PublicKey) error {
	p := v.policy
	if r, ok := rsaKey(key); ok && r.N.BitLen() < p.minRSA {
		return errdefs.New(errdefs.HostKeyUnknown, "the RSA host key of %s has %d bits; at least %d are wanted", errdefs.Quote(p.name), r.N.BitLen(), p.minRSA).
			WithHint("the server needs a stronger key")
	}
	switch p.mode {
	case modeInsecure:
		return nil
	case modePin:
		if subtle.ConstantTimeCompare([]byte(fingerprint(key)), []byte(p.fingerprint)) == 1 {
			return nil
		}
		return changedFrom(p.name, key, p.fingerprint, "", 0)
	}
	for _, k := range slices.Concat(v.known, v.plain) {
		if k.marker == "@revoked" && revokes(k.key, key) {
			return errdefs.New(errdefs.HostKeyChanged, "the host key %s of %s is revoked by %s line %d", fingerprint(key), errdefs.Quote(p.name), errdefs.Visible(k.file), k.line).
				WithHint("the key may be in wrong hands: do not connect").
				WithDetail("fingerprint", fingerprint(key)).WithDetail("file", k.file).WithDetail("line", k.line)
		}
	}
	if cert, ok := key.(*gossh.Certificate); ok {
		if authority := v.authority(cert); authority != nil {
			return p.checkCertificate(cert, authority)
		}
		key = cert.Key // an authority we do not know makes it a key like any other
	}
	return v.decidePlain(key)
}

func (v *verifier) decidePlain(key gossh.PublicKey) error {
	p := v.policy
	same := func(k knownKey) bool { return k.marker == "" && bytes.Equal(k.key.Marshal(), key.Marshal()) }
	other := func(k knownKey) bool { return k.marker == "" }
	if slices.ContainsFunc(v.known, same) {
		return nil
	}
	if slices.ContainsFunc(v.known, other) {
		// Another type counts as changed too: an attacker chooses the type that is not known yet.
		return changed(p.name, key, v.known)
	}
	if slices.ContainsFunc(v.plain, same) {
		return nil
	}
	if p.mode == modeAsk {
		if err := v.confirm(key); err != nil {
			return err
		}
	}
	if p.mode == modeAcceptNew || p.mode == modeAsk {
		if p.add == "" {
			return nil
		}
		return addKnown(p.add, p.name, key, p.hashed)
	}
	return p.unknown(key)
}

// confirm has a person decide about a key that is not known. Nothing but yes and the key's own fingerprint lets it pass.
func (a *authenticator) confirm(p *hostPolicy, key gossh.PublicKey) error {
	unknown := p.unknown(key)
	ask := a.asks.asker()
	if ask == nil {
		return unknown.WithHint("compare it with `ssh-keygen -lf` on the server; host_key \"ask\" is for a person, and nobody can be asked: %s", howToAnswer)
	}
	text := fmt.Sprintf("The host key of %s is not known: the server has the %s key %s. Answer yes, or the fingerprint, to believe it from now on",
		errdefs.Visible(cut(p.name)), key.Type(), fingerprint(key))
	answer, err := ask(a.ctx, transport.Question{Kind: "host_key", Target: a.creds.target, Text: text, Echo: true})
	if answer = strings.TrimSpace(answer); err == nil && (answer == "yes" || answer == fingerprint(key)) {
		return nil
	}
	if err != nil {
		unknown.WithCause(err)
	}
	return unknown.WithHint("a person was asked and did not answer yes; compare the fingerprint with `ssh-keygen -lf` on the server")
}

func (p *hostPolicy) unknown(key gossh.PublicKey) *errdefs.Error {
	var where []string
	for _, file := range p.files {
		if exists(file) {
			where = append(where, errdefs.Visible(file))
		}
	}
	place := "there is no known_hosts file"
	if len(where) > 0 {
		place = "it is not in " + strings.Join(where, " or ")
	}
	return errdefs.New(errdefs.HostKeyUnknown, "the host key of %s is not known: the server has the %s key %s and %s", errdefs.Quote(p.name), key.Type(), fingerprint(key), place).
		WithHint("compare it with `ssh-keygen -lf` on the server, then connect once with ssh, or give it as ssh.fingerprint; host_key \"accept_new\" takes the first key it sees").
		WithDetail("host", p.name).WithDetail("fingerprint", fingerprint(key)).WithDetail("key_type", key.Type())
}

// changed names the line that is in the way: one of the same type if there is one.
func changed(name string, key gossh.PublicKey, known []knownKey) *errdefs.Error {
	var line *knownKey
	for i, k := range known {
		if k.marker == "" && (line == nil || k.key.Type() == key.Type() && line.key.Type() != key.Type()) {
			line = &known[i]
		}
	}
	if line == nil {
		line = &known[0]
	}
	return changedFrom(name, key, fingerprint(line.key), line.file, line.line)
}

func changedFrom(name string, key gossh.PublicKey, known, file string, line int) *errdefs.Error {
	where := "the fingerprint given"
	if file != "" {
		where = fmt.Sprintf("%s line %d", errdefs.Visible(file), line)
	}
	e := errdefs.New(errdefs.HostKeyChanged, "the host key of %s is not the one that is known: the server has the %s key %s, %s says %s",
		errdefs.Quote(name), key.Type(), fingerprint(key), where, known).
		WithHint("somebody may be in between. If the server really has a new key, compare it on the server and correct the entry").
		WithDetail("host", name).WithDetail("fingerprint", fingerprint(key)).WithDetail("known_fingerprint", known)
	if file != "" {
		e.WithDetail("file", file).WithDetail("line", line)
	}
	return e
}

// revokes reports whether a revoked key is the server's, or signed the server's.
func revokes(revoked, key gossh.PublicKey) bool {
	if bytes.Equal(revoked.Marshal(), key.Marshal()) {
		return true
	}
	cert, ok := key.(*gossh.Certificate)
	return ok && (bytes.Equal(revoked.Marshal(), cert.Key.Marshal()) || bytes.Equal(revoked.Marshal(), cert.SignatureKey.Marshal()))
}

func (v *verifier) authority(cert *gossh.Certificate) *knownKey {
	for _, k := range slices.Concat(v.known, v.plain) {
		if k.marker == "@cert-authority" && bytes.Equal(k.key.Marshal(), cert.SignatureKey.Marshal()) {
			return &k
		}
	}
	return nil
}

func (p *hostPolicy) checkCertificate(cert *gossh.Certificate, by *knownKey) error {
	problem := ""
	checker := gossh.CertChecker{}
	if cert.CertType != gossh.HostCert {
		problem = "it is not a host's certificate"
	} else if !slices.Contains(p.caAlgos, cert.Signature.Format) {
		problem = "its signature is of the type " + errdefs.Quote(cert.Signature.Format)
	} else if err := checker.CheckCert(p.host, cert); err != nil {
		problem = errdefs.Visible(cut(err.Error()))
	}
	if problem == "" {
		return nil
	}
	return errdefs.New(errdefs.HostKeyChanged, "the certificate of %s, of the authority in %s line %d, does not hold: %s", errdefs.Quote(p.name), errdefs.Visible(by.file), by.line, problem).
		WithHint("the server needs a certificate that is valid now and names this host").
		WithDetail("fingerprint", fingerprint(cert)).WithDetail("known_fingerprint", fingerprint(by.key)).
		WithDetail("file", by.file).WithDetail("line", by.line)
}

func rsaKey(key gossh.PublicKey) (*rsa.PublicKey, bool) {
	if cert, ok := key.(*gossh.Certificate); ok {
		key = cert.Key
	}
	if c, ok := key.(gossh.CryptoPublicKey); ok {
		r, ok := c.CryptoPublicKey().(*rsa.PublicKey)
		return r, ok
	}
	return nil, false
}

// cut bounds text of a server before it is quoted.
func cut(s string) string { return s[:min(len(s), 200)] }
