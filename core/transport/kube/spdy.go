package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"k8s.io/client-go/transport/spdy"

	"github.com/execkit/execkit/core/transport"
)

// protocolV4 is the first version whose streams end with a status object; servers have it since Kubernetes 1.4.
const protocolV4 = "v4.channel.k8s.io"

func (c *cluster) overSPDY(ctx context.Context, u *url.URL, tty *transport.Size, stillThere func() error) (*process, error) {
	trip, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return nil, err
	}
	// A redirect would take the command, and the credentials with it, to where a target sends them.
	client := &http.Client{Transport: trip, CheckRedirect: func(*http.Request, []*http.Request) error {
		return fmt.Errorf("the server sent a redirect, which exec does not follow")
	}}
	conn, protocol, err := spdy.Negotiate(upgrader, client, request, protocolV5, protocolV4)
	if err != nil {
		return nil, err
	}
	if protocol != protocolV5 && protocol != protocolV4 {
		_ = conn.Close()
		return nil, fmt.Errorf("the server speaks %q, which has no exit status", protocol)
	}
	var once sync.Once
	hangUp := func() { once.Do(func() { _ = conn.Close() }) }
	open := func(kind string) (io.ReadWriteCloser, error) {
		s, err := conn.CreateStream(http.Header{"Streamtype": {kind}})
		if err != nil {
			hangUp()
			return nil, err
		}
		return s, nil
	}
	p := newProcess(u.Query().Get("command"), stillThere)
	p.hangUp = hangUp
	// The server waits for exactly the streams that the request names, the error stream first.
	failed, err := open("error")
	if err != nil {
		return nil, err
	}
	if p.stdin, err = open("stdin"); err != nil {
		return nil, err
	}
	streams := []struct {
		kind string
		to   *transport.Pipe
	}{{"stdout", p.stdout}, {"stderr", p.stderr}}
	if tty != nil {
		streams = streams[:1]
		p.stderr.CloseWithError(nil)
	}
	var copying sync.WaitGroup
	for _, s := range streams {
		from, err := open(s.kind)
		if err != nil {
			return nil, err
		}
		copying.Go(func() { _ = copyTo(s.to, from, make([]byte, maxFrame)) })
	}
	if tty != nil {
		resize, err := open("resize")
		if err != nil {
			return nil, err
		}
		p.resize = func(s transport.Size) error {
			_, err := resize.Write(sizeText(s))
			return err
		}
		if err := p.resize(*tty); err != nil {
			hangUp()
			return nil, err
		}
	}
	go func() {
		statusText, err := io.ReadAll(io.LimitReader(failed, maxMessage))
		if len(statusText) == 0 {
			hangUp()
		}
		// With a status the streams end on their own, and what is on its way still counts. They end for a reader only
		// here, since the end of a broken connection looks the same as that of a program.
		copying.Wait()
		hangUp()
		p.end(statusText, err)
	}()
	return p, nil
}
