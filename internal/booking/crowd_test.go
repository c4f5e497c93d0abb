package booking

import (
	"context"
	"fmt"
	"testing"

	"boxoffice/internal/message"
)

func from(ctx context.Context, client string) context.Context {
	return context.WithValue(ctx, message.ClientKey{}, client)
}

// A script without a verified address does not get the better half of an event from
// one client address, however many accounts it makes and whether it releases in
// time; verified people and other addresses are not limited by it.
func TestCrowdOfUnverified(t *testing.T) {
	w := newWorld(t)
	w.plan = hall(100)
	ev := w.event(func(s *message.Sale) { s.LimitPerCustomer = 8 })
	guests := 0
	grab := func(client string) (got []message.Booking, refused error) {
		t.Helper()
		for {
			guests++
			b, err := w.s.Hold(from(t.Context(), client), fan(fmt.Sprint("guest", guests)), "", Wish{EventID: ev, Quantity: 2})
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
	verified := message.Caller{UserID: "ann", Role: message.Customer, Verified: true}
	if _, err := w.s.Hold(from(t.Context(), "2001:db8::1"), verified, "", Wish{EventID: ev, Quantity: 8}); err != nil {
		t.Errorf("a verified person of that network: %v", err)
	}
	if _, err := w.s.Hold(from(t.Context(), "192.0.2.1"), fan("bob"), "", Wish{EventID: ev, Quantity: 2}); err != nil {
		t.Errorf("another address: %v", err)
	}
	w.pass(40 * minute)
	w.s.crowd.sweep(w.clock.Load())
	if len(w.s.crowd.holds) != 0 || len(w.s.crowd.from) != 0 || w.s.crowd.some.Load() {
		t.Errorf("%d holds are remembered", len(w.s.crowd.holds))
	}
	w.verify(ev)
}

// What is paid, refused, or turns out to be a verified person's is not counted.
func TestCrowdForgets(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	ctx := from(t.Context(), "192.0.2.1")
	hold := func(user string) message.Booking {
		b, err := w.s.Hold(ctx, fan(user), "", Wish{EventID: ev, Quantity: 1})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	paid, adopted, released := hold("a"), hold("b"), hold("c")
	if _, err := w.s.Swap(ctx, fan("c"), released.ID, 0, Wish{Quantity: 3}); err != nil {
		t.Fatal(err)
	}
	if h := w.s.crowd.holds[released.ID]; h == nil || h.seats != 3 {
		t.Errorf("after a swap: %+v", h)
	}
	if _, err := w.s.Swap(ctx, fan("c"), released.ID, 0, Wish{Quantity: 5}); err == nil {
		t.Fatal("more than a customer may have")
	}
	if h := w.s.crowd.holds[released.ID]; h.seats != 3 {
		t.Errorf("after a refusal: %+v", h)
	}
	if _, err := w.pay(paid); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Adopt(ctx, "b", "ann", message.EmailKey{1}); err != nil {
		t.Fatal(err)
	}
	if len(w.s.crowd.holds) != 1 || w.s.crowd.holds[adopted.ID] != nil {
		t.Errorf("%v are counted", w.s.crowd.holds)
	}
	w.cancel(released)
	if h := w.s.crowd.holds[released.ID]; h == nil || h.ended == 0 {
		t.Errorf("after the release: %+v", h)
	}
	if _, err := w.s.Hold(ctx, fan("d"), "", Wish{EventID: ev, Quantity: 99}); err == nil {
		t.Fatal("99 seats")
	}
	if len(w.s.crowd.holds) != 1 {
		t.Errorf("a refused hold is counted: %v", w.s.crowd.holds)
	}
}
