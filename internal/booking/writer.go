package booking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// job is a command on its way through a writer, with room for the answer.
type job struct {
	cmd     command
	booking bookingapi.Booking              // as the command left it; zero when there is none
	decided func(bookingapi.Booking, error) // called with the decision; may be nil
}

// item is a waiting job.
type item = batch.Item[*job]

// writer decides the commands of its events, many at a time, and commits each
// batch in one transaction.
type writer struct {
	store   store
	catalog *catalog
	views   *views
	recent  *recent
	tell    func([]ledger.Entry) // passes entries to the followers of the ledger
	metrics *metrics
	log     *slog.Logger
	queue   *batch.Queue[*job]
}

const (
	maxBatch   = 512             // commands in one transaction
	maxWaiting = 20_000          // commands that may wait for a writer
	maxExpired = 2048            // expired seats that one batch may choose from
	batchTime  = 8 * time.Second // for one transaction
	maxTries   = 4
)

// run carries out the commands that the queue has collected.
func (w *writer) run(items []*item) {
	for len(items) > 0 {
		n := segment(items)
		w.together(&load{items: items[:n:n]})
		items = items[n:]
	}
}

// load is the commands of one transaction. While another node has the lock on a
// head, waiting commands may join it, unless alone is set.
type load struct {
	items []*item
	alone bool
}

// segment returns how many of the first items may share a transaction. Changes of
// sales are kept apart from commands about seats, since they may replace the plans
// and prices by which those are decided.
func segment(items []*item) int {
	sale := items[0].Value.cmd.do == doSetSale
	for i, it := range items {
		if (it.Value.cmd.do == doSetSale) != sale {
			return i
		}
	}
	return len(items)
}

// together carries out a load in one transaction; if that fails, in one transaction
// for each command.
func (w *writer) together(l *load) {
	err := w.attempt(l)
	if err == nil {
		return
	}
	w.metrics.noted(w.log, "writer", err)
	if len(l.items) == 1 || sqldb.Outage(err) { // further attempts would fail too
		for _, it := range l.items {
			it.Done(err)
		}
		return
	}
	for _, it := range l.items {
		if err := w.attempt(&load{items: []*item{it}, alone: true}); err != nil {
			w.metrics.noted(w.log, "writer", err)
			it.Done(err)
		}
	}
}

// attempt commits a batch and answers its commands; on an error none was answered.
func (w *writer) attempt(l *load) error {
	ctx, cancel := context.WithTimeout(context.Background(), batchTime)
	defer cancel()
	start := time.Now()
	var answers []answer
	err := jobs.Catch(func() (err error) {
		answers, err = w.settle(ctx, l)
		return err
	})
	if err != nil {
		return err
	}
	w.metrics.batch.Observe(float64(len(l.items)))
	for _, it := range l.items {
		w.metrics.wait.Observe(max(0, start.Sub(it.Since)).Seconds()) // 0 for those who joined
	}
	w.metrics.decided(l.items, answers)
	for i, it := range l.items {
		if told := it.Value.decided; told != nil {
			told(it.Value.booking, answers[i].err)
		}
		it.Done(answers[i].err)
	}
	return nil
}

// settle commits a batch and publishes its entries. It starts over, from the reads,
// when what it decided on has changed or was not in memory.
func (w *writer) settle(ctx context.Context, load *load) ([]answer, error) {
	l := attemptState{prices: map[priceKey]*priced{}}
	for try := 1; ; try++ {
		states, answers, err := w.commit(ctx, load, &l)
		if err == nil {
			w.publish(ctx, states)
			return answers, nil
		}
		var m missing
		switch {
		case try == maxTries:
			return nil, err
		case errors.As(err, &m):
			if l.prices[m.priceKey], err = w.catalog.load(ctx, m.priceKey); err != nil {
				return nil, err
			}
			try-- // no endless loop: each list is missing only once
		case errors.Is(err, errNoView):
			for _, id := range eventsOf(load.items) {
				if _, err := w.views.get(ctx, id); err != nil && errs.KindOf(err) != errs.NotFound {
					return nil, err
				}
			}
		case errors.Is(err, errRemembered):
			l.careful = true
		case errors.Is(err, errGuard):
			w.metrics.guards.Inc()
			if l.careful { // everything was read except the view, from which seats are chosen
				for _, id := range eventsOf(load.items) {
					w.views.forget(id)
				}
			}
			l.careful = true
		default:
			return nil, err
		}
	}
}

// errNothing ends a batch that changes nothing.
var errNothing = sqldb.Unwritten(errors.New("booking: nothing to write"))

// errRemembered ends a batch in which a command that writes nothing would be
// answered from memory, so that no write would check what is remembered.
var errRemembered = sqldb.Unwritten(errors.New("booking: a decision without a write needs what the database has"))

// attemptState carries what a failed attempt at a batch learned into the next one.
type attemptState struct {
	prices  map[priceKey]*priced // fetched after they were missing
	careful bool                 // trust no memory, and check whether bookings to be made exist under another account
}

// peek returns a price list if it is in memory.
func (w *writer) peek(l *attemptState, k priceKey) (*priced, bool) {
	if p := l.prices[k]; p != nil {
		return p, true
	}
	return w.catalog.peek(k)
}

// commit is the heart: lock, read, decide, write, commit.
func (w *writer) commit(ctx context.Context, load *load, l *attemptState) (states map[string]*state, answers []answer, err error) {
	err = w.store.batch(ctx, caught(func(tx storeTx) error {
		states = map[string]*state{}
		ordered := make([]*state, 0, 4)
		for _, id := range eventsOf(load.items) {
			s := newState(id)
			states[id] = s
			ordered = append(ordered, s)
		}
		if w.contended(ordered) {
			if err := tx.lock(ctx, ordered); err != nil {
				return err
			}
			w.join(load, states)
		}
		items := load.items
		answers = make([]answer, len(items))
		known := w.known(items, l)
		if err := tx.heads(ctx, ordered, w.hints(items, l, known)); err != nil {
			return err
		}
		now, err := tx.now(ctx)
		if err != nil {
			return err
		}
		for _, s := range ordered {
			s.now = max(now, s.at)
			if err := w.read(ctx, tx, s, items, l, known); err != nil {
				return err
			}
		}
		if err := decideAll(states, items, known, answers); err != nil {
			return err
		}
		if err := w.prove(ctx, tx, ordered); err != nil {
			return err
		}
		return tx.save(ctx, ordered)
	}))
	if errors.Is(err, errNothing) {
		err = nil
	}
	return states, answers, err
}

// decideAll decides the commands in order, each on the state that the previous ones
// left, and fills in their answers.
func decideAll(states map[string]*state, items []*item, known map[string]*record, answers []answer) error {
	changed := false
	for i, it := range items {
		c := &it.Value.cmd
		s := states[c.eventID]
		effects, a := decide(s, c)
		if len(effects) == 0 && known[c.bookingID] != nil {
			return errRemembered
		}
		for _, e := range effects {
			s.apply(e)
			changed = true
		}
		answers[i] = a
		if b := s.bookings[a.booking]; b != nil {
			it.Value.booking = b.Booking
		}
	}
	if !changed {
		return errNothing
	}
	return nil
}

// caught turns a panic into an error, which rolls the batch back. Its commands are
// then tried again one by one.
func caught(fn func(storeTx) error) func(storeTx) error {
	return func(tx storeTx) error {
		return jobs.Catch(func() error { return fn(tx) })
	}
}

// prove checks that the decisions do not contradict the claims that were read, and
// reads the claims that no write would check.
func (w *writer) prove(ctx context.Context, tx storeTx, states []*state) error {
	for _, s := range states {
		if s.claims.err != nil {
			return s.claims.err
		}
		seats := s.claims.unproven()
		if len(seats) == 0 {
			continue
		}
		rows, err := tx.claims(ctx, s.eventID, seats)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			return fmt.Errorf("%w: %d seats were not free", errGuard, len(rows))
		}
	}
	return nil
}

// contended reports whether other nodes sell some of the events too, so that the
// heads may be locked for a while.
func (w *writer) contended(states []*state) bool {
	for _, s := range states {
		if v := w.views.peek(s.eventID); v != nil && v.behind.Load() {
			return true
		}
	}
	return false
}

// join adds commands about these events that have arrived since the load was put
// together.
func (w *writer) join(l *load, states map[string]*state) {
	if l.alone || l.items[0].Value.cmd.do == doSetSale {
		return
	}
	l.items = append(l.items, w.queue.Join(maxBatch-len(l.items), func(j *job) bool {
		return j.cmd.do != doSetSale && states[j.cmd.eventID] != nil
	})...)
}

// eventsOf lists the events of a batch in id order, which is the lock order.
func eventsOf(items []*item) []string {
	var ids []string
	for _, it := range items {
		if id := it.Value.cmd.eventID; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func unique[T string | int32](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// publish feeds the committed entries to the seat views and the subscribers.
func (w *writer) publish(ctx context.Context, states map[string]*state) {
	for _, s := range states {
		if len(s.entries) == 0 && len(s.moved) == 0 {
			continue
		}
		err := jobs.Catch(func() error { // a panic must not turn a committed batch into an error
			w.recent.keep(s)
			w.views.feed(ctx, s.entries)
			w.tell(s.entries)
			w.metrics.entries(s.entries)
			return nil
		})
		if err != nil {
			w.metrics.noted(w.log, "writer", err)
			w.views.forget(s.eventID)
		}
	}
}

// notQueued reports whether a queue refused a command without queueing it.
func notQueued(err error) bool {
	var full batch.Full
	var closed batch.Closed
	return errors.As(err, &full) || errors.As(err, &closed)
}

// unclear turns a queue's error into one for the caller.
func unclear(err error) error {
	var full batch.Full
	var closed batch.Closed
	switch {
	case errors.As(err, &full):
		return errs.New(errs.Unavailable, "busy", "We are very busy; please try again in a moment.").After(time.Second)
	case errors.As(err, &closed):
		return errs.New(errs.Unavailable, "shutting-down", "This node is shutting down; please try again.").After(time.Second)
	}
	return err
}

// hashOf distributes events over writers.
func hashOf(eventID string) uint32 {
	h := uint32(2166136261)
	for _, c := range []byte(strings.ToLower(eventID)) {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}
