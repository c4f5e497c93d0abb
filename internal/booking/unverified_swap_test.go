package booking

import (
	"fmt"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
)

// What one client address holds counts as seats times time: swapping a hold to one seat,
// or giving the others back, just before its end does not change how long they were held.
func TestUnverifiedCountsSeatsUntilTheyAreGivenBack(t *testing.T) {
	for name, shrink := range map[string]func(w *world, b bookingapi.Booking, c caller.Caller) error{
		"swap": func(w *world, b bookingapi.Booking, c caller.Caller) error {
			_, err := w.s.Swap(from(t.Context(), "192.0.2.1"), c, b.ID, 0, bookingapi.Selection{Quantity: 1})
			return err
		},
		"partial release": func(w *world, b bookingapi.Booking, c caller.Caller) error {
			v := w.s.views.peek(b.EventID)
			var labels []string
			for _, n := range b.Seats[1:] {
				labels = append(labels, v.priced.plan.Seats[n].Label)
			}
			_, err := w.s.Cancel(from(t.Context(), "192.0.2.1"), c, bookingapi.Cancellation{BookingID: b.ID, Seats: labels})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.plan = hall(100)
			ev := w.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 8 })
			for i := range 8 { // verified people have 56 seats: the event is in demand
				c := caller.Caller{UserID: fmt.Sprint("v", i), Role: caller.Customer, Verified: true}
				b, err := w.s.Hold(t.Context(), c, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 7}})
				if err != nil {
					t.Fatal(err)
				}
				w.pay(b)
			}
			guests, sum := 0, 0
			type kept struct {
				b bookingapi.Booking
				c caller.Caller
			}
			grab := func() (got []kept) {
				for q := 8; q > 0; {
					guests++
					c := fan(fmt.Sprint("g", guests))
					b, err := w.s.Hold(from(t.Context(), "192.0.2.1"), c, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: q}})
					if err != nil {
						q--
						continue
					}
					got, sum = append(got, kept{b, c}), sum+q
				}
				return got
			}
			got := grab()
			if sum != 16 {
				t.Fatalf("it holds %d seats at first", sum)
			}
			sum = 0
			for range 4 {
				w.pass(8*minute - 4_000_000)
				for _, g := range got {
					if len(g.b.Seats) > 1 {
						if err := shrink(w, g.b, g.c); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := w.s.Cancel(t.Context(), g.c, bookingapi.Cancellation{BookingID: g.b.ID}); err != nil {
						t.Fatal(err)
					}
				}
				got = grab()
			}
			if sum > 4 { // what the last seconds of each round were worth
				t.Errorf("in four more rounds it held %d seats", sum)
			}
		})
	}
}

// A hold counts relative to the duration that it was given, not to the current duration
// of holds: a change of the duration does not change what earlier holds count.
func TestUnverifiedCountsByTheTimeThatEachHoldWasGiven(t *testing.T) {
	for name, times := range map[string][2]int64{"shortened": {30 * minute, 5 * minute}, "lengthened": {5 * minute, 60 * minute}, "odd": {7*minute + 1, 11 * minute}} {
		t.Run(name, func(t *testing.T) {
			c, n := newUnverified(), 0
			hold := func(seats int, now, holdFor int64) error {
				n++
				return c.reserve(&asking{at: origin{"e", "192.0.2.1"}, bookingID: fmt.Sprint(n), seats: seats, now: now, holdFor: holdFor, pressed: true, mostFrom: 16, mostOfAll: 1000})
			}
			for range 3 {
				if err := hold(1, minute, times[0]); err != nil {
					t.Fatal(err)
				}
			}
			for left := 13; left > 0; left-- {
				if err := hold(1, 2*minute, times[1]); err != nil {
					t.Fatalf("%d seats short of what it may have: %v", left, err)
				}
			}
			if err := hold(1, 2*minute, times[1]); err == nil {
				t.Error("a seat too many")
			}
		})
	}
}
