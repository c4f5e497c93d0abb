package quick

import (
	"net"
	"time"
)

// A client that does not read its answers holds a connection just as one that
// sends nothing does. Once a write has waited so long for its client, the
// connection counts as waiting, since the write began, and may be closed to make
// room: see Peers.
const stalled = 3 * time.Second

// pieceSize is how much is written at once, in bytes: a client that takes as much
// as that in the time above reads, if slowly.
const pieceSize = 64 << 10

// Write writes for net/http.
func (c *conn) Write(p []byte) (int, error) { return c.writeFrom(time.Now(), p) }

// writeFrom writes, beginning now.
func (c *conn) writeFrom(now time.Time, p []byte) (n int, err error) {
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

func (c *conn) sends(now time.Time) { c.writing.Store(max(1, int64(now.Sub(c.since)))) }

// Sends says that a connection that was taken over begins to write, until done is
// called.
func Sends(nc net.Conn) (done func()) {
	t, ok := Bare(nc).(*tracked)
	if !ok {
		return func() {}
	}
	t.conn.sends(time.Now())
	return func() { t.conn.writing.Store(0) }
}

// waitsSince is since when the connection has waited for its client; the zero
// value when it does not.
func (c *conn) waitsSince(now time.Time) time.Time {
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
func (c *conn) writesSince() time.Time {
	ns := c.writing.Load()
	if ns == 0 {
		return time.Time{}
	}
	return c.since.Add(time.Duration(ns))
}

// giveWay marks the connection as closed if it has waited for its client ever since.
// A request that is worked on is answered: nothing that was accepted is lost.
func (c *conn) giveWay(since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.quiet.Equal(since) && !c.writesSince().Equal(since) {
		return false
	}
	c.closed = true
	return true
}

// cutOff marks the connection as closed, whatever it does; false if it was already.
func (c *conn) cutOff() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := !c.closed
	c.closed = true
	return open
}
