package booking

import (
	"context"
	"errors"
	"testing"

	"boxoffice/internal/bookingapi"
)

// Seats that a swap by quantity has chosen are claimed in the database, not only in
// memory: nobody else gets them after a restart or on another node.
func TestSwapByQuantityClaimsItsSeats(t *testing.T) {
	for _, sel := range []bookingapi.Selection{{Quantity: 1, Section: "B"}, {Quantity: 1, Section: "PIT"}, {Quantity: 2, Section: "A"}} {
		w := newWorld(t)
		ctx := t.Context()
		ev := w.event()
		a, err := w.s.Hold(ctx, fan("ann"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 1, Section: "A"}})
		if err != nil {
			t.Fatal(err)
		}
		if a, err = w.s.Swap(ctx, fan("ann"), a.ID, 0, sel); err != nil {
			t.Fatal(err)
		}
		other, err := New(ctx, Config{DB: w.db, Plans: w, Now: w.now, MyClock: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(other.Close)
		c := looked(command{do: doHold, eventID: ev, bookingID: ev + "bbbbbbbbbbbbbbbbbbbb", caller: fan("bob"), seats: a.Seats})
		_, err = other.submit(ctx, &c)
		wantType(t, err, "seats-taken")
		w.verify(ev)
		if a, err = w.s.Swap(ctx, fan("ann"), a.ID, 0, bookingapi.Selection{Seats: []string{"A-B-1"}}); err != nil {
			t.Fatalf("another swap: %v", err)
		}
		if _, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: a.ID}); err != nil {
			t.Fatalf("release: %v", err)
		}
		w.verify(ev)
	}
}

// A swap by quantity may choose its own seats again.
func TestSwapByQuantityKeepsItsSeats(t *testing.T) {
	w := newWorld(t)
	ev := w.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 10 })
	a := w.hold(ev, "ann", "B-A-1", "B-A-2", "B-A-3")
	b, err := w.s.Swap(t.Context(), fan("ann"), a.ID, 0, bookingapi.Selection{Quantity: 4, Section: "B"})
	if err != nil || len(b.Seats) != 4 {
		t.Fatalf("%v, %v", b.Seats, err)
	}
	w.verify(ev)
}

// Every claim is written with a condition, unless the batch has read its row and leaves
// it unchanged.
func TestClaims(t *testing.T) {
	a, b := claim{"a", 5}, claim{"b", 5}
	for _, c := range []struct {
		name                       string
		do                         func(*claims)
		freed, moved, added, reads int
		contradicts                bool
	}{
		{name: "a row that stays", do: func(c *claims) { c.read(1, a); c.move(1, "a", a) }},
		{name: "an unread claim that stays", do: func(c *claims) { c.move(1, "a", a) }, moved: 1},
		{name: "an unread free seat", do: func(c *claims) { c.move(1, "", a) }, added: 1},
		{name: "a free seat that was read", do: func(c *claims) { c.read(1, claim{}); c.move(1, "", a) }, added: 1},
		{name: "an unread claim that goes", do: func(c *claims) { c.move(1, "a", claim{}) }, freed: 1},
		{name: "an unread claim that goes and comes back", do: func(c *claims) { c.move(1, "a", claim{}); c.move(1, "", a) }, moved: 1},
		{name: "a seat that changes hands", do: func(c *claims) { c.read(1, a); c.move(1, "a", claim{}); c.move(1, "", b) }, moved: 1},
		{name: "an unread free seat, taken and given up", do: func(c *claims) { c.move(1, "", a); c.move(1, "a", claim{}) }, reads: 1},
		{name: "a read free seat, taken and given up", do: func(c *claims) { c.read(1, claim{}); c.move(1, "", a); c.move(1, "a", claim{}) }},
		{name: "freed by another", do: func(c *claims) { c.read(1, a); c.move(1, "b", claim{}) }, contradicts: true, freed: 1},
		{name: "taken from another", do: func(c *claims) { c.read(1, a); c.move(1, "", b) }, contradicts: true, moved: 1},
		{name: "kept by a booking that does not have it", do: func(c *claims) { c.read(1, claim{}); c.move(1, "a", a) }, contradicts: true, added: 1},
		{name: "a second look", do: func(c *claims) { c.move(1, "", a); c.read(1, b) }, added: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			cs := claims{m: map[int32]touched{}}
			c.do(&cs)
			n := cs.writes()
			if len(n.freed) != c.freed || len(n.moved) != c.moved || len(n.added) != c.added || len(cs.unproven()) != c.reads || (cs.err != nil) != c.contradicts {
				t.Errorf("writes %+v, reads %v, error %v", n, cs.unproven(), cs.err)
			}
			if c.contradicts && !errors.Is(cs.err, errGuard) {
				t.Errorf("error %v is no guard's", cs.err)
			}
		})
	}
}

// Seats that were assumed free, then taken and freed again in one batch are read: the
// ledger must not say that somebody else's seat was held.
func TestSeatsTakenAndGivenUpAreRead(t *testing.T) {
	for _, taken := range []bool{false, true} {
		w := newWorld(t)
		ctx := context.Background()
		ev := w.event()
		if _, err := bookingapi.One(ctx, w.s.Counts, "event", ev); err != nil {
			t.Fatal(err)
		}
		if taken {
			w.hold(ev, "ann", "A-A-1")
			w.s.views.peek(ev).put(0, claim{}) // what the node remembers is wrong
		}
		bookingID := ev + "bbbbbbbbbbbbbbbbbbbb"
		hold := &item{Value: &job{cmd: looked(command{do: doHold, eventID: ev, bookingID: bookingID, caller: fan("bob"), seats: []int32{0}})}}
		release := &item{Value: &job{cmd: looked(command{do: doCancel, eventID: ev, bookingID: bookingID, caller: fan("bob")})}}
		answers, err := w.s.writers[0].settle(ctx, &load{items: []*item{hold, release}})
		if err != nil {
			t.Fatal(err)
		}
		if taken {
			wantType(t, answers[0].err, "seats-taken")
		} else if answers[0].err != nil || answers[1].err != nil {
			t.Errorf("answers %v, %v", answers[0].err, answers[1].err)
		}
		w.verify(ev)
	}
}
