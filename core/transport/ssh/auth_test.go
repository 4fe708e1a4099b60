package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/agent"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
	"github.com/execkit/execkit/core/wire"
)

const secret = "s3cr3t-of-the-test"

// noSecret checks that what a caller sees of an error holds none.
func noSecret(t *testing.T, err error) {
	t.Helper()
	var e *errdefs.Error
	if errors.As(err, &e) && strings.Contains(fmt.Sprintf("%v %+v %#v", e, *e, e.Details), secret) {
		t.Errorf("a secret is in %v %v", e, e.Details)
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	dir := t.TempDir()
	for _, c := range []struct{ name, keyType, passphrase, format string }{
		{"ed25519", "ed25519", "", ""}, {"ed25519 locked", "ed25519", secret, ""},
		{"ecdsa PEM", "ecdsa", "", "PEM"}, {"rsa PEM locked", "rsa", secret, "PEM"}, {"rsa", "rsa", "", ""}, {"rsa PKCS8 locked", "rsa", secret, ""},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "_"))
		var more []string
		if c.format != "" {
			more = []string{"-m", c.format}
		}
		sshtest.Keygen(t, path, c.keyType, c.passphrase, more...)
		s.Authorize(path)
		o := optionsFor(s)
		o.SSH.KeyPath, o.SSH.KeyPassphrase = path, c.passphrase
		if err := try(t, o); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.passphrase == "" {
			continue
		}
		o.SSH.KeyPassphrase = "wrong-" + secret
		err := try(t, o)
		wantCode(t, err, errdefs.Unauthenticated, "passphrase is wrong", path)
		noSecret(t, err)
		o.SSH.KeyPassphrase = ""
		wantCode(t, try(t, o), errdefs.Unauthenticated, "locked", path)
		asked := 0
		o.Ask = func(_ context.Context, q transport.Question) (string, error) {
			if asked++; q.Kind != "passphrase" || !strings.Contains(q.Text, path) {
				t.Errorf("%+v", q)
			}
			if asked == 1 {
				return "mistyped", nil
			}
			return secret, nil
		}
		if err := try(t, o); err != nil || asked != 2 {
			t.Errorf("%s: asked %d times: %v", c.name, asked, err)
		}
	}
	o := optionsFor(s)
	for path, text := range map[string]string{"/nowhere/key": "no such file", s.Key + ".pub": "no private key", dir: "directory", writeFile(t, "x"): "no private key"} {
		o.SSH.KeyPath = path
		wantCode(t, try(t, o), errdefs.InvalidArgument, text)
	}
}

func TestRefusedKeyIsNamed(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	key := filepath.Join(t.TempDir(), "unknown")
	sshtest.Keygen(t, key, "ed25519", "")
	o := optionsFor(s)
	o.SSH.KeyPath = key
	e := wantCode(t, try(t, o), errdefs.Unauthenticated, "root@[127.0.0.1]", "publickey ("+key+" SHA256:")
	if fmt.Sprint(e.Details["methods_offered"]) != "[publickey]" {
		t.Errorf("%v", e.Details)
	}
	o.SSH.KeyPath = ""
	wantCode(t, try(t, o), errdefs.Unauthenticated)
	o.SSH.User = "no-such-user"
	o.SSH.KeyPath = s.Key
	wantCode(t, try(t, o), errdefs.Unauthenticated, "no-such-user@")
}

// newAgent serves keys over a socket, as ssh-agent does.
func newAgent(t *testing.T, keyFiles ...string) (socket string) {
	t.Helper()
	ring := agent.NewKeyring()
	for _, file := range keyFiles {
		key, err := gossh.ParseRawPrivateKey([]byte(readFile(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		if err := ring.Add(agent.AddedKey{PrivateKey: key, Comment: filepath.Base(file)}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "ek") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c); _ = c.Close() }()
		}
	}()
	return socket
}

func TestAgent(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{Config: "MaxAuthTries 6"})
	dir := t.TempDir()
	var keys []string
	for i := range 9 {
		path := filepath.Join(dir, fmt.Sprint("key", i))
		sshtest.Keygen(t, path, "ed25519", "")
		keys = append(keys, path)
	}
	yes := true
	o := optionsFor(s)
	o.SSH.Agent, o.SSH.KeyPath = &yes, ""
	o.Environ = []string{"SSH_AUTH_SOCK=" + newAgent(t, append(keys[:2:2], s.Key)...)}
	if err := try(t, o); err != nil {
		t.Errorf("a key in the agent: %v", err)
	}

	crowded := append(keys[:9:9], s.Key)
	o.Environ = []string{"SSH_AUTH_SOCK=" + newAgent(t, crowded...)}
	e := wantCode(t, try(t, o), errdefs.Unauthenticated, "agent: key0", "Too many authentication failures")
	if !strings.Contains(e.Hint, "IdentitiesOnly") {
		t.Errorf("%q", e.Hint)
	}
	o.SSH.KeyPath = s.Key
	if err := try(t, o); err != nil {
		t.Errorf("an explicit key does not go first: %v", err)
	}
	o.SSH.KeyPath = ""
	for what, config := range map[string]string{
		"a file, private": "IdentityFile " + s.Key,
		"a file, public":  "IdentityFile " + publicAlone(t, s.Key),
		"identities only": "IdentitiesOnly yes\nIdentityFile " + publicAlone(t, s.Key),
	} {
		o.SSH.Config.None, o.SSH.Config.Path = false, writeFile(t, config+"\n")
		if err := try(t, o); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	o.SSH.Config.Path = writeFile(t, "IdentitiesOnly yes\nIdentityFile "+keys[0]+"\n")
	if e := wantCode(t, try(t, o), errdefs.Unauthenticated, keys[0]); strings.Contains(e.Message, "agent: ") {
		t.Errorf("IdentitiesOnly showed others: %v", e)
	}
	o.SSH.Config.Path = writeFile(t, "IdentityAgent none\n")
	if e := wantCode(t, try(t, o), errdefs.Unauthenticated); strings.Contains(e.Message, "agent") {
		t.Errorf("%v", e)
	}
	o.SSH.Config.None, o.SSH.Config.Path = true, ""
	o.Environ = []string{"SSH_AUTH_SOCK=/nowhere/agent"}
	wantCode(t, try(t, o), errdefs.Unauthenticated, "/nowhere/agent")
}

// publicAlone is a public key without its private one beside it.
func publicAlone(t *testing.T, key string) string {
	path := filepath.Join(t.TempDir(), "alone")
	if err := os.WriteFile(path+".pub", []byte(readFile(t, key+".pub")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUserCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, key := filepath.Join(dir, "ca"), filepath.Join(dir, "key")
	sshtest.Keygen(t, ca, "ed25519", "")
	sshtest.Keygen(t, key, "rsa", "")
	if out, err := exec.Command("ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", "root", key+".pub").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := sshtest.Start(t, sshtest.Options{Config: "TrustedUserCAKeys " + ca + ".pub"})
	o := optionsFor(s)
	o.SSH.KeyPath, o.SSH.CertificatePath = key, key+"-cert.pub"
	if err := try(t, o); err != nil {
		t.Errorf("certificate_path: %v", err)
	}
	o.SSH.CertificatePath = s.Key + ".pub"
	wantCode(t, try(t, o), errdefs.InvalidArgument, "no certificate of the key")
	o.SSH.KeyPath, o.SSH.CertificatePath = "", ""
	o.SSH.Config.None, o.SSH.Config.Path = false, writeFile(t, "IdentityFile "+key+"\n")
	if err := try(t, o); err != nil {
		t.Errorf("the certificate beside a key: %v", err)
	}
	elsewhere := filepath.Join(t.TempDir(), "cert")
	if err := os.Rename(key+"-cert.pub", elsewhere); err != nil {
		t.Fatal(err)
	}
	wantCode(t, try(t, o), errdefs.Unauthenticated)
	o.SSH.Config.Path = writeFile(t, "IdentityFile "+key+"\nCertificateFile "+elsewhere+"\n")
	if err := try(t, o); err != nil {
		t.Errorf("CertificateFile: %v", err)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	account := sshtest.NewAccount(t, "bash")
	for name, config := range map[string]string{
		"password":                           "PasswordAuthentication yes",
		"keyboard-interactive":               "UsePAM yes\nKbdInteractiveAuthentication yes",
		"publickey and keyboard-interactive": "UsePAM yes\nKbdInteractiveAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive",
		"publickey and password":             "PasswordAuthentication yes\nAuthenticationMethods publickey,password",
	} {
		t.Run(name, func(t *testing.T) {
			s := sshtest.Start(t, sshtest.Options{Config: config})
			o := optionsFor(s)
			o.SSH.User, o.SSH.Password = account.Name, account.Password
			if !strings.HasPrefix(name, "publickey") {
				o.SSH.KeyPath = ""
			}
			if err := try(t, o); err != nil {
				t.Errorf("the password as an option: %v", err)
			}
			o.SSH.Password = secret
			err := try(t, o)
			method := name[strings.LastIndex(name, " ")+1:]
			wantCode(t, err, errdefs.Unauthenticated, method)
			noSecret(t, err)
			o.SSH.Password = ""
			var mu sync.Mutex
			asked := 0
			o.Ask = func(_ context.Context, q transport.Question) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if asked++; asked == 1 {
					return "mistyped", nil
				}
				return account.Password, nil
			}
			if err := try(t, o); err != nil || asked != 2 {
				t.Errorf("asked %d times: %v", asked, err)
			}
			o.Ask = nil
			wantCode(t, try(t, o), errdefs.Unauthenticated)
		})
	}
}

// A person may take longer than any deadline of the connection.
func TestDeadlineWaitsForAPerson(t *testing.T) {
	t.Parallel()
	account := sshtest.NewAccount(t, "bash")
	s := sshtest.Start(t, sshtest.Options{Config: "PasswordAuthentication yes"})
	o := optionsFor(s)
	o.SSH.User, o.SSH.KeyPath, o.SSH.ConnectTimeoutMS = account.Name, "", 10_000
	o.Ask = func(context.Context, transport.Question) (string, error) {
		time.Sleep(11 * time.Second)
		return account.Password, nil
	}
	if err := try(t, o); err != nil {
		t.Error(err)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string]string{
		"web": "@web:0", "ann@web": "ann@web:0", "ann@web:22": "ann@web:22", "web:2222": "@web:2222", "[::1]:22": "@::1:22", "a%40b@web/": "a@b@web:0",
	} {
		var o wire.SSHOptions
		if err := readTarget(rest, &o); err != nil || fmt.Sprintf("%s@%s:%d", o.User, o.Host, o.Port) != want {
			t.Errorf("%s: %v %s@%s:%d", rest, err, o.User, o.Host, o.Port)
		}
	}
	for _, rest := range []string{"", "@web", "web:0", "web:99999", "web:x", "a@[::1", "web/path", "web?x", "[::1]x", "-oProxyCommand=x", "a b", "ann:" + secret + "@web", "we\nb"} {
		_, err := NewOpener()(context.Background(), rest, transport.Options{Environ: []string{}})
		wantCode(t, err, errdefs.InvalidArgument)
		noSecret(t, err)
	}
	bad := map[string]func(*transport.Options){
		"port":         func(o *transport.Options) { o.SSH.Port = -1 },
		"host_key":     func(o *transport.Options) { o.SSH.HostKey = "none" },
		"fingerprint":  func(o *transport.Options) { o.SSH.Fingerprint = "MD5:00" },
		"host_key pin": func(o *transport.Options) { o.SSH.HostKey = "pin" },
		"strict and pin": func(o *transport.Options) {
			o.SSH.HostKey, o.SSH.Fingerprint = "strict", "SHA256:"+strings.Repeat("A", 43)
		},
		"key_passphrase":     func(o *transport.Options) { o.SSH.KeyPassphrase = secret },
		"certificate_path":   func(o *transport.Options) { o.SSH.CertificatePath = "x" },
		"connect_timeout_ms": func(o *transport.Options) { o.SSH.ConnectTimeoutMS = -1 },
		"keepalive_ms":       func(o *transport.Options) { o.SSH.KeepaliveMS = 1 << 40 },
		"jump":               func(o *transport.Options) { o.SSH.Jump = "a b" },
		"user":               func(o *transport.Options) { o.SSH.User = "-x" },
		"other host":         func(o *transport.Options) { o.SSH.Host = "other" },
	}
	for what, set := range bad {
		o := transport.Options{Environ: []string{}}
		set(&o)
		_, err := NewOpener()(context.Background(), "web", o)
		var e *errdefs.Error
		if !errors.As(err, &e) || e.Code != errdefs.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
		noSecret(t, err)
	}
}
