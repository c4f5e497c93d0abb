package gateway

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
)

// Limits of bodies. A seating plan of 80,000 seats has some 600,000 values.
const (
	maxBody      = 64 << 10
	maxPlanBody  = 8 << 20 // events may bring a seating plan
	maxValues    = 5_000   // JSON values in a body
	maxPlanParts = 1_000_000
	maxNames     = 2_000     // in one JSON object
	maxBulkBody  = 512 << 10 // 500 scans at a door have some 300 KiB
	maxBulkParts = 20_000

	largeAtOnce   = 8 // large bodies read or processed at the same time
	largeByClient = 2 // of these, from one client address
)

// takes refuses a caller who may not use an operation, before the body is read.
func takes(op *huma.Operation, caller caller.Caller) error {
	traits := route.Of(op)
	organizers := traits.Has(route.Organizers)
	switch {
	case !caller.SignedIn() && (organizers || slices.Contains(op.Errors, http.StatusUnauthorized) && !traits.Has(route.Open) && !traits.Has(route.Optional)):
		return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case organizers && !caller.Organizes() && strings.Contains(op.Path, "{id}"):
		root, _, _ := strings.Cut(strings.TrimPrefix(op.Path, "/"), "/")
		return errs.Missing(strings.TrimSuffix(root, "s")) // like everything that belongs to somebody else
	case organizers && !caller.Organizes():
		return errs.New(errs.Forbidden, "organizers-only", "Only organizers may do this.")
	}
	return nil
}

// readBody runs between the router and an operation that has a body: it reads and
// checks the body.
func (g *Gateway) readBody(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	r, w := humachi.Unwrap(ctx)
	if !hasBody(r) {
		next(ctx)
		return
	}
	q := requestFrom(r.Context())
	var err error
	if op.RequestBody != nil || q.traits.Has(route.Organizers) {
		err = takes(op, caller.From(r.Context()))
	}
	if err == nil {
		err = q.takeBody(r, q.traits)
	}
	if err == nil && q.body.values > fewValues && op.RequestBody != nil {
		err = g.firstFaults(op, q.body.buf.Bytes())
	}
	if err != nil {
		q.refuse(w, err)
		return
	}
	if op.Method == http.MethodDelete && op.RequestBody == nil && !saysNothing(q.body.buf.Bytes()) {
		q.refuse(w, errs.Bad("body", "unexpected-body", "is not allowed for a DELETE; say in the address what to delete"))
		return
	}
	next(ctx)
}

func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}

// takeBody reads the body, up to a limit, and checks its syntax before it is
// decoded. Memory grows with the bytes received, not with Content-Length. A body
// that may contain a seating plan or many items may be large.
func (q *request) takeBody(r *http.Request, traits route.Traits) error {
	plan := traits.Has(route.LargeBody)
	if !hasBody(r) {
		return nil
	}
	limit, values := int64(maxBody), maxValues
	switch {
	case plan:
		limit, values = maxPlanBody, maxPlanParts
	case traits.Has(route.Bulk):
		limit, values = maxBulkBody, maxBulkParts
	}
	if r.ContentLength > limit {
		return q.tooLarge(limit)
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return errs.New(errs.Unsupported, "unknown-encoding", "Bodies must be sent uncompressed, without Content-Encoding.")
	}
	if plan && (r.ContentLength > maxBody || r.ContentLength < 0) {
		done, err := q.gateway.large.enter(q)
		if err != nil {
			return err
		}
		q.body.done = done
	}
	buf := bodies.Get().(*bytes.Buffer)
	q.body.buf = buf
	n, err := q.readPaced(buf, r, limit+1, plan)
	switch e := errs.Of(err); {
	case e != nil:
		return e
	case err != nil:
		return &errs.Error{Kind: errs.Malformed, Type: "body-cut-off", Detail: "The body did not arrive whole.", Err: err}
	case n > limit:
		return q.tooLarge(limit)
	}
	q.extend(plan)
	q.body.Reset(buf.Bytes())
	r.Body = &q.body
	kind := mediaType(r.Header)
	if n == 0 || !isJSON(kind) {
		return nil // huma refuses other types where it needs JSON
	}
	var e *errs.Error
	if q.body.values, e = checkJSON(buf.Bytes(), !q.traits.Has(route.LongNumbers), values); e != nil {
		return e
	}
	return nil
}

// extend starts a new time limit for the work on a large body, or on one that took
// some time to arrive.
func (q *request) extend(plan bool) {
	d, ok := q.Context.(*deadline)
	switch {
	case !ok:
	case plan:
		d.extend(planBodyTime)
	case time.Since(q.start) > time.Second:
		d.extend(requestTime)
	}
}

// tooLarge refuses a body; the rest of it is not read.
func (q *request) tooLarge(limit int64) error {
	q.answer.Header().Set("Connection", "close")
	return errs.New(errs.TooLarge, "too-large", "The body is larger than %d KiB.", limit>>10)
}

// isJSON reports whether huma will decode a body as JSON, which it also does without
// a content type.
func isJSON(contentType string) bool {
	return contentType == "" || contentType == "application/json" || strings.Contains(contentType, "json")
}

// mediaType returns the media type of a body in lower case, since it does not depend
// on case (RFC 9110, section 8.3.1), and writes it back to the header. Parameters
// stay as they are.
func mediaType(h http.Header) string {
	list := h["Content-Type"]
	if len(list) == 0 {
		return ""
	}
	kind, rest, _ := strings.Cut(list[0], ";")
	if lower := strings.ToLower(kind); lower != kind {
		if kind = lower; rest != "" {
			rest = ";" + rest
		}
		h["Content-Type"] = []string{kind + rest}
	}
	return kind
}

// atOnce limits how many large bodies are in memory, in total and for each client.
type atOnce struct {
	byClient int

	mu  sync.Mutex
	all int
	of  map[string]int
}

// enter admits a request, which counts until done is called.
func (a *atOnce) enter(q *request) (done func(), err error) {
	client := q.clientKey()
	most := a.byClient
	if q.client.IsLoopback() {
		most *= int(max(1, q.gateway.cfg.Limits.LoopbackFactor))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.of[client] >= most:
		return nil, errs.New(errs.TooMany, "too-many-requests", "Too many large requests at once; please send one after the other.").After(2 * time.Second)
	case a.all >= largeAtOnce:
		return nil, errs.New(errs.Unavailable, "busy", "Too many large requests at once; please try again in a moment.").After(2 * time.Second)
	}
	a.all++
	a.of[client]++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all--
		if a.of[client]--; a.of[client] == 0 {
			delete(a.of, client)
		}
	}, nil
}

// saysNothing recognizes the bodies that some clients send when they have nothing to
// send.
func saysNothing(body []byte) bool {
	switch string(bytes.TrimSpace(body)) {
	case "", "null", "{}":
		return true
	}
	return false
}
