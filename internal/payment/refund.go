package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

// Ledgers are the ledgers of all events, whose cancelled entries refunds follow.
type Ledgers interface {
	ledger.Source
	// Subscribe registers a function that is called with new entries, ascending
	// for each event, and must return at once.
	Subscribe(func([]ledger.Entry))
	ledger.Others
}

// refunder gives money back for the cancelled entries of the bookings' ledgers.
//
// It follows all ledgers (ledger.Follower) and keeps a cursor for each event. An entry
// that needs a refund gets a row, in one transaction with the event's cursor (intake);
// from then on the row is the task (settle). Entries that need no refund only move the
// cursor in memory: after a crash they are read again, without effect.
type refunder struct {
	s        *Service
	ledgers  ledger.Source
	wake     chan struct{}
	others   ledger.Others
	follower *ledger.Follower
	looked   time.Time // when the heads of all ledgers were last looked at; only round uses it
	since    int64     // when this process took up the work, µs since 1970; only round uses it

	mu      sync.Mutex
	cursors map[string]*cursor // by event id
	todo    []ledger.Entry     // entries that need a row
	more    bool               // todo has grown since hear last looked
	idle    bool               // another node does the work

	excess jobs.Retries    // excesses that could not be given back, by payment; only round uses it
	told   map[string]bool // payments whose excess a person was told to give back; only round uses it
	later  jobs.Retries    // refunds that failed, by id; only round uses it
	waits  jobs.Retries    // refunds that wait for the end of a dispute, by id; only round uses it
	resume string          // the id after which the next round of settle begins; "": at the first
}

// retries keeps track of failures while this node does the work.
func retries() jobs.Retries {
	return jobs.Retries{First: refundRound, Longest: longestRetry, Most: retriesMost}
}

// cursor is how far an event's ledger has been processed.
type cursor struct {
	seen  int64 // all up to here were looked at
	saved int64 // all up to here have their row, and the table says so
}

const (
	refundRound    = time.Second      // between two rounds
	longestRetry   = 2 * time.Minute  // between two attempts at a refund that fails
	longestExcess  = time.Hour        // between two attempts to give back an excess
	retriesMost    = 10_000           // failures tracked one by one
	saveEvery      = 30 * time.Second // between two saves of cursors that moved without work
	saveAfter      = 1000             // entries by which such a cursor must have moved
	intakeAtOnce   = 500
	todoMost       = 50_000 // entries that may wait for a row while rows cannot be written
	refundsAtOnce  = 256
	refundWorkers  = 64
	settleTime     = 20 * time.Second // after which a round begins no further refunds
	refundPending  = paymentapi.RefundPending
	refundDone     = paymentapi.RefundDone
	refundNeedless = paymentapi.RefundNeedless
	refundFailed   = paymentapi.RefundFailed
)

func newRefunder(ctx context.Context, s *Service, ledgers Ledgers) (*refunder, error) {
	r := &refunder{s: s, ledgers: ledgers, others: ledgers, wake: make(chan struct{}, 1), cursors: map[string]*cursor{}, later: retries(), waits: retries(),
		since: s.micros(), excess: jobs.Retries{First: refundRound, Longest: longestExcess, Most: retriesMost}, told: map[string]bool{}}
	r.follower = ledger.NewFollower(ledgers, r)
	saved, err := s.store.savedCursors(ctx)
	if err != nil {
		return nil, err
	}
	for event, seq := range saved {
		r.cursors[event] = &cursor{seen: seq, saved: seq}
	}
	return r, nil
}

// hear receives committed entries. It runs on the booking service's writer or on what
// receives from other nodes, so it only takes notes, and none while another node does the
// work.
func (r *refunder) hear(entries []ledger.Entry) {
	behind := r.follower.Hear(entries)
	r.mu.Lock()
	work := behind || r.more
	r.more = false
	r.mu.Unlock()
	if work {
		r.poke()
	}
}

// Cursor returns how far an event's ledger was followed; see ledger.Consumer.
func (r *refunder) Cursor(eventID string) (seq int64, follows bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.cursors[eventID]; c != nil {
		seq = c.seen
	}
	return seq, !r.idle
}

// Consume notes the entries that need a row.
func (r *refunder) Consume(entries []ledger.Entry, _ bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idle {
		return
	}
	c := r.cursors[entries[0].EventID]
	if c == nil {
		c = &cursor{}
		r.cursors[entries[0].EventID] = c
	}
	for i := range entries {
		e := &entries[i]
		if e.Seq != c.seen+1 {
			continue
		}
		c.seen = e.Seq
		if e.Kind == ledger.Cancelled && e.Amount > 0 {
			r.todo, r.more = append(r.todo, *e), true
		}
	}
}

// noted returns an event's entries that need a row, and how far its ledger was read; 0: this
// node does not know.
func (r *refunder) noted(eventID string) (todo []ledger.Entry, seen int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.cursors[eventID]; c != nil {
		seen = c.seen
	}
	for i := range r.todo {
		if r.todo[i].EventID == eventID {
			todo = append(todo, r.todo[i])
		}
	}
	return todo, seen
}

// listener hears what other nodes commit while this node does the work.
func (r *refunder) listener() ledger.Listener {
	return ledger.Listener{Listens: func() bool { return !r.resting() }, Wants: r.follower.Wants, Hear: r.hear}
}

func (r *refunder) poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake already
	}
}

// run works until ctx ends. Failures are retried in the next round.
func (r *refunder) run(ctx context.Context) {
	caughtUp, saved := false, r.s.now()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, refundRound, r.wake, func(ctx context.Context) error {
		err := r.s.guarded(ctx, "refunds", func() error { return r.round(ctx, &caughtUp, &saved) })
		if err = r.excess.Outcome(r.later.Outcome(err)); err == nil && r.resting() { // another node does the work
			err = jobs.ErrNotOver
		}
		trouble.Log(ctx, r.s.log, slog.LevelWarn, "refunds are delayed", err)
		return nil
	})
}

// round does all pending work. A failure does not stop the rest.
func (r *refunder) round(ctx context.Context, caughtUp *bool, saved *time.Time) (err error) {
	if held := r.s.lease.Held(ctx); !held || r.resting() {
		*caughtUp = false
		if err = r.rest(ctx, !held); err == nil && !held {
			return nil
		}
	}
	if err == nil && (!*caughtUp || r.s.shared && time.Since(r.looked) >= ledger.LookPause(r.others)) { // entries of other nodes may not arrive here
		r.looked = time.Now()
		err = r.follower.Look(ctx, nil)
		*caughtUp = err == nil
	}
	err = errors.Join(err, r.follower.CatchUp(ctx, nil, r.room()), r.intake(ctx), r.settle(ctx), r.excesses(ctx))
	if r.s.now().Sub(*saved) >= saveEvery {
		*saved = r.s.now()
		err = errors.Join(err, r.saveMoved(ctx, saveAfter))
	}
	return err
}

func (r *refunder) resting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.idle
}

// rest leaves the work to another node, or resumes it where that node left it.
func (r *refunder) rest(ctx context.Context, idle bool) error {
	if idle {
		r.later.Forget()
		r.excess.Forget()
		r.waits.Forget()
		r.s.metrics.refundsLate.Set(0)
		r.mu.Lock()
		r.idle, r.todo, r.cursors = true, nil, map[string]*cursor{}
		r.mu.Unlock()
		return nil
	}
	saved, err := r.s.store.savedCursors(ctx)
	if err != nil {
		return err
	}
	r.since = r.s.micros()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle, r.todo, r.cursors = false, nil, map[string]*cursor{}
	for event, seq := range saved {
		r.cursors[event] = &cursor{seen: seq, saved: seq}
	}
	return nil
}

// room is called while many entries are read, and writes the rows of those that
// wait. If that fails, reading continues for a while, so that failing entries do not
// hold up the others.
func (r *refunder) room() func(ctx context.Context) error {
	stuck := false
	return func(ctx context.Context) error {
		r.mu.Lock()
		n := len(r.todo)
		r.mu.Unlock()
		if n < intakeAtOnce || stuck && n < todoMost {
			return nil
		}
		err := r.intake(ctx)
		if stuck = err != nil; n < todoMost {
			return nil // intake runs again after the reading, and reports the error
		}
		return err
	}
}

// intake writes a row for each entry that needs a refund.
func (r *refunder) intake(ctx context.Context) error {
	for {
		r.mu.Lock()
		n := min(len(r.todo), intakeAtOnce)
		w := intake{entries: r.todo[:n:n], now: r.s.micros()}
		if n == len(r.todo) { // all are included, so the cursors can be saved with them
			w.cursors = map[string]int64{}
			for _, e := range w.entries {
				w.cursors[e.EventID] = r.cursors[e.EventID].seen
			}
		}
		r.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := r.s.store.do(ctx, &w); err != nil {
			return r.intakeEach(ctx, w.entries, err)
		}
		r.mu.Lock()
		r.todo = append([]ledger.Entry(nil), r.todo[n:]...)
		r.keepSaved(w.cursors)
		r.mu.Unlock()
	}
}

// intakeEach writes rows one by one after they could not be written together.
// Entries that fail stay at the end of the queue and hold their cursor back; an
// existing row is left alone.
func (r *refunder) intakeEach(ctx context.Context, entries []ledger.Entry, err error) error {
	var bad []ledger.Entry
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if one := r.s.store.do(ctx, &intake{entries: []ledger.Entry{e}, now: r.s.micros()}); one != nil {
			bad, err = append(bad, e), one
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.todo = append(append([]ledger.Entry(nil), r.todo[len(entries):]...), bad...)
	if len(bad) == 0 {
		r.poke()
		return nil
	}
	return fmt.Errorf("%d refunds have no row: %w", len(bad), err)
}

// save stores all cursors, so that the next start has little to read.
func (r *refunder) save(ctx context.Context) error {
	if r.resting() {
		return nil
	}
	if err := r.intake(ctx); err != nil {
		return err
	}
	return r.saveMoved(ctx, 1)
}

// saveMoved stores the cursors that have moved by at least this many entries.
func (r *refunder) saveMoved(ctx context.Context, by int64) error {
	w := intake{cursors: map[string]int64{}}
	r.mu.Lock()
	if len(r.todo) == 0 {
		for event, c := range r.cursors {
			if c.seen-c.saved >= by {
				w.cursors[event] = c.seen
			}
		}
	}
	r.mu.Unlock()
	if len(w.cursors) == 0 {
		return nil
	}
	if err := r.s.store.do(ctx, &w); err != nil {
		return err
	}
	r.mu.Lock()
	r.keepSaved(w.cursors)
	r.mu.Unlock()
	return nil
}

func (r *refunder) keepSaved(cursors map[string]int64) {
	for event, seq := range cursors {
		r.cursors[event].saved = max(r.cursors[event].saved, seq)
	}
}

// refundID is also the gateway's idempotency key of the first attempt.
func refundID(eventID string, seq int64) string { return paymentapi.RefundID(eventID, seq) }
