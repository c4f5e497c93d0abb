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

// request is one request while it is served: its context, what is known of it,
// and the places for its body and answer, all in one piece of memory.
type request struct {
	context.Context // with the time limit
	gateway         *Gateway
	route           *chi.Context
	asked           *http.Request // as it came
	served          *http.Request // as the operation sees it; nil when it was refused before
	id              string
	method, path    string
	pattern         string     // of the fast path's operation
	client          netip.Addr // the zero value when it is unknown
	traits          route.Traits
	start           time.Time
	answer          recorder
	body            body
}

type requestKey struct{}

// Value finds the request itself in a context made of it.
func (q *request) Value(key any) any {
	switch key.(type) {
	case requestKey:
		return q
	case caller.TokenKey:
		if q.asked == nil { // hot operations do not ask
			return ""
		}
		return q.gateway.token(q.asked)
	case caller.ClientKey:
		if q.client == (netip.Addr{}) {
			return ""
		}
		return house(q.client)
	}
	return q.Context.Value(key)
}

// requestFrom is the request of a context; an empty one outside of the front door.
func requestFrom(ctx context.Context) *request {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q
	}
	return &request{Context: ctx}
}

// safePath is the path for the log: who puts a card number there shall not
// find it there.
func (q *request) safePath() string {
	if holdsCard([]byte(q.path)) {
		return "(withheld)"
	}
	return q.path
}

// recorder remembers what was answered, and leaves out what the client has.
type recorder struct {
	http.ResponseWriter
	status  int            // 0: nothing yet
	has     string         // If-None-Match of a GET or HEAD
	foreign bool           // pages of other sites may ask
	shared  bool           // its route may be shared: see guard
	taken   net.Conn       // nil, or: the handler has taken the connection over
	takes   func(net.Conn) // nil, or: is told when it does
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
		if status == http.StatusOK { // it means nothing there (RFC 9110, section 10.2.2)
			delete(w.Header(), "Location")
		}
		if h := w.Header(); w.foreign && !slices.Contains(h["Vary"], "Origin") {
			h.Add("Vary", "Origin") // operations say what else it depends on
		}
		if h, vary := w.Header(), w.Header()["Vary"]; len(vary) > 1 { // nginx before 1.23 sees one line of it only
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

// body is a request body that was read whole.
type body struct {
	bytes.Reader
	buf    *bytes.Buffer // of the pool
	values int           // in it, if it is JSON
	done   func()        // nil, or: makes room for another large one
}

// Close does nothing: the body goes back to the pool when the request is answered.
func (*body) Close() error { return nil }

// maxPooled is the largest body whose memory is kept for others.
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

// requestID is the caller's own id if it is a sane one, else a new one. It names
// a request in the log; nothing is guarded by it.
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
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
