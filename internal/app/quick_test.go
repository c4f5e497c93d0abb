package app

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/message"
)

// The short way and the long way answer the same: the long way is taken by a
// request that asks for the same in an odd manner.
func TestShortWayAnswersLikeTheLongOne(t *testing.T) {
	h := newHouse(t)
	fan, organizer := h.account(t, message.Customer), h.account(t, message.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	both := func(path, body, key string) *httptest.ResponseRecorder {
		t.Helper()
		short := h.ask(t, fan, "POST", path, body, "Idempotency-Key", key, "X-Request-Id", "the-same-id")
		for name, long := range map[string]*httptest.ResponseRecorder{
			"Accept":       h.ask(t, fan, "POST", path, body, "Idempotency-Key", key, "X-Request-Id", "the-same-id", "Accept", "application/json;q=0.9"),
			"Content-Type": h.ask(t, fan, "POST", path, body, "Idempotency-Key", key, "X-Request-Id", "the-same-id", "Content-Type", "application/json; charset=utf-8"),
			"an escape":    h.ask(t, fan, "POST", path, strings.Replace(body, `id":"0`, `id":"\u0030`, 1), "Idempotency-Key", key, "X-Request-Id", "the-same-id"),
		} {
			if short.Code != long.Code || short.Body.String() != long.Body.String() {
				t.Errorf("%s with %s: %d %s, the short way %d %s", path, name, long.Code, long.Body, short.Code, short.Body)
			}
			for _, header := range slices.Collect(maps.Keys(long.Header())) {
				if header != "Ratelimit" && long.Header().Get(header) != short.Header().Get(header) || len(long.Header()) != len(short.Header()) {
					t.Errorf("%s with %s: %v, the short way %v", path, name, long.Header(), short.Header())
				}
			}
		}
		return short
	}
	hold := func(rest string) string { return fmt.Sprintf(`{"event_id":%q,%s}`, event, rest) }
	if w := both("/bookings", hold(`"seats":["nowhere"]`), "k0"); w.Code != 422 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := both("/bookings", hold(`"seats":["x"],"quantity":2`), "k0"); w.Code != 422 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := both("/bookings", hold(`"quantity":2`), "k1")
	if w.Code != 201 || !strings.HasSuffix(w.Body.String(), "}\n") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	booking := strings.TrimPrefix(w.Header().Get("Location"), "/bookings/")
	pay := fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok"}`, booking)
	if w := both("/payments", strings.Replace(pay, "tok_ok", "tok_decline", 1), "k2"); w.Code != 402 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := both("/payments", pay, "k3"); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := both("/payments", strings.Replace(pay, "tok_ok", "4111111111111111", 1), "k4"); w.Code != 422 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	taken := h.must(t, organizer, "GET", "/bookings/"+booking, "", "seat_number")
	fan = h.account(t, message.Customer)
	if w := both("/bookings", hold(fmt.Sprintf(`"seats":[%q]`, taken)), "k5"); w.Code != 409 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	fan.Token = ""
	if w := both("/bookings", hold(`"quantity":2`), ""); w.Code != 401 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
