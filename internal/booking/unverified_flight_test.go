package booking

import (
	"errors"
	"testing"

	"boxoffice/internal/batch"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
)

// Several requests for one booking may be in flight at once. Meanwhile the maximum that
// it may get counts, and in the end what it has, whatever was refused.
func TestUnverifiedCountsRequestsInFlight(t *testing.T) {
	const ends = 9 * minute
	var (
		now     int64
		c       *unverified
		refused = errors.New("refused")
	)
	ask := func(n int) func() {
		return func() {
			a := asking{at: origin{"e", "192.0.2.1"}, bookingID: "b", seats: n, now: now, holdFor: 8 * minute, mostFrom: 1000, mostOfAll: 1000}
			if err := c.reserve(&a); err != nil {
				t.Error(err)
			}
		}
	}
	hear := func(kind ledger.Kind, seq int64, n int) func() {
		return func() {
			c.hear([]ledger.Entry{{BookingID: "b", Seq: seq, Kind: kind, Seats: make([]int32, n), Until: ends, At: now}})
		}
	}
	decided := func(status bookingapi.Status, seq int64, n int) func() {
		return func() {
			c.decided("b", bookingapi.Booking{Seq: seq, Status: status, Seats: make([]int32, n), ExpiresAt: ends}, nil, now)
		}
	}
	fails := func(err error) func() { return func() { c.decided("b", bookingapi.Booking{}, err, now) } }
	type step struct {
		do   func()
		want int // seats that count afterwards
	}
	held := []step{{ask(1), 1}, {hear(ledger.Held, 1, 1), 1}, {decided(bookingapi.Pending, 1, 1), 1}}
	for name, steps := range map[string][]step{
		"two swaps are refused": append(held[:3:3],
			step{ask(3), 3}, step{ask(8), 8}, step{fails(refused), 8}, step{fails(refused), 1}),
		"the larger of two swaps succeeds": append(held[:3:3],
			step{ask(2), 2}, step{ask(8), 8}, step{hear(ledger.Swapped, 2, 8), 8}, step{decided(bookingapi.Pending, 2, 8), 8}, step{fails(refused), 8}),
		"the smaller of two swaps succeeds": append(held[:3:3],
			step{ask(8), 8}, step{ask(2), 8}, step{fails(refused), 8}, step{hear(ledger.Swapped, 2, 2), 8}, step{decided(bookingapi.Pending, 2, 2), 2}),
		"a swap is heard of after a later one": append(held[:3:3],
			step{ask(8), 8}, step{hear(ledger.Swapped, 2, 8), 8}, step{hear(ledger.Swapped, 3, 2), 8}, step{decided(bookingapi.Pending, 2, 8), 2}),
		"the second of two equal holds finds the queue full": {
			{ask(8), 8}, {ask(8), 8}, {fails(batch.Full{}), 8}, {hear(ledger.Held, 1, 8), 8}, {decided(bookingapi.Pending, 1, 8), 8}},
		"two equal holds": {
			{ask(8), 8}, {ask(8), 8}, {hear(ledger.Held, 1, 8), 8}, {decided(bookingapi.Pending, 1, 8), 8}, {decided(bookingapi.Pending, 1, 8), 8}},
		"two equal holds are refused": {
			{ask(8), 8}, {ask(8), 8}, {fails(refused), 8}, {fails(refused), 0}},
		"paid while a swap is in flight": append(held[:3:3],
			step{ask(8), 8}, step{hear(ledger.Booked, 2, 1), 8}, step{fails(refused), 0}),
		"released while a swap is in flight": append(held[:3:3],
			step{ask(8), 8}, step{hear(ledger.Released, 2, 1), 0}, step{fails(refused), 0}),
	} {
		t.Run(name, func(t *testing.T) {
			c, now = newUnverified(), minute
			for i, s := range steps {
				now++
				s.do()
				n := 0
				if e := c.events["e"]; e != nil {
					n = e.seats
				}
				if n != s.want {
					t.Fatalf("%d seats count after step %d, not %d", n, i+1, s.want)
				}
			}
			c.sweep(ends + unpaidWindow + 1)
			if len(c.holds) != 0 || len(c.events) != 0 || len(c.from) != 0 {
				t.Errorf("remembered: %v", c.holds)
			}
		})
	}
}
