package ssh

import (
	"slices"
	"strings"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/ssh/sshconfig"
)

// An algorithmList reads a list of algorithms of a configuration: names and patterns, or behind '+', '-' or '^' what is
// added to, taken from or put before the default. Names that are not implemented are left out; none left is an error.
func algorithmList(keyword, spec string, usual, insecure []string, c *sshconfig.Config) ([]string, error) {
	if spec == "" {
		return usual, nil
	}
	all := slices.Concat(usual, insecure)
	pick := func(list string) (picked []string) {
		for pattern := range strings.SplitSeq(list, ",") {
			for _, name := range all {
				if sshconfig.MatchPattern(name, pattern) && !slices.Contains(picked, name) {
					picked = append(picked, name)
				}
			}
		}
		return picked
	}
	var result []string
	switch spec[0] {
	case '+':
		result = union(usual, pick(spec[1:]))
	case '-':
		away := pick(spec[1:])
		result = slices.DeleteFunc(slices.Clone(usual), func(name string) bool { return slices.Contains(away, name) })
	case '^':
		result = union(pick(spec[1:]), usual)
	default:
		result = pick(spec)
	}
	if len(result) == 0 {
		return nil, errdefs.New(errdefs.Unsupported, "%s: %s leaves no algorithm that is implemented (%s)", c.Where(strings.ToLower(keyword)), keyword, strings.Join(all, ", ")).
			WithHint("add one of them for this host").WithDetail("keyword", strings.ToLower(keyword))
	}
	return result, nil
}

// hostKeyOrder is OpenSSH's preference, which decides which key of a new host is remembered.
var hostKeyOrder = []string{
	gossh.CertAlgoED25519v01, gossh.CertAlgoECDSA256v01, gossh.CertAlgoECDSA384v01, gossh.CertAlgoECDSA521v01,
	gossh.CertAlgoRSASHA512v01, gossh.CertAlgoRSASHA256v01,
	gossh.KeyAlgoED25519, gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521, gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256,
}

func union(a, b []string) []string {
	result := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(result, name) {
			result = append(result, name)
		}
	}
	return result
}

// plainAlgorithms are those of keys without certificates, of a list.
func plainAlgorithms(list []string, cert bool) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return strings.Contains(name, "-cert-v0") != cert })
}

// keyAlgorithms are the signature algorithms of a key's type.
func keyAlgorithms(keyType string) []string {
	if keyType == gossh.KeyAlgoRSA {
		return []string{gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256, gossh.KeyAlgoRSA}
	}
	return []string{keyType}
}

// order puts those algorithms first for which a key is known: else a server with several keys would present one that
// is not, and look like an impostor. Algorithms of certificates are offered only where an authority is known.
func (v *verifier) order(list []string) []string {
	var first []string
	authority := false
	for _, k := range slices.Concat(v.known, v.plain) {
		switch k.marker {
		case "":
			for _, name := range keyAlgorithms(k.key.Type()) {
				if slices.Contains(list, name) && !slices.Contains(first, name) {
					first = append(first, name)
				}
			}
		case "@cert-authority":
			authority = true
		}
	}
	ordered := union(first, plainAlgorithms(list, false))
	if authority {
		ordered = union(plainAlgorithms(list, true), ordered)
	}
	return ordered
}
