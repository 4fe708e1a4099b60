package ssh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

var trueArgv = transport.OpenOptions{Argv: []string{"true"}}

// try connects and returns the error.
func try(t testing.TB, o transport.Options) error {
	t.Helper()
	tr, err := NewOpener()(testContext(t), "", o)
	if err != nil {
		return err
	}
	defer tr.Close()
	p, err := tr.Open(testContext(t), trueArgv)
	if err != nil {
		return err
	}
	defer p.Close()
	if exit, err := p.Wait(testContext(t)); err != nil || exit.Code != 0 || exit.Missing {
		t.Errorf("true: %+v %v", exit, err)
	}
	return nil
}

// wantCode checks an error's code and that its message holds each text.
func wantCode(t testing.TB, err error, code errdefs.Code, texts ...string) *errdefs.Error {
	t.Helper()
	var e *errdefs.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("%v, not %s", err, code)
	}
	for _, text := range texts {
		if !strings.Contains(e.Message, text) {
			t.Errorf("no %q in %q", text, e.Message)
		}
	}
	return e
}

func writeFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestHostKeyKnown(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{KeyTypes: []string{"ed25519", "ecdsa", "rsa"}})
	name := fmt.Sprintf("[127.0.0.1]:%d", s.Port)
	line := func(keyType string) string { return readFile(t, s.HostKey(keyType)) }
	other := filepath.Join(t.TempDir(), "other")
	sshtest.Keygen(t, other, "ed25519", "")
	stranger := readFile(t, other+".pub")
	hashed := writeFile(t, name+" "+line("ed25519"))
	if out, err := exec.Command("ssh-keygen", "-H", "-f", hashed).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct{ what, file string }{
		{"all types", s.KnownHosts()},
		{"ed25519 alone", s.KnownHosts("ed25519")},
		{"ecdsa alone", s.KnownHosts("ecdsa")},
		{"rsa alone", s.KnownHosts("rsa")},
		{"hashed", hashed},
		{"among others", writeFile(t, "# comment\n\nother.example "+stranger+"broken line\n"+name+",second "+line("rsa"))},
		{"pattern", writeFile(t, "[127.*]:* "+line("ecdsa"))},
		{"without the port", writeFile(t, "127.0.0.1 "+line("ed25519"))},
		{"one of two keys of a type", writeFile(t, name+" "+stranger+name+" "+line("ed25519"))},
		{"a malformed key beside it", writeFile(t, name+" ssh-ed25519 AAAA\n"+name+" "+line("ed25519"))},
		{"no newline at the end", writeFile(t, name+" "+strings.TrimSpace(line("ed25519")))},
	} {
		o := optionsFor(s)
		o.SSH.KnownHosts = []string{c.file}
		if err := try(t, o); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestHostKeyRefused(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	name := fmt.Sprintf("[127.0.0.1]:%d", s.Port)
	own := readFile(t, s.HostKey("ed25519"))
	dir := t.TempDir()
	sshtest.Keygen(t, filepath.Join(dir, "ed"), "ed25519", "")
	sshtest.Keygen(t, filepath.Join(dir, "rsa"), "rsa", "")
	ed, rsa := readFile(t, filepath.Join(dir, "ed.pub")), readFile(t, filepath.Join(dir, "rsa.pub"))
	for _, c := range []struct {
		what, text string
		code       errdefs.Code
		line       int
	}{
		{"empty", "", errdefs.HostKeyUnknown, 0},
		{"another host's", "other " + own, errdefs.HostKeyUnknown, 0},
		{"negated", name + ",!" + name + " " + own, errdefs.HostKeyUnknown, 0},
		{"under another type's name", name + " ssh-rsa " + strings.Fields(own)[1], errdefs.HostKeyUnknown, 0},
		{"with a marker that is none", "@trusted " + name + " " + own, errdefs.HostKeyUnknown, 0},
		{"an authority's key as the host's", "@cert-authority " + name + " " + own, errdefs.HostKeyUnknown, 0},
		{"a comment", "#" + name + " " + own, errdefs.HostKeyUnknown, 0},
		{"another key", "\n" + name + " " + ed, errdefs.HostKeyChanged, 2},
		{"another type's key", name + " " + rsa, errdefs.HostKeyChanged, 1},
		{"another key, the own without port", name + " " + ed + "127.0.0.1 " + own, errdefs.HostKeyChanged, 1},
		{"revoked", name + " " + own + "@revoked * " + own, errdefs.HostKeyChanged, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			o := optionsFor(s)
			o.SSH.KnownHosts = []string{writeFile(t, c.text)}
			e := wantCode(t, try(t, o), c.code, s.Fingerprint("ed25519"))
			if e.Details["fingerprint"] != s.Fingerprint("ed25519") {
				t.Errorf("details: %v", e.Details)
			}
			if c.line > 0 && (e.Details["line"] != c.line || e.Details["file"] != o.SSH.KnownHosts[0]) {
				t.Errorf("details: %v", e.Details)
			}
			if c.what == "another key" && e.Details["known_fingerprint"] == e.Details["fingerprint"] {
				t.Errorf("details: %v", e.Details)
			}
		})
	}
	if log := s.Log(); strings.Contains(log, "Accepted publickey") {
		t.Errorf("we authenticated to a server that was refused:\n%s", log)
	}
}

func TestHostCertificate(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{HostCertificate: "127.0.0.1"})
	ca := readFile(t, s.CA+".pub")
	host := readFile(t, s.HostKey("ed25519"))
	with := func(text string) error {
		o := optionsFor(s)
		o.SSH.KnownHosts = []string{writeFile(t, text)}
		return try(t, o)
	}
	if err := with("@cert-authority *,[127.*]:* " + ca); err != nil {
		t.Error(err)
	}
	wantCode(t, with("@cert-authority other "+ca), errdefs.HostKeyUnknown)
	wantCode(t, with("[127.*]:* "+ca), errdefs.HostKeyChanged) // an authority's key is no host key
	wantCode(t, with("@cert-authority [127.*]:* "+ca+"@revoked * "+ca), errdefs.HostKeyChanged, "revoked")
	wantCode(t, with("@cert-authority [127.*]:* "+ca+"@revoked * "+host), errdefs.HostKeyChanged, "revoked")

	wrong := sshtest.Start(t, sshtest.Options{HostCertificate: "other.example"})
	o := optionsFor(wrong)
	o.SSH.KnownHosts = []string{writeFile(t, "@cert-authority [127.*]:* "+readFile(t, wrong.CA+".pub"))}
	wantCode(t, try(t, o), errdefs.HostKeyChanged, "does not hold")
}

func TestRevokedHostKeysFile(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	with := func(file string) error {
		o := optionsFor(s)
		o.SSH.Config.None, o.SSH.Config.Path = false, writeFile(t, "RevokedHostKeys "+file+"\n")
		return try(t, o)
	}
	wantCode(t, with(s.HostKey("ed25519")), errdefs.HostKeyChanged, "revoked")
	wantCode(t, with("/nowhere/revoked"), errdefs.InvalidArgument, "RevokedHostKeys")
	wantCode(t, with(writeFile(t, "SSHKRL\n\x00")), errdefs.Unsupported, "RevokedHostKeys")
	if err := with(writeFile(t, "# nothing\n"+readFile(t, s.Key+".pub"))); err != nil {
		t.Error(err)
	}
}

func TestAcceptNew(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	old := "other.example ssh-ed25519 AAAA" // without a newline at its end
	file := writeFile(t, old)
	o := optionsFor(s)
	o.SSH.HostKey, o.SSH.KnownHosts = "accept_new", []string{file}
	var wait sync.WaitGroup
	for range 4 { // each with a connection of its own
		wait.Go(func() {
			if err := try(t, o); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	text := readFile(t, file)
	if !strings.HasPrefix(text, old+"\n") || strings.Count(text, "\n") != 2 || !strings.Contains(text, fmt.Sprintf("\n[127.0.0.1]:%d ssh-ed25519 ", s.Port)) {
		t.Errorf("%q", text)
	}
	s.NewHostKeys()
	e := wantCode(t, try(t, o), errdefs.HostKeyChanged, s.Fingerprint("ed25519"))
	if e.Details["line"] != 2 || readFile(t, file) != text {
		t.Errorf("%v; %q", e.Details, readFile(t, file))
	}
	o.SSH.KnownHosts = []string{"/proc/nowhere/known_hosts"}
	wantCode(t, try(t, o), errdefs.HostKeyUnknown, "cannot be written")
}

func TestAcceptNewByConfiguration(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	for value, accepted := range map[string]bool{"accept-new": true, "no": true, "ask": false, "yes": false} {
		known := filepath.Join(t.TempDir(), "new", "known_hosts")
		o := optionsFor(s)
		o.SSH.KnownHosts = nil
		o.SSH.Config.None, o.SSH.Config.Path = false, writeFile(t, "StrictHostKeyChecking "+value+"\nHashKnownHosts yes\nGlobalKnownHostsFile none\nUserKnownHostsFile "+known+"\n")
		err := try(t, o)
		if !accepted {
			wantCode(t, err, errdefs.HostKeyUnknown)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", value, err)
		} else if text := readFile(t, known); !strings.HasPrefix(text, "|1|") {
			t.Errorf("%s: %q", value, text)
		}
		out, err := exec.Command("ssh-keygen", "-F", fmt.Sprintf("[127.0.0.1]:%d", s.Port), "-f", known).CombinedOutput()
		if err != nil {
			t.Errorf("ssh-keygen does not find the key: %v: %s", err, out)
		}
		s.NewHostKeys()
		wantCode(t, try(t, o), errdefs.HostKeyChanged) // with "no", too
	}
}

func TestPin(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{KeyTypes: []string{"rsa", "ecdsa", "ed25519"}})
	o := optionsFor(s)
	o.SSH.KnownHosts = []string{"/nowhere/known_hosts"}
	for _, keyType := range []string{"rsa", "ecdsa", "ed25519"} {
		o.SSH.Fingerprint = s.Fingerprint(keyType)
		if err := try(t, o); err != nil {
			t.Errorf("%s: %v", keyType, err)
		}
	}
	pinned := o.SSH.Fingerprint
	s.NewHostKeys()
	e := wantCode(t, try(t, o), errdefs.HostKeyChanged, pinned)
	if e.Details["known_fingerprint"] != pinned {
		t.Errorf("%v", e.Details)
	}
}

// A server may be another one after a drop. The session must not go on with it.
func TestKeySwappedBetweenConnections(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"strict", "accept_new", "insecure_accept_any", "pin"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := sshtest.Start(t, sshtest.Options{})
			o := optionsFor(s)
			o.SSH.HostKey = mode
			if mode == "pin" {
				o.SSH.Fingerprint = s.Fingerprint("ed25519")
			}
			if mode == "insecure_accept_any" {
				o.SSH.KnownHosts = []string{"/nowhere/known_hosts"}
			}
			tr := connect(t, o)
			if stdout, _, _ := output(t, tr, "", "echo", "one"); stdout != "one\n" {
				t.Fatal(stdout)
			}
			first := s.Fingerprint("ed25519")
			s.Cut()
			p, err := openAgain(t, tr)
			if err != nil {
				t.Fatal(err)
			}
			_ = p.Close()
			s.Cut()
			s.NewHostKeys()
			p, err = openAgain(t, tr)
			if err == nil {
				_ = p.Close()
			}
			wantCode(t, err, errdefs.HostKeyChanged, first, s.Fingerprint("ed25519"))
		})
	}
}

// openAgain opens until the cut was noticed.
func openAgain(t testing.TB, tr transport.Transport) (transport.Process, error) {
	t.Helper()
	for ctx := testContext(t); ; {
		p, err := tr.Open(ctx, transport.OpenOptions{Argv: []string{"echo", "one"}})
		if !errors.Is(err, errdefs.Sentinel(errdefs.ConnectionLost)) {
			return p, err
		}
	}
}

func TestHopsAreChecked(t *testing.T) {
	t.Parallel()
	target, first, second := sshtest.Start(t, sshtest.Options{}), sshtest.Start(t, sshtest.Options{}), sshtest.Start(t, sshtest.Options{})
	known := writeFile(t, readFile(t, target.KnownHosts())+readFile(t, first.KnownHosts())+readFile(t, second.KnownHosts()))
	config := writeFile(t, fmt.Sprintf(`Host target
  HostName 127.0.0.1
  Port %d
  ProxyJump one,two
Host one
  Port %d
  IdentityFile %s
Host two
  Port %d
  IdentityFile %s
Host *
  HostName 127.0.0.1
  User root
`, target.Port, first.Port, first.Key, second.Port, second.Key))
	o := optionsFor(target)
	o.SSH.Host, o.SSH.Port = "target", 0
	o.SSH.Config.None, o.SSH.Config.Path = false, config
	o.SSH.KnownHosts = []string{known}
	if err := try(t, o); err != nil {
		t.Fatal(err)
	}
	if first.Total() != 1 || second.Total() != 1 || target.Total() != 1 {
		t.Errorf("the way was not %d, %d, %d", first.Total(), second.Total(), target.Total())
	}
	second.NewHostKeys()
	e := wantCode(t, try(t, o), errdefs.HostKeyChanged, second.Fingerprint("ed25519"))
	if e.Details["hop"] != fmt.Sprintf("[127.0.0.1]:%d", second.Port) {
		t.Errorf("%v", e.Details)
	}
	if first.Total() != 2 || target.Total() != 1 {
		t.Errorf("it went on behind a hop that was refused: %d, %d", first.Total(), target.Total())
	}
	o.SSH.HostKey, o.SSH.Fingerprint = "pin", target.Fingerprint("ed25519")
	wantCode(t, try(t, o), errdefs.HostKeyChanged) // a pin is for the target, not for hops
}

func TestJumpCycle(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	o := optionsFor(s)
	o.SSH.Host, o.SSH.Config.None, o.SSH.Config.Path = "a", false, writeFile(t, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
	_, err := NewOpener()(context.Background(), "", o)
	wantCode(t, err, errdefs.InvalidArgument, "hosts on the way")
}

func FuzzKnownHosts(f *testing.F) {
	f.Add([]byte("a,b ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ hm\n|1|AA==|AA== ssh-rsa AAAA\n@revoked * x y\n"), "a")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		for _, k := range linesFor(data, "file", strings.ToLower(name)) {
			if k.key == nil || k.line < 1 {
				t.Errorf("%+v", k)
			}
		}
	})
}
