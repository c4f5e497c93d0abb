package booking

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

func from(ctx context.Context, client string) context.Context {
	return context.WithValue(ctx, caller.ClientKey{}, client)
}

// From one client address, a script without a verified address cannot hold most of an
// event, however many accounts it creates and whether or not it releases its holds in
// time. Verified people and other client addresses are not affected.
func TestUnverifiedTogether(t *testing.T) {
	w := newWorld(t)
	w.plan = hall(100)
	ev := w.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 8 })
	guests := 0
	grab := func(client string) (got []bookingapi.Booking, refused error) {
		t.Helper()
		for {
			guests++
			b, err := w.s.Hold(from(t.Context(), client), fan(fmt.Sprint("guest", guests)), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2}})
			if err != nil {
				return got, err
			}
			got = append(got, b)
		}
	}
	got, err := grab("2001:db8::1")
	wantType(t, err, "many-held-unverified")
	if n := 2 * len(got); n < 50 || n > 52 {
		t.Fatalf("one address holds %d of 100 seats", n)
	}
	for range 3 { // kept by holding them again shortly before the end
		w.pass(8*minute - 4_000_000)
		for _, b := range got {
			w.cancel(b)
		}
		if got, err = grab("2001:db8::2"); 2*len(got) > 52 { // another address of the same network
			t.Fatalf("it holds %d seats", 2*len(got))
		}
		wantType(t, err, "many-held-unverified")
	}
	verified := caller.Caller{UserID: "ann", Role: caller.Customer, Verified: true}
	if _, err := w.s.Hold(from(t.Context(), "2001:db8::1"), verified, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 8}}); err != nil {
		t.Errorf("a verified person of that network: %v", err)
	}
	w.cancel(got[0]) // or they would have half of what is left
	w.cancel(got[1])
	if _, err := w.s.Hold(from(t.Context(), "192.0.2.1"), fan("bob"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2}}); err != nil {
		t.Errorf("another address: %v", err)
	}
	w.pass(40 * minute)
	w.s.unverified.sweep(w.clock.Load())
	if len(w.s.unverified.holds) != 0 || len(w.s.unverified.from) != 0 || len(w.s.unverified.events) != 0 || w.s.unverified.some.Load() {
		t.Errorf("%d holds are remembered", len(w.s.unverified.holds))
	}
	w.verify(ev)
}

// Holds that are paid, refused or moved to a verified person are not counted.
func TestUnverifiedForgets(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	ctx := from(t.Context(), "192.0.2.1")
	hold := func(user string) bookingapi.Booking {
		b, err := w.s.Hold(ctx, fan(user), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 1}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	paid, adopted, released := hold("a"), hold("b"), hold("c")
	if _, err := w.s.Swap(ctx, fan("c"), released.ID, 0, bookingapi.Selection{Quantity: 3}); err != nil {
		t.Fatal(err)
	}
	if h := w.s.unverified.holds[released.ID]; h == nil || h.seats != 3 {
		t.Errorf("after a swap: %+v", h)
	}
	if _, err := w.s.Swap(ctx, fan("c"), released.ID, 0, bookingapi.Selection{Quantity: 5}); err == nil {
		t.Fatal("more than a customer may have")
	}
	if h := w.s.unverified.holds[released.ID]; h.seats != 3 {
		t.Errorf("after a refusal: %+v", h)
	}
	if _, err := w.pay(paid); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Adopt(ctx, "b", "ann", caller.EmailKey{1}); err != nil {
		t.Fatal(err)
	}
	if len(w.s.unverified.holds) != 1 || w.s.unverified.holds[adopted.ID] != nil {
		t.Errorf("%v are counted", w.s.unverified.holds)
	}
	w.cancel(released)
	if h := w.s.unverified.holds[released.ID]; h == nil || h.ended == 0 {
		t.Errorf("after the release: %+v", h)
	}
	if _, err := w.s.Hold(ctx, fan("d"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 99}}); err == nil {
		t.Fatal("99 seats")
	}
	if len(w.s.unverified.holds) != 1 {
		t.Errorf("a refused hold is counted: %v", w.s.unverified.holds)
	}
}

// A hold is not counted once its owner has verified an address, even if the limit does
// not allow paying for it yet. A hold that stays with a guest still counts: a verified
// address covers the holds of one person only.
func TestUnverifiedCountsWhatStaysWithGuests(t *testing.T) {
	w := newWorld(t)
	w.plan = hall(100)
	ev := w.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 2 })
	ctx := from(t.Context(), "192.0.2.1")
	hold := func(c caller.Caller) bookingapi.Booking {
		t.Helper()
		b, err := w.s.Hold(ctx, c, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ann := caller.Caller{UserID: "ann", Role: caller.Customer, Verified: true, Email: caller.EmailKey{1}}
	hold(ann)
	own, visitors := hold(fan("twin")), hold(fan("visitor"))
	wantType(t, w.s.Adopt(ctx, "twin", "twin", caller.EmailKey{1}), "too-many-seats")
	wantType(t, w.s.Adopt(ctx, "visitor", "ann", caller.EmailKey{1}), "too-many-seats")
	if w.s.unverified.holds[own.ID] != nil {
		t.Error("a verified person's hold is counted")
	}
	if w.s.unverified.holds[visitors.ID] == nil {
		t.Error("a guest's hold is not counted")
	}
	w.cancel(own)
	w.cancel(visitors)
	w.verify(ev)
}

// Once less than half of the seats are free, unverified people together hold at most
// half of what is not sold, however many client addresses they use. Verified people get
// the rest; holds that are paid, released or expired no longer count.
func TestUnverifiedOfManyAddresses(t *testing.T) {
	w := newWorld(t)
	w.plan = hall(100)
	ev := w.event()
	clients := 0
	grab := func() (got []bookingapi.Booking) {
		t.Helper()
		for {
			clients++
			client := fmt.Sprintf("198.51.%d.%d", clients/250, clients%250)
			b, err := w.s.Hold(from(t.Context(), client), fan(fmt.Sprint("guest", clients)), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2}})
			if err != nil {
				wantType(t, err, "many-held-unverified")
				return got
			}
			got = append(got, b)
		}
	}
	seats := func(list []bookingapi.Booking) int { return 2 * len(list) }
	got := grab()
	if n := seats(got); n < 50 || n > 52 {
		t.Fatalf("they hold %d of 100 seats", n)
	}
	for i := range 6 { // verified people buy the rest but one
		verified := caller.Caller{UserID: fmt.Sprint("fan", i), Role: caller.Customer, Verified: true}
		b, err := w.s.Hold(from(t.Context(), "198.51.0.1"), verified, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 4}})
		if err != nil {
			t.Fatalf("a verified person: %v", err)
		}
		if _, err := w.pay(b); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 { // of 76 that are not sold they have 52, and may have 38
		w.cancel(got[0])
		got = got[1:]
	}
	got = append(got, grab()...)
	if n := seats(got); n != 38 {
		t.Errorf("they hold %d of 76 seats", n)
	}
	if _, err := w.pay(got[0]); err != nil {
		t.Fatal(err)
	}
	if more := seats(grab()); more != 0 { // one has paid: 36 of 74
		t.Errorf("they get %d more", more)
	}
	w.pass(8 * minute) // all have expired, and nobody has ended them yet
	if n := seats(grab()); n < 36 || n > 52 {
		t.Errorf("later they hold %d", n)
	}
	w.verify(ev)
}

// interrupted is a store that calls begin before each batch.
type interrupted struct {
	store
	begin func() error
}

func (i interrupted) batch(ctx context.Context, fn func(storeTx) error) error {
	if err := i.begin(); err != nil {
		return err
	}
	return i.store.batch(ctx, fn)
}

// If a client disconnects before the answer, exactly what it has got is counted.
func TestUnverifiedThatHangsUp(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	wr := w.s.writers[hashOf(ev)%uint32(len(w.s.writers))]
	whole := wr.store
	// hold asks for seats and is gone when the writer begins.
	hold := func(user string, n int) {
		t.Helper()
		ctx, cancel := context.WithCancel(from(t.Context(), "192.0.2.1"))
		left := make(chan struct{})
		wr.store = interrupted{whole, func() error {
			cancel()
			<-left
			return nil
		}}
		_, err := w.s.Hold(ctx, fan(user), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: n}})
		close(left)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("the answer came first: %v", err)
		}
		w.flush(ev)
		wr.store = whole
	}
	hold("a", 3)
	hold("b", 99)
	if n := len(w.s.unverified.holds); n != 1 {
		t.Fatalf("%d holds are counted", n)
	}
	for _, h := range w.s.unverified.holds {
		if h.seats != 3 || h.until == 0 || w.s.unverified.events[ev].seats != 3 {
			t.Errorf("counted: %+v", h)
		}
	}
	// Nobody hears of an outcome that is unclear: it counts for as long as a hold.
	wr.store = interrupted{whole, func() error { return errors.New("the connection broke") }}
	if _, err := w.s.Hold(from(t.Context(), "192.0.2.1"), fan("c"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2}}); err == nil {
		t.Fatal("held")
	}
	wr.store = whole
	if n := w.s.unverified.events[ev].seats; n != 5 {
		t.Errorf("%d seats are counted", n)
	}
	w.pass(8*minute + unpaidWindow + 1)
	w.s.unverified.sweep(w.clock.Load())
	if n := len(w.s.unverified.holds); n != 0 {
		t.Errorf("%d holds are counted", n)
	}
}

// flush waits until the event's writer has finished all earlier commands.
func (w *world) flush(eventID string) {
	w.t.Helper()
	if _, err := w.s.submit(w.t.Context(), &command{do: doExpire, eventID: eventID, bookingID: eventID + "none", caller: caller.System}); !errs.Is(err, "not-found") {
		w.t.Fatal(err)
	}
}
