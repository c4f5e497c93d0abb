package quick

import (
	"net"
	"time"
)

// A connection waits for its client from one answer to the next request, and
// whenever net/http reads what the request still lacks: a long head, a body, or
// a body that the handler did not want, which net/http reads to its end. Then it
// may be closed to make room: see Peers. A request counts as waiting from its
// beginning, so that sending it byte by byte does not make it look young.

// pass reads what net/http wants to have of the request that it has.
func (c *conn) pass(p []byte) (int, error) {
	switch {
	case c.rest > 0:
		n, err := c.await(p[:min(len(p), c.rest)])
		c.rest -= n
		return n, err
	case !c.long:
		return c.lookOut(p)
	case len(c.ahead) > 0:
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	return c.await(p)
}

// await reads from a connection, which waits meanwhile if the request has more to
// come. What has come from one that had to give way is not handed on.
func (c *conn) await(p []byte) (int, error) {
	waits := c.lacks()
	n, err := c.Conn.Read(p)
	if waits && !c.goesOn(n) {
		return 0, net.ErrClosed
	}
	return n, err
}

// lacks reports whether the request has more to come. Then the connection waits.
func (c *conn) lacks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rest == 0 && !c.partial {
		return false // net/http looks out for the client to go away
	}
	if c.quiet.IsZero() {
		c.quiet = c.began
	}
	return true
}

// goesOn says that the connection waits no longer, since so many bytes have come.
func (c *conn) goesOn(n int) (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = time.Time{}
	if n > 0 {
		c.heard = time.Now()
	}
	return !c.closed
}

// waitsForNext says that the connection waits for its next request.
func (c *conn) waitsForNext() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = time.Now()
	c.quiet, c.partial = c.began, true
}

// handed says that net/http has got a request, and works on it.
func (c *conn) handed(partial bool) (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.quiet, c.partial = time.Now(), time.Time{}, partial
	return !c.closed
}

// hasAll says that the head or, with it, the body is there whole.
func (c *conn) hasAll() (open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet, c.partial = time.Time{}, false
	return !c.closed
}

// hasHead says that the body is to come.
func (c *conn) hasHead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = true
}
