package quick

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/peers"
)

// Door serves connections until their first request that is not a plain one of its
// operations. From then on they belong to the http.Server for good, and the door
// keeps no state about them.
type Door struct {
	// Answer appends the whole answer to a request. It returns false, without any
	// effect, to leave the request to the server.
	Answer     func(q *Request, out []byte) (answer []byte, ok bool)
	server     *http.Server
	conns      *peers.Set // all connections, on either side
	operations []*Operation
	own        atomic.Int64 // connections that have not been handed over
	draining   atomic.Bool  // all requests are left to the server
	closing    atomic.Bool  // connections are being closed
	listener   atomic.Pointer[listener]
	accepting  sync.WaitGroup
}

// Attach connects the door with a server and a set of connections. Call it before
// the server serves, once its handler and timeouts are set.
func (d *Door) Attach(s *http.Server, conns *peers.Set) {
	handler := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
	conns.Attach(s)
	d.server, d.conns = s, conns
}

// Add gives operations the fast path. It must not be called once there are
// connections.
func (d *Door) Add(list ...*Operation) { d.operations = append(d.operations, list...) }

// Serve serves a listener's connections until Shutdown, and then returns
// http.ErrServerClosed.
func (d *Door) Serve(l net.Listener) error {
	handed := &listener{Listener: d.conns.Listener(l), next: make(chan accepted), closed: make(chan struct{})}
	d.listener.Store(handed)
	d.accepting.Go(func() {
		for !d.closing.Load() {
			c, err := handed.Listener.Accept()
			if err == nil {
				d.own.Add(1)
				go d.serve(c.(*peers.Conn), handed)
			} else if !d.closing.Load() && !handed.give(accepted{err: err}) { // the server knows which errors are temporary
				return
			}
		}
	})
	return d.server.Serve(handed)
}

// listener passes handed-over connections, and errors, to the server.
type listener struct {
	net.Listener
	next   chan accepted
	once   sync.Once
	closed chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

func (l *listener) give(a accepted) bool {
	select {
	case l.next <- a:
		return true
	case <-l.closed:
		return false
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.next:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	_ = l.Listener.Close() // Shutdown has done so already
	return nil
}

// serve serves a connection until it ends or is handed over.
func (d *Door) serve(c *peers.Conn, l *listener) {
	defer d.own.Add(-1)
	defer func() {
		if v := recover(); v != nil { // as net/http does it
			d.server.ErrorLog.Printf("quick: panic serving %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
			_ = c.Close()
		}
	}()
	if rest, ok := d.plain(c); !ok || !c.HandOver(rest) || !l.give(accepted{conn: c}) {
		_ = c.Close()
	}
}

const (
	// patience is how long an incomplete request is waited for before the server
	// gets it.
	patience = time.Second
	// bufferSize is the maximum size of a plain request, in bytes.
	bufferSize = 4 << 10
	// maxKept is the largest answer buffer that is reused, in bytes.
	maxKept = 64 << 10
)

var answers = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// plain answers plain requests, and returns the bytes read of the first one that is
// not; false if the connection has ended.
func (d *Door) plain(c *peers.Conn) (rest []byte, ok bool) {
	var q Request
	buf := make([]byte, bufferSize)
	deadline := time.Now().Add(d.server.ReadHeaderTimeout)
	_ = c.SetDeadline(deadline)
	partial, least := false, 1 // net/http waits for this many bytes before it reads a request
	blank := 0                 // bytes of empty lines that net/http ignores after a POST
	for b := buf[:0]; ; {
		for ; blank > 0 && len(b) > 0 && (b[0] == '\r' || b[0] == '\n'); blank-- {
			b, least = b[:copy(b, b[1:])], least-1
		}
		q = Request{Peer: c.Peer}
		size := more
		if len(b) >= least {
			size = q.Parse(b, d.operations)
		}
		switch {
		case size == odd, size > len(buf), size == more && len(b) == len(buf):
			return b, true
		case size == more, size > len(b):
			if len(b) >= least && !partial {
				partial, deadline = true, time.Now().Add(patience)
				_ = c.SetReadDeadline(deadline)
				c.Partial()
			}
			n, err := c.Conn.Read(buf[len(b):])
			if b = buf[:len(b)+n]; err != nil {
				return b, len(b) >= least // the server finds the same, or waits longer
			}
			continue
		case d.draining.Load():
			return b, true // the server announces in its answer that the connection closes
		case !c.Working():
			return nil, false
		}
		if done, err := d.answer(c, &q, &deadline); !done || err != nil {
			return b, err == nil
		}
		if partial, least, blank = false, 4, 0; q.Method == http.MethodPost {
			blank = 4
		}
		if b = buf[:copy(buf, b[size:])]; len(b) == 0 && d.closing.Load() {
			return nil, false
		}
	}
}

// answer answers a request; false if it must go to the server. It moves the
// connection's deadline rarely, because that call is expensive.
func (d *Door) answer(c *peers.Conn, q *Request, deadline *time.Time) (done bool, err error) {
	b := answers.Get().(*[]byte)
	out, done := d.Answer(q, (*b)[:0])
	if !done {
		return false, nil
	}
	now := time.Now()
	if deadline.Sub(now) < d.server.IdleTimeout/2 {
		*deadline = now.Add(d.server.IdleTimeout)
		_ = c.SetDeadline(*deadline)
	}
	if _, err = c.WriteFrom(now, out); err == nil {
		c.Waiting(now)
	}
	if cap(out) <= maxKept {
		*b = out
		answers.Put(b)
	}
	return true, err
}

// Drain leaves all new requests to the server.
func (d *Door) Drain() { d.draining.Store(true) }

// Shutdown stops the door and its server once the requests under way are answered,
// or ctx ends. See peers.Set.Shutdown for clients that delay it.
func (d *Door) Shutdown(ctx context.Context) error {
	d.Drain()
	return d.conns.Shutdown(ctx, func(ctx context.Context) error {
		d.closing.Store(true)
		if l := d.listener.Load(); l != nil {
			_ = l.Listener.Close()
			d.accepting.Wait()
		}
		for d.conns.CloseIdle(); d.own.Load() > 0; {
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), d.server.Shutdown(ctx))
			case <-time.After(2 * time.Millisecond):
			}
		}
		return d.server.Shutdown(ctx)
	})
}
