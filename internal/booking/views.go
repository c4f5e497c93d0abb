package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// views are the seat views of the events that somebody asked about lately.
type views struct {
	db      *sqldb.DB
	ledger  *ledger.Follower // feeds them; see Cursor and Consume
	catalog *catalog
	budget  int                  // seats that all views together may have
	heard   func([]ledger.Entry) // of entries that other nodes have committed
	catch   func(where string, fn func() error) error

	mu    sync.RWMutex
	byID  map[string]*view
	seats int
	fills singleflight.Group
}

func newViews(db *sqldb.DB, c *catalog) *views {
	vs := &views{db: db, catalog: c, budget: 20_000_000, byID: map[string]*view{}, // about 500 MB at most
		heard: func([]ledger.Entry) {}, catch: func(_ string, fn func() error) error { return jobs.Catch(fn) }}
	vs.ledger = ledger.NewFollower(source{db}, vs)
	return vs
}

// peek is the view of an event if there is one in memory.
func (vs *views) peek(eventID string) *view {
	vs.mu.RLock()
	defer vs.mu.RUnlock()
	return vs.byID[eventID]
}

// get is the view of an event; it is filled if need be. NotFound when the event
// has no sale.
func (vs *views) get(ctx context.Context, eventID string) (*view, error) {
	v := vs.peek(eventID)
	if v == nil {
		// Several wait for one fill, so that it does not end with the first one's patience.
		got, err, _ := vs.fills.Do(eventID, func() (any, error) {
			var v *view
			err := vs.catch("views", func() (err error) { // out of here a panic would end the process
				v, err = vs.fill(context.WithoutCancel(ctx), eventID)
				return err
			})
			return v, err
		})
		if err != nil {
			return nil, err
		}
		v = got.(*view)
	}
	now := time.Now().UnixMicro()
	v.used.Store(now)
	if vs.db.Shared() && now-v.checked.Load() > followLate.Microseconds() {
		vs.look(ctx, v)
	}
	return v, nil
}

const fillText = `SELECT s.seq, ` + saleColumns + `, c.seat, c.booking_id, c.expires_at
	FROM sales s LEFT JOIN claims c ON c.event_id = s.event_id WHERE s.event_id = $1` // both by primary key

// fill reads head and claims in one statement, that is at one ledger version.
func (vs *views) fill(ctx context.Context, eventID string) (*view, error) {
	rows, err := vs.db.Reader().QueryContext(ctx, vs.db.Text(fillText), eventID)
	if err != nil {
		return nil, fmt.Errorf("fill view: %w", err)
	}
	defer rows.Close()
	var seq int64
	var h bookingapi.Sale
	claims := map[int32]claim{}
	found := false
	for rows.Next() {
		found = true
		var seat, until sql.NullInt64
		var booking sql.NullString
		if err := rows.Scan(append(append([]any{&seq}, tables.SaleFields(&h)...), &seat, &booking, &until)...); err != nil {
			return nil, fmt.Errorf("fill view: %w", err)
		}
		if seat.Valid {
			claims[int32(seat.Int64)] = claim{booking.String, until.Int64}
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("fill view: %w", err)
	}
	if !found {
		return nil, errs.Missing("event")
	}
	p, err := vs.catalog.load(ctx, saleKey(eventID, &h))
	if err != nil {
		return nil, fmt.Errorf("fill view: %w", err)
	}
	v := newView(eventID, seq, h, p)
	for seat, c := range claims {
		if int(seat) >= len(v.status) {
			slog.Error("a claim is for a seat that is not in the event's plan", "event", eventID, "seat", seat, "booking", c.booking)
		}
		v.put(seat, c)
		v.filled = append(v.filled, ownerOf(c.booking))
	}
	slices.Sort(v.filled)
	v.filled = slices.Clip(slices.Compact(v.filled))
	v.filling.Store(true)
	vs.keep(v)
	whole := false
	defer func() {
		if !whole { // after a panic, too
			vs.lose(v)
		}
	}()
	// What was committed between the read above and keep has passed the view by.
	if err := vs.readOn(ctx, eventID); err != nil {
		return nil, fmt.Errorf("fill view: %w", err)
	}
	whole = true
	v.filling.Store(false)
	return v, nil
}

// keep remembers a view, and forgets those unused for longest when all together
// have become too large.
func (vs *views) keep(v *view) {
	v.used.Store(time.Now().UnixMicro())
	v.checked.Store(time.Now().UnixMicro())
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if old := vs.byID[v.eventID]; old != nil {
		vs.seats -= len(old.status)
	}
	vs.byID[v.eventID] = v
	vs.seats += len(v.status)
	for vs.seats > vs.budget && len(vs.byID) > 1 {
		var oldest *view
		for _, o := range vs.byID {
			if o != v && (oldest == nil || o.used.Load() < oldest.used.Load()) {
				oldest = o
			}
		}
		vs.drop(oldest)
	}
}

// forget drops the view of an event, which is filled anew when it is asked for.
func (vs *views) forget(eventID string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v := vs.byID[eventID]; v != nil {
		vs.drop(v)
	}
}

// forgetStale forgets a view that still shows the event at a plan and prices which
// are not its any more.
func (vs *views) forgetStale(v *view, at priceKey) {
	v.mu.RLock()
	stale := saleKey(v.eventID, &v.sale) == at
	v.mu.RUnlock()
	if !stale {
		return
	}
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.drop(v)
}

// lose forgets a view that is not whole.
func (vs *views) lose(v *view) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.drop(v)
}

// drop forgets a view and wakes those who wait for it to change.
func (vs *views) drop(v *view) {
	if vs.byID[v.eventID] != v {
		return
	}
	delete(vs.byID, v.eventID)
	vs.seats -= len(v.status)
	v.mu.Lock()
	close(v.changed)
	v.changed = make(chan struct{})
	v.mu.Unlock()
}

// Cursor is the ledger version of an event's view; see ledger.Consumer. Events without
// a view are not followed.
func (vs *views) Cursor(eventID string) (seq int64, follows bool) {
	v := vs.peek(eventID)
	if v == nil {
		return 0, false
	}
	return v.version(), true
}

// Consume brings an event's view forward. Entries that had to be read were committed
// by other nodes, and are told on.
func (vs *views) Consume(entries []ledger.Entry, read bool) {
	v := vs.peek(entries[0].EventID)
	if v == nil {
		return
	}
	vs.apply(v, entries)
	if read && !v.filling.Load() {
		vs.heard(entries)
	}
}

// feed applies committed entries of one event to its view, if there is one. A gap is
// filled from the ledger.
func (vs *views) feed(ctx context.Context, entries []ledger.Entry) {
	if !vs.ledger.Hear(entries) {
		return
	}
	eventID := entries[0].EventID
	if err := vs.ledger.Read(ctx, eventID, entries[0].Seq-1); err != nil {
		slog.Warn("seat view cannot be fed and will be filled anew", "event", eventID, "error", err)
		vs.forget(eventID)
		return
	}
	vs.ledger.Hear(entries)
}

// learn brings a view forward by what other nodes have committed, as it was read in
// a batch's own transaction.
func (vs *views) learn(v *view, missed []ledger.Entry) {
	vs.apply(v, missed)
	vs.heard(missed)
}

// readOn brings an event's view to the end of its ledger.
func (vs *views) readOn(ctx context.Context, eventID string) error {
	if err := vs.ledger.Read(ctx, eventID, math.MaxInt64); !errors.Is(err, ledger.ErrEnd) {
		return err
	}
	return nil
}

// apply brings a view forward by entries without a gap.
func (vs *views) apply(v *view, entries []ledger.Entry) {
	whole := false
	defer func() {
		if !whole { // after a panic, too
			vs.lose(v)
		}
	}()
	whole = v.take(entries)
}

// take applies those of some entries that the view does not have, and wakes those
// who wait for them. It reports false when the view must be filled anew.
func (v *view) take(entries []ledger.Entry) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	defer func() {
		close(v.changed)
		v.changed = make(chan struct{})
	}()
	for i := range entries {
		if e := &entries[i]; e.Seq == v.seq+1 && !v.apply(e) {
			return false
		}
	}
	return true
}

// after is the view of an event at ledger version seq or later. It waits for
// one that is on its way, and asks the ledger when it does not come.
func (vs *views) after(ctx context.Context, eventID string, seq int64) (*view, error) {
	deadline := time.NewTimer(250 * time.Millisecond)
	defer deadline.Stop()
	for {
		v, err := vs.get(ctx, eventID)
		if err != nil {
			return nil, err
		}
		v.mu.RLock()
		at, changed := v.seq, v.changed
		v.mu.RUnlock()
		if at >= seq {
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			err := vs.ledger.Read(ctx, eventID, seq)
			if errors.Is(err, ledger.ErrEnd) {
				return nil, errs.Bad("after", "bad-version", "is beyond the event's ledger version %d", v.version())
			}
			if err != nil {
				return nil, err
			}
		}
	}
}

var errNoView = errors.New("booking: the seat view is not in memory")
