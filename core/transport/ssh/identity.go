package ssh

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// maxKeyFile bounds a key file; the largest RSA keys need some ten kilobytes.
const maxKeyFile = 1 << 20

// An identity is a key that can be shown to a server. Its private part is read when a server wants it: a locked key
// asks for its passphrase only if the server would take it. An identity is used by one handshake at a time.
type identity struct {
	name   string // for messages: a file, or the agent's comment
	pub    gossh.PublicKey
	algos  []string
	unlock func(context.Context, transport.Asker) (gossh.AlgorithmSigner, error)
	by     *authenticator // whose handshake it is in
}

var _ gossh.MultiAlgorithmSigner = (*identity)(nil)

// PublicKey implements [gossh.Signer]; the library calls it for a key that it is about to show.
func (id *identity) PublicKey() gossh.PublicKey {
	id.by.showing(id)
	return id.pub
}

// Algorithms implements [gossh.MultiAlgorithmSigner].
func (id *identity) Algorithms() []string { return id.algos }

// Sign implements [gossh.Signer].
func (id *identity) Sign(rand io.Reader, data []byte) (*gossh.Signature, error) {
	return id.SignWithAlgorithm(rand, data, id.algos[0])
}

// SignWithAlgorithm implements [gossh.AlgorithmSigner].
func (id *identity) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*gossh.Signature, error) {
	signer, err := id.unlock(id.by.ctx, id.by.asks.asker())
	if err != nil {
		id.by.unusable(id, err)
		return nil, err
	}
	signature, err := signer.SignWithAlgorithm(rand, data, algorithm)
	if err != nil {
		id.by.unusable(id, err)
	}
	return signature, err
}

// withCertificate is the same key under a certificate.
func (id *identity) withCertificate(cert *gossh.Certificate, name string) *identity {
	return &identity{name: name, pub: cert, unlock: id.unlock}
}

// A keyFile is a private key on disk, as far as it can be read without its passphrase.
type keyFile struct {
	path   string
	data   []byte
	pub    gossh.PublicKey // nil if only the passphrase reveals it
	signer gossh.AlgorithmSigner
}

// readKey reads a private key. A locked one has no signer.
func readKey(path string) (*keyFile, error) {
	data, err := readBounded(path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	k := &keyFile{path: path, data: data}
	key, err := gossh.ParsePrivateKey(data)
	var locked *gossh.PassphraseMissingError
	switch {
	case err == nil:
		k.signer, _ = key.(gossh.AlgorithmSigner)
		k.pub = key.PublicKey()
	case errors.As(err, &locked):
		k.pub = locked.PublicKey
		if k.pub == nil {
			k.pub = readPublic(path + ".pub")
		}
	default:
		return nil, errors.New("it is no private key in the OpenSSH or PEM format")
	}
	if k.pub != nil && k.signer == nil && err == nil {
		return nil, errors.New("its type cannot sign")
	}
	return k, nil
}

func readPublic(path string) gossh.PublicKey {
	data, err := readBounded(path, maxKeyFile)
	if err != nil {
		return nil
	}
	key, _, _, _, err := gossh.ParseAuthorizedKey(data)
	if err != nil {
		return nil
	}
	return key
}

// errWrongPassphrase is said of a key, never with the passphrase.
var errWrongPassphrase = errors.New("the passphrase is wrong")

// errLocked is said where nobody can be asked.
var errLocked = errors.New("it is locked with a passphrase")

func (k *keyFile) open(passphrase string) error {
	key, err := gossh.ParsePrivateKeyWithPassphrase(k.data, []byte(passphrase))
	if err != nil {
		return errWrongPassphrase
	}
	signer, ok := key.(gossh.AlgorithmSigner)
	if !ok {
		return errors.New("its type cannot sign")
	}
	k.signer, k.pub = signer, key.PublicKey()
	return nil
}

// askTries is how often a passphrase may be mistyped, as for ssh.
const askTries = 3

// identity makes a key of a file usable. A locked key asks when a server wants it, and again for the next connection if
// the answer was wrong.
func (k *keyFile) identity() *identity {
	var mu sync.Mutex
	return &identity{name: k.path, pub: k.pub, unlock: func(ctx context.Context, ask transport.Asker) (gossh.AlgorithmSigner, error) {
		mu.Lock()
		defer mu.Unlock()
		if k.signer == nil {
			if err := k.askFor(ctx, ask); err != nil {
				return nil, err
			}
		}
		return k.signer, nil
	}}
}

func (k *keyFile) askFor(ctx context.Context, ask transport.Asker) error {
	if ask == nil {
		return errLocked
	}
	for range askTries {
		answer, err := ask(ctx, transport.Question{Kind: "passphrase", Target: k.path, Text: "Passphrase of the key " + errdefs.Visible(k.path)})
		if err != nil {
			return errLocked
		}
		if k.open(answer) == nil {
			return nil
		}
	}
	return errWrongPassphrase
}

// optionKey reads the key that the caller named. It is checked before anything connects.
func (c *credentials) optionKey(ctx context.Context, path, passphrase, certificate string) (*identity, error) {
	fail := func(code errdefs.Code, err error, hint string) error {
		return errdefs.New(code, "the key %s cannot be used: %v", errdefs.Visible(path), reason(err)).WithHint("%s", hint).
			WithDetail("field", "ssh.key_path").WithDetail("file", path)
	}
	key, err := readKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fail(errdefs.InvalidArgument, err, "give the path of a private key that this process can read")
	case err != nil:
		return nil, fail(errdefs.InvalidArgument, err, "ssh-keygen -p -f FILE converts a key; the file with .pub is not it")
	}
	if key.signer == nil && passphrase != "" {
		if err := key.open(passphrase); err != nil {
			return nil, fail(errdefs.Unauthenticated, err, "give the right one as ssh.key_passphrase")
		}
	}
	if key.signer == nil && c.ask == nil && c.agent == "" {
		return nil, fail(errdefs.Unauthenticated, errLocked, "give it as ssh.key_passphrase, or load the key into an agent")
	}
	if key.pub == nil { // a locked PEM file without .pub
		if err := key.askFor(ctx, c.ask); err != nil {
			return nil, fail(errdefs.Unauthenticated, err, "give it as ssh.key_passphrase")
		}
	}
	id := key.identity()
	if certificate == "" {
		return id, nil
	}
	cert, ok := readPublic(certificate).(*gossh.Certificate)
	if !ok || !bytes.Equal(cert.Key.Marshal(), key.pub.Marshal()) {
		return nil, errdefs.New(errdefs.InvalidArgument, "%s is no certificate of the key %s", errdefs.Visible(certificate), errdefs.Visible(path)).
			WithHint("give the -cert.pub file that belongs to the key").WithDetail("field", "ssh.certificate_path")
	}
	return id.withCertificate(cert, certificate), nil
}

// certificatesFor finds the certificates of a key: its own -cert.pub and those of the configuration.
func (c *credentials) certificatesFor(id *identity, path string) (list []*identity) {
	for _, file := range slices.Concat([]string{path + "-cert.pub"}, c.certificates) {
		if cert, ok := readPublic(file).(*gossh.Certificate); ok && bytes.Equal(cert.Key.Marshal(), id.pub.Marshal()) {
			list = append(list, id.withCertificate(cert, file))
		}
	}
	return list
}
