package peers

import (
	"cmp"
	"container/heap"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Set limits the number of connections, so that nobody uses up the descriptors of the
// process. When a new connection finds no room, the client with the most connections
// loses the one that has waited longest for a request, or for an answer to be read.
// Hijacked connections (live feeds) are counted apart: they never wait, so they would
// hide those that do. If no connection waits, the client with the most feeds loses its
// oldest one.
//
// Connections of trusted proxies serve many clients. They give way only when no other
// connection waits, and only after waiting for some seconds; a connection that the
// proxy has just opened or uses all the time does not.
type Set struct {
	Most   int                   // in all; 0: no bound
	Each   int                   // from one client: an address, or an IPv6 network of 64 bits
	Exempt func(netip.Addr) bool // whose connections are those of many: trusted proxies; nil: nobody's

	mu      sync.Mutex
	all     int
	origins map[netip.Addr]*origin
	bySize  mostFirst[*origin]
	exempt  origin // all connections of proxies; not in origins and bySize
	feeds   Holders[*origin, *Conn]
	search  search // over all clients' connections

	openMu sync.Mutex
	open   map[*Conn]struct{} // without hijacked connections
}

// Listener returns l with its connections counted; it accepts *Conn.
func (p *Set) Listener(l net.Listener) net.Listener { return &listener{l, p} }

type listener struct {
	net.Listener
	set *Set
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := newConn(inner, l.set)
		if refusal := l.set.enter(c); refusal != "" {
			refuse(inner, refusal)
			continue
		}
		l.set.keep(c)
		OnClose(c, func() { l.set.drop(c); l.set.leave(c) })
		return c, nil
	}
}

// origin holds the connections of one client.
type origin struct {
	conns []*Conn
	feeds int // of conns, that were taken over
	at    int // in Set.bySize
	search
}

// place is a connection's position in the Set.
type place struct {
	of   *origin // nil: it is not counted
	at   int     // in of.conns
	feed *Held[*origin, *Conn]
}

// Answers to connections beyond the limits, sent before anything is read.
const (
	fullForAll = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nCache-Control: private, no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	fullForOne = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nCache-Control: private, no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

// enter counts a connection until leave is called. It returns "" if there is room,
// or room was made, and otherwise the answer that refuses the connection.
func (p *Set) enter(c *Conn) (refusal string) {
	if p.Most == 0 {
		return ""
	}
	victim, refusal := p.place(c, p.Exempt != nil && p.Exempt(c.Peer))
	if victim != nil {
		_ = victim.Close()
	}
	return refusal
}

// place finds room for a connection; the caller closes victim to make it.
func (p *Set) place(c *Conn, exempt bool) (victim *Conn, refusal string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := &p.exempt
	if !exempt {
		own = p.origin(Network(c.Peer))
		defer p.forget(own, Network(c.Peer))
	}
	switch {
	case !exempt && len(own.conns) >= p.Each:
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
			p.forget(of, Network(victim.Peer))
		}
	}
	p.all++
	c.place = place{of: own, at: len(own.conns)}
	own.conns = append(own.conns, c)
	p.resized(own)
	return victim, ""
}

// leave stops counting a connection.
func (p *Set) leave(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(p.remove(c), Network(c.Peer))
}

// remove takes a connection out and returns its client.
func (p *Set) remove(c *Conn) *origin {
	of, at := c.place.of, c.place.at
	if of == nil {
		return nil
	}
	p.all--
	if c.place.feed != nil {
		p.feeds.Remove(c.place.feed)
		of.feeds--
	}
	c.place = place{}
	last := len(of.conns) - 1
	of.conns[at] = of.conns[last]
	of.conns[at].place.at = at
	of.conns[last] = nil
	of.conns = of.conns[:last]
	p.resized(of)
	return of
}

// resized restores the order of clients after one has gained or lost a connection.
func (p *Set) resized(of *origin) {
	if of != &p.exempt {
		heap.Fix(&p.bySize, of.at)
	}
}

// origin returns the client of a network, and creates it if needed.
func (p *Set) origin(network netip.Addr) *origin {
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
func (p *Set) forget(one *origin, network netip.Addr) {
	if one != nil && len(one.conns) == 0 && p.origins[network] == one {
		delete(p.origins, network)
		heap.Remove(&p.bySize, one.at)
	}
}

// takenOver counts a connection as a live feed.
func (p *Set) takenOver(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := c.place.of
	if of == nil || of == &p.exempt || c.place.feed != nil { // the gateway counts viewers behind proxies
		return
	}
	c.place.feed = p.feeds.Add(of, c)
	of.feeds++
	p.resized(of)
}

// yield chooses the connection that gives way to a new one of own: one of the client
// with the most connections that are not feeds, or of another client if all of those
// are busy; else one of a proxy; else a live feed, whose viewer reconnects. Only
// clients with more connections than own give way. For feeds, the other client must
// afterwards still have as many as own then has, unless own has none yet; otherwise
// two clients would displace each other forever.
func (p *Set) yield(own *origin) *Conn {
	size := 0 // of a proxy, whose newcomer is somebody else's than the connections that it has
	if own != &p.exempt {
		size = len(own.conns)
	}
	if len(p.bySize) > 0 && len(p.bySize[0].conns) > size {
		if c := p.bySize[0].yield(); c != nil {
			return c
		}
	}
	if c := p.search.yield(size, p.allWaiters); c != nil {
		return c
	}
	if own != &p.exempt {
		if c := own.yield(); c != nil {
			return c
		}
	}
	if c := p.exempt.search.yield(-1, p.exempt.unused); c != nil {
		return c
	}
	if size > 0 { // otherwise two would displace each other
		size++
	}
	if of, _, oldest := p.feeds.Most(); oldest != nil && len(of.conns) > size && oldest.Value.cutOff() {
		return oldest.Value
	}
	return nil
}

// allWaiters returns all clients' waiting connections, those of the client with the
// most first.
func (p *Set) allWaiters(now time.Time) []waiter {
	var list []waiter
	for _, one := range p.bySize {
		list = one.appendWaiters(list, now)
	}
	slices.SortFunc(list, func(a, b waiter) int {
		return cmp.Or(cmp.Compare(b.c.place.of.count(), a.c.place.of.count()), a.since.Compare(b.since))
	})
	return list
}

// count returns how many connections are not feeds.
func (one *origin) count() int { return len(one.conns) - one.feeds }

func (one *origin) position() *int { return &one.at }

// yield returns the connection that has waited longest, or nil if none waits.
func (one *origin) yield() *Conn { return one.search.yield(-1, one.waiters) }

// waiters returns the waiting connections, longest first.
func (one *origin) waiters(now time.Time) []waiter {
	list := one.appendWaiters(nil, now)
	slices.SortFunc(list, func(a, b waiter) int { return a.since.Compare(b.since) })
	return list
}

// unused returns the connections that have waited for some seconds, longest first.
func (one *origin) unused(now time.Time) []waiter {
	list := one.waiters(now)
	n := slices.IndexFunc(list, func(w waiter) bool { return now.Sub(w.since) < stalled })
	if n < 0 {
		return list
	}
	return list[:n]
}

func (one *origin) appendWaiters(list []waiter, now time.Time) []waiter {
	for _, c := range one.conns {
		if since := c.waitsSince(now); !since.IsZero() {
			list = append(list, waiter{c, since})
		}
	}
	return list
}

// waiter is a connection that has waited for its client since a time.
type waiter struct {
	c     *Conn
	since time.Time
}

const (
	mostNext = 64 // connections that are found at once
	restPart = 10 // a search without result is not repeated for this many times its own duration
)

// search finds waiting connections, many at once, because each scan looks at all of
// them. When all are busy, pauses between scans keep their cost small.
type search struct {
	next  []waiter  // that are to give way next, the last one first; some may work again
	ended time.Time // when nothing was found
	took  time.Duration
}

// yield returns a waiting connection of a client with more than size.
func (s *search) yield(size int, look func(time.Time) []waiter) *Conn {
	if c := s.take(size); c != nil {
		return c
	}
	start := time.Now()
	if start.Sub(s.ended) < restPart*s.took {
		return nil
	}
	list := look(start)
	s.next = append(s.next[:0], list[:min(len(list), mostNext)]...)
	slices.Reverse(s.next)
	c := s.take(size)
	if s.took = 0; c == nil {
		s.ended = time.Now()
		s.took = s.ended.Sub(start)
	}
	return c
}

// take returns the first candidate that still waits.
func (s *search) take(size int) *Conn {
	for i := len(s.next) - 1; i >= 0; i-- {
		w := s.next[i]
		of := w.c.place.of
		if of != nil && len(of.conns) <= size {
			continue
		}
		s.next = slices.Delete(s.next, i, i+1)
		if of != nil && w.c.giveWay(w.since) {
			return w.c
		}
	}
	return nil
}

// Network returns the unit in which addresses are counted: an IPv4 address, or the
// first 64 bits of an IPv6 address, since one customer of a provider has all of the
// rest.
func Network(addr netip.Addr) netip.Addr {
	if addr.Is6() && !addr.Is4In6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr.Unmap()
}

// refuse answers a connection beyond the limits. It need not wait: a new socket's
// buffer has room for the answer.
func refuse(c net.Conn, answer string) {
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = c.Write([]byte(answer))
	_ = c.Close()
}
