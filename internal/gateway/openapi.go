package gateway

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// sections are the parts of the API's document, in the order of a purchase.
var sections = []*huma.Tag{
	{Name: "Events", Description: "What is on: events with their prices, seating plans, and which seats are free."},
	{Name: "Bookings", Description: "Seats of one person for one event: held for some minutes, then booked by a payment, or free again."},
	{Name: "Payments", Description: "Money for a booking. A payment that was declined is final; another attempt is another payment."},
	{Name: "Users", Description: "Sign-up, log-in, and one's own account."},
	{Name: "Accounts", Description: "What an account needs besides: verified addresses, sessions, two-factor log-in, and buying as a guest."},
	{Name: "Ledger", Description: "The append-only, hash-chained list of all that happened to an event's seats, for those who want to check."},
}

// failures are the errors that any operation may answer, and what each status
// means here, with a problem as an example.
var failures = map[int]struct{ says, slug, detail string }{
	http.StatusBadRequest:            {"The request cannot be read: it is not JSON, not UTF-8, or cut off.", "malformed-json", "The body is not JSON: a comma is missing."},
	http.StatusUnauthorized:          {"Nobody is signed in, or the session has ended.", "sign-in-required", "Please sign in first."},
	http.StatusPaymentRequired:       {"The payment was declined; no money was taken.", "payment-declined", "The payment was declined. No money was taken."},
	http.StatusForbidden:             {"One may see this, and not do it.", "not-yours-to-change", "role can be changed by another account, an administrator's, only."},
	http.StatusNotFound:              {"There is no such thing, or it is somebody else's.", "not-found", "There is no such booking."},
	http.StatusConflict:              {"The state of things forbids it; the type says what.", "seats-taken", "Somebody was faster: 101-A-12 is gone."},
	http.StatusPreconditionFailed:    {"If-Match names a version that is not the current one.", "changed-meanwhile", "The event has changed since you read it."},
	http.StatusRequestEntityTooLarge: {"The body is too large.", "too-large", "The body is larger than 64 KiB."},
	http.StatusUnprocessableEntity:   {"A field is wrong; fields says which and why.", "invalid-field", "quantity must be at least 1."},
	http.StatusTooManyRequests:       {"Too often; Retry-After says when to come back, in seconds.", "too-many-requests", "Too many requests; please slow down."},
	http.StatusInternalServerError:   {"Something went wrong on our side; request_id helps to find out what.", "internal-error", "Something went wrong on our side. The request id helps us find out what."},
	http.StatusServiceUnavailable:    {"Too much at once, or shutting down; Retry-After says when to come back, in seconds.", "busy", "Too many people at once; please try again in a moment."},
}

// always are the errors that every operation may answer.
var always = []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}

// successes say what a status means.
var successes = map[string]string{
	"200": "As asked.", "201": "It was made; Location says where it is.", "202": "It was taken on and goes on.", "204": "Done; there is nothing to say.",
}

// headerDocs describe the headers of answers, wherever they occur.
var headerDocs = map[string]string{
	"ETag":          "Version of what is answered: for If-None-Match of a later read, and If-Match of a change.",
	"Location":      "Where it is.",
	"Cache-Control": "Who may keep the answer, and for how long (RFC 9111).",
	"Content-Type":  "application/json",
	"Retry-After":   "When to look again, in seconds.",
	"Vary":          "Request headers that the answer depends on.",
}

// Complete finishes the API's document once all operations are registered: what
// is the same for all of them is said here.
func (g *Gateway) Complete() {
	doc := g.api.OpenAPI()
	doc.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	doc.Servers = []*huma.Server{{URL: "/", Description: "This server."}}
	doc.Tags = sections
	problem := g.api.OpenAPI().Components.Schemas.SchemaFromRef("#/components/schemas/Problem")
	if problem == nil {
		panic("gateway: no operation has an error")
	}
	for _, s := range doc.Components.Schemas.Map() {
		explainSchema(s)
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op != nil {
				completeOperation(op)
			}
		}
	}
}

func completeOperation(op *huma.Operation) {
	for _, status := range slices.Concat(op.Errors, always) {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{}
		}
	}
	delete(op.Responses, "default")
	open := !slices.Contains(op.Errors, http.StatusUnauthorized)
	if open { // nobody need be signed in
		op.Security = []map[string][]string{{}}
	} else {
		op.Security = []map[string][]string{{"session": {}}}
	}
	for key, res := range op.Responses {
		if says := successes[key]; says != "" {
			res.Description = says
		}
		status, _ := strconv.Atoi(key)
		if f, ok := failures[status]; ok {
			res.Description = f.says
			res.Content = map[string]*huma.MediaType{"application/problem+json": {
				Schema: &huma.Schema{Ref: "#/components/schemas/Problem"},
				Example: map[string]any{
					"type": "/problems/" + f.slug, "title": http.StatusText(status), "status": status, "detail": f.detail, "request_id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
				},
			}}
			if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
				res.Headers = map[string]*huma.Param{"Retry-After": {Description: headerDocs["Retry-After"], Schema: &huma.Schema{Type: huma.TypeInteger}}}
			}
		}
		for name, h := range res.Headers {
			if h.Description == "" {
				h.Description = headerDocs[name]
			}
		}
	}
	if op.Description == "" {
		op.Description = op.Summary + "."
	}
	for _, p := range op.Parameters {
		explainParam(p)
	}
}
