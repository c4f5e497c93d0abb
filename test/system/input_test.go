package system

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
)

// Every bad input is refused with a problem document that names the field, and
// changes nothing.
func TestBadInput(t *testing.T) {
	data := storage(t)
	fans := accounts(t, data, 2, caller.Customer)
	orgs := accounts(t, data, 2, caller.Organizer)
	s := serve(t, data)
	org, fan, stranger := s.as(orgs[0]), s.as(fans[0]), s.as(fans[1])
	nobody := &client{http: newHTTP(), base: s.url}
	ev := org.event(t, "theatre", 100)
	other := org.event(t, "arena", 100)
	draft := org.event(t, "theatre", 100, "status", "draft")
	soon := org.event(t, "theatre", 100, "sale_opens_at", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	over := org.event(t, "theatre", 100, "sale_closes_at", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	unpriced := org.event(t, "theatre", 100, "price", nil, "currency", "", "status", "published")
	cancelled := org.event(t, "theatre", 100)
	org.must(t, 200, "DELETE", "/events/"+cancelled, nil)
	seats := org.labels(t, ev)
	foreign := org.labels(t, other)[0]
	held := fan.must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "seats": seats[:1]}).str("id")
	hold := func(format string, args ...any) string {
		return fmt.Sprintf(`{"event_id":%q,`, ev) + fmt.Sprintf(format, args...) + `}`
	}
	event := func(change string) string {
		return `{"title":"T","event_time":"2099-01-01T20:00:00Z","venue":{"name":"V","time_zone":"UTC"},"plan":{"template":"theatre","seats":100}` + change + `}`
	}
	long := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		name           string
		as             *client
		method, path   string
		body           any
		status         int
		problem, field string
	}{
		{"unknown seat", fan, "POST", "/bookings", hold(`"seats":["Z-Z-99"]`), 422, "invalid-field", "seats[0]"},
		{"seat of another event", fan, "POST", "/bookings", hold(`"seats":[%q]`, foreign), 422, "invalid-field", "seats[0]"},
		{"same seat twice", fan, "POST", "/bookings", hold(`"seats":[%q,%q]`, seats[3], seats[3]), 422, "invalid-field", "seats[1]"},
		{"too many", fan, "POST", "/bookings", hold(`"quantity":9`), 409, "too-many-seats", ""},
		{"taken", stranger, "POST", "/bookings", hold(`"seats":[%q]`, seats[0]), 409, "seats-taken", ""},
		{"not open yet", fan, "POST", "/bookings", map[string]any{"event_id": soon, "quantity": 1}, 409, "sale-not-open", ""},
		{"over", fan, "POST", "/bookings", map[string]any{"event_id": over, "quantity": 1}, 409, "sale-closed", ""},
		{"no price", fan, "POST", "/bookings", map[string]any{"event_id": unpriced, "quantity": 1}, 409, "sale-not-open", ""},
		{"cancelled", fan, "POST", "/bookings", map[string]any{"event_id": cancelled, "quantity": 1}, 409, "event-cancelled", ""},
		{"draft of somebody else", fan, "POST", "/bookings", map[string]any{"event_id": draft, "quantity": 1}, 404, "not-found", ""},
		{"no such event", fan, "POST", "/bookings", map[string]any{"event_id": "0000000000000000", "quantity": 1}, 404, "not-found", ""},
		{"event id of another form", fan, "POST", "/bookings", map[string]any{"event_id": "../../x", "quantity": 1}, 422, "invalid-field", "event_id"},
		{"a price in the request", fan, "POST", "/bookings", hold(`"quantity":1,"price":1`), 422, "invalid-field", "price"},
		{"an amount in the request", fan, "POST", "/bookings", hold(`"quantity":1,"amount":1`), 422, "invalid-field", "amount"},
		{"negative", fan, "POST", "/bookings", hold(`"quantity":-1`), 422, "invalid-field", "quantity"},
		{"huge", fan, "POST", "/bookings", hold(`"quantity":99999999999999999999`), 422, "invalid-field", "quantity"},
		{"a fraction", fan, "POST", "/bookings", hold(`"quantity":1.5`), 422, "invalid-field", "quantity"},
		{"a string for a number", fan, "POST", "/bookings", hold(`"quantity":"2"`), 422, "invalid-field", "quantity"},
		{"a number for a list", fan, "POST", "/bookings", hold(`"seats":7`), 422, "invalid-field", "seats"},
		{"neither seats nor quantity", fan, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q}`, ev), 422, "invalid-field", "seats"},
		{"both", fan, "POST", "/bookings", hold(`"quantity":1,"seats":[%q]`, seats[4]), 422, "invalid-field", "seats"},
		{"unknown field", fan, "POST", "/bookings", hold(`"quantity":1,"coupon":"x"`), 422, "invalid-field", "coupon"},
		{"broken JSON", fan, "POST", "/bookings", `{"event_id":`, 400, "", ""},
		{"not an object", fan, "POST", "/bookings", `[]`, 422, "invalid-field", "body"},
		{"broken UTF-8", fan, "POST", "/bookings", hold("\"seats\":[\"\xff\"]"), 400, "", ""},
		{"NUL", fan, "POST", "/bookings", hold(`"seats":["a\u0000"]`), 422, "", "seats[0]"},
		{"too large", fan, "POST", "/bookings", hold(`"seats":[%q]`, long), 413, "", ""},
		{"not signed in", nobody, "POST", "/bookings", hold(`"quantity":1`), 401, "", ""},
		{"somebody else's booking", stranger, "GET", "/bookings/" + held, nil, 404, "not-found", ""},
		{"swap somebody else's", stranger, "PUT", "/bookings/" + held, map[string]any{"seats": seats[5:6]}, 404, "not-found", ""},
		{"cancel somebody else's", stranger, "DELETE", "/bookings/" + held, nil, 404, "not-found", ""},
		{"pay somebody else's", stranger, "POST", "/payments", map[string]any{"booking_id": held, "method": "tok_ok"}, 404, "", ""},
		{"pay for nothing", fan, "POST", "/payments", map[string]any{"booking_id": "x", "method": "tok_ok"}, 422, "invalid-field", "booking_id"},
		{"an amount that it does not cost", fan, "POST", "/payments", map[string]any{"booking_id": held, "method": "tok_ok", "amount": 1}, 409, "amount-differs", ""},
		{"a card number", fan, "POST", "/payments", map[string]any{"booking_id": held, "method": "4111 1111 1111 1111"}, 422, "", "method"},
		{"a declined card", fan, "POST", "/payments", map[string]any{"booking_id": held, "method": "tok_decline"}, 402, "payment-declined", ""},
		{"a customer makes events", fan, "POST", "/events", event(``), 403, "organizers-only", ""},
		{"another organizer changes an event", s.as(orgs[1]), "PUT", "/events/" + ev, map[string]any{"title": "Mine"}, 404, "not-found", ""},
		{"no title", org, "POST", "/events", strings.Replace(event(``), `"title":"T",`, ``, 1), 422, "invalid-field", "title"},
		{"unknown zone", org, "POST", "/events", strings.Replace(event(``), `"UTC"`, `"Mars/Base"`, 1), 422, "invalid-field", "venue.time_zone"},
		{"unknown currency", org, "POST", "/events", event(`,"price":1,"currency":"XXX"`), 422, "invalid-field", "currency"},
		{"negative price", org, "POST", "/events", event(`,"price":-1,"currency":"EUR"`), 422, "invalid-field", "price"},
		{"on sale without a price", org, "POST", "/events", event(`,"status":"on_sale"`), 422, "invalid-field", "status"},
		{"unknown template", org, "POST", "/events", strings.Replace(event(``), `theatre`, `circus`, 1), 422, "invalid-field", "plan.template"},
		{"too many seats", org, "POST", "/events", strings.Replace(event(``), `100`, `100000000`, 1), 422, "invalid-field", "plan.seats"},
		{"a local time that does not exist", org, "POST", "/events", strings.Replace(strings.Replace(event(``), `2099-01-01T20:00:00Z`, `2026-03-29T02:30:00`, 1), `"UTC"`, `"Europe/Berlin"`, 1), 422, "invalid-field", "event_time"},
		{"limit out of range", org, "POST", "/events", event(`,"limit_per_customer":101`), 422, "invalid-field", "limit_per_customer"},
		{"hold time out of range", org, "POST", "/events", event(`,"hold_minutes":61`), 422, "invalid-field", "hold_minutes"},
		{"change the plan", org, "PUT", "/events/" + ev, map[string]any{"plan": map[string]any{"template": "arena", "seats": 100}}, 409, "plan-in-use", ""},
		{"change the currency", org, "PUT", "/events/" + ev, map[string]any{"currency": "USD"}, 409, "currency-in-use", ""},
		{"weak password", nobody, "POST", "/users", map[string]any{"email": "a@b.example", "name": "A", "password": "12345678"}, 422, "invalid-field", "password"},
		{"not an address", nobody, "POST", "/users", map[string]any{"email": "a", "name": "A", "password": "a good one, really"}, 422, "invalid-field", "email"},
		{"a role of one's own", nobody, "POST", "/users", map[string]any{"email": "a@b.example", "name": "A", "password": "a good one, really", "role": "admin"}, 422, "invalid-field", "role"},
		{"seats of no section", fan, "GET", "/events/" + ev + "/seats?section=nowhere", nil, 422, "invalid-field", "section"},
		{"no such page", fan, "GET", "/nowhere", nil, 404, "", ""},
		{"no such method", fan, "PATCH", "/bookings", nil, 405, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.as.do(c.method, c.path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if r.status != c.status || r.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("status %d (%s), want %d: %v", r.status, r.header.Get("Content-Type"), c.status, r.body)
			}
			if c.problem != "" && r.problem() != c.problem {
				t.Errorf("type %q, want %q: %v", r.problem(), c.problem, r.body)
			}
			if c.field != "" && !names(r, c.field) {
				t.Errorf("does not name %q: %v", c.field, r.body)
			}
			if r.str("detail") == "" || r.str("request_id") == "" {
				t.Errorf("no detail or request id: %v", r.body)
			}
		})
	}
	sum := org.must(t, http.StatusOK, "GET", "/events/"+ev+"/seats", nil)
	if sum.body["seq"] != 2.0 {
		t.Fatalf("refused requests left entries in the ledger: it is at %v, want 2 (sale, one hold)", sum.body["seq"])
	}
	s.stop()
	if _, err := run(t, on(data, "verify")...); err != nil {
		t.Fatal(err)
	}
}

// names reports whether a problem document names a field.
func names(r reply, field string) bool {
	list, _ := r.body["fields"].([]any)
	for _, x := range list {
		if f, _ := x.(map[string]any); f["name"] == field {
			return true
		}
	}
	return false
}

// What is under way when a node is asked to end is answered, and then it ends.
func TestDrain(t *testing.T) {
	data := storage(t)
	fans := accounts(t, data, 1, caller.Customer)
	orgs := accounts(t, data, 1, caller.Organizer)
	s := serve(t, data)
	ev := s.as(orgs[0]).event(t, "theatre", 100)
	fan := s.as(fans[0])
	b := fan.must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "quantity": 2})
	slow := fan.must(t, 202, "POST", "/payments", map[string]any{"booking_id": b.str("id"), "method": "tok_slow"})
	if slow.header.Get("Location") == "" {
		t.Fatal("a payment that goes on has no Location")
	}
	s.stop()
	again := serve(t, data)
	fan = again.as(fans[0])
	for deadline := time.Now().Add(patience.Long); ; time.Sleep(100 * time.Millisecond) {
		r := fan.must(t, 200, "GET", "/bookings/"+b.str("id"), nil)
		if r.str("status") == "booked" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute after the restart the booking is %s", r.str("status"))
		}
	}
	again.stop()
	if _, err := run(t, on(data, "verify")...); err != nil {
		t.Fatal(err)
	}
}
