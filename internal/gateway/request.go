package gateway

import (
	"bytes"
	"context"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"boxoffice/internal/caller"
	"boxoffice/internal/route"
)

// request is one request while it is served: its context, its state, and room for
// its body and answer, all in one allocation.
type request struct {
	context.Context // with the time limit
	gateway         *Gateway
	route           *chi.Context
	asked           *http.Request // as it arrived
	served          *http.Request // as the operation sees it; nil if it was refused before
	id              string
	method, path    string
	pattern         string     // of the operation on the fast path
	client          netip.Addr // zero when unknown
	traits          route.Traits
	start           time.Time
	answer          recorder
	body            body
}

type requestKey struct{}

// Value returns the request itself from any context derived from it.
func (q *request) Value(key any) any {
	switch key.(type) {
	case requestKey:
		return q
	case caller.TokenKey:
		if q.asked == nil { // hot operations have no http.Request
			return ""
		}
		return q.gateway.token(q.asked)
	case caller.LangKey:
		if q.asked == nil {
			return ""
		}
		return q.asked.Header.Get("Accept-Language")
	case caller.ClientKey:
		if q.client == (netip.Addr{}) {
			return ""
		}
		return networkKey(q.client)
	}
	return q.Context.Value(key)
}

// requestFrom returns the request of a context; an empty one outside the gateway.
func requestFrom(ctx context.Context) *request {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q
	}
	return &request{Context: ctx}
}

// safePath returns the path for the log, without it if it holds a card number.
func (q *request) safePath() string {
	if holdsCard([]byte(q.path)) {
		return "(withheld)"
	}
	return q.path
}

// recorder records the status of an answer, and answers 304 if the client has it
// already.
type recorder struct {
	http.ResponseWriter
	status  int            // 0: nothing yet
	has     string         // If-None-Match of a GET or HEAD
	foreign bool           // pages of other sites may call the API
	shared  bool           // the route may be shared: see guard
	taken   net.Conn       // set once the handler has hijacked the connection
	takes   func(net.Conn) // called when that happens; may be nil
}

func (w *recorder) WriteHeader(status int) {
	if status < http.StatusOK { // 1xx come before the answer
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.status == 0 {
		if h := w.Header(); w.has != "" && status == http.StatusOK && matches(w.has, h.Get("ETag")) {
			status = http.StatusNotModified
			h.Del("Content-Type")
			h.Del("Content-Length")
		}
		w.guard(status)
		if status == http.StatusOK { // it has no meaning there (RFC 9110, section 10.2.2)
			delete(w.Header(), "Location")
		}
		if h := w.Header(); w.foreign && !slices.Contains(h["Vary"], "Origin") {
			h.Add("Vary", "Origin") // operations add the rest
		}
		if h, vary := w.Header(), w.Header()["Vary"]; len(vary) > 1 { // nginx before 1.23 reads only one line of it
			h["Vary"] = []string{strings.Join(vary, ", ")}
		}
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.status == http.StatusNotModified {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// matches reports whether If-None-Match names an ETag (RFC 9110, section
// 13.1.2: weak comparison).
func matches(list, tag string) bool {
	if tag == "" {
		return false
	}
	tag = strings.TrimPrefix(tag, "W/")
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// Unwrap lets http.ResponseController through.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what was written so far, for streams.
func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// body is a request body that was read completely.
type body struct {
	bytes.Reader
	buf    *bytes.Buffer // of the pool
	values int           // in it, if it is JSON
	done   func()        // gives up its place among the large bodies; may be nil
}

// Close does nothing; the buffer returns to the pool once the request is answered.
func (*body) Close() error { return nil }

// maxPooled is the largest buffer that goes back to the pool.
const maxPooled = 64 << 10

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (b *body) release() {
	if b.buf != nil && b.buf.Cap() <= maxPooled {
		b.buf.Reset()
		bodies.Put(b.buf)
	}
	b.buf = nil
	if b.done != nil {
		b.done()
	}
}

// requestID returns the client's own id if it is well-formed, else a new one. It
// identifies a request in the log and protects nothing.
func requestID(given string) string {
	if saneID(given) {
		return given
	}
	var raw [16]byte
	var text [32]byte
	for i, n := range [2]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 8 {
			raw[8*i+j] = byte(n >> (8 * j))
		}
	}
	hex.Encode(text[:], raw[:])
	return string(text[:])
}

func saneID(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
