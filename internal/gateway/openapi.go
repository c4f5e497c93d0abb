package gateway

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/route"
)

// sections are the parts of the OpenAPI document, in the order of a purchase.
var sections = []*huma.Tag{
	{Name: "Events", Description: "Events with their prices, seating plans and free seats."},
	{Name: "Bookings", Description: "One person's seats for one event: held for a few minutes, then booked by a payment, or released."},
	{Name: "Payments", Description: "Money for a booking. A declined payment is final; the next attempt is a new payment."},
	{Name: "Users", Description: "Signing up, signing in, and the user's own account."},
	{Name: "Accounts", Description: "Verified addresses, sessions, two-factor sign-in, and buying as a guest."},
	{Name: "Announcements", Description: "Messages of organizers to everybody who has tickets for an event, by email."},
	{Name: "Texts", Description: "What the provider of text messages reports about them."},
	{Name: "Webhooks", Description: "Messages to organizers' own programs about what happens to their events, signed by Standard Webhooks."},
	{Name: "Ledger", Description: "The append-only, hash-chained list of everything that happened to an event's seats, for independent verification."},
}

// failures describe the error statuses.
var failures = map[int]string{
	http.StatusBadRequest:            "The request cannot be read: it is malformed, not UTF-8, or incomplete.",
	http.StatusUnauthorized:          "The request has no session, or its session has ended.",
	http.StatusPaymentRequired:       "The payment was declined; no money was taken.",
	http.StatusForbidden:             "You do not have permission for this.",
	http.StatusNotFound:              "It does not exist, or it belongs to somebody else.",
	http.StatusConflict:              "The current state does not allow it; type names the reason.",
	http.StatusPreconditionFailed:    "If-Match does not name the current version, the operation does not support If-Match, or a change was sent with If-None-Match.",
	http.StatusRequestEntityTooLarge: "The body is too large.",
	http.StatusUnsupportedMediaType:  "The body is not JSON, or is compressed.",
	http.StatusUnprocessableEntity:   "A field is invalid; fields names each one and the reason.",
	http.StatusTooManyRequests:       "Too many requests or attempts. Retry-After says how long to wait, in seconds.",
	http.StatusInternalServerError:   "Something went wrong on the server. Quote request_id when you report it.",
	http.StatusServiceUnavailable:    "The server is too busy, or shutting down. Retry-After says how long to wait, in seconds.",
}

// always are the error statuses that every operation may answer.
var always = []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}

// successes describe the other statuses.
var successes = map[string]string{
	"200": "OK.", "304": "Not modified: If-None-Match names the current version.", "201": "Created; Location is its path.", "202": "Accepted; it is carried out in the background.", "204": "Done; the answer has no body.",
}

// headerDocs describe response headers.
var headerDocs = map[string]string{
	"ETag":          "Version of the answer. Send it in If-None-Match to read again, or in If-Match to make a change.",
	"Location":      "Path of what was created, or of what is in progress.",
	"Cache-Control": "Who may cache the answer, and for how long (RFC 9111).",
	"Content-Type":  "Media type of the answer.",
	"Retry-After":   "How long to wait before the next request, in seconds.",
	"Vary":          "Request headers that influence the answer (RFC 9110).",
}

// Complete finishes the OpenAPI document once all operations are registered, and
// adds what all operations have in common.
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

// zips reports whether the gateway compresses an operation's answers, such as lists.
// Operations that set an ETag handle encodings themselves.
func zips(op *huma.Operation) bool {
	res := op.Responses["200"]
	return res != nil && res.Content["application/json"] != nil && res.Headers["ETag"] == nil
}

// securityOf returns the OpenAPI security requirement of an operation.
func securityOf(op *huma.Operation) []map[string][]string {
	nobody, session := map[string][]string{}, map[string][]string{"session": {}}
	traits := route.Of(op)
	switch {
	case traits.Has(route.Device):
		return []map[string][]string{{"device": {}}}
	case traits.Has(route.Optional):
		return []map[string][]string{nobody, session}
	case traits.Has(route.Open) || !slices.Contains(op.Errors, http.StatusUnauthorized):
		return []map[string][]string{nobody}
	}
	return []map[string][]string{session}
}

// errorsOf returns the error statuses of an operation.
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

// saysWhere keeps the Location header only on answers that create or start something
// (RFC 9110, section 10.2.2).
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
		if key[0] == '2' && key != "202" {
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
