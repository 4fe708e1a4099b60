package ssh

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/execkit/execkit/core/errdefs"
)

// newLimited fails instead of cutting what is larger than a limit: half a list of keys is not the list.
func newLimited(r io.Reader, limit int64) io.Reader { return &limited{r, limit} }

type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errors.New("the file is too large")
	}
	return n, err
}

// addKnown appends a key to a known_hosts file as one line. Only what is there when the lock is held counts: two
// processes that meet a new host at the same time must agree on its key.
func addKnown(file, name string, key gossh.PublicKey, hashed bool) error {
	err := func() error {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			return err
		}
		data, err := io.ReadAll(newLimited(f, maxKnownHosts))
		if err != nil {
			return err
		}
		for _, k := range linesFor(data, file, name) {
			if k.marker != "@cert-authority" {
				if bytes.Equal(k.key.Marshal(), key.Marshal()) && k.marker == "" {
					return nil
				}
				return changed(name, key, []knownKey{k})
			}
		}
		line := knownLine(name, key, hashed)
		if len(data) > 0 && data[len(data)-1] != '\n' {
			line = "\n" + line
		}
		_, err = f.WriteString(line)
		return err
	}()
	var known *errdefs.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return errdefs.New(errdefs.HostKeyUnknown, "the new host key of %s cannot be written to %s: %v", errdefs.Quote(name), errdefs.Visible(file), reason(err)).
		WithHint("a key that is not kept cannot be recognised again: make the file writable, name another with ssh.known_hosts, or pin the key").
		WithDetail("file", file).WithCause(err)
}

func knownLine(name string, key gossh.PublicKey, hashed bool) string {
	if hashed {
		salt := make([]byte, 20)
		_, _ = rand.Read(salt) // never fails
		name = "|1|" + base64.StdEncoding.EncodeToString(salt) + "|" + base64.StdEncoding.EncodeToString(hashHost(salt, name))
	}
	return name + " " + string(gossh.MarshalAuthorizedKey(key))
}

// exists reports whether a file is there, to say in a message which ones were looked at.
func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, fs.ErrNotExist)
}
