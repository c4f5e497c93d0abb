package webhook

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
)

const (
	intakeEvery  = time.Second // between two looks for new entries
	intakeAtOnce = 500         // entries in one transaction
	todoMost     = 20_000      // entries that may wait in memory
	saveEvery    = 30 * time.Second
	saveAfter    = 1000 // entries by which a cursor must have moved to be saved without a message
)

// intake follows the ledgers of events whose organizers have endpoints.
type intake struct {
	s        *Service
	wake     chan struct{}
	follower *ledger.Follower

	mu      sync.Mutex
	idle    bool               // another node does the work, or nobody wants messages
	wanted  map[string]bool    // organizers that have endpoints and may get messages
	barred  map[string]bool    // organizers that have endpoints and may get no messages
	owners  map[string]string  // organizers by event id
	unknown map[string]bool    // events whose organizer and head are to be looked up
	cursors map[string]*cursor // by event id
	todo    []ledger.Entry
	life    int // counts how often all this was forgotten

	// There may be entries that nobody has handed over: the heads of all ledgers are to be
	// looked at, until that has succeeded.
	lookDue, lookDone int

	// Only run uses these.
	saved  time.Time // when cursors were last saved
	looked time.Time // when the heads of all ledgers were last looked at
}

// cursor is how far an event's ledger was read.
type cursor struct {
	seen  int64 // all up to here were looked at
	saved int64 // all up to here have their messages, and the table says so
}

func newIntake(s *Service) *intake {
	in := &intake{s: s, wake: make(chan struct{}, 1)}
	in.follower = ledger.NewFollower(s.bookings, in)
	in.forget()
	return in
}

// forget makes the intake idle. It begins again where the tables are.
func (in *intake) forget() {
	in.idle, in.life = true, in.life+1
	in.wanted, in.barred, in.owners, in.unknown = nil, nil, map[string]string{}, map[string]bool{}
	in.cursors, in.todo = map[string]*cursor{}, nil
}

// hear receives committed entries. It runs on the booking service's writer or on what
// receives from other nodes, so it only takes notes, and none while nobody wants messages.
func (in *intake) hear(entries []ledger.Entry) {
	if !in.works() {
		return
	}
	behind := in.follower.Hear(entries)
	in.mu.Lock()
	work := behind || len(in.todo) > 0 || len(in.unknown) > 0
	in.mu.Unlock()
	if work {
		in.kick()
	}
}

// listener hears what other nodes commit while somebody wants messages.
func (in *intake) listener() ledger.Listener {
	return ledger.Listener{Listens: in.works, Wants: in.wants, Hear: in.hear}
}

// wants reports whether entries of an event are wanted. Whether those of a new event are
// is found out at once.
func (in *intake) wants(eventID string, last int64) bool {
	wants := in.follower.Wants(eventID, last)
	in.mu.Lock()
	unknown := in.unknown[eventID]
	in.mu.Unlock()
	if unknown {
		in.kick()
	}
	return wants
}

// works reports whether this node does the work, and somebody wants messages.
func (in *intake) works() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.idle
}

func (in *intake) kick() {
	select {
	case in.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Cursor implements ledger.Consumer.
func (in *intake) Cursor(eventID string) (seq int64, follows bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.idle {
		return 0, false
	}
	owner, known := in.owners[eventID]
	if !known {
		in.unknown[eventID] = true
		return 0, false
	}
	if c := in.cursors[eventID]; c != nil {
		seq = c.seen
	}
	return seq, in.wanted[owner]
}

// Consume implements ledger.Consumer. It notes the entries that a message may be about.
// While too many wait, it leaves those that were handed over: the next round reads them.
func (in *intake) Consume(entries []ledger.Entry, read bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.idle {
		return
	}
	if !read && len(in.todo) >= todoMost {
		in.lookDue++
		return
	}
	c := in.cursors[entries[0].EventID]
	if c == nil {
		c = &cursor{}
		in.cursors[entries[0].EventID] = c
	}
	for i := range entries {
		if e := &entries[i]; e.Seq == c.seen+1 {
			c.seen = e.Seq
			if concerns(e) {
				in.todo = append(in.todo, *e)
			}
		}
	}
}

func (in *intake) run(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, intakeEvery, in.wake, func(ctx context.Context) error {
		err := jobs.Catch(func() error { return in.round(ctx) })
		trouble.Log(ctx, in.s.log, slog.LevelWarn, "messages for webhooks are delayed", err)
		return nil
	})
}

// round reads what is new and stores messages about it, if this node does the work.
func (in *intake) round(ctx context.Context) error {
	if !in.works() || !in.s.lease.Held(ctx) { // a node that was frozen may not know of the latest endpoints
		return nil
	}
	return errors.Join(in.read(ctx), in.s.await(ctx))
}

// live says whose events lead to messages from now on, and whose do not although they have
// endpoints. cursors, unless nil, are how far the ledgers were read, and entries may have
// been missed.
func (in *intake) live(wanted, barred map[string]bool, cursors map[string]int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(wanted) == 0 {
		if !in.idle {
			in.forget()
		}
		return
	}
	in.idle, in.wanted, in.barred = false, wanted, barred
	for event, seq := range cursors {
		if in.cursors[event] == nil {
			in.cursors[event] = &cursor{seen: seq, saved: seq}
		}
	}
	if cursors != nil {
		in.lookDue++
	}
}

// serves reports whether all of some organizers get messages already.
func (in *intake) serves(wanted map[string]bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for organizer := range wanted {
		if !in.wanted[organizer] {
			return false
		}
	}
	return true
}

// organizer is the organizer of an event; "" if that is one who may get no messages. The
// caller has the lock.
func (in *intake) organizer(eventID string) (id string, known bool) {
	id, known = in.owners[eventID]
	if in.barred[id] {
		id = ""
	}
	return id, known
}

// know looks up the organizers of events, as far as they are known. It returns nil if the
// intake is idle.
func (in *intake) know(ctx context.Context, list []awaited) (map[string]string, error) {
	in.mu.Lock()
	for _, w := range list {
		if _, known := in.owners[w.eventID]; !known {
			in.unknown[w.eventID] = true
		}
	}
	in.mu.Unlock()
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.idle {
		return nil, nil
	}
	organizers := map[string]string{}
	for _, w := range list {
		if id, known := in.organizer(w.eventID); known {
			organizers[w.eventID] = id
		}
	}
	return organizers, nil
}

// read reads new entries, and stores messages about them.
func (in *intake) read(ctx context.Context) error {
	err := errors.Join(in.look(ctx), in.resolve(ctx), in.follower.CatchUp(ctx, nil, in.room), in.drain(ctx))
	if now := in.s.now(); now.Sub(in.saved) >= saveEvery {
		in.saved = now
		err = errors.Join(err, in.saveMoved(ctx))
	}
	return err
}

// look looks at the heads of all ledgers if that is due. Entries of other nodes may not
// arrive here, so on a shared database it is due again and again.
func (in *intake) look(ctx context.Context) error {
	in.mu.Lock()
	due, done := in.lookDue, in.lookDone
	in.mu.Unlock()
	if due == done && (!in.s.shared || time.Since(in.looked) < ledger.LookPause(in.s.bookings)) {
		return nil
	}
	in.looked = time.Now()
	if err := in.follower.Look(ctx, nil); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lookDone = due
	return nil
}

// resolveAtOnce is how many events are looked up together.
const resolveAtOnce = 200

// resolve looks up the organizers of events that were not seen before, and how far their
// ledgers go. What fails is done again in the next round.
func (in *intake) resolve(ctx context.Context) error {
	in.mu.Lock()
	var ids []string
	for id := range in.unknown {
		ids = append(ids, id)
	}
	in.mu.Unlock()
	for len(ids) > 0 {
		some := ids[:min(len(ids), resolveAtOnce)]
		ids = ids[len(some):]
		found, err := in.s.events.Events(ctx, some)
		if err != nil {
			return err
		}
		var mine []string
		in.mu.Lock()
		for _, id := range some {
			if e, known := found[id]; known { // otherwise it is not stored yet, and asked for again with its next entry
				if in.owners[id] = e.OrganizerID; in.wanted[e.OrganizerID] {
					mine = append(mine, id)
				}
			}
		}
		in.mu.Unlock()
		if len(mine) > 0 {
			if err := in.follower.Look(ctx, mine); err != nil {
				return err
			}
		}
		in.mu.Lock()
		for _, id := range some {
			delete(in.unknown, id)
		}
		in.mu.Unlock()
	}
	return nil
}

// room is called before each page that is read, so that what waits does not grow.
func (in *intake) room(ctx context.Context) error {
	in.mu.Lock()
	n := len(in.todo)
	in.mu.Unlock()
	if n < intakeAtOnce {
		return nil
	}
	return in.drain(ctx)
}

// drain stores messages about all entries that wait.
func (in *intake) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		in.mu.Lock()
		entries := in.todo[:min(len(in.todo), intakeAtOnce)]
		life, organizers := in.life, map[string]string{} // all at the same moment: it may forget its work at any time
		for i := range entries {
			organizers[entries[i].EventID], _ = in.organizer(entries[i].EventID)
		}
		in.mu.Unlock()
		if len(entries) == 0 {
			return nil
		}
		cursors, err := in.s.take(ctx, entries, organizers)
		if err != nil {
			return err
		}
		in.mu.Lock()
		if in.life == life {
			in.todo = append([]ledger.Entry(nil), in.todo[len(entries):]...)
			in.noteSaved(cursors)
		}
		in.mu.Unlock()
	}
	return ctx.Err()
}

func (in *intake) noteSaved(cursors map[string]int64) {
	for event, seq := range cursors {
		if c := in.cursors[event]; c != nil {
			c.saved = max(c.saved, seq)
		}
	}
}

// saveMoved saves cursors that have moved far without a message, so that a restart has
// little to read.
func (in *intake) saveMoved(ctx context.Context) error {
	moved := map[string]int64{}
	in.mu.Lock()
	if len(in.todo) == 0 {
		for event, c := range in.cursors {
			if c.seen-c.saved >= saveAfter {
				moved[event] = c.seen
			}
		}
	}
	in.mu.Unlock()
	if len(moved) == 0 {
		return nil
	}
	err := in.s.store.db.Write(ctx, func(tx *sql.Tx) error { return saveCursors(ctx, tx, moved) })
	if err != nil {
		return wrapped("save cursors", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.noteSaved(moved)
	return nil
}

// take stores messages about entries and moves the cursors of their events, in one
// transaction. It returns the cursors. organizers are by event.
func (s *Service) take(ctx context.Context, entries []ledger.Entry, organizers map[string]string) (map[string]int64, error) {
	var ids []string
	for i := range entries {
		if e := &entries[i]; e.BookingID != "" {
			ids = append(ids, e.BookingID)
		}
	}
	bookings := map[string]bookingapi.Booking{}
	if len(ids) > 0 {
		var err error
		if bookings, err = s.bookings.Bookings(ctx, ids); err != nil {
			return nil, err
		}
	}
	var messages []stored
	var waits []awaited
	cursors, whose := map[string]int64{}, map[string]bool{}
	for i := range entries {
		e := &entries[i]
		cursors[e.EventID] = e.Seq
		organizer := organizers[e.EventID]
		if organizer == "" {
			continue
		}
		whose[organizer] = true
		var b *bookingapi.Booking
		if found, ok := bookings[e.BookingID]; ok {
			b = &found
		}
		if w, ok := awaits(e, b); ok {
			w.organizerID = organizer
			waits = append(waits, w)
		}
		if goodwill(e) {
			continue
		}
		m, err := of(e, b)
		if err != nil { // its ledger is broken, which "verify" tells
			s.log.ErrorContext(ctx, "an entry of a ledger leads to no message for webhooks", "event", e.EventID, "seq", e.Seq, "error", err)
			continue
		}
		messages = append(messages, stored{message: m, organizerID: organizer, entryAt: e.At})
	}
	err := s.store.db.Write(ctx, func(tx *sql.Tx) error {
		now := s.now()
		to, err := s.store.receivers(ctx, tx, whose)
		if err != nil {
			return err
		}
		if err := s.store.tell(ctx, tx, messages, to, now); err != nil {
			return err
		}
		for i := range waits {
			if !to.await(&waits[i]) {
				continue
			}
			if err := addAwaited(ctx, tx, waits[i], now); err != nil {
				return err
			}
		}
		return saveCursors(ctx, tx, cursors)
	})
	if err != nil {
		return nil, wrapped("store messages", err)
	}
	s.queues.fill(messages)
	return cursors, nil
}
