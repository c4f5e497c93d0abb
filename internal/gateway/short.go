package gateway

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/quick"
)

// Quick gives operations a short way (package quick): what happens to every
// request happens to theirs too, but neither net/http, the router nor huma is
// asked.
func (g *Gateway) Quick(list ...quick.Operation) {
	g.door.Add(list...)
	for _, o := range list {
		if item := g.api.OpenAPI().Paths[o.Pattern]; item != nil && o.Method == http.MethodPost {
			g.posts[o.Pattern] = item.Post
		}
	}
}

// short answers a request that came to the door in a plain form.
func (g *Gateway) short(o *quick.Operation, p *quick.Request, out []byte) (answer []byte, ok bool) {
	if g.cfg.Hosts != nil && !knownHost(p.Host, g.cfg.Hosts) || p.Cookies && p.Authorization == "" || p.Origin != "" && len(g.cfg.Origins) > 0 {
		return nil, false
	}
	run, ok := o.Read(p)
	if !ok {
		return nil, false
	}
	q := &request{gateway: g, start: time.Now(), id: requestID(p.ID), method: p.Method, path: p.Path}
	q.Context = g.limit.Context()
	q.client = g.client(p.Peer, p.Forwarded)
	g.metrics.inFlight.Inc()
	g.metrics.short.Inc()
	var quota quota
	defer func() {
		if v := recover(); v != nil {
			q.panicked(v)
			answer, ok = q.writeShort(out, o, p, quota, quick.Answer{}, internal(nil)), true
		}
		q.finish()
	}()
	a, err := q.carryOut(p, o, run, &quota)
	if err == nil {
		return q.writeShort(out, o, p, quota, a, nil), true
	}
	e := classify(q, err)
	q.note(e)
	return q.writeShort(out, o, p, quota, a, e), true
}

// carryOut checks a request as enter does, and runs its operation.
func (q *request) carryOut(p *quick.Request, o *quick.Operation, run quick.Serve, quota *quota) (quick.Answer, error) {
	g := q.gateway
	if err := g.pressed(q); err != nil {
		return quick.Answer{}, err
	}
	var who caller.Caller
	var err error
	if p.Authorization != "" && g.cfg.Authenticate != nil {
		who, err = g.bearer(q, p.Authorization)
	}
	if *quota, err = g.admit(q, who, err); err != nil {
		return quick.Answer{}, err
	}
	q.pattern = o.Pattern
	if len(p.Body) > 0 {
		if op := g.posts[o.Pattern]; op != nil {
			if err := takes(op, q.path, who); err != nil {
				return quick.Answer{}, err
			}
		}
		if _, e := checkJSON(p.Body, forCards(q.path), maxValues); e != nil {
			return quick.Answer{}, e
		}
	}
	var ctx context.Context = q
	if who.SignedIn() {
		ctx = caller.With(q, who)
	}
	return run(ctx)
}

// writeShort appends the answer to out, the headers as the long way has them.
func (q *request) writeShort(out []byte, o *quick.Operation, p *quick.Request, quota quota, a quick.Answer, e *errs.Error) []byte {
	kind, challenge := "application/json", ""
	body := answerBodies.Get().(*[]byte)
	defer answerBodies.Put(body)
	switch {
	case e != nil:
		a = quick.Answer{Status: statuses[e.Kind]}
		headers(e, func(name, value string) {
			if name == "Retry-After" {
				a.RetryAfter = value
			} else {
				challenge = value
			}
		})
		kind = "application/problem+json"
		doc, err := newProblem(e, a.Status, q.id).MarshalJSON()
		if err != nil {
			q.gateway.cfg.Log.Error("problem document", "request_id", q.id, "error", err)
		}
		*body = append(append((*body)[:0], doc...), '\n')
		a.Raw = *body
	case p.IfNoneMatch != "" && p.Method == http.MethodGet && a.Status == http.StatusOK && matches(p.IfNoneMatch, a.ETag):
		a.Status, a.Raw = http.StatusNotModified, nil
	case a.Body != nil:
		*body = append(a.Body((*body)[:0]), '\n')
		a.Raw = *body
	}
	if o.Shared && e == nil && shareable(a.Status) && strings.HasPrefix(a.CacheControl, "public") {
		quota.policy = nil // it says nothing to others
	} else {
		a.CacheControl = private[0]
	}
	q.answer.status = a.Status
	if len(q.gateway.cfg.Origins) > 0 {
		a.Vary = strings.TrimPrefix(a.Vary+", Origin", ", ") // one line, as the long way has it
	}
	out = q.appendHead(out, &a, quota, challenge)
	if p.Last {
		out = appendHeader(out, "Connection", "close")
	}
	out = append(append(out, "Date: "...), date(q.start)...)
	if a.Status != http.StatusNotModified {
		out = appendHeader(append(out, "\r\n"...), "Content-Type", kind)
		out = strconv.AppendInt(append(out, "Content-Length: "...), int64(len(a.Raw)), 10)
	}
	return append(append(out, "\r\n\r\n"...), a.Raw...)
}

// appendHead appends the status line and the headers that the answer itself says.
func (q *request) appendHead(out []byte, a *quick.Answer, quota quota, challenge string) []byte {
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(a.Status), 10)
	out = append(append(append(out, ' '), http.StatusText(a.Status)...), "\r\n"...)
	out = append(out, q.gateway.constant...)
	out = appendHeader(out, "X-Request-Id", q.id)
	if quota.policy != nil {
		out = appendHeader(out, "Ratelimit-Policy", quota.policy[0])
		out = appendHeader(out, "Ratelimit", quota.state)
	}
	out = appendHeader(out, "Etag", a.ETag)
	out = appendHeader(out, "Location", a.Location)
	out = appendHeader(out, "Retry-After", a.RetryAfter)
	out = appendHeader(out, "Www-Authenticate", challenge)
	out = appendHeader(out, "Cache-Control", a.CacheControl)
	out = appendHeader(out, "Vary", a.Vary)
	return appendHeader(out, "Content-Encoding", a.ContentEncoding)
}

var answerBodies = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

func appendHeader(out []byte, name, value string) []byte {
	if value == "" {
		return out
	}
	return append(append(append(append(out, name...), ": "...), value...), "\r\n"...)
}

// constantHeaders are those that every answer has, as serve sets them.
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
