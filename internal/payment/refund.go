package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/payment/provider"
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

	mu      sync.Mutex
	cursors map[string]*cursor // by event id
	todo    []ledger.Entry     // entries that need a row
	more    bool               // todo has grown since hear last looked
	idle    bool               // another node does the work

	later  jobs.Retries // refunds that failed, by id; only round uses it
	resume string       // the id after which the next round of settle begins; "": at the first
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
	r := &refunder{s: s, ledgers: ledgers, others: ledgers, wake: make(chan struct{}, 1), cursors: map[string]*cursor{}, later: retries()}
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
		if err = r.later.Outcome(err); err == nil && r.resting() { // another node does the work
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

// rest leaves the work to another node, or resumes it where that node left it.
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

// errLeft says that a refund was left to the next round.
var errLeft = errors.New("left to the next round")

// settle attempts every refund that is open and due, for a while: a round has other things
// to do, and the next one goes on from there. A failing one is retried after growing pauses
// while the others continue.
func (r *refunder) settle(ctx context.Context) error {
	last, end := r.resume, r.later.Round()
	resumed, until := r.resume != "", r.s.now().Add(settleTime)
	r.resume = ""
	var failed []error
	for ctx.Err() == nil {
		page, err := r.s.store.openRefunds(ctx, last, refundsAtOnce)
		if err == nil && len(page) == 0 {
			if resumed {
				r.poke() // for those before
			} else {
				end()
			}
			r.s.metrics.refundsLate.Set(float64(r.later.Len()))
		}
		if err != nil || len(page) == 0 {
			return errors.Join(append(failed, err)...)
		}
		tried := last
		last = page[len(page)-1].id
		now := r.s.now()
		due := slices.DeleteFunc(page, func(f openRefund) bool { return !r.later.Due(f.id, now) })
		delays := delayRefunds{now: r.s.micros()}
		left := false
		for i, err := range r.attempt(ctx, due, until) {
			id := due[i].id
			if left = left || errors.Is(err, errLeft); left {
				break
			}
			if tried = id; err == nil {
				r.later.Done(id)
			} else {
				r.later.Failed(id, r.s.now())
				failed = append(failed, err)
				if due[i].reason == "" && !errors.Is(err, errNotAsked) && !errors.Is(err, errBusy) { // otherwise it was noted before
					delays.list = append(delays.list, due[i])
				}
			}
		}
		if len(delays.list) > 0 {
			if err := r.s.store.do(ctx, &delays); err != nil {
				failed = append(failed, err)
			}
		}
		if len(failed) > refundWorkers {
			failed = failed[:1] // one of them is enough for the log
		}
		if left {
			r.resume = tried
			r.s.metrics.refundsLate.Set(float64(r.later.Len()))
			r.poke()
			return errors.Join(failed...)
		}
	}
	return ctx.Err()
}

// attempt attempts some refunds concurrently, once each, and leaves some if need be.
func (r *refunder) attempt(ctx context.Context, due []openRefund, until time.Time) []error {
	failures := make([]error, len(due))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(refundWorkers, len(due)) {
		wg.Go(func() {
			for i := range next {
				if failures[i] = errLeft; !r.s.now().After(until) {
					failures[i] = r.s.guarded(ctx, "refund "+due[i].id, func() error { return r.one(ctx, due[i]) })
				}
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

// chargedBack is why a refund is needless whose buyer has got the money by a dispute.
const chargedBack = "charged-back"

// refundedElsewhere is why a refund is needless whose money was given back on the
// gateway's own pages.
const refundedElsewhere = "refunded-elsewhere"

// errNotAsked says that a refund which a person wants tried again waits until the gateway
// has said what was given back meanwhile.
var errNotAsked = errors.New("the gateway could not be asked what was given back meanwhile")

// errBusy says that a refund waits because the gateway takes no more requests.
var errBusy = errors.New("the gateway takes no more requests")

// one makes a refund if that is possible now.
func (r *refunder) one(ctx context.Context, f openRefund) error {
	if job, err := r.s.store.refundJob(ctx, f.eventID); err != nil || job.paused {
		return err // it may have been paused since the refund was listed
	}
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
		return nil // cancelled before the money was taken: wait until the payment is final
	}
	if p.over() { // nothing was taken, or all of it was returned already
		end.status = refundNeedless
		return r.finish(ctx, &end)
	}
	if p.elsewhere > 0 { // more may have been set off since the refund was listed
		if now, err := r.s.store.refundChanged(ctx, &f); err != nil || now != f.updatedAt {
			return err // the next round goes by what was learned
		}
	}
	if f.elsewhere > 0 {
		return r.isSetOff(ctx, &p, &end)
	}
	if _, _, err := next(p.state(), event{kind: evRefunded, amount: f.amount}); err != nil {
		end.status, end.reason = refundFailed, "more-than-captured"
		if p.elsewhere > 0 && p.Status == paymentapi.Refunded {
			end.status, end.reason = refundNeedless, refundedElsewhere
		}
		return r.finish(ctx, &end)
	}
	if f.amount > p.Amount-p.Refunded-p.disputed {
		if p.dispute != disputeLost {
			return nil // the gateway has the money; it is the buyer's bank that decides
		}
		if made, err := r.made(ctx, &p, &f); made || err != nil {
			return r.finishMade(ctx, &end, err)
		}
		end.status, end.reason = refundNeedless, chargedBack
		if p.Amount-p.Refunded > p.disputed { // not all of it: a person decides what is owed
			end.status = refundFailed
		}
		return r.finish(ctx, &end)
	}
	asking, cancel := context.WithTimeout(ctx, stepTimeout) // a gateway that hangs holds up nothing else
	defer cancel()
	if f.again() || p.dispute == disputeOpen { // meanwhile, a person may have given it back
		if err := r.s.Ask(asking, p.ID); err != nil {
			return fmt.Errorf("refund %s: %w: %w", f.id, errNotAsked, err)
		}
		if now, err := r.s.store.payment(ctx, p.ID); err != nil || now.Version != p.Version {
			return err // the next round goes by what was learned
		}
	}
	if r.s.calls.resting() > 0 { // captures come first
		return fmt.Errorf("refund %s: %w", f.id, errBusy)
	}
	point("before", "refund")
	o, err := r.s.gatewayOf(&p).Refund(asking, f.key(), r.s.charge(&p, p.try), f.amount)
	point("after", "refund")
	switch {
	case err != nil:
		return fmt.Errorf("refund %s: %w", f.id, err)
	case o.Verdict == provider.Undecided:
		return fmt.Errorf("refund %s: the gateway has not decided", f.id)
	case o.Verdict == provider.Declined:
		if disputed, err := r.disputed(asking, p.ID); disputed || err != nil {
			return err // it waits
		}
		end.status, end.reason, end.spent = refundFailed, o.Reason, o.Spent
	}
	return r.finish(ctx, &end)
}

// disputed asks whether a refund was declined because the buyer disputes the payment.
func (r *refunder) disputed(ctx context.Context, paymentID string) (bool, error) {
	if err := r.s.Ask(ctx, paymentID); err != nil {
		return false, err
	}
	p, err := r.s.store.payment(ctx, paymentID)
	return p.dispute == disputeOpen, err
}

func (r *refunder) finish(ctx context.Context, w *endRefund) error {
	if err := r.s.store.do(ctx, w); err != nil {
		return err
	}
	if !w.ended {
		return nil // another process was faster
	}
	point("is", w.status)
	r.s.metrics.refunds.WithLabelValues(w.status).Inc()
	if w.status == refundFailed {
		r.s.log.ErrorContext(ctx, "a refund needs a person to look at it",
			"refund", w.id, "payment", w.paymentID, "reason", w.reason)
	}
	return nil
}

// refundID is also the gateway's idempotency key of the first attempt.
func refundID(eventID string, seq int64) string { return paymentapi.RefundID(eventID, seq) }
