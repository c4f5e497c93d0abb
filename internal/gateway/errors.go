package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/batch"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
)

// statuses maps each kind of error to its HTTP status.
var statuses = map[errs.Kind]int{
	errs.Internal:        http.StatusInternalServerError,
	errs.Malformed:       http.StatusBadRequest,
	errs.Unauthenticated: http.StatusUnauthorized,
	errs.PaymentRequired: http.StatusPaymentRequired,
	errs.Forbidden:       http.StatusForbidden,
	errs.NotFound:        http.StatusNotFound,
	errs.Conflict:        http.StatusConflict,
	errs.Precondition:    http.StatusPreconditionFailed,
	errs.TooLarge:        http.StatusRequestEntityTooLarge,
	errs.Unsupported:     http.StatusUnsupportedMediaType,
	errs.Invalid:         http.StatusUnprocessableEntity,
	errs.TooMany:         http.StatusTooManyRequests,
	errs.Unavailable:     http.StatusServiceUnavailable,
}

// Problem is a problem document (RFC 9457). It is also the error type that huma uses
// and that the OpenAPI document describes.
type Problem struct {
	Type      string       `json:"type" doc:"Stable identifier of the problem. Clients can base decisions on it." example:"/problems/seats-taken"`
	Title     string       `json:"title" doc:"The name of the HTTP status."`
	Status    int          `json:"status" doc:"The HTTP status."`
	Detail    string       `json:"detail" doc:"Explanation for people, in English."`
	Fields    []errs.Field `json:"fields,omitempty" doc:"The invalid inputs, named as in the request."`
	RequestID string       `json:"request_id,omitempty" doc:"Id of this request in the server's log."`

	extra map[string]any // further members of this type of problem
}

func newProblem(e *errs.Error, status int, requestID string) *Problem {
	return &Problem{
		Type: "/problems/" + e.Type, Title: http.StatusText(status), Status: status,
		Detail: e.Detail, Fields: e.Fields[:min(len(e.Fields), maxFaults)], RequestID: requestID, extra: e.Extra,
	}
}

func (p *Problem) Error() string             { return p.Type + ": " + p.Detail }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// TransformSchema allows further members in the schema of a problem.
func (p *Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.AdditionalProperties = true
	return s
}

// MarshalJSON writes the document. The problem's own members follow those of RFC
// 9457 and cannot replace them.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	doc, err := codec.Marshal((*plain)(p))
	if err != nil || len(p.extra) == 0 {
		return doc, err
	}
	names := make([]string, 0, len(p.extra))
	for name := range p.extra {
		if !slices.Contains([]string{"type", "title", "status", "detail", "fields", "request_id"}, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	doc = doc[:len(doc)-1]
	for _, name := range names {
		key, err := codec.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := codec.Marshal(p.extra[name])
		if err != nil {
			return nil, err
		}
		doc = append(append(append(append(doc, ','), key...), ':'), value...)
	}
	return append(doc, '}'), nil
}

// classify returns the application error in err. The client sees any other error as
// an internal error; the details go to the log only.
func classify(ctx context.Context, err error) *errs.Error {
	var e *errs.Error
	var full batch.Full
	var closed batch.Closed
	again := func(slug, detail string) *errs.Error {
		return &errs.Error{Kind: errs.Unavailable, Type: slug, Detail: detail, RetryAfter: time.Second, Err: err}
	}
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &full):
		return again("busy", "We are very busy; please try again in a moment.")
	case errors.As(err, &closed):
		return again("shutting-down", "This node is shutting down; please try again.")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), ctx.Err() != nil:
		// Databases report a cancelled statement in their own words, so the context
		// decides.
		return again("timeout", "This took too long; please try again.")
	}
	if g := requestFrom(ctx).gateway; g != nil && g.cfg.Outage != nil && g.cfg.Outage(err) {
		return again("database-unavailable", "The ticket office cannot reach its records just now; please try again in a moment.")
	}
	return internal(err)
}

func internal(err error) *errs.Error {
	return &errs.Error{Kind: errs.Internal, Type: "internal-error", Detail: "Something went wrong on our side. The request id helps us find out what.", Err: err}
}

// useProblems makes huma answer with problem documents and match field names
// exactly. huma's hooks are package variables, so they are set once for all gateways
// of the process; a request's gateway is in its context.
var useProblems = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // lists are never null
	huma.NewError = func(status int, msg string, list ...error) huma.StatusError {
		return newProblem(fromHuma(status, msg, list), status, "")
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, list ...error) huma.StatusError {
		var e *errs.Error
		if status == http.StatusInternalServerError && len(list) == 1 { // returned by a handler
			e = classify(ctx.Context(), list[0])
			status = statuses[e.Kind]
		} else {
			e = fromHuma(status, msg, list)
			if e.Type != "bad-request" {
				status = statuses[e.Kind]
			}
		}
		q := requestFrom(ctx.Context())
		q.note(e)
		headers(e, ctx.SetHeader)
		return newProblem(e, status, q.id)
	}
})

// headers sets the headers that belong to an error.
func headers(e *errs.Error, set func(name, value string)) {
	if e.RetryAfter > 0 {
		set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds())))) // whole seconds, rounded up
	}
	if e.Kind == errs.Unauthenticated {
		challenge := "Bearer" // RFC 6750, section 3
		if e.Type == "bad-token" {
			challenge = `Bearer error="invalid_token"`
		}
		set("WWW-Authenticate", challenge)
	}
}

// refuse answers a request with an error, outside of huma.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	requestFrom(r.Context()).refuse(w, err)
}

func (q *request) refuse(w http.ResponseWriter, err error) {
	e := classify(q, err)
	q.refuseAs(w, e, statuses[e.Kind])
}

func (q *request) refuseAs(w http.ResponseWriter, e *errs.Error, status int) {
	q.note(e)
	q.write(w, e, status)
}

func (q *request) write(w http.ResponseWriter, e *errs.Error, status int) {
	if g := q.gateway; g != nil && g.cfg.ErrorPage != nil && q.asked != nil && g.cfg.WantsPage(q.asked) {
		r := q.served // the request with its caller
		if r == nil {
			r = q.asked
		}
		headers(e, w.Header().Set)
		g.cfg.ErrorPage(w, r, e, status, q.id)
		return
	}
	body, err := newProblem(e, status, q.id).MarshalJSON()
	if err != nil {
		q.gateway.cfg.Log.Error("problem document", "request_id", q.id, "error", err)
	}
	headers(e, w.Header().Set)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // fails when the client has gone
}

// note logs an internal error once.
func (q *request) note(e *errs.Error) {
	if e.Kind == errs.Internal && q.gateway != nil {
		q.gateway.cfg.Log.Error("request failed", "request_id", q.id, "method", q.method, "path", q.safePath(), "error", e.Err)
	}
}

// fromHuma turns huma's report about a bad request into an error that names the
// fields.
func fromHuma(status int, msg string, list []error) *errs.Error {
	switch status {
	case http.StatusUnsupportedMediaType:
		return errs.New(errs.Unsupported, "not-json", "The body must be JSON, with the header Content-Type: application/json.")
	case http.StatusRequestEntityTooLarge:
		return errs.New(errs.TooLarge, "too-large", "The body is too large for this operation.")
	}
	var fields []errs.Field
	for _, err := range list[:min(len(list), maxFaults)] {
		var d huma.ErrorDetailer
		if errors.As(err, &d) { // the text of others may repeat the input
			fields = append(fields, fieldOf(d.ErrorDetail()))
		}
	}
	switch {
	case len(fields) > 0 && fields[0].Code == "not-json":
		e := errs.New(errs.Malformed, "malformed-json", "%s %s.", fields[0].Name, fields[0].Reason)
		e.Fields = fields
		return e
	case len(fields) > 0:
		return &errs.Error{Kind: errs.Invalid, Type: "invalid-field", Detail: fields[0].Name + " " + fields[0].Reason + ".", Fields: fields}
	case msg == "request body is required":
		e := errs.New(errs.Malformed, "malformed-json", "A JSON body is required.")
		e.Fields = []errs.Field{{Name: "body", Code: "required", Reason: "is required"}}
		return e
	}
	if msg == "" {
		msg = "this request cannot be answered"
	}
	return errs.New(errs.Malformed, "bad-request", "%s.", strings.ToUpper(msg[:1])+msg[1:])
}
