package booking

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
)

// at is a caller with an address.
func at(user string, email byte, verified bool) caller.Caller {
	return caller.Caller{UserID: user, Role: caller.Customer, Verified: verified, Email: caller.EmailKey{email}}
}

func (w *world) holdAs(caller caller.Caller, eventID string, n int) (bookingapi.Booking, error) {
	w.t.Helper()
	return w.s.Hold(w.t.Context(), caller, "", bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Quantity: n}})
}

// A booking counts for its account and for the address that it was made with.
func TestLimitIsForPeople(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.holdAs(at("account", 1, true), ev, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.pay(b); err != nil {
		t.Fatal(err)
	}
	_, err = w.holdAs(at("guest", 1, true), ev, 2)
	wantType(t, err, "too-many-seats")
	if _, err := w.holdAs(at("guest", 1, true), ev, 1); err != nil {
		t.Fatal(err)
	}
	_, err = w.holdAs(at("account", 2, true), ev, 1) // another address now, the account has three, and the new address none
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.holdAs(at("account", 2, true), ev, 1)
	wantType(t, err, "too-many-seats")
	if _, err := w.holdAs(at("stranger", 1, false), ev, 4); err != nil { // whoever only knows the address has their own limit
		t.Fatal(err)
	}
	w.verify(ev)
}

// Where an event does not require verified addresses, typed addresses count.
func TestLimitByAddressThatIsNotVerified(t *testing.T) {
	w := newWorld(t)
	ev := w.event(func(s *bookingapi.Sale) { s.UnverifiedBuyers = true })
	if _, err := w.holdAs(at("one", 1, false), ev, 3); err != nil {
		t.Fatal(err)
	}
	_, err := w.holdAs(at("two", 1, false), ev, 2)
	wantType(t, err, "address-at-limit")
	w.forget(ev)
	_, err = w.holdAs(at("two", 1, false), ev, 2)
	wantType(t, err, "address-at-limit")
	w.verify(ev)
}

// An address that is verified later counts from then on, even within one account, and
// adopted bookings count for account and address.
func TestAdoptedBookingsCount(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	for i, guest := range []string{"g1", "g2"} {
		if _, err := w.holdAs(at(guest, 1, false), ev, 3); err != nil {
			t.Fatal(err)
		}
		err := w.s.Adopt(ctx, guest, guest, caller.EmailKey{1})
		if i == 0 && err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			wantType(t, err, "too-many-seats")
		}
	}
	for range 2 { // it may be done again
		if err := w.s.Adopt(ctx, "g1", "ann", caller.EmailKey{2}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []caller.Caller{at("ann", 3, true), at("new", 1, true)} {
		_, err := w.holdAs(c, ev, 2)
		wantType(t, err, "too-many-seats")
	}
	w.verify(ev)
}

// Adoption moves all bookings of an account, in any status, and can be resumed after an
// interruption.
func TestAdoptTakesAll(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	a, b, c := w.hold(ev, "g", "A-A-1"), w.hold(ev, "g", "A-A-2"), w.hold(ev, "g", "A-A-3")
	if _, err := w.pay(a); err != nil {
		t.Fatal(err)
	}
	w.cancel(b)
	if _, err := w.s.system(ctx, &command{do: doAdopt, bookingID: c.ID, from: "g", heir: "ann"}); err != nil { // and then the process ended
		t.Fatal(err)
	}
	if err := w.s.Adopt(ctx, "g", "ann", caller.EmailKey{1}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []bookingapi.Booking{a, b, c} {
		if got, err := w.s.Booking(ctx, one.ID); err != nil || got.UserID != "ann" {
			t.Errorf("%s is %s's, %v", one.ID, got.UserID, err)
		}
	}
	if _, err := w.pay(c); err != nil {
		t.Error(err)
	}
	w.verify(ev)
}

// The number of a person's bookings of an event is limited, in any status; gifts from the
// organizer do not count, towards this or any other limit.
func TestBookingsOfAPersonAreBounded(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	boss := caller.Caller{UserID: organizer, Role: caller.Organizer}
	for range 5 {
		if _, err := w.s.Grant(ctx, boss, "", grantOf(bookingapi.Complimentary, "ann", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2}})); err != nil {
			t.Fatal(err)
		}
	}
	if live, err := w.s.HasLive(ctx, "ann"); live || err != nil {
		t.Errorf("what was given to her keeps her: %v, %v", live, err)
	}
	for i := range maxBookings {
		b, err := w.holdAs(at("ann", 1, true), ev, 4)
		if err != nil {
			t.Fatalf("booking %d: %v", i+1, err)
		}
		w.cancel(b)
		w.pass(unpaidWindow)
	}
	_, err := w.holdAs(at("ann", 1, true), ev, 1)
	wantType(t, err, "too-many-bookings")
	if errs.KindOf(err) != errs.TooMany {
		t.Errorf("kind is %v", errs.KindOf(err))
	}
	_, err = w.holdAs(at("another account", 1, true), ev, 1)
	wantType(t, err, "too-many-bookings")
	w.verify(ev)
}

// People who release holds repeatedly have to wait like people who let them expire,
// according to how long the seats were held. Changing one's mind a few times is free.
func TestReleasingIsSlowedDown(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	for range 2 { // held again shortly before the end
		b := w.hold(ev, "squatter", "A-A-1")
		w.pass(8*minute - 4_000_000)
		w.cancel(b)
	}
	_, err := w.holdAs(fan("squatter"), ev, 1)
	wantType(t, err, "hold-cooldown")
	held := 0
	for range 50 {
		b, err := w.holdAs(fan("script"), ev, 1)
		if err != nil {
			wantType(t, err, "hold-cooldown")
			continue
		}
		held++
		w.cancel(b)
	}
	if held < 5 || held > 10 {
		t.Errorf("%d holds in no time", held)
	}
	w.verify(ev)
}

// A late payment books a hold only if it began and was confirmed in time, and if the
// buyer is not in a pause.
func TestPaidLate(t *testing.T) {
	for _, c := range []struct {
		name           string
		started, after int64 // µs after the hold's end
		want           string
	}{
		{"began in time, confirmed late", -minute, 29 * minute, ""},
		{"began just after the end", 2 * minute, 2 * minute, ""},
		{"began too late", 2*minute + 1, 3 * minute, "paid-too-late"},
		{"confirmed too late", -minute, 30*minute + 1, "paid-too-late"},
		{"nobody knows when it began", -1 << 62, minute, "paid-too-late"},
		{"thirty days", 30 * 24 * 60 * minute, 30 * 24 * 60 * minute, "paid-too-late"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ev := w.event()
			a := w.hold(ev, "ann", "A-A-1")
			w.pass(8*minute + c.after)
			m := bookingapi.Confirm{BookingID: a.ID, PaymentID: "p", Amount: a.Amount, Currency: "EUR", StartedAt: max(0, a.ExpiresAt+c.started)}
			b, err := w.s.Confirm(t.Context(), m)
			if c.want != "" {
				wantType(t, err, c.want)
			} else if err != nil || b.Status != bookingapi.Booked {
				t.Errorf("%+v, %v", b, err)
			}
			w.verify(ev)
		})
	}
	w := newWorld(t)
	ev := w.event()
	w.hold(ev, "ann", "A-A-1")
	w.pass(8 * minute)
	w.hold(ev, "ann", "A-A-2")
	w.pass(8 * minute)
	_, err := w.holdAs(fan("ann"), ev, 1)
	wantType(t, err, "hold-cooldown")
	w.pass(minute)
	a, err := w.holdAs(fan("ann"), ev, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.pass(8 * minute)
	if b, err := w.pay(a); err != nil || b.Status != bookingapi.Booked { // it is not held again, but paid
		t.Errorf("%+v %v", b, err)
	}
	w.verify(ev)
}

// If somebody else has the seats, the late buyer who has allowed it gets the best others of
// the same tiers, in the same section if there are enough; or nothing.
func TestPaidLateForOtherSeats(t *testing.T) {
	w := newWorld(t)
	ev := w.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 100 })
	late := func(who string, others bool, seats ...string) (bookingapi.Booking, bookingapi.Booking, error) {
		t.Helper()
		a := w.hold(ev, who, seats...)
		w.pass(8*minute + 1)
		if b := w.hold(ev, "thief of "+who, seats[0]); b.ID == "" {
			t.Fatal("no theft")
		}
		got, err := w.s.Confirm(t.Context(), bookingapi.Confirm{BookingID: a.ID, PaymentID: a.ID + "-1", Amount: a.Amount, Currency: "EUR",
			StartedAt: w.clock.Load(), Alternatives: others})
		return a, got, err
	}
	_, _, err := late("ann", false, "A-A-1", "A-A-2")
	wantType(t, err, "seats-gone")
	a, got, err := late("bob", true, "A-A-3", "A-A-4")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same payment may ask again
		if got.Status != bookingapi.Booked || got.Late != bookingapi.OtherSeats || !slices.Equal(got.Held, a.Seats) || len(got.Seats) != 2 || got.Amount != a.Amount || got.Fees != a.Fees {
			t.Fatalf("%+v", got)
		}
		for _, seat := range got.Seats {
			if w.plan.SectionOf(seat) != w.plan.SectionOf(a.Seats[0]) {
				t.Errorf("seat %d is in another section", seat)
			}
		}
		if got, err = w.s.Confirm(t.Context(), bookingapi.Confirm{BookingID: a.ID, PaymentID: a.ID + "-1", Amount: a.Amount, Currency: "EUR"}); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := w.s.Booking(t.Context(), a.ID)
	if err != nil || stored.Late != bookingapi.OtherSeats || !slices.Equal(stored.Seats, got.Seats) || !slices.Equal(stored.Held, a.Seats) {
		t.Errorf("stored: %+v %v", stored, err)
	}
	orders, err := w.s.Orders(t.Context(), []bookingapi.Booking{stored})
	if err != nil || len(orders[0].Held) != 2 || orders[0].Held[0].Label != "A-A-3" {
		t.Errorf("%+v %v", orders, err)
	}
	same := w.hold(ev, "cid", w.plan.Seats[freeSeat(t, w, ev)].Label)
	w.pass(8*minute + 1)
	if got, err := w.pay(same); err != nil || got.Late != bookingapi.SameSeats || got.Held != nil || !slices.Equal(got.Seats, same.Seats) {
		t.Errorf("%+v %v", got, err)
	}
	w.verify(ev)
	if _, err := w.s.Cancel(t.Context(), fan("bob"), bookingapi.Cancellation{BookingID: a.ID}); err != nil {
		t.Error(err)
	}
	w.verify(ev)

	few := w.event() // the last seats of a tier
	held := w.hold(few, "ann", "A-A-1")
	w.pass(8*minute + 1)
	tier := map[int64]bool{held.Amount: true}
	for _, seat := range w.plan.Seats {
		if b, err := w.s.Hold(t.Context(), fan("f"+seat.Label), "", bookingapi.HoldRequest{EventID: few, Selection: bookingapi.Selection{Seats: []string{seat.Label}}}); err == nil && !tier[b.Amount] {
			w.cancel(b)
		}
	}
	_, err = w.s.Confirm(t.Context(), bookingapi.Confirm{BookingID: held.ID, PaymentID: "p", Amount: held.Amount, Currency: "EUR", StartedAt: w.clock.Load(), Alternatives: true})
	wantType(t, err, "seats-gone")
	w.verify(few)
}

// freeSeat is a seat that nobody has.
func freeSeat(t *testing.T, w *world, event string) int32 {
	t.Helper()
	v, err := w.s.views.get(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return int32(slices.Index(v.status, seatFree))
}

// A payment that was given up never books its booking, whenever its confirmation arrives.
func TestGivenUpPaymentNeverBooks(t *testing.T) {
	for _, pass := range []int64{0, 8 * minute, 9 * minute} {
		w := newWorld(t)
		ctx := t.Context()
		ev := w.event()
		a := w.hold(ev, "ann", "A-A-1")
		w.pass(pass)
		if pass > 8*minute {
			w.sweep(1)
		}
		if err := w.s.CancelUnpaid(ctx, a.ID, a.ID+"-1"); err != nil {
			t.Fatal(err)
		}
		_, err := w.pay(a)
		wantType(t, err, "booking-cancelled")
		w.verify(ev)
		w.hold(ev, "bob", "A-A-1")
		w.verify(ev)
	}
}

// Refund terms promised at purchase survive every later change.
func TestPromisesAreKept(t *testing.T) {
	w := newWorld(t)
	start := w.clock.Load()
	day := 24 * 60 * minute
	ev := w.event(func(s *bookingapi.Sale) { s.RefundsEnd = start + 10*day })
	buy := func(user, seat string) bookingapi.Booking {
		b, err := w.pay(w.hold(ev, user, seat))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	refundable := func(b bookingapi.Booking, want bool) {
		t.Helper()
		_, err := w.s.Refund(t.Context(), fan(b.UserID), b.ID, nil)
		if (err == nil) != want {
			t.Errorf("%s: refundable is not %v: %v", b.UserID, want, err)
		}
	}
	ann := buy("ann", "A-A-1")
	w.pass(minute)
	if err := w.change(ev, 2, func(s *bookingapi.Sale) { s.RefundsEnd = start + 1 }); err != nil { // the policy of the past
		t.Fatal(err)
	}
	refundable(ann, true)
	w.pass(minute)
	bob := buy("bob", "A-A-2")
	refundable(bob, false)
	w.pass(1)
	moved := w.clock.Load()
	if err := w.change(ev, 3, func(s *bookingapi.Sale) { s.RefundsEnd, s.ChangedAt, s.ChangeRefundsEnd = start+1, moved, start+20*day }); err != nil {
		t.Fatal(err)
	}
	refundable(bob, true)
	w.pass(minute)
	if err := w.change(ev, 4, func(s *bookingapi.Sale) { // moved into the past: no window at all
		s.RefundsEnd, s.ChangedAt, s.ChangeRefundsEnd = start+1, w.clock.Load(), start+1
	}); err != nil {
		t.Fatal(err)
	}
	refundable(bob, true)
	w.pass(15 * day)
	refundable(ann, true)
	refundable(bob, true)
	w.pass(6 * day)
	refundable(ann, false)
	refundable(bob, false)
	w.verify(ev)
}

// Two changes that reach the sale late count as two, even if the second was made before
// the first was decided: the terms that each offers are kept.
func TestLateChangesKeepTheirPromises(t *testing.T) {
	const day = 24 * 60 * minute
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1"))
	if err != nil {
		t.Fatal(err)
	}
	made := w.clock.Load() - 10*minute     // and ann holds at the moment of the decision
	for i, window := range []int64{1, 9} { // days
		version := int64(i) + 2
		if err := w.change(ev, version, func(s *bookingapi.Sale) {
			s.RefundsEnd, s.ChangedAt, s.ChangedVersion, s.ChangeRefundsEnd = 1, made+int64(i), version, made+window*day
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.change(ev, 4, func(s *bookingapi.Sale) { // another title
		s.RefundsEnd, s.ChangedAt, s.ChangedVersion, s.ChangeRefundsEnd = 1, made+1, 3, made+9*day
	}); err != nil {
		t.Fatal(err)
	}
	w.pass(8 * day)
	if _, err := w.s.Refund(t.Context(), fan("ann"), b.ID, nil); err != nil {
		t.Error(err)
	}
	w.verify(ev)
}

// Giving the same seats back again succeeds without effect.
func TestPartialCancelAgain(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1", "A-A-2", "A-A-3")
	for _, paid := range []bool{false, true} {
		seat := "A-A-1"
		if paid {
			seat = "A-A-2"
			b, err := w.s.Booking(ctx, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.pay(b); err != nil {
				t.Fatal(err)
			}
		}
		first, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: a.ID, Seats: []string{seat}})
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: a.ID, Seats: []string{seat}})
		if err != nil || again.Seq != first.Seq || len(again.Seats) != len(first.Seats) {
			t.Errorf("again: %+v, %v", again, err)
		}
	}
	_, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: a.ID, Seats: []string{"B-A-1"}})
	if errs.KindOf(err) != errs.Invalid {
		t.Errorf("a seat that was never theirs: %v", err)
	}
	w.cancel(a)
	if _, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: a.ID, Seats: []string{"A-A-1"}}); err != nil {
		t.Errorf("after all of it was cancelled: %v", err)
	}
	w.verify(ev)
}

// A request for seats that the caller already has is refused as such, not as taken.
func TestAlreadyYours(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1")
	for _, forget := range []bool{false, true} {
		if forget {
			w.forget(ev)
		}
		for _, view := range []bool{true, false} {
			if !view {
				w.s.views.forget(ev)
			}
			_, err := w.s.Hold(ctx, fan("ann"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1", "A-A-2"}}})
			wantType(t, err, "already-yours")
			if !strings.Contains(fmt.Sprint(errs.Of(err).Extra["booking_id"]), a.ID) {
				t.Errorf("it does not say which: %+v", errs.Of(err))
			}
			_, err = w.s.Hold(ctx, fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}})
			wantType(t, err, "seats-taken")
		}
	}
	w.verify(ev)
}

// Only its organizer sees the seats of a draft, and the answer must not be cached.
func TestDraftsAreNotShared(t *testing.T) {
	w := newWorld(t)
	draft, open := w.event(func(s *bookingapi.Sale) { s.Status = eventapi.Draft }), w.event()
	boss := caller.With(t.Context(), caller.Caller{UserID: organizer, Role: caller.Organizer})
	for _, in := range []seatsIn{{}, {Form: "compact"}, {Form: "compact", Encoding: "gzip"}, {Section: "A"}, {Section: "A", Form: "compact"}} {
		in.ID = draft
		out, err := w.s.seats(boss, &in)
		if err != nil || out.CacheControl != "private, no-store" {
			t.Errorf("%+v: %+v, %v", in, out, err)
		}
		if _, err := w.s.seats(t.Context(), &in); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%+v: a stranger gets %v", in, err)
		}
		in.ID = open
		if out, err := w.s.seats(boss, &in); err != nil || !strings.HasPrefix(out.CacheControl, "public") {
			t.Errorf("%+v: %+v, %v", in, out, err)
		}
	}
	_, err := w.s.Hold(t.Context(), fan("ann"), "", bookingapi.HoldRequest{EventID: draft, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}})
	wantType(t, err, "not-found")
}
