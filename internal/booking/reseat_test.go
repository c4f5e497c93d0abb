package booking

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/patience"
)

func (w *world) reseat(who caller.Caller, b bookingapi.Booking, seats ...string) (bookingapi.Booking, error) {
	return w.s.Reseat(context.Background(), who, bookingapi.Reseating{BookingID: b.ID, Seats: seats, Reason: "The row is broken."})
}

func (w *world) labels(b bookingapi.Booking) (list []string) {
	for _, seat := range b.Seats {
		list = append(list, w.plan.Seats[seat].Label)
	}
	return list
}

// An organizer moves a sold booking: the new seats are its own and the old ones free at
// once, for the same money, in one entry, and after a restart, too.
func TestReseat(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2", "A-A-3"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.reseat(boss(), b, "A-B-1", "A-A-2", "B-A-4")
	if err != nil || !slices.Equal(w.labels(got), []string{"A-B-1", "A-A-2", "B-A-4"}) {
		t.Fatalf("%v %v", w.labels(got), err)
	}
	if got.Status != bookingapi.Booked || got.Amount != b.Amount || got.Left != b.Left || got.PaymentID != b.PaymentID || got.PriceVersion != b.PriceVersion || got.UserID != "ann" || got.Seq != b.Seq+1 {
		t.Errorf("%+v became %+v", b, got)
	}
	if again, err := w.reseat(boss(), b, "B-A-4", "A-A-2", "A-B-1"); err != nil || again.Seq != got.Seq {
		t.Errorf("the same again: %+v %v", again, err)
	}
	entries, err := w.s.Entries(t.Context(), ev, b.Seq, 10)
	if err != nil || len(entries) != 1 || entries[0].Kind != ledger.Swapped || entries[0].Until != 0 || entries[0].Amount != b.Amount || !slices.Equal(entries[0].Seats, got.Seats) {
		t.Errorf("%+v %v", entries, err)
	}
	w.forget(ev)
	if again, err := w.s.Booking(t.Context(), b.ID); err != nil || !slices.Equal(again.Seats, got.Seats) || again.Status != bookingapi.Booked {
		t.Errorf("after a restart: %+v %v", again, err)
	}
	_, err = w.s.Hold(t.Context(), fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-B-1"}}})
	wantType(t, err, "seats-taken")
	w.hold(ev, "bob", "A-A-1", "A-A-3")
	list, err := w.s.ReasonsOf(t.Context(), b.ID)
	if err != nil || len(list) != 1 || list[0].Text != "The row is broken." || list[0].Amount != 0 || list[0].Seats != 0 || !slices.Equal(list[0].From, b.Seats) || list[0].Seq != got.Seq {
		t.Errorf("%+v %v", list, err)
	}
	if bill := w.checkBills(ev)[b.ID]; bill.Amount != b.Amount || len(bill.Back) != 0 {
		t.Errorf("%+v", bill)
	}
	w.verify(ev)
}

// What was cancelled before may be moved to; what was moved away from is not the booking's
// any more; and what is cancelled later is refunded at its price.
func TestReseatAndCancel(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2", "A-A-3"))
	if err != nil {
		t.Fatal(err)
	}
	cancel := func(seat string) (bookingapi.Booking, error) {
		return w.s.Cancel(t.Context(), fan("ann"), bookingapi.Cancellation{BookingID: b.ID, Seats: []string{seat}})
	}
	if _, err := cancel("A-A-1"); err != nil {
		t.Fatal(err)
	}
	if got, err := w.reseat(boss(), b, "A-A-1", "A-B-2"); err != nil || got.Amount != 2000 || got.Left != 2000 {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := cancel("A-A-2"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a seat that it had: %v", err)
	}
	if got, err := cancel("A-A-1"); err != nil || got.Left != 1000 || !slices.Equal(w.labels(got), []string{"A-B-2"}) {
		t.Errorf("a seat that it has again: %+v %v", got, err)
	}
	w.verify(ev)
	if got, err := w.s.Cancel(t.Context(), fan("ann"), bookingapi.Cancellation{BookingID: b.ID}); err != nil || got.Left != 0 || got.Status != bookingapi.Cancelled {
		t.Errorf("%+v %v", got, err)
	}
	_, err = w.reseat(boss(), b, "A-B-3")
	wantType(t, err, "booking-cancelled")
	w.verify(ev)
}

// Who may not, what does not fit, and what others have, changes nothing.
func TestReseatRefusals(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2"))
	if err != nil {
		t.Fatal(err)
	}
	held := w.hold(ev, "bob", "A-B-1")
	if _, err := w.pay(w.hold(ev, "cem", "A-B-2")); err != nil {
		t.Fatal(err)
	}
	for _, who := range []caller.Caller{fan("ann"), fan("bob"), {UserID: "rival", Role: caller.Organizer}, {}} {
		_, err := w.reseat(who, b, "A-B-3", "A-B-4")
		wantType(t, err, "not-found")
	}
	_, err = w.reseat(boss(), b, "A-B-1", "A-B-2")
	wantType(t, err, "seats-taken")
	if gone := errs.Of(err).Extra["seats"]; !slices.Equal(gone.([]string), []string{"A-B-1", "A-B-2"}) {
		t.Errorf("gone are %v", gone)
	}
	for _, tt := range []struct {
		seats []string
		field string
	}{
		{nil, "seats"}, {[]string{"A-B-3"}, "seats"}, {[]string{"A-B-3", "A-B-3"}, "seats[1]"}, {[]string{"A-A-1", "A-A-1"}, "seats[1]"}, {[]string{"A-B-3", "PIT-1"}, "seats[1]"},
		{[]string{"A-B-3", "A-Z-9"}, "seats[1]"}, {[]string{"A-A-1", "A-Z-9"}, "seats[1]"}, {[]string{"A-Z-9", "A-A-1"}, "seats[0]"}, {[]string{"A-B-3", "A-B-4", "A-B-5"}, "seats"},
	} {
		_, err := w.reseat(boss(), b, tt.seats...)
		if e := errs.Of(err); errs.KindOf(err) != errs.Invalid || len(e.Fields) != 1 || e.Fields[0].Name != tt.field {
			t.Errorf("to %v: %v, not of %s", tt.seats, err, tt.field)
		}
	}
	for _, reason := range []string{"", "a\nb", strings.Repeat("x", bookingapi.MaxReason+1)} {
		if _, err := w.s.Reseat(t.Context(), boss(), bookingapi.Reseating{BookingID: b.ID, Seats: []string{"A-B-3", "A-B-4"}, Reason: reason}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("the reason %q: %v", reason, err)
		}
	}
	_, err = w.s.Reseat(t.Context(), boss(), bookingapi.Reseating{BookingID: b.ID, Version: b.Seq - 1, Seats: []string{"A-B-3", "A-B-4"}, Reason: "x"})
	wantType(t, err, "changed-meanwhile")
	_, err = w.reseat(boss(), held, "A-B-3")
	wantType(t, err, "not-sold")
	if again, err := w.s.Booking(t.Context(), b.ID); err != nil || again.Seq != b.Seq || !slices.Equal(again.Seats, b.Seats) {
		t.Errorf("%+v %v", again, err)
	}
	w.pass(9 * minute) // the hold has ended, and nobody has noticed
	admin := caller.Caller{UserID: "root", Role: caller.Admin}
	if got, err := w.reseat(admin, b, "A-B-1", "A-A-1"); err != nil || !slices.Equal(w.labels(got), []string{"A-B-1", "A-A-1"}) {
		t.Errorf("%+v %v", got, err)
	}
	_, err = w.reseat(boss(), held, "A-B-3")
	wantType(t, err, "not-sold")
	w.verify(ev)
}

// Prices are those that were paid, whatever seats cost by now; complimentary seats cost
// nothing anywhere, and the pit is another price.
func TestReseatAtTheSamePrice(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1"))
	if err != nil {
		t.Fatal(err)
	}
	pit, err := w.s.Hold(t.Context(), fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 1, Section: "PIT"}})
	if err != nil {
		t.Fatal(err)
	}
	if pit, err = w.pay(pit); err != nil {
		t.Fatal(err)
	}
	_, err = w.reseat(boss(), pit, "A-A-2")
	wantType(t, err, "price-differs")
	sale := w.sale()
	sale.EventVersion, sale.PriceVersion = 2, 2
	if err := w.s.SetSales(t.Context(), map[string]bookingapi.Sale{ev: sale}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.reseat(boss(), b, "A-A-3"); err != nil || got.Amount != 1000 || got.PriceVersion != 1 {
		t.Errorf("%+v %v", got, err)
	}
	gift, err := w.s.Grant(t.Context(), boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Complimentary, UserID: "cem", Selection: bookingapi.Selection{Quantity: 1, Section: "PIT"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.reseat(boss(), gift, "A-A-4"); err != nil || got.Amount != 0 || got.PaymentID != bookingapi.Complimentary {
		t.Errorf("%+v %v", got, err)
	}
	w.verify(ev)
}

// Whoever is first has a seat, and no seat has two bookings, however many hold and move at
// once.
func TestReseatingTogether(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	var sold []bookingapi.Booking
	for i, user := range []string{"ann", "bob", "cem"} {
		b, err := w.pay(w.hold(ev, user, []string{"A-A-1", "A-A-2", "A-A-3"}[i]))
		if err != nil {
			t.Fatal(err)
		}
		sold = append(sold, b)
	}
	wanted := []string{"A-B-1", "A-B-2", "A-A-1", "A-A-2", "A-A-3"}
	var all sync.WaitGroup
	for n := range 9 {
		all.Go(func() {
			for i := range 5 {
				var err error
				if n < 6 {
					_, err = w.reseat(boss(), sold[n%3], wanted[(n+i)%5])
				} else {
					_, err = w.s.Hold(t.Context(), fan([]string{"dan", "eve", "fay"}[n-6]), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{wanted[i]}}})
				}
				if err != nil && errs.Of(err) == nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	w.verify(ev)
	for i := range sold {
		if b, err := w.s.Booking(t.Context(), sold[i].ID); err != nil || b.Status != bookingapi.Booked || len(b.Seats) != 1 || b.Amount != 1000 {
			t.Errorf("%+v %v", b, err)
		}
	}
}

// Another node has the same booking at the same seats, and sells the ones that are free.
func TestReseatOnAnotherNode(t *testing.T) {
	list := nodes(t, 0, 0)
	a, other := list[0], list[1]
	ev := a.event()
	b, err := other.pay(other.hold(ev, "ann", "A-A-1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.reseat(boss(), b, "A-A-2"); err != nil {
		t.Fatal(err)
	}
	if got, err := other.s.Recent(t.Context(), b.ID); err != nil || !slices.Equal(other.labels(got), []string{"A-A-2"}) {
		t.Errorf("%+v %v", got, err)
	}
	other.run() // it hears what is free
	for end := time.Now().Add(patience.Long); ; time.Sleep(10 * time.Millisecond) {
		_, err := other.s.Hold(t.Context(), fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}})
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	_, err = other.s.Hold(t.Context(), fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-2"}}})
	wantType(t, err, "seats-taken")
	_, err = a.reseat(boss(), b, "A-A-1")
	wantType(t, err, "seats-taken")
	if got, err := other.reseat(boss(), b, "A-A-3"); err != nil || !slices.Equal(other.labels(got), []string{"A-A-3"}) {
		t.Errorf("%+v %v", got, err)
	}
	a.verify(ev)
}

// Verify notices a sold booking that moves at another price, or to fewer seats.
func TestVerifyOfMoves(t *testing.T) {
	for name, change := range map[string]func(*effect){
		"price": func(e *effect) { e.amount++ },
		"seats": func(e *effect) { e.seats = e.seats[:1] },
		"until": func(e *effect) { e.until = 1 << 60 },
	} {
		w := newWorld(t)
		ev := w.event()
		b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2"))
		if err != nil {
			t.Fatal(err)
		}
		s := w.stateOf(b)
		c := looked(command{do: doReseat, eventID: ev, bookingID: b.ID, caller: boss(), seats: []int32{2, 3}, organizing: &organizing{reason: "x"}})
		effects, a := decide(s, &c)
		if a.err != nil || len(effects) != 1 {
			t.Fatalf("%v %v", effects, a.err)
		}
		change(&effects[0])
		s.apply(effects[0])
		if err := w.s.writers[0].store.batch(t.Context(), func(tx storeTx) error {
			if err := tx.heads(t.Context(), []*state{newState(ev)}, hints{}); err != nil {
				return err
			}
			return tx.save(t.Context(), []*state{s})
		}); err != nil {
			t.Fatal(err)
		}
		var d bookingapi.Difference
		if _, err := audit.VerifyWith(t.Context(), w.db, ev, audit.Beside{Plans: w}); !errors.As(err, &d) || !strings.Contains(d.Text, "moves to another number of seats, or at another price") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// stateOf is an event as a decision about a booking sees it.
func (w *world) stateOf(b bookingapi.Booking) *state {
	w.t.Helper()
	s := newState(b.EventID)
	err := w.s.writers[0].store.batch(context.Background(), func(tx storeTx) error {
		ctx := context.Background()
		if err := tx.heads(ctx, []*state{s}, hints{}); err != nil {
			return err
		}
		s.now = max(w.clock.Load(), s.at)
		l := attemptState{prices: map[priceKey]*priced{}}
		c := looked(command{do: doReseat, eventID: b.EventID, bookingID: b.ID, seats: []int32{2, 3}})
		return w.s.writers[0].read(ctx, tx, s, []*item{{Value: &job{cmd: c}}}, &l, nil)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// Mails tell of seats that a booking has no longer, and of no others, however often it has
// moved; of what was not mailed until it is; and not of cancelled bookings and blocks.
func TestMoveMails(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b, err := w.pay(w.hold(ev, "ann", "A-A-1", "A-A-2"))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no mail server")
	var told []string
	var fails error
	mails, err := NewMoveMails(t.Context(), w.s, func(_ context.Context, m bookingapi.Move) error {
		from := bookingapi.Booking{Seats: m.From}
		told = append(told, strings.Join(w.labels(from), " ")+" to "+strings.Join(w.labels(m.Booking), " "))
		return fails
	}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	move := func(b bookingapi.Booking, seats ...string) {
		t.Helper()
		if _, err := w.reseat(boss(), b, seats...); err != nil {
			t.Fatal(err)
		}
	}
	sent := func(want ...string) {
		t.Helper()
		told = nil
		if err := mails.Send(t.Context()); !errors.Is(err, fails) {
			t.Errorf("%v", err)
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, not %q", told, want)
		}
		w.pass(3 * minute)
	}
	move(b, "A-B-1", "A-A-2")
	fails = broken
	sent("A-A-1 to A-B-1 A-A-2")
	move(b, "A-A-1", "A-A-2")
	fails = nil
	sent("A-B-1 to A-A-1 A-A-2")
	sent()
	move(b, "A-B-3", "A-B-4")
	move(b, "A-B-1", "A-B-2")
	sent("A-A-1 A-A-2 A-B-3 A-B-4 to A-B-1 A-B-2")

	block, err := w.s.Grant(t.Context(), boss(), "", bookingapi.Grant{EventID: ev, Kind: bookingapi.Block, Selection: bookingapi.Selection{Seats: []string{"B-A-1"}}})
	if err != nil {
		t.Fatal(err)
	}
	move(block, "B-A-2")
	move(b, "A-A-5", "A-B-2")
	if _, err := w.s.Cancel(t.Context(), fan("ann"), bookingapi.Cancellation{BookingID: b.ID}); err != nil {
		t.Fatal(err)
	}
	sent()
	if due, err := w.s.movesDue(t.Context(), "", 10); err != nil || len(due) != 0 {
		t.Errorf("%v are due, %v", due, err)
	}
}
