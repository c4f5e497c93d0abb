package event

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/booking/intake"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/eventapi/eventtest"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

// booth is a booking side that can fail in several ways.
type booth struct {
	*eventtest.Booth
	mu     sync.Mutex
	broken error           // what SetSales answers
	before func()          // runs at the beginning of SetSales
	after  func()          // runs when it has taken the states
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
	known := b.All()
	for id, s := range sales {
		if b.deaf[id] {
			return errors.New("this one not")
		}
		if s.EventVersion == b.rotten {
			return errors.New("not this version")
		}
		was, sells := known[id]
		if b.plans && sells && s.EventVersion > was.EventVersion && s.Status != eventapi.Cancelled && s.PlanID != was.PlanID {
			return errs.New(errs.Conflict, "plan-in-use", "People have seats.")
		}
		if err := b.Booth.SetSales(ctx, map[string]bookingapi.Sale{id: s}); err != nil {
			return err
		}
	}
	if b.after != nil {
		b.after()
	}
	return nil
}

func (b *booth) Sales(ctx context.Context, eventIDs []string) (map[string]bookingapi.Sale, error) {
	if b.panics {
		panic("no sale")
	}
	return b.Booth.Sales(ctx, eventIDs)
}

// world is an event service with a database and a clock of its own.
type world struct {
	*Service
	booth *booth
	db    *sqldb.DB
	bus   *bus.Bus
	clock time.Time
	heard map[string][]bus.Message // what others are told, by event
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
	w := &world{db: db, clock: time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC), booth: &booth{Booth: eventtest.NewBooth()}}
	w.heard = map[string][]bus.Message{}
	w.Service, w.bus = newService(t, db, w.booth, func() time.Time { return w.clock }, bus.Consumer{
		Name: "others", Topics: []string{eventapi.Topic}, Taken: bus.NewTaken(db, "others_taken"),
		Consume: func(_ context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
			return func(context.Context, *sql.Tx) error {
				for _, m := range list {
					if m.Type == eventapi.TypeSettled {
						w.heard[m.Key] = append(w.heard[m.Key], m)
					}
				}
				return nil
			}, nil
		},
	})
	return w
}

// newService is the service with a bus to a booking side.
func newService(t testing.TB, db *sqldb.DB, sales interface {
	Sales
	intake.Sales
}, now func() time.Time, others ...bus.Consumer) (*Service, *bus.Bus) {
	t.Helper()
	if err := booking.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`CREATE TABLE others_taken (topic TEXT, key TEXT, id TEXT, at BIGINT, dead BOOLEAN, PRIMARY KEY (topic, key, id))`)
		if err == nil {
			_, err = tx.Exec(`CREATE TABLE user_messages (key TEXT, id TEXT, type TEXT, at BIGINT, body TEXT, PRIMARY KEY (key, id))`)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var b *bus.Bus
	log := slog.New(slog.DiscardHandler)
	s, err := New(t.Context(), Config{
		DB: db, Sales: sales, Now: now, Log: log,
		Deliver: func(ctx context.Context, eventID string) error { return b.ConsumeNow(ctx, eventID, intake.Name, Name) },
	})
	if err != nil {
		t.Fatal(err)
	}
	in := intake.New(db, sales, nil, now)
	b, err = bus.New(t.Context(), bus.Config{
		DB: db, Outboxes: []bus.Outbox{s.Outbox(), in.Outbox(), bus.NewTable(db, userapi.Topic, "user_messages")}, Consumers: append([]bus.Consumer{in.Consumer(), s.Consumer()}, others...), Now: now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// gala is a complete event on sale, without a category.
func gala() eventapi.NewEvent {
	e := eventtest.Gala()
	e.EventTime, e.Category = ptr("2027-03-01T20:00:00+01:00"), ""
	return e
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
