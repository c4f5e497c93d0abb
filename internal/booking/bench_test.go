package booking

import (
	"context"
	"fmt"
	"testing"

	"boxoffice/internal/id"
	"boxoffice/internal/seating"
)

// BenchmarkPurchase is hold and confirm of two seats, through the writer's
// transactions but without HTTP, in batches of several sizes.
func BenchmarkPurchase(b *testing.B) {
	for _, size := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			w := newWorld(b)
			w.plan = hall(200_000)
			wr := w.s.writers[0]
			ctx := context.Background()
			ev, next := "", int32(0)
			b.ReportAllocs()
			for done := 0; done < b.N; done += size {
				if ev == "" || int(next)+2*size > len(w.plan.Seats) {
					ev, next = w.event(), 0
				}
				holds := make([]*item, size)
				pays := make([]*item, size)
				for i := range size {
					user := fmt.Sprintf("user%07d", done+i)
					bid := id.Booking(ev, user, "k")
					holds[i] = &item{Value: &job{cmd: looked(command{do: doHold, eventID: ev, bookingID: bid, caller: fan(user), seats: []int32{next, next + 1}, fingerprint: make([]byte, 16)})}}
					pays[i] = &item{Value: &job{cmd: looked(command{do: doConfirm, eventID: ev, bookingID: bid, payment: bid + "-1", amount: 2000, currency: "EUR"})}}
					next += 2
				}
				for _, items := range [][]*item{holds, pays} {
					answers, err := wr.settle(ctx, &load{items: items})
					if err != nil {
						b.Fatal(err)
					}
					for _, a := range answers {
						if a.err != nil {
							b.Fatal(a.err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "purchases/s")
		})
	}
}

// hall is one section of n seats in rows of fifty.
func hall(n int) *seating.Plan {
	p := &seating.Plan{ID: "plan", Version: 1, Categories: []seating.Category{{Name: "stalls"}}}
	s := seating.Section{ID: "H", Name: "Hall", Count: int32(n)}
	for i := range n {
		if i%50 == 0 {
			s.Rows = append(s.Rows, seating.Row{Label: fmt.Sprint(i / 50), First: int32(i), Count: 50})
		}
		p.Seats = append(p.Seats, seating.Seat{Label: fmt.Sprintf("H-%d-%d", i/50, i%50), Number: fmt.Sprint(i % 50)})
	}
	p.Sections = []seating.Section{s}
	p.Index()
	return p
}

// BenchmarkChoose chooses two adjacent seats in an arena that fills up.
func BenchmarkChoose(b *testing.B) {
	w := newWorld(b)
	w.plan = hall(20_000)
	prices, _ := w.Prices(context.Background(), "e", 1)
	s := newState("e")
	s.plan, s.taken, s.sale.PriceVersion = w.plan, newBitset(20_000), 1
	s.prices[saleKey(s.eventID, &s.sale)] = &priced{Prices: prices, plan: w.plan, tierOf: prices.Assign(w.plan)}
	for range b.N {
		got := s.choose(s.today(), 2, -1, -1, nil)
		if got == nil {
			clear(s.taken)
			continue
		}
		s.taken.set(got[0])
		s.taken.set(got[1])
	}
}
