package invoice

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// world is what the service needs of others.
type world struct {
	*Service
	db *sqldb.DB

	mu       sync.Mutex
	now      time.Time
	bookings map[string]bookingapi.Booking
	payments map[string]paymentapi.Payment
	events   map[string]eventapi.Event
	prices   map[string]seating.Prices
	fails    error // of reading payments
	journal  []paymentapi.Posting
	open     map[string]int64 // still to be refunded, by currency
	unmade   map[string][]paymentapi.Unmade
}

var (
	hall  = caller.Caller{UserID: "hall", Role: caller.Organizer}
	rival = caller.Caller{UserID: "rival", Role: caller.Organizer}
	admin = caller.Caller{UserID: "admin", Role: caller.Admin}
	fan   = caller.Caller{UserID: "fan", Role: caller.Customer}
)

var theatre = invoiceapi.Seller{
	Party:   invoiceapi.Party{Name: " Stadttheater Neustadt gGmbH ", Street: "Theaterplatz 1", PostalCode: "10115", City: "Berlin", Country: "de", VATNumber: "de 136 695 976"},
	TaxRate: 700, Zone: "Europe/Berlin", Prefix: "th",
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		db: sqldbtest.Open(t), now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
		bookings: map[string]bookingapi.Booking{}, payments: map[string]paymentapi.Payment{}, events: map[string]eventapi.Event{}, prices: map[string]seating.Prices{},
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.event("gala", "hall", nil, seating.Tier{Name: "Stalls", Price: 5000, Fees: 500})
	w.Service = w.node(t)
	return w
}

// node is another node on the same database.
func (w *world) node(t *testing.T) *Service {
	t.Helper()
	s, err := New(t.Context(), Config{DB: w.db, Now: w.clock, Bookings: w, Events: w, Payments: w, People: w})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// event makes an event; its id has the length of one.
func (w *world) event(name, organizer string, rules *seating.FeeRules, tiers ...seating.Tier) string {
	eventID := id.FromSource("event", name)
	w.events[eventID] = eventapi.Event{ID: eventID, OrganizerID: organizer, Title: name, Zone: "Europe/Berlin", Starts: time.Date(2026, 12, 12, 18, 30, 0, 0, time.UTC), Venue: eventapi.Venue{Name: "Old Hall", City: "Berlin"}}
	w.prices[eventID] = seating.Prices{EventID: eventID, Version: 1, Currency: "EUR", Tiers: tiers, Rules: rules}
	return eventID
}

// sell sells seats of an event's first tier and has them paid.
func (w *world) sell(event string, number, seats int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	eventID := id.FromSource("event", event)
	bookingID := id.Booking(eventID, "fan", fmt.Sprint(number))
	tier := w.prices[eventID].Tiers[0]
	b := bookingapi.Booking{ID: bookingID, EventID: eventID, UserID: "fan", OrganizerID: w.events[eventID].OrganizerID, Status: bookingapi.Booked, Currency: "EUR", PriceVersion: 1, Amount: tier.Price * int64(seats)}
	for i := range seats {
		b.Seats = append(b.Seats, int32(i))
	}
	w.bookings[bookingID] = b
	w.payments[bookingID] = paymentapi.Payment{
		ID: bookingID + "-1", BookingID: bookingID, Amount: b.Amount, Currency: "EUR", Status: paymentapi.Captured, CreatedAt: w.now,
		Fees: tier.Fees * int64(seats), Tax: tier.Tax * int64(seats),
		History: []paymentapi.Step{{Status: paymentapi.Authorized, At: w.now}, {Status: paymentapi.Captured, At: w.now}},
	}
	return bookingID
}

// giveBack gives some of a booking's money back, and its last seats.
func (w *world) giveBack(bookingID string, amount int64, seats int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, b := w.payments[bookingID], w.bookings[bookingID]
	p.Refunded += amount
	step := paymentapi.Step{Status: paymentapi.PartlyRefunded, At: w.now, Amount: amount}
	if p.Refunded == p.Amount {
		p.Status, step.Status = paymentapi.Refunded, paymentapi.Refunded
	}
	p.History = append(p.History[:len(p.History):len(p.History)], step)
	b.Seats = b.Seats[:len(b.Seats)-seats]
	w.payments[bookingID], w.bookings[bookingID] = p, b
}

// set changes a payment.
func (w *world) set(bookingID string, change func(*paymentapi.Payment)) {
	p := w.payments[bookingID]
	change(&p)
	w.payments[bookingID] = p
}

func (w *world) Bookings(_ context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	return some(w, w.bookings, ids), nil
}

func (w *world) Events(_ context.Context, ids []string) (map[string]eventapi.Event, error) {
	return some(w, w.events, ids), nil
}

func (w *world) Latest(_ context.Context, ids []string) (map[string]paymentapi.Payment, error) {
	return some(w, w.payments, ids), w.fails
}

func (w *world) Unmade(_ context.Context, ids []string) (map[string][]paymentapi.Unmade, error) {
	return some(w, w.unmade, ids), nil
}

func some[T any](w *world, from map[string]T, ids []string) map[string]T {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]T{}
	for _, id := range ids {
		if v, ok := from[id]; ok {
			out[id] = v
		}
	}
	return out
}

func (w *world) Prices(_ context.Context, eventID string, _ int64) (*seating.Prices, error) {
	p := w.prices[eventID]
	return &p, nil
}

func (w *world) Orders(_ context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error) {
	var out []bookingapi.Order
	for _, b := range list {
		o := bookingapi.Order{Booking: b, Kind: bookingapi.Sold}
		for i, s := range b.Seats {
			o.Places = append(o.Places, bookingapi.Place{Seat: s, Section: "Stalls", Row: "A", Number: fmt.Sprint(i + 1), Tier: w.prices[b.EventID].Tiers[0]})
		}
		out = append(out, o)
	}
	return out, nil
}

func (w *world) Readable(_ context.Context, c caller.Caller, bookingID, token string) (bookingapi.Booking, error) {
	b, ok := w.bookings[bookingID]
	switch {
	case token == "good":
	case !c.SignedIn():
		return b, errs.New(errs.Unauthenticated, "sign-in-required", "no")
	case !ok || !c.MayRead(b.UserID) && !c.MayOrganize(b.OrganizerID):
		return b, errs.Missing("booking")
	}
	return b, nil
}

func (w *world) People(_ context.Context, ids []string) (map[string]caller.Person, error) {
	out := map[string]caller.Person{}
	for _, id := range ids {
		if id != "nobody" {
			out[id] = caller.Person{Name: "Name of " + id}
		}
	}
	return out, nil
}

// introduce stores the details of the hall.
func (w *world) introduce(t *testing.T) {
	t.Helper()
	if _, err := w.SetSeller(t.Context(), hall, "hall", 0, theatre); err != nil {
		t.Fatal(err)
	}
}

// documents reads those of a booking.
func (w *world) documents(t *testing.T, bookingID string) []invoiceapi.Document {
	t.Helper()
	list, err := w.OfBooking(t.Context(), fan, bookingID, "")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (w *world) OwnEvent(_ context.Context, c caller.Caller, id string) (eventapi.Event, error) {
	e, ok := w.events[id]
	switch {
	case !c.SignedIn():
		return e, errs.New(errs.Unauthenticated, "sign-in-required", "no")
	case !c.Organizes():
		return e, errs.New(errs.Forbidden, "organizers-only", "no")
	case !ok || !c.MayOrganize(e.OrganizerID):
		return e, errs.Missing("event")
	}
	return e, nil
}

func (w *world) Owed(context.Context, string) (map[string]int64, error) { return w.open, nil }

func (w *world) Postings(_ context.Context, eventID string, _, _ time.Time) iter.Seq2[paymentapi.Posting, error] {
	return func(yield func(paymentapi.Posting, error) bool) {
		for _, p := range w.journal {
			if p.EventID == eventID && !yield(p, nil) {
				return
			}
		}
		if w.fails != nil {
			yield(paymentapi.Posting{}, w.fails)
		}
	}
}
