package booking

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/internal/ledger"
)

// store is the writer's view of the database. Its few statements are the hot
// ones; each database has its own way of running many of them at once.
type store interface {
	// batch runs fn in one transaction and commits it unless fn fails. The
	// commit's outcome may be unclear when batch fails; the same commands may
	// be submitted again.
	batch(ctx context.Context, fn func(tx storeTx) error) error
}

// storeTx reads and writes within a batch's transaction.
type storeTx interface {
	// lock waits for the head rows of events, in id order, before anything is read.
	lock(ctx context.Context, states []*state) error
	// heads locks and reads the head rows of events, in id order, into the states; the
	// state of an event without one stays as it is. The hints allow a store to read in
	// the same message what the batch will need next.
	heads(ctx context.Context, states []*state, h hints) error
	// now is the time by which the batch decides, µs since 1970. It is read
	// after the lock.
	now(ctx context.Context) (int64, error)
	// claims reads the claims on the given seats.
	claims(ctx context.Context, eventID string, seats []int32) (map[int32]claim, error)
	// inUse reports whether the event has any claim, or a booking that is pending or
	// booked.
	inUse(ctx context.Context, eventID string) (bool, error)
	// bookings reads bookings by id; unknown ones are left out.
	bookings(ctx context.Context, ids []string) ([]*record, error)
	// buyer reads the bookings of an event that count for a person: those of the
	// account, and those of the address, some of which may be the same.
	buyer(ctx context.Context, p person, eventID string) ([]found, error)
	// entries reads ledger entries above a version, in order.
	entries(ctx context.Context, eventID string, after int64) ([]ledger.Entry, error)
	// save writes the final rows of the states. Every write is conditional on what was
	// read before; errGuard means that a condition failed.
	save(ctx context.Context, states []*state) error
}

// hints say what a batch will have to read, judging by its commands.
type hints struct {
	bookings []string
	buyers   []buyerKey
	seats    []seatKey
	views    []viewAt // views that probably lack entries of other nodes
}

// viewAt is a seat view's version.
type viewAt struct {
	eventID string
	seq     int64
}

type seatKey struct {
	eventID string
	seat    int32
}

type buyerKey struct {
	person
	eventID string
}

// found is a booking of a person: by account or by address.
type found struct {
	held
	byEmail bool
}

// hints leaves out what need not be read: cached bookings, and seats that are free in
// a view, since the view will be exact.
func (w *writer) hints(items []*item, l *attemptState, known map[string]*record) hints {
	var h hints
	for _, it := range items {
		c := &it.Value.cmd
		switch c.do {
		case doSetSale:
			continue
		case doHold:
			h.buyers = append(h.buyers, buyerKey{buying(c.caller, w.waives(c.eventID)), c.eventID})
		case doAdopt:
			h.buyers = append(h.buyers, buyerKey{person{c.heir, newAddress(c.email, proved)}, c.eventID})
			h.bookings = append(h.bookings, c.bookingID)
		default:
			if known[c.bookingID] == nil {
				h.bookings = append(h.bookings, c.bookingID)
			}
		}
		seats := c.seats
		if v := w.views.peek(c.eventID); v != nil && !l.careful {
			v.mu.RLock()
			_, seats = v.split(seats)
			v.mu.RUnlock()
		}
		for _, seat := range seats {
			h.seats = append(h.seats, seatKey{c.eventID, seat})
		}
	}
	for _, id := range eventsOf(items) {
		if v := w.views.peek(id); v != nil && v.behind.Load() {
			h.views = append(h.views, viewAt{id, v.version()})
		}
	}
	return hints{unique(h.bookings), distinct(h.buyers), distinct(h.seats), h.views}
}

// waives reports whether, as far as this node knows, buyers of an event need no
// verified address.
func (w *writer) waives(eventID string) bool {
	v := w.views.peek(eventID)
	if v == nil {
		return false
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.sale.UnverifiedBuyers
}

// distinct removes repeated elements.
func distinct[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(list, func(v T) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
}

// errGuard means that a row was not as the decision assumed: the batch is rolled back
// and tried again.
var errGuard = errors.New("booking: a row changed under the decision")

func guard(want, got int64, what string) error {
	if got != want {
		return fmt.Errorf("%w: %s: %d rows instead of %d", errGuard, what, got, want)
	}
	return nil
}
