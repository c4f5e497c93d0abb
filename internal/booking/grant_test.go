package booking

import (
	"context"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
)

func TestGrants(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event(func(s *bookingapi.Sale) { s.Status, s.PriceVersion, s.Currency = eventapi.Draft, 0, "" })
	boss := caller.Caller{UserID: organizer, Role: caller.Organizer}
	seats := bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1", "A-A-2", "A-A-3"}}}
	for _, c := range []caller.Caller{fan("u1"), {}} {
		_, err := w.s.Grant(ctx, c, "", grantOf(bookingapi.Block, "", seats))
		wantType(t, err, "not-found")
	}
	b, err := w.s.Grant(ctx, boss, "k", grantOf(bookingapi.Block, "", seats))
	if err != nil || b.Status != bookingapi.Booked || b.PaymentID != bookingapi.Block || b.Amount != 0 || b.UserID != "" {
		t.Fatalf("%+v %v", b, err)
	}
	again, err := w.s.Grant(ctx, boss, "k", grantOf(bookingapi.Block, "", seats))
	if err != nil || again.ID != b.ID {
		t.Fatalf("%+v %v", again, err)
	}
	_, err = w.s.Grant(ctx, boss, "k", grantOf(bookingapi.Complimentary, "", seats))
	wantType(t, err, "idempotency-key-reused")
	_, err = w.s.Grant(ctx, boss, "", grantOf(bookingapi.Complimentary, "u1", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-3"}}}))
	wantType(t, err, "seats-taken")

	// More than a customer's limit, chosen for the organizer.
	many, err := w.s.Grant(ctx, boss, "", grantOf(bookingapi.Complimentary, "u1", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 6, Section: "A"}}))
	if err != nil || len(many.Seats) != 6 || many.UserID != "u1" {
		t.Fatalf("%+v %v", many, err)
	}
	// Some come back, and can be had again.
	b, err = w.s.Cancel(ctx, boss, bookingapi.Cancellation{BookingID: b.ID, Seats: []string{"A-A-2"}})
	if err != nil || len(b.Seats) != 2 || b.Amount != 0 {
		t.Fatalf("%+v %v", b, err)
	}
	if _, err := w.s.Grant(ctx, boss, "", grantOf(bookingapi.Block, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-2"}}})); err != nil {
		t.Fatal(err)
	}
	_, err = w.s.Hold(ctx, fan("u1"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"B-A-1"}}})
	wantType(t, err, "not-found") // it is a draft
	w.verify(ev)
}

// The recipient's name appears on tickets and in lists: names with hidden characters are
// refused, names in any script are not.
func TestGiftNames(t *testing.T) {
	for _, hidden := range []string{"\u202e", "\u200b", "\u2028", "\u00ad"} {
		_, err := recipient(caller.Person{Name: "A" + hidden + "B"})
		wantType(t, err, "invalid-field")
	}
	for _, name := range []string{"می\u200cخواهم", "דוד", "👩\u200d👧"} {
		if p, err := recipient(caller.Person{Name: name}); err != nil || p.Name != name {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAdopt(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev, other := w.event(), w.event()
	a := w.hold(ev, "guest", "A-A-1", "A-A-2")
	b := w.hold(other, "guest", "A-A-1", "A-A-2")
	w.hold(other, "fan", "A-B-1", "A-B-2", "A-B-3")
	wantType(t, w.s.Adopt(ctx, "guest", "fan", caller.EmailKey{}), "too-many-seats")
	if got, _ := w.s.Booking(ctx, a.ID); got.UserID != "fan" || got.Status != bookingapi.Pending {
		t.Errorf("%+v", got)
	}
	if got, _ := w.s.Booking(ctx, b.ID); got.UserID != "guest" || got.Status != bookingapi.Pending {
		t.Errorf("%+v", got)
	}
	if err := w.s.Adopt(ctx, "guest", "heir", caller.EmailKey{}); err != nil {
		t.Fatal(err)
	}
	if got, _ := w.s.Booking(ctx, b.ID); got.UserID != "heir" || got.Status != bookingapi.Pending || got.ExpiresAt != b.ExpiresAt {
		t.Errorf("%+v", got)
	}
	_, err := w.s.Swap(ctx, fan("guest"), b.ID, 0, bookingapi.Selection{Seats: []string{"B-A-1"}})
	wantType(t, err, "not-found")
	if _, err := w.pay(b); err != nil {
		t.Error(err)
	}
	w.verify(ev)
	w.verify(other)
}

func TestRefundPolicy(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	now := w.clock.Load()
	policy := func(s *bookingapi.Sale) { s.RefundsEnd = now + 10*minute }
	ev := w.event(policy)
	sold := func(user, seat string) bookingapi.Booking {
		b, err := w.pay(w.hold(ev, user, seat))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	early, a, b, c := sold("u0", "B-A-1"), sold("u1", "A-A-1"), sold("u2", "A-A-2"), sold("u3", "A-A-3")
	if _, err := w.s.Cancel(ctx, fan("u0"), bookingapi.Cancellation{BookingID: early.ID}); err != nil {
		t.Fatal(err)
	}
	w.pass(10 * minute)
	_, err := w.s.Cancel(ctx, fan("u1"), bookingapi.Cancellation{BookingID: a.ID})
	wantType(t, err, "refunds-over")
	_, err = w.s.Cancel(ctx, caller.Caller{UserID: organizer, Role: caller.Organizer}, bookingapi.Cancellation{BookingID: b.ID})
	wantType(t, err, "not-yours-to-change")
	if _, err := w.s.Cancel(ctx, caller.Caller{UserID: "root", Role: caller.Admin}, bookingapi.Cancellation{BookingID: b.ID}); err != nil {
		t.Errorf("an admin: %v", err)
	}
	late := w.hold(ev, "u4", "A-A-4")
	if _, err := w.s.Cancel(ctx, fan("u4"), bookingapi.Cancellation{BookingID: late.ID}); err != nil {
		t.Errorf("a hold: %v", err)
	}
	// The event's time changes: who bought before may change their mind.
	s := w.sale()
	policy(&s)
	s.EventVersion, s.ChangedAt, s.ChangeRefundsEnd = 2, w.clock.Load(), w.clock.Load()+5*minute
	if err := w.s.SetSales(ctx, map[string]bookingapi.Sale{ev: s}); err != nil {
		t.Fatal(err)
	}
	w.pass(1)
	after := sold("u5", "A-A-5")
	_, err = w.s.Cancel(ctx, fan("u5"), bookingapi.Cancellation{BookingID: after.ID})
	wantType(t, err, "refunds-over")
	if _, err := w.s.Cancel(ctx, fan("u1"), bookingapi.Cancellation{BookingID: a.ID}); err != nil {
		t.Errorf("bought before the change: %v", err)
	}
	w.pass(5 * minute)
	_, err = w.s.Cancel(ctx, fan("u3"), bookingapi.Cancellation{BookingID: c.ID})
	wantType(t, err, "refunds-over")
	if told := errs.Of(err).Extra["refundable_until"]; told != stamp(s.ChangeRefundsEnd) {
		t.Errorf("refused as over since %v, and it was %s", told, stamp(s.ChangeRefundsEnd))
	}
	w.verify(ev)
}

func TestExtendOnce(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	b := w.hold(w.event(), "u1", "A-A-1")
	for range 3 {
		w.pass(minute)
		if err := w.s.Extend(ctx, b.ID); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.s.Booking(ctx, b.ID); got.ExpiresAt != b.ExpiresAt+extension {
			t.Fatalf("it ends at %d, want %d", got.ExpiresAt, b.ExpiresAt+extension)
		}
	}
	w.verify(b.EventID)
}
