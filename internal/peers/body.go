package peers

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// Some answers are decided before the request's body has arrived, and are sent at
// once. net/http would read the rest of the body before it writes the head, unless
// the answer closes the connection; so the answer does that if the body does not
// arrive at once.

const (
	restMoment = 100 * time.Millisecond // time for the rest of an unwanted body to arrive, so that the connection can be kept
	restMost   = 64 << 10               // bytes of such a body
	linger     = 2 * time.Second        // net/http keeps reading this long after the answer, so that a sending client gets to see it
)

// bodies wraps the bodies and answers of requests that have a body.
func bodies(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == http.NoBody {
			h.ServeHTTP(w, r)
			return
		}
		b := &body{ReadCloser: r.Body}
		if c, ok := ServingOf(r.Context()).(*Conn); ok {
			c.hasHead()
			b.conn = c
		}
		a := &answer{ResponseWriter: w, request: r, body: b}
		r = r.WithContext(r.Context()) // a copy, because net/http tracks the original body
		r.Body = b
		h.ServeHTTP(a, r)
		a.begin()
	})
}

// hasHead marks that the body is still to come.
func (c *Conn) hasHead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = true
}

// body is a request body that knows whether it was read to its end.
type body struct {
	io.ReadCloser
	conn  *Conn // nil: of no Set
	ended bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended = true
		if b.conn != nil && !b.conn.hasAll() {
			err = net.ErrClosed // the connection had to give way
		}
	}
	return n, err
}

// answer is the answer to a request that has a body.
type answer struct {
	http.ResponseWriter
	request *http.Request // as net/http has it
	body    *body
	begun   bool // its head is written, or the connection was hijacked
}

// begin decides before the head is written whether the connection closes.
func (a *answer) begin() {
	if a.begun {
		return
	}
	a.begun = true
	if a.body.ended || a.request.Close || a.Header().Get("Connection") == "close" {
		return // net/http will not read the body
	}
	conn := http.NewResponseController(a.ResponseWriter)
	asked := a.request.Header.Get("Expect") == "" // otherwise reading would request the body
	if n := a.request.ContentLength; asked && n > 0 && n <= restMost {
		_ = conn.SetReadDeadline(time.Now().Add(restMoment))
		_, _ = io.Copy(io.Discard, a.body)
	}
	if !a.body.ended {
		a.Header().Set("Connection", "close")
		_ = conn.SetReadDeadline(time.Now().Add(linger))
	}
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK { // 1xx come before the answer
		a.begin()
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(p)
}

// FlushError flushes, for http.ResponseController.
func (a *answer) FlushError() error {
	a.begin()
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Hijack lets a handler take over the connection.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buf, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.begun = a.begun || err == nil
	return c, buf, err
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
