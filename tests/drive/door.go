package drive

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Door is an address in front of a server's, which can be shut like a server that goes away.
type Door struct {
	network, address, behind string

	mu       sync.Mutex
	listener net.Listener // nil while it is shut
	open     map[net.Conn]bool
}

// NewDoor opens a door at an address, which may be a socket's path or a free port of an interface, to another one. It is
// shut at the end of the test.
func NewDoor(t testing.TB, network, address, behind string) *Door {
	d := &Door{network: network, address: address, behind: behind, open: make(map[net.Conn]bool)}
	d.Reopen(t)
	t.Cleanup(d.Shut)
	return d
}

// Address is where the door is.
func (d *Door) Address() string { return d.address }

// Reopen lets connections through again.
func (d *Door) Reopen(t testing.TB) {
	t.Helper()
	l, err := net.Listen(d.network, d.address)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.listener, d.address = l, l.Addr().String()
	d.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(c)
		}
	}()
}

func (d *Door) pass(c net.Conn) {
	defer c.Close()
	b, err := net.Dial(d.network, d.behind)
	if err != nil {
		return
	}
	defer b.Close()
	d.mu.Lock()
	if d.listener == nil {
		d.mu.Unlock()
		return
	}
	d.open[c], d.open[b] = true, true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.open, c)
		delete(d.open, b)
		d.mu.Unlock()
	}()
	go func() {
		_, _ = io.Copy(b, c)
		if half, ok := b.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}()
	_, _ = io.Copy(c, b)
}

// Shut ends every connection and takes the address away.
func (d *Door) Shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return
	}
	_ = d.listener.Close()
	d.listener = nil
	for c := range d.open {
		_ = c.Close()
	}
}
