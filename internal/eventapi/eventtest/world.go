package eventtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
)

// World is the environment of the service under test: its clock and its booking side.
type World struct {
	*Booth
	mu    sync.Mutex
	clock time.Time
	away  bool
}

// Now is the time of the service's clock.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// SetSales hands states of sales to the booking side, unless it is away.
func (w *World) SetSales(ctx context.Context, sales map[string]bookingapi.Sale) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return errors.New("the booking side is away")
	}
	return w.Booth.SetSales(ctx, sales)
}

func (w *World) leave(away bool)      { w.mu.Lock(); defer w.mu.Unlock(); w.away = away }
func (w *World) wait(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.clock = w.clock.Add(d) }

// Callers of the suite.
var (
	organizer = caller.Caller{UserID: "organizer", Role: caller.Organizer}
	rival     = caller.Caller{UserID: "rival", Role: caller.Organizer}
	admin     = caller.Caller{UserID: "admin", Role: caller.Admin}
	fan       = caller.Caller{UserID: "fan", Role: caller.Customer}
	nobody    = caller.Caller{}
)

// test is one test of the suite.
type test struct {
	*testing.T
	s eventapi.Service
	w *World
}

// Gala is a complete event on sale.
func Gala() eventapi.NewEvent {
	at, price := "2027-03-01T20:00", int64(5000)
	return eventapi.NewEvent{
		Title: "Gala", EventTime: &at, Status: eventapi.OnSale, Category: "Music",
		Venue: eventapi.NewVenue{Name: "Old Hall", City: "Ulm", Country: "DE", TimeZone: "Europe/Berlin"},
		Plan:  eventapi.PlanChoice{Template: "theatre", Seats: 100}, Currency: "EUR", Price: &price,
	}
}

// create makes an event of the organizer.
func (t *test) create(change func(*eventapi.NewEvent)) eventapi.Event {
	t.Helper()
	n := Gala()
	if change != nil {
		change(&n)
	}
	e, err := t.s.Create(t.Context(), organizer, "", n)
	t.must(err)
	return e
}

// own is an event as it was last changed.
func (t *test) own(id string) eventapi.Event {
	t.Helper()
	e, err := t.s.OwnEvent(t.Context(), organizer, id)
	t.must(err)
	return e
}

func (t *test) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails unless err has a kind and a slug; slug "": any.
func (t *test) refused(err error, kind errs.Kind, slug string) {
	t.Helper()
	if errs.KindOf(err) != kind || slug != "" && !errs.Is(err, slug) {
		t.Errorf("refused with %v, want %s", err, slug)
	}
}

// wrong fails unless err names a field of what was sent.
func (t *test) wrong(err error, field string) {
	t.Helper()
	if e := errs.Of(err); e != nil && e.Kind == errs.Invalid {
		for _, f := range e.Fields {
			if f.Name == field {
				return
			}
		}
	}
	t.Errorf("error %v does not name %s", err, field)
}
