package peers

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A client that does not read its answers occupies a connection just like one that
// sends nothing. Once a write has been blocked this long, the connection counts as
// waiting since the write began.
const stalled = 3 * time.Second

// pieceSize is how many bytes are written at once. A client that accepts this much
// within the time above does read, though slowly.
const pieceSize = 64 << 10

// Conn is a connection of a Set. It tracks since when it has waited for its client:
// for the next request, for the rest of one, or for an answer to be read. A request
// counts as waiting from its beginning, so that sending it byte by byte does not make
// it look recent.
//
// It belongs to net/http, which uses Read and Write, or, until HandOver, to a caller
// that reads from the embedded connection and calls Waiting, Partial and Working.
type Conn struct {
	net.Conn
	Peer netip.Addr // the client's address

	set     *Set
	ahead   []byte       // read before net/http got the connection; used only by the reading goroutine
	since   time.Time    // when the connection was accepted
	writing atomic.Int64 // since when a write has been blocked, in ns after since; 0: none is

	mu      sync.Mutex
	quiet   time.Time // since when it has waited for its client; zero while a request is being served
	heard   time.Time // when the last part of a request arrived
	began   time.Time // when it began to wait for the request
	partial bool      // the request's head or body may have more to come
	fresh   bool      // it has had no request yet
	closed  bool      // or about to be
	over    bool      // the functions in ends have been called
	ends    []func()  // called when the connection is closed

	place place // guarded by the Set's lock
}

// newConn wraps a connection that was just accepted.
func newConn(inner net.Conn, set *Set) *Conn {
	c := &Conn{Conn: inner, set: set, since: time.Now(), partial: true, fresh: true}
	c.quiet, c.began = c.since, c.since
	if at, ok := inner.RemoteAddr().(*net.TCPAddr); ok {
		c.Peer = at.AddrPort().Addr().Unmap().WithZone("")
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		c.Conn = &tracked{tcp, c}
	}
	return c
}

// tracked is a connection that stays counted until it is closed, also after it was
// hijacked.
type tracked struct {
	*net.TCPConn
	conn *Conn
}

func (c *tracked) Close() error {
	c.conn.ended()
	return c.TCPConn.Close()
}

// Bare unwraps a connection of a Set, for callers that hijack it.
func Bare(nc net.Conn) net.Conn {
	if c, ok := nc.(*Conn); ok {
		return c.Conn
	}
	return nc
}

// of returns the Conn of a connection that may have been unwrapped, or nil.
func of(nc net.Conn) *Conn {
	switch c := nc.(type) {
	case *Conn:
		return c
	case *tracked:
		return c.conn
	}
	return nil
}

// OnClose arranges for fn to be called when a connection of a Set is closed, or
// calls it now if it is closed already. It returns false for other connections.
func OnClose(nc net.Conn, fn func()) bool {
	c := of(nc)
	if c == nil {
		return false
	}
	c.mu.Lock()
	over := c.over
	if !over {
		c.ends = append(c.ends, fn)
	}
	c.mu.Unlock()
	if over {
		fn()
	}
	return true
}

// ended calls the functions registered with OnClose, once.
func (c *Conn) ended() {
	c.mu.Lock()
	ends := c.ends
	c.closed, c.over, c.ends = true, true, nil
	c.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

func (c *Conn) Close() error {
	c.ended()
	return c.Conn.Close()
}

// CloseWrite lets net/http half-close the connection.
func (c *Conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// Waiting marks the connection as waiting for its next request since a time.
func (c *Conn) Waiting(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet, c.partial, c.fresh = since, false, false
}

// Partial marks that part of a request has arrived.
func (c *Conn) Partial() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard, c.partial = time.Now(), true
}

// Working marks that a request has arrived completely and is being served. It
// returns false if the connection had to give way; the request must then not be
// started.
func (c *Conn) Working() (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.quiet = c.quiet, time.Time{}
	return !c.closed
}

// HandOver gives the connection to net/http for good, with the bytes already read of
// its next request. It returns false if the connection had to give way.
func (c *Conn) HandOver(ahead []byte) (open bool) {
	_ = c.SetDeadline(time.Time{})
	c.ahead = append([]byte(nil), ahead...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.quiet.IsZero() {
		c.began = c.quiet
	}
	c.partial = true // it waits until net/http reads what has arrived
	return !c.closed
}

// Read reads for net/http. While the request is incomplete, the connection counts as
// waiting. Data from a connection that had to give way is not passed on.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		if !c.goesOn(0) {
			return 0, net.ErrClosed
		}
		return n, nil
	}
	c.ahead = nil
	waits := c.lacks()
	n, err := c.Conn.Read(p)
	if waits && !c.goesOn(n) {
		return 0, net.ErrClosed
	}
	return n, err
}

// lacks reports whether the request is incomplete, and if so marks the connection as
// waiting.
func (c *Conn) lacks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.partial && c.quiet.IsZero() {
		c.quiet = c.began
	}
	return c.partial // otherwise net/http only watches for the client to disconnect
}

// goesOn ends the waiting after n bytes have arrived.
func (c *Conn) goesOn(n int) (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = time.Time{}
	if n > 0 {
		c.heard = time.Now()
	}
	return !c.closed
}

// hasAll marks that net/http has the head or, with it, the body.
func (c *Conn) hasAll() (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet, c.partial = time.Time{}, false
	return !c.closed
}

// state follows net/http's connection states, for http.Server.ConnState.
func (c *Conn) state(s http.ConnState) {
	switch s {
	case http.StateIdle:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.began = time.Now()
		c.quiet, c.partial = c.began, true
	case http.StateActive: // the head has arrived
		c.hasAll()
	case http.StateHijacked:
		c.hasAll()
		c.set.drop(c)
		c.set.takenOver(c)
	}
}

// Write writes for net/http.
func (c *Conn) Write(p []byte) (int, error) { return c.WriteFrom(time.Now(), p) }

// WriteFrom writes p; now is the time at which it begins.
func (c *Conn) WriteFrom(now time.Time, p []byte) (n int, err error) {
	defer c.writing.Store(0)
	for {
		c.sends(now)
		m, err := c.Conn.Write(p[n:min(len(p), n+pieceSize)])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
		now = time.Now()
	}
}

func (c *Conn) sends(now time.Time) { c.writing.Store(max(1, int64(now.Sub(c.since)))) }

// Sends marks that a hijacked connection begins to write, until done is called.
func Sends(nc net.Conn) (done func()) {
	c := of(nc)
	if c == nil {
		return func() {}
	}
	c.sends(time.Now())
	return func() { c.writing.Store(0) }
}

// waitsSince returns since when the connection has waited for its client, or zero.
func (c *Conn) waitsSince(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return time.Time{}
	}
	if at := c.writesSince(); c.quiet.IsZero() && !at.IsZero() && now.Sub(at) >= stalled {
		return at
	}
	return c.quiet
}

// writesSince returns since when a write has been blocked, or zero.
func (c *Conn) writesSince() time.Time {
	ns := c.writing.Load()
	if ns == 0 {
		return time.Time{}
	}
	return c.since.Add(time.Duration(ns))
}

// giveWay marks the connection as closed if it has waited for its client without a
// break since the given time. A request that is being served is answered: no
// accepted request is lost.
func (c *Conn) giveWay(since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.quiet.Equal(since) && !c.writesSince().Equal(since) {
		return false
	}
	c.closed = true
	return true
}

// rests marks the connection as closed if it is idle between two requests.
func (c *Conn) rests() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.partial || c.fresh || c.quiet.IsZero() {
		return false
	}
	c.closed = true
	return true
}

// cutOff marks the connection as closed in any state; false if it was already.
func (c *Conn) cutOff() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := !c.closed
	c.closed = true
	return open
}
