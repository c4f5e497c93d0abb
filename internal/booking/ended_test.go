package booking

import (
	"context"
	"testing"

	"boxoffice/internal/bookingapi"
)

// Releasing an expired hold is final: a payment in progress can no longer book it. It is
// released as a whole or not at all.
func TestEndedHoldsAreGivenUpForGood(t *testing.T) {
	for _, swept := range []bool{false, true} {
		w := newWorld(t)
		ctx := context.Background()
		ev := w.event()
		b := w.hold(ev, "ann", "A-A-1", "A-A-2")
		w.pass(b.ExpiresAt - b.CreatedAt + 1)
		if swept {
			if _, err := w.s.system(ctx, &command{do: doExpire, bookingID: b.ID}); err != nil {
				t.Fatal(err)
			}
		}
		if live, err := w.s.HasLive(ctx, "ann"); !live || err != nil {
			t.Errorf("a payment may still book it: %v %v", live, err)
		}
		_, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: b.ID, Seats: []string{"A-A-1"}})
		wantType(t, err, "hold-over")
		for range 2 {
			if got, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: b.ID}); err != nil || got.Status != bookingapi.Cancelled {
				t.Errorf("swept %v: %s %v", swept, got.Status, err)
			}
		}
		_, err = w.s.Confirm(ctx, bookingapi.Confirm{BookingID: b.ID, PaymentID: b.ID + "-1", Amount: b.Amount, Currency: b.Currency, StartedAt: b.ExpiresAt})
		wantType(t, err, "booking-cancelled")
		if live, err := w.s.HasLive(ctx, "ann"); live || err != nil {
			t.Errorf("nothing is left: %v %v", live, err)
		}
		w.verify(ev)
	}
}

// Bookings made after an account's deletion has begun are cancelled, and so are expired
// holds that could still be paid. Earlier bookings and gifts stay.
func TestGiveUp(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	bought := func(label string) bookingapi.Booking {
		b := w.hold(ev, "ann", label)
		if _, err := w.s.Confirm(ctx, bookingapi.Confirm{BookingID: b.ID, PaymentID: b.ID + "-1", Amount: b.Amount, Currency: b.Currency}); err != nil {
			t.Fatal(err)
		}
		return b
	}
	before, expired := bought("A-A-1"), w.hold(ev, "ann", "A-A-2")
	w.pass(expired.ExpiresAt - expired.CreatedAt + 1)
	want := func(what string, b bookingapi.Booking, status bookingapi.Status) {
		t.Helper()
		if got, err := w.s.Booking(ctx, b.ID); err != nil || got.Status != status {
			t.Errorf("%s: %s %v", what, got.Status, err)
		}
	}
	if err := w.s.GiveUp(ctx, "ann", 0, nil); err != nil {
		t.Fatal(err)
	}
	want("a hold that has ended", expired, bookingapi.Cancelled)
	want("what was booked", before, bookingapi.Booked)
	since := w.s.now().UnixMicro()
	past := w.event()
	used := w.hold(past, "ann", "A-A-1")
	if _, err := w.s.Confirm(ctx, bookingapi.Confirm{BookingID: used.ID, PaymentID: used.ID + "-1", Amount: used.Amount, Currency: used.Currency}); err != nil {
		t.Fatal(err)
	}
	after, held := bought("A-A-3"), w.hold(ev, "ann", "A-A-4")
	for range 2 {
		if err := w.s.GiveUp(ctx, "ann", since, []string{past}); err != nil {
			t.Fatal(err)
		}
	}
	want("what was booked before", before, bookingapi.Booked)
	want("what was booked since", after, bookingapi.Cancelled)
	want("what was held since", held, bookingapi.Cancelled)
	want("what was booked for an event that is over", used, bookingapi.Booked)
	w.verify(ev)
}
