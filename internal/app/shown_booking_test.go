package app

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// Whatever shows a booked booking says until when it can be given back.
func TestBookingsAreShownAlike(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	event, booking := "", ""
	event = h.must(t, h.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	booking = h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":3}`, "id")
	h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	whole := h.ask(t, ann, "GET", "/bookings/"+booking, "").Body.String()
	label := whole[strings.Index(whole, `"seat_number":"`)+len(`"seat_number":"`):]
	label = label[:strings.Index(label, `"`)]
	for _, c := range [][2]string{
		{"GET", "/bookings/" + booking}, {"GET", "/bookings"}, {"GET", "/bookings/user/" + ann.UserID}, {"GET", "/users/" + ann.UserID + "/bookings"},
		{"POST", "/bookings/" + booking + "/link"}, {"DELETE", "/bookings/" + booking + "?seats=" + label},
	} {
		if w := h.ask(t, ann, c[0], c[1], ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"refundable_until":"2099-03-01T`) {
			t.Errorf("%s %s: %d %s", c[0], c[1], w.Code, w.Body)
		}
	}
}

// A gift sent again with its key is the same booking with a link that opens it,
// and leaves alone what changed since; another recipient is another request.
func TestGiftsByKey(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	give := func(email, key string) (code int, booking string, link string) {
		t.Helper()
		w := h.ask(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"name":"Ada","email":"`+email+`"}`, "Idempotency-Key", key)
		at := func(name string) string {
			_, rest, _ := strings.Cut(w.Body.String(), `"`+name+`":"`)
			value, _, _ := strings.Cut(rest, `"`)
			return value
		}
		return w.Code, at("id"), at("link")
	}
	_, first, old := give("ada@example.org", "k")
	if err := h.Bookings.GiveTo(t.Context(), caller.Caller{UserID: organizer.UserID, Role: caller.Organizer}, first, caller.Person{Name: "Ada", Email: "ada@example.com"}, 0); err != nil {
		t.Fatal(err)
	}
	_, again, link := give("ada@example.org", "k")
	if again != first || link == "" || link == old {
		t.Errorf("%s %s, want %s and another link than %s", again, link, first, old)
	}
	for path, want := range map[string]int{link: 200, old: 404} {
		if w := h.ask(t, userapi.Fan{}, "GET", path, ""); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if to, err := h.Bookings.Recipients(t.Context(), []string{first}); err != nil || to[first].Email != "ada@example.com" {
		t.Errorf("%v %v", to, err)
	}
	if code, _, _ := give("bo@example.org", "k"); code != 422 {
		t.Errorf("another recipient: %d", code)
	}
	if _, other, l := give("ada@example.org", "k2"); other == first || l == link {
		t.Errorf("a new gift is %s with %s", other, l)
	}
}
