package ssh

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

// waitFor waits until a condition holds.
func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// hold opens n programs at once, that run until they are closed.
func hold(t testing.TB, tr transport.Transport, n int) []transport.Process {
	t.Helper()
	held := make([]transport.Process, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"cat"}})
			if err != nil {
				t.Error(err)
				return
			}
			held[i] = p
		})
	}
	wait.Wait()
	for _, p := range held {
		if p == nil {
			t.FailNow()
		}
		bounded(t, p)
	}
	return held
}

// echoes checks that a program still talks to us alone.
func echoes(t testing.TB, p transport.Process, text string) {
	t.Helper()
	if _, err := io.WriteString(p.Stdin(), text); err != nil {
		t.Error(err)
		return
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(p.Stdout(), b); err != nil || string(b) != text {
		t.Errorf("%q %v", b, err)
	}
}

func TestSessionsShareConnections(t *testing.T) {
	t.Parallel()
	for config, c := range map[string]struct{ sessions, least, most int }{
		"MaxSessions 1":   {4, 4, 8},
		"MaxSessions 3":   {9, 3, 6},
		"MaxSessions 10":  {50, 5, 8},
		"MaxSessions 100": {12, 2, 3},
	} {
		t.Run(config, func(t *testing.T) {
			s := sshtest.Start(t, sshtest.Options{Config: config})
			held := hold(t, connect(t, optionsFor(s)), c.sessions)
			for i, p := range held {
				echoes(t, p, strings.Repeat("x", i+1))
			}
			if n := s.Total(); n < c.least || n > c.most {
				t.Errorf("%d connections for %d sessions", n, c.sessions)
			}
		})
	}
}

// Sessions that come one after the other, of several openers and accounts.
func TestWhoSharesAConnection(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	opener := NewOpener()
	o := optionsFor(s)
	total := func(o transport.Options, opener transport.Opener) int {
		tr := connectWith(t, opener, o)
		if stdout, _, _ := output(t, tr, "", "echo", "x"); stdout != "x\n" {
			t.Error(stdout)
		}
		_ = tr.Close()
		return s.Total()
	}
	if n := total(o, opener); n != 1 {
		t.Fatal(n)
	}
	if n := total(o, opener); n != 1 {
		t.Errorf("the next session has a connection of its own: %d", n)
	}
	if n := total(o, NewOpener()); n != 2 {
		t.Errorf("openers share connections: %d", n)
	}
	apart := o
	no := false
	apart.SSH.Pool = &no
	if n := total(apart, opener); n != 3 {
		t.Errorf("pool false: %d", n)
	}
	// A wrong credential must not ride on a connection that a right one made.
	wrong := o
	wrong.SSH.KeyPath = t.TempDir() + "/other"
	sshtest.Keygen(t, wrong.SSH.KeyPath, "ed25519", "")
	tr := connectWith(t, opener, wrong)
	_, err := tr.Open(testContext(t), trueArgv)
	wantCode(t, err, errdefs.Unauthenticated)
	strict := o
	strict.SSH.KnownHosts = []string{"/nowhere/known_hosts"}
	_, err = connectWith(t, opener, strict).Open(testContext(t), trueArgv)
	wantCode(t, err, errdefs.HostKeyUnknown)
}

// A half-open link is found by the keepalive, and the next program gets a new connection.
func TestHalfOpenLink(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	o := optionsFor(s)
	o.SSH.KeepaliveMS = 1000 // with three misses, far longer than a busy machine holds a process up
	tr := connect(t, o)
	p := hold(t, tr, 1)[0]
	echoes(t, p, "before")
	time.Sleep(3500 * time.Millisecond) // several intervals: an idle link that lives must stay
	echoes(t, p, "still")
	s.Freeze()
	_, err := p.Stdout().Read(make([]byte, 1))
	wantCode(t, err, errdefs.ConnectionLost)
	exit, err := p.Wait(testContext(t))
	if wantCode(t, err, errdefs.ConnectionLost); !exit.Missing {
		t.Errorf("%+v", exit)
	}
	if stdout, _, _ := output(t, tr, "", "echo", "new"); stdout != "new\n" {
		t.Error(stdout)
	}
}

// Cut at every phase: each gives an error that says so, and never a hang.
func TestCutAtEveryPhase(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	full := connect(t, optionsFor(s))
	output(t, full, "", "true")
	for _, freeze := range []bool{false, true} {
		for after := int64(1); after < 4000; after += 211 {
			s.Shape(func(c *sshtest.Conn) {
				if freeze {
					c.FreezeAfter = after
				} else {
					c.CutAfter = after
				}
			})
			o := optionsFor(s)
			if freeze {
				if after%3 != 0 {
					continue // each costs a deadline
				}
				o.SSH.ConnectTimeoutMS = 300
				o.SSH.KeepaliveMS = 100
			}
			tr, err := NewOpener()(testContext(t), "", o)
			if err != nil {
				t.Fatal(err)
			}
			p, err := tr.Open(testContext(t), trueArgv)
			if err == nil {
				_, err = p.Wait(testContext(t))
				_ = p.Close()
			}
			_ = tr.Close()
			if err == nil {
				continue // it had all that it needed
			}
			var e *errdefs.Error
			if !errors.As(err, &e) || e.Code != errdefs.Unavailable && e.Code != errdefs.ConnectionLost || strings.Contains(e.Message, "no credential") {
				t.Fatalf("freeze %v after %d bytes: %v", freeze, after, err)
			}
		}
	}
}

func TestDeadlinesNameThePhase(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	o := optionsFor(s)
	o.SSH.ConnectTimeoutMS = 500
	s.Shape((*sshtest.Conn).Freeze)
	e := wantCode(t, try(t, o), errdefs.Unavailable, "no key exchange within 500ms")
	if e.Details["phase"] != "key exchange" {
		t.Errorf("%v", e.Details)
	}
	s.Refuse(true)
	wantCode(t, try(t, o), errdefs.Unavailable, "key exchange failed")
	o.SSH.Port = 1
	wantCode(t, try(t, o), errdefs.Unavailable, "cannot connect", "refused")
	o.SSH.Host = "no-such-host.invalid"
	var dns *errdefs.Error
	if err := try(t, o); !errors.As(err, &dns) || dns.Code != errdefs.TargetNotFound && dns.Code != errdefs.Unavailable {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.SSH.Host, o.SSH.Port = "127.0.0.1", s.Port
	_, err := connect(t, o).Open(ctx, trueArgv)
	wantCode(t, err, errdefs.Cancelled)
}

// A cut in the middle of output is an error behind what had come, never an end.
func TestCutInTheMiddleOfOutput(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	tr := connect(t, optionsFor(s))
	p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"sh", "-c", "echo begin; cat"}})
	if err != nil {
		t.Fatal(err)
	}
	bounded(t, p)
	b := make([]byte, 6)
	if _, err := io.ReadFull(p.Stdout(), b); err != nil || string(b) != "begin\n" {
		t.Fatal(string(b), err)
	}
	s.Cut()
	_, err = io.ReadAll(p.Stdout())
	wantCode(t, err, errdefs.ConnectionLost)
	_, err = io.ReadAll(p.Stderr())
	wantCode(t, err, errdefs.ConnectionLost)
	exit, err := p.Wait(testContext(t))
	if wantCode(t, err, errdefs.ConnectionLost); !exit.Missing {
		t.Errorf("%+v", exit)
	}
	if _, err := io.WriteString(p.Stdin(), "x"); err == nil {
		t.Error("a write to a broken connection succeeds")
	}
}

func TestProxyCommand(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	o := optionsFor(s)
	with := func(command string) error {
		o.SSH.Config.None, o.SSH.Config.Path = false, writeFile(t, "ProxyCommand "+command+"\n")
		return try(t, o)
	}
	if err := with("busybox nc %h %p"); err != nil {
		t.Error(err)
	}
	wantCode(t, with("echo 'no way' >&2; exit 1"), errdefs.Unavailable, "no way")
	o.SSH.ConnectTimeoutMS = 500
	wantCode(t, with("sleep 987"), errdefs.Unavailable, "no key exchange")
}

// What sessions leave behind: no goroutine and no connection.
func TestNothingLeaks(t *testing.T) {
	s := sshtest.Start(t, sshtest.Options{})
	o := optionsFor(s)
	no := false
	o.SSH.Pool = &no // the connection ends with its session
	if err := try(t, o); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the first connection ends", func() bool { return s.Connections() == 0 })
	before := runtime.NumGoroutine()
	for range 3 {
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if err := try(t, o); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	}
	opener := NewOpener()
	o.SSH.Pool = nil
	for range 90 {
		tr := connectWith(t, opener, o)
		p, err := tr.Open(testContext(t), transport.OpenOptions{Argv: []string{"cat"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Close() // while it runs
		_ = tr.Close()
	}
	waitFor(t, "every connection ends", func() bool { return s.Connections() == 0 })
	waitFor(t, "every goroutine ends", func() bool { return runtime.NumGoroutine() <= before+2 })
}
