package booking

import (
	"context"
	"testing"

	"boxoffice/internal/message"
)

// Who gives a hold up after its end does so for good: a payment that is under way
// does not book it any more. It is given up as a whole, or not at all.
func TestEndedHoldsAreGivenUpForGood(t *testing.T) {
	for _, swept := range []bool{false, true} {
		w := newWorld(t)
		ctx := context.Background()
		ev := w.event()
		b := w.hold(ev, "ann", "A-A-1", "A-A-2")
		w.pass(b.ExpiresAt - b.CreatedAt + 1)
		if swept {
			if _, err := w.s.system(ctx, command{do: doExpire, bookingID: b.ID}); err != nil {
				t.Fatal(err)
			}
		}
		if live, err := w.s.HasLive(ctx, "ann"); !live || err != nil {
			t.Errorf("a payment may still book it: %v %v", live, err)
		}
		_, err := w.s.Cancel(ctx, fan("ann"), b.ID, []string{"A-A-1"})
		wantType(t, err, "hold-over")
		for range 2 {
			if got, err := w.s.Cancel(ctx, fan("ann"), b.ID, nil); err != nil || got.Status != message.BookingCancelled {
				t.Errorf("swept %v: %s %v", swept, got.Status, err)
			}
		}
		_, err = w.s.Confirm(ctx, message.Confirm{BookingID: b.ID, PaymentID: b.ID + "-1", Amount: b.Amount, Currency: b.Currency, StartedAt: b.ExpiresAt})
		wantType(t, err, "booking-cancelled")
		if live, err := w.s.HasLive(ctx, "ann"); live || err != nil {
			t.Errorf("nothing is left: %v %v", live, err)
		}
		w.verify(ev)
	}
}
