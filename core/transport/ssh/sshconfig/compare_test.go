package sshconfig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A question is a configuration and a host; DIR in the text is a directory with the files of includes.
type question struct {
	name, config string
	args         string // [-l user] [-p port] [-J jump] host
}

var includes = map[string]string{
	"a.conf":       "Host inc\n  User from-a\n  Port 1001\n",
	"b.conf":       "Host inc*\n  User from-b\n  HostName b.example\n",
	"plain.conf":   "User plain\nIdentityFile ~/.ssh/plain\n",
	"nested.conf":  "Include DIR/plain.conf\nPort 77\n",
	"with sp.conf": "Port 4455\n",
}

var questions = []question{
	{"empty", "", "web"},
	{"defaults", "Host *\n", "web"},
	{"a host", "Host web\n  HostName web.example.com\n  User deploy\n  Port 2222\n", "web"},
	{"another host", "Host web\n  User deploy\n", "db"},
	{"first wins", "Host web\n User one\nHost *\n User two\n Port 9\n", "web"},
	{"before any host", "User top\nHost web\n User two\n", "web"},
	{"star", "Host *.example.com\n User star\n", "a.example.com"},
	{"star does not match", "Host *.example.com\n User star\n", "example.com"},
	{"question mark", "Host web?\n User q\n", "web1"},
	{"question mark needs one", "Host web?\n User q\n", "web"},
	{"several patterns", "Host a b web c\n User many\n", "web"},
	{"negated", "Host !web *\n User other\n", "web"},
	{"negated after", "Host * !web\n User other\n", "web"},
	{"negated other", "Host * !db\n User other\n", "web"},
	{"only negated", "Host !db\n User other\n", "web"},
	{"case of patterns", "Host WEB\n User upper\n", "web"},
	{"case of the host", "Host web\n User lower\n", "WEB"},
	{"case of keywords", "hOST web\n uSER mixed\n PORT 23\n", "web"},
	{"equals", "Host=web\nUser=eq\nPort = 24\n", "web"},
	{"equals and blanks", "Host web\n\tUser   =   eq\n", "web"},
	{"tabs", "Host\tweb\n\tUser\ttab\n", "web"},
	{"quotes", "Host \"web\"\n User \"quoted\"\n", "web"},
	{"single quotes", "Host 'web'\n User 'quoted'\n", "web"},
	{"quoted blanks", "IdentityFile \"~/my keys/id\"\n", "web"},
	{"escaped blank", "IdentityFile ~/my\\ keys/id\n", "web"},
	{"joined quotes", "IdentityFile ~/\"a b\"/'c d'\n", "web"},
	{"escaped quote", "IdentityFile \"a\\\"b\"\n", "web"},
	{"other backslash", "IdentityFile a\\nb\n", "web"},
	{"comment line", "# User no\nUser yes1 # behind\n", "web"},
	{"hash within a word", "User a#b\n", "web"},
	{"CRLF", "Host web\r\n User dos\r\n Port 99\r\n", "web"},
	{"no newline at the end", "User last", "web"},
	{"form feed", "User ff\f\n", "web"},
	{"several identity files", "IdentityFile ~/.ssh/a\nIdentityFile ~/.ssh/b\nHost web\n IdentityFile /c\n", "web"},
	{"identity file twice", "IdentityFile ~/.ssh/a\nIdentityFile ~/.ssh/a\n", "web"},
	{"identity with tokens", "IdentityFile ~/.ssh/%h_%r\nIdentityFile %d/k\n", "web"},
	{"identities only", "IdentitiesOnly yes\nIdentityFile none\n", "web"},
	{"certificates", "CertificateFile ~/.ssh/a-cert.pub\nCertificateFile /b-cert.pub\n", "web"},
	{"agent", "IdentityAgent ~/agent.sock\n", "web"},
	{"no agent", "IdentityAgent none\n", "web"},
	{"host name token", "Host web*\n HostName %h.example.com\n", "web3"},
	{"host name percent", "HostName 100%%.example\n", "web"},
	{"host name upper case", "HostName WEB.Example.COM\n", "web"},
	{"include", "Include DIR/a.conf\n", "inc"},
	{"include two", "Include DIR/a.conf DIR/b.conf\n", "inc"},
	{"include pattern", "Include DIR/?.conf\n", "inc"},
	{"include missing", "Include DIR/missing.conf\nUser after\n", "web"},
	{"include nested", "Include DIR/nested.conf\n", "web"},
	{"include quoted", "Include \"DIR/with sp.conf\"\n", "web"},
	{"include in a host", "Host web\n Include DIR/plain.conf\n", "web"},
	{"include in another host", "Host db\n Include DIR/plain.conf\n", "web"},
	{"include in another host with its own", "Host db\n Include DIR/a.conf\n", "inc"},
	{"after an include the block goes on", "Host web\n Include DIR/a.conf\n User still\n", "web"},
	{"match all", "Match all\n User m\n", "web"},
	{"match host", "Match host web,db\n User m\n", "web"},
	{"match host name", "Host web\n HostName web.example\nMatch host *.example\n User m\n", "web"},
	{"match host not the alias", "Host web\n HostName web.example\nMatch host web\n User m\n", "web"},
	{"match original host", "Host web\n HostName web.example\nMatch originalhost web\n User m\n", "web"},
	{"match negated", "Match !host db\n User m\n", "web"},
	{"match negated pattern", "Match host *,!web\n User m\n", "web"},
	{"match user", "Match user root\n Port 5\n", "web"},
	{"match user set before", "Host web\n User deploy\nMatch user deploy\n Port 5\n", "web"},
	{"match user given", "Match user ann\n Port 5\n", "-l ann web"},
	{"match local user", "Match localuser root\n Port 6\nMatch !localuser root\n Port 7\n", "web"},
	{"match two criteria", "Match host web user root\n Port 8\n", "web"},
	{"match two criteria, one fails", "Match host web user ann\n Port 8\n", "web"},
	{"match equals", "Match host=web\n Port 8\n", "web"},
	{"match quoted", "Match host \"web\"\n Port 8\n", "web"},
	{"match comment", "Match host web # user ann\n Port 8\n", "web"},
	{"match case", "Match Host WEB\n Port 8\n", "web"},
	{"match canonical", "Match canonical\n Port 8\n", "web"},
	{"match final", "Match final\n Port 8\n", "web"},
	{"match final host", "Host web\n HostName web.example\nMatch final host web.example\n Port 8\nHost web.example\n User f\n", "web"},
	{"match final and alias", "Match final\n User f\nHost web\n HostName other\n Port 3\nHost other\n Port 4\n IdentityFile /o\n", "web"},
	{"match final all", "Match final all\n Port 8\n", "web"},
	{"match not final", "Match !final\n Port 8\nMatch final\n Port 9\n User z\n", "web"},
	{"proxy jump", "ProxyJump bastion\n", "web"},
	{"proxy jump full", "ProxyJump ann@bastion:2200\n", "web"},
	{"proxy jump several", "ProxyJump a,b@b2,c:33\n", "web"},
	{"proxy jump uri", "ProxyJump ssh://ann@bastion:2200\n", "web"},
	{"proxy jump none", "Host web\n ProxyJump none\nHost *\n ProxyJump bastion\n", "web"},
	{"proxy jump v6", "ProxyJump [::1]:2200\n", "web"},
	{"proxy jump given", "ProxyJump bastion\n", "-J other web"},
	{"proxy command", "ProxyCommand nc -X 5 %h %p # not a comment\n", "web"},
	{"proxy command quoted", "ProxyCommand = sh -c 'nc \"%h\" %p'\n", "web"},
	{"proxy command none", "Host web\n ProxyCommand none\nHost *\n ProxyCommand nc %h %p\n", "web"},
	{"jump before command", "ProxyJump bastion\nProxyCommand nc %h %p\n", "web"},
	{"command before jump", "ProxyCommand nc %h %p\nProxyJump bastion\n", "web"},
	{"host key alias", "HostKeyAlias alias.example\n", "web"},
	{"known hosts", "UserKnownHostsFile ~/.ssh/kh1 /kh2 \"/k h3\"\nGlobalKnownHostsFile /g1\n", "web"},
	{"known hosts none", "UserKnownHostsFile none\n", "web"},
	{"strict yes", "StrictHostKeyChecking yes\n", "web"},
	{"strict accept-new", "StrictHostKeyChecking accept-new\n", "web"},
	{"strict no", "StrictHostKeyChecking no\n", "web"},
	{"strict off", "StrictHostKeyChecking off\n", "web"},
	{"keepalive", "ServerAliveInterval 30\nServerAliveCountMax 5\n", "web"},
	{"times", "ServerAliveInterval 1m30s\nConnectTimeout 2m\n", "web"},
	{"connect timeout none", "ConnectTimeout none\nServerAliveInterval 0\n", "web"},
	{"port given", "Port 99\n", "-p 100 web"},
	{"user given", "User cfg\n", "-l cli web"},
	{"authentication", "PasswordAuthentication no\nPubkeyAuthentication yes\nChallengeResponseAuthentication no\nPreferredAuthentications publickey,password\nNumberOfPasswordPrompts 1\n", "web"},
	{"family", "AddressFamily inet\nBindAddress 127.0.0.1\nConnectionAttempts 4\nTCPKeepAlive no\n", "web"},
	{"revoked", "RevokedHostKeys ~/revoked\nRequiredRSASize 2048\nHashKnownHosts yes\n", "web"},
	{"ignored unknown", "IgnoreUnknown Foo*\nFooBar baz\nUser after\n", "web"},
	{"without effect", "ForwardAgent yes\nLocalForward 8080 localhost:80\nControlMaster auto\nControlPath ~/cm-%r@%h\nSendEnv LANG LC_*\nCompression yes\nUser after\n", "web"},
	{"set env", "SetEnv A=1 B=2\nSetEnv C=3\n", "web"},
	{"address", "Host 10.0.*\n User net\n", "10.0.3.4"},
	{"v6", "Host ::1\n User six\n", "::1"},
}

// badConfigs are refused by ssh and by us.
var badConfigs = []question{
	{"unknown keyword", "Frobnicate yes\n", "web"},
	{"unknown keyword elsewhere", "Host db\n Frobnicate yes\n", "web"},
	{"no argument", "User\n", "web"},
	{"no argument after equals", "User =\n", "web"},
	{"open quote", "User \"ann\n", "web"},
	{"open quote in match", "Match host \"web\n", "web"},
	{"port is a word", "Port ssh2\n", "web"},
	{"port is large", "Port 70000\n", "web"},
	{"port 0", "Port 0\n", "web"},
	{"flag", "IdentitiesOnly maybe\n", "web"},
	{"strictness", "StrictHostKeyChecking sometimes\n", "web"},
	{"time", "ConnectTimeout 5y\n", "web"},
	{"two arguments", "User a b\n", "web"},
	{"match without criteria", "Match\n", "web"},
	{"match unknown", "Match colour red\n Port 3\n", "web"},
	{"match without argument", "Match host\n", "web"},
	{"match all with others", "Match all host web\n", "web"},
	{"jump", "ProxyJump a@\n", "web"},
	{"jump port", "ProxyJump a:0x\n", "web"},
	{"include cycle", "Include DIR/config\n", "web"},
	{"number", "ServerAliveCountMax many\n", "web"},
	{"family", "AddressFamily seven\n", "web"},
	{"host name token", "HostName %z\n", "web"},
}

// compared are the keywords of `ssh -G` that say where a session goes and whom it believes.
var compared = strings.Fields(`user hostname port identityfile identitiesonly certificatefile identityagent proxyjump proxycommand
	hostkeyalias userknownhostsfile globalknownhostsfile stricthostkeychecking serveraliveinterval serveralivecountmax connecttimeout
	passwordauthentication pubkeyauthentication kbdinteractiveauthentication preferredauthentications numberofpasswordprompts
	addressfamily bindaddress connectionattempts tcpkeepalive revokedhostkeys requiredrsasize hashknownhosts setenv`)

func TestSameAnswersAsSSH(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal("the yardstick of this test is missing: ", err)
	}
	if len(questions) < 60 {
		t.Fatal("too few questions")
	}
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			file, o, host := pose(t, q)
			out, err := exec.Command(ssh, append([]string{"-G", "-F", file}, strings.Fields(q.args)...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("ssh -G: %v: %s", err, out)
			}
			c, err := Resolve(host, o)
			if err != nil {
				t.Fatal(err)
			}
			want, got := theirs(string(out)), ours(c)
			for _, name := range compared {
				if !slices.Equal(want[name], got[name]) {
					t.Errorf("%s: ssh has %q, we have %q", name, want[name], got[name])
				}
			}
		})
	}
}

func TestRefusedAsBySSH(t *testing.T) {
	for _, q := range badConfigs {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			file, o, host := pose(t, q)
			if out, err := exec.Command("ssh", append([]string{"-G", "-F", file}, strings.Fields(q.args)...)...).CombinedOutput(); err == nil {
				t.Fatalf("ssh accepts it: %s", out)
			}
			if c, err := Resolve(host, o); err == nil {
				t.Fatalf("accepted: %+v", c)
			} else if !strings.Contains(err.Error(), "config") {
				t.Errorf("the error names no file: %v", err)
			}
		})
	}
}

// pose writes the files of a question and reads its arguments.
func pose(t *testing.T, q question) (file string, o Options, host string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range includes {
		write(t, filepath.Join(dir, name), strings.ReplaceAll(text, "DIR", dir))
	}
	file = filepath.Join(dir, "config")
	write(t, file, strings.ReplaceAll(q.config, "DIR", dir))
	local, err := ThisUser()
	if err != nil {
		t.Fatal(err)
	}
	o = Options{File: file, Local: local}
	args := strings.Fields(q.args)
	for ; len(args) > 1; args = args[2:] {
		switch args[0] {
		case "-l":
			o.User = args[1]
		case "-p":
			o.Port, _ = strconv.Atoi(args[1])
		case "-J":
			o.Jump = args[1]
		}
	}
	return file, o, args[0]
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// theirs reads the output of ssh -G; a flag has the words yes and no.
func theirs(out string) map[string][]string {
	answers := make(map[string][]string)
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		switch {
		case value == "true" && name != "user":
			value = "yes"
		case value == "false" && name != "user":
			value = "no"
		case name == "identityfile" && slices.Contains([]string{"~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519_sk", "~/.ssh/id_xmss", "~/.ssh/id_dsa"}, value):
			continue // keys that cannot be read here
		}
		answers[name] = append(answers[name], value)
	}
	return answers
}

// ours prints a Config as ssh -G does.
func ours(c *Config) map[string][]string {
	a := make(map[string][]string)
	flag := map[bool]string{true: "yes", false: "no"}
	set := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			a[name] = values
		}
	}
	set("user", c.User)
	set("hostname", c.HostName)
	set("port", strconv.Itoa(c.Port))
	if c.DefaultIdentities {
		set("identityfile", "~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")
	} else {
		set("identityfile", c.Raw("identityfile")...)
	}
	set("identitiesonly", flag[c.IdentitiesOnly])
	set("certificatefile", c.Raw("certificatefile")...)
	if c.Raw("identityagent") != nil {
		set("identityagent", or(c.IdentityAgent, "none"))
	}
	var jumps []string
	for _, j := range c.ProxyJump {
		s := j.Host
		if strings.Contains(s, ":") {
			s = "[" + s + "]"
		}
		if j.User != "" {
			s = j.User + "@" + s
		}
		if j.Port != 0 {
			s += fmt.Sprint(":", j.Port)
		}
		jumps = append(jumps, s)
	}
	set("proxyjump", strings.Join(jumps, ","))
	if c.ProxyCommand != "" {
		set("proxycommand", c.Raw("proxycommand")[0])
	}
	set("hostkeyalias", c.HostKeyAlias)
	set("userknownhostsfile", or(strings.Join(c.UserKnownHosts, " "), "none"))
	set("globalknownhostsfile", or(strings.Join(c.GlobalKnownHosts, " "), "none"))
	set("stricthostkeychecking", c.StrictHostKeyChecking)
	set("serveraliveinterval", "0")
	if c.ServerAliveInterval != nil {
		set("serveraliveinterval", strconv.Itoa(int(c.ServerAliveInterval.Seconds())))
	}
	set("serveralivecountmax", strconv.Itoa(c.ServerAliveCountMax))
	set("connecttimeout", "none")
	if c.ConnectTimeout != 0 {
		set("connecttimeout", strconv.Itoa(int(c.ConnectTimeout.Seconds())))
	}
	set("passwordauthentication", flag[c.Password])
	set("pubkeyauthentication", flag[c.Pubkey])
	set("kbdinteractiveauthentication", flag[c.KbdInteractive])
	set("preferredauthentications", strings.Join(c.PreferredAuthentications, ","))
	set("numberofpasswordprompts", strconv.Itoa(c.PasswordPrompts))
	set("addressfamily", c.AddressFamily)
	set("bindaddress", c.BindAddress)
	set("connectionattempts", strconv.Itoa(c.ConnectionAttempts))
	set("tcpkeepalive", flag[c.TCPKeepAlive])
	set("revokedhostkeys", strings.Join(c.Raw("revokedhostkeys"), ""))
	set("requiredrsasize", strconv.Itoa(c.RequiredRSASize))
	set("hashknownhosts", flag[c.HashKnownHosts])
	set("setenv", c.SetEnv...)
	return a
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
