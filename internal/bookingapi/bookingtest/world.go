// Package bookingtest is the suite that every implementation of bookingapi.Service
// passes: the service in process, on both databases, and a client of a remote service.
package bookingtest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
)

// World is what surrounds the service under test: the plans and prices of its events,
// and the clock by which it decides.
type World struct {
	clock  atomic.Int64 // µs since 1970
	events atomic.Int64
	plan   *seating.Plan
}

// NewService makes the service under test. It takes the time from w.Now, plans and
// prices from w, and is closed at the end of the test.
type NewService func(t *testing.T, w *World) bookingapi.Service

// Now is the time, which stands still unless the suite moves it.
func (w *World) Now() time.Time { return time.UnixMicro(w.clock.Load()) }

// Plan is the only seating plan: row A of section STALLS with six seats, and a
// general-admission section PIT with four places.
func (w *World) Plan(context.Context, string, int64) (*seating.Plan, error) { return w.plan, nil }

// Prices are 10.00 in the stalls and 5.00 in the pit; a tenth of that is fees.
func (w *World) Prices(_ context.Context, eventID string, version int64) (*seating.Prices, error) {
	return &seating.Prices{EventID: eventID, Version: version, Currency: "EUR", Tiers: []seating.Tier{
		{ID: "t1", Name: "Stalls", Price: 1000, Fees: 100, Sections: []string{"STALLS"}},
		{ID: "t2", Name: "Pit", Price: 500, Fees: 50, Sections: []string{"PIT"}},
	}}, nil
}

const (
	minute    = int64(60_000_000) // µs
	organizer = "organizer0000000"
)

func newWorld() *World {
	p := &seating.Plan{ID: "plan", Version: 1, Categories: []seating.Category{{Name: "all"}}}
	for i := range 10 {
		seat := seating.Seat{Label: fmt.Sprintf("STALLS-A-%d", i+1), Number: fmt.Sprint(i + 1)}
		if i >= 6 {
			seat.Label = fmt.Sprintf("PIT-%d", i-5)
		}
		p.Seats = append(p.Seats, seat)
	}
	p.Sections = []seating.Section{
		{ID: "STALLS", Name: "Stalls", Count: 6, Rows: []seating.Row{{Label: "A", Count: 6}}},
		{ID: "PIT", Name: "Pit", First: 6, Count: 4, GeneralAdmission: true},
	}
	p.Index()
	w := &World{plan: p}
	w.clock.Store(1_800_000_000_000_000)
	return w
}

// test is one case of the suite, with a service of its own.
type test struct {
	*testing.T
	w *World
	s bookingapi.Service
}

func fan(name string) caller.Caller { return caller.Caller{UserID: name, Role: caller.Customer} }

func boss() caller.Caller { return caller.Caller{UserID: organizer, Role: caller.Organizer} }

// sale is the state of an event that is on sale.
func sale() bookingapi.Sale {
	return bookingapi.Sale{
		Status: eventapi.OnSale, PlanID: "plan", PlanVersion: 1, PriceVersion: 1, Currency: "EUR", Seats: 10,
		LimitPerCustomer: 4, HoldFor: 8 * minute, OrganizerID: organizer, EventVersion: 1,
	}
}

// event puts a new event on sale; change may alter its sale first.
func (t *test) event(change ...func(*bookingapi.Sale)) string {
	t.Helper()
	eventID := id.FromSource("bookingtest", fmt.Sprint(t.w.events.Add(1)))
	s := sale()
	for _, c := range change {
		c(&s)
	}
	t.must(t.s.SetSales(t.Context(), map[string]bookingapi.Sale{eventID: s}))
	return eventID
}

func seats(eventID string, labels ...string) bookingapi.HoldRequest {
	return bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Seats: labels}}
}

// hold holds seats; the test fails if it is refused.
func (t *test) hold(eventID, user string, labels ...string) bookingapi.Booking {
	t.Helper()
	b, err := t.s.Hold(t.Context(), fan(user), "", seats(eventID, labels...))
	t.must(err)
	return b
}

// pay confirms a booking with a payment of its amount.
func (t *test) pay(b bookingapi.Booking) bookingapi.Booking {
	t.Helper()
	b, err := t.s.Confirm(t.Context(), bookingapi.Confirm{BookingID: b.ID, PaymentID: b.ID + "-1", Amount: b.Amount, Currency: b.Currency, StartedAt: t.w.clock.Load()})
	t.must(err)
	return b
}

func (t *test) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that an error has a kind and a slug.
func (t *test) refused(err error, kind errs.Kind, slug string) {
	t.Helper()
	if errs.KindOf(err) != kind || !errs.Is(err, slug) {
		t.Errorf("the error is %v (kind %v), not %s", err, errs.KindOf(err), slug)
	}
}

// now reads a booking.
func (t *test) now(id string) bookingapi.Booking {
	t.Helper()
	b, err := bookingapi.One(t.Context(), t.s.Bookings, "booking", id)
	t.must(err)
	return b
}
