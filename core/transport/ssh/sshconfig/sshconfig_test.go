package sshconfig

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// testUser has a home of its own, so that the tests read nothing of the person who runs them.
func testUser(t *testing.T) Local {
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"KEYS": "/keys", "SSH_AUTH_SOCK": "/agent", "OTHER": "/other-agent"}
	return Local{User: "ann", Home: home, UID: 1234, Host: "here.example.com", Getenv: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}}
}

func TestRefusedByName(t *testing.T) {
	for keyword, line := range map[string]string{
		"canonicalizehostname": "CanonicalizeHostname yes", "checkhostip": "CheckHostIP yes",
		"knownhostscommand": "KnownHostsCommand /usr/bin/keys %h", "permitlocalcommand": "PermitLocalCommand yes",
		"pkcs11provider": "PKCS11Provider /lib/p11.so", "proxyusefdpass": "ProxyUseFdpass yes",
		"remotecommand": "RemoteCommand tmux attach", "sessiontype": "SessionType none", "verifyhostkeydns": "VerifyHostKeyDNS yes",
		"bindinterface": "BindInterface eth1", "rekeylimit": "RekeyLimit 1G 1h", "match exec": "Match exec true",
		"match localnetwork": "Match localnetwork 10.0.0.0/8", "match tagged": "Match tagged work",
	} {
		local := testUser(t)
		write(t, filepath.Join(local.Home, ".ssh", "config"), "Host db\n  "+line+"\nHost web\n  User x\n  "+line+"\n")
		_, err := Resolve("web", Options{Local: local})
		var e *errdefs.Error
		if !errors.As(err, &e) || e.Code != errdefs.Unsupported || e.Details["keyword"] != keyword || !strings.Contains(e.Message, "/.ssh/config line ") {
			t.Errorf("%s: %v", line, err)
		}
		// Match exec runs a program whichever host is asked for; the others concern their host alone.
		if _, err := Resolve("other", Options{Local: local}); err != nil && !strings.HasPrefix(keyword, "match") {
			t.Errorf("%s refuses another host: %v", line, err)
		}
	}
	local := testUser(t)
	write(t, filepath.Join(local.Home, ".ssh", "config"), "NoHostAuthenticationForLocalhost yes\n")
	if _, err := Resolve("web", Options{Local: local}); err != nil {
		t.Errorf("a setting for localhost refuses another host: %v", err)
	}
	if _, err := Resolve("127.0.0.1", Options{Local: local}); !errors.Is(err, errdefs.Sentinel(errdefs.Unsupported)) {
		t.Errorf("the check of localhost is dropped: %v", err)
	}
}

func TestFilesAreExpanded(t *testing.T) {
	local := testUser(t)
	write(t, filepath.Join(local.Home, ".ssh", "more"), "Port 2200\n") // a relative Include begins in ~/.ssh
	write(t, filepath.Join(local.Home, ".ssh", "config"), `Include more
IdentityFile ~/.ssh/%h-%n-%r-%p-%u-%L-%l-%i-%k%%
IdentityFile ${KEYS}/%d/x
CertificateFile ~ann/cert
UserKnownHostsFile ${KEYS}/kh ~/kh
HostName %h.example.com
HostKeyAlias alias
User deploy
`)
	c, err := Resolve("Web", Options{Local: local})
	if err != nil {
		t.Fatal(err)
	}
	want := local.Home + "/.ssh/web.example.com-Web-deploy-2200-ann-here-here.example.com-1234-alias%"
	if c.IdentityFiles[0] != want || c.IdentityFiles[1] != "/keys/"+local.Home+"/x" || c.CertificateFiles[0] != local.Home+"/cert" ||
		strings.Join(c.UserKnownHosts, " ") != "/keys/kh "+local.Home+"/kh" || c.IdentityAgent != "/agent" {
		t.Errorf("%+v", c)
	}
	for line, agent := range map[string]string{"IdentityAgent none": "", "IdentityAgent $OTHER": "/other-agent", "IdentityAgent SSH_AUTH_SOCK": "/agent", "IdentityAgent ${KEYS}/s": "/keys/s"} {
		write(t, filepath.Join(local.Home, ".ssh", "config"), line+"\n")
		if c, err := Resolve("web", Options{Local: local}); err != nil || c.IdentityAgent != agent {
			t.Errorf("%s: %v %v", line, c, err)
		}
	}
	write(t, filepath.Join(local.Home, ".ssh", "config"), "IdentityFile ${NOWHERE}/x\n")
	if _, err := Resolve("web", Options{Local: local}); err == nil || !strings.Contains(err.Error(), "NOWHERE") {
		t.Errorf("a variable that is not set: %v", err)
	}
}

// ssh itself says what it makes of the tokens of a ProxyCommand.
func TestProxyCommandLikeSSH(t *testing.T) {
	dir := t.TempDir()
	file, said := filepath.Join(dir, "config"), filepath.Join(dir, "said")
	write(t, file, "Host web\n HostName Real.example\n User deploy\n Port 2022\n ProxyCommand printf '%%s' '%h %n %p %r %%' | tee "+said+"\n")
	local, err := ThisUser()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Resolve("web", Options{File: file, Local: local})
	if err != nil {
		t.Fatal(err)
	}
	_ = exec.Command("ssh", "-F", file, "web", "true").Run() // it cannot connect
	var theirs []byte
	for end := time.Now().Add(30 * time.Second); len(theirs) == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		theirs, _ = os.ReadFile(said) // ssh does not wait for the command
	}
	if err := exec.Command("sh", "-c", c.ProxyCommand).Run(); err != nil {
		t.Fatal(err)
	}
	if ours, _ := os.ReadFile(said); string(ours) != string(theirs) || len(ours) == 0 {
		t.Errorf("ssh ran it as %q, we as %q", theirs, ours)
	}
}

func TestNamesThatReachAShell(t *testing.T) {
	local := testUser(t)
	write(t, filepath.Join(local.Home, ".ssh", "config"), "ProxyCommand nc %h %n %r\n")
	for _, host := range []string{"-oProxyCommand=x", "a;touch x", "$(touch x)", "a b", "a\nb", "`x`", "a|b", "", "a'b", `a\b`} {
		if c, err := Resolve(host, Options{Local: local}); err == nil {
			t.Errorf("host %q is accepted: %q", host, c.ProxyCommand)
		}
	}
	for _, user := range []string{"-l", "a;b", "a`b`", "a|b", "a\nb", "a\"b"} {
		if c, err := Resolve("web", Options{Local: local, User: user}); err == nil {
			t.Errorf("user %q is accepted: %q", user, c.ProxyCommand)
		}
	}
	if _, err := Resolve("web", Options{Local: local, Jump: "a;b"}); err == nil {
		t.Error("a jump with a semicolon is accepted")
	}
}

func TestFilesOthersCanWrite(t *testing.T) {
	local := testUser(t)
	file := filepath.Join(local.Home, ".ssh", "config")
	write(t, file, "User x\n")
	for mode, refused := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o664: true, 0o646: true} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Resolve("web", Options{Local: local}); (err != nil) != refused {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestMissingFile(t *testing.T) {
	local := testUser(t)
	if c, err := Resolve("web", Options{Local: local}); err != nil || c.User != "ann" || c.Port != 22 {
		t.Errorf("without a configuration: %+v %v", c, err)
	}
	if _, err := Resolve("web", Options{Local: local, File: "~/none"}); err == nil {
		t.Error("a named file that does not exist is passed over")
	}
	if c, err := Resolve("web", Options{Local: local, None: true, User: "u"}); err != nil || c.User != "u" {
		t.Errorf("%+v %v", c, err)
	}
}

func FuzzResolve(f *testing.F) {
	for _, q := range questions {
		f.Add(q.config)
	}
	for _, q := range badConfigs {
		f.Add(q.config)
	}
	f.Add("RekeyLimit \"\"\nRekeyLimit G\n")
	local := Local{User: "u", Home: "/nowhere", Host: "h", Getenv: func(string) (string, bool) { return "", false }}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // it would read files of this machine
		}
		file := filepath.Join(t.TempDir(), "config")
		write(t, file, text)
		c, err := Resolve("web", Options{File: file, Local: local})
		if err == nil && (!ValidHost(c.HostName) || !ValidUser(c.User) || c.Port < 1 || c.Port > 65535) {
			t.Errorf("%+v", c)
		}
		if err != nil && !errors.As(err, new(*errdefs.Error)) {
			t.Errorf("%v", err)
		}
	})
}
