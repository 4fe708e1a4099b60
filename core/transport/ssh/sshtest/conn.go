package sshtest

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is one connection through a server's listener. Its fields may be set in a Shape function.
type Conn struct {
	// Delay is added to each direction, one way.
	Delay time.Duration
	// CutAfter breaks the connection when the server has sent so many bytes; 0 is never.
	CutAfter int64
	// FreezeAfter lets nothing pass from then on.
	FreezeAfter int64

	client, server net.Conn
	sent           atomic.Int64
	frozen         chan struct{}
	freeze, cut    sync.Once
	over           chan struct{}
}

func newConn(client, server net.Conn) *Conn {
	return &Conn{client: client, server: server, frozen: make(chan struct{}), over: make(chan struct{})}
}

// Cut breaks the connection on both sides.
func (c *Conn) Cut() {
	c.cut.Do(func() {
		close(c.over)
		_, _ = c.client.Close(), c.server.Close()
	})
}

// Lose breaks the connection for the client. The server hears of it by Cut.
func (c *Conn) Lose() {
	c.Freeze()
	_ = c.client.Close()
}

// Freeze lets nothing pass any more, and tells nobody.
func (c *Conn) Freeze() { c.freeze.Do(func() { close(c.frozen) }) }

func (c *Conn) run() {
	var wait sync.WaitGroup
	wait.Add(2)
	go func() { defer wait.Done(); c.pass(c.server, c.client, nil) }()
	go func() { defer wait.Done(); c.pass(c.client, c.server, c.count) }()
	wait.Wait()
	c.Cut()
}

// count decides how much of what the server sent may still pass.
func (c *Conn) count(n int) int {
	total := c.sent.Add(int64(n))
	if c.CutAfter > 0 && total >= c.CutAfter {
		return n - int(total-c.CutAfter)
	}
	if c.FreezeAfter > 0 && total >= c.FreezeAfter {
		c.Freeze()
	}
	return n
}

type packet struct {
	data []byte
	due  time.Time
}

// pass copies one direction. Delayed data keeps flowing: a delay is no limit of throughput.
func (c *Conn) pass(to, from net.Conn, count func(int) int) {
	queue := make(chan packet, 1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p := range queue {
			if wait := time.Until(p.due); wait > 0 {
				select {
				case <-time.After(wait):
				case <-c.over:
				}
			}
			select {
			case <-c.frozen:
				<-c.over
				continue
			default:
			}
			if _, err := to.Write(p.data); err != nil {
				c.Cut()
			}
		}
	}()
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		keep := n
		if count != nil && n > 0 {
			keep = max(count(n), 0)
		}
		if keep > 0 {
			queue <- packet{buffer[:keep], time.Now().Add(c.Delay)}
		}
		if keep < n {
			close(queue)
			<-done
			c.Cut()
			return
		}
		if err != nil {
			break
		}
	}
	select {
	case <-c.frozen:
		<-c.over // the other side hears nothing of the end
	default:
	}
	close(queue)
	<-done
	if t, ok := to.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
}
