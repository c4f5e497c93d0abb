package webhook

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
	"boxoffice/internal/webhookapi"
)

// moody are neighbours that may fail, and beside which something else may happen.
type moody struct {
	*neighbours
	before func(call string) error // may be nil
}

func (m *moody) call(what string) error {
	if m.before == nil {
		return nil
	}
	return m.before(what)
}

func (m *moody) Heads(ctx context.Context, ids []string) (map[string]int64, error) {
	if err := m.call("heads"); err != nil {
		return nil, err
	}
	return m.neighbours.Heads(ctx, ids)
}

func (m *moody) Entries(ctx context.Context, eventID string, after int64, limit int) ([]ledger.Entry, error) {
	if err := m.call("entries"); err != nil {
		return nil, err
	}
	return m.neighbours.Entries(ctx, eventID, after, limit)
}

func (m *moody) Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	if err := m.call("bookings"); err != nil {
		return nil, err
	}
	return m.neighbours.Bookings(ctx, ids)
}

func (m *moody) Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error) {
	if err := m.call("events"); err != nil {
		return nil, err
	}
	return m.neighbours.Events(ctx, ids)
}

func (m *moody) Latest(ctx context.Context, ids []string) (map[string]paymentapi.Payment, error) {
	if err := m.call("payments"); err != nil {
		return nil, err
	}
	return m.neighbours.Latest(ctx, ids)
}

func (m *moody) RefundsOf(ctx context.Context, eventID string, seqs []int64) (map[int64]paymentapi.Refund, error) {
	if err := m.call("refunds"); err != nil {
		return nil, err
	}
	return m.neighbours.RefundsOf(ctx, eventID, seqs)
}

func (m *moody) Account(ctx context.Context, c caller.Caller, userID string) (userapi.Account, error) {
	if err := m.call("account"); err != nil {
		return userapi.Account{}, err
	}
	return m.neighbours.Account(ctx, c, userID)
}

// around makes a service's neighbours moody.
func around(m *moody) func(*Config) {
	return func(c *Config) { c.Bookings, c.Events, c.Payments, c.Accounts = m, m, m, m }
}

// messagesTo are the ids of the messages for an endpoint.
func (w *world) messagesTo(id string) map[string]bool {
	w.t.Helper()
	rows, err := w.store.db.Reader().QueryContext(w.t.Context(), `SELECT message_id FROM webhook_deliveries WHERE endpoint_id = $1`, id)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			w.t.Fatal(err)
		}
		out[id] = true
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// openDB opens a database, and closes it at the end of the test.
func openDB(t *testing.T) *sqldb.DB {
	db := sqldbtest.Open(t)
	t.Cleanup(func() { db.Close() })
	return db
}

var errMood = errors.New("not today")

// A node that takes over while something fails makes up for it, and what happened right
// after an endpoint was created is told by whoever comes next.
func TestFirstRoundFails(t *testing.T) {
	for _, call := range []string{"heads", "events", "entries", "bookings"} {
		for nth := range 2 {
			t.Run(fmt.Sprint(call, nth), func(t *testing.T) {
				db, n := openDB(t), newNeighbours()
				w := newWorldOn(t, db, n)
				w.creates(ann, "https://first.example/")
				mustRefresh(w)
				n.sells(event1, 1)
				mustRound(w)
				hook, _ := w.creates(ann, "https://second.example/")
				n.sells(event1, 2)
				mustRound(w) // it has not seen the second one
				w.lease.Release(t.Context())
				w.intake.live(nil, nil, nil)
				n.sells(event1, 3)

				m := &moody{neighbours: n}
				w = newWorldOn(t, db, n, around(m))
				calls := 0
				m.before = func(what string) error {
					if what == call {
						if calls++; calls == nth+1 {
							return errMood
						}
					}
					return nil
				}
				mustRefresh(w)
				for range 3 {
					_ = w.intake.round(t.Context())
				}
				w.lease.Release(t.Context())
				if got := w.messagesTo(hook.ID); len(got) != 4 {
					t.Errorf("%v", got)
				}
			})
		}
	}
}

func mustRefresh(w *world) {
	w.t.Helper()
	if err := w.refresh(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func mustRound(w *world) {
	w.t.Helper()
	if err := w.intake.round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// Of two changes of an endpoint right after each other, both count at once.
func TestChangesOfTypes(t *testing.T) {
	w := newWorldOn(t, openDB(t), newNeighbours())
	hook, _ := w.creates(ann, "https://example.org/", webhookapi.EventCancelled)
	change := func(types ...webhookapi.Type) {
		t.Helper()
		if _, err := w.Change(t.Context(), ann, hook.ID, webhookapi.Change{Types: &types}); err != nil {
			t.Fatal(err)
		}
	}
	mustRefresh(w)
	mustRound(w)
	change(webhookapi.BookingBooked)
	mustRefresh(w)
	change() // all
	seq := w.append(event1, false, ledger.Entry{Kind: ledger.Sale, Sale: `{"event_version":4,"status":"on_sale"}`})
	mustRound(w)
	mustRefresh(w)
	mustRound(w)
	if got := w.messagesTo(hook.ID); !got[messageID(event1, seq, "")] {
		t.Errorf("%v", got)
	}
}

// A node that loses the lease while it stores messages leaves nothing out.
func TestForgottenMeanwhile(t *testing.T) {
	for _, call := range []string{"bookings", "payments", "events"} {
		t.Run(call, func(t *testing.T) {
			m := &moody{neighbours: newNeighbours()}
			w := newWorldOn(t, openDB(t), m.neighbours, around(m))
			hook, _ := w.creates(ann, "https://example.org/")
			mustRefresh(w)
			mustRound(w)
			w.sells(event1, 1)
			m.before = func(what string) error {
				if what == call {
					w.intake.live(nil, nil, nil)
				}
				return nil
			}
			mustRound(w)
			m.before = nil
			mustRefresh(w)
			mustRound(w)
			if got := w.messagesTo(hook.ID); len(got) != 2 {
				t.Errorf("%v", got)
			}
		})
	}
}

// The outcome of a payment is told however late its event becomes known.
func TestAwaitedOfUnknownEvents(t *testing.T) {
	m := &moody{neighbours: newNeighbours()}
	w := newWorldOn(t, openDB(t), m.neighbours, around(m))
	hook, _ := w.creates(ann, "https://example.org/", webhookapi.PaymentCaptured)
	mustRefresh(w)
	booking := w.sells(event1, 1)
	m.mu.Lock()
	p := m.money[booking]
	delete(m.money, booking) // it is under way
	m.mu.Unlock()
	mustRound(w)
	w.intake.live(nil, nil, nil)
	m.mu.Lock()
	m.money[booking], m.unborn = p, true
	m.mu.Unlock()
	w.later(time.Minute)
	mustRefresh(w)
	mustRound(w)
	m.mu.Lock()
	m.unborn = false
	m.mu.Unlock()
	w.later(time.Hour)
	mustRound(w)
	if got := w.messagesTo(hook.ID); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// Entries that had to be left while too many waited are told without another one.
func TestTooManyWait(t *testing.T) {
	w := newWorldOn(t, openDB(t), newNeighbours())
	hook, _ := w.creates(ann, "https://example.org/", webhookapi.EventCancelled)
	mustRefresh(w)
	w.sells(event1, 1)
	mustRound(w)
	entries := make([]ledger.Entry, todoMost)
	for i := range entries {
		entries[i] = ledger.Entry{Kind: ledger.Booked, BookingID: event1 + "00000000000000000000", Seats: []int32{1}}
	}
	w.append(event1, false, entries...)
	seq := w.append(event1, false, ledger.Entry{Kind: ledger.Sale, Sale: `{"event_version":4,"status":"cancelled"}`})
	mustRound(w)
	mustRound(w)
	if got := w.messagesTo(hook.ID); !got[messageID(event1, seq, "")] {
		t.Errorf("%v", got)
	}
}
