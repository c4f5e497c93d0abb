package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// linkOf is the link that the API gives to a reader of a booking.
func (h *house) linkOf(t *testing.T, as userapi.Fan, booking string) string {
	t.Helper()
	w := h.ask(t, as, "GET", "/bookings/"+booking, "")
	var doc struct{ Link string }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if cc := w.Header().Get("Cache-Control"); cc != "private, no-store" {
		t.Errorf("Cache-Control: %q", cc)
	}
	return doc.Link
}

// An order's link, and with it its tickets, is for its owner alone: organizers
// and admins read the order without it, in the API and on pages.
func TestLinkIsForTheOwner(t *testing.T) {
	h := newHouse(t)
	ann, organizer, admin := h.visitor(t, "ann"), h.account(t, caller.Organizer), h.account(t, caller.Admin)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	path, token := h.link(t, booking)
	if link := h.linkOf(t, ann, booking); !strings.HasSuffix(link, "?token="+token) {
		t.Errorf("the owner's link: %q", link)
	}
	has(t, h.read(t, ann, "/orders/"+booking), path)
	for who, as := range map[string]userapi.Fan{"organizer": organizer, "admin": admin} {
		if link := h.linkOf(t, as, booking); link != "" {
			t.Errorf("%s: %s", who, link)
		}
		for _, page := range []string{"/orders/" + booking, "/events/" + event + "/bookings", "/organizer/events/" + event + "?q=ann@example.org", "/organizer/events/" + event + "/attendees.csv"} {
			hasNot(t, h.ask(t, as, "GET", page, "").Body.String(), token, "token=")
		}
		for _, below := range []string{"/tickets", "/tickets.pdf"} {
			if w := h.ask(t, as, "GET", "/orders/"+booking+below, ""); w.Code != 404 {
				t.Errorf("%s %s: %d", who, below, w.Code)
			}
		}
	}
}

// A new link ends the one before it at once, on pages and in the API; nothing
// that is read with a link may be kept by anybody.
func TestNewLinkEndsTheOldOne(t *testing.T) {
	h := newHouse(t)
	ann, nobody := h.visitor(t, "ann"), userapi.Fan{}
	booking, _ := h.bought(t, ann, 1, paymentapi.SandboxOK)
	places := []string{"/orders/" + booking, "/orders/" + booking + "/tickets", "/orders/" + booking + "/tickets.pdf", "/orders/" + booking + "/calendar.ics", "/bookings/" + booking}
	renew := []func(){
		func() {
			if w := h.ask(t, ann, "POST", "/orders/"+booking+"/link", ""); w.Code != 303 {
				t.Fatal(w.Body)
			}
		},
		func() {
			if link := h.must(t, ann, "POST", "/bookings/"+booking+"/link", "", "link"); link != h.linkOf(t, ann, booking) {
				t.Errorf("another link: %s", link)
			}
		},
	}
	for _, again := range renew {
		_, old := h.link(t, booking)
		again()
		_, made := h.link(t, booking)
		for _, at := range places {
			for token, want := range map[string]int{old: 404, made: 200} {
				w := h.ask(t, nobody, "GET", at+"?token="+token, "")
				if cc := w.Header().Get("Cache-Control"); w.Code != want || want == 200 && cc != "private, no-store" {
					t.Errorf("%s: %d, want %d, %q", at, w.Code, want, cc)
				}
			}
		}
	}
}
