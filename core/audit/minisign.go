package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/blake2b"

	"github.com/execkit/execkit/core/errdefs"
)

// minisign's files are lines of base64 below comments. A secret key is
//
//	"Ed", the way it is encrypted (2), "B2", salt and limits (48), key number (8), private key (64), checksum (32)
//
// a public key "Ed", key number, key; and a signature "ED", key number, signature of the text's BLAKE2b-512. A second
// signature covers the first and a comment, here [Namespace]: it keeps what the key signed otherwise from standing for
// a head.
const (
	minisigSuffix   = ".minisig"
	minisignComment = "untrusted comment: "
	trustedComment  = "trusted comment: "
	minisignSecret  = 158
	minisignPublic  = 42
	keyNumberSize   = 8
)

// A minisignKey makes signatures that minisign -V checks.
type minisignKey struct {
	private ed25519.PrivateKey
	number  []byte
}

func (*minisignKey) suffix() string { return minisigSuffix }

// isMinisign tells a file of minisign's from one of OpenSSH's.
func isMinisign(text []byte) bool { return bytes.HasPrefix(text, []byte(minisignComment)) }

func parseMinisign(text []byte) (*minisignKey, error) {
	lines := strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n")
	if len(lines) < 2 {
		return nil, errors.New("it is not a secret key of minisign")
	}
	b, err := base64.StdEncoding.DecodeString(lines[1])
	switch {
	case err != nil || len(b) != minisignSecret || string(b[:2]) != "Ed":
		return nil, errors.New("it is not a secret key of minisign")
	case b[2] != 0 || b[3] != 0:
		return nil, errors.New("it is protected by a passphrase, which nobody could type")
	}
	number, private := b[54:62], ed25519.PrivateKey(b[62:126])
	if !bytes.Equal(ed25519.NewKeyFromSeed(private.Seed()), private) {
		return nil, errors.New("it is damaged")
	}
	return &minisignKey{private: private, number: number}, nil
}

func (k *minisignKey) sign(text []byte) []byte {
	sum := blake2b.Sum512(text)
	signature := ed25519.Sign(k.private, sum[:])
	whole := ed25519.Sign(k.private, append(bytes.Clone(signature), Namespace...))
	return fmt.Appendf(nil, "%ssignature of the head of an audit log\n%s\n%s%s\n%s\n", minisignComment,
		base64.StdEncoding.EncodeToString(append(append([]byte("ED"), k.number...), signature...)),
		trustedComment, Namespace, base64.StdEncoding.EncodeToString(whole))
}

// A minisignPoint is a public key of minisign's: its number and the key.
type minisignPoint []byte

// minisignPoints finds the public keys in lines of base64.
func minisignPoints(text string) (points []minisignPoint) {
	for line := range strings.Lines(text) {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err == nil && len(b) == minisignPublic && string(b[:2]) == "Ed" {
			points = append(points, minisignPoint(b[2:]))
		}
	}
	return points
}

// verifyMinisign reports whether one of the keys signed the text as a head.
func verifyMinisign(text, signature []byte, points []minisignPoint) error {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(signature), "\r", ""), "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], minisignComment) {
		return errors.New("it is not a signature of minisign")
	}
	inner, err := base64.StdEncoding.DecodeString(lines[1])
	whole, wholeErr := base64.StdEncoding.DecodeString(lines[3])
	comment, ok := strings.CutPrefix(lines[2], trustedComment)
	switch {
	case err != nil || wholeErr != nil || !ok || len(inner) != 2+keyNumberSize+ed25519.SignatureSize || len(whole) != ed25519.SignatureSize:
		return errors.New("it is damaged")
	case string(inner[:2]) != "ED":
		return errors.New("it is made by another method")
	case comment != Namespace:
		return fmt.Errorf("it is made for %s", errdefs.Quote(comment))
	}
	number, made := inner[2:2+keyNumberSize], inner[2+keyNumberSize:]
	sum := blake2b.Sum512(text)
	for _, p := range points {
		if !bytes.Equal(p[:keyNumberSize], number) {
			continue
		}
		key := ed25519.PublicKey(p[keyNumberSize:])
		if ed25519.Verify(key, sum[:], made) && ed25519.Verify(key, append(bytes.Clone(made), comment...), whole) {
			return nil
		}
		return errors.New("it does not fit the head")
	}
	return errors.New("it is by another key")
}
