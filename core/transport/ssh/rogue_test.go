package ssh

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// An impostor shows a key that it does not hold: what it signs is signed by another, or by nobody.
type impostor struct {
	gossh.Signer
	sign func(random io.Reader, data []byte) (*gossh.Signature, error)
}

func (i impostor) Sign(random io.Reader, data []byte) (*gossh.Signature, error) {
	return i.sign(random, data)
}

// The right key with a wrong signature is not the right server, whatever else it says.
func TestWrongSignatures(t *testing.T) {
	t.Parallel()
	other := newSigner(t)
	for what, sign := range map[string]func(gossh.Signer) func(io.Reader, []byte) (*gossh.Signature, error){
		"of another key": func(gossh.Signer) func(io.Reader, []byte) (*gossh.Signature, error) { return other.Sign },
		"of other data": func(own gossh.Signer) func(io.Reader, []byte) (*gossh.Signature, error) {
			return func(random io.Reader, data []byte) (*gossh.Signature, error) {
				return own.Sign(random, append(data, 'x'))
			}
		},
		"empty": func(own gossh.Signer) func(io.Reader, []byte) (*gossh.Signature, error) {
			return func(io.Reader, []byte) (*gossh.Signature, error) {
				return &gossh.Signature{Format: own.PublicKey().Type()}, nil
			}
		},
		"huge, of an unknown kind": func(gossh.Signer) func(io.Reader, []byte) (*gossh.Signature, error) {
			return func(io.Reader, []byte) (*gossh.Signature, error) {
				return &gossh.Signature{Format: nasty, Blob: make([]byte, 100_000), Rest: []byte(nasty)}, nil
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRogue(t)
			var tried atomic.Bool
			r.config = &gossh.ServerConfig{PasswordCallback: func(gossh.ConnMetadata, []byte) (*gossh.Permissions, error) {
				tried.Store(true)
				return nil, nil
			}}
			r.config.AddHostKey(impostor{r.key, sign(r.key)})
			o := r.start().options()
			o.SSH.Password = secret
			err := try(t, o)
			wantCode(t, err, errdefs.Unavailable, "key exchange")
			harmless(t, err)
			if tried.Load() {
				t.Error("it was given the password")
			}
		})
	}
}

// A server that ends the output and then neither tells a status nor closes holds nobody: not a program's user, and not a
// session that waits for its shell.
func TestSilenceAfterTheOutput(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.session = func(ch gossh.Channel, requests <-chan *gossh.Request) {
		_, _ = io.WriteString(ch, nasty)
		_ = ch.CloseWrite()
		gossh.DiscardRequests(requests)
	}
	o := r.start().options()
	tr := connect(t, o)
	p, err := tr.Open(testContext(t), trueArgv)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(p.Stdout()); err != nil || string(out) != nasty {
		t.Errorf("%q %v", out, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if exit, err := p.Wait(ctx); err == nil || !exit.Missing {
		t.Errorf("%+v %v", exit, err)
	}
	closed := make(chan struct{})
	go func() { _ = p.Close(); _ = tr.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("Close does not return")
	}
	s, err := execkit.Open(testContext(t), "ssh", execkit.Config{Transports: transport.Registry{"ssh": NewOpener()}, SSH: o.SSH, HostEnv: []string{}})
	if err == nil {
		_ = s.Close()
	}
	harmless(t, err)
}

// A server that hangs up on a person who still thinks is told apart from a wrong answer, and nothing is asked again.
func TestHangsUpWhileAPersonIsAsked(t *testing.T) {
	t.Parallel()
	r := newRogue(t)
	r.config.NoClientAuth = false
	hungUp := make(chan struct{})
	r.config.KeyboardInteractiveCallback = func(c gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
		go func() {
			<-time.After(50 * time.Millisecond)
			r.hangUp()
			close(hungUp)
		}()
		_, err := ask("", "", []string{"Code " + nasty}, []bool{false})
		return nil, err
	}
	o := r.start().options()
	asked := 0
	o.Ask = func(_ context.Context, q transport.Question) (string, error) {
		asked++
		<-hungUp
		if strings.ContainsAny(q.Text, "\x1b\x07\r\n") {
			t.Errorf("%q", q.Text)
		}
		return secret, nil
	}
	err := try(t, o)
	harmless(t, err)
	noSecret(t, err)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// What a user gets wrong is told with what was tried and what to do, before anything connects where it can be.
func TestBadInputSaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := writeFile(t, "Host web\n  Port 22\n\x00\x01\x02\n")
	for what, c := range map[string]struct {
		rest  string
		set   func(*transport.Options)
		code  errdefs.Code
		says  string
		field string
	}{
		"a keyword that is none": {"web", func(o *transport.Options) { o.SSH.Config.Path = writeFile(t, "Host web\n\n  Prot 22\n") }, errdefs.InvalidArgument, "line 3", ""},
		"a value that is none":   {"web", func(o *transport.Options) { o.SSH.Config.Path = writeFile(t, "Host web\n  Port many\n") }, errdefs.InvalidArgument, "line 2", ""},
		"Match exec":             {"web", func(o *transport.Options) { o.SSH.Config.Path = writeFile(t, "Match exec true\n  User x\n") }, "", "line 1", ""},
		"binary":                 {"web", func(o *transport.Options) { o.SSH.Config.Path = binary }, errdefs.InvalidArgument, "line 3", ""},
		"no such file":           {"web", func(o *transport.Options) { o.SSH.Config.Path = dir + "/none" }, "", dir + "/none", ""},
		"a directory":            {"web", func(o *transport.Options) { o.SSH.Config.Path = dir }, "", dir, ""},
		"a password in the URL":  {"me:" + secret + "@web", func(*transport.Options) {}, errdefs.InvalidArgument, "password", "transport"},
		"a passphrase alone":     {"web", func(o *transport.Options) { o.SSH.KeyPassphrase = secret }, errdefs.InvalidArgument, "key_path", "ssh.key_passphrase"},
	} {
		t.Run(what, func(t *testing.T) {
			o := transport.Options{Environ: []string{}}
			o.SSH.Config = &wire.PathOrFalse{}
			c.set(&o)
			_, err := NewOpener()(testContext(t), c.rest, o)
			harmless(t, err)
			noSecret(t, err)
			var e *errdefs.Error
			if !errors.As(err, &e) || c.code != "" && e.Code != c.code || !strings.Contains(e.Message, c.says) || c.field != "" && e.Details["field"] != c.field {
				t.Errorf("%v", err)
			}
		})
	}
}
