package booking

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/batch"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// recent caches the bookings that this node has committed last: a payment reads its
// booking moments after the hold, and then confirms it. Cached records are immutable.
type recent struct {
	mu       sync.RWMutex
	m, older memory
	left     marks // of bookings that gave up seats, on any node
	leftOnce marks // the older part of left
}

// marks is a set of bookings by their marks in views; see ownerOf.
type marks map[uint64]struct{}

// memory is one generation of the cache.
type memory struct {
	records map[string]*record // by id
	owners  map[uint64]*record // by mark: see ownerOf
}

const recentMost = 10_000

func newRecent() *recent { return &recent{m: newMemory(), older: newMemory(), left: marks{}} }

func newMemory() memory { return memory{map[string]*record{}, map[uint64]*record{}} }

// keep caches the bookings that a batch has changed.
func (r *recent) keep(s *state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.m.records) >= recentMost {
		r.m, r.older = newMemory(), r.m
	}
	keep := func(id string) {
		b := s.bookings[id]
		r.m.records[id], r.m.owners[ownerOf(id)] = b, b
	}
	for id := range s.fresh {
		keep(id)
	}
	for id := range s.dirty {
		keep(id)
	}
	for id := range s.moved {
		keep(id)
	}
	r.note(s.entries)
}

// note records which bookings gave up seats. The caller has the lock.
func (r *recent) note(entries []ledger.Entry) {
	for i := range entries {
		switch e := &entries[i]; e.Kind {
		case ledger.Swapped, ledger.Expired, ledger.Released, ledger.Cancelled:
			if len(r.left) >= recentMost {
				r.left, r.leftOnce = marks{}, r.left
			}
			r.left[ownerOf(e.BookingID)] = struct{}{}
		}
	}
}

// letGo reports whether a booking has given up seats recently, on any node.
func (r *recent) letGo(bookingID string) bool {
	mark := ownerOf(bookingID)
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, now := r.left[mark]
	_, before := r.leftOnce[mark]
	return now || before
}

// forget drops bookings that another node has changed.
func (r *recent) forget(entries []ledger.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range entries {
		id := entries[i].BookingID
		for _, m := range []memory{r.m, r.older} {
			delete(m.records, id)
			delete(m.owners, ownerOf(id))
		}
	}
	r.note(entries)
}

// get returns a cached booking, or nil.
func (r *recent) get(id string) *record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if b := r.m.records[id]; b != nil {
		return b
	}
	return r.older.records[id]
}

// marked returns a cached booking by its mark in a view, or nil.
func (r *recent) marked(mark uint64) *record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if b := r.m.owners[mark]; b != nil {
		return b
	}
	return r.older.owners[mark]
}

// yours returns the caller's booking that has one of some seats according to a view;
// "" if there is none. Owners of holds that are not cached are read from the database.
func (s *Service) yours(ctx context.Context, v *view, caller caller.Caller, seats []int32) (string, error) {
	unknown := false
	for _, seat := range seats {
		mark, held := v.holder(seat)
		if mark == 0 {
			continue
		}
		b := s.recent.marked(mark)
		switch {
		case b == nil:
			unknown = unknown || held
		case b.UserID == caller.UserID:
			return b.ID, nil
		}
	}
	if !unknown {
		return "", nil
	}
	ids, err := s.ids(ctx, s.db.Text(`SELECT id FROM bookings /*sqlite: INDEXED BY bookings_by_user*/
		WHERE user_id = $1 AND event_id = $2 AND status IN ('pending', 'booked')`), caller.UserID, v.eventID)
	if err != nil {
		return "", err
	}
	for _, seat := range seats {
		mark, _ := v.holder(seat)
		for _, id := range ids {
			if ownerOf(id) == mark {
				return id, nil
			}
		}
	}
	return "", nil
}

// lookup is a read of one booking that waits for its batch.
type lookup struct {
	id      string
	booking bookingapi.Booking
}

// lookUp reads the bookings of several lookups at once. Where other nodes write to the
// same database, this node's cache may be stale, and a buyer must be charged the
// booking's current amount.
func (s *Service) lookUp(items []*batch.Item[*lookup]) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTime)
	defer cancel()
	found := map[string]bookingapi.Booking{}
	err := s.metrics.catch(s.log, "views", func() error {
		ids := make([]string, len(items))
		for i, it := range items {
			ids[i] = it.Value.id
		}
		return s.readAll(ctx, unique(ids), found)
	})
	for _, it := range items {
		b, ok := found[it.Value.id]
		it.Value.booking = b
		switch {
		case err != nil:
			it.Done(err)
		case !ok:
			it.Done(errs.Missing("booking"))
		default:
			it.Done(nil)
		}
	}
}

// readAll reads bookings by id into found.
func (s *Service) readAll(ctx context.Context, ids []string, found map[string]bookingapi.Booking) error {
	if s.db.Dialect() == sqldb.SQLite {
		for _, id := range ids {
			b, err := s.Booking(ctx, id)
			if err != nil && errs.KindOf(err) != errs.NotFound {
				return err
			}
			if err == nil {
				found[id] = b
			}
		}
		return nil
	}
	events := make([]string, len(ids))
	for i, bookingID := range ids {
		events[i] = id.Event(bookingID)
	}
	// On a hot connection: the others may keep a query plan from when the table was
	// small, and scan all of it.
	err := s.db.Raw(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, pgShown, events, ids)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			b, err := scanWithOrganizer(rows)
			if err != nil {
				return err
			}
			b.ReadAt = s.now().UnixMicro()
			found[b.ID] = b
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("read bookings: %w", err)
	}
	return nil
}

// known returns the bookings to be confirmed that this node has cached, which need not
// be read. A decision about them is valid only if the database still has them at that
// version, which is a condition of their write.
func (w *writer) known(items []*item, l *attemptState) map[string]*record {
	if l.careful {
		return nil
	}
	known := make(map[string]*record, len(items))
	for _, it := range items {
		if c := &it.Value.cmd; c.do == doConfirm {
			if b := w.recent.get(c.bookingID); b != nil {
				known[b.ID] = b
			}
		}
	}
	return known
}

// notFree leaves out the seats that are free. While the head is locked, a view at the
// head's version is exact. If it were wrong nevertheless, the primary key of claims
// would refuse the write.
func (r *reading) notFree(seats []int32) []int32 {
	s := r.state
	v := r.w.views.peek(s.eventID)
	if v == nil || r.learned.careful || len(seats) == 0 {
		return seats
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.seq != s.seq {
		return seats
	}
	_, rest := v.split(seats)
	return rest
}
