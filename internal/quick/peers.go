package quick

import (
	"container/heap"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Peers bounds how many connections there are at once, so that nobody takes all
// descriptors of the process. When there is no room for a newcomer, the client
// with the most connections loses the one that has waited longest, for a request
// or for an answer to be read.
type Peers struct {
	Most   int                   // in all; 0: no bound
	Each   int                   // from one client: an address, or an IPv6 network of 64 bits
	Exempt func(netip.Addr) bool // whose connections are those of many: trusted proxies; nil: nobody's

	mu      sync.Mutex
	all     int
	origins map[netip.Addr]*origin
	bySize  bySize
}

// origin is the connections of one client.
type origin struct {
	conns []*conn
	at    int       // in Peers.bySize
	next  []waiting // that are to give way next, the last one first; some may work again
}

// place is where Peers has a connection.
type place struct {
	of      *origin // nil: it is exempt
	at      int     // in of.conns
	counted bool
}

// Answers to connections that are one too many, before anything was read.
const (
	fullForAll = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nCache-Control: private, no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	fullForOne = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nCache-Control: private, no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

// enter counts a connection until leave is called; "" when there is room for it,
// or some was made, else what it is answered.
func (p *Peers) enter(c *conn) (refusal string) {
	if p.Most == 0 {
		return ""
	}
	exempt := p.Exempt != nil && p.Exempt(c.peer)
	victim, refusal := p.place(c, exempt)
	if victim != nil {
		_ = victim.Conn.Close()
	}
	return refusal
}

// place finds room for a connection; victim is the one to close for it.
func (p *Peers) place(c *conn, exempt bool) (victim *conn, refusal string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var own *origin
	if !exempt {
		own = p.origin(Network(c.peer))
		defer p.forget(own, Network(c.peer))
	}
	switch {
	case own != nil && len(own.conns) >= p.Each:
		if victim = own.yield(); victim == nil {
			return nil, fullForOne
		}
	case p.all >= p.Most:
		if victim = p.yield(own); victim == nil {
			return nil, fullForAll
		}
	}
	if victim != nil {
		if of := p.remove(victim); of != own {
			p.forget(of, Network(victim.peer))
		}
	}
	p.all++
	c.place = place{of: own, counted: true}
	if own != nil {
		c.place.at = len(own.conns)
		own.conns = append(own.conns, c)
		heap.Fix(&p.bySize, own.at)
	}
	return victim, ""
}

// leave counts a connection no longer.
func (p *Peers) leave(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(p.remove(c), Network(c.peer))
}

// remove takes a connection out, and says whose it was.
func (p *Peers) remove(c *conn) *origin {
	if !c.place.counted {
		return nil
	}
	p.all--
	of, at := c.place.of, c.place.at
	c.place = place{}
	if of == nil {
		return nil
	}
	last := len(of.conns) - 1
	of.conns[at] = of.conns[last]
	of.conns[at].place.at = at
	of.conns[last] = nil
	of.conns = of.conns[:last]
	heap.Fix(&p.bySize, of.at)
	return of
}

// origin finds or makes the client of a network.
func (p *Peers) origin(network netip.Addr) *origin {
	one := p.origins[network]
	if one == nil {
		if p.origins == nil {
			p.origins = map[netip.Addr]*origin{}
		}
		one = &origin{}
		p.origins[network] = one
		heap.Push(&p.bySize, one)
	}
	return one
}

// forget drops a client without connections.
func (p *Peers) forget(one *origin, network netip.Addr) {
	if one != nil && len(one.conns) == 0 && p.origins[network] == one {
		delete(p.origins, network)
		heap.Remove(&p.bySize, one.at)
	}
}

// mostAsked is how many clients are asked for a connection that can give way.
const mostAsked = 16

// yield is a connection that gives way to one of own: of the client with the
// most connections, or of one of the next if all of those work. Nobody has to
// give way to a client with more connections than they have.
func (p *Peers) yield(own *origin) *conn {
	size := 0
	if own != nil {
		size = len(own.conns)
	}
	for _, one := range p.bySize[:min(len(p.bySize), mostAsked)] { // a heap begins with its largest
		if len(one.conns) <= size {
			continue
		}
		if c := one.yield(); c != nil {
			return c
		}
	}
	if own != nil {
		return own.yield()
	}
	return nil
}

// mostNext is how many connections are found at once that are to give way.
const mostNext = 64

// yield is the connection that has waited longest; nil when none waits.
func (one *origin) yield() *conn {
	for range 2 {
		for len(one.next) > 0 {
			last := len(one.next) - 1
			w := one.next[last]
			one.next = one.next[:last]
			if w.c.place.of == one && w.c.giveWay(w.since) {
				return w.c
			}
		}
		one.find()
	}
	return nil
}

// waiting is a connection that has waited for its client since a time.
type waiting struct {
	c     *conn
	since time.Time
}

// find looks for the connections that have waited longest.
func (one *origin) find() {
	var list []waiting
	now := time.Now()
	for _, c := range one.conns {
		if since := c.waitsSince(now); !since.IsZero() {
			list = append(list, waiting{c, since})
		}
	}
	slices.SortFunc(list, func(a, b waiting) int { return a.since.Compare(b.since) })
	one.next = append(one.next[:0], list[:min(len(list), mostNext)]...)
	slices.Reverse(one.next)
}

// bySize is a heap of clients, that with the most connections first.
type bySize []*origin

func (h bySize) Len() int           { return len(h) }
func (h bySize) Less(i, j int) bool { return len(h[i].conns) > len(h[j].conns) }
func (h bySize) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *bySize) Push(x any) {
	one := x.(*origin)
	one.at = len(*h)
	*h = append(*h, one)
}

// Pop implements heap.Interface.
func (h *bySize) Pop() any {
	last := len(*h) - 1
	one := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return one
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
	conn *conn

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
