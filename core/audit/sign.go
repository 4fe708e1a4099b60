package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// Namespace keeps a signature over a head from standing for anything else that the same key signs.
const Namespace = "execkit-audit"

const (
	ed25519Type  = "ssh-ed25519"
	sshsigMagic  = "SSHSIG"
	keyMagic     = "openssh-key-v1\x00"
	sshsigHash   = "sha512"
	signatureTag = "SSH SIGNATURE"
)

// A signer makes signatures over heads. They are kept beside the head in a file with a suffix of their kind.
type signer interface {
	sign(text []byte) []byte
	suffix() string
}

// A signingKey makes signatures in the format of ssh-keygen -Y sign (OpenSSH's PROTOCOL.sshsig).
type signingKey struct {
	private ed25519.PrivateKey
	public  []byte // in the wire form of SSH
}

func (*signingKey) suffix() string { return sigSuffix }

// readKey reads an Ed25519 private key as ssh-keygen or minisign write it, without a passphrase.
func readKey(path string) (signer, error) {
	bad := func(format string, args ...any) error {
		return errdefs.New(errdefs.InvalidArgument, "audit: sign_key: "+format, args...).
			WithHint("make one with: ssh-keygen -t ed25519 -N '' -f audit_key, or minisign -G -W -s audit.key").WithDetail("field", "audit")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, bad("%v", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, errdefs.New(errdefs.InvalidArgument, "audit: sign_key: others may read %s", errdefs.Quote(path)).
			WithHint("chmod 600 it").WithDetail("field", "audit")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, bad("%v", err)
	}
	var key signer
	if isMinisign(text) {
		key, err = parseMinisign(text)
	} else {
		key, err = parseKey(text)
	}
	if err != nil {
		return nil, bad("%s: %v", errdefs.Quote(path), err)
	}
	return key, nil
}

func parseKey(text []byte) (*signingKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "OPENSSH PRIVATE KEY" {
		return nil, errors.New("it is not a private key of OpenSSH")
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte(keyMagic))
	if !ok {
		return nil, errors.New("it is not a private key of OpenSSH")
	}
	r := sshReader{rest: rest}
	cipher, _, _ := r.text(), r.text(), r.text()
	if count := r.uint32(); count != 1 || r.bad {
		return nil, errors.New("it does not hold exactly one key")
	}
	if string(cipher) != "none" {
		return nil, errors.New("it is protected by a passphrase, which nobody could type")
	}
	public := bytes.Clone(r.text())
	r = sshReader{rest: r.text()}
	if a, b := r.uint32(), r.uint32(); a != b {
		return nil, errors.New("it is damaged")
	}
	kind, point, private := r.text(), r.text(), r.text()
	switch {
	case string(kind) != ed25519Type:
		return nil, fmt.Errorf("it is of type %s; Ed25519 is needed", errdefs.Quote(string(kind)))
	case r.bad || len(private) != ed25519.PrivateKeySize || !bytes.Equal(point, private[32:]):
		return nil, errors.New("it is damaged")
	}
	return &signingKey{private: bytes.Clone(private), public: public}, nil
}

// sign returns the signature over a text as ssh-keygen -Y verify reads it.
func (k *signingKey) sign(text []byte) []byte {
	signature := ed25519.Sign(k.private, signedData(text))
	blob := []byte(sshsigMagic)
	blob = binary.BigEndian.AppendUint32(blob, 1)
	inner := appendText(appendText(nil, []byte(ed25519Type)), signature)
	for _, part := range [][]byte{k.public, []byte(Namespace), nil, []byte(sshsigHash), inner} {
		blob = appendText(blob, part)
	}
	return pemLines(blob)
}

// pemLines is what pem.Encode makes but with lines of 70 characters, as ssh-keygen writes them.
func pemLines(blob []byte) []byte {
	var b bytes.Buffer
	b.WriteString("-----BEGIN " + signatureTag + "-----\n")
	text := base64.StdEncoding.EncodeToString(blob)
	for len(text) > 70 {
		b.WriteString(text[:70] + "\n")
		text = text[70:]
	}
	b.WriteString(text + "\n-----END " + signatureTag + "-----\n")
	return b.Bytes()
}

func signedData(text []byte) []byte {
	sum := sha512.Sum512(text)
	data := []byte(sshsigMagic)
	for _, part := range [][]byte{[]byte(Namespace), nil, []byte(sshsigHash), sum[:]} {
		data = appendText(data, part)
	}
	return data
}

// verifySignature reports whether one of the keys, in the wire form of SSH, signed the text.
func verifySignature(text, armored []byte, keys [][]byte) error {
	block, _ := pem.Decode(armored)
	if block == nil || block.Type != signatureTag {
		return errors.New("it is not a signature of SSH")
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte(sshsigMagic))
	r := sshReader{rest: rest}
	version, public := r.uint32(), r.text()
	namespace, _, algorithm := r.text(), r.text(), r.text()
	inner := sshReader{rest: r.text()}
	kind, signature := inner.text(), inner.text()
	switch {
	case !ok || r.bad || inner.bad || version != 1 || len(signature) != ed25519.SignatureSize:
		return errors.New("it is damaged")
	case string(namespace) != Namespace:
		return fmt.Errorf("it is made for %s", errdefs.Quote(string(namespace)))
	case string(kind) != ed25519Type || string(algorithm) != sshsigHash:
		return errors.New("it is made by another method")
	}
	for _, key := range keys {
		k := sshReader{rest: key}
		name, point := k.text(), k.text()
		if bytes.Equal(key, public) && !k.bad && string(name) == ed25519Type && len(point) == ed25519.PublicKeySize {
			if ed25519.Verify(ed25519.PublicKey(point), signedData(text), signature) {
				return nil
			}
			return errors.New("it does not fit the head")
		}
	}
	return errors.New("it is by another key")
}

// signers are the public keys of which one must have signed.
type signers struct {
	ssh      [][]byte // in the wire form of SSH
	minisign []minisignPoint
}

// publicKeys reads a public key, or a file of them: a .pub file, authorized_keys or allowed_signers, or a public key of
// minisign's.
func publicKeys(text string) (keys signers, err error) {
	if keys.minisign = minisignPoints(text); len(keys.minisign) > 0 {
		return keys, nil
	}
	if !strings.HasPrefix(text, ed25519Type+" ") {
		file, err := os.ReadFile(text)
		if err != nil {
			return keys, errdefs.New(errdefs.InvalidArgument, "public_key: %v", err).
				WithHint("give the line of a .pub file, or the path of one")
		}
		text = string(file)
	}
	keys.minisign = minisignPoints(text)
	for entry := range strings.Lines(text) {
		words := strings.Fields(entry)
		for i := range words {
			if words[i] != ed25519Type || i+1 == len(words) || strings.HasPrefix(words[0], "#") {
				continue
			}
			if key, err := base64.StdEncoding.DecodeString(words[i+1]); err == nil {
				keys.ssh = append(keys.ssh, key)
			}
		}
	}
	if len(keys.ssh)+len(keys.minisign) == 0 {
		return keys, errdefs.New(errdefs.InvalidArgument, "public_key: there is no %s key and none of minisign", ed25519Type).
			WithHint("give the line of a .pub file, or the path of one")
	}
	return keys, nil
}

// verify reports whether one of the keys signed the text. minisign says of which kind the signature is.
func (k *signers) verify(text, signature []byte, minisign bool) error {
	if minisign {
		return verifyMinisign(text, signature, k.minisign)
	}
	return verifySignature(text, signature, k.ssh)
}

// checkSignature checks the signature of a head file. A crash may have come between the signature of an announced head
// and the head, so it may be either's.
func (h *heads) checkSignature(o *VerifyOptions) (*Damage, error) {
	keys, err := publicKeys(o.PublicKey)
	if err != nil {
		return nil, err
	}
	var first *Damage
	for _, suffix := range keys.suffixes() {
		damage := checkSigned(o.HeadPath, suffix, &keys)
		if damage == nil {
			h.signed = true
			return nil, nil
		}
		if first == nil {
			first = damage
		}
	}
	return first, nil
}

// suffixes are those of the signatures that the keys can have made.
func (k *signers) suffixes() (list []string) {
	if len(k.ssh) > 0 {
		list = append(list, sigSuffix)
	}
	if len(k.minisign) > 0 {
		list = append(list, minisigSuffix)
	}
	return list
}

func checkSigned(head, suffix string, keys *signers) *Damage {
	signature, err := os.ReadFile(head + suffix)
	if err != nil {
		return &Damage{File: head, Kind: BadSignature, Message: fmt.Sprintf("there is no signature: %v", err)}
	}
	why := ""
	for _, name := range []string{head, head + nextSuffix} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if err = keys.verify(text, signature, suffix == minisigSuffix); err == nil {
			return nil
		} else if why == "" {
			why = err.Error()
		}
	}
	return &Damage{File: head + suffix, Kind: BadSignature, Message: "the signature of the head is not good: " + why}
}

// An sshReader reads the strings and numbers of SSH's wire format. After the first one that is cut, bad is set.
type sshReader struct {
	rest []byte
	bad  bool
}

func (r *sshReader) uint32() uint32 {
	if len(r.rest) < 4 {
		r.bad, r.rest = true, nil
		return 0
	}
	n := binary.BigEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return n
}

func (r *sshReader) text() []byte {
	n := r.uint32()
	if uint64(n) > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func appendText(b, text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}
