package booking

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

func boss() caller.Caller { return caller.Caller{UserID: organizer, Role: caller.Organizer} }

// An organizer cancels seats for a buyer after the deadline, in full or by the terms, and
// gives money back while seats stay: never more than is left, never twice, with a reason.
func TestOrganizerGivesBack(t *testing.T) {
	w := newWorld(t)
	ctx, start := t.Context(), w.clock.Load()
	ev := w.event(func(s *bookingapi.Sale) {
		s.RefundsEnd = start + 10*minute
		s.Terms.Fees = []bookingapi.CancelFee{{Rate: 5000}}
	})
	b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2", "A-A-3"))
	if err != nil {
		t.Fatal(err)
	}
	cancel := func(who caller.Caller, terms bool, reason string, seats ...string) (bookingapi.Booking, error) {
		return w.s.CancelFor(ctx, who, bookingapi.OrganizerCancellation{Cancellation: bookingapi.Cancellation{BookingID: b.ID, Seats: seats}, ByTerms: terms, Reason: reason})
	}
	back := func(who caller.Caller, amount, left int64) (bookingapi.Booking, error) {
		return w.s.GiveBack(ctx, who, bookingapi.Goodwill{BookingID: b.ID, Amount: amount, Left: left, Reason: "The view was bad."})
	}
	for _, who := range []caller.Caller{fan("ann"), fan("bob"), {UserID: "rival", Role: caller.Organizer}} {
		_, err := cancel(who, false, "Mine.")
		wantType(t, err, "not-found")
		_, err = back(who, 1, 3000)
		wantType(t, err, "not-found")
	}
	for _, reason := range []string{"", " ", "a\nb", strings.Repeat("x", bookingapi.MaxReason+1), "a\u200bb"} {
		if _, err := cancel(boss(), false, reason); errs.KindOf(err) != errs.Invalid {
			t.Errorf("the reason %q: %v", reason, err)
		}
	}
	for amount, left := range map[int64]int64{0: 3000, -1: 3000, 3001: 3000} {
		if _, err := back(boss(), amount, left); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%d back: %v", amount, err)
		}
	}
	if got, err := back(boss(), 200, 3000); err != nil || got.Left != 2800 || len(got.Seats) != 3 || got.Status != bookingapi.Booked || got.Amount != 3000 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := back(boss(), 200, 3000); !errs.Is(err, "refund-differs") || errs.Of(err).Extra["paid_left"] != int64(2800) {
		t.Errorf("the same again: %v", err)
	}
	w.pass(5 * minute)
	if got, err := cancel(boss(), true, "You asked for it.", "A-A-1"); err != nil || got.Left != 2300 {
		t.Errorf("by the terms: %+v %v", got, err)
	}
	w.pass(20 * minute) // over for the buyer
	if got, err := cancel(boss(), false, "The stalls are closed.", "A-A-2"); err != nil || got.Left != 1300 || len(got.Seats) != 1 {
		t.Errorf("in full: %+v %v", got, err)
	}
	if _, err := cancel(boss(), false, "Again.", "A-A-2"); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if got, err := cancel(boss(), false, "Closed."); err != nil || got.Left != 300 || got.Status != bookingapi.Cancelled {
		t.Errorf("the rest: %+v %v", got, err)
	}
	if got, err := back(boss(), 300, 300); err != nil || got.Left != 0 || got.Status != bookingapi.Cancelled {
		t.Errorf("what the terms had kept: %+v %v", got, err)
	}
	if _, err := back(boss(), 1, 0); errs.KindOf(err) != errs.Invalid {
		t.Errorf("nothing is left: %v", err)
	}
	list, err := w.s.ReasonsOf(ctx, b.ID)
	var texts []string
	var seqs []int64
	for _, r := range list {
		texts, seqs = append(texts, r.Text), append(seqs, r.Seq)
	}
	if want := []string{"The view was bad.", "You asked for it.", "The stalls are closed.", "Closed.", "The view was bad."}; err != nil || !slices.Equal(texts, want) {
		t.Errorf("the reasons are %q: %v", texts, err)
	}
	if m, err := w.s.Reasons(ctx, ev, append(seqs, 1)); err != nil || len(m) != 5 || m[seqs[3]] != "Closed." {
		t.Errorf("%v %v", m, err)
	}
	if bill := w.checkBills(ev)[b.ID]; bill.Kept != 0 || len(bill.Back) != 5 {
		t.Errorf("%+v", bill)
	}
	held := w.hold(ev, "cid", "A-B-1")
	for _, id := range []string{held.ID} {
		_, err := w.s.GiveBack(ctx, boss(), bookingapi.Goodwill{BookingID: id, Amount: 1, Reason: "x"})
		wantType(t, err, "not-sold")
		_, err = w.s.CancelFor(ctx, boss(), bookingapi.OrganizerCancellation{Cancellation: bookingapi.Cancellation{BookingID: id}, Reason: "x"})
		wantType(t, err, "not-sold")
	}
}

// What a seat has cost does not go back as far as it went back before.
func TestNoMoreThanIsLeft(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2", "A-A-3"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.GiveBack(t.Context(), boss(), bookingapi.Goodwill{BookingID: b.ID, Amount: 2400, Left: 3000, Reason: "The view was bad."}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.s.Cancel(t.Context(), fan("ann"), bookingapi.Cancellation{BookingID: b.ID, Seats: []string{"A-A-1"}}); err != nil || got.Left != 0 {
		t.Errorf("%d left: %v", got.Left, err)
	}
	w.verify(ev)
}

// However many give back and cancel at once, no more goes back than was paid.
func TestGivingBackTogether(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2"))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			for {
				now, err := w.s.Booking(t.Context(), b.ID)
				if err != nil || now.Left == 0 {
					return
				}
				switch n % 4 {
				case 0:
					_, _ = w.s.Cancel(t.Context(), fan("ann"), bookingapi.Cancellation{BookingID: b.ID, Seats: []string{"A-A-1"}})
				case 1:
					_, _ = w.s.CancelFor(t.Context(), boss(), bookingapi.OrganizerCancellation{Cancellation: bookingapi.Cancellation{BookingID: b.ID, Seats: []string{"A-A-2"}}, Reason: "x"})
				default:
					_, err = w.s.GiveBack(t.Context(), boss(), bookingapi.Goodwill{BookingID: b.ID, Amount: min(130, now.Left), Left: now.Left, Reason: "x"})
				}
				if err != nil && !errs.Is(err, "refund-differs") {
					t.Errorf("%v", err)
					return
				}
			}
		})
	}
	all.Wait()
	bill, sum := w.checkBills(ev)[b.ID], int64(0)
	for _, back := range bill.Back {
		sum += back.Amount
	}
	if sum != 2000 || bill.Kept != 0 {
		t.Errorf("%d went back of 2000: %+v", sum, bill)
	}
}
