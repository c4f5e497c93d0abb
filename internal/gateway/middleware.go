package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/quick"
	"boxoffice/internal/route"
)

// Limits of every request; see body.go for those of bodies.
const (
	requestTime  = 10 * time.Second
	planBodyTime = 30 * time.Second
	maxToken     = 128 // bytes of a session token
)

// Values of headers that every answer has; nothing may write to them.
var (
	noSniff    = []string{"nosniff"}
	sameOrigin = []string{"same-origin"}
	bare       = []string{"default-src 'none'; frame-ancestors 'none'"} // JSON loads nothing; pages say what they need
	onlyTLS    = []string{"max-age=31536000"}
)

// everyRequest is what happens to every request: id, time limit, panic recovery,
// metrics and log around; security headers, checks of the address, limits and
// authentication before the operation. Bodies are read later, once it is known
// who asks for what.
func (g *Gateway) everyRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		q := &request{gateway: g, start: time.Now(), id: requestID(only(r.Header["X-Request-Id"])), method: r.Method, path: r.URL.Path, route: chi.RouteContext(r.Context())}
		q.traits = g.traitsOf(r)
		var cancel context.CancelFunc
		q.Context, cancel = g.bound(q, r)
		q.client, q.asked = g.client(peerOf(r.RemoteAddr), r.Header["X-Forwarded-For"]...), r
		q.answer.ResponseWriter, q.answer.shared, q.answer.foreign = rw, q.traits.Has(route.Shared), len(g.cfg.Origins) > 0
		if has := r.Header["If-None-Match"]; len(has) > 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			q.answer.has = strings.Join(has, ", ") // several lines are one list (RFC 9110, section 5.3)
		}
		g.metrics.inFlight.Inc()
		defer func() { q.end(recover(), cancel) }()

		w := &q.answer
		h := w.Header()
		h["X-Request-Id"] = []string{q.id}
		g.setHeaders(h)
		who, err := g.enter(q, r)
		if err != nil {
			q.refuse(w, err)
			return
		}
		var ctx context.Context = q
		if who.SignedIn() {
			ctx = caller.With(q, who)
		}
		r = r.WithContext(ctx)
		q.served = r
		if r.Method == http.MethodHead {
			g.headAsGet(q.route, r)
		}
		next.ServeHTTP(w, r)
	})
}

// setHeaders sets the headers that every answer has.
func (g *Gateway) setHeaders(h http.Header) {
	h["X-Content-Type-Options"] = noSniff
	h["Cross-Origin-Resource-Policy"] = sameOrigin
	h["Content-Security-Policy"] = bare
	if g.tls {
		h["Strict-Transport-Security"] = onlyTLS
	}
}

// only returns the value of a header that occurs exactly once.
func only(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return ""
}

// enter makes all checks that do not depend on the operation, and authenticates the
// caller.
func (g *Gateway) enter(q *request, r *http.Request) (caller.Caller, error) {
	var nobody caller.Caller
	if err := checkAddress(r); err != nil {
		return nobody, err
	}
	if err := g.pressed(q); err != nil {
		return nobody, err
	}
	caller, err := g.caller(q, r)
	quota, err := g.admit(q, caller, err)
	if quota.policy != nil {
		h := q.answer.Header()
		h["Ratelimit-Policy"], h["Ratelimit"] = quota.policy, []string{quota.state}
	}
	if err != nil {
		return nobody, err
	}
	return caller, nil
}

// bound returns the context of a request: with a time limit or, for a stream, until
// the node drains.
func (g *Gateway) bound(q *request, r *http.Request) (context.Context, context.CancelFunc) {
	if q.traits.Has(route.Stream) {
		ctx, cancel := context.WithCancel(r.Context())
		stop := context.AfterFunc(g.streams, cancel)
		return ctx, func() { stop(); cancel() }
	}
	d := newDeadline(r.Context(), requestTime)
	return d, d.end
}

// headAsGet lets GET operations answer HEAD; net/http leaves out the body.
func (g *Gateway) headAsGet(route *chi.Context, r *http.Request) {
	if !g.router.Match(chi.NewRouteContext(), http.MethodHead, routePath(r)) {
		route.RouteMethod = http.MethodGet
	}
}

func routePath(r *http.Request) string {
	if r.URL.RawPath != "" {
		return r.URL.RawPath
	}
	return r.URL.Path
}

// end finishes a request in all cases; a panic becomes an answer.
func (q *request) end(panicked any, cancel context.CancelFunc) {
	if panicked != nil && panicked != http.ErrAbortHandler {
		q.panicked(panicked)
		if q.answer.status == 0 && q.Err() == nil {
			q.write(&q.answer, internal(nil), http.StatusInternalServerError)
		}
	}
	cancel()
	q.body.release()
	if q.served != nil {
		q.pattern = q.served.Pattern // set by chi
	}
	q.finish()
	if panicked == http.ErrAbortHandler {
		panic(panicked) // net/http's way to abort a connection
	}
}

// finish counts and logs a request. The log never contains secrets: no query, body
// or headers.
func (q *request) finish() {
	g := q.gateway
	took := time.Since(q.start)
	g.metrics.inFlight.Dec()
	if q.traits.Has(route.Stream) {
		took = 0 // the length of a stream says nothing about the server
	}
	route := q.pattern
	if route == "" {
		route = "none"
	}
	g.metrics.served(route, q.method, q.answer.status, took)
	level := slog.LevelDebug
	if g.cfg.AccessLog {
		level = slog.LevelInfo
	}
	if log := g.cfg.Log; log.Enabled(context.Background(), level) {
		log.LogAttrs(context.Background(), level, "request", slog.String("id", q.id), slog.String("method", q.method),
			slog.String("path", q.safePath()), slog.Int("status", q.answer.status), slog.Duration("took", took))
	}
}

func (q *request) panicked(v any) {
	log := q.gateway.cfg.Log
	if errors.Is(q.Err(), context.Canceled) { // huma panics when the client has gone
		log.Debug("client has gone", "request_id", q.id, "panic", v)
		return
	}
	log.Error("panic", "request_id", q.id, "method", q.method, "path", q.safePath(), "panic", v, "stack", string(debug.Stack()))
}

// checkAddress refuses addresses and idempotency keys that a database would not
// accept.
func checkAddress(r *http.Request) error {
	if !quick.Plain(r.URL.Path) && !clean(r.URL.Path) {
		return badAddress("path", errs.Why("not-utf8", "holds a NUL or is not UTF-8"))
	}
	if key := r.Header["Idempotency-Key"]; len(key) > 0 && !quick.Plain(key[0]) && !clean(key[0]) {
		return badAddress("Idempotency-Key", errs.Why("not-utf8", "is not UTF-8"))
	}
	if quick.Plain(r.URL.RawQuery) && strings.IndexByte(r.URL.RawQuery, '%') < 0 && strings.IndexByte(r.URL.RawQuery, ';') < 0 {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badAddress("query", errs.Why("not-readable", "cannot be read: its percent signs and semicolons must be escaped"))
	}
	for name, values := range query {
		if !clean(name) {
			return badAddress("query", errs.Why("not-utf8", "holds a name with a NUL or that is not UTF-8"))
		}
		for _, v := range values {
			if !clean(v) {
				return badAddress(clip(name), errs.Why("not-utf8", "holds a NUL or is not UTF-8"))
			}
		}
	}
	return nil
}

func badAddress(name string, reason errs.Reason) error {
	e := reason.Bad(name)
	e.Kind, e.Type = errs.Malformed, "bad-address"
	return e
}

func clean(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// caller authenticates a request by its session token, from the Authorization header
// or from the cookie of pages.
func (g *Gateway) caller(q *request, r *http.Request) (caller.Caller, error) {
	header := r.Header["Authorization"]
	if g.cfg.Authenticate == nil || q.traits.Has(route.Probe) {
		return caller.Caller{}, nil
	}
	if q.traits.Has(route.Device) {
		return g.device(q, header)
	}
	if len(header) == 0 {
		return g.byCookie(q, r)
	}
	var who caller.Caller
	err := badToken()
	if len(header) == 1 {
		who, err = g.bearer(q, header[0])
	}
	if errs.KindOf(err) == errs.Unauthenticated && q.traits.Has(route.Open) {
		return caller.Caller{}, nil // clients send their token even after the session has ended
	}
	if errs.KindOf(err) == errs.Unauthenticated && q.traits.Has(route.Optional) {
		if _, deviceErr := g.device(q, header); deviceErr == nil {
			return caller.Caller{}, nil // a device reads what everybody may, such as a plan
		}
	}
	return who, err
}

// device authenticates a device at a door by its token.
func (g *Gateway) device(ctx context.Context, header []string) (caller.Caller, error) {
	if len(header) == 1 && g.cfg.Devices != nil {
		scheme, token, _ := strings.Cut(header[0], " ")
		if strings.EqualFold(scheme, "Bearer") && len(token) <= maxToken && quick.Plain(token) {
			return g.cfg.Devices(ctx, token)
		}
	}
	return caller.Caller{}, errs.New(errs.Unauthenticated, "device-revoked", "Authorization must be Bearer, a space, and the token of a paired device.")
}

// token returns the session token of a request, from the header or the cookie; "" if
// there is none.
func (g *Gateway) token(r *http.Request) string {
	if header := r.Header["Authorization"]; len(header) > 0 {
		_, token, _ := strings.Cut(header[0], " ")
		return token
	}
	if g.cfg.Cookie == "" {
		return ""
	}
	if c, err := r.Cookie(g.cfg.Cookie); err == nil {
		return c.Value
	}
	return ""
}

// bearer authenticates by the Authorization header (RFC 6750, section 2.1).
func (g *Gateway) bearer(ctx context.Context, header string) (caller.Caller, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken || !quick.Plain(token) {
		return caller.Caller{}, badToken()
	}
	return g.cfg.Authenticate(ctx, token)
}

func badToken() error {
	return errs.New(errs.Unauthenticated, "bad-token", "Authorization must be Bearer, a space, and the token of a session.")
}

// byCookie authenticates by the cookie of pages. Browsers also send it with requests
// that other sites' pages trigger, so those must not count. An ended session is
// ignored, so that its owner can still look at pages.
func (g *Gateway) byCookie(ctx context.Context, r *http.Request) (caller.Caller, error) {
	if g.cfg.Cookie == "" || len(r.Header["Cookie"]) == 0 {
		return caller.Caller{}, nil
	}
	c, err := r.Cookie(g.cfg.Cookie)
	if err != nil || c.Value == "" || len(c.Value) > maxToken || !quick.Plain(c.Value) {
		return caller.Caller{}, nil
	}
	if err := g.sameOrigin(r); err != nil {
		return caller.Caller{}, err
	}
	who, err := g.cfg.Authenticate(ctx, c.Value)
	if errs.KindOf(err) == errs.Unauthenticated {
		return caller.Caller{}, nil
	}
	return who, err
}
