package audit

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

const (
	// publishEvery is the pause between two heads that are published.
	publishEvery = time.Second
	// publishTimeout bounds one run of the command, or one call of Publish.
	publishTimeout = 10 * time.Second
)

// A Publication is a head on its way to where it is kept.
type Publication struct {
	Head Head
	// Text is the line of a head file, with its line end, and Signature what SignKey made of it; nil without a key.
	Text, Signature []byte
}

// A publisher sends the newest head to a command, to syslog or to a function, aside from the appends.
type publisher struct {
	o    *Options
	key  signer
	mu   sync.Mutex
	head *Head     // waits
	err  error     // of the last try
	next time.Time // before it an append does not try again
	wake chan struct{}
	end  chan struct{}
	over chan struct{}
	once sync.Once
}

func newPublisher(o *Options, key signer) *publisher {
	p := &publisher{o: o, key: key, wake: make(chan struct{}, 1), end: make(chan struct{}), over: make(chan struct{})}
	go p.run()
	return p
}

func (p *publisher) publish(h Head) {
	p.mu.Lock()
	p.head = &h
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// failure returns why the newest head could not be published, after one more try.
func (p *publisher) failure() error {
	p.mu.Lock()
	again := p.err != nil && !time.Now().Before(p.next)
	p.mu.Unlock()
	if again {
		p.try()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *publisher) run() {
	defer close(p.over)
	for {
		select {
		case <-p.end:
			return
		case <-p.wake:
			p.try()
		}
		select {
		case <-p.end:
			return
		case <-time.After(publishEvery):
		}
	}
}

// close publishes the last head and ends the publisher.
func (p *publisher) close(h Head) error {
	p.once.Do(func() { close(p.end) })
	<-p.over
	p.mu.Lock()
	p.head = &h
	p.mu.Unlock()
	p.try()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// try sends the head that waits.
func (p *publisher) try() {
	p.mu.Lock()
	h := p.head
	p.mu.Unlock()
	if h == nil {
		return
	}
	began := time.Now()
	err := p.send(*h)
	took := time.Since(began)
	p.mu.Lock()
	defer p.mu.Unlock()
	// Where nobody answers, commands that go on without a record wait for that half of the time at most.
	if took > publishEvery {
		p.next = time.Now().Add(took)
	}
	if p.err = err; err == nil && p.head == h {
		p.head = nil
	}
}

func (p *publisher) send(h Head) error {
	one := Publication{Head: h, Text: h.line()}
	if p.key != nil {
		one.Signature = p.key.sign(one.Text)
	}
	if p.o.Syslog {
		if err := toSyslog(one.Text); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	if p.o.Publish != nil {
		if err := p.o.Publish(ctx, one); err != nil {
			return err
		}
	}
	if len(p.o.HeadCommand) == 0 {
		return nil
	}
	return p.runCommand(ctx, slices.Concat(one.Text, one.Signature))
}

func (p *publisher) runCommand(ctx context.Context, input []byte) error {
	cmd := exec.CommandContext(ctx, p.o.HeadCommand[0], p.o.HeadCommand[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the head command %s: %w: %s", errdefs.Quote(p.o.HeadCommand[0]), err, errdefs.Quote(string(out)))
	}
	return nil
}

// syslogSockets are where a syslog daemon of the machine listens.
var syslogSockets = []string{"/dev/log", "/var/run/syslog"}

// toSyslog sends one message: facility authpriv (10), severity notice (5), as RFC 3164 has it.
func toSyslog(text []byte) error {
	var failed error
	for _, socket := range syslogSockets {
		for _, network := range []string{"unixgram", "unix"} {
			conn, err := net.Dial(network, socket)
			if err != nil {
				failed = err
				continue
			}
			_, err = fmt.Fprintf(conn, "<%d>%s %s[%d]: audit head %s", 10<<3|5, time.Now().Format(time.Stamp), filepath.Base(os.Args[0]), os.Getpid(), bytes.TrimSpace(text))
			_ = conn.Close()
			if err == nil {
				return nil
			}
			failed = err
		}
	}
	return fmt.Errorf("syslog: %w", failed)
}
