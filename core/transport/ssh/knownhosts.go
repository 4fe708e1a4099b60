package ssh

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport/ssh/sshconfig"
)

// maxKnownHosts bounds one file of host keys; the largest fleets have some ten megabytes.
const maxKnownHosts = 64 << 20

// A knownKey is one line of a known_hosts file that concerns a host.
type knownKey struct {
	marker string // "", "@cert-authority" or "@revoked"
	key    gossh.PublicKey
	file   string
	line   int
}

// hostPort is how known_hosts names a host: the port only where it is not 22.
func hostPort(host string, port int) string {
	if port == 22 {
		return host
	}
	return "[" + host + "]:" + strconv.Itoa(port)
}

// lookup returns the lines of the files that are for a host. Files that do not exist are empty and lines that cannot be
// read are none, as for ssh: a key that is not found is not believed.
func lookup(files []string, name string) ([]knownKey, error) {
	var found []knownKey
	for _, file := range files {
		data, err := readBounded(file, maxKnownHosts)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "cannot read the known hosts in %s: %v", errdefs.Visible(file), reason(err)).
				WithHint("make it readable, or name others with ssh.known_hosts").WithDetail("file", file).WithCause(err)
		}
		found = append(found, linesFor(data, file, strings.ToLower(name))...)
	}
	return found, nil
}

func linesFor(data []byte, file, name string) (found []knownKey) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxKnownHosts+1)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		k := knownKey{file: file, line: n}
		if len(fields) > 0 && strings.HasPrefix(fields[0], "@") {
			k.marker, fields = fields[0], fields[1:]
		}
		if len(fields) < 3 || strings.HasPrefix(fields[0], "#") || !matchesHost(name, fields[0]) {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(fields[2])
		if err != nil {
			continue
		}
		// The type in front of the key is for people; the key names its own.
		if k.key, err = gossh.ParsePublicKey(blob); err == nil && k.key.Type() == fields[1] &&
			(k.marker == "" || k.marker == "@cert-authority" || k.marker == "@revoked") {
			found = append(found, k)
		}
	}
	return found
}

// matchesHost compares a lower-case name with the first field of a line: patterns, or a hash of one name.
func matchesHost(name, field string) bool {
	salted, hashed := strings.CutPrefix(field, "|1|")
	if !hashed {
		return sshconfig.MatchHost(name, field)
	}
	salt64, sum64, _ := strings.Cut(salted, "|")
	salt, err1 := base64.StdEncoding.DecodeString(salt64)
	sum, err2 := base64.StdEncoding.DecodeString(sum64)
	return err1 == nil && err2 == nil && hmac.Equal(sum, hashHost(salt, name))
}

// hashHost is the hash of OpenSSH's format; SHA-1 there hides names, it protects nothing.
func hashHost(salt []byte, name string) []byte {
	h := hmac.New(sha1.New, salt)
	h.Write([]byte(name))
	return h.Sum(nil)
}

// readRevoked reads a RevokedHostKeys file: public keys, one a line. A file that cannot be read revokes every key, as
// for ssh.
func readRevoked(file string) ([]knownKey, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readBounded(file, maxKnownHosts)
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "cannot read RevokedHostKeys %s: %v", errdefs.Visible(file), reason(err)).
			WithHint("make it readable: until then every host key counts as revoked").WithDetail("file", file)
	}
	if bytes.HasPrefix(data, []byte("SSHKRL")) {
		return nil, errdefs.New(errdefs.Unsupported, "RevokedHostKeys %s is a binary revocation list", errdefs.Visible(file)).
			WithHint("give a text file with one public key a line").WithDetail("file", file)
	}
	var found []knownKey
	for n, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, _, _, _, err := gossh.ParseAuthorizedKey(line)
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "RevokedHostKeys %s line %d is no public key", errdefs.Visible(file), n+1).
				WithHint("until it is corrected every host key counts as revoked").WithDetail("file", file).WithDetail("line", n+1)
		}
		found = append(found, knownKey{"@revoked", key, file, n + 1})
	}
	return found, nil
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(newLimited(f, limit)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// reason is an error without the path, which the message has already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
