package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/payment/provider"
)

// refunder gives money back for the cancelled entries of the bookings' ledgers.
//
// It follows all ledgers (ledger.Follower) and keeps for each event how far it got. An
// entry that needs a refund gets a row, in one transaction with the event's cursor
// (intake); from then on the row is the work to be done (settle). Entries that need
// none only move the cursor in memory: after a crash they are read again, and mean
// nothing again.
type refunder struct {
	s        *Service
	wake     chan struct{}
	follower *ledger.Follower

	mu      sync.Mutex
	cursors map[string]*cursor // by event id
	todo    []ledger.Entry     // need a row
	more    bool               // todo has grown since hear looked last
	idle    bool               // another node does the work

	later jobs.Retries // refunds that failed, by id; only round uses it
}

// retries remember what has failed, while this node does the work.
func retries() jobs.Retries {
	return jobs.Retries{First: refundRound, Longest: longestRetry, Most: retriesMost}
}

// cursor is how far an event's ledger was followed.
type cursor struct {
	seen  int64 // all up to here were looked at
	saved int64 // all up to here have their row, and the table says so
}

const (
	refundRound    = time.Second      // between two looks at what is left to do
	longestRetry   = 2 * time.Minute  // between two tries of a refund that fails
	retriesMost    = 10_000           // failures that are remembered one by one
	saveEvery      = 30 * time.Second // between two savings of cursors that moved without work
	saveAfter      = 1000             // entries by which such a cursor must have moved
	intakeAtOnce   = 500
	todoMost       = 50_000 // entries that may wait for a row when rows cannot be written
	refundsAtOnce  = 256
	refundWorkers  = 64
	refundPending  = "pending"
	refundDone     = "done"
	refundNeedless = "needless" // the payment took no money
	refundFailed   = "failed"   // a person has to look at it
)

func newRefunder(ctx context.Context, s *Service) (*refunder, error) {
	r := &refunder{s: s, wake: make(chan struct{}, 1), cursors: map[string]*cursor{}, later: retries()}
	r.follower = ledger.NewFollower(s.bookings, r)
	saved, err := s.store.savedCursors(ctx)
	if err != nil {
		return nil, err
	}
	for event, seq := range saved {
		r.cursors[event] = &cursor{seen: seq, saved: seq}
	}
	return r, nil
}

// hear takes committed entries. It is called on the booking service's writer and only
// takes notes, and none while another node does the work.
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

// Cursor is how far an event's ledger was followed; see ledger.Consumer.
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

func (r *refunder) poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake already
	}
}

// run works until ctx ends. What fails is tried again in the next round.
func (r *refunder) run(ctx context.Context) {
	caughtUp, saved := false, r.s.now()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, refundRound, r.wake, func(ctx context.Context) error {
		err := r.s.guarded(ctx, "refunds", func() error { return r.round(ctx, &caughtUp, &saved) })
		if err = r.later.Outcome(err); err == nil && r.resting() { // another node does the work
			err = jobs.ErrNotOver
		}
		trouble.Log(ctx, r.s.log, slog.LevelWarn, "refunds are delayed", err)
		return nil
	})
}

// round does what there is to do. What fails stops nothing else.
func (r *refunder) round(ctx context.Context, caughtUp *bool, saved *time.Time) (err error) {
	if held := r.s.lease.Held(ctx); !held || r.resting() {
		*caughtUp = false
		if err = r.rest(ctx, !held); err == nil && !held {
			return nil
		}
	}
	if err == nil && (!*caughtUp || r.s.shared) { // other nodes' entries may not be heard here
		err = r.follower.Look(ctx, nil)
		*caughtUp = err == nil
	}
	err = errors.Join(err, r.follower.CatchUp(ctx, nil, r.room()), r.intake(ctx), r.settle(ctx))
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

// rest leaves the work to another node, or takes it up where that has left it.
func (r *refunder) rest(ctx context.Context, idle bool) error {
	if idle {
		r.later.Forget()
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
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle, r.todo, r.cursors = false, nil, map[string]*cursor{}
	for event, seq := range saved {
		r.cursors[event] = &cursor{seen: seq, saved: seq}
	}
	return nil
}

// room is called while many entries are read, and gives those that wait their rows.
// Where that fails, reading goes on for a while, since entries that fail do not hold up
// the others.
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
			return nil // intake comes again after the reading, and says what is wrong
		}
		return err
	}
}

// intake gives each entry that needs a refund its row.
func (r *refunder) intake(ctx context.Context) error {
	for {
		r.mu.Lock()
		n := min(len(r.todo), intakeAtOnce)
		w := intake{entries: r.todo[:n:n], now: r.s.micros()}
		if n == len(r.todo) { // so far and no further: the cursors may be saved with them
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

// intakeEach gives entries their rows one by one after they could not get them
// together. Those that fail stay, behind the others, and the cursors stay with
// them; a row that is there already is left alone.
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

// save keeps all cursors, so that the next start has little to read.
func (r *refunder) save(ctx context.Context) error {
	if r.resting() {
		return nil
	}
	if err := r.intake(ctx); err != nil {
		return err
	}
	return r.saveMoved(ctx, 1)
}

// saveMoved saves the cursors that have moved by so many entries.
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

// settle makes one attempt at every refund that is open and due. One that fails is
// left alone for a while, longer each time, and the others go on.
func (r *refunder) settle(ctx context.Context) error {
	last, end := "", r.later.Round()
	var failed []error
	for ctx.Err() == nil {
		page, err := r.s.store.openRefunds(ctx, last, refundsAtOnce)
		if err == nil && len(page) == 0 {
			end()
			r.s.metrics.refundsLate.Set(float64(r.later.Len()))
		}
		if err != nil || len(page) == 0 {
			return errors.Join(append(failed, err)...)
		}
		last = page[len(page)-1].id
		now := r.s.now()
		due := slices.DeleteFunc(page, func(f openRefund) bool { return !r.later.Due(f.id, now) })
		for i, err := range r.attempt(ctx, due) {
			if id := due[i].id; err == nil {
				r.later.Done(id)
			} else {
				r.later.Failed(id, now)
				failed = append(failed, err)
			}
		}
		if len(failed) > refundWorkers {
			failed = failed[:1] // one of them will do for the log
		}
	}
	return ctx.Err()
}

// attempt makes one attempt at each of some refunds, many at a time.
func (r *refunder) attempt(ctx context.Context, due []openRefund) []error {
	failures := make([]error, len(due))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(refundWorkers, len(due)) {
		wg.Go(func() {
			for i := range next {
				failures[i] = r.s.guarded(ctx, "refund "+due[i].id, func() error { return r.one(ctx, due[i]) })
			}
		})
	}
	for i := range due {
		next <- i
	}
	close(next)
	wg.Wait()
	return failures
}

// one gives one refund's money back if that can be done now.
func (r *refunder) one(ctx context.Context, f openRefund) error {
	end := endRefund{openRefund: f, status: refundDone, now: r.s.micros()}
	p, err := r.s.store.ofBooking(ctx, f.bookingID)
	if errs.KindOf(err) == errs.NotFound {
		end.status, end.reason = refundFailed, "no-payment"
		return r.finish(ctx, &end)
	}
	if err != nil {
		return err
	}
	end.paymentID = p.ID
	if !p.Status.Final() {
		return nil // booked and cancelled before the money was taken: wait for that to end
	}
	if p.over() { // nothing was taken, or all of it went back already
		end.status = refundNeedless
		return r.finish(ctx, &end)
	}
	if _, _, err := next(p.state(), event{kind: evRefunded, amount: f.amount}); err != nil {
		end.status, end.reason = refundFailed, "more-than-captured"
		return r.finish(ctx, &end)
	}
	o, err := r.s.gatewayOf(&p).Refund(ctx, f.id, p.charge(p.try), f.amount)
	switch {
	case err != nil:
		return fmt.Errorf("refund %s: %w", f.id, err)
	case o.Verdict == provider.Undecided:
		return fmt.Errorf("refund %s: the gateway has not decided", f.id)
	case o.Verdict == provider.Declined:
		end.status, end.reason = refundFailed, o.Reason
	}
	return r.finish(ctx, &end)
}

func (r *refunder) finish(ctx context.Context, w *endRefund) error {
	if err := r.s.store.do(ctx, w); err != nil {
		return err
	}
	if !w.ended {
		return nil // another process was faster
	}
	r.s.metrics.refunds.WithLabelValues(w.status).Inc()
	if w.status == refundFailed {
		r.s.log.ErrorContext(ctx, "a refund needs a person to look at it",
			"refund", w.id, "payment", w.paymentID, "reason", w.reason)
	}
	return nil
}

// refundID is also the gateway's idempotency key.
func refundID(eventID string, seq int64) string { return eventID + ":" + strconv.FormatInt(seq, 10) }
