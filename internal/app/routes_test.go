package app

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/route"
)

// What each route declares to the gateway: which ones are attempts to enter, which
// make visitors, which take seats. A new form that checks a secret or sends a mail
// must be in the first list, or anybody may guess as often as they like.
func TestRoutesDeclareWhatTheyAre(t *testing.T) {
	h := newHouse(t)
	found := map[string][]string{}
	for _, at := range h.door.Routes() {
		method, pattern, _ := strings.Cut(at, " ")
		f := h.door.Declared(method, pattern)
		for name, trait := range traits {
			if f.Has(trait) {
				found[name] = append(found[name], at)
			}
		}
		if f.Has(route.Organizers) != (strings.HasPrefix(pattern, "/organizer") || organizersOnly[at]) {
			t.Errorf("%s: for organizers only is %v", at, f.Has(route.Organizers))
		}
		if f.Has(route.Shared) && method != "GET" {
			t.Errorf("%s may be shared", at)
		}
	}
	for fact, want := range map[string][]string{
		"entry": {
			"POST /door/pair", "POST /users", "POST /users/login", "POST /users/guest", "POST /users/guest/code", "POST /users/guest/verify", "POST /users/verify",
			"POST /users/password-reset", "POST /users/password-reset/confirm", "POST /users/{id}/verification",
			"POST /users/{id}/totp", "PUT /users/{id}/totp", "DELETE /users/{id}/totp", "PUT /users/{id}", "DELETE /users/{id}",
			"POST /sign-in", "POST /sign-up", "POST /forgot", "POST /verify", "POST /reset",
			"POST /account", "POST /account/password", "POST /account/verification", "POST /account/delete",
			"POST /account/two-factor", "POST /account/two-factor/confirm", "POST /account/two-factor/end",
			"POST /checkout/{booking}/guest", "POST /checkout/{booking}/code", "POST /checkout/{booking}/resend",
			"POST /checkout/{booking}/sign-in", "POST /checkout/{booking}/sign-up",
			"POST /orders/{booking}/code", "POST /orders/{booking}/enter",
			"POST /events/{id}/announcements/{announcement_id}/test", "POST /events/{id}/announcements/{announcement_id}/send",
			"POST /organizer/events/{event}/announcements/{announcement}",
		},
		"open":         {"POST /door/pair", "POST /users", "POST /users/login", "POST /users/guest", "POST /users/verify", "POST /users/password-reset", "POST /users/password-reset/confirm"},
		"visitors":     {"POST /e/{id}/hold"},
		"holds":        {"POST /e/{id}/hold", "POST /bookings"},
		"large":        {"POST /events", "PUT /events/{id}", "POST /organizer/events/new", "POST /organizer/events/{event}/edit"},
		"stream":       {"GET /events/{id}/live", "GET /door/live"},
		"device":       {"GET /door", "GET /door/list", "GET /door/scans", "POST /door/scans", "GET /door/live", "GET /door/guests", "GET /door/names", "GET /door/names/{page}", "GET /door/node", "GET /door/node/scans", "POST /door/node/scans"},
		"bulk":         {"POST /door/scans", "POST /door/node/scans"},
		"probe":        {"GET /healthz", "GET /readyz", "GET /docs", "GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml", "POST /payments/webhooks/{provider}", "POST /texts/status"},
		"long numbers": {"POST /door/scans", "POST /door/node/scans", "POST /events", "PUT /events/{id}", "POST /events/{id}/blocks", "POST /events/{id}/complimentary", "POST /payments/webhooks/{provider}", "POST /texts/status"},
	} {
		slices.Sort(want)
		slices.Sort(found[fact])
		if !slices.Equal(found[fact], want) {
			t.Errorf("%s: %q, want %q", fact, found[fact], want)
		}
	}
	if h.door.Declared("GET", "/nowhere") != 0 {
		t.Error("an address without a route declares something")
	}
}

var traits = map[string]route.Traits{
	"entry": route.Entry, "open": route.Open, "visitors": route.Visitors, "holds": route.Holds, "large": route.LargeBody,
	"device": route.Device, "bulk": route.Bulk, "stream": route.Stream, "probe": route.Probe, "long numbers": route.LongNumbers,
}

var organizersOnly = map[string]bool{"POST /events": true, "PUT /events/{id}": true, "POST /events/{id}/blocks": true, "POST /events/{id}/complimentary": true, "POST /bookings/{id}/notices": true,
	"POST /events/{id}/announcements": true, "PUT /events/{id}/announcements/{announcement_id}": true, "POST /events/{id}/announcements/{announcement_id}/test": true,
	"POST /events/{id}/announcements/{announcement_id}/send": true, "POST /events/{id}/announcements/{announcement_id}/stop": true,
	"PUT /events/{id}/door": true, "POST /events/{id}/door/pairings": true, "POST /events/{id}/door/corrections": true, "POST /events/{id}/door/lists": true,
	"PUT /sellers/{id}": true, "PUT /events/{id}/refunds": true, "POST /bookings/{id}/cancellations": true, "POST /bookings/{id}/refunds": true, "PUT /bookings/{id}/seats": true,
	"POST /webhooks": true, "PUT /webhooks/{id}": true, "POST /webhooks/{id}/secret": true, "POST /webhooks/{id}/test": true, "POST /webhooks/{id}/replay": true}
