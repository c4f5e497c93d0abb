package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/message"
	"boxoffice/internal/payment"
)

// A purchase whose requests were under way while its account was deleted comes to
// nothing: its seats are free again, and its money is given back, in full and whatever
// the event's policy is. What the account had before stays as it is.
func TestDeletedBesideAPurchase(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	ann := h.visitor(t, "ann")
	before, over := h.bought(t, ann, 1, "tok_ok")
	event := h.must(t, h.account(t, message.Organizer), "POST", "/events",
		strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price"`, `"refundable_until":"2020-01-01T00:00:00Z","price"`, 1), "id")
	h.write(t, `UPDATE bookings SET created_at = created_at - $1 WHERE id = $2`, time.Hour.Microseconds(), before)
	h.write(t, `UPDATE events SET starts_at = 1, ends_at = 2, sort_at = 1 WHERE id = $1`, over)
	caller, err := h.Users.Authenticate(ctx, ann.Token)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Users.Delete(ctx, caller, ann.UserID, "velvet curtain"); err != nil {
		t.Fatal(err)
	}
	// Whose requests have come in before goes on.
	held, err := h.Bookings.Hold(ctx, caller, "", booking.Wish{EventID: event, Quantity: 2})
	if err != nil {
		t.Fatal(err)
	}
	paid, err := h.Payments.Pay(ctx, caller, payment.Order{BookingID: held.ID, Method: "tok_ok"})
	if err != nil || paid.Status != payment.Captured {
		t.Fatal(paid.Status, err)
	}
	held, err = h.Bookings.Hold(ctx, caller, "", booking.Wish{EventID: event, Quantity: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, `UPDATE closings SET next_at = 0`)
	if err := h.Users.RunClosings(ctx); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]message.BookingStatus{paid.BookingID: message.BookingCancelled, held.ID: message.BookingCancelled, before: message.Booked} {
		if b, err := h.Bookings.Booking(ctx, id); err != nil || b.Status != want {
			t.Errorf("%s is %s, not %s, %v", id, b.Status, want, err)
		}
	}
	entries, err := h.Bookings.Entries(ctx, event, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	back := int64(0)
	for _, e := range entries {
		if e.Kind == message.EntryCancelled && e.BookingID == paid.BookingID {
			back += e.Amount
		}
	}
	if back != paid.Amount {
		t.Errorf("%d of %d go back", back, paid.Amount)
	}
}
