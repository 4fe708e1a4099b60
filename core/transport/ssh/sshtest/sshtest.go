// Package sshtest starts real SSH servers for tests: OpenSSH's sshd and Dropbear, one process a connection, behind a
// listener whose port the kernel chooses. The listener can cut, delay and throttle what passes through it. It needs
// root, since a server changes to the account that logs in.
package sshtest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options say how a server runs.
type Options struct {
	// Config is added to sshd_config, before the defaults of this package, so that it wins.
	Config string
	// KeyTypes are the types of its host keys: ed25519 if empty.
	KeyTypes []string
	// Dropbear runs Dropbear instead of OpenSSH.
	Dropbear bool
	// HostCertificate makes an authority and a certificate for the first host key, for these names.
	HostCertificate string
	// Codes has OpenSSH ask for a password and a one-time code, in two rounds; see [Codes]. A key still gets in without.
	Codes bool
	// Direct gives a server the client's own socket, for measurements: the listener can then neither cut nor shape what
	// passes, and Connections does not count it.
	Direct bool
}

// A Server is a running SSH server with a client's key that it takes for every account.
type Server struct {
	Dir  string
	Port int
	// Key is the client's private key file, CA the host authority's public key if there is one.
	Key string
	CA  string
	// Codes has the one-time codes, where the server asks for them.
	Codes *Codes

	t        testing.TB
	o        Options
	listener net.Listener
	sshd     string

	mu       sync.Mutex
	hostKeys []string
	conns    map[*Conn]bool
	refuse   bool
	shape    func(*Conn)
	total    int
	direct   []*os.Process
	wait     sync.WaitGroup
}

func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an SSH server, and -short is given")
	}
}

// Start runs a server until the test ends. With -short the test is skipped: ./build.sh test quick is for machines without
// servers.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	skipShort(t)
	if os.Geteuid() != 0 {
		t.Fatal("the SSH servers of the tests need root; run the tests as root, as CI does")
	}
	s := &Server{Dir: t.TempDir(), t: t, o: o, conns: make(map[*Conn]bool)}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	// Other accounts read the authorized keys.
	for dir := s.Dir; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.Key = filepath.Join(s.Dir, "client")
	Keygen(t, s.Key, "ed25519", "")
	if len(s.o.KeyTypes) == 0 {
		s.o.KeyTypes = []string{"ed25519"}
	}
	s.NewHostKeys()
	if o.Codes {
		s.Codes = newCodes(t)
		s.o.Config = "UsePAM yes\nKbdInteractiveAuthentication yes\n" + s.o.Config
	}
	s.writeConfig()
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.Port = s.listener.Addr().(*net.TCPAddr).Port
	s.wait.Add(1)
	go s.accept()
	t.Cleanup(s.stop)
	return s
}

// Keygen makes a key pair; path+".pub" is its public part.
func Keygen(t testing.TB, path, keyType, passphrase string, more ...string) {
	t.Helper()
	if keyType == "rsa" {
		more = append(more, "-b", "2048")
	}
	run(t, "", "ssh-keygen", append([]string{"-q", "-t", keyType, "-N", passphrase, "-C", filepath.Base(path), "-f", path}, more...)...)
}

func run(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// NewHostKeys gives the server new keys; connections that live keep theirs.
func (s *Server) NewHostKeys() {
	s.t.Helper()
	var keys []string
	for _, keyType := range s.o.KeyTypes {
		path := filepath.Join(s.Dir, "host_"+keyType+"_"+random())
		if s.o.Dropbear {
			run(s.t, "", "dropbearkey", "-t", keyType, "-f", path)
			line := ""
			for out := range strings.Lines(run(s.t, "", "dropbearkey", "-y", "-f", path)) {
				if strings.HasPrefix(out, "ssh-") || strings.HasPrefix(out, "ecdsa-") {
					line = out
				}
			}
			s.write(path+".pub", line)
		} else {
			Keygen(s.t, path, keyType, "")
		}
		keys = append(keys, path)
	}
	if s.o.HostCertificate != "" {
		s.CA = filepath.Join(s.Dir, "host_ca")
		if _, err := os.Stat(s.CA); err != nil {
			Keygen(s.t, s.CA, "ed25519", "")
		}
		run(s.t, "", "ssh-keygen", "-q", "-s", s.CA, "-I", "host", "-h", "-n", s.o.HostCertificate, keys[0]+".pub")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostKeys = keys
}

func random() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func (s *Server) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) writeConfig() {
	s.Authorize(s.Key)
	config := s.o.Config + `
AuthorizedKeysFile ` + s.Dir + `/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PidFile none
PrintMotd no
LogLevel VERBOSE
Subsystem sftp internal-sftp
`
	s.write(filepath.Join(s.Dir, "sshd_config"), config)
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	if s.sshd = path; s.Codes != nil {
		s.sshd = filepath.Join(s.Dir, s.Codes.service)
		if err := os.Symlink(path, s.sshd); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Authorize lets a key in, besides those before.
func (s *Server) Authorize(key string) {
	s.t.Helper()
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		s.t.Fatal(err)
	}
	s.AuthorizeLine(string(pub))
}

// AuthorizeLine adds a line of authorized_keys.
func (s *Server) AuthorizeLine(line string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.Dir, "authorized_keys"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.TrimRight(line, "\n") + "\n"); err != nil {
		s.t.Fatal(err)
	}
}

// HostKey is the public key file of the host key of a type.
func (s *Server) HostKey(keyType string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.o.KeyTypes {
		if t == keyType {
			return s.hostKeys[i] + ".pub"
		}
	}
	return ""
}

// Fingerprint of a host key as ssh-keygen prints it.
func (s *Server) Fingerprint(keyType string) string {
	s.t.Helper()
	return strings.Fields(run(s.t, "", "ssh-keygen", "-l", "-f", s.HostKey(keyType)))[1]
}

// KnownHosts writes a known_hosts file with the host keys of the moment, of the types given or of all, and returns its
// path.
func (s *Server) KnownHosts(types ...string) string {
	s.t.Helper()
	if len(types) == 0 {
		types = s.o.KeyTypes
	}
	var b strings.Builder
	for _, keyType := range types {
		pub, err := os.ReadFile(s.HostKey(keyType))
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&b, "[127.0.0.1]:%d %s", s.Port, pub)
	}
	path := filepath.Join(s.Dir, "known_hosts_"+random())
	s.write(path, b.String())
	return path
}

// Log is what the servers logged.
func (s *Server) Log() string {
	data, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
	return string(data)
}

// Connections is how many there are now, Total how many there were.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Total counts the connections since the server was started.
func (s *Server) Total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

func (s *Server) accept() {
	defer s.wait.Done()
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		refuse, shape := s.refuse, s.shape
		s.mu.Unlock()
		if refuse {
			_ = client.Close()
			continue
		}
		s.serve(client.(*net.TCPConn), shape)
	}
}

// serve starts a server process for a connection.
func (s *Server) serve(client *net.TCPConn, shape func(*Conn)) {
	inner, server := client, client
	if !s.o.Direct {
		var err error
		if inner, server, err = tcpPair(); err != nil {
			s.t.Error(err)
			return
		}
	}
	file, err := server.File()
	_ = server.Close()
	if err != nil {
		s.t.Error(err)
		return
	}
	var args []string
	if s.o.Dropbear {
		args = []string{"dropbear", "-i", "-s"}
	} else {
		args = []string{s.sshd, "-i", "-f", filepath.Join(s.Dir, "sshd_config"), "-E", filepath.Join(s.Dir, "log")}
	}
	s.mu.Lock()
	for _, key := range s.hostKeys {
		if s.o.Dropbear {
			args = append(args, "-r", key)
			continue
		}
		args = append(args, "-h", key)
		if _, err := os.Stat(key + "-cert.pub"); err == nil {
			args = append(args, "-o", "HostCertificate="+key+"-cert.pub")
		}
	}
	s.mu.Unlock()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout = file, file
	if s.o.Dropbear {
		cmd.Stderr, _ = os.OpenFile(filepath.Join(s.Dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	}
	err = cmd.Start()
	_ = file.Close()
	if err != nil {
		s.t.Error(err)
		return
	}
	s.wait.Add(1)
	go func() {
		defer s.wait.Done()
		_ = cmd.Wait()
	}()
	if s.o.Direct {
		s.mu.Lock()
		s.total++
		s.direct = append(s.direct, cmd.Process)
		s.mu.Unlock()
		return
	}
	c := newConn(client, inner)
	if shape != nil {
		shape(c)
	}
	s.mu.Lock()
	s.conns[c] = true
	s.total++
	s.mu.Unlock()
	s.wait.Add(1)
	go func() {
		defer s.wait.Done()
		c.run()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
}

// tcpPair is a connected pair of TCP sockets: a server asks its end for addresses.
func tcpPair() (a, b *net.TCPConn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	accepted, err := l.Accept()
	if err != nil {
		return nil, nil, err
	}
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn), nil
}

// Cut breaks every connection.
func (s *Server) Cut() {
	s.each((*Conn).Cut)
}

// Freeze lets nothing pass any more on the connections of the moment, as a link whose other end lost its power.
func (s *Server) Freeze() { s.each((*Conn).Freeze) }

// Lose breaks the connections of the moment for their clients alone. The server hears of it when notice is called.
func (s *Server) Lose() (notice func()) {
	var lost []*Conn
	s.each(func(c *Conn) {
		c.Lose()
		lost = append(lost, c)
	})
	return func() {
		for _, c := range lost {
			c.Cut()
		}
	}
}

func (s *Server) each(do func(*Conn)) {
	s.mu.Lock()
	var all []*Conn
	for c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

// Refuse closes new connections at once, or not.
func (s *Server) Refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = on
}

// Shape is called for each new connection before anything passes.
func (s *Server) Shape(shape func(*Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shape = shape
}

func (s *Server) stop() {
	_ = s.listener.Close()
	s.Cut()
	s.mu.Lock()
	for _, p := range s.direct {
		_ = p.Signal(syscall.SIGTERM) // a client may have left its end open
	}
	s.mu.Unlock()
	s.wait.Wait()
	if s.t.Failed() {
		s.t.Logf("the server's log:\n%s", tail(s.Log()))
	}
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// An Account is a user of this machine that the test made.
type Account struct {
	Name, Password, Home string
	UID, GID             int
}

var accounts sync.Mutex // useradd locks the files of the system

// NewAccount makes a user with a login shell and removes it when the test ends, with what it still runs.
func NewAccount(t testing.TB, shell string) Account {
	t.Helper()
	skipShort(t)
	path, err := exec.LookPath(shell)
	if err != nil {
		t.Fatalf("the test needs %s: %v", shell, err)
	}
	a := Account{Name: "ektest" + random(), Password: random() + random()}
	a.Home = filepath.Join("/tmp", a.Name)
	accounts.Lock()
	defer accounts.Unlock()
	retry(t, "", "useradd", "-m", "-d", a.Home, "-s", path, a.Name)
	t.Cleanup(func() {
		accounts.Lock()
		defer accounts.Unlock()
		retry(t, "", "userdel", "-r", "-f", a.Name)
	})
	retry(t, a.Name+":"+a.Password+"\n", "chpasswd")
	u, err := user.Lookup(a.Name)
	if err != nil {
		t.Fatal(err)
	}
	a.UID, _ = strconv.Atoi(u.Uid) // the system's own
	a.GID, _ = strconv.Atoi(u.Gid)
	return a
}

// retry waits for the lock of the system's user files, which another test binary may hold.
func retry(t testing.TB, stdin, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out.Reset()
		cmd := exec.Command(name, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
		err := cmd.Run()
		if err == nil || strings.Contains(out.String(), "mail spool") {
			return
		}
		if !strings.Contains(out.String(), "lock") && !strings.Contains(out.String(), "busy") || time.Now().After(end) {
			t.Errorf("%s: %v: %s", name, err, out.String())
			return
		}
	}
}
