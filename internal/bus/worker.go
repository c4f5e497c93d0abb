package bus

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
)

// worker hands messages to one consumer.
type worker struct {
	b        *Bus
	c        *Consumer
	outboxes []Outbox
	lease    *sqldb.Lease
	wake     chan struct{} // a bell has rung
	retries  jobs.Retries
	tries    map[Ref]int // of messages that wait for their next try
	replayed time.Time   // when dead letters were last looked through
	pruned   time.Time   // when taken messages were last pruned

	heardOne chan struct{} // the transport has brought something
	mu       sync.Mutex
	heard    []Message // what the transport has brought
}

func (b *Bus) newWorker(ctx context.Context, c *Consumer) (*worker, error) {
	lease, err := sqldb.NewLease(ctx, b.DB, "bus "+c.Name)
	if err != nil {
		return nil, err
	}
	w := &worker{b: b, c: c, lease: lease, wake: make(chan struct{}, 1), heardOne: make(chan struct{}, 1), retries: jobs.Retries{First: b.First, Longest: b.Longest, Most: 10_000}, tries: map[Ref]int{}}
	for _, topic := range c.Topics {
		i := slices.IndexFunc(b.Outboxes, func(o Outbox) bool { return o.Topic() == topic })
		if i < 0 {
			return nil, fmt.Errorf("bus: the consumer %s wants the topic %q, which no outbox has", c.Name, topic)
		}
		w.outboxes = append(w.outboxes, b.Outboxes[i])
		b.Outboxes[i].Bell().listen(w.wake)
	}
	return w, nil
}

// run works until ctx ends, while this node has the lease.
func (w *worker) run(ctx context.Context) {
	defer func() { w.lease.Release(context.WithoutCancel(ctx)) }()
	var trouble jobs.Trouble
	timer := time.NewTimer(0)
	defer timer.Stop()
	for look := true; ctx.Err() == nil; {
		began := time.Now()
		if !w.lease.Held(ctx) { // another node does the work
			w.retries.Forget()
			clear(w.tries)
			w.hears()
		} else {
			err := jobs.Catch(func() (err error) {
				list := w.hears()
				if look {
					return w.round(ctx) // it finds those, too
				}
				return w.deliver(ctx, list)
			})
			if !look && err == nil {
				err = jobs.ErrNotOver
			}
			trouble.Log(ctx, w.b.Log, slog.LevelWarn, "messages wait for "+w.c.Name, w.retries.Outcome(err))
		}
		if look {
			timer.Reset(w.b.poll())
		}
		pause(ctx, w.b.Pause-time.Since(began))
		select {
		case <-ctx.Done():
		case <-timer.C:
			look = true
		case <-w.wake:
			look = true
		case <-w.heardOne:
			look = false
		}
	}
}

// hear takes a message that the transport has brought. If too many wait, it is
// found in the outbox later.
func (w *worker) hear(m Message) {
	w.mu.Lock()
	if len(w.heard) < mostHeard {
		w.heard = append(w.heard, m)
	}
	w.mu.Unlock()
	select {
	case w.heardOne <- struct{}{}:
	default:
	}
}

// hears returns what the transport has brought.
func (w *worker) hears() []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.heard
	w.heard = nil
	return list
}

// deliver consumes messages that the transport has brought.
func (w *worker) deliver(ctx context.Context, list []Message) error {
	var failed []error
	for _, o := range w.outboxes {
		some := slices.DeleteFunc(slices.Clone(list), func(m Message) bool {
			return m.Topic != o.Topic() || w.b.Now().Sub(m.At) > tooOld
		})
		for len(some) > 0 {
			n := min(len(some), pageSize)
			failed = append(failed, w.heardOf(ctx, o, some[:n]))
			some = some[n:]
		}
	}
	return errors.Join(failed...)
}

// heardOf consumes messages of one outbox that the transport has brought. Those whose
// predecessor was not taken yet are kept until more is heard.
func (w *worker) heardOf(ctx context.Context, o Outbox, list []Message) error {
	var failed error
	blocked := map[string]bool{}
	for {
		due, early, err := w.split(ctx, o, list)
		if err != nil {
			return errors.Join(failed, err)
		}
		if err := w.consumeAll(ctx, o, due, blocked); err != nil {
			failed = err
		}
		if list = early; len(due) == 0 || len(early) == 0 || failed != nil {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.heard)+len(list) <= mostHeard {
		w.heard = append(list, w.heard...)
	}
	return failed
}

// split separates messages that are due from those whose predecessor was not taken and
// is not among those that are due. Messages that were taken are left out.
func (w *worker) split(ctx context.Context, o Outbox, list []Message) (due, early []Message, err error) {
	var refs []Ref
	for i := range list {
		refs = append(refs, list[i].Ref(), list[i].before())
	}
	taken, err := w.c.Taken.which(ctx, refs)
	if err != nil {
		return nil, nil, err
	}
	seen := map[Ref]bool{}
	for _, m := range list {
		r, before := m.Ref(), m.before()
		switch {
		case seen[r] || taken[r]:
			continue
		case o.Ordered() && m.After != "" && !taken[before] && !seen[before]:
			early = append(early, m)
			continue
		}
		seen[r] = true
		due = append(due, m)
	}
	return due, early, nil
}

// round consumes what is due, in all outboxes.
func (w *worker) round(ctx context.Context) error {
	end := w.retries.Round()
	var failed []error
	for _, o := range w.outboxes {
		failed = append(failed, w.outbox(ctx, o))
	}
	if now := time.Now(); now.Sub(w.replayed) >= w.b.Poll { // not each time that a bell rings
		w.replayed = now
		failed = append(failed, w.replay(ctx), w.prune(ctx))
	}
	err := errors.Join(failed...)
	if err == nil {
		end()
	}
	return err
}

// outbox consumes what is due in one outbox, a page at a time.
func (w *worker) outbox(ctx context.Context, o Outbox) error {
	var failed error
	waiting := 0
	blocked := map[string]bool{} // keys whose messages wait for one before them
	for after := (Ref{}); ctx.Err() == nil; {
		list, err := o.Pending(ctx, after, pageSize)
		if err != nil {
			return errors.Join(failed, err)
		}
		waiting += len(list)
		last := len(list) < pageSize
		if len(list) > 0 {
			after = list[len(list)-1].Ref()
			if err := w.page(ctx, o, list, blocked); err != nil {
				failed = err // one of them will do for the log
			}
		}
		if last {
			w.b.metrics.waiting.WithLabelValues(o.Topic()).Set(float64(waiting))
			return failed
		}
	}
	return ctx.Err()
}

// page consumes what is due of some messages, and removes what all have taken.
func (w *worker) page(ctx context.Context, o Outbox, list []Message, blocked map[string]bool) error {
	taken, err := w.c.Taken.which(ctx, refsOf(list))
	if err != nil {
		return err
	}
	var done []Ref // by this consumer, before
	list = slices.DeleteFunc(list, func(m Message) bool {
		if taken[m.Ref()] {
			done = append(done, m.Ref())
			delete(w.tries, m.Ref())
		}
		return taken[m.Ref()]
	})
	return errors.Join(w.b.settle(ctx, o, w.c, done), w.consumeAll(ctx, o, list, blocked))
}

// consumeAll consumes what is due of some messages, and removes what all have taken.
func (w *worker) consumeAll(ctx context.Context, o Outbox, list []Message, blocked map[string]bool) error {
	var failed error
	for len(list) > 0 {
		some := list[:min(len(list), MostAtOnce)]
		list = list[len(some):]
		taken, err := w.some(ctx, o.Ordered(), some, blocked)
		if err := errors.Join(err, w.b.settle(ctx, o, w.c, taken)); err != nil {
			failed = err // one of them will do for the log
		}
	}
	return failed
}

// some consumes those of some messages that are due. What fails for several is tried
// by key, or message by message if the topic is not ordered. It returns what was taken.
func (w *worker) some(ctx context.Context, ordered bool, list []Message, blocked map[string]bool) (taken []Ref, err error) {
	now := w.b.Now()
	list = slices.DeleteFunc(slices.Clone(list), func(m Message) bool {
		switch {
		case ordered && blocked[m.Key]:
			return true
		case !w.retries.Due(m.Ref().String(), now):
			blocked[m.Key] = true
			return true
		}
		return false
	})
	if len(list) == 0 {
		return nil, nil
	}
	err = w.consume(ctx, list, w.take)
	switch {
	case errors.Is(err, errTaken): // another node is at work; the next look finds what is left
		for i := range list {
			blocked[list[i].Key] = true
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
		return nil, nil
	case err == nil:
		return refsOf(list), nil
	case ctx.Err() != nil, sqldb.Outage(err):
		return nil, err
	}
	var failed error
	for i := range list {
		m := &list[i]
		if ordered && blocked[m.Key] {
			continue
		}
		if len(list) > 1 {
			err = w.consume(ctx, list[i:i+1], w.take)
		}
		if err != nil && !errors.Is(err, errTaken) {
			if err := w.failed(ctx, m, err); err != nil {
				blocked[m.Key] = true
				failed = err
				continue
			}
		}
		taken = append(taken, m.Ref())
	}
	return taken, failed
}

// refsOf names some messages.
func refsOf(list []Message) []Ref {
	refs := make([]Ref, len(list))
	for i := range list {
		refs[i] = list[i].Ref()
	}
	return refs
}

// failed notes that a message could not be consumed. It returns nil if the message is
// now a dead letter, and otherwise why it waits.
func (w *worker) failed(ctx context.Context, m *Message, why error) error {
	why = fmt.Errorf("message %s: %w", m.Ref(), why)
	if ctx.Err() != nil || sqldb.Outage(why) {
		return why // it is not the message's fault
	}
	r := m.Ref()
	w.b.metrics.failures.WithLabelValues(w.c.Name).Inc()
	w.retries.Failed(r.String(), w.b.Now())
	var never impossible
	var later notNow
	if errors.As(why, &later) {
		return why
	}
	w.tries[r]++
	if w.tries[r] < MaxTries && !errors.As(why, &never) {
		return why
	}
	// A crash in between leaves a dead letter of a message that is tried again, and if it
	// is consumed then, a replay finds that.
	if err := w.b.dead.bury(ctx, w.c.Name, m, why, w.tries[r], w.b.Now()); err != nil {
		return errors.Join(why, err)
	}
	if err := w.c.Taken.take(ctx, []Ref{r}, w.b.Now(), true, nil); err != nil && !errors.Is(err, errTaken) {
		return errors.Join(why, err)
	}
	w.b.Log.ErrorContext(ctx, "a message is now a dead letter: see boxoffice bus dead", "consumer", w.c.Name, "message", r.String(), "tries", w.tries[r], "error", why)
	w.done(r)
	return nil
}

func (w *worker) done(r Ref) {
	w.retries.Done(r.String())
	delete(w.tries, r)
}

// consume has some messages consumed; record writes that.
func (w *worker) consume(ctx context.Context, list []Message, record func(context.Context, []Message, write) error) error {
	write, err := w.prepare(ctx, list)
	if err == nil {
		err = record(ctx, list, write)
	}
	if err != nil {
		return err
	}
	if w.c.Consumed != nil {
		w.c.Consumed()
	}
	now := w.b.Now()
	for i := range list {
		w.done(list[i].Ref())
		w.b.metrics.lag.WithLabelValues(w.c.Name).Observe(now.Sub(list[i].At).Seconds())
	}
	return nil
}

// prepare asks the consumer what is to be written.
func (w *worker) prepare(ctx context.Context, list []Message) (fn write, err error) {
	caught := jobs.Catch(func() error { fn, err = w.c.Consume(ctx, list); return nil })
	return fn, errors.Join(err, caught)
}

// write is what a consumer writes in the transaction that records messages as taken.
type write = func(ctx context.Context, tx *sql.Tx) error

// take records messages as taken.
func (w *worker) take(ctx context.Context, list []Message, fn write) error {
	return w.c.Taken.take(ctx, refsOf(list), w.b.Now(), false, fn)
}

// replay consumes dead letters that are to be consumed again.
func (w *worker) replay(ctx context.Context) error {
	list, err := w.b.dead.list(ctx, Filter{Consumer: w.c.Name}, DeadRef{}, true, MostAtOnce)
	for i := range list {
		m := list[i].Message
		one := Filter{w.c.Name, m.Topic, m.Key, m.ID}
		failed := w.consume(ctx, []Message{m}, func(ctx context.Context, _ []Message, fn write) error {
			return w.c.Taken.revive(ctx, m.Ref(), w.b.Now(), fn)
		})
		switch {
		case failed == nil || errors.Is(failed, errTaken): // by an earlier replay
			_, failed = w.b.dead.Drop(ctx, one)
		case ctx.Err() == nil && !sqldb.Outage(failed):
			failed = w.b.dead.bury(ctx, w.c.Name, &m, failed, 1, w.b.Now())
		}
		err = errors.Join(err, failed)
	}
	return err
}

// prune forgets messages that were taken long ago, have left their outbox, and are no dead
// letters any more.
func (w *worker) prune(ctx context.Context) error {
	now := w.b.Now()
	if now.Sub(w.pruned) < pruneEvery {
		return nil
	}
	pending := map[Ref]bool{}
	for _, o := range w.outboxes {
		for after := (Ref{}); ; {
			list, err := o.Pending(ctx, after, pageSize)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			for i := range list {
				pending[list[i].Ref()] = true
			}
			after = list[len(list)-1].Ref()
		}
	}
	dead, err := w.b.dead.refs(ctx, w.c.Name)
	if err != nil {
		return err
	}
	if err := w.c.Taken.prune(ctx, now.Add(-keepTaken), func(m old) bool { return pending[m.Ref] || m.dead && dead[m.Ref] }); err != nil {
		return err
	}
	w.pruned = now
	return nil
}
