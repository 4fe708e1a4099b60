package ssh

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// nasty is text that would do something to a terminal or a log.
const nasty = "\x1b]0;owned\x07\x1b[2J\r\nfake: line\u202e"

// A rogue is a server that does as a test says.
type rogue struct {
	t      testing.TB
	config *gossh.ServerConfig
	// session gets each session channel, after the exec request was granted.
	session func(ch gossh.Channel, requests <-chan *gossh.Request)
	grant   bool
	port    int
	key     gossh.Signer

	mu    sync.Mutex
	conns []net.Conn
}

// hangUp breaks every connection.
func (r *rogue) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
}

func newRogue(t testing.TB) *rogue {
	r := &rogue{t: t, config: &gossh.ServerConfig{NoClientAuth: true}, grant: true, key: newSigner(t)}
	r.config.AddHostKey(r.key)
	return r
}

func newSigner(t testing.TB) gossh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (r *rogue) start() *rogue {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.port = l.Addr().(*net.TCPAddr).Port
	r.t.Cleanup(func() { _ = l.Close(); r.hangUp() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			go r.serve(c)
		}
	}()
	return r
}

func (r *rogue) serve(c net.Conn) {
	conn, channels, requests, err := gossh.NewServerConn(c, r.config)
	if err != nil {
		return
	}
	defer conn.Close()
	go func() {
		for q := range requests {
			if q.WantReply {
				_ = q.Reply(false, nil)
			}
		}
	}()
	for n := range channels {
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			for q := range requests {
				if q.WantReply {
					_ = q.Reply(r.grant, nil)
				}
				if q.Type == "exec" {
					break
				}
			}
			r.session(ch, requests)
		}()
	}
}

func (r *rogue) options() transport.Options {
	no := false
	return transport.Options{Environ: []string{}, SSH: wire.SSHOptions{Host: "127.0.0.1", Port: r.port, User: "me", Agent: &no,
		Config: &wire.PathOrFalse{None: true}, Fingerprint: gossh.FingerprintSHA256(r.key.PublicKey())}}
}

// harmless checks that nothing of the server drives a terminal.
func harmless(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if strings.ContainsAny(err.Error(), "\x1b\x07\r\n\u202e") || len(err.Error()) > 4000 {
		t.Errorf("%d bytes: %q", len(err.Error()), err.Error()[:min(len(err.Error()), 500)])
	}
}

func TestHostileBannerAndRefusal(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.config.NoClientAuth = false
	r.config.BannerCallback = func(gossh.ConnMetadata) string { return strings.Repeat(nasty, 8000) }
	r.config.PasswordCallback = func(gossh.ConnMetadata, []byte) (*gossh.Permissions, error) { return nil, io.ErrUnexpectedEOF }
	o := r.start().options()
	o.SSH.Password = secret
	err := try(t, o)
	e := wantCode(t, err, errdefs.Unauthenticated, "password")
	harmless(t, err)
	noSecret(t, err)
	if banner, _ := e.Details["banner"].(string); banner == "" || len(banner) > 4*maxBanner || strings.Contains(banner, "\x1b") {
		t.Errorf("%q", banner)
	}
}

// Several steps, rounds without a question, questions with control bytes; a code goes to a person and nowhere else.
func TestQuestionsOfAServer(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.config.NoClientAuth = false
	interactive := func(_ gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
		if answers, err := ask("", "", nil, nil); err != nil || len(answers) != 0 {
			return nil, io.ErrUnexpectedEOF
		}
		answers, err := ask(nasty, "instruction", []string{"Password: ", "Code " + nasty}, []bool{false, true})
		if err != nil || answers[0] != secret || answers[1] != "123456" {
			return nil, io.ErrUnexpectedEOF
		}
		_, err = ask("", "done", nil, nil)
		return nil, err
	}
	client := t.TempDir() + "/client"
	writeKey(t, client)
	r.config.PublicKeyCallback = func(gossh.ConnMetadata, gossh.PublicKey) (*gossh.Permissions, error) {
		return nil, &gossh.PartialSuccessError{Next: gossh.ServerAuthCallbacks{KeyboardInteractiveCallback: interactive}}
	}
	r.session = func(ch gossh.Channel, _ <-chan *gossh.Request) {
		_, _ = ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
		_ = ch.Close()
	}
	o := r.start().options()
	o.SSH.KeyPath, o.SSH.Password = client, secret
	var asked atomic.Int32
	o.Ask = func(_ context.Context, q transport.Question) (string, error) {
		asked.Add(1)
		if q.Kind != "keyboard_interactive" || !q.Echo || strings.Contains(q.Text, "\x1b") || !strings.Contains(q.Text, "instruction") || !strings.Contains(q.Text, "Code") {
			t.Errorf("%+v", q)
		}
		return "123456", nil
	}
	if err := try(t, o); err != nil || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	o.Ask = nil
	err := try(t, o)
	wantCode(t, err, errdefs.Unauthenticated, "publickey", "keyboard-interactive", "nobody can answer")
	harmless(t, err)
	noSecret(t, err)
}

func TestEndlessQuestions(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.config.NoClientAuth = false
	r.config.KeyboardInteractiveCallback = func(_ gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
		for {
			if _, err := ask("", "", nil, nil); err != nil {
				return nil, err
			}
		}
	}
	wantCode(t, try(t, r.start().options()), errdefs.Unauthenticated, "keyboard-interactive")
}

func TestStatusNeverSent(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.session = func(ch gossh.Channel, _ <-chan *gossh.Request) {
		_, _ = io.WriteString(ch, "out")
		_, _ = ch.SendRequest("exit-status", false, []byte{0}) // cut short
		_, _ = ch.SendRequest("exit-signal", false, []byte("junk"))
		_, _ = ch.SendRequest(nasty, true, []byte(nasty))
		_ = ch.Close()
	}
	stdout, _, exit := output(t, connect(t, r.start().options()), "", "true")
	if stdout != "out" || !exit.Missing || exit.Code != 0 {
		t.Errorf("%q %+v", stdout, exit)
	}
}

func TestStatusTwiceAndSignalsWithoutName(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	var signal atomic.Bool
	r.session = func(ch gossh.Channel, _ <-chan *gossh.Request) {
		if signal.Load() {
			_, _ = ch.SendRequest("exit-signal", false, gossh.Marshal(struct {
				Signal string
				Core   bool
				Error  string
				Lang   string
			}{nasty, true, nasty, nasty}))
		}
		for _, code := range []byte{3, 0} {
			_, _ = ch.SendRequest("exit-status", false, []byte{0, 0, 1, code})
		}
		_ = ch.Close()
	}
	tr := connect(t, r.start().options())
	if _, _, exit := output(t, tr, "", "true"); exit.Code != 3 || exit.Missing {
		t.Errorf("%+v", exit)
	}
	signal.Store(true)
	if _, _, exit := output(t, tr, "", "true"); exit.Signal != "KILL" {
		t.Errorf("%+v", exit)
	}
}

// Endless output is held back by the window: memory stays bounded, and Close gets away.
func TestEndlessOutput(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	stopped := make(chan struct{})
	r.session = func(ch gossh.Channel, _ <-chan *gossh.Request) {
		defer close(stopped)
		chunk := make([]byte, 32<<10)
		for {
			if _, err := ch.Write(chunk); err != nil {
				return
			}
		}
	}
	tr := connect(t, r.start().options())
	p, err := tr.Open(testContext(t), trueArgv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, p.Stdout(), 64<<20); err != nil {
		t.Error(err)
	}
	_ = p.Close()
	_ = tr.Close()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Error("the server still writes")
	}
}

func TestRefusedExec(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.grant = false
	r.session = func(gossh.Channel, <-chan *gossh.Request) {}
	wantCode(t, try(t, r.start().options()), errdefs.Unavailable, "runs no commands")
}

// A server that changes its key in a later key exchange of the same connection is cut off.
func TestKeySwappedWithinAConnection(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.config.RekeyThreshold = 1 << 16
	first := gossh.FingerprintSHA256(r.key.PublicKey())
	swap := make(chan struct{})
	swapped := newSigner(t)
	r.config = &gossh.ServerConfig{NoClientAuth: true, Config: gossh.Config{RekeyThreshold: 1 << 16}}
	r.config.AddHostKey(&turncoat{Signer: r.key, other: swapped, after: swap})
	r.session = func(ch gossh.Channel, _ <-chan *gossh.Request) {
		_, _ = io.WriteString(ch, "ready\n")
		<-swap
		chunk := make([]byte, 32<<10)
		for {
			if _, err := ch.Write(chunk); err != nil {
				return
			}
		}
	}
	tr := connect(t, r.start().options())
	p, err := tr.Open(testContext(t), trueArgv)
	if err != nil {
		t.Fatal(err)
	}
	bounded(t, p)
	if _, err := io.ReadFull(p.Stdout(), make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	close(swap)
	_, err = io.Copy(io.Discard, p.Stdout())
	wantCode(t, err, errdefs.HostKeyChanged, first, gossh.FingerprintSHA256(swapped.PublicKey()))
}

// A turncoat is a host key that becomes another.
type turncoat struct {
	gossh.Signer
	other gossh.Signer
	after chan struct{}
}

func (s *turncoat) now() gossh.Signer {
	select {
	case <-s.after:
		return s.other
	default:
		return s.Signer
	}
}

func (s *turncoat) PublicKey() gossh.PublicKey { return s.now().PublicKey() }

func (s *turncoat) Sign(random io.Reader, data []byte) (*gossh.Signature, error) {
	return s.now().Sign(random, data)
}

// Bytes that are no SSH at all.
func TestNotSSH(t *testing.T) {
	t.Parallel()
	for name, speak := range map[string]func(net.Conn){
		"silence":       func(c net.Conn) { time.Sleep(time.Second) },
		"http":          func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"+nasty) },
		"endless lines": func(c net.Conn) { _, _ = io.Copy(c, endless{nasty + "\n"}) },
		"one long line": func(c net.Conn) { _, _ = io.Copy(c, endless{"x"}) },
		"zeros":         func(c net.Conn) { _, _ = io.Copy(c, zeros{}) },
		"huge packet": func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-x\r\n\xff\xff\xff\xff")
			_, _ = io.Copy(c, zeros{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if c, err := l.Accept(); err == nil {
					speak(c)
					_ = c.Close()
				}
			}()
			r := newRogue(t)
			r.port = l.Addr().(*net.TCPAddr).Port
			o := r.options()
			o.SSH.ConnectTimeoutMS = 2000
			err = try(t, o)
			wantCode(t, err, errdefs.Unavailable, "key exchange")
			harmless(t, err)
		})
	}
}

type endless struct{ text string }

func (e endless) Read(b []byte) (int, error) { return copy(b, e.text), nil }

func writeKey(t *testing.T, path string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
}
