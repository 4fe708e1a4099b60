package sshtest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// codeSecret is what codes are made of.
const codeSecret = "12345678901234567890"

// codeWindow is how many codes may be left out.
const codeWindow = 200

// Codes is the configuration of PAM, by which a server asks in two rounds of keyboard-interactive: for the account's
// password, and for a one-time code (RFC 4226). It is PAM's own, for one server: sshd takes the name that it was started
// by for the name of its service.
type Codes struct {
	service, dir string
	t            testing.TB

	mu   sync.Mutex
	next map[string]uint64
}

// newCodes makes the configuration, which is removed when the test ends.
func newCodes(t testing.TB) *Codes {
	t.Helper()
	if found, _ := filepath.Glob("/lib/*/security/pam_oath.so"); len(found) == 0 {
		t.Fatal("the test needs PAM's module for one-time codes; install libpam-oath, as ./build.sh test does")
	}
	c := &Codes{service: "sshd-ektest" + random(), dir: t.TempDir(), t: t, next: make(map[string]uint64)}
	path := filepath.Join("/etc/pam.d", c.service)
	t.Cleanup(func() { _ = os.Remove(path) })
	// A file for each account: two that are let in at a time would be in each other's way.
	text := fmt.Sprintf("auth required pam_unix.so nodelay\nauth required pam_oath.so usersfile=%s/${USER} window=%d digits=6\n"+
		"account required pam_permit.so\nsession required pam_permit.so\n", c.dir, codeWindow)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// Enroll gives an account one-time codes.
func (c *Codes) Enroll(a Account) {
	c.t.Helper()
	line := fmt.Sprintf("HOTP %s - %s\n", a.Name, hex.EncodeToString([]byte(codeSecret)))
	if err := os.WriteFile(filepath.Join(c.dir, a.Name), []byte(line), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// Next returns the account's next code. It is good once, and those before it are no longer good then.
func (c *Codes) Next(a Account) string {
	var counter [8]byte
	c.mu.Lock()
	binary.BigEndian.PutUint64(counter[:], c.next[a.Name])
	c.next[a.Name]++
	c.mu.Unlock()
	sum := hmac.New(sha1.New, []byte(codeSecret))
	_, _ = sum.Write(counter[:])
	digest := sum.Sum(nil)
	at := digest[len(digest)-1] & 0xf // RFC 4226, section 5.3
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(digest[at:])&0x7fffffff)%1_000_000)
}
