package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/batch"
	"boxoffice/internal/errs"
)

// statuses is the HTTP status of each kind of error.
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

// problem is a problem document (RFC 9457). It is also how huma sees an error.
type problem struct {
	status    int
	err       *errs.Error
	requestID string
}

func newProblem(e *errs.Error, requestID string) *problem {
	return &problem{status: statuses[e.Kind], err: e, requestID: requestID}
}

func (p *problem) Error() string             { return p.err.Error() }
func (p *problem) GetStatus() int            { return p.status }
func (p *problem) ContentType(string) string { return "application/problem+json" }

// MarshalJSON writes the document, with the error's own members beside RFC 9457's.
func (p *problem) MarshalJSON() ([]byte, error) {
	doc := map[string]any{}
	for k, v := range p.err.Extra {
		doc[k] = v
	}
	doc["type"] = "/problems/" + p.err.Type
	doc["title"] = http.StatusText(p.status)
	doc["status"] = p.status
	doc["detail"] = p.err.Detail
	if len(p.err.Fields) > 0 {
		doc["fields"] = p.err.Fields
	}
	if p.requestID != "" {
		doc["request_id"] = p.requestID
	}
	return json.Marshal(doc)
}

// classify is the application error in err. Errors that are not one are told to
// the reader as an internal error, and in full to the log only.
func classify(err error) *errs.Error {
	var e *errs.Error
	var full batch.Full
	var closed batch.Closed
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &full):
		return &errs.Error{Kind: errs.Unavailable, Type: "busy", Detail: "Too many people at once; please try again in a moment.", RetryAfter: 1e9, Err: err}
	case errors.As(err, &closed):
		return &errs.Error{Kind: errs.Unavailable, Type: "shutting-down", Detail: "This node is shutting down; please try again.", RetryAfter: 1e9, Err: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &errs.Error{Kind: errs.Unavailable, Type: "timeout", Detail: "This took too long; please try again.", RetryAfter: 1e9, Err: err}
	}
	return &errs.Error{Kind: errs.Internal, Type: "internal-error", Detail: "Something went wrong on our side. The request id helps us find out what.", Err: err}
}

// problemFor is huma's way of making an error: of what a handler returned, or
// of what is wrong with a request's parameters and body.
func (g *Gateway) problemFor(ctx huma.Context, status int, msg string, list ...error) huma.StatusError {
	var e *errs.Error
	if status == http.StatusInternalServerError && len(list) == 1 {
		e = classify(list[0])
	} else {
		e = fromHuma(status, msg, list)
	}
	var id string
	if ctx != nil {
		info := infoFrom(ctx.Context())
		id = info.id
		g.note(info, e)
		if e.RetryAfter > 0 {
			ctx.SetHeader("Retry-After", retryAfter(e))
		}
		if e.Kind == errs.Unauthenticated {
			ctx.SetHeader("WWW-Authenticate", "Bearer")
		}
	}
	p := newProblem(e, id)
	if e.Type == "bad-request" {
		p.status = status
	}
	return p
}

// retryAfter is in whole seconds, rounded up.
func retryAfter(e *errs.Error) string {
	return strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds())))
}

// note logs errors that are our fault, once.
func (g *Gateway) note(info *info, e *errs.Error) {
	if e.Kind == errs.Internal {
		g.cfg.Log.Error("request failed", "request_id", info.id, "method", info.method, "path", info.path, "error", e.Err)
	}
}

// refuse answers a request with an error, outside of huma.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := classify(err)
	g.refuseAs(w, r, e, statuses[e.Kind])
}

func (g *Gateway) refuseAs(w http.ResponseWriter, r *http.Request, e *errs.Error, status int) {
	info := infoFrom(r.Context())
	g.note(info, e)
	p := &problem{status, e, info.id}
	body, err := json.Marshal(p)
	if err != nil {
		g.cfg.Log.Error("problem document", "error", err)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", retryAfter(e))
	}
	if e.Kind == errs.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// goField finds the field in what encoding/json says of a value that does not fit.
var goField = regexp.MustCompile(`cannot unmarshal (\w+)(?: [^ ]+)? into Go (?:struct field [^ ]*?\.([\w.\[\]]+)|value) of type (\S+)`)

// fromHuma turns what huma says about a bad request into an error that names
// the fields.
func fromHuma(status int, msg string, list []error) *errs.Error {
	var fields []errs.Field
	for _, err := range list {
		var d huma.ErrorDetailer
		if !errors.As(err, &d) {
			if err != nil {
				msg += ": " + err.Error()
			}
			continue
		}
		fields = append(fields, fieldOf(d.ErrorDetail()))
	}
	switch {
	case len(fields) == 1 && strings.HasPrefix(fields[0].Reason, "unknown content type"):
		return errs.New(errs.Unsupported, "not-json", "The body must be JSON, with the header Content-Type: application/json.")
	case len(fields) == 1 && fields[0].Name == "body":
		return &errs.Error{Kind: errs.Malformed, Type: "malformed-json", Detail: "The body is not what this operation takes: " + fields[0].Reason + ".", Fields: fields}
	case len(fields) > 0:
		return errs.Fields(fields).(*errs.Error)
	case status == http.StatusRequestEntityTooLarge:
		return errs.New(errs.TooLarge, "too-large", "The body is too large.")
	}
	return errs.New(errs.Malformed, "bad-request", "%s.", upper(msg))
}

func upper(s string) string {
	if s == "" {
		return "This request cannot be answered"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// fieldOf names a field as in the request and says in plain words what is wrong.
func fieldOf(d *huma.ErrorDetail) errs.Field {
	name := d.Location
	for _, prefix := range []string{"body.", "query.", "path.", "header."} {
		name = strings.TrimPrefix(name, prefix)
	}
	reason := d.Message
	switch {
	case reason == "unexpected property":
		reason = "is not a field of this request"
	case strings.HasPrefix(reason, "expected required property "):
		missing := strings.Fields(strings.TrimPrefix(reason, "expected required property "))[0]
		if name == "body" || name == "" {
			name = missing
		} else {
			name += "." + missing
		}
		reason = "is required"
	case strings.HasPrefix(reason, "required "):
		reason = "is required"
	case strings.HasPrefix(reason, "expected "):
		reason = "must be " + strings.TrimPrefix(reason, "expected ")
	}
	if m := goField.FindStringSubmatch(reason); m != nil {
		if m[2] != "" {
			name = m[2]
		}
		reason = fmt.Sprintf("must be %s, not this %s", plainType(m[3]), m[1])
	}
	return errs.Field{Name: name, Reason: reason}
}

// plainType says a Go type in words.
func plainType(goType string) string {
	switch {
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return "a whole number within range"
	case strings.HasPrefix(goType, "float"):
		return "a number within range"
	case goType == "string":
		return "a string"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "["):
		return "a list"
	}
	return "an object"
}
