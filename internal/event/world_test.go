package event

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// booth stands in for the booking side: it keeps the newest state of each sale.
type booth struct {
	mu     sync.Mutex
	sales  map[string]bookingapi.Sale
	taken  map[string]int32
	broken error           // what SetSales answers
	before func()          // runs at the beginning of SetSales
	refuse error           // what it answers once
	plans  bool            // whether it refuses other plans
	deaf   map[string]bool // events whose states it never takes
	rotten int64           // version of every event that it fails to take
	panics bool            // whether it panics when it is asked for a sale
	calls  int
}

func (b *booth) SetSales(ctx context.Context, sales map[string]bookingapi.Sale) error {
	if b.before != nil {
		b.before()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.broken != nil {
		return b.broken
	}
	if err := b.refuse; err != nil {
		b.refuse = nil
		return err
	}
	for id, s := range sales {
		if b.deaf[id] {
			return errors.New("this one not")
		}
		if s.EventVersion == b.rotten {
			return errors.New("not this version")
		}
		was, known := b.sales[id]
		if b.plans && known && s.EventVersion > was.EventVersion && s.Status != eventapi.Cancelled && s.PlanID != was.PlanID {
			return errs.New(errs.Conflict, "plan-in-use", "People have seats.")
		}
		if s.EventVersion > b.sales[id].EventVersion {
			b.sales[id] = s
		}
	}
	return nil
}

func (b *booth) Counts(_ context.Context, eventIDs []string) (map[string]bookingapi.Counts, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]bookingapi.Counts{}
	for _, id := range eventIDs {
		if s, ok := b.sales[id]; ok {
			out[id] = bookingapi.Counts{Free: s.Seats - b.taken[id], Sold: b.taken[id]}
		}
	}
	return out, nil
}

func (b *booth) Sales(_ context.Context, eventIDs []string) (map[string]bookingapi.Sale, error) {
	if b.panics {
		panic("no sale")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]bookingapi.Sale{}
	for _, id := range eventIDs {
		if s, ok := b.sales[id]; ok {
			out[id] = s
		}
	}
	return out, nil
}

func (b *booth) all() map[string]bookingapi.Sale {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.sales)
}

// world is an Event Service on a database of its own, at a time of its own.
type world struct {
	*Service
	booth *booth
	db    *sqldb.DB
	clock time.Time
}

var (
	organizer = caller.Caller{UserID: "org", Role: caller.Organizer}
	rival     = caller.Caller{UserID: "rival", Role: caller.Organizer}
	admin     = caller.Caller{UserID: "boss", Role: caller.Admin}
	fan       = caller.Caller{UserID: "fan", Role: caller.Customer}
	nobody    = caller.Caller{}
)

func newWorld(t testing.TB) *world {
	t.Helper()
	db := sqldbtest.Open(t)
	t.Cleanup(func() { _ = db.Close() })
	w := &world{db: db, clock: time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC), booth: &booth{sales: map[string]bookingapi.Sale{}, taken: map[string]int32{}}}
	var err error
	w.Service, err = New(t.Context(), Config{DB: db, Sales: w.booth, Now: func() time.Time { return w.clock }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// gala is a complete event on sale.
func gala() eventapi.NewEvent {
	return eventapi.NewEvent{
		Title: "Gala", EventTime: ptr("2027-03-01T20:00:00+01:00"), Status: eventapi.OnSale,
		Venue: eventapi.NewVenue{Name: "Old Hall", City: "Ulm", Country: "DE", TimeZone: "Europe/Berlin"},
		Plan:  eventapi.PlanChoice{Template: "theatre", Seats: 100}, Currency: "EUR", Price: ptr(int64(5000)),
	}
}

func ptr[T any](v T) *T { return &v }

func (w *world) create(t testing.TB, change func(*eventapi.NewEvent)) stored {
	t.Helper()
	in := gala()
	if change != nil {
		change(&in)
	}
	e, err := w.add(t.Context(), organizer, "", in)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wantField fails unless err names the field.
func wantField(t testing.TB, err error, field string) {
	t.Helper()
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.Invalid {
		t.Fatalf("error is %v, want one about %s", err, field)
	}
	for _, f := range e.Fields {
		if f.Name == field {
			return
		}
	}
	t.Fatalf("error is %v, want it to name %s", err, field)
}

func wantKind(t testing.TB, err error, kind errs.Kind) {
	t.Helper()
	if err == nil || errs.KindOf(err) != kind {
		t.Fatalf("error is %v (kind %d), want kind %d", err, errs.KindOf(err), kind)
	}
}

// history lists the recorded changes of an event.
func (w *world) history(ctx context.Context, eventID string) ([]eventapi.Change, error) {
	all, err := w.Changes(ctx, []string{eventID})
	return all[eventID], err
}
