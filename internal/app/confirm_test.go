package app

import (
	"context"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
)

// Neither the names of buyers nor those of organizers get links into the mail
// about an order; its own link is whole.
func TestConfirmationHasOneLink(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	c := h.letters(mail, "https://tickets.example")
	event := h.must(t, h.account(t, caller.Organizer), "POST", "/events", strings.NewReplacer(`"Gala"`, `"Win at http://evil.example/now"`, `"Hall"`, `"www.evil.example"`, "%q", `"on_sale"`).Replace(eventJSON), "id")
	ann := h.visitor(t, "ann")
	h.must(t, ann, "PUT", "/users/"+ann.UserID, `{"name":"Go to evil.example/x"}`, "id")
	booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	paid := h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	if again, err := c.Paid(context.Background(), []paymentapi.Capture{{PaymentID: paid, UserID: ann.UserID}}); len(again) > 0 || err != nil {
		t.Fatalf("%v wait: %v", again, err)
	}
	if len(mail.all) != 1 || strings.Contains(mail.all[0], "evil.example") || strings.Count(mail.all[0], "://") != 1 || !strings.Contains(mail.all[0], "https://tickets.example/orders/"+booking+"?token=") {
		t.Errorf("%q", mail.all)
	}
}
