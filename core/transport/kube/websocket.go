package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	gorilla "github.com/gorilla/websocket"
	"k8s.io/client-go/transport/websocket"

	"github.com/execkit/execkit/core/transport"
)

// The first byte of each message says which stream it belongs to (v5.channel.k8s.io, KEP 4006).
const (
	streamStdin  = 0
	streamStdout = 1
	streamStderr = 2
	streamStatus = 3
	streamResize = 4
	streamClose  = 255 // the next byte says which stream has ended

	protocolV5 = "v5.channel.k8s.io"
	// maxFrame bounds what one message carries; the server reads with a buffer of this size.
	maxFrame = 32 << 10
	// A ping every pingEvery keeps load balancers from dropping the connection, and one that brings nothing for
	// silence is lost.
	pingEvery = 5 * time.Second
	silence   = 3 * pingEvery
	// maxMessage bounds the memory for one message of the server.
	maxMessage = 4 << 20
)

func (c *cluster) overWebSocket(ctx context.Context, u *url.URL, tty *transport.Size, stillThere func() error) (*process, error) {
	upgrade, holder, err := websocket.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	conn, err := websocket.Negotiate(upgrade, holder, request, protocolV5)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	w := &webSocket{conn: conn, closed: make(chan struct{})}
	p := newProcess(u.Query().Get("command"), stillThere)
	p.stdin, p.hangUp = &webSocketInput{socket: w}, w.close
	if tty != nil {
		p.resize = func(s transport.Size) error { return w.send(streamResize, sizeText(s)) }
		if err := p.resize(*tty); err != nil {
			w.close()
			return nil, err
		}
	}
	conn.SetPongHandler(func(string) error { return conn.SetReadDeadline(time.Now().Add(silence)) })
	go w.ping()
	go func() {
		statusText, err := w.receive(p.stdout, p.stderr)
		w.close()
		p.end(statusText, err)
	}()
	return p, nil
}

type webSocket struct {
	conn    *gorilla.Conn
	writing sync.Mutex // one message at a time
	once    sync.Once
	closed  chan struct{}
}

// closeTimeout bounds the farewell to a server that takes nothing any more.
const closeTimeout = time.Second

func (w *webSocket) close() {
	w.once.Do(func() {
		close(w.closed)
		_ = w.conn.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, ""), time.Now().Add(closeTimeout))
		_ = w.conn.Close()
	})
}

func (w *webSocket) send(stream byte, data []byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	m, err := w.conn.NextWriter(gorilla.BinaryMessage)
	if err != nil {
		return err
	}
	if _, err := m.Write([]byte{stream}); err != nil {
		return err
	}
	if _, err := m.Write(data); err != nil {
		return err
	}
	return m.Close()
}

func (w *webSocket) ping() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if w.conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(pingEvery)) != nil {
				w.close()
				return
			}
		case <-w.closed:
			return
		}
	}
}

// receive takes messages apart until the status or the end of the connection. The deadline is set anew for each
// message, so a slow reader of the output is not taken for a dead server.
func (w *webSocket) receive(stdout, stderr io.Writer) (statusText []byte, err error) {
	buffer := make([]byte, maxFrame)
	for {
		if err := w.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return nil, err
		}
		_, m, err := w.conn.NextReader()
		if err != nil {
			return nil, err
		}
		var stream [1]byte
		if _, err := io.ReadFull(m, stream[:]); err != nil {
			if err == io.EOF {
				continue // an empty message
			}
			return nil, err
		}
		switch stream[0] {
		case streamStdout:
			err = copyTo(stdout, m, buffer)
		case streamStderr:
			err = copyTo(stderr, m, buffer)
		case streamStatus:
			if statusText, err = io.ReadAll(m); err == nil && len(statusText) > 0 {
				return statusText, nil
			}
		case streamClose:
			err = copyTo(io.Discard, m, buffer)
		default:
			err = fmt.Errorf("a message for stream %d", stream[0])
		}
		if err != nil {
			return nil, err
		}
	}
}

// copyTo copies a message. A reader that closed its end no longer wants the output, which is not the sender's failure.
func copyTo(to io.Writer, from io.Reader, buffer []byte) error {
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil && err != io.ErrClosedPipe {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type webSocketInput struct {
	socket *webSocket
	once   sync.Once
}

func (i *webSocketInput) Write(data []byte) (n int, err error) {
	for len(data) > 0 {
		part := data[:min(len(data), maxFrame)]
		if err := i.socket.send(streamStdin, part); err != nil {
			return n, err
		}
		n, data = n+len(part), data[len(part):]
	}
	return n, nil
}

func (i *webSocketInput) Close() (err error) {
	i.once.Do(func() { err = i.socket.send(streamClose, []byte{streamStdin}) })
	return err
}
