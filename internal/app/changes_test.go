package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// A change says more than its operation knows, or names another version: nothing
// is changed.
func TestChangesThatSayMoreAreRefused(t *testing.T) {
	h := newHouse(t)
	fan, organizer := h.visitor(t, "ann"), h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	booking := h.must(t, fan, "POST", "/bookings", `{"event_id":"`+event+`","quantity":2}`, "id")
	payment := h.must(t, fan, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	refused := func(who userapi.Fan, status int, slug, method, path, body string, headers ...string) {
		t.Helper()
		if w := h.ask(t, who, method, path, body, headers...); w.Code != status || !strings.Contains(w.Body.String(), slug) {
			t.Errorf("%s %s %s %v: %d %s", method, path, body, headers, w.Code, w.Body)
		}
	}
	for path, who := range map[string]userapi.Fan{"/events/" + event: organizer, "/bookings/" + booking: fan, "/payments/" + payment: fan, "/users/" + fan.UserID: fan} {
		for header, slug := range map[string]string{`"999"`: "changed-meanwhile", `W/"1"`: "changed-meanwhile", "no tag": "version-differs", `"998", "999"`: "changed-meanwhile"} {
			refused(who, http.StatusPreconditionFailed, slug, http.MethodDelete, path, "", "If-Match", header)
		}
		for _, header := range []string{"*", `"999"`} {
			refused(who, http.StatusPreconditionFailed, "version-differs", http.MethodPut, path, "{}", "If-None-Match", header)
			refused(who, http.StatusPreconditionFailed, "version-differs", http.MethodDelete, path, "", "If-None-Match", header)
		}
	}
	refused(fan, http.StatusPreconditionFailed, "changed-meanwhile", http.MethodPost, "/bookings/"+booking+"/link", "", "If-Match", `"999"`)
	hold := `{"event_id":"` + event + `","quantity":1}`
	refused(fan, http.StatusPreconditionFailed, "version-differs", http.MethodPost, "/bookings", hold, "If-Match", `"1"`)
	refused(fan, http.StatusPreconditionFailed, "version-differs", http.MethodPost, "/bookings", hold, "If-None-Match", "*")
	refused(fan, http.StatusPreconditionFailed, "version-differs", http.MethodDelete, "/users/"+fan.UserID+"/sessions", "", "If-Match", `"1"`)

	for _, query := range []string{"seat=X", "Seats=X", "seats=", "seats=%20", "seats=,", "seats=A&seats=B", "utm_source=x"} {
		refused(fan, http.StatusUnprocessableEntity, "invalid-field", http.MethodDelete, "/bookings/"+booking+"?"+query, "")
	}
	refused(fan, http.StatusUnprocessableEntity, "invalid-field", http.MethodDelete, "/bookings/"+booking, `{"seats":["A"]}`, "Content-Type", "application/json")
	refused(fan, http.StatusUnprocessableEntity, "invalid-field", http.MethodPost, "/bookings?section=A", hold)
	refused(fan, http.StatusUnprocessableEntity, "invalid-field", http.MethodPut, "/users/"+fan.UserID+"?name=A", `{}`)

	if w := h.ask(t, fan, "GET", "/bookings/"+booking, ""); !strings.Contains(w.Body.String(), `"status":"booked"`) {
		t.Errorf("the booking: %s", w.Body)
	}
	if w := h.ask(t, userapi.Fan{}, "GET", "/events/"+event+"?utm_source=x", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "on_sale") {
		t.Errorf("the event: %d %s", w.Code, w.Body)
	}
	tag := h.ask(t, fan, "GET", "/bookings/"+booking, "").Header().Get("ETag")
	if w := h.ask(t, fan, "DELETE", "/bookings/"+booking, "null", "Content-Type", "application/json", "If-Match", `"999", `+tag); w.Code != 200 {
		t.Errorf("its own tag: %d %s", w.Code, w.Body)
	}
	if w := h.ask(t, organizer, "DELETE", "/events/"+event, "", "If-Match", "*", "If-None-Match", " "); w.Code != 200 {
		t.Errorf("any version: %d %s", w.Code, w.Body)
	}
}
