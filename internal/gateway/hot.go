package gateway

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/quick"
	"boxoffice/internal/route"
)

// Serve answers the connections of a listener until Shutdown, and then returns
// http.ErrServerClosed. Hot operations (package quick) take a fast path: the same
// checks apply to them, but net/http, the router and huma are bypassed.
func (g *Gateway) Serve(l net.Listener) error {
	g.hot.Do(g.addHot)
	return g.door.Serve(l)
}

// addHot adds the operations registered as hot to the fast path.
func (g *Gateway) addHot() {
	for _, item := range g.api.OpenAPI().Paths {
		for _, op := range operationsOf(item) {
			if o, ok := op.Metadata[quick.Meta].(*quick.Operation); ok {
				g.exceptions(o)
				g.door.Add(o)
			}
		}
	}
}

// exceptions excludes the paths that match a hot operation's pattern but that the
// router sends elsewhere.
func (g *Gateway) exceptions(o *quick.Operation) {
	_ = chi.Walk(g.router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if _, same := o.Match(method, route); same && route != o.Path {
			o.Except(route)
		}
		return nil
	})
}

// answerHot answers a plain request of a hot operation. It returns false for
// requests that net/http must serve.
func (g *Gateway) answerHot(p *quick.Request, out []byte) (answer []byte, ok bool) {
	if g.cfg.Hosts != nil && !knownHost(p.Get("Host"), g.cfg.Hosts) || len(g.cfg.Origins) > 0 && p.Get("Origin") != "" {
		return nil, false
	}
	if bytes.IndexByte(p.Body, '\\') >= 0 || holdsCard(p.Body) {
		return nil, false
	}
	run, ok := p.Operation.Read(p)
	if !ok {
		return nil, false
	}
	q := &request{gateway: g, start: time.Now(), id: requestID(p.Get("X-Request-Id")), method: p.Method, path: p.Path}
	q.Context = g.limit.Context()
	q.client, q.traits = g.client(p.Peer, p.Get("X-Forwarded-For")), route.Of(&p.Operation.Operation)
	g.metrics.inFlight.Inc()
	g.metrics.short.Inc()
	var quota quota
	defer func() {
		if v := recover(); v != nil {
			q.panicked(v)
			answer, ok = q.writeHot(out, p, quota, quick.Answer{}, internal(nil)), true
		}
		q.finish()
	}()
	a, err := q.carryOut(p, run, &quota)
	if err == nil {
		return q.writeHot(out, p, quota, a, nil), true
	}
	e := classify(q, err)
	q.note(e)
	return q.writeHot(out, p, quota, a, e), true
}

// carryOut checks a request as enter does, and runs its operation.
func (q *request) carryOut(p *quick.Request, run quick.Run, quota *quota) (quick.Answer, error) {
	g := q.gateway
	if err := g.pressed(q); err != nil {
		return quick.Answer{}, err
	}
	who, err := g.callerOf(q, p)
	if *quota, err = g.admit(q, who, err); err != nil {
		return quick.Answer{}, err
	}
	q.pattern = p.Operation.Path
	if len(p.Body) > 0 {
		if err := takes(&p.Operation.Operation, who); err != nil {
			return quick.Answer{}, err
		}
	}
	var ctx context.Context = q
	if who.SignedIn() {
		ctx = caller.With(q, who)
	}
	return run(ctx)
}

// callerOf authenticates the caller, as caller does.
func (g *Gateway) callerOf(q *request, p *quick.Request) (caller.Caller, error) {
	switch authorization := p.Get("Authorization"); {
	case g.cfg.Authenticate == nil:
	case authorization != "":
		return g.bearer(q, authorization)
	case g.cfg.Cookie != "" && p.Get("Cookie") != "":
		r := &http.Request{Method: p.Method, Host: p.Get("Host"), Header: http.Header{"Cookie": {p.Get("Cookie")}}}
		if site := p.Get("Sec-Fetch-Site"); site != "" {
			r.Header["Sec-Fetch-Site"] = []string{site}
		}
		if origin := p.Get("Origin"); origin != "" {
			r.Header["Origin"] = []string{origin}
		}
		return g.byCookie(q, r)
	}
	return caller.Caller{}, nil
}

// writeHot appends the answer to out, with the same headers that recorder and guard
// set on the ordinary path.
func (q *request) writeHot(out []byte, p *quick.Request, quota quota, a quick.Answer, e *errs.Error) []byte {
	buf := answerBodies.Get().(*bytes.Buffer)
	defer answerBodies.Put(buf)
	kind := "application/json"
	if e == nil {
		e = q.encodeHot(buf, &a)
	}
	switch has := p.Get("If-None-Match"); {
	case e != nil:
		kind = "application/problem+json"
		q.problemHot(buf, &a, e)
	case has != "" && a.Status == http.StatusOK && matches(has, a.Get("Etag")):
		a.Status, a.Raw = http.StatusNotModified, nil
	}
	q.answer.status = a.Status
	out = append(append(strconv.AppendInt(append(out, "HTTP/1.1 "...), int64(a.Status), 10), ' '), http.StatusText(a.Status)...)
	out = append(append(out, "\r\n"...), q.gateway.constant...)
	caching, vary := "", ""
	for _, f := range a.Header {
		switch f.Name {
		case "Cache-Control":
			caching = f.Value
			continue
		case "Vary":
			vary = f.Value
			continue
		case "Location":
			if a.Status == http.StatusOK {
				continue
			}
		case "Content-Type": // already set as kind
			continue
		}
		out = appendHeader(out, f.Name, f.Value)
	}
	if !q.traits.Has(route.Shared) || e != nil || !shareable(a.Status) || !strings.HasPrefix(caching, "public") {
		caching = private[0]
		if quota.policy != nil { // the quota does not concern others
			out = appendHeader(out, "Ratelimit-Policy", quota.policy[0])
			out = appendHeader(out, "Ratelimit", quota.state)
		}
	}
	if len(q.gateway.cfg.Origins) > 0 {
		vary = strings.TrimPrefix(vary+", Origin", ", ") // one line, as on the ordinary path
	}
	out = appendHeader(appendHeader(out, "Cache-Control", caching), "Vary", vary)
	out = appendHeader(appendHeader(out, "X-Request-Id", q.id), "Date", date(q.start))
	if a.Status != http.StatusNotModified {
		out = appendHeader(out, "Content-Type", kind)
		out = append(strconv.AppendInt(append(out, "Content-Length: "...), int64(len(a.Raw)), 10), "\r\n"...)
	}
	return append(append(out, "\r\n"...), a.Raw...)
}

// encodeHot encodes the body of an answer.
func (q *request) encodeHot(buf *bytes.Buffer, a *quick.Answer) *errs.Error {
	if a.Body == nil {
		return nil
	}
	if line, ok := a.Body.(codec.Line); ok {
		a.Raw = line.Line()
		return nil
	}
	buf.Reset()
	if err := codec.Write(buf, a.Body); err != nil {
		e := internal(err)
		q.note(e)
		return e
	}
	a.Raw = buf.Bytes()
	return nil
}

// problemHot replaces the answer by a problem document.
func (q *request) problemHot(buf *bytes.Buffer, a *quick.Answer, e *errs.Error) {
	buf.Reset()
	a.Status, a.Header = statuses[e.Kind], nil
	headers(e, func(name, value string) {
		a.Header = append(a.Header, quick.Field{Name: http.CanonicalHeaderKey(name), Value: value})
	})
	if err := encode(buf, newProblem(e, a.Status, q.id)); err != nil {
		q.gateway.cfg.Log.Error("problem document", "request_id", q.id, "error", err)
	}
	a.Raw = buf.Bytes()
}

var answerBodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func appendHeader(out []byte, name, value string) []byte {
	if value == "" {
		return out
	}
	return append(append(append(append(out, name...), ": "...), value...), "\r\n"...)
}

// constantHeaders returns the headers that every answer has.
func (g *Gateway) constantHeaders() []byte {
	h := http.Header{}
	g.setHeaders(h)
	var out []byte
	for name, values := range h {
		out = appendHeader(out, name, values[0])
	}
	return out
}

type datedText struct {
	second int64
	text   string
}

var dated atomic.Pointer[datedText]

// date is the Date header of an answer (RFC 9110, section 5.6.7).
func date(now time.Time) string {
	d := dated.Load()
	if second := now.Unix(); d == nil || d.second != second {
		d = &datedText{second, now.UTC().Format(http.TimeFormat)}
		dated.Store(d)
	}
	return d.text
}
