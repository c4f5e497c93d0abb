package peers

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A client that does not read its answers holds a connection just as one that
// sends nothing does. Once a write has waited so long for its client, the
// connection counts as waiting, since the write began.
const stalled = 3 * time.Second

// pieceSize is how much is written at once, in bytes: a client that takes as much
// as that in the time above reads, if slowly.
const pieceSize = 64 << 10

// Conn is a connection of a Set. It knows since when it has waited for its client:
// for the next request, for the rest of one, or for an answer to be taken. A
// request counts as waiting from its beginning, so that sending it byte by byte
// does not make it look young.
//
// It belongs to net/http, which uses Read and Write; or, until HandOver, to somebody
// who reads from the embedded connection and calls Waiting, Partial and Working.
type Conn struct {
	net.Conn
	Peer netip.Addr // the client's address

	set     *Set
	ahead   []byte       // read before net/http got the connection; only the goroutine that reads uses it
	since   time.Time    // the connection exists
	writing atomic.Int64 // since when a write waits for the client, in ns from since; 0: none does

	mu      sync.Mutex
	quiet   time.Time // since when it waits for its client; the zero value while a request is worked on
	heard   time.Time // when the last part of a request came
	began   time.Time // when it began to wait for the request
	partial bool      // the request's head or body may have more to come
	fresh   bool      // it has had no request yet
	closed  bool      // or about to be
	over    bool      // ends were called
	ends    []func()  // to be called when it is closed

	place place // the Set has it under its own lock
}

// newConn is a connection that was just accepted.
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

// tracked is a connection that is counted until it is closed, also by somebody who
// has taken it over.
type tracked struct {
	*net.TCPConn
	conn *Conn
}

// Close closes the connection.
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

// of is the Conn of a connection that may have been unwrapped; nil when it is none.
func of(nc net.Conn) *Conn {
	switch c := nc.(type) {
	case *Conn:
		return c
	case *tracked:
		return c.conn
	}
	return nil
}

// OnClose has fn called when a connection of a Set is closed, or at once when it is
// already. False when nobody will know.
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

// ended calls what is to be called when the connection is closed, once.
func (c *Conn) ended() {
	c.mu.Lock()
	ends := c.ends
	c.closed, c.over, c.ends = true, true, nil
	c.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.ended()
	return c.Conn.Close()
}

// CloseWrite is net/http's gentle way of ending a connection.
func (c *Conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// Waiting says that the connection has waited for its next request since a time.
func (c *Conn) Waiting(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet, c.partial, c.fresh = since, false, false
}

// Partial says that a part of a request has come.
func (c *Conn) Partial() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard, c.partial = time.Now(), true
}

// Working says that a request is there whole, and worked on from now on; false when
// the connection had to give way, so that the request must not be begun.
func (c *Conn) Working() (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.quiet = c.quiet, time.Time{}
	return !c.closed
}

// HandOver gives the connection to net/http, for good, with what was read of its
// next request. False when it had to give way.
func (c *Conn) HandOver(ahead []byte) (open bool) {
	_ = c.SetDeadline(time.Time{})
	c.ahead = append([]byte(nil), ahead...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.quiet.IsZero() {
		c.began = c.quiet
	}
	c.partial = true // and it waits until net/http reads what there is
	return !c.closed
}

// Read reads for net/http. The connection waits meanwhile if the request has more
// to come. What has come from one that had to give way is not handed on.
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

// lacks reports whether the request has more to come. Then the connection waits.
func (c *Conn) lacks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.partial && c.quiet.IsZero() {
		c.quiet = c.began
	}
	return c.partial // else net/http looks out for the client to go away
}

// goesOn says that the connection waits no longer, since so many bytes have come.
func (c *Conn) goesOn(n int) (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = time.Time{}
	if n > 0 {
		c.heard = time.Now()
	}
	return !c.closed
}

// hasAll says that net/http has the head or, with it, the body.
func (c *Conn) hasAll() (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet, c.partial = time.Time{}, false
	return !c.closed
}

// state follows net/http, for http.Server.ConnState.
func (c *Conn) state(s http.ConnState) {
	switch s {
	case http.StateIdle:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.began = time.Now()
		c.quiet, c.partial = c.began, true
	case http.StateActive: // its head has arrived
		c.hasAll()
	case http.StateHijacked:
		c.hasAll()
		c.set.drop(c)
		c.set.takenOver(c)
	}
}

// Write writes for net/http.
func (c *Conn) Write(p []byte) (int, error) { return c.WriteFrom(time.Now(), p) }

// WriteFrom writes, beginning now.
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

// Sends says that a connection that was taken over begins to write, until done is
// called.
func Sends(nc net.Conn) (done func()) {
	c := of(nc)
	if c == nil {
		return func() {}
	}
	c.sends(time.Now())
	return func() { c.writing.Store(0) }
}

// waitsSince is since when the connection has waited for its client; the zero
// value when it does not.
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

// writesSince is since when a write waits for the client; the zero value when none
// does.
func (c *Conn) writesSince() time.Time {
	ns := c.writing.Load()
	if ns == 0 {
		return time.Time{}
	}
	return c.since.Add(time.Duration(ns))
}

// giveWay marks the connection as closed if it has waited for its client ever since.
// A request that is worked on is answered: nothing that was accepted is lost.
func (c *Conn) giveWay(since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.quiet.Equal(since) && !c.writesSince().Equal(since) {
		return false
	}
	c.closed = true
	return true
}

// rests marks the connection as closed if it is between two requests, with nothing
// of the next one there.
func (c *Conn) rests() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.partial || c.fresh || c.quiet.IsZero() {
		return false
	}
	c.closed = true
	return true
}

// cutOff marks the connection as closed, whatever it does; false if it was already.
func (c *Conn) cutOff() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := !c.closed
	c.closed = true
	return open
}
