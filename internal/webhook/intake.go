package webhook

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/webhookapi"
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

	mu        sync.Mutex
	idle      bool                // another node does the work, or nobody wants messages
	wanted    map[string][]string // endpoints by organizer id; only those that may get messages
	endpoints map[string]endpoint // by id
	owners    map[string]string   // organizers by event id; "": not found
	unknown   map[string]bool     // events whose organizer is to be looked up
	cursors   map[string]*cursor  // by event id
	todo      []ledger.Entry

	rewinds map[string]int64 // by organizer id: entries since then (µs since 1970) are read again
	missed  map[string]int64 // by endpoint id: its missedSince, until that is over
	made    map[string]int64 // the same, of those for which it is over
	lookAll bool             // there may be entries that nobody has handed over
	life    int              // counts how often all this was forgotten

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
	in.wanted, in.endpoints, in.owners, in.unknown = map[string][]string{}, map[string]endpoint{}, map[string]string{}, map[string]bool{}
	in.cursors, in.todo, in.rewinds = map[string]*cursor{}, nil, map[string]int64{}
	in.missed, in.made = map[string]int64{}, map[string]int64{}
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
	return seq, len(in.wanted[owner]) > 0
}

// Consume implements ledger.Consumer. It notes the entries that a message may be about.
// While too many wait, it leaves those that were handed over: they are read later.
func (in *intake) Consume(entries []ledger.Entry, read bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.idle || !read && len(in.todo) >= todoMost {
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

// live says which endpoints get messages from now on: endpoints by organizer, and by id.
// cursors, unless nil, are how far the ledgers were read, and entries may have been missed.
func (in *intake) live(wanted map[string][]string, endpoints map[string]endpoint, cursors map[string]int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(wanted) == 0 {
		if !in.idle {
			in.forget()
		}
		return
	}
	maps.DeleteFunc(in.made, func(id string, since int64) bool { return endpoints[id].missedSince != since })
	for id, e := range endpoints {
		if e.missedSince == 0 || e.missedSince == in.missed[id] || e.missedSince == in.made[id] {
			continue
		}
		in.missed[id] = e.missedSince
		from := max(e.missedSince, e.beginsAt, in.s.now().Add(-rewindMost).UnixMicro())
		if since, waits := in.rewinds[e.OrganizerID]; !waits || from < since {
			in.rewinds[e.OrganizerID] = from
		}
	}
	in.idle, in.wanted, in.endpoints = false, wanted, endpoints
	for event, seq := range cursors {
		if in.cursors[event] == nil {
			in.cursors[event] = &cursor{seen: seq, saved: seq}
		}
	}
	if cursors != nil {
		in.lookAll = true
	}
}

// serves reports whether all of some organizers get messages already.
func (in *intake) serves(wanted map[string][]string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for organizer := range wanted {
		if len(in.wanted[organizer]) == 0 {
			return false
		}
	}
	return true
}

// receivers are the endpoints that a message about an event goes to.
func (in *intake) receivers(eventID string, t webhookapi.Type, at int64) (to []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, id := range in.wanted[in.owners[eventID]] {
		if e := in.endpoints[id]; e.Wants(t) && e.beginsAt <= at {
			to = append(to, id)
		}
	}
	return to
}

// know makes sure that the organizers of events are known.
func (in *intake) know(ctx context.Context, list []awaited) error {
	in.mu.Lock()
	for _, w := range list {
		if _, known := in.owners[w.eventID]; !known {
			in.unknown[w.eventID] = true
		}
	}
	in.mu.Unlock()
	return in.resolve(ctx)
}

// read reads new entries, and stores messages about them.
func (in *intake) read(ctx context.Context) error {
	in.mu.Lock()
	all := in.lookAll || in.s.shared && time.Since(in.looked) >= ledger.LookPause(in.s.bookings) // entries of other nodes may not arrive here
	in.lookAll = false
	missed, life := maps.Clone(in.missed), in.life // their rewinds are noted
	in.mu.Unlock()
	var err error
	if all {
		in.looked = time.Now()
		if err = in.follower.Look(ctx, nil); err != nil {
			in.lookAgain()
		}
	}
	err = errors.Join(err, in.resolve(ctx), in.rewind(ctx), in.follower.CatchUp(ctx, nil, in.room), in.drain(ctx))
	if err == nil && len(missed) > 0 {
		err = in.caughtUp(ctx, missed, life)
	}
	if now := in.s.now(); now.Sub(in.saved) >= saveEvery {
		in.saved = now
		err = errors.Join(err, in.saveMoved(ctx))
	}
	return err
}

// lookAgain has the heads of all ledgers looked at again.
func (in *intake) lookAgain() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lookAll = true
}

// resolveAtOnce is how many events are looked up together.
const resolveAtOnce = 200

// resolve looks up the organizers of events that were not seen before.
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
			e, known := found[id]
			if delete(in.unknown, id); !known {
				continue // not stored yet: it is asked for again with its next entry
			}
			in.owners[id] = e.OrganizerID
			if len(in.wanted[e.OrganizerID]) > 0 {
				mine = append(mine, id)
			}
		}
		in.mu.Unlock()
		if len(mine) > 0 {
			if err := in.follower.Look(ctx, mine); err != nil {
				in.lookAgain()
				return err
			}
		}
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
		life := in.life
		in.mu.Unlock()
		if len(entries) == 0 {
			return nil
		}
		cursors, err := in.s.take(ctx, entries)
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

// stored is a message with the endpoints that it goes to.
type stored struct {
	message
	to []string
}

// take stores messages about entries and moves the cursors of their events, in one
// transaction. It returns the cursors.
func (s *Service) take(ctx context.Context, entries []ledger.Entry) (map[string]int64, error) {
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
	cursors := map[string]int64{}
	for i := range entries {
		e := &entries[i]
		cursors[e.EventID] = e.Seq
		var b *bookingapi.Booking
		if found, ok := bookings[e.BookingID]; ok {
			b = &found
		}
		if w, ok := awaits(e, b); ok && s.intake.waitsFor(&w) {
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
		if to := s.intake.receivers(e.EventID, m.kind, e.At); len(to) > 0 {
			messages = append(messages, stored{m, to})
		}
	}
	err := s.store.db.Write(ctx, func(tx *sql.Tx) error {
		now := s.now()
		for i := range messages {
			if err := s.store.add(ctx, tx, &messages[i].message, messages[i].to, now); err != nil {
				return err
			}
		}
		for _, w := range waits {
			if err := addAwaited(ctx, tx, w, now); err != nil {
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
