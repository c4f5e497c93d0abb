package booking

import (
	"context"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

func TestHoldPayCancel(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b := w.hold(ev, "ann", "A-A-1", "A-A-2")
	if b.Status != bookingapi.Pending || b.Amount != 2000 || b.Fees != 200 || b.ExpiresAt != w.clock.Load()+8*minute {
		t.Fatalf("held: %+v", b)
	}
	b, err := w.pay(b)
	if err != nil || b.Status != bookingapi.Booked || b.ExpiresAt != 0 {
		t.Fatalf("paid: %+v, %v", b, err)
	}
	again, err := w.pay(b)
	if err != nil || again.Seq != b.Seq {
		t.Fatalf("confirming twice must change nothing: %+v, %v", again, err)
	}
	part, err := w.s.Cancel(context.Background(), fan("ann"), bookingapi.Cancellation{BookingID: b.ID, Seats: []string{"A-A-2"}})
	if err != nil || part.Status != bookingapi.Booked || part.Amount != 1000 || part.Fees != 100 || len(part.Seats) != 1 {
		t.Fatalf("cancelled one seat: %+v, %v", part, err)
	}
	all, err := w.s.Cancel(context.Background(), fan("ann"), bookingapi.Cancellation{BookingID: b.ID})
	if err != nil || all.Status != bookingapi.Cancelled {
		t.Fatalf("cancelled: %+v, %v", all, err)
	}
	want := []ledger.Kind{ledger.Held, ledger.Booked, ledger.Cancelled, ledger.Cancelled}
	if got := w.kinds(ev); !slices.Equal(got, want) {
		t.Fatalf("ledger: %v, want %v", got, want)
	}
	if c, _ := bookingapi.One(context.Background(), w.s.Counts, "event", ev); c.Free != 21 || c.Held+c.Sold != 0 {
		t.Fatalf("counts: %+v", c)
	}
	w.verify(ev)
}

// A's hold expires, B buys one of the seats, A pays: A's booking has expired as
// a whole, its other seat is free, and the late payment is refused.
func TestExpiredHoldRace(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1", "A-A-2")
	w.pass(8 * minute)
	b := w.hold(ev, "bob", "A-A-2")
	if _, err := w.pay(b); err != nil {
		t.Fatal(err)
	}
	_, err := w.pay(a)
	wantType(t, err, "seats-gone")
	c := w.hold(ev, "cid", "A-A-1")
	if _, err := w.pay(c); err != nil {
		t.Fatal(err)
	}
	want := []ledger.Kind{ledger.Held, ledger.Expired, ledger.Held, ledger.Booked, ledger.Held, ledger.Booked}
	if got := w.kinds(ev); !slices.Equal(got, want) {
		t.Fatalf("ledger: %v, want %v", got, want)
	}
	w.verify(ev)
}

// If the payment is late but nobody has taken the seats, the buyer gets them.
func TestPaidLateSeatsFree(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1")
	w.pass(9 * minute)
	if n, err := w.s.Sweep(context.Background()); n != 1 || err != nil {
		t.Fatalf("sweep: %d, %v", n, err)
	}
	b, err := w.pay(a)
	if err != nil || b.Status != bookingapi.Booked {
		t.Fatalf("paid late: %+v, %v", b, err)
	}
	w.verify(ev)
}

func TestSwap(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1", "A-A-2")
	w.hold(ev, "bob", "A-A-4")
	_, err := w.s.Swap(ctx, fan("ann"), a.ID, 0, bookingapi.Selection{Seats: []string{"A-A-3", "A-A-4"}})
	wantType(t, err, "seats-taken")
	b, err := w.s.Swap(ctx, fan("ann"), a.ID, a.Seq, bookingapi.Selection{Seats: []string{"A-A-2", "A-A-3"}})
	if err != nil || b.ExpiresAt != a.ExpiresAt || len(b.Seats) != 2 {
		t.Fatalf("swap: %+v, %v", b, err)
	}
	_, err = w.s.Swap(ctx, fan("ann"), a.ID, a.Seq, bookingapi.Selection{Seats: []string{"A-A-1"}})
	wantType(t, err, "changed-meanwhile")
	_, err = w.s.Swap(ctx, fan("bob"), a.ID, 0, bookingapi.Selection{Seats: []string{"A-A-1"}})
	wantType(t, err, "not-found")
	w.hold(ev, "cid", "A-A-1") // is free again
	if b, err = w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: a.ID, Seats: []string{"A-A-2"}}); err != nil || b.Status != bookingapi.Pending || b.Amount != 1000 {
		t.Fatalf("giving back one held seat: %+v, %v", b, err)
	}
	w.verify(ev)
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	request := bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}}
	first, err := w.s.Hold(ctx, fan("ann"), "k1", request)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.s.Hold(ctx, fan("ann"), "k1", request)
	if err != nil || again.ID != first.ID || again.Seq != first.Seq {
		t.Fatalf("replay: %+v, %v", again, err)
	}
	_, err = w.s.Hold(ctx, fan("ann"), "k1", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-2"}}})
	wantType(t, err, "idempotency-key-reused")
	_, err = w.s.Hold(ctx, fan("bob"), "k1", request)
	wantType(t, err, "seats-taken")
	if _, err := w.pay(first); err != nil {
		t.Fatal(err)
	}
	if again, err = w.s.Hold(ctx, fan("ann"), "k1", request); err != nil || again.Status != bookingapi.Booked {
		t.Fatalf("replay after paying: %+v, %v", again, err)
	}
	w.pass(60 * minute)
	w.verify(ev)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	past := w.event(func(s *bookingapi.Sale) { s.ClosesAt = w.clock.Load() - 1 })
	soon := w.event(func(s *bookingapi.Sale) { s.OpensAt = w.clock.Load() + minute })
	draft := w.event(func(s *bookingapi.Sale) { s.Status = eventapi.Draft })
	unpriced := w.event(func(s *bookingapi.Sale) { s.Status, s.PriceVersion, s.Currency = eventapi.Published, 0, "" })
	off := w.event(func(s *bookingapi.Sale) { s.Status = eventapi.Cancelled })
	for _, c := range []struct {
		name, want string
		request    bookingapi.HoldRequest
		text       string
	}{
		{"unknown seat", "invalid-field", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1", "Z-9-9"}}}, `seats[1] "Z-9-9"`},
		{"general-admission place by name", "invalid-field", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"PIT-1"}}}, `"PIT-1"`},
		{"same seat twice", "invalid-field", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1", "A-A-1"}}}, "seats[1] names A-A-1 twice"},
		{"too many", "too-many-seats", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1", "A-A-2", "A-A-3", "A-A-4", "A-A-5"}}}, "may have 4"},
		{"more than there are", "sold-out", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 4, Section: "B", Tier: "Pit"}}, ""},
		{"unknown section", "invalid-field", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 1, Section: "X"}}, `section "X"`},
		{"unknown tier", "invalid-field", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 1, Tier: "X"}}, `tier "X"`},
		{"negative quantity", "invalid-field", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: -1}}, "quantity"},
		{"sale is over", "sale-closed", bookingapi.HoldRequest{EventID: past, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}}, "ended"},
		{"sale not open yet", "sale-not-open", bookingapi.HoldRequest{EventID: soon, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}}, "opens at"},
		{"draft", "not-found", bookingapi.HoldRequest{EventID: draft, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}}, ""},
		{"no price yet", "sale-not-open", bookingapi.HoldRequest{EventID: unpriced, Selection: bookingapi.Selection{Quantity: 1}}, ""},
		{"event cancelled", "event-cancelled", bookingapi.HoldRequest{EventID: off, Selection: bookingapi.Selection{Quantity: 1}}, ""},
		{"no such event", "not-found", bookingapi.HoldRequest{EventID: "0000000000000000", Selection: bookingapi.Selection{Quantity: 1}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.s.Hold(ctx, fan("ann"), "", c.request)
			wantType(t, err, c.want)
			if !strings.Contains(err.Error(), c.text) {
				t.Fatalf("error %q does not say %q", err, c.text)
			}
		})
	}
	for _, e := range []string{ev, past, soon, draft, unpriced, off} {
		if got := w.kinds(e); len(got) != 0 {
			t.Fatalf("a refused request left %v in the ledger", got)
		}
		w.verify(e)
	}
}

func TestLimitAndCooldown(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	w.hold(ev, "ann", "A-A-1", "A-A-2", "A-A-3")
	_, err := w.s.Hold(ctx, fan("ann"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-B-1", "A-B-2"}}})
	wantType(t, err, "too-many-seats")
	w.hold(ev, "ann", "A-B-1")
	w.pass(8 * minute) // both expire
	_, err = w.s.Hold(ctx, fan("ann"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-B-2"}}})
	wantType(t, err, "hold-cooldown")
	w.pass(minute)
	w.hold(ev, "ann", "A-B-2")
	w.verify(ev)
}

func TestConfirmRefusals(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	b := w.hold(ev, "ann", "A-A-1")
	confirm := func(pay string, amount int64, currency string) error {
		_, err := w.s.Confirm(ctx, bookingapi.Confirm{BookingID: b.ID, PaymentID: pay, Amount: amount, Currency: currency})
		return err
	}
	wantType(t, confirm("p1", 999, "EUR"), "amount-differs")
	wantType(t, confirm("p1", 1000, "USD"), "amount-differs")
	if err := confirm("p1", 1000, "EUR"); err != nil {
		t.Fatal(err)
	}
	wantType(t, confirm("p2", 1000, "EUR"), "already-booked")
	if err := w.s.CancelUnpaid(ctx, b.ID, "p2"); err != nil {
		t.Fatal(err)
	}
	if now, _ := w.s.Booking(ctx, b.ID); now.Status != bookingapi.Booked {
		t.Fatalf("another payment's failure cancelled the booking")
	}
	if err := w.s.CancelUnpaid(ctx, b.ID, "p1"); err != nil {
		t.Fatal(err)
	}
	wantType(t, confirm("p1", 1000, "EUR"), "booking-cancelled")
	entries, _ := w.s.Entries(ctx, ev, 0, 100)
	if last := entries[len(entries)-1]; last.Kind != ledger.Cancelled || last.Amount != 0 {
		t.Fatalf("an unpaid booking must be cancelled without a refund: %+v", last)
	}
	w.verify(ev)
}

// All bookings of a cancelled event are cancelled, even after a restart in between.
func TestCancelledEventGivesBack(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(context.Background())
	ev := w.event()
	paid, err := w.pay(w.hold(ev, "ann", "A-A-1"))
	if err != nil {
		t.Fatal(err)
	}
	held := w.hold(ev, "bob", "A-A-2")
	sale := w.sale()
	sale.Status, sale.EventVersion = eventapi.Cancelled, 2
	if err := w.s.SetSales(ctx, map[string]bookingapi.Sale{ev: sale}); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	done := make(chan struct{})
	freed := 0
	w.s.Subscribe(func(list []ledger.Entry) {
		for range list {
			if freed++; freed == 2 {
				close(over)
			}
		}
	})
	go func() { defer close(done); _ = w.s.Run(ctx) }()
	<-over
	stop()
	<-done
	for _, b := range []bookingapi.Booking{paid, held} {
		if now, err := w.s.Booking(context.Background(), b.ID); err != nil || now.Status != bookingapi.Cancelled {
			t.Fatalf("after the event was cancelled: %+v, %v", now, err)
		}
	}
	_, err = w.pay(held)
	wantType(t, err, "booking-cancelled")
	w.verify(ev)
}

// An event that people have seats of does not become a draft, whenever they took them.
// Expired holds do not prevent it, and a draft stays one while seats are blocked.
func TestNoDraftWithSeats(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	w.hold(ev, "ann", "A-A-1")
	draft := func(s *bookingapi.Sale) { s.Status = eventapi.Draft }
	wantType(t, w.change(ev, 2, draft), "seats-taken")
	if v, err := w.s.views.get(t.Context(), ev); err != nil || v.hiddenFrom(fan("ann")) {
		t.Errorf("the hold is hidden: %v", err)
	}
	w.pass(8 * minute)
	if err := w.change(ev, 2, draft); err != nil {
		t.Fatalf("nobody has seats: %v", err)
	}
	boss := caller.Caller{UserID: organizer, Role: caller.Organizer}
	if _, err := w.s.Grant(t.Context(), boss, "", grantOf(bookingapi.Block, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-1"}}})); err != nil {
		t.Fatal(err)
	}
	if err := w.change(ev, 3, draft); err != nil {
		t.Errorf("a draft with blocked seats cannot change: %v", err)
	}
	w.verify(ev)
}

func TestSaleChanges(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	set := func(change func(*bookingapi.Sale)) error {
		s := w.sale()
		change(&s)
		return w.s.SetSales(ctx, map[string]bookingapi.Sale{ev: s})
	}
	b := w.hold(ev, "ann", "A-A-1")
	wantType(t, set(func(s *bookingapi.Sale) { s.EventVersion, s.PlanID = 2, "other" }), "plan-in-use")
	wantType(t, set(func(s *bookingapi.Sale) { s.EventVersion, s.Currency = 2, "USD" }), "currency-in-use")
	if err := set(func(s *bookingapi.Sale) { s.EventVersion, s.PriceVersion = 2, 2 }); err != nil {
		t.Fatal(err)
	}
	if err := set(func(s *bookingapi.Sale) { s.EventVersion, s.Status = 1, eventapi.Published }); err != nil {
		t.Fatal(err) // an older state is passed over
	}
	if dear := w.hold(ev, "bob", "A-A-2"); dear.Amount != 2000 {
		t.Fatalf("a new price applies to later holds: %d", dear.Amount)
	}
	if paid, err := w.pay(b); err != nil || paid.Amount != 1000 {
		t.Fatalf("an older hold keeps its price: %+v, %v", paid, err)
	}
	w.verify(ev)
}
