package quick

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Peers bounds how many connections there are at once, so that nobody takes all
// descriptors of the process.
type Peers struct {
	Most   int                   // in all; 0: no bound
	Each   int                   // from one address, or one IPv6 network of 64 bits
	Exempt func(netip.Addr) bool // whose connections are those of many: trusted proxies; nil: nobody's

	mu  sync.Mutex
	all int
	of  map[netip.Addr]int
}

// Answers to connections that are one too many, before anything was read.
const (
	fullForAll = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nCache-Control: private, no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	fullForOne = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nCache-Control: private, no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

// enter counts a connection until leave is called; "" when there is room for it,
// else what it is answered.
func (p *Peers) enter(peer netip.Addr) (leave func(), refusal string) {
	if p.Most == 0 {
		return func() {}, ""
	}
	counted := p.Exempt == nil || !p.Exempt(peer)
	peer = Network(peer)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.all >= p.Most:
		return nil, fullForAll
	case counted && p.of[peer] >= p.Each:
		return nil, fullForOne
	}
	p.all++
	if counted {
		if p.of == nil {
			p.of = map[netip.Addr]int{}
		}
		p.of[peer]++
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all--
		if !counted {
			return
		}
		if p.of[peer]--; p.of[peer] == 0 {
			delete(p.of, peer)
		}
	}, ""
}

// Network is what an address is counted as: itself, or of IPv6 the first 64
// bits, since one customer of a provider has all of the rest.
func Network(addr netip.Addr) netip.Addr {
	if addr.Is6() && !addr.Is4In6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr.Unmap()
}

// tracked is a connection that is counted until it is closed.
type tracked struct {
	*net.TCPConn

	mu     sync.Mutex
	closed bool
	ends   []func() // to be called then
}

// Close closes the connection.
func (c *tracked) Close() error {
	c.mu.Lock()
	ends := c.ends
	c.closed, c.ends = true, nil
	c.mu.Unlock()
	for _, end := range ends {
		end()
	}
	return c.TCPConn.Close()
}

func (c *tracked) onClose(fn func()) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.ends = append(c.ends, fn)
	}
	c.mu.Unlock()
	if closed {
		fn()
	}
}

// OnClose has fn called when a connection that came through a door is closed, or
// at once when it is already. False when nobody will know.
func OnClose(nc net.Conn, fn func()) bool {
	c, ok := Bare(nc).(*tracked)
	if ok {
		c.onClose(fn)
	}
	return ok
}

// refuse answers a connection that is one too many. What it sends is not waited
// for: a new socket has room for this much.
func refuse(c net.Conn, answer string) {
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = c.Write([]byte(answer))
	_ = c.Close()
}
