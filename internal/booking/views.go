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

// views are the seat views of recently used events.
type views struct {
	db        *sqldb.DB
	ledger    *ledger.Follower // feeds the views; see Cursor and Consume
	catalog   *catalog
	budget    int                  // seats that all views together may have
	heard     func([]ledger.Entry) // called with entries that other nodes have committed
	overhears func() bool          // whether other nodes' commits are heard of now
	catch     func(where string, fn func() error) error

	mu    sync.RWMutex
	byID  map[string]*view
	seats int
	fills singleflight.Group
}

func newViews(db *sqldb.DB, c *catalog) *views {
	vs := &views{db: db, catalog: c, budget: 20_000_000, byID: map[string]*view{}, // about 500 MB at most
		heard: func([]ledger.Entry) {}, overhears: func() bool { return false }, catch: func(_ string, fn func() error) error { return jobs.Catch(fn) }}
	vs.ledger = ledger.NewFollower(source{db}, vs)
	return vs
}

// peek returns the view of an event if it is in memory.
func (vs *views) peek(eventID string) *view {
	vs.mu.RLock()
	defer vs.mu.RUnlock()
	return vs.byID[eventID]
}

// get returns the view of an event, and fills it if necessary. NotFound when the event
// has no sale.
func (vs *views) get(ctx context.Context, eventID string) (*view, error) {
	v := vs.peek(eventID)
	if v == nil {
		// Several callers share one fill, so it must not end when the first one gives up.
		got, err, _ := vs.fills.Do(eventID, func() (any, error) {
			var v *view
			err := vs.catch("views", func() (err error) { // a panic in here would end the process
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
	if vs.db.Shared() && now-v.checked.Load() > vs.late().Microseconds() {
		vs.look(ctx, v)
	}
	return v, nil
}

const fillText = `SELECT s.seq, ` + saleColumns + `, c.seat, c.booking_id, c.expires_at
	FROM sales s LEFT JOIN claims c ON c.event_id = s.event_id WHERE s.event_id = $1` // both by primary key

// fill reads head and claims in one statement, and therefore at one ledger version.
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
	// Entries committed between the read above and keep were not applied to the view.
	if err := vs.readOn(ctx, eventID); err != nil {
		return nil, fmt.Errorf("fill view: %w", err)
	}
	whole = true
	v.filling.Store(false)
	return v, nil
}

// keep stores a view, and drops the least recently used ones when all together exceed
// the budget.
func (vs *views) keep(v *view) {
	v.used.Store(time.Now().UnixMicro())
	v.checked.Store(time.Now().UnixMicro())
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if old := vs.byID[v.eventID]; old != nil {
		vs.drop(old)
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

// forget drops the view of an event; the next use fills it anew.
func (vs *views) forget(eventID string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v := vs.byID[eventID]; v != nil {
		vs.drop(v)
	}
}

// forgetStale drops a view whose plan or prices are no longer the event's.
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

// lose drops a view that is incomplete.
func (vs *views) lose(v *view) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.drop(v)
}

// drop removes a view and wakes everybody who waits for it to change.
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

// Cursor returns the ledger version of an event's view; see ledger.Consumer. Events
// without a view are not followed.
func (vs *views) Cursor(eventID string) (seq int64, follows bool) {
	v := vs.peek(eventID)
	if v == nil {
		return 0, false
	}
	return v.version(), true
}

// Consume applies entries to an event's view. Entries that had to be read were
// committed by other nodes, and are passed to heard.
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

// learn applies entries of other nodes to a view, as read in a batch's own transaction.
func (vs *views) learn(v *view, missed []ledger.Entry) {
	vs.apply(v, missed)
	vs.heard(missed)
}

// readOn updates an event's view to the end of its ledger.
func (vs *views) readOn(ctx context.Context, eventID string) error {
	if err := vs.ledger.Read(ctx, eventID, math.MaxInt64); !errors.Is(err, ledger.ErrEnd) {
		return err
	}
	return nil
}

// apply applies entries without gaps to a view.
func (vs *views) apply(v *view, entries []ledger.Entry) {
	whole := false
	defer func() {
		if !whole { // after a panic, too
			vs.lose(v)
		}
	}()
	whole = v.take(entries)
}

// take applies those entries that the view does not have yet, and wakes everybody who
// waits for them. It reports false when the view must be filled anew.
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

// lateEntry is how long after waits for a version before it reads the ledger.
const lateEntry = 250 * time.Millisecond

// after returns the view of an event at ledger version seq or later. It waits for
// entries that are on their way, and reads the ledger when none arrive for a while.
func (vs *views) after(ctx context.Context, eventID string, seq int64) (*view, error) {
	late := time.NewTimer(lateEntry)
	defer late.Stop()
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
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if vs.peek(eventID) != v {
			continue // the view was dropped before changed was read: nothing will close it
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late.C:
			err := vs.ledger.Read(ctx, eventID, seq)
			if errors.Is(err, ledger.ErrEnd) {
				return nil, errs.Bad("after", "bad-version", "is beyond the event's ledger version %d", v.version())
			}
			if err != nil {
				return nil, err
			}
			late.Reset(lateEntry)
		}
	}
}

var errNoView = errors.New("booking: the seat view is not in memory")
