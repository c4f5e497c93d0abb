package gateway

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/route"
)

// sections are the parts of the API's document, in the order of a purchase.
var sections = []*huma.Tag{
	{Name: "Events", Description: "Events with their prices, seating plans and free seats."},
	{Name: "Bookings", Description: "Seats of one person for one event: held for a few minutes, then booked by a payment, or released."},
	{Name: "Payments", Description: "Money for a booking. A declined payment is final; the next attempt is a new payment."},
	{Name: "Users", Description: "Sign-up, log-in, and the user's own account."},
	{Name: "Accounts", Description: "Verified addresses, sessions, two-factor log-in, and buying as a guest."},
	{Name: "Ledger", Description: "The append-only, hash-chained list of everything that happened to an event's seats, for independent verification."},
}

// failures say what a status of an error means here.
var failures = map[int]string{
	http.StatusBadRequest:            "The request cannot be read: it is not JSON, not UTF-8, or cut off.",
	http.StatusUnauthorized:          "Nobody is signed in, or the session has ended.",
	http.StatusPaymentRequired:       "The payment was declined; no money was taken.",
	http.StatusForbidden:             "You may see this, but not do it.",
	http.StatusNotFound:              "It does not exist, or it belongs to somebody else.",
	http.StatusConflict:              "The state of things forbids it; the type says what.",
	http.StatusPreconditionFailed:    "If-Match names a version that is not the current one, or the operation is about something that has none; or a change came with If-None-Match.",
	http.StatusRequestEntityTooLarge: "The body is too large.",
	http.StatusUnsupportedMediaType:  "The body is not JSON, or is compressed.",
	http.StatusUnprocessableEntity:   "A field is wrong; fields says which and why.",
	http.StatusTooManyRequests:       "Too often; Retry-After says when to come back, in seconds.",
	http.StatusInternalServerError:   "Something went wrong on our side; request_id helps to find out what.",
	http.StatusServiceUnavailable:    "Too much at once, or shutting down; Retry-After says when to come back, in seconds.",
}

// always are the errors that every operation may answer.
var always = []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}

// successes say what a status means.
var successes = map[string]string{
	"200": "What was asked for.", "304": "You have it already: If-None-Match names it.", "201": "It was made; Location says where it is.", "202": "It was taken on and goes on.", "204": "Done; there is nothing to say.",
}

// headerDocs describe the headers of answers, wherever they occur.
var headerDocs = map[string]string{
	"ETag":          "Version of what is answered: for If-None-Match of a later read, and If-Match of a change.",
	"Location":      "Path of what was made, or of what goes on.",
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
	for name, s := range doc.Components.Schemas.Map() {
		explainSchema(name, s)
	}
	for _, item := range doc.Paths {
		for _, op := range operationsOf(item) {
			check(op.Method+" "+op.Path, route.Of(op))
			g.completeOperation(op)
		}
		if item.Get != nil && zips(item.Get) {
			g.zips[item.Get.Path] = true
		}
	}
}

// operationsOf are the operations of a path.
func operationsOf(item *huma.PathItem) []*huma.Operation {
	return slices.DeleteFunc([]*huma.Operation{item.Get, item.Post, item.Put, item.Delete}, func(op *huma.Operation) bool { return op == nil })
}

// zips reports whether the front door compresses what an operation answers:
// lists and the like. What has a tag of its own knows about its encodings.
func zips(op *huma.Operation) bool {
	res := op.Responses["200"]
	return res != nil && res.Content["application/json"] != nil && res.Headers["ETag"] == nil
}

// securityOf is what an operation asks for, as OpenAPI writes it.
func securityOf(op *huma.Operation) []map[string][]string {
	nobody, session := map[string][]string{}, map[string][]string{"session": {}}
	traits := route.Of(op)
	switch {
	case traits.Has(route.Optional):
		return []map[string][]string{nobody, session}
	case traits.Has(route.Open) || !slices.Contains(op.Errors, http.StatusUnauthorized):
		return []map[string][]string{nobody}
	}
	return []map[string][]string{session}
}

// errorsOf are the statuses of an operation's errors.
func (g *Gateway) errorsOf(op *huma.Operation) []int {
	list := slices.Concat(op.Errors, always)
	if !route.Of(op).Has(route.Open) { // a session that has ended is refused everywhere else
		list = append(list, http.StatusUnauthorized)
	}
	for _, slug := range g.named[op.OperationID] {
		list = append(list, statuses[g.problems[slug].Kind])
	}
	if op.Method != http.MethodGet { // see checkChange
		list = append(list, http.StatusPreconditionFailed, http.StatusUnprocessableEntity)
	}
	if op.RequestBody != nil {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// saysWhere leaves Location to answers that have it: those that say that something
// was made or goes on (RFC 9110, section 10.2.2).
func saysWhere(op *huma.Operation) {
	done := op.Responses[strconv.Itoa(op.DefaultStatus)]
	if goes := op.Responses["202"]; goes != nil && goes.Headers == nil && done != nil {
		goes.Headers = map[string]*huma.Param{}
		for name, h := range done.Headers {
			same := *h
			goes.Headers[name] = &same
		}
	}
	for key, res := range op.Responses {
		if key != "201" && key != "202" {
			delete(res.Headers, "Location")
		}
		if key[0] == '2' && key != "202" { // nobody need look again
			delete(res.Headers, "Retry-After")
		}
	}
}

func (g *Gateway) completeOperation(op *huma.Operation) {
	for _, status := range g.errorsOf(op) {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{}
		}
	}
	delete(op.Responses, "default")
	op.Security = securityOf(op)
	if ok := op.Responses["200"]; ok != nil && ok.Headers["ETag"] != nil && op.Method == http.MethodGet && op.Responses["304"] == nil {
		op.Responses["304"] = &huma.Response{}
	}
	saysWhere(op)
	for key, res := range op.Responses {
		if says := successes[key]; says != "" {
			res.Description = says
		}
		status, _ := strconv.Atoi(key)
		if f, ok := failures[status]; ok {
			res.Description = f
			res.Content = map[string]*huma.MediaType{"application/problem+json": {
				Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}, Examples: g.problemExamples(op, status),
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
		explainParam(op, p)
	}
}
