package app

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// What an ETag stands for: everything that an answer shows. Each read with a tag is
// here, with changes that it must tell apart; most of them leave the version of the
// thing itself as it was.
func TestETagsCoverWhatIsShown(t *testing.T) {
	h := newHouse(t)
	org, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	event := h.must(t, org, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	draft := h.must(t, org, "POST", "/events", fmt.Sprintf(eventJSON, "draft"), "id")
	type change struct {
		name               string
		as                 userapi.Fan
		method, path, body string
	}
	held := change{"seats are held", ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event)}
	hold := func() string { return h.must(t, ann, "POST", "/bookings", held.body, "id") }
	pay := func(booking, method string) change {
		return change{"paid with " + method, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, method)}
	}
	priced := func(to int) change {
		return change{"the price", org, "PUT", "/events/" + event, fmt.Sprintf(`{"price":%d}`, to)}
	}
	moved := func(to string) change {
		return change{"the time", org, "PUT", "/events/" + event, fmt.Sprintf(`{"event_time":"2099-%s-01T20:00:00Z"}`, to)}
	}
	declined := func() string { // a booking whose first payment failed
		id := hold()
		p := pay(id, paymentapi.SandboxDecline)
		h.ask(t, ann, p.method, p.path, p.body)
		return id
	}
	booking, first, second := hold(), declined(), declined()
	slow := h.must(t, ann, "POST", "/payments", pay(hold(), paymentapi.SandboxSlow).body, "id")
	gift := h.must(t, org, "POST", "/events/"+event+"/complimentary", `{"quantity":1}`, "id")
	link := func(id string) change { return change{"a new link", ann, "POST", "/bookings/" + id + "/link", ""} }
	giftLink := link(gift)
	giftLink.as = org
	ended := h.must(t, org, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	sold := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, ended), "id")
	other := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, ended), "id")
	for _, booking := range []string{sold, other} {
		p := pay(booking, paymentapi.SandboxOK)
		h.must(t, ann, p.method, p.path, p.body, "id")
	}
	billed := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, ended), "id")
	h.must(t, org, "PUT", "/sellers/"+org.UserID, strings.Replace(aSeller, "Stadttheater", "Theatre", 1), "name")
	covered := map[string]bool{}
	for _, c := range []struct {
		operation, path string
		as              userapi.Fan
		changes         []change
	}{
		{"get-payment", "/payments/" + slow, ann, []change{{"another method", ann, "PUT", "/payments/" + slow, `{"method":"tok_ok"}`}}},
		{"get-event", "/events/" + event, ann, []change{held, priced(6000), moved("04"),
			{"the title", org, "PUT", "/events/" + event, `{"title":"Grand Gala"}`}}},
		{"get-plan", "/events/" + draft + "/plan", org, []change{
			{"another plan", org, "PUT", "/events/" + draft, `{"plan":{"template":"theatre","seats":200}}`}}},
		{"get-seats", "/events/" + event + "/seats", ann, []change{held, priced(7000)}},
		{"get-seats", "/events/" + event + "/seats?form=compact", ann, []change{held}},
		{"get-user", "/users/" + ann.UserID, ann, []change{held, {"the name", ann, "PUT", "/users/" + ann.UserID, `{"name":"Anne"}`}}},
		{"get-booking", "/bookings/" + booking, ann, []change{pay(booking, paymentapi.SandboxOK), link(booking), moved("05")}},
		{"get-booking", "/bookings/" + gift, org, []change{giftLink}},
		{"get-payment-of-booking", "/payments/booking/" + first, ann, []change{pay(first, paymentapi.SandboxOK)}},
		{"get-booking-payment", "/bookings/" + second + "/payment", ann, []change{pay(second, paymentapi.SandboxOK)}},
		{"get-invoice-details", "/bookings/" + billed + "/invoice-details", ann, []change{
			{"the name", ann, "PUT", "/bookings/" + billed + "/invoice-details", bodies["PUT /bookings/{id}/invoice-details"]}}},
		{"get-event-refunds", "/events/" + ended + "/refunds", org, []change{
			{"a seat is given back", ann, "DELETE", "/bookings/" + sold, ""},
			{"the event is cancelled", org, "DELETE", "/events/" + ended, ""},
			{"a pause", org, "PUT", "/events/" + ended + "/refunds", `{"state":"paused"}`}}},
		{"get-door", "/events/" + event + "/door", org, []change{{"the rules", org, "PUT", "/events/" + event + "/door", aDoor}}},
		{"get-seller", "/sellers/" + org.UserID, org, []change{{"the details", org, "PUT", "/sellers/" + org.UserID, aSeller}}},
	} {
		covered[c.operation] = true
		for _, x := range c.changes {
			was := h.ask(t, c.as, "GET", c.path, "")
			tag := was.Header().Get("ETag")
			if r := h.ask(t, c.as, "GET", c.path, "", "If-None-Match", tag); was.Code != 200 || tag == "" || r.Code != 304 || r.Body.Len() != 0 {
				t.Fatalf("%s, before %s: %d, ETag %q, then %d", c.path, x.name, was.Code, tag, r.Code)
			}
			if r := h.ask(t, x.as, x.method, x.path, x.body); r.Code >= 300 {
				t.Fatalf("%s: %d %s", x.name, r.Code, r.Body)
			}
			is := h.ask(t, c.as, "GET", c.path, "", "If-None-Match", tag)
			if is.Code != 200 || is.Header().Get("ETag") == tag || is.Body.String() == was.Body.String() {
				t.Errorf("%s, after %s: %d, ETag %s\n%s%s", c.path, x.name, is.Code, is.Header().Get("ETag"), was.Body, is.Body)
			}
		}
	}
	for path, item := range h.door.API().OpenAPI().Paths {
		if op := item.Get; op != nil && op.Responses["200"] != nil && op.Responses["200"].Headers["ETag"] != nil && !covered[op.OperationID] {
			t.Errorf("GET %s (%s) sends an ETag: say here what it covers", path, op.OperationID)
		}
	}
}

// The tag of any answer about a thing will do for a change of it.
func TestETagOfAnyAnswerForAChange(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, "")
	held := h.ask(t, ann, "PUT", "/bookings/"+booking, `{"quantity":2}`).Header().Get("ETag")
	read := h.ask(t, ann, "GET", "/bookings/"+booking, "").Header().Get("ETag")
	for _, tag := range []string{held, read} {
		if r := h.ask(t, ann, "POST", "/bookings/"+booking+"/link", "", "If-Match", tag); r.Code != 200 {
			t.Errorf("%s: %d %s", tag, r.Code, r.Body)
		}
	}
	slow := h.must(t, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_slow"}`, booking), "id")
	latest := h.ask(t, ann, "GET", "/payments/booking/"+booking, "").Header().Get("ETag")
	if r := h.ask(t, ann, "PUT", "/payments/"+slow, `{"method":"tok_ok"}`, "If-Match", latest); r.Code >= 300 {
		t.Errorf("%s: %d %s", latest, r.Code, r.Body)
	}
	if r := h.ask(t, ann, "PUT", "/payments/"+slow, `{"method":"tok_slow"}`, "If-Match", latest); r.Code != 412 {
		t.Errorf("%s again: %d %s", latest, r.Code, r.Body)
	}
}
