package quick

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Door stands between a listener and an http.Server: the connections that it
// lets through answer plain requests for its operations themselves, while
// net/http waits for the next request in Read. Attach joins it to the server.
type Door struct {
	// Answer appends the whole answer to a request of an operation; false makes it
	// go the long way, and nothing may have happened then.
	Answer func(o *Operation, q *Request, out []byte) (answer []byte, ok bool)
	// Idle is how long a connection may wait for its next request, and Head how
	// long a request's head may take; both as the server has it, which should limit
	// how long writing takes, too. Body is how long the body may take to begin to
	// come, from the beginning of the request; 0: for ever.
	Idle, Head, Body time.Duration
	// Peers bounds the connections. It must not be changed once there are some.
	Peers Peers

	operations []Operation
	busy       atomic.Int64 // requests under way
	draining   atomic.Bool

	mu   sync.Mutex
	open map[*conn]struct{} // connections that the server has, but for those that were taken over
}

// Attach joins a server to the door. It must be called before the server serves,
// and once its handler and limits of time are set.
func (d *Door) Attach(s *http.Server) {
	d.Idle, d.Head, d.Body = s.IdleTimeout, s.ReadHeaderTimeout, s.ReadTimeout
	s.Handler, s.ConnState, s.ConnContext = bodies(s.Handler), d.connState, connContext
}

// Add gives operations a short way. It must not be called once there are
// connections.
func (d *Door) Add(list ...Operation) { d.operations = append(d.operations, list...) }

// Bare unwraps a connection of a door, for callers that hijack it. What the door
// has already read of it is lost to them.
func Bare(nc net.Conn) net.Conn {
	if c, ok := nc.(*conn); ok {
		return c.Conn
	}
	return nc
}

// Listener is l with the door before it.
func (d *Door) Listener(l net.Listener) net.Listener { return &listener{l, d} }

type listener struct {
	net.Listener
	door *Door
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: inner, door: l.door, idle: true, fresh: true, since: time.Now()}
		c.quiet = c.since
		if at, ok := inner.RemoteAddr().(*net.TCPAddr); ok {
			c.peer = at.AddrPort().Addr().Unmap().WithZone("")
		}
		tcp, ok := inner.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		c.Conn = &tracked{TCPConn: tcp, conn: c}
		if refusal := l.door.Peers.enter(c); refusal != "" {
			refuse(tcp, refusal)
			continue
		}
		OnClose(c, func() { l.door.Peers.leave(c) })
		return c, nil
	}
}

// connState is for http.Server.
func (d *Door) connState(nc net.Conn, s http.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	switch s {
	case http.StateNew:
		d.keep(c)
	case http.StateIdle:
		c.long = c.long || c.rest > 0 // which cannot be
		c.idle = !c.long
		c.fresh, c.until = false, time.Time{}
		c.waitsForNext()
	case http.StateActive: // its head has arrived
		c.hasAll()
	case http.StateHijacked:
		c.long = true
		c.hasAll()
		d.drop(c)
		d.Peers.takenOver(c)
	case http.StateClosed:
		d.drop(c)
	}
}

// Serving is the connection of a request that net/http serves.
type Serving interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

type servingKey struct{}

// connContext is for http.Server, so that ServingOf finds the connection.
func connContext(ctx context.Context, nc net.Conn) context.Context {
	if c, ok := nc.(*conn); ok {
		return WithServing(ctx, c)
	}
	return ctx
}

// WithServing is a context whose requests come by a connection.
func WithServing(ctx context.Context, c Serving) context.Context {
	return context.WithValue(ctx, servingKey{}, c)
}

// ServingOf is the connection of the request that a context belongs to; nil when
// it came through no door.
func ServingOf(ctx context.Context) Serving {
	c, _ := ctx.Value(servingKey{}).(Serving)
	return c
}

// conn is a connection that serves requests of its door while net/http reads the
// first byte of the next request from it. What it hands on it counts, so as to
// know where the next request begins; when it does not know, the rest of the
// connection goes the long way.
type conn struct {
	net.Conn
	door *Door
	peer netip.Addr

	// Only the goroutine that reads uses these; of net/http's there is one at a time.
	idle     bool      // net/http waits for a request
	request  Request   // that is read
	ahead    []byte    // read before net/http waited for it
	rest     int       // bytes of the request that net/http reads, which are still to come
	long     bool      // all goes the long way from here on
	fresh    bool      // net/http has not answered a request yet
	least    int       // bytes for which net/http waits before it reads a request
	posted   bool      // the last request was a POST
	answered time.Time // when the last request of an operation was
	since    time.Time // of the connection
	begun    time.Time // when the request that was handed over began, if net/http counts from another time
	until    time.Time // the deadlines as they were moved here; the zero value is net/http's

	writing atomic.Int64 // since when a write waits for the client, in ns from since; 0: none does

	mu      sync.Mutex
	busy    bool      // a request is being answered
	quiet   time.Time // since when it waits for its client; the zero value while a request is worked on
	heard   time.Time // when the last part of a request came that net/http waited for
	began   time.Time // when net/http got the request or, on the long way, began to wait for it
	partial bool      // on the long way, the request's head or body may have more to come
	closed  bool

	place place // Peers has it under its own lock
}

// Read reads for net/http.
func (c *conn) Read(p []byte) (int, error) {
	if !c.idle {
		return c.pass(p)
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	skipped := 0
	var begun time.Time // when the door began to wait for the rest of a request
	q := &c.request
	for {
		// After a POST net/http takes up to four bytes of empty lines for nothing, and
		// refuses all others. It cannot know of the POSTs that were answered here.
		for ; c.posted && skipped < 4 && n > 0 && endsLine(p[0]); skipped++ {
			n = copy(p, p[1:n])
		}
		if n > 0 && endsLine(p[0]) {
			p[0] = 0 // is refused, too, and after a POST of its own
		}
		*q = Request{}
		f := parse(p[:n], q)
		var o *Operation
		if f.framed && f.plain && f.size <= len(p) {
			o = c.door.find(q)
		}
		switch {
		case n < len(p) && (f.cut || n+skipped < c.least || o != nil && n < f.size):
			if n > 0 && begun.IsZero() { // not for ever
				begun = time.Now()
				c.moveDeadline(begun.Add(c.door.Head))
			}
			if o != nil && time.Until(c.until) > bodyMoment {
				c.moveDeadline(time.Now().Add(bodyMoment))
			}
			m, err := c.Conn.Read(p[n:])
			switch n += m; {
			case err == nil:
				continue
			case n == 0, n+skipped < c.least:
				return 0, err
			case o == nil:
				return c.handOver(p[:n], &f, begun, err)
			} // net/http has more patience with a body
		case o != nil:
			q.Body = p[f.head:f.size]
			done, err := c.serve(o, q)
			if err != nil {
				return 0, err
			}
			if done {
				c.least, c.posted = 4, q.Method == http.MethodPost
				n, skipped, begun = copy(p, p[f.size:n]), 0, time.Time{}
				continue
			}
		}
		c.posted = q.Method == http.MethodPost
		return c.handOver(p[:n], &f, begun, nil)
	}
}

func endsLine(c byte) bool { return c == '\r' || c == '\n' }

// bodyMoment is how long the door waits for the body of an operation with a short
// way, once its head is there. After that net/http refuses the request without its
// body, or reads it.
const bodyMoment = time.Second

func (c *conn) moveDeadline(t time.Time) {
	c.until = t
	_ = c.Conn.SetDeadline(t)
}

// handOver leaves the request that b begins with to net/http, as much as there is
// of it, and says how many bytes that are. The door has waited for it since begun,
// if it had to.
func (c *conn) handOver(b []byte, f *frame, begun time.Time, err error) (int, error) {
	c.idle = false
	if !c.handed(!f.framed) {
		return 0, net.ErrClosed
	}
	switch {
	case !f.framed:
		c.long = true
	case len(b) > f.size: // the next one is behind it
		c.ahead = append([]byte(nil), b[f.size:]...)
		b = b[:f.size]
	}
	c.rest = max(0, f.size-len(b))
	c.begun = begun
	if !c.until.IsZero() { // net/http counts from when it began to wait
		now := time.Now()
		_ = c.Conn.SetReadDeadline(now.Add(c.door.Head))
		if c.fresh && begun.IsZero() {
			c.begun = now
		}
	}
	return len(b), err
}

// maxAhead is how much a client may send before it is answered, in bytes, and
// still go the short way.
const maxAhead = 2 << 10

// lookOut waits, for net/http, for the client to go away while it is answered.
// A client that is quick has sent its next request before the look-out is over:
// that is kept for later.
func (c *conn) lookOut(p []byte) (int, error) {
	for buf := p; ; {
		n, err := c.Conn.Read(buf)
		c.ahead = append(c.ahead, buf[:n]...)
		switch over := errors.Is(err, os.ErrDeadlineExceeded); {
		case n > 0 && len(c.ahead) > maxAhead, len(c.ahead) > 0 && err != nil && !over:
			c.long = true // a client that has sent more before it left still gets its answers
			return c.pass(p)
		case err != nil:
			return 0, err
		}
		if len(buf) < maxAhead { // net/http looks out byte by byte
			buf = make([]byte, maxAhead)
		}
	}
}

func (d *Door) find(q *Request) *Operation {
	for i := range d.operations {
		if d.operations[i].match(q) {
			return &d.operations[i]
		}
	}
	return nil
}

var answers = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// serve answers a request; false when it is for net/http. After an error the
// connection is at its end.
func (c *conn) serve(o *Operation, q *Request) (done bool, err error) {
	if !c.begin() {
		return false, net.ErrClosed
	}
	defer c.end()
	q.Peer, q.Last = c.peer, c.door.draining.Load()
	b := answers.Get().(*[]byte)
	out, done := c.door.Answer(o, q, (*b)[:0])
	if !done {
		return false, nil
	}
	c.answered = time.Now()
	if c.until.Sub(c.answered) < c.door.Idle/2 { // move the deadline rarely; the call is expensive
		c.until = c.answered.Add(c.door.Idle)
		_ = c.Conn.SetDeadline(c.until)
	}
	_, err = c.writeFrom(c.answered, out)
	if q.Last && err == nil {
		err = io.EOF
	}
	if cap(out) <= maxKept {
		*b = out
		answers.Put(b)
	}
	return true, err
}

// maxKept is the largest answer whose memory is kept for others, in bytes.
const maxKept = 64 << 10

func (c *conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.busy, c.quiet = true, time.Time{}
		c.door.busy.Add(1)
	}
	return c.busy
}

func (c *conn) end() {
	c.mu.Lock()
	c.busy, c.quiet = false, c.answered
	c.door.busy.Add(-1)
	closed := c.closed // meanwhile
	c.mu.Unlock()
	if closed {
		_ = c.Conn.Close()
	}
}

// Close closes the connection, once the answer that is under way is written:
// net/http, when it shuts down, takes the connection to be idle.
//
// The connection itself is closed without holding mu: Peers is told, and looks at
// connections while it holds its own lock.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	busy := c.busy
	c.mu.Unlock()
	if busy {
		return nil
	}
	return c.Conn.Close()
}

// CloseWrite is net/http's gentle way of ending a connection.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}
