package booking

import (
	"context"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// The refund that a buyer is quoted equals the one in the ledger afterwards, for any
// seats, and so does the refusal.
func TestRefundIsWhatCancelGives(t *testing.T) {
	ctx := context.Background()
	for _, give := range [][]string{nil, {"A-A-1"}, {"PIT-1"}, {"A-A-1", "A-A-2", "PIT-1"}} {
		w := newWorld(t)
		ev := w.event()
		b := w.hold(ev, "u1", "A-A-1", "A-A-2")
		told, err := w.s.Refund(ctx, fan("u1"), b.ID, nil)
		if err != nil || told != 0 {
			t.Errorf("a hold gives %d back, %v", told, err)
		}
		if b, err = w.pay(b); err != nil {
			t.Fatal(err)
		}
		if told, err = w.s.Refund(ctx, fan("u1"), b.ID, give); err == nil && told == 0 {
			t.Errorf("%v: nothing comes back", give)
		}
		_, cancelErr := w.s.Cancel(ctx, fan("u1"), bookingapi.Cancellation{BookingID: b.ID, Seats: give})
		if (err == nil) != (cancelErr == nil) || err != nil && err.Error() != cancelErr.Error() {
			t.Fatalf("%v: told %v, then %v", give, err, cancelErr)
		}
		entries, readErr := w.s.Entries(ctx, ev, b.Seq, 10)
		if readErr != nil {
			t.Fatal(readErr)
		}
		sum := int64(0)
		for _, e := range entries {
			sum += e.Amount
		}
		if sum != told {
			t.Errorf("%v: told %d, the ledger says %d", give, told, sum)
		}
	}
}

func TestRefundRefusals(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	ev := w.event(func(s *bookingapi.Sale) { s.RefundsEnd = w.clock.Load() })
	b := w.hold(ev, "u1", "A-A-1")
	if _, err := w.pay(b); err != nil {
		t.Fatal(err)
	}
	_, err := w.s.Refund(ctx, fan("u2"), b.ID, nil)
	wantType(t, err, "not-found")
	_, err = w.s.Refund(ctx, fan("u1"), b.ID, nil)
	wantType(t, err, "refunds-over")
	_, err = w.s.Cancel(ctx, fan("u1"), bookingapi.Cancellation{BookingID: b.ID})
	wantType(t, err, "refunds-over")
}

func TestReadable(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	b := w.hold(w.event(), "u1", "A-A-1")
	token, err := w.s.links.Token(ctx, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		caller caller.Caller
		token  string
		want   errs.Kind
		ok     bool
	}{
		{fan("u1"), "", 0, true}, {fan("u2"), "", errs.NotFound, false}, {caller.Caller{}, "", errs.Unauthenticated, false},
		{caller.Caller{UserID: organizer, Role: caller.Organizer}, "", 0, true}, {caller.Caller{UserID: "o2", Role: caller.Organizer}, "", errs.NotFound, false},
		{caller.Caller{}, token, 0, true}, {fan("u2"), token, 0, true}, {fan("u1"), "x", errs.NotFound, false},
	} {
		got, err := w.s.Readable(ctx, c.caller, b.ID, c.token)
		if c.ok != (err == nil) || c.ok && got.ID != b.ID || !c.ok && errs.KindOf(err) != c.want {
			t.Errorf("%v with %q: %v", c.caller, c.token, err)
		}
	}
}

func TestOrderNamesSeats(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	b := w.hold(w.event(), "u1", "A-B-3")
	list, err := w.s.Orders(ctx, []bookingapi.Booking{b})
	if err != nil || len(list) != 1 || len(list[0].Places) != 1 {
		t.Fatal(list, err)
	}
	o := list[0]
	if p := o.Places[0]; p.Label != "A-B-3" || p.Section != "A" || p.Row != "B" || p.Number != "3" || p.Tier.Name != "Stalls" || p.Tier.Price != b.Amount {
		t.Errorf("%+v", p)
	}
	if o.Kind != bookingapi.Sold || !o.Live(w.now()) {
		t.Errorf("%+v", o)
	}
	w.pass(60 * minute)
	if o.Live(w.now()) {
		t.Error("a hold that has expired lives")
	}
}
