package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
)

// Limits of every request.
const (
	maxBody      = 64 << 10
	maxPlanBody  = 8 << 20 // events may bring a seating plan
	requestTime  = 10 * time.Second
	planBodyTime = 30 * time.Second
)

// info is what is known of a request while it is served.
type info struct {
	id, method, path string
}

type infoKey struct{}

// infoFrom is the info of a request; empty outside of one.
func infoFrom(ctx context.Context) *info {
	if i, ok := ctx.Value(infoKey{}).(*info); ok {
		return i
	}
	return &info{}
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what was written so far, for streams.
func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

var recorders = sync.Pool{New: func() any { return new(recorder) }}

// serve is what happens to every request: id, time limit, panic recovery,
// metrics and log around; security headers, checks of address and body, and
// authentication before the operation.
func (g *Gateway) serve(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		start := time.Now()
		w := recorders.Get().(*recorder)
		*w = recorder{ResponseWriter: rw}
		in := &info{id: requestID(r), method: r.Method, path: r.URL.Path}
		limit := requestTime
		if large(r) {
			limit = planBodyTime
		}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), infoKey{}, in), limit)
		g.metrics.inFlight.Inc()
		defer func() {
			if v := recover(); v != nil {
				g.panicked(w, r.WithContext(ctx), v)
			}
			cancel()
			g.metrics.inFlight.Dec()
			g.finished(r, w.status, in, time.Since(start))
			w.ResponseWriter = nil
			recorders.Put(w)
		}()
		h := w.Header()
		h.Set("X-Request-Id", in.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		r = r.WithContext(ctx)
		if err := checkAddress(r); err != nil {
			g.refuse(w, r, err)
			return
		}
		if err := takeBody(w, r); err != nil {
			g.refuse(w, r, err)
			return
		}
		caller, err := g.caller(r)
		if err != nil {
			g.refuse(w, r, err)
			return
		}
		if caller.SignedIn() {
			r = r.WithContext(message.WithCaller(ctx, caller))
		}
		next.ServeHTTP(w, r)
	})
}

// requestID is the caller's own id if it is a sane one, else a new one.
func requestID(r *http.Request) string {
	given := r.Header.Get("X-Request-Id")
	if len(given) < 8 || len(given) > 64 {
		return id.Token()
	}
	for _, c := range []byte(given) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return id.Token()
		}
	}
	return given
}

func (g *Gateway) panicked(w *recorder, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v) // net/http's own way of breaking a connection off
	}
	g.cfg.Log.Error("panic", "request_id", infoFrom(r.Context()).id, "panic", v, "stack", string(debug.Stack()))
	if w.status == 0 {
		g.refuse(w, r, fmt.Errorf("panic: %v", v))
	}
}

// finished counts and logs a request. The log has no secrets: neither query,
// body nor headers.
func (g *Gateway) finished(r *http.Request, status int, in *info, took time.Duration) {
	route := "none"
	if c := chi.RouteContext(r.Context()); c != nil {
		if p := c.RoutePattern(); p != "" {
			route = p
		}
	}
	g.metrics.served(route, r.Method, status, took)
	if log := g.cfg.Log; log.Enabled(r.Context(), slog.LevelDebug) {
		log.Debug("request", "id", in.id, "method", in.method, "path", in.path, "status", status, "took", took)
	}
}

// checkAddress refuses addresses that no database would take.
func checkAddress(r *http.Request) error {
	if plain(r.URL.Path) && !strings.ContainsRune(r.URL.RawQuery, '%') && plain(r.URL.RawQuery) {
		return nil
	}
	if !clean(r.URL.Path) {
		return errs.New(errs.Malformed, "bad-address", "The path holds a NUL or is not UTF-8.")
	}
	for name, values := range r.URL.Query() {
		for _, v := range append(values, name) {
			if !clean(v) {
				return errs.Bad(strings.ToValidUTF8(name, "?"), "holds a NUL or is not UTF-8")
			}
		}
	}
	return nil
}

// plain reports whether s is printable ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func clean(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// large reports whether a request may bring a seating plan.
func large(r *http.Request) bool {
	return (r.Method == http.MethodPost || r.Method == http.MethodPut) && strings.HasPrefix(r.URL.Path, "/events")
}

// takeBody reads the body, bounded, and looks at its bytes before anything
// reads their meaning.
func takeBody(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	limit := int64(maxBody)
	if large(r) {
		limit = maxPlanBody
	}
	tooLarge := errs.New(errs.TooLarge, "too-large", "The body is larger than %d KiB.", limit>>10)
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return tooLarge
	}
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge
	case err != nil:
		return &errs.Error{Kind: errs.Malformed, Type: "body-cut-off", Detail: "The body did not arrive whole.", Err: err}
	}
	if err := checkBody(r, body); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// checkBody refuses bytes that no database would take, and card numbers, which
// must never reach us.
func checkBody(r *http.Request, body []byte) error {
	if at := invalidUTF8(body); at >= 0 {
		return errs.New(errs.Malformed, "not-utf8", "The body is not UTF-8 at byte %d.", at)
	}
	if field, found := holdsNUL(body); found {
		return errs.Bad(field, "holds a NUL character")
	}
	if strings.HasPrefix(r.URL.Path, "/payments") || strings.HasPrefix(r.URL.Path, "/bookings") || strings.HasPrefix(r.URL.Path, "/users") {
		if field, found := holdsCard(body); found {
			return errs.Bad(field, "looks like a card number; card numbers are never sent here")
		}
	}
	return nil
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// caller is who asks, by the session token.
func (g *Gateway) caller(r *http.Request) (message.Caller, error) {
	header := r.Header.Get("Authorization")
	if header == "" || g.cfg.Authenticate == nil {
		return message.Caller{}, nil
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > 128 {
		return message.Caller{}, errs.New(errs.Unauthenticated, "bad-token", "Authorization must be: Bearer, a space, the token of a session.")
	}
	return g.cfg.Authenticate(r.Context(), token)
}
