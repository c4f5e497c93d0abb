package booking

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
)

// held makes a hold; the test fails if it is refused.
func (w *world) held(caller caller.Caller, eventID string, n int) bookingapi.Booking {
	w.t.Helper()
	b, err := w.holdAs(caller, eventID, n)
	if err != nil {
		w.t.Fatalf("hold for %s: %v", caller.UserID, err)
	}
	return b
}

// paid makes a booking; the test fails if it is refused.
func (w *world) paid(caller caller.Caller, eventID string, n int) bookingapi.Booking {
	w.t.Helper()
	b, err := w.pay(w.held(caller, eventID, n))
	if err != nil {
		w.t.Fatalf("pay for %s: %v", caller.UserID, err)
	}
	return b
}

func (w *world) ownerIs(b bookingapi.Booking, user string) {
	w.t.Helper()
	if got, err := w.s.Booking(w.t.Context(), b.ID); err != nil || got.UserID != user {
		w.t.Errorf("%s is %s's, want %s's; %v", b.ID, got.UserID, user, err)
	}
}

// A hold that was made before its owner showed an address is counted for the
// address at the latest when it is paid, whatever adopting has come to.
func TestLimitWhenTheOwnerIsKnown(t *testing.T) {
	for _, c := range []struct {
		name   string
		email  byte // that the hold was made with
		forget bool // the node has nothing in memory
	}{
		{"over the limit when the address is shown", 1, false},
		{"without an address when it was made", 0, false},
		{"with nothing in memory", 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ctx := t.Context()
			ev := w.event() // four for each
			w.paid(at("guest", 1, true), ev, 3)
			over, fits := w.held(at("ann", c.email, false), ev, 3), w.held(at("ann", c.email, false), ev, 1)
			wantType(t, w.s.Adopt(ctx, "ann", "ann", caller.EmailKey{1}), "too-many-seats")
			wantType(t, w.s.Adopt(ctx, "ann", "ann", caller.EmailKey{1}), "too-many-seats") // nobody forgets it
			if c.forget {
				w.forget(ev)
			}
			for _, read := range []func(context.Context, string) (bookingapi.Booking, error){w.s.Booking, w.s.Recent} {
				if b, err := read(ctx, over.ID); err != nil || !b.Unproved {
					t.Errorf("%+v %v", b, err)
				}
			}
			_, err := w.pay(over)
			wantType(t, err, "too-many-seats")
			if _, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: over.ID}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.pay(fits); err != nil {
				t.Error(err)
			}
			_, err = w.holdAs(at("another", 1, true), ev, 1) // all four are the address's
			wantType(t, err, "too-many-seats")
			w.verify(ev)
		})
	}
}

// The owner of an expired booking may have changed on another node: it is read before
// late money is taken.
func TestLateMoneyIsForTheOwnerOfNow(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	w.paid(at("ann", 1, true), ev, 3)
	b := w.held(at("guest", 0, false), ev, 2)
	w.pass(8 * minute)
	w.sweep(1)
	old := w.s.recent.m
	if err := w.s.Adopt(ctx, "guest", "ann", caller.EmailKey{1}); err != nil {
		t.Fatal(err)
	}
	w.s.recent.m = old // as another node remembers it
	_, err := w.s.Confirm(ctx, bookingapi.Confirm{BookingID: b.ID, PaymentID: "p", Amount: b.Amount, Currency: "EUR", StartedAt: b.ExpiresAt})
	wantType(t, err, "too-many-seats")
	w.verify(ev)
}

// Only holds that would break a limit are not moved, and the error names them.
func TestAdoptLeavesOnlyWhatConflicts(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	one, two := w.event(), w.event()
	paid := w.paid(at("guest", 1, true), two, 1)
	fits, expired := w.held(at("guest", 0, false), one, 2), w.held(at("guest", 0, false), one, 1)
	anns, conflicts := w.held(at("ann", 1, true), two, 3), w.held(at("guest", 0, false), two, 1)
	for _, b := range []bookingapi.Booking{fits, anns, conflicts} {
		if err := w.s.Extend(ctx, b.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(8 * minute)
	err := w.s.Adopt(ctx, "guest", "ann", caller.EmailKey{1})
	wantType(t, err, "too-many-seats")
	if got, _ := errs.Of(err).Extra["bookings"].([]string); !slices.Equal(got, []string{conflicts.ID}) {
		t.Errorf("%v stay, want %s", got, conflicts.ID)
	}
	w.ownerIs(paid, "ann")
	w.ownerIs(fits, "ann")
	w.ownerIs(expired, "ann")
	w.ownerIs(conflicts, "guest")
	if _, err := w.pay(fits); err != nil {
		t.Error(err)
	}
	// Holds that stay do not belong to the heir in any way.
	other := w.held(at("bob", 2, true), two, 4)
	if err := w.s.Adopt(ctx, "guest", "cleo", caller.EmailKey{3}); err != nil {
		t.Fatal(err)
	}
	w.ownerIs(conflicts, "cleo")
	w.ownerIs(other, "bob")
	w.verify(one)
	w.verify(two)
}

// In one batch with its adoption, a booking still counts once.
func TestAdoptedBookingCountsOnce(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b := w.held(at("ann", 0, false), ev, 2)
	adopt := command{do: doAdopt, eventID: ev, bookingID: b.ID, from: "ann", heir: "ann", email: caller.EmailKey{1}}
	hold := looked(command{do: doHold, eventID: ev, bookingID: id.Booking(ev, "ann", "new"), caller: at("ann", 1, true), seats: []int32{4, 5}})
	adopt.caller = caller.System
	for _, more := range []int{1, 0} {
		items := []*item{{Value: &job{cmd: adopt}}, {Value: &job{cmd: hold}}}
		answers, err := w.s.writers[0].settle(t.Context(), &load{items: items})
		if err != nil || answers[0].err != nil || answers[1].err != nil {
			t.Fatalf("%v, %v, %d more", answers, err, more)
		}
	}
	_, err := w.holdAs(at("ann", 1, true), ev, 1)
	wantType(t, err, "too-many-seats")
	w.verify(ev)
}

// Adoption never gives a person more than a hundred bookings of an event, not counting
// paid ones.
func TestAdoptionIsBounded(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	for guest := range 3 {
		user := fmt.Sprint("guest", guest)
		for range 60 {
			w.cancel(w.held(at(user, 0, false), ev, 1))
			w.pass(unpaidWindow)
		}
	}
	paid := w.paid(at("guest2", 0, false), ev, 1)
	for guest := range 3 {
		if err := w.s.Adopt(ctx, fmt.Sprint("guest", guest), "ann", caller.EmailKey{1}); err != nil {
			t.Fatal(err)
		}
	}
	w.ownerIs(paid, "ann")
	ids, err := w.s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1`, "ann")
	if err != nil || len(ids) != maxBookings+1 {
		t.Errorf("%d bookings, %v", len(ids), err)
	}
	more := w.paid(at("late", 0, false), ev, 1)
	dead := w.held(at("late", 0, false), ev, 1)
	w.cancel(dead)
	held := w.held(at("late", 0, false), ev, 1)
	err = w.s.Adopt(ctx, "late", "ann", caller.EmailKey{1})
	wantType(t, err, "too-many-bookings")
	w.ownerIs(more, "ann")
	w.ownerIs(dead, "late")
	w.ownerIs(held, "late")
	// Nor do several accounts that show one address, one after the other.
	for range 60 {
		w.cancel(w.held(at("twin", 1, false), ev, 1))
		w.pass(unpaidWindow)
	}
	if err := w.s.Adopt(ctx, "twin", "twin", caller.EmailKey{1}); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := w.db.Reader().QueryRow(`SELECT count(*) FROM bookings WHERE email_key = $1 AND event_id = $2`, newAddress(caller.EmailKey{1}, proved).column(), ev).Scan(&n); err != nil || n > maxBookings+2 {
		t.Errorf("%d bookings count for the address, %v", n, err)
	}
	w.verify(ev)
}

// Where addresses need not be verified, people who only type an address share one limit,
// towards which the owner's bookings count too. Bookings of people who only typed the
// address do not count for its owner.
func TestLimitOfAnAddressThatIsOnlyTyped(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event(func(s *bookingapi.Sale) { s.UnverifiedBuyers = true })
	w.paid(at("stranger", 1, false), ev, 4)
	own := w.held(at("owner", 1, true), ev, 4) // nobody has used it up
	_, err := w.holdAs(at("owner", 1, true), ev, 1)
	wantType(t, err, "too-many-seats")
	for _, forget := range []bool{false, true} {
		if forget {
			w.forget(ev)
		}
		_, err = w.holdAs(at("owner, as somebody else", 1, false), ev, 1)
		wantType(t, err, "address-at-limit")
		if n := errs.Of(err).Extra["live"]; n != nil {
			t.Errorf("a stranger is told that the owner has %v", n)
		}
	}
	// A stranger is not told either which booking the owner's seats are in.
	w.s.views.forget(ev)
	_, err = w.s.Hold(ctx, at("stranger 2", 1, false), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{w.plan.Seats[own.Seats[0]].Label}}})
	if errs.Is(err, "already-yours") {
		t.Error(err)
	}

	// Holds made before the address was verified count for it afterwards.
	other := w.event(func(s *bookingapi.Sale) { s.UnverifiedBuyers = true })
	w.paid(at("eve", 2, false), other, 2)
	w.held(at("eve", 2, false), other, 1)
	if err := w.s.Adopt(ctx, "eve", "eve", caller.EmailKey{2}); err != nil {
		t.Fatal(err)
	}
	_, err = w.holdAs(at("eve's guest", 2, true), other, 2)
	wantType(t, err, "too-many-seats")
	w.verify(ev)
	w.verify(other)
}

// An organizer may begin to require verified addresses while somebody who has only typed
// one is paying. The payment still succeeds, and does not count towards the limit of the
// address's owner.
func TestNoAddressIsProvedByPaying(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("late ", late), func(t *testing.T) {
			w := newWorld(t)
			ctx := t.Context()
			ev := w.event(func(s *bookingapi.Sale) { s.UnverifiedBuyers = true }) // four for each
			b := w.held(at("stranger", 1, false), ev, 4)
			begun := w.clock.Load()
			if err := w.change(ev, 2, func(*bookingapi.Sale) {}); err != nil {
				t.Fatal(err)
			}
			if late {
				w.pass(8 * minute)
				w.sweep(1)
				begun = b.ExpiresAt
			}
			got, err := w.s.Confirm(ctx, bookingapi.Confirm{BookingID: b.ID, PaymentID: "p", Amount: b.Amount, Currency: b.Currency, StartedAt: begun})
			if err != nil || got.Status != bookingapi.Booked {
				t.Fatalf("%+v %v", got, err)
			}
			for _, forget := range []bool{false, true} {
				if forget {
					w.forget(ev)
				}
				w.cancel(w.held(at("owner", 1, true), ev, 4))
			}
			if err := w.s.Adopt(ctx, "stranger", "stranger", caller.EmailKey{1}); err != nil { // it was theirs
				t.Fatal(err)
			}
			_, err = w.holdAs(at("owner", 1, true), ev, 1)
			wantType(t, err, "too-many-seats")
			w.verify(ev)
		})
	}
}
